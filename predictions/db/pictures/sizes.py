"""How large the images of tasks are, as what was said about them tells it."""

from collections.abc import Sequence

from predictions.db.places import slots_of_tasks
from predictions_api.postgres.sql import fetch_all

# What regions say of their image's size, by (task, id).
WIDTH, HEIGHT = (f"(e.region->>'original_{name}')::numeric" for name in ("width", "height"))
REGIONS_SQL = f"""
CROSS JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(s.result) WHEN 'array' THEN s.result ELSE '[]' END
) WITH ORDINALITY e (region, n)
WHERE s.task_id = ANY(%(tasks)s)
  AND jsonb_typeof(e.region->'original_width') = 'number'
  AND jsonb_typeof(e.region->'original_height') = 'number'
  AND {WIDTH} BETWEEN 1 AND 2147483647 AND {HEIGHT} BETWEEN 1 AND 2147483647
"""
# Of the first region of the ground truth that counts, else of the newest annotation that tells it.
ANNOTATED_SIZES_SQL = f"""
SELECT DISTINCT ON (s.task_id) s.task_id, {WIDTH}::int, {HEIGHT}::int
FROM predictions_annotation s {REGIONS_SQL}
ORDER BY s.task_id, s.ground_truth AND NOT s.was_cancelled DESC, s.id DESC, e.n
"""  # noqa: S608
# A model may tell the size that it had the image in.
PREDICTED_SIZES_SQL = f"""
SELECT s.task_id, min({WIDTH})::int, min({HEIGHT})::int
FROM predictions_prediction s {REGIONS_SQL}
GROUP BY s.task_id HAVING count(DISTINCT ({WIDTH}, {HEIGHT})) = 1
"""  # noqa: S608
FIRST_PREDICTED_SIZES_SQL = f"""
SELECT DISTINCT ON (s.task_id) s.task_id, {WIDTH}::int, {HEIGHT}::int
FROM predictions_prediction s {REGIONS_SQL}
ORDER BY s.task_id, s.id, e.n
"""  # noqa: S608


def annotated_sizes(task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """By task the width and height in pixels that its ground truth tells for its image, else
    another annotation.
    """
    return _sizes(ANNOTATED_SIZES_SQL, task_ids)


def predicted_sizes(task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The same by what its predictions tell; tasks are absent whose predictions disagree."""
    return _sizes(PREDICTED_SIZES_SQL, task_ids)


def first_predicted_sizes(task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The same by the first of its predictions that tells one, of whatever version."""
    return _sizes(FIRST_PREDICTED_SIZES_SQL, task_ids)


def _sizes(sql: str, task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    return {
        row[0]: (row[1], row[2])
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(sql, {"tasks": ids}, slot=slot)
    }
