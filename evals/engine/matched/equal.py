"""Items that have no extent: each overlaps what is at the same place, and nothing else."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from evals.engine.events import Ints
from evals.engine.matching import Pairs


def equal_pairs(
    detections: Ints, places: Sequence[Hashable], objects: Ints, other_places: Sequence[Hashable]
) -> Iterator[Pairs]:
    """The pairs whose places are equal, whose overlap is 1: those of each detection at a time, so
    that `join_pairs` may end it. Places are told one for each position.
    """
    by_place: dict[Hashable, list[int]] = {}
    for at, place in zip(objects.tolist(), other_places, strict=True):
        by_place.setdefault(place, []).append(at)
    for at, place in zip(detections.tolist(), places, strict=True):
        if found := by_place.get(place):
            yield Pairs(np.full(len(found), at), np.array(found), np.ones(len(found)))
