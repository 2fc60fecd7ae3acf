"""Reading images of an evaluation: pages of them, chosen ones, one by its id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Q

from evals.db.snapshot.stored import CountedRow
from evals.documents.images import ImageRecord, ImageRow, image_records, image_texts
from evals.engine.events import Cells, Counts, Events, Ints, image_cells, unpack_events
from evals.models import EvalImage, ModelEval, Split
from predictions.regions.geometry import Floats
from predictions_api.postgres.sql import fetch_all, fetch_one

IMAGE_COLUMNS = (
    "image_id, name, split, augmentations, cluster, x, y, is_flagged, metrics, position, events"
)
SOURCE_COLUMNS = "task_id, annotation_id, prediction_id, split, item, told, name"
POSITION = 9
# Ranges of the primary key, or of the index on the split's positions.
RANGE_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""  # noqa: S608
SPLIT_RANGE_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND split = %s AND split_position >= %s AND split_position < %s
ORDER BY split_position
"""  # noqa: S608
CHOSEN_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
JOIN unnest(%s::int[]) WITH ORDINALITY AS c(chosen, n) ON c.chosen = position
WHERE evaluation_id = %s ORDER BY c.n
"""  # noqa: S608

# By the primary key. Images of one task share its annotation.
GROUND_TRUTHS_SQL = """
SELECT md5(string_agg(
    concat_ws(' ', task_id, annotation_id, split, told), ',' ORDER BY task_id, told
))
FROM (
    SELECT DISTINCT task_id, annotation_id, split, nullif(told, '') AS told
    FROM evals_evalimage WHERE evaluation_id = %s
) AS truth
"""


def ground_truth_digest(evaluation: ModelEval) -> str:
    """Which annotation counted for which task, in which split, and what the task told of it (its
    image's size, the text of spans), as one digest of 32 hex digits.

    Of a wholly counted evaluation of the store. It tells what the moment of the newest annotation
    does not: that one was removed, and an older one of its task counts again.
    """
    ((digest,),) = fetch_all(GROUND_TRUTHS_SQL, [evaluation.pk])
    return str(digest)


@dataclass(frozen=True, slots=True)
class Images:
    """Some images with their events; `events.image` is the place among them."""

    rows: list[ImageRow]
    positions: list[int]
    events: Events

    def cells(self, confidence: int) -> Cells:
        """Their confusion cells at one percent."""
        return image_cells(self.events, confidence)

    def counts(self, confidence: int, n_classes: int) -> Counts:
        """Counts of each at one percent, arrays of shape (n_images,)."""
        return self.cells(confidence).counts(n_images=len(self.rows), n_classes=n_classes)

    def records(self, confidence: int, n_classes: int) -> list[ImageRecord]:
        """Their documents at one percent."""
        return image_records(self.rows, self.cells(confidence), n_classes=n_classes)


def _images(rows: Sequence[Any]) -> Images:
    """The images of rows that begin with IMAGE_COLUMNS."""
    return Images(
        rows=[ImageRow._make(row[:POSITION]) for row in rows],
        positions=[row[POSITION] for row in rows],
        events=_events(rows),
    )


def _events(rows: Sequence[Any]) -> Events:
    return unpack_events([row[POSITION + 1] for row in rows])


def _at(evaluation: ModelEval, positions: Sequence[int]) -> list[Any]:
    return fetch_all(CHOSEN_SQL, [list(positions), evaluation.pk])


def images_at(evaluation: ModelEval, positions: Sequence[int]) -> Images:
    """The images at these positions, in this order. One statement."""
    return _images(_at(evaluation, positions))


#: Images of a page worked on at a time: their arrays stay in the processor's cache and in memory
#: that is there already. A page of 1,000 at once took a quarter longer.
PAGE_BLOCK = 250


def page_between(
    evaluation: ModelEval, split: int | None, first: int, end: int, confidence: int
) -> list[bytes]:
    """JSON texts of images `first` up to before `end` of a split, or of all, at one percent.

    One statement, which touches only their rows.
    """
    if split is None:
        rows = fetch_all(RANGE_SQL, [evaluation.pk, first, end])
    else:
        rows = fetch_all(SPLIT_RANGE_SQL, [evaluation.pk, split, first, end])
    return _page(evaluation, rows, confidence)


def page_at(evaluation: ModelEval, positions: Sequence[int], confidence: int) -> list[bytes]:
    """JSON texts of the images at these positions, in this order, at one percent. One statement."""
    return _page(evaluation, _at(evaluation, positions), confidence)


def _page(evaluation: ModelEval, rows: Sequence[Any], confidence: int) -> list[bytes]:
    texts: list[bytes] = []
    for start in range(0, len(rows), PAGE_BLOCK):
        some = rows[start : start + PAGE_BLOCK]
        cells = image_cells(_events(some), confidence)
        texts += image_texts(some, cells, n_classes=len(evaluation.classes))
    return texts


#: Ids of images may be long addresses; the index holds so many characters of each.
INDEXED = 200
# Served by the index on (evaluation, left(image_id, 200)).
IMAGE_SQL = f"""
SELECT position, {SOURCE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND left(image_id, {INDEXED}) = left(%s, {INDEXED}) AND image_id = %s
ORDER BY position LIMIT 1
"""  # noqa: S608


def _counted(values: Sequence[Any]) -> CountedRow:
    """The row of SOURCE_COLUMNS."""
    task_id, annotation_id, prediction_id, split, item, told, name = values
    return CountedRow(task_id, annotation_id, prediction_id, split, item, told=told, name=name)


def image_keys(evaluation: ModelEval, image_id: str) -> tuple[int, CountedRow] | None:
    """Position and stored rows of an image; None for an unknown id. One statement."""
    # No stored text holds a NUL, and Postgres refuses to look for one.
    row = None if "\0" in image_id else fetch_one(IMAGE_SQL, [evaluation.pk, image_id, image_id])
    return None if row is None else (row[0], _counted(row[1:]))


def seen_of_task(
    eval_id: str, task_id: int, *, workspaces: Sequence[int] | None
) -> tuple[ModelEval, list[CountedRow]] | None:
    """A finished evaluation, and the stored rows of all images of a task, in order. None where the
    workspaces (None for all) have no such evaluation, or it did not see the task. One statement.
    """
    # By the id of the evaluation, and by the index on (evaluation, task).
    done = Q(evaluation__eval_id=eval_id, evaluation__status=ModelEval.Status.DONE)
    if workspaces is not None:
        done &= Q(evaluation__workspace_id__in=list(workspaces))
    columns = SOURCE_COLUMNS.split(", ")
    images = EvalImage.objects.filter(done, task_id=task_id).order_by("position")
    seen = list(images.select_related("evaluation__project").defer("events", "slices", "metrics"))
    if not seen:
        return None
    rows = [_counted([getattr(image, name) for name in columns]) for image in seen]
    return seen[0].evaluation, rows


SOURCES_SQL = f"""
SELECT position, {SOURCE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""  # noqa: S608


def source_rows(evaluation: ModelEval, first: int, end: int) -> tuple[list[int], list[CountedRow]]:
    """Positions and stored rows of images `first` up to before `end`. One statement."""
    rows = fetch_all(SOURCES_SQL, [evaluation.pk, first, end])
    return [row[0] for row in rows], [_counted(row[1:]) for row in rows]


# Served by the index on (evaluation, left(image_id, 200)).
NAMED_SQL = f"""
SELECT DISTINCT ON (image_id) {IMAGE_COLUMNS}, {SOURCE_COLUMNS}
FROM evals_evalimage
WHERE evaluation_id = %s AND left(image_id, {INDEXED}) = ANY(%s) AND image_id = ANY(%s)
ORDER BY image_id, position
"""  # noqa: S608
# By primary key.
PLACED_SQL = f"""
SELECT {IMAGE_COLUMNS}, {SOURCE_COLUMNS}
FROM evals_evalimage WHERE evaluation_id = %s AND position = ANY(%s) ORDER BY position
"""  # noqa: S608


def images_named(
    evaluation: ModelEval, *, ids: Sequence[str], positions: Sequence[int]
) -> tuple[Images, list[CountedRow]]:
    """The images of these ids and at these positions, each once, by position, and their stored
    rows; unknown ones are left out. Two statements at most.
    """
    rows = []
    if ids:
        # No stored text holds a NUL, and Postgres refuses to look for one.
        known = [text for text in ids if "\0" not in text]
        stems = [text[:INDEXED] for text in known]
        rows += fetch_all(NAMED_SQL, [evaluation.pk, stems, known])
    if positions:
        rows += fetch_all(PLACED_SQL, [evaluation.pk, list(positions)])
    by_position = {row[POSITION]: row for row in rows}
    rows = [by_position[position] for position in sorted(by_position)]
    return _images(rows), [_counted(row[POSITION + 2 :]) for row in rows]


# The index on the split's positions.
SPREAD_SQL = """
SELECT position FROM evals_evalimage
WHERE evaluation_id = %s AND split = %s AND split_position = ANY(%s) ORDER BY position
"""


def spread(evaluation: ModelEval, split: int | None, most: int) -> list[int]:
    """Positions of at most `most` images of a split, or of all, spread evenly. One statement."""
    counts = evaluation.image_counts
    n = sum(counts.values()) if split is None else counts.get(Split(split).label, 0)
    chosen = [at * n // min(n, most) for at in range(min(n, most))]
    if split is None:
        return chosen
    return [position for (position,) in fetch_all(SPREAD_SQL, [evaluation.pk, split, chosen])]


# Served by the index of the same columns.
WORST_SQL = """
SELECT position FROM evals_evalimage WHERE evaluation_id = %s
ORDER BY {column} DESC, position LIMIT %s OFFSET %s
"""
WORST = {column: WORST_SQL.format(column=column) for column in ("fp", "fn")}


def worst(evaluation: ModelEval, column: str, limit: int | None, offset: int) -> list[int]:
    """Positions by falling `fp` or `fn` at the canonical confidence. One statement.

    All from `offset` on where `limit` is None.
    """
    rows = fetch_all(WORST[column], [evaluation.pk, limit, offset])
    return [position for (position,) in rows]


@dataclass(frozen=True, slots=True)
class Scanned:
    """Neighbouring images with what they are selected by, arrays of shape (n_images,)."""

    positions: Ints
    splits: Ints
    #: None where the image is in no cluster.
    clusters: list[int | None]
    #: What its kind orders images by; NaN where there is nothing to measure.
    measures: Floats
    events: Events
    #: What each is sliced by: `evals.documents.slices`.
    slices: list[bytes]


SCAN_BLOCK = 5000
# The primary key.
SCAN_SQL = """
SELECT position, split, cluster, measure, events, slices FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""


def scan(evaluation: ModelEval, n_images: int) -> Iterator[Scanned]:
    """The first `n_images` images, some thousands at a time. One statement each."""
    for first in range(0, n_images, SCAN_BLOCK):
        rows = fetch_all(SCAN_SQL, [evaluation.pk, first, first + SCAN_BLOCK])
        yield Scanned(
            positions=np.array([row[0] for row in rows], dtype=np.int64),
            splits=np.array([row[1] for row in rows], dtype=np.int64),
            clusters=[row[2] for row in rows],
            measures=np.array([row[3] for row in rows], dtype=np.float64),
            events=unpack_events([row[4] for row in rows]),
            slices=[bytes(row[5]) for row in rows],
        )
