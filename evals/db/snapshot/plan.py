"""Which rows of the store an evaluation counts.

A task counts when it has a ground-truth annotation, the newest one, or, where all annotations are
asked for, any that is not cancelled; beside it stands the newest prediction of the version, if
there is any. What is planned is what is counted: a row that changes or vanishes before it is read
ends the evaluation instead of being counted half old, half new.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson

from evals.db.definition import chosen_tasks, of_version
from evals.documents.slices import LONGEST, RESERVED, SliceTable
from evals.engine.errors import EvaluationError
from evals.engine.reading import Reading, reading_of
from evals.models import GroundTruth, ModelEval, Split
from predictions.db.reviews.replacing import what_is_said
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import at_path, fetch_one, of_slot, server_cursor

SPLIT_NUMBERS = {split.label: split.value for split in Split}
DEFAULT_SPLIT = Split.TEST
#: Results read at once are no longer than this together, but for the first, which may be 32 MiB: as
#: objects they take up to twelve times as much.
READ_BYTES = 32 * 2**20
MOST_IMAGES = 10_000  # of one task
# How long a result is once it is unpacked, which nothing else tells without making its text: a row
# holds its values unpacked. What is not packed tells so by itself.
SIZE = (
    "CASE WHEN pg_column_compression({0}.result) IS NULL"
    " THEN pg_column_size({0}.result) ELSE pg_column_size(ROW({0}.result)) END"
)


class CannotEvaluate(EvaluationError):
    """What is stored cannot be evaluated; the text says what to do about it."""

    def __init__(self, reason: str) -> None:
        self.detail = reason
        ValueError.__init__(self, reason)


class Changed(CannotEvaluate):
    """A planned row has changed, or is gone: a new plan would be of what is stored now."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One image to count: the rows it is made of, and which of its task's images it is."""

    task_id: int
    annotation_id: int
    prediction_id: int | None
    split: int
    item: str = ""
    #: Of the first of several images of a task: how many there are; 0 for others.
    n_of_task: int = 0
    #: What it is sliced by, hex digits: `evals.documents.slices`.
    slices: str = ""
    #: A digest of the task's data, where the reading needs them.
    data: str = ""


# Served by the indexes on (project, task) and on (project, model version, id).
# One row a task by grouping: joining the sides was a nested loop until tables had been analysed.
# Sizes are of the rows as they are fetched: the first ones are there six times sooner.
PLAN_SQL = f"""
WITH found AS (
    (SELECT DISTINCT ON (task_id) task_id, id AS truth, NULL::bigint AS predicted
     FROM predictions_annotation a
     WHERE project_id = %(project)s AND (ground_truth OR %(all)s) AND NOT was_cancelled
     ORDER BY task_id, id DESC)
    UNION ALL (SELECT DISTINCT ON (task_id) task_id, NULL, id FROM predictions_prediction p
     WHERE project_id = %(project)s AND {{of_version}}
     ORDER BY task_id, id DESC)
), pair AS (
    SELECT task_id, max(truth) AS truth, max(predicted) AS predicted
    FROM found GROUP BY task_id HAVING max(truth) IS NOT NULL
)
SELECT t.id, pair.truth, pair.predicted, t.meta -> 'split',
    (SELECT {SIZE.format("a")} FROM predictions_annotation a WHERE a.id = pair.truth) + COALESCE(
        (SELECT {SIZE.format("p")} FROM predictions_prediction p WHERE p.id = pair.predicted), 0),
    {{data}}, {{own}}{{asked}}{{lengths}}
FROM pair JOIN predictions_task t ON t.id = pair.task_id AND t.project_id = %(project)s
WHERE {{chosen}} ORDER BY t.id
"""  # noqa: S608
# How many images an object has in a task; what is no list is one.
PAGES = at_path("t.data", "%({name})s::text[]")
LENGTH_SQL = f""", CASE jsonb_typeof({PAGES})
    WHEN 'array' THEN jsonb_array_length({PAGES}) ELSE 1 END"""
# What is in a task's data: `updated_at` also moves with what is said about the task.
DIGEST_SQL = "md5(t.data::text)"
# The scalars of a task's `meta` by key.
OWN_SQL = """(
    SELECT jsonb_object_agg(f.key, left(f.value #>> '{}', %(longest)s))::text
    FROM jsonb_each(CASE jsonb_typeof(t.meta) WHEN 'object' THEN t.meta - %(reserved)s::text[] END)
        AS f
    WHERE jsonb_typeof(f.value) IN ('string', 'number', 'boolean')
        AND length(f.key) <= %(longest)s
)"""
# A scalar of a task at a key, which is there as it stands or leads deeper.
ASKED_SQL = """, (
    SELECT CASE WHEN jsonb_typeof(v) IN ('string', 'number', 'boolean')
        THEN left(v #>> '{{}}', %(longest)s) END
    FROM (SELECT COALESCE(t.{column} -> %({name})s::text,
        t.{column} #> string_to_array(%({name})s::text, '.')) AS v) AS found
)"""
FACTS_SQL = """
SELECT clock_timestamp(),
    (SELECT max(updated_at) FROM predictions_annotation
     WHERE project_id = %(project)s AND (ground_truth OR %(all)s) AND NOT was_cancelled),
    (SELECT max(updated_at) FROM predictions_prediction
     WHERE project_id = %(project)s AND {of_version})
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """When the plan was made, and the newest rows it can have seen."""

    planned_at: datetime
    newest_ground_truth_at: datetime | None
    newest_prediction_at: datetime | None


def facts(evaluation: ModelEval) -> Facts:
    """Asked once `planned_rows` has begun: what it can see is not younger than this."""
    sql, scope = FACTS_SQL.format(of_version=of_version(evaluation)), _scope(evaluation)
    row = fetch_one(sql, scope, slot=slots.of_project(scope["project"] or 0))
    assert row is not None
    return Facts(*row)


# By the index on (project, task), primary keys, and (task, id).
OWN_TRUTHS_SQL = f"""
WITH truth AS (
    SELECT DISTINCT ON (task_id) task_id, result, parent_prediction_id FROM predictions_annotation
    WHERE project_id = %(project)s AND (ground_truth OR %(all)s) AND NOT was_cancelled
    ORDER BY task_id, id DESC
), made AS MATERIALIZED (
    SELECT truth.task_id, {what_is_said("truth.result")} AS said,
        {what_is_said("q.result")} AS accepted
    FROM truth JOIN predictions_prediction q ON q.id = truth.parent_prediction_id
    WHERE q.project_id = %(project)s AND coalesce(q.model_version, '') = %(version)s
)
SELECT count(*) FROM made WHERE said = accepted AND said = (
    SELECT {what_is_said("n.result")} FROM predictions_prediction n
    WHERE n.project_id = %(project)s AND n.task_id = made.task_id
        AND coalesce(n.model_version, '') = %(version)s
    ORDER BY n.id DESC LIMIT 1)
"""  # noqa: S608


def count_own_truths(evaluation: ModelEval) -> int:
    """How many tasks have as their ground truth this version's own prediction, unchanged, and are
    evaluated by one that says the same.
    """
    scope = _scope(evaluation)
    row = fetch_one(OWN_TRUTHS_SQL, scope, slot=slots.of_project(scope["project"] or 0))
    return int(row[0]) if row else 0


def planned_rows(
    evaluation: ModelEval, *, chunk: int, slices: SliceTable
) -> Generator[list[PlannedRow], None, None]:
    """The images that count, in task order, those of `chunk` tasks at a time, or of fewer whose
    results together are longer than READ_BYTES; `slices` learns what they are sliced by. All are
    of one moment, which has passed when the first ones are there.
    """
    reading = reading_of(evaluation.reading)
    paths = [] if reading.has_one_image else [one.counted() for one in reading.objects]
    counted = {f"path{n}": list(path) for n, path in enumerate(paths) if path is not None}
    asked = dict(enumerate(key.partition(".") for key in evaluation.options.get("slices", ())))
    chosen, facts = chosen_tasks(evaluation)
    sql = PLAN_SQL.format(
        data=DIGEST_SQL if reading.needs_data else "''",
        own=OWN_SQL,
        of_version=of_version(evaluation),
        chosen=chosen,
        asked="".join(
            ASKED_SQL.format(column=column, name=f"key{n}") for n, (column, _, _) in asked.items()
        ),
        lengths="".join(LENGTH_SQL.format(name=name) for name in counted),
    )
    facts |= {"reserved": list(RESERVED), "longest": LONGEST}
    facts |= {f"key{n}": name for n, (_, _, name) in asked.items()} | _scope(evaluation) | counted
    with server_cursor(f"plan_{evaluation.pk}", apart=True) as cursor:
        cursor.itersize = chunk
        cursor.execute(*of_slot(sql, facts, slots.of_project(evaluation.project_id or 0)))
        for portion in sized_portions(((row[4], row) for row in cursor), most=chunk):
            yield [
                planned
                for t, a, p, split, _, data, own, *more in portion
                for planned in _of_task(
                    reading,
                    paths,
                    (t, a, p, _split(t, split)),
                    more[len(asked) :],
                    (slices.codes(more[: len(asked)], orjson.loads(own) if own else {}), data),
                )
            ]


Row = TypeVar("Row")


def sized_portions(sized: Iterable[tuple[int, Row]], *, most: int) -> Iterator[list[Row]]:
    """The rows in their order, `most` at a time, or fewer that have READ_BYTES together."""
    portion, n_bytes = list[Row](), 0
    for size, row in sized:
        if portion and (len(portion) == most or n_bytes + size > READ_BYTES):
            yield portion
            portion, n_bytes = [], 0
        portion.append(row)
        n_bytes += size
    if portion:
        yield portion


def _of_task(
    reading: Reading,
    paths: Sequence[tuple[str, ...] | None],
    row: tuple[int, int, int | None, int],
    lengths: Sequence[int],
    facts: tuple[str, str],
) -> list[PlannedRow]:
    """The images of one task. `CannotEvaluate` for more than MOST_IMAGES."""
    if sum(lengths) > MOST_IMAGES:
        raise CannotEvaluate(f"Task {row[0]} has {sum(lengths):,} images, over {MOST_IMAGES:,}.")
    counts = iter(lengths)
    first, *rest = items = reading.items([1 if path is None else next(counts) for path in paths])
    return [
        PlannedRow(*row, first, 0 if reading.has_one_image else len(items), *facts),
        *(PlannedRow(*row, item, 0, *facts) for item in rest),
    ]


def _scope(evaluation: ModelEval) -> dict[str, Any]:
    is_all = evaluation.ground_truth == GroundTruth.ALL
    return {"project": evaluation.project_id, "version": evaluation.model_version, "all": is_all}


def _split(task_id: int, stored: Any) -> int:
    value = orjson.loads(stored) if isinstance(stored, str) and stored[:1] == '"' else stored
    if value is None or value == "null":
        return DEFAULT_SPLIT.value
    if not isinstance(value, str) or value not in SPLIT_NUMBERS:
        raise CannotEvaluate(
            f"Task {task_id}: meta.split is {value!r}. Set it to train, valid or test, "
            "or leave it out for test."
        )
    return SPLIT_NUMBERS[value]
