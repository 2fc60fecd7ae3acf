"""The one place that writes chunks of a running evaluation, who counts each, and what they counted.

A chunk is its worker's by a lease. Who writes here locks the evaluation's row first and chunks
second, so that nobody waits for the other.

Of a large evaluation there are shares beside them, chunks without images: what one worker works out
of the totals once all images are counted (evals.jobs.finishing.shares).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Exists, Q, QuerySet
from django.db.models.functions import Now

from evals.db.snapshot.plan import PlannedRow
from evals.engine.counting import SplitPart
from evals.models import EvalChunk, EvalPart, Split
from predictions.db.places import slot_of_task
from predictions_api.jobs.leases import FREE, NOBODY, Holder, LeaseLost
from predictions_api.postgres.sql import fetch_one

_SEVERAL = """(
    SELECT count(*) FROM unnest(%(controls)s::text[]) AS c (name)
    WHERE jsonb_path_exists(
        {0}.result, '$[*] ? (@.from_name == $name)', jsonb_build_object('name', c.name)
    )
) > 1"""
# By primary keys.
MIXED_SQL = f"""
SELECT EXISTS (
    SELECT 1 FROM predictions_annotation a
    WHERE a.id = ANY(%(annotations)s::bigint[]) AND {_SEVERAL.format("a")}
) OR EXISTS (
    SELECT 1 FROM predictions_prediction p
    WHERE p.id = ANY(%(predictions)s::bigint[]) AND {_SEVERAL.format("p")}
)
"""  # noqa: S608 - names of ours


#: Numbers of shares begin here: no evaluation has so many chunks of images.
SHARES_FROM = 2**30
OF_IMAGES = Q(number__lt=SHARES_FROM)


#: A row as it is stored. `astuple` copies each value: that was half of a plan's time.
_values = attrgetter(*(field.name for field in fields(PlannedRow)))


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Images to count together; the positions are of the first, and of the first of each split."""

    number: int
    rows: Sequence[PlannedRow]
    first_position: int
    first_split_positions: Mapping[int, int]


def add(evaluation_id: int, new: Sequence[NewChunk], *, seen_at: datetime | None) -> None:
    """Appends chunks, for any worker to count unless `seen_at` is None. One statement."""
    EvalChunk.objects.bulk_create(
        EvalChunk(
            evaluation_id=evaluation_id,
            number=one.number,
            first_position=one.first_position,
            first_split_positions=[one.first_split_positions[split] for split in range(len(Split))],
            rows=[_values(row) for row in one.rows],
            seen_at=seen_at,
        )
        for one in new
    )


def add_shares(evaluation_id: int, numbers: Iterable[int], *, seen_at: datetime | None) -> None:
    """Adds shares with these numbers, counted from SHARES_FROM; `seen_at` is as in `add`. One
    statement.

    They have no rows, so that a worker of an earlier release finds nothing to count in them.
    """
    EvalChunk.objects.bulk_create(
        EvalChunk(
            evaluation_id=evaluation_id,
            number=SHARES_FROM + number,
            first_position=0,
            first_split_positions=[0 for _ in Split],
            rows=[],
            seen_at=seen_at,
        )
        for number in numbers
    )


def share_of(chunk: EvalChunk) -> int | None:
    """The number of a share, counted from SHARES_FROM; None for a chunk of images."""
    return chunk.number - SHARES_FROM if chunk.number >= SHARES_FROM else None


def allow(evaluation_id: int, seen_at: datetime) -> None:
    """From now on all chunks may be counted. One statement."""
    EvalChunk.objects.filter(evaluation_id=evaluation_id).update(seen_at=seen_at)


def wait(evaluation_id: int) -> bool:
    """Whether there are chunks that may not be counted yet. One statement."""
    return EvalChunk.objects.filter(evaluation_id=evaluation_id, seen_at__isnull=True).exists()


def rows_of(chunk: EvalChunk) -> list[PlannedRow]:
    """The rows of a chunk."""
    return [PlannedRow(*row) for row in chunk.rows]


def mixes(chunk: EvalChunk, controls: Sequence[str]) -> bool:
    """Whether a result of its rows has regions of several of the controls. One statement, in which
    a result is looked at where it lies.
    """
    rows = rows_of(chunk)
    if not rows:
        return False
    params = {
        "annotations": [row.annotation_id for row in rows],
        "predictions": [row.prediction_id for row in rows],
        "controls": list(controls),
    }
    row = fetch_one(MIXED_SQL, params, slot=slot_of_task(rows[0].task_id))
    return row is not None and bool(row[0])


def one_by_one(evaluation_id: int) -> Iterator[EvalChunk]:
    """All chunks of images in their order, none kept. A statement for each, and one."""
    rows = EvalChunk.objects.filter(OF_IMAGES, evaluation_id=evaluation_id).order_by("number")
    for number in list(rows.values_list("number", flat=True)):
        yield rows.get(number=number)


def uncounted(evaluation_id: int) -> QuerySet[EvalChunk]:
    """The chunks that are not counted and may be, whoever has them in hand."""
    return EvalChunk.objects.filter(
        evaluation_id=evaluation_id, is_done=False, seen_at__isnull=False
    )


def _ready(evaluation_id: int) -> QuerySet[EvalChunk]:
    """As `uncounted`, without shares while images are uncounted."""
    images = uncounted(evaluation_id).filter(OF_IMAGES)
    return uncounted(evaluation_id).filter(OF_IMAGES | ~Exists(images))


def claim(evaluation_id: int, mine: Holder) -> EvalChunk | None:
    """The first chunk that nobody counts, now this worker's; None where there is none. `attempts`
    says how many workers had it and did not store it, this one included. Two statements.
    """
    rows = _ready(evaluation_id).order_by("number")
    claimed = mine.claim(rows, 1, columns=("number",), within={"evaluation_id": evaluation_id})
    if not claimed:
        return None
    return EvalChunk.objects.filter(evaluation_id=evaluation_id, number=claimed[0][0]).first()


def extend(evaluation_id: int, mine: Holder) -> None:
    """Renews the leases on the chunks that this worker has in hand. One statement."""
    mine.extend(uncounted(evaluation_id))


def release(evaluation_id: int, mine: Holder) -> None:
    """Frees the chunks that this worker has in hand, as if it had not had them. One statement."""
    mine.release(uncounted(evaluation_id))


def n_free(evaluation_id: int, *, most: int) -> int:
    """How many chunks wait for a worker, at most `most`. One statement."""
    return _ready(evaluation_id).filter(FREE)[:most].count()


def do_shares_wait(evaluation_id: int) -> bool:
    """Whether there are shares that nobody has in hand, perhaps not ready yet. One statement."""
    return uncounted(evaluation_id).exclude(OF_IMAGES).filter(FREE).exists()


def counting(evaluation_id: int) -> set[UUID | None]:
    """The workers that have chunks in hand. One statement."""
    busy = uncounted(evaluation_id).filter(lease_until__gt=Now())
    return set(busy.values_list("lease_owner", flat=True))


def share_done(evaluation_id: int) -> float:
    """Which part of the images' chunks is counted, 0 to 1; 1 of none. One statement."""
    found = EvalChunk.objects.filter(OF_IMAGES, evaluation_id=evaluation_id).aggregate(
        done=Count("number", filter=Q(is_done=True)), n=Count("number")
    )
    return found["done"] / found["n"] if found["n"] else 1.0


def keep(evaluation_id: int, number: int, mine: Holder) -> None:
    """A fresh lease on a chunk, which keeps others from it until the commit; or LeaseLost. Two
    statements, in a transaction.
    """
    sql = "SELECT id FROM evals_modeleval WHERE id = %s FOR KEY SHARE"
    if fetch_one(sql, [evaluation_id]) is None:
        raise LeaseLost
    mine.keep(uncounted(evaluation_id).filter(number=number))


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
        is_done=True, notes=notes, **NOBODY
    )


def add_share(share: EvalChunk, state: bytes) -> None:
    """Stores what a share came to, empty where it has written panels, and that it is done."""
    EvalPart.objects.create(
        evaluation_id=share.evaluation_id, chunk=share.number, split=0, histogram=b"", state=state
    )
    EvalChunk.objects.filter(evaluation_id=share.evaluation_id, number=share.number).update(
        is_done=True, **NOBODY
    )


def done_shares(evaluation_id: int) -> dict[int, bytes]:
    """What each share that is done came to, by its number. One statement."""
    parts = EvalPart.objects.filter(evaluation_id=evaluation_id, chunk__gte=SHARES_FROM)
    found = parts.values_list("chunk", "state")
    return {number - SHARES_FROM: bytes(state or b"") for number, state in found}


def parts_of(evaluation_id: int, split: int) -> QuerySet[EvalPart]:
    """What the chunks of images add to a split, in their order."""
    parts = EvalPart.objects.filter(evaluation_id=evaluation_id, split=split)
    return parts.filter(chunk__lt=SHARES_FROM).order_by("chunk")


def forget_counted(evaluation_id: int) -> None:
    """Removes what was counted of every chunk; the chunks stay, to be counted again by anybody."""
    # Whoever stores a chunk is waited for; who had one in hand has lost it.
    EvalChunk.objects.filter(evaluation_id=evaluation_id).update(
        is_done=False, attempts=0, **NOBODY
    )
    _delete(evaluation_id, "evals_evalimage", "evals_evalpart")


def delete(evaluation_id: int) -> None:
    """Removes the chunks, for an evaluation that is done; what they counted of each image stays."""
    _delete(evaluation_id, "evals_evalchunk", "evals_evalpart")


def delete_counted(evaluation_id: int) -> None:
    """Removes the chunks and all they counted, for an evaluation that is planned anew, or has
    failed. The chunks first: whoever stores one is waited for, and what it stored goes, too.
    """
    _delete(evaluation_id, "evals_evalchunk", "evals_evalimage", "evals_evalpart")


def _delete(evaluation_id: int, *tables: str) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f"DELETE FROM {table} WHERE evaluation_id = %s",  # noqa: S608 - names of ours
                [evaluation_id],
            )
