"""The latest evaluations, for the desk's first page."""

from django.http import HttpRequest
from django.urls import reverse

from desk.dashboard import Card, Cell
from desk.workspace_admin import is_superuser, roles_of, time_ago
from evals.models import ModelEval
from predictions_api.wording import number

ROWS = 8
COLUMNS = (
    "eval_id", "model_id", "model_version", "version_id", "status", "progress", "created_at",
    "project__title",
)  # fmt: skip


def evaluations(request: HttpRequest) -> Card:
    """Of the caller's workspaces, the newest first."""
    rows = ModelEval.objects.select_related("project").order_by("-pk")
    if not is_superuser(request):
        rows = rows.filter(workspace_id__in=list(roles_of(request)))
    return Card(
        title="Latest evaluations",
        url=reverse("admin:evals_modeleval_changelist"),
        headings=("Model", "Project", "Status", "Asked for"),
        rows=[
            (
                Cell(_name(found), reverse("admin:evals_modeleval_overview", args=[found.eval_id])),
                Cell(found.project or "-"),
                Cell(_status(found)),
                Cell(time_ago(found.created_at)),
            )
            for found in rows.only(*COLUMNS)[:ROWS]
        ],
        empty="No evaluation yet: ask for one through the API, or with manage.py evaluate.",
    )


def _name(found: ModelEval) -> str:
    return found.model_version or found.model_id or found.version_id or found.eval_id


def _status(found: ModelEval) -> str:
    is_running = found.status == ModelEval.Status.RUNNING
    return f"running, {number(round(100 * found.progress))} %" if is_running else found.status
