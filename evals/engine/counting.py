"""A chunk of images counted: events for each image, and what adds up for each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evals.engine.boxes import StoredImage
from evals.engine.events import Counts, Events, image_counts, pack_events, total_events
from evals.engine.kinds.kind import Chunk, Job, Tally
from evals.engine.kinds.table import KINDS
from evals.engine.notes import Notes
from predictions.regions.geometry import Bools


@dataclass(frozen=True, slots=True)
class SplitPart:
    """What a chunk adds to a split; all of it merges in any order."""

    histogram: bytes
    #: The kind's own; None for a kind without any.
    state: bytes | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted chunk."""

    blobs: list[bytes]
    #: At the canonical confidence, (n_images,).
    canonical: Counts
    parts: dict[int, SplitPart]
    notes: Notes
    #: Metrics of each image by name, for kinds that have such.
    metrics: Sequence[Mapping[str, float | None]] | None = None


def count_images(
    images: Sequence[StoredImage], splits: Sequence[int], job: Job, *, first_position: int = 0
) -> Counted:
    """The counts of a chunk; `splits` names each image's split.

    `first_position` makes image numbers unique in the whole evaluation. `NeedsWider` for shapes
    that turn out not to be aligned while `job` counts boxes; `UnknownLabels` as reading does;
    `UnusableRegion` for an image too large to compare pixel by pixel.
    """
    n_images = len(images)
    positions = np.arange(first_position, first_position + n_images)
    split_of = np.asarray(splits, dtype=np.int64)
    notes = Notes()
    tally = KINDS[job.task_type].count(Chunk(images, positions), job, notes)
    return Counted(
        blobs=pack_events(tally.events, n_images),
        canonical=image_counts(
            tally.events, job.confidence, n_images=n_images, n_classes=len(job.classes)
        ),
        parts={int(split): _part(tally, split_of == split) for split in np.unique(split_of)},
        notes=notes,
        metrics=tally.metrics,
    )


def _part(tally: Tally, is_mine: Bools) -> SplitPart:
    mine = tally.events if is_mine.all() else _of_images(tally.events, is_mine)
    state = None if tally.state is None else tally.state(is_mine)
    return SplitPart(pack_events(total_events(mine), 1)[0], state)


def _of_images(events: Events, is_mine: Bools) -> Events:
    chosen = is_mine[events.image]
    return Events(
        events.image[chosen],
        events.bin[chosen],
        events.actual[chosen],
        events.predicted[chosen],
        events.delta[chosen],
    )
