"""How large the images of tasks are: as what was said about them tells it, and as they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from predictions.db.places import slots_of_tasks
from predictions.db.projects import Author
from predictions_api.http.rendering import dumps
from predictions_api.postgres.sql import execute, fetch_all

# What regions say of their image's size, by (task, id).
SIDES = ("width", "height")
# A number, or text that holds one: as `predictions.regions.shapes` reads it.
LENGTH = "(CASE WHEN {0} ~ '^ *[0-9]{{1,10}}([.][0-9]{{0,50}})? *$' THEN ({0})::numeric END)"
WIDTH, HEIGHT = (LENGTH.format(f"e.region->>'original_{name}'") for name in SIDES)
REGIONS_SQL = f"""
CROSS JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(s.result) WHEN 'array' THEN s.result ELSE '[]' END
) WITH ORDINALITY e (region, n)
WHERE s.task_id = ANY(%(tasks)s)
  AND {WIDTH} BETWEEN 1 AND 2147483647 AND {HEIGHT} BETWEEN 1 AND 2147483647
"""
# Of the first region of the ground truth that counts, else of the newest annotation that tells it;
# of none that was skipped, which counts nowhere.
ANNOTATED_SIZES_SQL = f"""
SELECT DISTINCT ON (s.task_id) s.task_id, {WIDTH}::int, {HEIGHT}::int
FROM predictions_annotation s {REGIONS_SQL} AND NOT s.was_cancelled
ORDER BY s.task_id, s.ground_truth DESC, s.id DESC, e.n
"""  # noqa: S608
# A model may tell the size that it had the image in.
PREDICTED_SIZES_SQL = f"""
SELECT s.task_id, min({WIDTH})::int, min({HEIGHT})::int
FROM predictions_prediction s {REGIONS_SQL}
GROUP BY s.task_id HAVING count(DISTINCT ({WIDTH}, {HEIGHT})) = 1
"""  # noqa: S608
# What a task itself tells, by primary key.
OWN_WIDTH, OWN_HEIGHT = (LENGTH.format(f"t.meta#>>'{{image_size,{name}}}'") for name in SIDES)
OWN_SIZES_SQL = f"""
SELECT t.id, {OWN_WIDTH}::int, {OWN_HEIGHT}::int FROM predictions_task t
WHERE t.id = ANY(%(tasks)s)
  AND {OWN_WIDTH} BETWEEN 1 AND 2147483647 AND {OWN_HEIGHT} BETWEEN 1 AND 2147483647
"""  # noqa: S608
# What is there already stands. The JSON is written beforehand: of a column a cluster calls none of
# the functions that would write it.
TELL_SIZES_SQL = """
UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s, meta = t.meta || k.told::jsonb
FROM unnest(%s::bigint[], %s::text[]) AS k (id, told)
WHERE t.id = k.id AND jsonb_typeof(t.meta) = 'object' AND NOT t.meta ? 'image_size'
"""
FIRST_PREDICTED_SIZES_SQL = f"""
SELECT DISTINCT ON (s.task_id) s.task_id, {WIDTH}::float8, {HEIGHT}::float8
FROM predictions_prediction s {REGIONS_SQL}
ORDER BY s.task_id, s.id, e.n
"""  # noqa: S608


def known_sizes(task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """By task the width and height in pixels that its ground truth tells for its image, else
    another annotation, else its `meta.image_size`.
    """
    found = _sizes(ANNOTATED_SIZES_SQL, task_ids)
    rest = [one for one in task_ids if one not in found]
    return found | _sizes(OWN_SIZES_SQL, rest)


def tell_sizes(sizes: Mapping[int, tuple[int, int]], author: Author) -> None:
    """Keeps the widths and heights of images in the tasks, by their id, that have no
    `meta.image_size`: an image on which nothing is has no region that tells it.
    """
    for slot, ids in slots_of_tasks(list(sizes)):
        told = [
            dumps({"image_size": dict(zip(SIDES, sizes[one], strict=True))}).decode() for one in ids
        ]
        execute(TELL_SIZES_SQL, [author.user_id, ids, told], slot=slot)


def predicted_sizes(task_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The same by what its predictions tell; tasks are absent whose predictions disagree."""
    return _sizes(PREDICTED_SIZES_SQL, task_ids)


def first_predicted_sizes(task_ids: Sequence[int]) -> dict[int, tuple[float, float]]:
    """The same by the first of its predictions that tells one, of whatever version; in full."""
    return _sizes(FIRST_PREDICTED_SIZES_SQL, task_ids)


def _sizes(sql: str, task_ids: Sequence[int]) -> dict[int, tuple[Any, Any]]:
    return {
        row[0]: (row[1], row[2])
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(sql, {"tasks": ids}, slot=slot)
    }
