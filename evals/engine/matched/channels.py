"""Rows that keep channels of stretches of time apart where COCO's box engine compares them."""

import numpy as np

from evals.engine.events import Ints
from evals.engine.matching import Pairs
from predictions.regions.geometry import Bools


def apart(pairs: Pairs, truth: Ints, predicted: Ints) -> Bools:
    """Which pairs are of two channels, from the channels of both sides, -1 where there is none."""
    ours, theirs = predicted[pairs.detection], truth[pairs.object]
    is_apart: Bools = (ours != theirs) & (ours >= 0) & (theirs >= 0)
    return is_apart


def rows_of(
    pairs: Pairs, images: tuple[Ints, Ints], channels: tuple[Ints, Ints]
) -> tuple[Ints, Ints]:
    """The row of each stretch of truth and predictions: what is in one row may overlap.

    `pairs` are those of one class that overlap in time, of any channels. Where none of an image are
    of two channels, all its stretches have row 0; where all of an image have a channel, that is the
    row. A stretch without one is in the row of what it overlaps; where that is in two rows, of what
    it overlaps most, as boxes cannot be in both.
    """
    is_apart = apart(pairs, *channels)
    mixed = np.unique(images[0][pairs.object[is_apart]])
    rows = [
        np.where(np.isin(image, mixed), channel, 0)
        for image, channel in zip(images, channels, strict=True)
    ]
    silent = np.concatenate([images[n][rows[n] < 0] for n in range(2)])
    grouped = np.flatnonzero(np.isin(images[0][pairs.object], silent))
    if not len(grouped):
        return rows[0], rows[1]
    some = pairs.chosen(grouped)
    has_silent = (channels[0][some.object] < 0) | (channels[1][some.detection] < 0)
    groups = _Groups(some, is_apart[grouped], n_objects=len(rows[0]))
    # First what is of one channel, then what overlaps most.
    for at in np.lexsort((-some.iou, has_silent)).tolist():
        groups.join(at)
    found = np.arange(sum(map(len, rows)))
    found[list(groups.group)] = list(groups.group.values())
    truth, predicted = (
        np.where(np.isin(images[n], silent), mine, rows[n])
        for n, mine in enumerate(np.split(found, [len(rows[0])]))
    )
    return truth, predicted


class _Groups:
    """Stretches in a row together, no two of them apart. Detections are numbered after objects."""

    def __init__(self, pairs: Pairs, is_apart: Bools, *, n_objects: int) -> None:
        self.pairs = list(
            zip(pairs.object.tolist(), (pairs.detection + n_objects).tolist(), strict=True)
        )
        self.is_apart = is_apart.tolist()
        places = {place for pair in self.pairs for place in pair}
        self.group = {place: place for place in places}
        self.members = {place: {place} for place in places}
        self.others: dict[int, set[int]] = {place: set() for place in places}
        for (mine, its), both in zip(self.pairs, self.is_apart, strict=True):
            if both:
                self.others[mine].add(its)
                self.others[its].add(mine)

    def join(self, at: int) -> None:
        """Puts a pair into one row, unless that would bring together what is apart."""
        mine, its = (self.group[place] for place in self.pairs[at])
        if mine == its or not self.others[mine].isdisjoint(self.members[its]):
            return
        if len(self.members[mine]) < len(self.members[its]):
            mine, its = its, mine
        moved = self.members.pop(its)
        self.members[mine] |= moved
        self.others[mine] |= self.others.pop(its)
        self.group |= dict.fromkeys(moved, mine)
