"""Ground truth out of what a model said, of many tasks at once."""

from collections.abc import Sequence

from accounts.tokens import Access
from predictions.db.annotations import AS_TRUTH
from predictions_api.postgres.sql import fetch_one

# By (task, id) of predictions and of annotations. What is said already is not said again.
ACCEPT_SQL = f"""
WITH newest AS (
    SELECT DISTINCT ON (p.task_id) p.id FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND p.task_id = ANY(%(tasks)s)
        AND (%(versions)s::text[] IS NULL OR p.model_version = ANY(%(versions)s))
    ORDER BY p.task_id, p.id DESC
), said AS (
    SELECT q.id, q.task_id, q.project_id, {AS_TRUTH} AS result
    FROM predictions_prediction q JOIN newest ON newest.id = q.id
), a AS (
    INSERT INTO predictions_annotation
        (task_id, project_id, result, was_cancelled, ground_truth, completed_by_id,
         parent_prediction_id, unique_id, created_at, updated_at)
    SELECT said.task_id, said.project_id, said.result, FALSE, TRUE, %(user)s, said.id,
           gen_random_uuid(), now(), now()
    FROM said LEFT JOIN LATERAL (
        SELECT b.id, b.result FROM predictions_annotation b
        WHERE b.task_id = said.task_id AND b.ground_truth AND NOT b.was_cancelled
        ORDER BY b.id DESC LIMIT 1
    ) AS truth ON TRUE
    WHERE truth.id IS NULL OR truth.result <> said.result
    ORDER BY said.id
    RETURNING task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT count(*) FROM a
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
    row = fetch_one(ACCEPT_SQL, values)
    return int(row[0]) if row else 0
