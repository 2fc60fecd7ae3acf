"""Annotations made of many predictions at once: of all that a version says, or as ground truth."""

from collections.abc import Sequence

from accounts.tokens import Access
from predictions.db.annotations import record_added
from predictions.db.reviews.replacing import regions_without
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all, reserve_ids

# What a truth is made of, `predictions.regions.truths.as_truth` in SQL: no scores.
AS_TRUTH = regions_without("q.result", ["score"])


# By primary keys of predictions.
INSERT_SQL = f"""
WITH a AS (
    INSERT INTO predictions_annotation
        (id, task_id, project_id, slot, result, was_cancelled, ground_truth, completed_by_id,
         parent_prediction_id, unique_id, created_at, updated_at)
    SELECT k.id, q.task_id, q.project_id, q.slot, {AS_TRUTH}, FALSE, %(truth)s, %(user)s, q.id,
           gen_random_uuid(), now(), now()
    FROM unnest(%(ids)s::bigint[], %(predictions)s::bigint[]) AS k(id, prediction_id)
    JOIN predictions_prediction q ON q.id = k.prediction_id
    RETURNING id, task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT id FROM a ORDER BY id
"""  # noqa: S608


def _make(prediction_ids: Sequence[int], *, is_truth: bool, project_id: int, access: Access) -> int:
    """Makes an annotation of each of the predictions, and records them; how many."""
    if not prediction_ids:
        return 0
    slot = slots.of_project(project_id)
    values = {
        "ids": reserve_ids("predictions_annotation", len(prediction_ids), slot=slot),
        "predictions": list(prediction_ids),
        "truth": is_truth,
        "user": access.user_id,
    }
    with recording.together(access.is_heard):
        ids = [row[0] for row in fetch_all(INSERT_SQL, values, slot=slot)]
        record_added(ids, project_id=project_id, access=access)
    return len(ids)


# By (task, id) of predictions, and the index on the annotations' parents.
UNANNOTATED_SQL = """
SELECT q.id FROM predictions_prediction q
WHERE q.project_id = %(project)s AND q.task_id = ANY(%(tasks)s)
    AND (%(versions)s::text[] IS NULL OR q.model_version = ANY(%(versions)s))
    AND NOT EXISTS (SELECT 1 FROM predictions_annotation c WHERE c.parent_prediction_id = q.id)
ORDER BY q.id
"""


def annotate_as_predicted(
    task_ids: Sequence[int], *, project_id: int, versions: Sequence[str] | None, access: Access
) -> int:
    """Makes an annotation, without scores, of every prediction of the tasks, or of these model
    versions, that has none made of it yet; how many were made. The tasks are the caller's, and
    locked.
    """
    found = _found(UNANNOTATED_SQL, task_ids, project_id=project_id, versions=versions)
    return _make(found, is_truth=False, project_id=project_id, access=access)


# By (task, id) of predictions and of annotations. A ground truth that is equal is not made again.
UNTRUE_SQL = f"""
WITH newest AS (
    SELECT DISTINCT ON (p.task_id) p.id FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND p.task_id = ANY(%(tasks)s)
        AND (%(versions)s::text[] IS NULL OR p.model_version = ANY(%(versions)s))
    ORDER BY p.task_id, p.id DESC
), predicted AS (
    SELECT q.id, q.task_id, {AS_TRUTH} AS result
    FROM predictions_prediction q JOIN newest ON newest.id = q.id
)
SELECT predicted.id
FROM predicted LEFT JOIN LATERAL (
    SELECT b.id, b.result FROM predictions_annotation b
    WHERE b.task_id = predicted.task_id AND b.ground_truth AND NOT b.was_cancelled
    ORDER BY b.id DESC LIMIT 1
) AS truth ON TRUE
WHERE truth.id IS NULL OR truth.result <> predicted.result
ORDER BY predicted.id
"""  # noqa: S608


def accept_predictions(
    task_ids: Sequence[int], *, project_id: int, versions: Sequence[str] | None, access: Access
) -> int:
    """Makes the newest prediction of each task, or of these model versions, its newest ground
    truth, without scores, unless that says the same already; how many were made. What was ground
    truth before stays, but does not count. The tasks are the caller's, and locked.
    """
    found = _found(UNTRUE_SQL, task_ids, project_id=project_id, versions=versions)
    return _make(found, is_truth=True, project_id=project_id, access=access)


def _found(
    sql: str, task_ids: Sequence[int], *, project_id: int, versions: Sequence[str] | None
) -> list[int]:
    values = {
        "project": project_id,
        "tasks": list(task_ids),
        "versions": None if versions is None else list(versions),
    }
    rows = fetch_all(sql, values, slot=slots.of_project(project_id))
    return [row[0] for row in rows]
