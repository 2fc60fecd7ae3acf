"""Reads and writes of projects, and the removal of their ML backends."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db.documents import Values
from predictions.db.versions import has_model_version
from predictions.models import Project, free_slug
from predictions.regions import labelling
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one, is_spread

UNKNOWN_VERSION = "Model version doesn't exist either as live model or as static predictions."
# Index-only counts of each project: tasks and predictions by (project, id).
PROJECT_TOTALS_SQL = """
SELECT j.id, (SELECT count(*) FROM predictions_task WHERE project_id = j.id),
       (SELECT count(*) FROM predictions_prediction WHERE project_id = j.id),
       a.total, a.cancelled, a.truths, a.tasks, a.useful, a.useful_tasks
FROM predictions_project j
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE NOT x.was_cancelled) AS total,
           count(*) FILTER (WHERE x.was_cancelled) AS cancelled,
           count(*) FILTER (WHERE x.ground_truth) AS truths,
           count(DISTINCT x.task_id) FILTER (WHERE NOT x.was_cancelled) AS tasks,
           count(*) FILTER (WHERE NOT x.was_cancelled AND NOT x.ground_truth) AS useful,
           count(DISTINCT x.task_id) FILTER (WHERE NOT x.was_cancelled AND NOT x.ground_truth)
               AS useful_tasks
    FROM predictions_annotation x WHERE x.project_id = j.id
) a
WHERE j.id = ANY(%s)
"""


class Author(NamedTuple):
    """In whose name rows are written; no user for a command."""

    workspace_id: int
    user_id: int | None
    is_heard: bool = True


def totals_of_projects(project_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The counts of each project's document, by id. One statement for any number; on a cluster one
    a project.
    """
    if is_spread():
        rows = [
            row
            for one in project_ids
            for row in fetch_all(PROJECT_TOTALS_SQL, [[one]], slot=slots.of_project(one))
        ]
    else:
        rows = fetch_all(PROJECT_TOTALS_SQL, [list(project_ids)])
    return {row[0]: _totals(row[1:]) for row in rows}


def project_totals(project_id: int) -> dict[str, int]:
    """The counts of one project's document; zeros for an unknown project."""
    return totals_of_projects([project_id]).get(project_id) or _totals([0] * 8)


def _totals(row: Sequence[Any]) -> dict[str, int]:
    tasks, predicted, annotated, cancelled, truths, annotated_tasks, useful, useful_tasks = row
    return {
        "task_number": tasks,
        "total_predictions_number": predicted,
        "total_annotations_number": annotated,
        "skipped_annotations_number": cancelled,
        "ground_truth_number": truths,
        # As Label Studio has them: without ground truth.
        "useful_annotation_number": useful,
        "num_tasks_with_annotations": useful_tasks,
        "finished_task_number": annotated_tasks,
        "queue_total": tasks,
        "queue_done": annotated_tasks,
    }


#: The keys of a project's document that are counted.
COUNTS = frozenset(_totals([0] * 8))


def lock_title(title: str, *, workspace_id: int) -> None:
    """Whoever locks the same title of the workspace now waits until this transaction ends."""
    fetch_one("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [title, workspace_id])


def lock_loads(project: Project, *, changes_config: bool) -> None:
    """Whoever locks the loads of this project now waits until this transaction ends, and who
    changes the project itself where the load changes its labelling config. Reads the project anew:
    what was waited for may have changed it. Project.DoesNotExist for one deleted meanwhile.
    """
    fetch_one("SELECT pg_advisory_xact_lock(hashtextextended('load', %s))", [project.pk])
    rows = Project.objects.select_for_update(no_key=True) if changes_config else None
    project.refresh_from_db(from_queryset=rows)


def create_project(
    values: Values, access: Access | Author, *, parsed: dict[str, Any] | None
) -> Project:
    """A saved project of the caller's workspace, under a slug made of its title."""
    controls = parsed or {}
    fields = dict(values)
    if fields.get("control_weights") is None:
        fields["control_weights"] = labelling.default_weights(controls)
    for _ in range(5):
        slug = free_slug(access.workspace_id, fields.get("title", ""))
        try:
            with transaction.atomic():
                project = Project.objects.create(
                    workspace_id=access.workspace_id,
                    created_by_id=access.user_id,
                    slug=slug,
                    parsed_label_config=controls,
                    **fields,
                )
                if access.is_heard:
                    _record("PROJECT_CREATED", project.pk, access.workspace_id)
                return project
        except IntegrityError:
            continue  # another request took the slug in between
    raise ValidationError({"title": ["Too many projects of this title are being made at once."]})


def update_project(project: Project, values: Values, *, parsed: dict[str, Any] | None) -> Project:
    """Writes only what `values` names. ValidationError for a version without predictions."""
    version = values.get("model_version")
    if version and version != project.model_version:
        is_live = project.ml_backends.filter(title=version).exists()
        if not is_live and not has_model_version(project.pk, version):
            raise ValidationError({"model_version": [UNKNOWN_VERSION]})
    changed = dict(values)
    if parsed is not None:
        changed["parsed_label_config"] = parsed
        if "control_weights" not in changed:
            changed["control_weights"] = labelling.default_weights(parsed)
    for name, value in changed.items():
        setattr(project, name, value)
    with transaction.atomic():
        project.save(update_fields=[*changed, "updated_at"])
        _record("PROJECT_UPDATED", project.pk, project.workspace_id)
    return project


_partings: list[Callable[[int], None]] = []


def register_parting(part: Callable[[int], None]) -> None:
    """From now on called before a project is deleted, in the same transaction: parts from it what
    is in other projects, and would go along by the keys of a room above this one, or ends what a
    room above is doing with it.
    """
    if part not in _partings:
        _partings.append(part)


@transaction.atomic
def delete_project(project_id: int) -> None:
    """Removes a project and, by the database's own cascades, all that is in it."""
    for part in _partings:
        part(project_id)
    gone = _delete_ml_backends("project_id", project_id)
    sql = "DELETE FROM predictions_project WHERE id = %s RETURNING workspace_id"
    row = fetch_one(sql, [project_id])
    if row is not None:
        _record("PROJECT_DELETED", project_id, row[0])
    _unname_ml_backends(gone)


def _record(action: str, project_id: int, workspace_id: int) -> None:
    recording.record(action, workspace_id=workspace_id, project_id=project_id, body={})


@transaction.atomic
def delete_ml_backend(backend_id: int) -> None:
    """Removes an ML backend; the predictions it made stay, and name none."""
    _unname_ml_backends(_delete_ml_backends("id", backend_id))


def _delete_ml_backends(column: str, value: int) -> list[int]:
    """Their ids. Waits for whoever holds one, to name it in a prediction."""
    sql = f"DELETE FROM predictions_mlbackend WHERE {column} = %s RETURNING id"  # noqa: S608
    return [row[0] for row in fetch_all(sql, [value])]


def _unname_ml_backends(gone: Sequence[int]) -> None:
    """Predictions name none of these any more, in whichever project they are: by the index of
    those that name one.
    """
    if gone:
        sql = "UPDATE predictions_prediction SET model_id = NULL WHERE model_id = ANY(%s)"
        execute(sql, [list(gone)])
