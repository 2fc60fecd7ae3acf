"""Reading evaluations: one by its id, the list, and what all of its documents need to know.

Everything is scoped by workspace; what another workspace has is not there.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from django.db.models import JSONField, Q, QuerySet

from evals.documents.refusals import EvaluationNotDone, EvaluationNotFound, ReportNotFound
from evals.models import ModelEval, Split
from predictions.models import Project
from predictions_api.postgres.sql import fetch_prepared


def evaluation(eval_id: str, *, workspace: str, workspace_id: int) -> ModelEval:
    """The evaluation with its project. EvaluationNotFound where the caller's workspace, which must
    be the one the path names, has none of that id. One statement.
    """
    row = (
        ModelEval.objects.select_related("project")
        .filter(eval_id=eval_id, workspace_id=workspace_id, workspace__slug=workspace)
        .first()
    )
    if row is None:
        raise EvaluationNotFound()
    return row


COLUMNS = [field.attname for field in ModelEval._meta.concrete_fields]
JSON_COLUMNS = {
    at for at, field in enumerate(ModelEval._meta.concrete_fields) if isinstance(field, JSONField)
}
# By the unique index on eval_id. Written out, because the ORM took more than half of the time of a
# request for a panel to put it together.
BY_ID_SQL = f"""
SELECT p.id, p.slug, {", ".join(f"e.{name}" for name in COLUMNS)} FROM evals_modeleval e
JOIN accounts_workspace w ON w.id = e.workspace_id
LEFT JOIN predictions_project p ON p.id = e.project_id
WHERE e.eval_id = %s
"""  # noqa: S608
IN_WORKSPACE_SQL = f"{BY_ID_SQL} AND e.workspace_id = %s AND w.slug = %s"


def evaluation_to_read(eval_id: str, *, workspace: str, workspace_id: int) -> ModelEval:
    """As `evaluation`, but faster: of its project only id and slug are loaded.

    One prepared statement.
    """
    row = fetch_prepared(IN_WORKSPACE_SQL, [eval_id, workspace_id, workspace])
    if row is None:
        raise EvaluationNotFound()
    return _evaluation(row)


def evaluation_anywhere(eval_id: str) -> ModelEval | None:
    """As `evaluation_to_read` in any workspace, or None: callers must check whose it is."""
    row = fetch_prepared(BY_ID_SQL, [eval_id])
    return None if row is None else _evaluation(row)


def _evaluation(row: Sequence[Any]) -> ModelEval:
    values = [
        orjson.loads(value) if at in JSON_COLUMNS and value is not None else value
        for at, value in enumerate(row[2:])
    ]
    evaluation = ModelEval.from_db("default", COLUMNS, values)
    if row[0] is not None:
        evaluation.project = Project.from_db("default", ["id", "slug"], row[:2])
    return evaluation


# By primary key, and by the index on what is superseded.
LINEAGE_SQL = """
SELECT (SELECT eval_id FROM evals_modeleval WHERE id = %s),
    (SELECT eval_id FROM evals_modeleval WHERE supersedes_id = %s ORDER BY id DESC LIMIT 1)
"""


def lineage(evaluation: ModelEval) -> tuple[str | None, str | None]:
    """Ids of the evaluation that this one repeats, and of the newest one that repeats it; None
    where there is none. One prepared statement.
    """
    row = fetch_prepared(LINEAGE_SQL, [evaluation.supersedes_id, evaluation.pk])
    assert row is not None
    return row[0], row[1]


def refuse_unfinished(evaluation: ModelEval) -> None:
    """EvaluationNotDone, with the reason, unless the evaluation is done."""
    if evaluation.status == ModelEval.Status.RUNNING:
        raise EvaluationNotDone("The model evaluation is still running. Ask again when it is done.")
    if evaluation.status == ModelEval.Status.FAILED:
        raise EvaluationNotDone(f"The model evaluation failed: {evaluation.failure_reason}")


def refuse_unknown_confidence(evaluation: ModelEval, confidence: int) -> None:
    """ReportNotFound for a percent that an imported file has no report for."""
    known = evaluation.confidences
    if known is not None and confidence not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise ReportNotFound(
            f"There is no report for confidence {confidence}. Available: {listed}."
        )


def confidence_of(evaluation: ModelEval, asked: int | None) -> int:
    """The percent asked for, else the canonical one. As `refuse_unknown_confidence`."""
    confidence = evaluation.confidence if asked is None else asked
    refuse_unknown_confidence(evaluation, confidence)
    return confidence


def count_images(evaluation: ModelEval, split: int | None) -> int:
    """How many images a split has; None for all splits. No statement."""
    counts: dict[str, int] = evaluation.image_counts
    return sum(counts.values()) if split is None else counts.get(Split(split).label, 0)


def newest(
    *,
    workspace_id: int,
    project: str | None = None,
    version: str | None = None,
    model: str | None = None,
    status: str | None = None,
    accepted: bool | None = None,
    limit: int,
) -> list[ModelEval]:
    """At most `limit` evaluations of the workspace with their projects, newest first.

    `project` is a slug or an id; what is None does not narrow the list. One statement.
    """
    rows = ModelEval.objects.filter(workspace_id=workspace_id).select_related("project")
    if project is not None:
        rows = rows.filter(_names_project(project))
    if version is not None:
        rows = rows.filter(version_id=version)
    if model is not None:
        rows = rows.filter(model_id=model)
    if status is not None:
        rows = rows.filter(status=status)
    if accepted is not None:
        rows = rows.filter(is_accepted=accepted)
    return list(rows.order_by("-id")[:limit])


def _names_project(text: str) -> Q:
    by_slug = Q(project__slug=text)
    return by_slug | Q(project_id=int(text)) if _is_id(text) else by_slug


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def project(text: str, *, workspace_id: int) -> Project | None:
    """The workspace's project of that slug, else of that id, else None."""
    projects: QuerySet[Project] = Project.objects.filter(workspace_id=workspace_id)
    by_slug = projects.filter(slug=text).first()
    if by_slug is None and _is_id(text):
        return projects.filter(pk=int(text)).first()
    return by_slug
