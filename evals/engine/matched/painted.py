"""Masks that are painted over each other: how many pixels those of two sides share.

All images are looked at together. What it takes follows the runs of the masks, not the pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.engine.events import Ints
from predictions.regions.geometry import Rle, inside_runs

#: What is looked at together, up to 64 bytes of memory each: bytes of the encodings, pairs of two
#: sides' masks, and stretches between the turns of any mask, as often as masks cover them.
MOST_BYTES, MOST_PAIRS, MOST_STRETCHES = 2**20, 2**20, 2**21


@dataclass(frozen=True, slots=True)
class Painted:
    """Masks of one side of some images, in the order in which they are painted."""

    #: int64 (n,), never falling.
    image: Ints
    rles: Sequence[Rle]


@dataclass(frozen=True, slots=True)
class Shared:
    """Pixels by what is on top of them on either side, int64 (n,) each: positions of masks among
    those of their side, -1 for none. Pixels of no mask on either side are left out.
    """

    image: Ints
    actual: Ints
    called: Ints
    count: Ints


def shared_pixels(truth: Painted, predicted: Painted, n_pixels: Ints) -> Shared | None:
    """The pixels of some images by the masks on top of them; of those of a side the later one.

    `n_pixels` is of each image, (n_images,). None where the masks are too many, or too ragged: more
    than MOST_BYTES, MOST_PAIRS or MOST_STRETCHES.
    """
    n_masks, n_others = (
        np.bincount(side.image, minlength=len(n_pixels)) for side in (truth, predicted)
    )
    n_bytes = sum(len(rle["counts"]) for side in (truth, predicted) for rle in side.rles)
    if n_bytes > MOST_BYTES or ((n_masks + 1) * (n_others + 1)).sum() > MOST_PAIRS:
        return None
    image = np.concatenate([truth.image, predicted.image])
    n_truth = len(truth.image)
    # Those of an image stand together: what is nearly in order is sorted in a third of the time.
    order = np.argsort(image, kind="stable")
    rles = [*truth.rles, *predicted.rles]
    starts, ends, run_of = inside_runs([rles[at] for at in order.tolist()])
    if not len(starts):
        nothing = np.zeros(0, dtype=np.int64)
        return Shared(nothing, nothing, nothing, nothing)
    mask = order[run_of]
    base = (np.cumsum(n_pixels) - n_pixels)[image[mask]]
    turns = np.stack([starts + base, ends + base], axis=1).ravel()
    by_place = np.argsort(turns, kind="stable")
    rank = np.empty_like(by_place)
    rank[by_place] = np.arange(len(turns))
    first, n_covered = rank[0::2], rank[1::2] - rank[0::2]
    if n_covered.sum() > MOST_STRETCHES:
        return None
    is_truth = mask < n_truth
    actual, called = (
        _on_top(first[mine], n_covered[mine], mask[mine], len(turns))
        for mine in (is_truth, ~is_truth)
    )
    return _counted(truth, predicted, (actual, called), np.diff(turns[by_place], append=0))


def _on_top(first: Ints, n_covered: Ints, mask: Ints, n: int) -> Ints:
    """Which mask is on top of each of n stretches, -1 for none; runs come in the order in which
    they are painted, each with its first stretch and how many it covers.
    """
    top = np.full(n, -1)
    before = np.cumsum(n_covered) - n_covered
    covered = np.repeat(first - before, n_covered) + np.arange(int(n_covered.sum()))
    # Of several values for one place numpy keeps the last.
    top[covered] = np.repeat(mask, n_covered)
    return top


def _counted(truth: Painted, predicted: Painted, tops: tuple[Ints, Ints], length: Ints) -> Shared:
    """The pixels of stretches of this length, by what is on top of them on either side: -1 for
    none, and predicted masks counted after those of the ground truth.
    """
    n_images = int(max(side.image.max(initial=-1) for side in (truth, predicted))) + 1
    firsts = [np.searchsorted(side.image, np.arange(n_images)) for side in (truth, predicted)]
    n_masks = [np.bincount(side.image, minlength=n_images) for side in (truth, predicted)]
    # A table for each image: what is on top in the ground truth down, in the predictions across.
    across = n_masks[1] + 1
    sizes = (n_masks[0] + 1) * across
    tables = np.cumsum(sizes) - sizes
    down_of, across_of = (
        np.arange(1, len(side.image) + 1) - first[side.image]
        for side, first in zip((truth, predicted), firsts, strict=True)
    )
    # What belongs to -1, none, stands last.
    row_of = np.append(tables[truth.image] + down_of * across[truth.image], 0)
    column_of = np.append(across_of, 0)
    lone_of = np.append(tables[predicted.image] + across_of, 0)
    actual, called = tops
    covered = np.flatnonzero((actual >= 0) | (called >= 0))
    actual, called = actual[covered], called[covered]
    called = np.where(called >= 0, called - len(truth.image), -1)
    cell = np.where(actual >= 0, row_of[actual] + column_of[called], lone_of[called])
    # float64 holds them exactly below 2**53.
    counts = np.bincount(cell, weights=length[covered]).astype(np.int64)
    used = np.flatnonzero(counts)
    image = np.searchsorted(tables, used, "right") - 1
    row, column = np.divmod(used - tables[image], across[image])
    return Shared(
        image,
        np.where(row > 0, firsts[0][image] + row - 1, -1),
        np.where(column > 0, firsts[1][image] + column - 1, -1),
        counts[used],
    )
