"""Which tasks of which backends are new, for projects that evaluate predictions automatically."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from backends.db import endpoints
from backends.db.items import Clause
from backends.models import Endpoint, PredictionJob
from predictions.models import MLBackend
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_one

# How long a transaction that stores tasks may take: so old are tasks below a mark at least.
SETTLED = "10 minutes"

# By project: one probe of its index.
NEWEST_SQL = "SELECT coalesce(max(id), 0) FROM predictions_task WHERE project_id = %s"
MARK_SQL = """
UPDATE backends_endpoint e SET last_task_id = k.task_id
FROM unnest(%s::bigint[], %s::bigint[]) AS k(backend_id, task_id)
WHERE e.backend_id = k.backend_id AND e.last_task_id IS DISTINCT FROM k.task_id
"""


def follow_projects_that_do_not_ask() -> None:
    """Marks what is there as old, where nobody wants it predicted. A statement a project, and two,
    for a cluster does not let one ask tasks for the sake of endpoints.
    """
    idle = Endpoint.objects.filter(backend__project__evaluate_predictions_automatically=False)
    project_of: dict[int, int] = dict(idle.values_list("pk", "backend__project_id"))
    newest = {project_id: _newest(project_id) for project_id in set(project_of.values())}
    if project_of:
        execute(MARK_SQL, [list(project_of), [newest[one] for one in project_of.values()]])


def _newest(project_id: int) -> int:
    """The last task of a project; 0 without one."""
    row = fetch_one(NEWEST_SQL, [project_id], slot=slots.of_project(project_id))
    assert row is not None
    return int(row[0])


def asking_backends(hope: timedelta) -> Iterable[int]:
    """Ids of the backends of projects that ask by themselves, but for those that have not answered
    for so long.
    """
    rows = Endpoint.objects.filter(backend__project__evaluate_predictions_automatically=True)
    rows = rows.filter(Q(failing_since=None) | Q(failing_since__gt=Now() - hope))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def locked(backend_id: int) -> MLBackend | None:
    """The backend, whose new tasks nobody else looks for until the transaction ends; None where
    somebody does.
    """
    rows = Endpoint.objects.select_for_update(skip_locked=True, of=("self",))
    endpoint = rows.filter(pk=backend_id).select_related("backend__project").first()
    return None if endpoint is None else endpoints.of_ids([backend_id]).first()


def new_tasks(backend: MLBackend) -> Clause:
    """The tasks above the backend's mark that have not been in an automatic job of it."""
    mark = endpoints.endpoint_of(backend).last_task_id or 0
    return (
        "SELECT t.id FROM predictions_task t WHERE t.project_id = %s AND t.id > %s"
        " AND NOT EXISTS (SELECT 1 FROM backends_jobitem i JOIN backends_predictionjob j"
        " ON j.id = i.job_id WHERE j.backend_id = %s AND j.is_automatic AND i.task_id = t.id"
        " AND i.project_id = t.project_id AND i.job_id = j.id)"
        " AND NOT EXISTS (SELECT 1 FROM backends_answeredtasks a, unnest(a.task_ids) AS done(id)"
        " WHERE a.backend_id = %s AND a.is_automatic AND a.project_id = t.project_id"
        " AND a.last_task_id > %s AND done.id = t.id)",
        [backend.project_id, mark, backend.pk, backend.pk, mark],
    )


def has_any(tasks: Clause, *, project_id: int) -> bool:
    """Whether the clause has a task of the project."""
    sql, params = tasks
    return fetch_one(f"{sql} LIMIT 1", params, slot=slots.of_project(project_id)) is not None


def waiting_job(backend_id: int) -> PredictionJob | None:
    """The backend's automatic job that nobody has begun, and cannot until the transaction ends."""
    rows = PredictionJob.objects.select_for_update(no_key=True, of=("self",))
    return rows.filter(
        backend_id=backend_id, is_automatic=True, status=PredictionJob.Status.PENDING
    ).first()


SETTLED_SQL = f"""
SELECT max(id) FROM predictions_task
WHERE project_id = %s AND id > %s AND created_at < statement_timestamp() - interval '{SETTLED}'
"""  # noqa: S608


def move_mark(backend: MLBackend) -> None:
    """Marks what has settled as old."""
    mark = endpoints.endpoint_of(backend).last_task_id or 0
    slot = slots.of_project(backend.project_id)
    row = fetch_one(SETTLED_SQL, [backend.project_id, mark], slot=slot)
    if row is not None and row[0] is not None:
        endpoints.set_last_task(backend.pk, row[0])
