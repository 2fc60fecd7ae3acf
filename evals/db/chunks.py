"""The one place that writes chunks of a running evaluation, and what each of them has counted."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from django.db import connection

from evals.db.snapshot import PlannedRow
from evals.engine.counting import SplitPart
from evals.models import EvalChunk, EvalPart, Split


def add(
    evaluation_id: int,
    number: int,
    rows: Sequence[PlannedRow],
    *,
    first_position: int,
    first_split_positions: Mapping[int, int],
) -> None:
    """Appends a chunk; the positions are of its first image, and of its first of each split."""
    EvalChunk.objects.create(
        evaluation_id=evaluation_id,
        number=number,
        first_position=first_position,
        first_split_positions=[first_split_positions[split] for split in range(len(Split))],
        rows=[astuple(row) for row in rows],
    )


def rows_of(chunk: EvalChunk) -> list[PlannedRow]:
    """The rows of a chunk."""
    return [PlannedRow(*row) for row in chunk.rows]


def add_parts(
    evaluation_id: int, number: int, parts: Mapping[int, SplitPart], notes: Mapping[str, Any]
) -> None:
    """Stores what a chunk adds to each split, its notes, and that the chunk is counted."""
    EvalPart.objects.bulk_create(
        EvalPart(
            evaluation_id=evaluation_id,
            chunk=number,
            split=split,
            histogram=part.histogram,
            state=part.state,
        )
        for split, part in parts.items()
    )
    EvalChunk.objects.filter(evaluation_id=evaluation_id, number=number).update(
        is_done=True, notes=notes
    )


def forget_counted(evaluation_id: int) -> None:
    """Removes what was counted of every chunk; the chunks stay, to be counted again."""
    with connection.cursor() as cursor:
        for table in ("evals_evalimage", "evals_evalpart"):
            cursor.execute(
                f"DELETE FROM {table} WHERE evaluation_id = %s",  # noqa: S608 - names of ours
                [evaluation_id],
            )
    EvalChunk.objects.filter(evaluation_id=evaluation_id).update(is_done=False)


def delete(evaluation_id: int) -> None:
    """Removes the chunks and their counts, for an evaluation that is planned anew or done."""
    EvalChunk.objects.filter(evaluation_id=evaluation_id).delete()
    EvalPart.objects.filter(evaluation_id=evaluation_id).delete()
