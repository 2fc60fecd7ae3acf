"""What is ground truth: annotations that are marked, and predictions that become annotations."""

from collections.abc import Sequence

from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db.annotations import record
from predictions_api.http.fields import unknown_pk
from predictions_api.outbound.events import recording
from predictions_api.postgres.sql import fetch_all, fetch_one

#: Ids that one refusal names.
MOST_NAMED = 20
# By primary key, or by (project, task). Rows that are as they should be are not touched: an
# evaluation tells by their time whether it is out of date. Locked in one order.
MARK_SQL = """
WITH chosen AS (
    SELECT id FROM predictions_annotation
    WHERE {which} AND ground_truth <> %(mark)s ORDER BY id FOR NO KEY UPDATE
), a AS (
    UPDATE predictions_annotation SET ground_truth = %(mark)s, updated_at = now(),
        updated_by_id = %(user)s
    FROM chosen WHERE predictions_annotation.id = chosen.id RETURNING task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id IN (SELECT task_id FROM a)
)
SELECT count(*) FROM a
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
        "SELECT a.id FROM predictions_annotation a JOIN predictions_project j"
        " ON j.id = a.project_id WHERE a.id = ANY(%s) AND j.workspace_id = %s",
        [list(annotation_ids), access.workspace_id],
    )
    known = {row[0] for row in rows}
    if unknown := [one for one in annotation_ids if one not in known]:
        raise ValidationError({"ids": [unknown_pk(one) for one in unknown[:MOST_NAMED]]})
    values = {"ids": list(annotation_ids), "mark": is_truth, "user": access.user_id}
    row = fetch_one(MARK_CHOSEN_SQL, values)
    return int(row[0]) if row else 0


def mark_all(project_id: int, *, is_truth: bool, access: Access) -> int:
    """Marks the annotations of a project that are not cancelled as ground truth, or takes the mark
    away from all; how many it changes. The project is the caller's.
    """
    values = {"project": project_id, "mark": is_truth, "user": access.user_id}
    row = fetch_one(MARK_ALL_SQL, values)
    return int(row[0]) if row else 0


# What a truth is made of, `predictions.regions.truths.as_truth` in SQL: no scores.
AS_TRUTH = """CASE jsonb_typeof(q.result) WHEN 'array' THEN coalesce((
        SELECT jsonb_agg(CASE jsonb_typeof(e.region) WHEN 'object' THEN e.region - 'score'
                         ELSE e.region END ORDER BY e.n)
        FROM jsonb_array_elements(q.result) WITH ORDINALITY AS e(region, n)), '[]'::jsonb)
    ELSE q.result END"""
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
    with recording.together(access.is_heard):
        made = fetch_all(ANNOTATE_SQL, values)
        if made:
            ids = [row[0] for row in made]
            record("ANNOTATIONS_CREATED", project_id=made[0][1], access=access, ids=ids)
    return len(made)


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
