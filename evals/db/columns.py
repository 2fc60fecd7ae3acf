"""Single columns over all images of an evaluation, the pictures behind images, and what was counted
on tasks: for the desk, and for filters of tasks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evals.db.definition import IS_OF_SOME
from evals.db.snapshot.stored import ADDRESS, LONGEST_URL, image_path
from evals.engine.events import Counts
from evals.engine.reading import reading_of
from evals.models import ModelEval
from predictions.db.places import slot_of_task
from predictions.filters.registered import Rows, Scope
from predictions_api.http.storable import Refused
from predictions_api.postgres.sql import fetch_all, fetch_one, is_spread

# Postgres' texts are no longer.
LONGEST_TEXT = 2**30

# The primary key, in its order. Big-endian, as Postgres sends numbers.
POINTS_SQL = """
SELECT string_agg(int4send(position), ''), string_agg(float4send(x::real), ''),
       string_agg(float4send(y::real), ''), string_agg(int4send(coalesce(cluster, -1)), ''),
       string_agg(int2send(split::smallint), '')
FROM (
    SELECT position, x, y, cluster, split FROM evals_evalimage
    WHERE evaluation_id = %s AND x IS NOT NULL ORDER BY position
) placed
"""
POINT_TYPES = (">i4", ">f4", ">f4", ">i4", ">i2")


def points(evaluation: ModelEval) -> bytes | None:
    """The map of the images in columns: little-endian int32 positions, float32 x, float32 y, int32
    clusters (-1 for noise) and int16 splits, one after the other, 18 bytes an image.

    None without a map. One statement.
    """
    row = fetch_one(POINTS_SQL, [evaluation.pk])
    if row is None or row[0] is None:
        return None
    columns = (np.frombuffer(c, dtype=kind) for c, kind in zip(row, POINT_TYPES, strict=True))
    return b"".join(c.astype(c.dtype.newbyteorder("<")).tobytes() for c in columns)


CANONICAL_SQL = """
SELECT string_agg(int4send(tp), ''), string_agg(int4send(fp), ''), string_agg(int4send(fn), '')
FROM (SELECT tp, fp, fn FROM evals_evalimage WHERE evaluation_id = %s ORDER BY position) counted
"""


def canonical_counts(evaluation: ModelEval) -> Counts:
    """Counts of every image at the canonical confidence, by position, arrays of (n_images,).

    One statement.
    """
    row = fetch_one(CANONICAL_SQL, [evaluation.pk])
    assert row is not None
    tp, fp, fn = (np.frombuffer(c or b"", dtype=">i4").astype(np.int64) for c in row)
    return Counts(tp=tp, kept=tp + fp, objects=tp + fn)


# By primary key.
ADDRESSES_SQL = f"""
SELECT left({ADDRESS}, %s)
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS c(task_id, path, n)
LEFT JOIN predictions_task t ON t.id = c.task_id ORDER BY c.n
"""  # noqa: S608
ITEM_SQL = "SELECT task_id, item FROM evals_evalimage WHERE evaluation_id = %s AND position = %s"


def image_addresses(
    evaluation: ModelEval, images: Sequence[tuple[int | None, str]], longest: int = LONGEST_URL
) -> list[str | None]:
    """The first characters of images' addresses, by task and item, in order; None for deleted
    tasks. One statement, none for no images.
    """
    if not images:
        return []
    reading = reading_of(evaluation.reading)
    paths = [image_path(reading, item) for _, item in images]
    tasks = [task for task, _ in images]
    slot = next((slot_of_task(task) for task in tasks if task is not None), None)
    rows = fetch_all(ADDRESSES_SQL, [longest, tasks, paths], slot=slot)
    return [address for (address,) in rows]


def image_address(evaluation: ModelEval, position: int) -> str | None:
    """The whole address of an image; None where there is none. Two statements."""
    row = fetch_one(ITEM_SQL, [evaluation.pk, position])
    return None if row is None else image_addresses(evaluation, [(row[0], row[1])], LONGEST_TEXT)[0]


#: Of a task in an evaluation, over its images: what was counted at the canonical confidence. By the
#: index on (evaluation, task).
OF_TASK = "(SELECT {} FROM evals_evalimage i WHERE i.evaluation_id = %s AND i.task_id = t.id)"
#: The same of all tasks at once. On a cluster an evaluation may be on another node than its tasks,
#: and no statement asks both: what was counted goes along with the question.
OF_TASKS_SQL = """
SELECT coalesce(jsonb_object_agg(task_id, number), '{{}}')::text FROM (
    SELECT i.task_id, {} AS number FROM evals_evalimage i
    WHERE i.evaluation_id = %s AND i.task_id IS NOT NULL GROUP BY i.task_id
) counted
"""
GIVEN = "((%s::jsonb ->> t.id::text)::float8)"
# As the scores of images: 0 without a denominator, 1 of nothing to find and nothing said.
RATIO = (
    "CASE WHEN sum(i.tp::bigint + i.fp + i.fn) > 0 THEN coalesce({}::float8 / nullif({}, 0), 0)"
    " WHEN count(*) > 0 THEN 1 END"
)
#: The columns of tasks that each finished evaluation has.
TASK_COLUMNS = {
    "truePositives": "sum(i.tp)",
    "falsePositives": "sum(i.fp)",
    "falseNegatives": "sum(i.fn)",
    "errors": "sum(i.fp::bigint + i.fn)",
    "precision": RATIO.format("sum(i.tp)", "sum(i.tp::bigint + i.fp)"),
    "recall": RATIO.format("sum(i.tp)", "sum(i.tp::bigint + i.fn)"),
    "f1": RATIO.format("sum(2 * i.tp::bigint)", "sum(2 * i.tp::bigint + i.fp + i.fn)"),
    "measure": "avg(i.measure)",
}
#: Under what a query keeps an evaluation that it has looked up.
KNOWN = "evaluation {}"
AGREEMENT = "agreement"
PREFIX = "evaluation."
#: As the index on it.
F1_OF_ONE = (
    "CASE WHEN i.tp = 0 AND i.fp = 0 AND i.fn = 0 THEN 1.0::float8"
    " ELSE i.tp::float8 * 2 / (i.tp::float8 * 2 + i.fp + i.fn) END"
)
#: Those of TASK_COLUMNS that every image has, of a task with one.
OF_ONE = {
    "truePositives": "i.tp",
    "falsePositives": "i.fp",
    "falseNegatives": "i.fn",
    "errors": "(i.fp::bigint + i.fn)",
    "f1": F1_OF_ONE,
}


def task_column(name: str, scope: Scope) -> tuple[str, list[Any]] | None:
    """A column of a project's tasks, SQL over `predictions_task t`: `evaluation.<evalId>.<one of
    TASK_COLUMNS>`, or `agreement`, the F1 of each task in the project's newest finished evaluation
    of all tasks and classes. Null for tasks that it did not see. None for other names. At most one
    statement.

    Refused where the project has no finished evaluation of that id.
    """
    if name == AGREEMENT:
        found = _finished(scope, None)
        return _of_tasks("f1", found and found[0])
    if not name.startswith(PREFIX):
        return None
    eval_id, _, column = name.removeprefix(PREFIX).rpartition(".")
    if column not in TASK_COLUMNS:
        raise Refused(f"Of an evaluation there is {', '.join(TASK_COLUMNS)}; not {column!r:.50}.")
    found = _finished(scope, eval_id)
    if found is None:
        raise Refused(f"The project has no finished evaluation {eval_id!r:.50}.")
    return _of_tasks(column, found[0])


def _of_tasks(column: str, evaluation_id: int | None) -> tuple[str, list[Any]]:
    counted = TASK_COLUMNS[column]
    if not is_spread():
        return OF_TASK.format(counted), [evaluation_id]
    row = fetch_one(OF_TASKS_SQL.format(counted), [evaluation_id])
    return GIVEN, [row and row[0]]


def task_rows(name: str, scope: Scope) -> Rows | None:
    """The rows of the same columns where each task of the evaluation has one image, and so one row;
    None otherwise, for other names, and on a cluster. At most one statement.
    """
    if is_spread():
        return None
    eval_id, _, column = name.removeprefix(PREFIX).rpartition(".")
    if name == AGREEMENT:
        found, column = _finished(scope, None), "f1"
    elif name.startswith(PREFIX) and column in OF_ONE:
        found = _finished(scope, eval_id)
    else:
        return None
    if found is None or not reading_of(found[1]).has_one_image:
        return None
    return Rows(
        table="evals_evalimage i",
        where="i.evaluation_id = %s AND i.task_id IS NOT NULL",
        params=[found[0]],
        task="i.task_id",
        number=OF_ONE[column],
    )


def known_to_columns(evaluation: ModelEval) -> dict[str, Any]:
    """What a filter's `Scope` may know of a finished evaluation, so that nobody asks again."""
    return {KNOWN.format(evaluation.eval_id): (evaluation.pk, evaluation.reading)}


def _finished(scope: Scope, eval_id: str | None) -> tuple[int, Any] | None:
    """Key and reading of the finished evaluation of that id, or of the newest one; None without.
    Asked once a query.
    """
    kept = KNOWN.format(eval_id)
    if kept not in scope.known:
        done = ModelEval.objects.filter(
            project_id=scope.project_id, status=ModelEval.Status.DONE
        ).order_by("-pk")
        if eval_id is None:
            done = done.filter(origin=ModelEval.Origin.COMPUTED)
            done = done.exclude(IS_OF_SOME)
        else:
            done = done.filter(eval_id=eval_id)
        scope.known[kept] = done.values_list("pk", "reading").first()
    found: tuple[int, Any] | None = scope.known[kept]
    return found
