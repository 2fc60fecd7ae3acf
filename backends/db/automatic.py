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
from predictions_api.postgres.sql import execute, fetch_all, fetch_one, is_spread

# How long a transaction that stores tasks may take: so old are tasks below a mark at least.
SETTLED = "10 minutes"

FOLLOW_SQL = """
UPDATE backends_endpoint e SET last_task_id = newest.id
FROM predictions_mlbackend b, predictions_project p,
     LATERAL (SELECT coalesce(max(t.id), 0) AS id FROM predictions_task t
              WHERE t.project_id = p.id) newest
WHERE b.id = e.backend_id AND p.id = b.project_id AND NOT p.evaluate_predictions_automatically
  AND e.last_task_id IS DISTINCT FROM newest.id
"""
NEWEST_SQL = """
SELECT t.project_id, max(t.id) FROM predictions_task t WHERE t.project_id = ANY(%s) GROUP BY 1
"""
MARK_SQL = """
UPDATE backends_endpoint e SET last_task_id = k.task_id
FROM unnest(%s::bigint[], %s::bigint[]) AS k(backend_id, task_id)
WHERE e.backend_id = k.backend_id AND e.last_task_id IS DISTINCT FROM k.task_id
"""


def follow_projects_that_do_not_ask() -> None:
    """Marks what is there as old, where nobody wants it predicted. One statement; on a cluster,
    which does not let one ask tasks for the sake of endpoints, two.
    """
    if not is_spread():
        execute(FOLLOW_SQL, [])
        return
    idle = Endpoint.objects.filter(backend__project__evaluate_predictions_automatically=False)
    project_of = dict(idle.values_list("pk", "backend__project_id"))
    projects = sorted(set(project_of.values()))
    newest: dict[int, int] = dict(fetch_all(NEWEST_SQL, [projects]))
    marks = [newest.get(project_id, 0) for project_id in project_of.values()]
    execute(MARK_SQL, [list(project_of), marks])


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
    return (
        "SELECT t.id FROM predictions_task t WHERE t.project_id = %s AND t.id > %s"
        " AND NOT EXISTS (SELECT 1 FROM backends_jobitem i JOIN backends_predictionjob j"
        " ON j.id = i.job_id WHERE j.backend_id = %s AND j.is_automatic AND i.task_id = t.id"
        " AND i.project_id = t.project_id AND i.job_id = j.id)",
        [backend.project_id, endpoints.endpoint_of(backend).last_task_id or 0, backend.pk],
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
