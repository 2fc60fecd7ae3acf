"""Reads and writes of annotations."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions.db import documents, places
from predictions.db.documents import ANNOTATION_COLUMNS, Document, Values
from predictions.db.projects import Author
from predictions.db.tasks import existing_task
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import json_text
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import bigints, execute, fetch_all, fetch_one, insert_one

#: Ids that one refusal names.
MOST_NAMED = 20
#: Annotations that one event names, of many that were changed at once.
RECORDED_AT_ONCE = 500
NO_ANNOTATION = "No Annotation matches the given query."
ASSIGNED = {
    "was_cancelled": "was_cancelled",
    "ground_truth": "ground_truth",
    "lead_time": "lead_time",
    "completed_by": "completed_by_id",
    "parent_prediction": "parent_prediction_id",
    "parent_annotation": "parent_annotation_id",
}
# By primary key; the project's row decides whose it is.
ANNOTATION_SQL = f"""
SELECT {ANNOTATION_COLUMNS} FROM predictions_annotation a
JOIN predictions_project j ON j.id = a.project_id
LEFT JOIN accounts_user u ON u.id = a.completed_by_id
WHERE a.id = %s AND j.workspace_id = %s
"""  # noqa: S608


def annotation(annotation_id: int, *, workspace_id: int) -> Document | None:
    """One annotation, or None where the workspace has none of that id."""
    row = fetch_one(ANNOTATION_SQL, [annotation_id, workspace_id], slot=slots.of_id(annotation_id))
    return None if row is None else documents.annotation(row, documents.ages())


ANNOTATIONS_OF_TASKS_SQL = f"""
SELECT {ANNOTATION_COLUMNS} FROM predictions_annotation a
LEFT JOIN accounts_user u ON u.id = a.completed_by_id
WHERE a.task_id = ANY(%s::bigint[]) ORDER BY a.task_id, a.id
"""  # noqa: S608


def annotations_of_tasks(task_ids: Sequence[int]) -> list[Document]:
    """The annotations of tasks already known to be the caller's, by task, then id."""
    age = documents.ages()
    return [
        documents.annotation(row, age)
        for slot, ids in places.slots_of_tasks(task_ids)
        for row in fetch_all(ANNOTATIONS_OF_TASKS_SQL, [bigints(ids)], slot=slot)
    ]


WITH_IDS_SQL = f"""
SELECT {ANNOTATION_COLUMNS} FROM predictions_annotation a
LEFT JOIN accounts_user u ON u.id = a.completed_by_id
WHERE a.id = ANY(%s) AND a.project_id = %s ORDER BY a.id
"""  # noqa: S608


def annotations_with_ids(ids: Sequence[int], *, project_id: int) -> list[Document]:
    """Those of the annotations that the project has, by id."""
    age = documents.ages()
    rows = fetch_all(WITH_IDS_SQL, [list(ids), project_id], slot=slots.of_project(project_id))
    return [documents.annotation(row, age) for row in rows]


def existing_annotation(annotation_id: int, access: Access) -> Document:
    """The annotation. NotFound where the workspace has none of that id."""
    found = annotation(annotation_id, workspace_id=access.workspace_id)
    if found is None:
        raise NotFound(NO_ANNOTATION)
    return found


def record_change(action: str, *, project_id: int, access: Access | Author, **body: Any) -> None:
    """Records what happened to annotations, for those who listen."""
    if access.is_heard:
        recording.record(action, workspace_id=access.workspace_id, project_id=project_id, body=body)


def record_added(ids: Sequence[int], *, project_id: int, access: Access | Author) -> None:
    """Records, for those who listen, that many annotations were made at once, if any."""
    if ids:
        record_change("ANNOTATIONS_CREATED", project_id=project_id, access=access, ids=list(ids))


def record_updated(
    ids: Sequence[int], task_ids: Sequence[int], *, project_id: int, access: Access | Author
) -> None:
    """Records, for those who listen, that many annotations were changed at once; their tasks in the
    same order.
    """
    for begin in range(0, len(ids), RECORDED_AT_ONCE):
        piece = slice(begin, begin + RECORDED_AT_ONCE)
        body = {"ids": ids[piece], "tasks": task_ids[piece]}
        record_change("ANNOTATION_UPDATED", project_id=project_id, access=access, **body)


def _check_annotation(values: Values, access: Access, *, project_id: int) -> None:
    """ValidationError for ids that name nothing the annotation may point to."""
    workspace_id = access.workspace_id
    errors = {}
    author = values.get("completed_by")
    if author is not None and not places.is_member(author, workspace_id=workspace_id):
        errors["completed_by"] = [unknown_pk(author)]
    prediction_id = values.get("parent_prediction")
    if prediction_id is not None:
        place = places.target_of_prediction(prediction_id, workspace_id=workspace_id)
        if place is None or place.project_id != project_id:
            errors["parent_prediction"] = [unknown_pk(prediction_id)]
    parent_id = values.get("parent_annotation")
    if parent_id is not None:
        parent = annotation(parent_id, workspace_id=workspace_id)
        if parent is None or parent["project"] != project_id:
            errors["parent_annotation"] = [unknown_pk(parent_id)]
    if errors:
        raise ValidationError(errors)


def _result_text(values: Values) -> str:
    """The result as it is stored: as `result_text` has it, where that was made of stored regions,
    whose numbers may have more digits than a float.
    """
    text = values.get("result_text")
    return json_text(values.get("result", [])) if text is None else str(text)


CREATE_ANNOTATION_SQL = """
WITH touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id = %(task)s
)
INSERT INTO predictions_annotation
    (task_id, project_id, slot, result, was_cancelled, ground_truth, lead_time, completed_by_id,
     parent_prediction_id, parent_annotation_id, unique_id, created_at, updated_at)
VALUES (%(task)s, %(project)s, %(slot)s, %(result)s::jsonb, %(cancelled)s, %(truth)s,
        %(lead_time)s, %(author)s, %(prediction)s, %(parent)s, gen_random_uuid(), now(), now())
RETURNING id
"""


def create_annotation(task_id: int, values: Values, access: Access) -> Document:
    """Stores one annotation by the caller, unless `completed_by` names another member."""
    task = existing_task(task_id, access)
    _check_annotation(values, access, project_id=task["project"])
    # Read before it is committed: a caller who gets no answer has nothing stored.
    with transaction.atomic(savepoint=False):
        slot = slots.of_project(task["project"])
        row = insert_one(
            CREATE_ANNOTATION_SQL,
            {
                "task": task_id,
                "project": task["project"],
                "slot": slot,
                "result": _result_text(values),
                "cancelled": values.get("was_cancelled", False),
                "truth": values.get("ground_truth", False),
                "lead_time": values.get("lead_time"),
                "author": values.get("completed_by") or access.user_id,
                "prediction": values.get("parent_prediction"),
                "parent": values.get("parent_annotation"),
                "user": access.user_id,
            },
            table="predictions_annotation",
            slot=slot,
        )
        made = existing_annotation(row[0] if row else 0, access)
        record_change(
            "ANNOTATION_CREATED", project_id=made["project"], access=access, annotation=made
        )
        return made


def update_annotation(annotation_id: int, values: Values, access: Access) -> Document:
    """Writes only what `values` names and marks the task as touched."""
    kept = existing_annotation(annotation_id, access)
    _check_annotation(values, access, project_id=kept["project"])
    assignments = ["updated_at = now()", "updated_by_id = %s"]
    params: list[Any] = [access.user_id]
    for name, column in ASSIGNED.items():
        if name in values:
            assignments.append(f"{column} = %s")
            params.append(values[name])
    if "result" in values:
        assignments.append("result = %s::jsonb")
        params.append(_result_text(values))
    sql = f"""
    WITH a AS (
        UPDATE predictions_annotation SET {", ".join(assignments)} WHERE id = %s RETURNING task_id
    )
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM a WHERE t.id = a.task_id
    """  # noqa: S608
    slot = slots.of_project(kept["project"])
    with transaction.atomic(savepoint=False):
        execute(sql, [*params, annotation_id, access.user_id], slot=slot)
        changed = existing_annotation(annotation_id, access)
        record_change(
            "ANNOTATION_UPDATED", project_id=changed["project"], access=access, annotation=changed
        )
        return changed


# By primary key, and by (task, id).
LOCK_TASK_SQL = "SELECT id FROM predictions_task WHERE id = %s FOR NO KEY UPDATE"
NEWEST_TRUTH_SQL = """
SELECT id FROM predictions_annotation WHERE task_id = %s AND ground_truth AND NOT was_cancelled
ORDER BY id DESC LIMIT 1
"""


@transaction.atomic
def accept_prediction(
    task_id: int, values: Values, access: Access, *, instead_of: int | None
) -> Document | None:
    """Stores an annotation as the newest ground truth of its task, where that is `instead_of` now.

    None, and nothing is stored, where it is another one.
    """
    # Whoever accepts for the same task waits here, and then reads what was accepted before.
    slot = places.slot_of_task(task_id)
    fetch_one(LOCK_TASK_SQL, [task_id], slot=slot)
    row = fetch_one(NEWEST_TRUTH_SQL, [task_id], slot=slot)
    if (row[0] if row else None) != instead_of:
        return None
    return create_annotation(task_id, values, access)


# By primary key. Annotations that were made of it keep standing, without their parent.
DELETE_ONE_SQL = """
WITH gone AS (
    DELETE FROM predictions_annotation a USING predictions_project j
    WHERE a.id = %s AND {only} AND j.id = a.project_id AND j.workspace_id = %s
    RETURNING a.id, a.task_id, a.project_id
), orphaned AS (
    UPDATE predictions_annotation c SET parent_annotation_id = NULL
    FROM gone WHERE c.parent_annotation_id = gone.id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM gone WHERE t.id = gone.task_id
)
SELECT project_id FROM gone
"""
DELETE_ANNOTATION_SQL = DELETE_ONE_SQL.format(only="TRUE")
UNDO_SQL = DELETE_ONE_SQL.format(
    only="a.parent_prediction_id = %s AND a.ground_truth AND a.updated_at = a.created_at"
)


def undo_acceptance(annotation_id: int, *, prediction_id: int, access: Access) -> bool:
    """Removes the ground truth that was made of the prediction; False, and it stays, where somebody
    has changed it since.
    """
    params = [annotation_id, prediction_id, access.workspace_id, access.user_id]
    return _delete_one(UNDO_SQL, params, annotation_id, access)


def _delete_one(sql: str, params: Sequence[Any], annotation_id: int, access: Access) -> bool:
    """Executes a statement that deletes an annotation and answers its project; whether it did."""
    with recording.together(access.is_heard):
        row = fetch_one(sql, params, slot=places.slot_of_annotation(annotation_id))
        if row is None:
            return False
        record_change("ANNOTATIONS_DELETED", project_id=row[0], access=access, ids=[annotation_id])
    return True


# By primary key, or by (project, task). Rows that are as they should be are not touched: an
# evaluation tells by their time whether it is out of date. Locked in one order.
MARK_SQL = """
WITH chosen AS (
    SELECT id FROM predictions_annotation
    WHERE {which} AND ground_truth <> %(mark)s ORDER BY id FOR NO KEY UPDATE
), a AS (
    UPDATE predictions_annotation c SET ground_truth = %(mark)s, updated_at = now(),
        updated_by_id = %(user)s
    FROM chosen WHERE c.id = chosen.id RETURNING c.id, c.task_id, c.project_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT project_id, count(*), array_agg(id ORDER BY id) FILTER (WHERE %(heard)s),
    array_agg(task_id ORDER BY id) FILTER (WHERE %(heard)s)
FROM a GROUP BY project_id ORDER BY project_id
"""
MARK_CHOSEN_SQL = MARK_SQL.format(which="id = ANY(%(ids)s)")
MARK_ALL_SQL = MARK_SQL.format(
    which="project_id = %(project)s AND NOT (%(mark)s AND was_cancelled)"
)


def mark_chosen(annotation_ids: Sequence[int], *, is_truth: bool, access: Access) -> int:
    """Marks annotations as ground truth, or takes the mark away; how many it changes.

    All or none: ValidationError under `ids` for ids that the workspace has no annotation of.
    """
    rows = fetch_all(
        "SELECT a.id, a.slot FROM predictions_annotation a JOIN predictions_project j"
        " ON j.id = a.project_id WHERE a.id = ANY(%s) AND j.workspace_id = %s",
        [list(annotation_ids), access.workspace_id],
    )
    known: dict[int, int] = dict(rows)
    if unknown := [one for one in annotation_ids if one not in known]:
        raise ValidationError({"ids": [unknown_pk(one) for one in unknown[:MOST_NAMED]]})
    parts = places.by_slot(known)
    with recording.together(len(parts) > 1):
        return sum(
            _mark(MARK_CHOSEN_SQL, {"mark": is_truth, "ids": ids}, access, slot=slot)
            for slot, ids in parts
        )


def mark_all(project_id: int, *, is_truth: bool, access: Access) -> int:
    """Marks the annotations of a project that are not cancelled as ground truth, or takes the mark
    away from all; how many it changes. The project is the caller's.
    """
    values = {"project": project_id, "mark": is_truth}
    return _mark(MARK_ALL_SQL, values, access, slot=slots.of_project(project_id))


def _mark(sql: str, values: dict[str, Any], access: Access, *, slot: int | None = None) -> int:
    """Executes a statement that marks annotations, and records them; how many it changes."""
    with recording.together(access.is_heard):
        told = {"user": access.user_id, "heard": access.is_heard}
        changed = fetch_all(sql, {**values, **told}, slot=slot)
        for project_id, _, ids, task_ids in changed:
            record_updated(ids or (), task_ids or (), project_id=project_id, access=access)
    return sum(n for _, n, _, _ in changed)


def delete_annotation(annotation_id: int, access: Access) -> None:
    """Removes an annotation. NotFound where the workspace has none of that id."""
    params = [annotation_id, access.workspace_id, access.user_id]
    if not _delete_one(DELETE_ANNOTATION_SQL, params, annotation_id, access):
        raise NotFound(NO_ANNOTATION)


DELETE_OF_TASKS_SQL = """
WITH gone AS (
    DELETE FROM predictions_annotation a WHERE a.project_id = %s AND a.task_id = ANY(%s)
    RETURNING a.id, a.task_id
), orphaned AS (
    UPDATE predictions_annotation c SET parent_annotation_id = NULL
    FROM gone WHERE c.parent_annotation_id = gone.id AND c.task_id <> gone.task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now() WHERE t.id IN (SELECT task_id FROM gone)
)
SELECT id FROM gone ORDER BY id
"""


def delete_annotations_of_tasks(task_ids: Sequence[int], *, project_id: int, access: Access) -> int:
    """Removes every annotation of tasks of one project; how many went."""
    with recording.together(access.is_heard):
        gone = fetch_all(
            DELETE_OF_TASKS_SQL, [project_id, list(task_ids)], slot=slots.of_project(project_id)
        )
        if gone:
            ids = [row[0] for row in gone]
            record_change("ANNOTATIONS_DELETED", project_id=project_id, access=access, ids=ids)
    return len(gone)
