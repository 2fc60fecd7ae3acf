"""Which workspace and project a task, a prediction or another object belongs to."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import QuerySet

from accounts.models import Membership
from accounts.tokens import Access
from predictions.db.documents import Values
from predictions.models import Project
from predictions_api.http.fields import unknown_pk
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import (
    fetch_all,
    fetch_by_id,
    fetch_one,
    fetch_prepared,
    is_spread,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a prediction stands or shall stand, and what its project asks of it."""

    task_id: int
    project_id: int
    validate_predictions: bool
    label_config: str


# By primary key of the task, or of the prediction.
TASK_TARGET_SQL = """
SELECT t.id, t.project_id, j.validate_predictions, j.label_config
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE t.id = %s AND j.workspace_id = %s
"""
PREDICTION_TARGET_SQL = """
SELECT p.task_id, p.project_id, j.validate_predictions, j.label_config
FROM predictions_prediction p JOIN predictions_project j ON j.id = p.project_id
WHERE p.id = %s AND j.workspace_id = %s
"""


def target_of_task(task_id: int, *, workspace_id: int) -> Target | None:
    """The task's place, or None where the workspace has no such task."""
    row = fetch_prepared(TASK_TARGET_SQL, [task_id, workspace_id], slot=slots.of_id(task_id))
    return None if row is None else Target(*row)


def target_of_prediction(prediction_id: int, *, workspace_id: int) -> Target | None:
    """The prediction's place, or None where the workspace has no such prediction."""
    row = fetch_by_id(PREDICTION_TARGET_SQL, [prediction_id, workspace_id], row_id=prediction_id)
    return None if row is None else Target(*row)


Rows = TypeVar("Rows", bound=QuerySet[Any])


def in_slot(rows: Rows, slot: int | None) -> Rows:
    """Those of a table that is spread which have the slot, all of them for None; asks one node."""
    return rows if slot is None else rows.filter(slot=slot)


def in_project(rows: Rows, project_id: int) -> Rows:
    """Those of a table that is spread which belong to a project; asks one node."""
    slot = slots.of_project(project_id) if is_spread() else None
    return in_slot(rows.filter(project_id=project_id), slot)


def slot_of_owner(owners: QuerySet[Any]) -> int | None:
    """The slot of what belongs to a job or a run, the only one of `owners`; None where the database
    is not spread, and for one that was deleted.
    """
    if not is_spread():
        return None
    project_id = owners.values_list("project_id", flat=True).first()
    return None if project_id is None else slots.of_project(project_id)


# Where an id does not tell it: of rows that are older than the cluster, or were moved.
SLOT_OF_SQL = "SELECT slot FROM {table} WHERE id = %s"


def slot_of_task(task_id: int) -> int | None:
    """The slot for statements about a task; None where the database is not spread. No statement
    where the id tells it.
    """
    return _slot_of("predictions_task", task_id, may_have_moved=False)


def slot_of_annotation(annotation_id: int) -> int | None:
    """The same for an annotation."""
    return _slot_of("predictions_annotation", annotation_id, may_have_moved=False)


def slot_of_prediction(prediction_id: int) -> int | None:
    """The same for a prediction; one statement, for it may have been moved."""
    return _slot_of("predictions_prediction", prediction_id, may_have_moved=True)


def _slot_of(table: str, row_id: int, *, may_have_moved: bool) -> int | None:
    if not is_spread():
        return None
    told = slots.of_id(row_id)
    if told is not None and not may_have_moved:
        return told
    row = fetch_by_id(SLOT_OF_SQL.format(table=table), [row_id], row_id=row_id)
    # A row that there is not is looked for in any one slot.
    return int(row[0]) if row else told or 0


def by_slot(slot_of: Mapping[int, int]) -> list[tuple[int | None, list[int]]]:
    """Ids of rows by their slots, both ascending, a statement each; under None all of them where
    the database is not spread.
    """
    found: dict[int | None, list[int]] = {}
    for row_id in sorted(slot_of):
        found.setdefault(slot_of[row_id] if is_spread() else None, []).append(row_id)
    return sorted(found.items(), key=lambda item: item[0] or 0)


# By primary key, in one order, so that two writers of the same tasks never wait in a circle.
LOCK_TASKS_SQL = """
SELECT t.id, t.project_id, j.validate_predictions, j.label_config
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE t.id = ANY(%s) AND j.workspace_id = %s ORDER BY t.id FOR NO KEY UPDATE OF t
"""


def lock_tasks(task_ids: Iterable[int], *, workspace_id: int) -> dict[int, Target]:
    """The places of the tasks that the workspace has, by id; their other writers now wait."""
    return {
        row[0]: Target(*row)
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(LOCK_TASKS_SQL, [ids, workspace_id], slot=slot)
    }


def slots_of_tasks(task_ids: Iterable[int]) -> list[tuple[int | None, list[int]]]:
    """Ids of tasks by the slot for statements about them, both ascending; under None all of them
    where the database is not spread.
    """
    ids = sorted(set(task_ids))
    if not is_spread():
        return [(None, ids)] if ids else []
    by_slot = dict(slots.by_slot(ids))
    old = by_slot.pop(None, [])
    sql = "SELECT slot, array_agg(id) FROM predictions_task WHERE id = ANY(%s) GROUP BY slot"
    for slot, found in fetch_all(sql, [old]) if old else []:
        by_slot.setdefault(slot, []).extend(found)
    return sorted((slot, sorted(found)) for slot, found in by_slot.items() if slot is not None)


# By primary key, or by (project, id); in the order of LOCK_TASKS_SQL.
LOCK_PROJECT_SQL = """
SELECT count(*) FROM (
    SELECT 1 FROM predictions_task WHERE project_id = %s AND (%s OR id = ANY(%s))
    ORDER BY id FOR NO KEY UPDATE
) locked
"""


def lock_tasks_of_project(project_id: int, task_ids: Sequence[int] | None) -> None:
    """Makes other writers of the project's tasks wait: of those named, or for None of all."""
    fetch_one(
        LOCK_PROJECT_SQL,
        [project_id, task_ids is None, list(task_ids or [])],
        slot=slots.of_project(project_id),
    )


def known_projects(project_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the projects the workspace has. No statement for none."""
    wanted = list(project_ids)
    # Building a query that asks for nothing costs half of a prediction's create.
    if not wanted:
        return set()
    rows = Project.objects.filter(pk__in=wanted, workspace_id=workspace_id)
    return set(rows.values_list("pk", flat=True))


# No key of the database ties a prediction to its backend, for it would be asked for each row that
# a job writes: a sixth of the time. So whoever names a backend holds it, and whoever deletes one
# takes its name off the predictions afterwards (`projects.delete_ml_backend`).
HOLD_ML_BACKENDS_SQL = """
SELECT b.id FROM predictions_mlbackend b JOIN predictions_project j ON j.id = b.project_id
WHERE b.id = ANY(%s) AND j.workspace_id = %s ORDER BY b.id FOR KEY SHARE OF b
"""


def hold_ml_backends(backend_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the ML backends belong to projects of the workspace; these cannot be deleted before
    the caller's transaction ends. No statement for none.
    """
    wanted = list(backend_ids)
    if not wanted:
        return set()
    return {row[0] for row in fetch_all(HOLD_ML_BACKENDS_SQL, [wanted, workspace_id])}


#: Of some ids, those of runs over projects of the workspace.
KnownRuns = Callable[[Collection[int], int], set[int]]

_known_runs: list[KnownRuns] = []


def register_model_runs(known: KnownRuns) -> None:
    """From now on asked which model runs exist: runs are of a room above this one."""
    if known not in _known_runs:
        _known_runs.append(known)


def known_model_runs(run_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the runs belong to projects of the workspace. No statement for none."""
    wanted = set(run_ids)
    found = (known(wanted, workspace_id) for known in _known_runs)
    return set().union(*found) if wanted else set()


def project_exists(project_id: int, *, workspace_id: int) -> bool:
    """Whether the workspace has that project."""
    return Project.objects.filter(pk=project_id, workspace_id=workspace_id).exists()


def label_config_of(project_id: int, *, workspace_id: int) -> str | None:
    """A project's labelling config, or None where the workspace has no such project."""
    rows = Project.objects.filter(pk=project_id, workspace_id=workspace_id)
    return rows.values_list("label_config", flat=True).first()


def task_exists(task_id: int, *, workspace_id: int) -> bool:
    """Whether the workspace has that task."""
    return target_of_task(task_id, workspace_id=workspace_id) is not None


def is_member(user_id: int, *, workspace_id: int) -> bool:
    """Whether the user belongs to the workspace."""
    return Membership.objects.filter(user_id=user_id, workspace_id=workspace_id).exists()


def unknown_ids(many: Sequence[Values], access: Access) -> list[dict[str, Any]]:
    """For each of the values its errors, if any, for ids that name nothing in the caller's
    workspace. One statement for projects and one for ML backends, where any are named; these are
    held until the caller's transaction ends.
    """
    workspace_id = access.workspace_id
    named = {
        name: {values[name] for values in many if values.get(name) is not None}
        for name in ("project", "model", "model_run")
    }
    known = {
        "project": known_projects(named["project"], workspace_id=workspace_id),
        "model": hold_ml_backends(named["model"], workspace_id=workspace_id),
        "model_run": known_model_runs(named["model_run"], workspace_id=workspace_id),
    }
    return [
        {
            name: [unknown_pk(values[name])]
            for name, ids in known.items()
            if values.get(name) is not None and values[name] not in ids
        }
        for values in many
    ]
