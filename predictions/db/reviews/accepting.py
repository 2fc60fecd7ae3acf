"""Annotations made of many predictions at once: of all that a version says, or as ground truth."""

from collections.abc import Sequence
from typing import Any

from accounts.tokens import Access
from predictions.db.annotations import record_added
from predictions_api.outbound.events import recording
from predictions_api.postgres.sql import fetch_all

# What a truth is made of, `predictions.regions.truths.as_truth` in SQL: no scores.
AS_TRUTH = """CASE jsonb_typeof(q.result) WHEN 'array' THEN coalesce((
        SELECT jsonb_agg(CASE jsonb_typeof(e.region) WHEN 'object' THEN e.region - 'score'
                         ELSE e.region END ORDER BY e.n)
        FROM jsonb_array_elements(q.result) WITH ORDINALITY AS e(region, n)), '[]'::jsonb)
    ELSE q.result END"""


def _made(sql: str, values: dict[str, Any], access: Access) -> int:
    """Executes a statement that makes annotations in one project, and records them; how many."""
    with recording.together(access.is_heard):
        made = fetch_all(sql, values)
        if made:
            record_added([row[0] for row in made], project_id=made[0][1], access=access)
    return len(made)


# By (task, id) of predictions, and the index on the annotations' parents.
ANNOTATE_SQL = f"""
WITH a AS (
    INSERT INTO predictions_annotation
        (task_id, project_id, result, was_cancelled, ground_truth, completed_by_id,
         parent_prediction_id, unique_id, created_at, updated_at)
    SELECT q.task_id, q.project_id, {AS_TRUTH}, FALSE, FALSE, %(user)s, q.id, gen_random_uuid(),
           now(), now()
    FROM predictions_prediction q
    WHERE q.task_id = ANY(%(tasks)s)
        AND (%(versions)s::text[] IS NULL OR q.model_version = ANY(%(versions)s))
        AND NOT EXISTS (SELECT 1 FROM predictions_annotation c WHERE c.parent_prediction_id = q.id)
    ORDER BY q.id
    RETURNING id, project_id, task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT id, project_id FROM a ORDER BY id
"""  # noqa: S608


def annotate_as_predicted(
    task_ids: Sequence[int], *, versions: Sequence[str] | None, access: Access
) -> int:
    """Makes an annotation, without scores, of every prediction of the tasks, or of these model
    versions, that has none made of it yet; how many were made. The tasks are the caller's, and
    locked.
    """
    values = {
        "tasks": list(task_ids),
        "versions": None if versions is None else list(versions),
        "user": access.user_id,
    }
    return _made(ANNOTATE_SQL, values, access)


# By (task, id) of predictions and of annotations. A ground truth that is equal is not made again.
ACCEPT_SQL = f"""
WITH newest AS (
    SELECT DISTINCT ON (p.task_id) p.id FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND p.task_id = ANY(%(tasks)s)
        AND (%(versions)s::text[] IS NULL OR p.model_version = ANY(%(versions)s))
    ORDER BY p.task_id, p.id DESC
), predicted AS (
    SELECT q.id, q.task_id, q.project_id, {AS_TRUTH} AS result
    FROM predictions_prediction q JOIN newest ON newest.id = q.id
), a AS (
    INSERT INTO predictions_annotation
        (task_id, project_id, result, was_cancelled, ground_truth, completed_by_id,
         parent_prediction_id, unique_id, created_at, updated_at)
    SELECT predicted.task_id, predicted.project_id, predicted.result, FALSE, TRUE, %(user)s,
           predicted.id, gen_random_uuid(), now(), now()
    FROM predicted LEFT JOIN LATERAL (
        SELECT b.id, b.result FROM predictions_annotation b
        WHERE b.task_id = predicted.task_id AND b.ground_truth AND NOT b.was_cancelled
        ORDER BY b.id DESC LIMIT 1
    ) AS truth ON TRUE
    WHERE truth.id IS NULL OR truth.result <> predicted.result
    ORDER BY predicted.id
    RETURNING id, project_id, task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT id, project_id FROM a ORDER BY id
"""  # noqa: S608


def accept_predictions(
    task_ids: Sequence[int], *, project_id: int, versions: Sequence[str] | None, access: Access
) -> int:
    """Makes the newest prediction of each task, or of these model versions, its newest ground
    truth, without scores, unless that says the same already; how many were made. What was ground
    truth before stays, but does not count. The tasks are the caller's, and locked.
    """
    values = {
        "project": project_id,
        "tasks": list(task_ids),
        "versions": None if versions is None else list(versions),
        "user": access.user_id,
    }
    return _made(ACCEPT_SQL, values, access)
