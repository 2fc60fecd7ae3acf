"""Passing over all images of an evaluation, a bounded number at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from evals.engine.events import Cells, Events, image_cells, unpack_events
from evals.models import ModelEval
from predictions_api.postgres.sql import fetch_all

BLOCK = 5000


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring images: `first` is the place of the first one, 0 for the first block."""

    first: int
    positions: list[int]
    ids: list[str]
    splits: list[int]
    #: The task each is of; None for those of imported files.
    tasks: list[int | None]
    events: Events
    #: What each is sliced by: `evals.documents.slices`.
    slices: list[bytes]

    def cells(self, confidence: int) -> Cells:
        """Their confusion cells at one percent; `image` is the place in the block."""
        return image_cells(self.events, confidence)


# A range of the primary key, or of the index on the split's positions.
SQL = """
SELECT {place}, position, image_id, split, task_id, slices, events FROM evals_evalimage
WHERE evaluation_id = %s {split} AND {place} >= %s AND {place} < %s ORDER BY {place}
"""
ALL_SQL = SQL.format(place="position", split="")
SPLIT_SQL = SQL.format(place="split_position", split="AND split = %s")


def blocks(evaluation: ModelEval, *, split: int | None = None) -> Iterator[Block]:
    """All images, or those of one split, in their order, at most BLOCK at a time.

    One statement a block.
    """
    first = 0
    while True:
        where = [evaluation.pk] if split is None else [evaluation.pk, split]
        sql = ALL_SQL if split is None else SPLIT_SQL
        rows = fetch_all(sql, [*where, first, first + BLOCK])
        if rows:
            _, positions, ids, splits, tasks, slices, blobs = zip(*rows, strict=True)
            yield Block(
                first,
                list(positions),
                list(ids),
                list(splits),
                list(tasks),
                unpack_events(list(blobs)),
                [bytes(one) for one in slices],
            )
        if len(rows) < BLOCK:
            return
        first += BLOCK
