"""How sure precision, recall and F1 are: intervals of one evaluation, and of a difference of two.

Images are what is drawn, never their objects: objects of one image err together, so intervals over
objects are too narrow. Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
percentile intervals; Noreen, Computer-Intensive Methods for Testing Hypotheses (1989), approximate
randomisation; Wilson, JASA 22 (1927). Random numbers are numpy's with fixed seeds, so the same
images always have the same interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from evals.engine.events import Counts, Ints
from evals.engine.metrics import Scores, scores_of
from predictions.regions.geometry import Floats

REPLICATES, ROUNDS = 1000, 9999
#: Of the replicates, and of the rounds of a difference.
SEED, SWAP_SEED = 0, 1
#: Above so many images nothing is drawn.
MOST_IMAGES = 100_000
#: Numbers that are drawn at a time: a megabyte stays in the processor's cache.
AT_ONCE = 2**17
#: Replicates that are drawn at a time where images are drawn together.
AT_A_TIME = 100
#: Of sums of fractions: less is no difference.
LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """The ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreIntervals:
    """Of the three scores; F1 has none where nothing is drawn."""

    precision: Interval
    recall: Interval
    f1: Interval | None


@dataclass(frozen=True, slots=True)
class Change:
    """How much a score differs, its interval, and how probable as much is by chance, in (0, 1]."""

    difference: float
    interval: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class ScoreChanges:
    """Of the three scores."""

    precision: Change
    recall: Change
    f1: Change


NAMES = ("precision", "recall", "f1")


def bootstrap(images: Counts, level: float) -> ScoreIntervals:
    """Percentile intervals of the micro scores from the counts of images, arrays of (n_images,).

    `level` is in (0, 1); at least one image, and MOST_IMAGES at most.
    """
    found = scores_of(_drawn(images)[0])
    return ScoreIntervals(*(_interval(getattr(found, name), level) for name in NAMES))


@dataclass(frozen=True, slots=True)
class ImagesByCounts:
    """Images with equal counts together: the counts, and how many images have them."""

    #: int64 (n, 2): matches, and detections and objects together; nothing else is in F1.
    counts: Ints
    #: int64 (n,), 1 at least.
    n_images: Ints


def images_by_counts(images: Counts) -> ImagesByCounts:
    """The images of arrays of (n_images,), whose counts are below 2**31 each."""
    keys, n_images = np.unique(images.tp << 32 | images.kept + images.objects, return_counts=True)
    return ImagesByCounts(np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1), n_images)


def bootstrap_together(images: ImagesByCounts, level: float) -> Interval:
    """The interval of F1 for any number of images, one at least: how many of those with equal
    counts are drawn is one random number. As likely as `bootstrap`'s, by other random numbers.
    """
    n = int(images.n_images.sum())
    random = np.random.default_rng(SEED)
    hits, both = np.zeros(REPLICATES, dtype=np.int64), np.zeros(REPLICATES, dtype=np.int64)
    for first in range(0, REPLICATES, AT_A_TIME):
        draws = random.multinomial(n, images.n_images / n, size=AT_A_TIME)
        hits[first : first + AT_A_TIME], both[first : first + AT_A_TIME] = (draws @ images.counts).T
    return _interval(np.where(both > 0, 2 * hits / np.maximum(both, 1), 0.0), level)


def wilson(total: Counts, level: float) -> ScoreIntervals:
    """Wilson's intervals of precision and recall from counts of all images together, of shape ().

    They take detections and objects for independent. [0, 1] where there are none.
    """
    hits = int(total.tp)
    return ScoreIntervals(
        _wilson(hits, int(total.kept), level), _wilson(hits, int(total.objects), level), None
    )


def significance(base: Counts, other: Counts, level: float) -> ScoreChanges:
    """What changed from one evaluation to the other on the same images, arrays of (n_images,).

    The interval is of the difference over the same draws of images on both sides, the probability
    from rounds in which each image's two counts are swapped or not. As `bootstrap` otherwise.
    """
    before, after = _drawn(base, other)
    drawn = _difference(scores_of(before), scores_of(after))
    real = _difference(scores_of(total_of(base)), scores_of(total_of(other)))
    swapped = _swapped(base, other)
    return ScoreChanges(
        *(
            Change(
                difference=float(real[name]),
                interval=_interval(drawn[name], level),
                p_value=_p_value(swapped[name], float(real[name])),
            )
            for name in NAMES
        )
    )


def _wilson(hits: int, n: int, level: float) -> Interval:
    if not n:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, width = hits / n, z * z / n
    middle = (share + width / 2) / (1 + width)
    half = z / (1 + width) * ((share * (1 - share) + width / 4) / n) ** 0.5
    return Interval(max(middle - half, 0.0), min(middle + half, 1.0))


def _interval(values: Floats, level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _drawn(*sides: Counts) -> list[Counts]:
    """The summed counts of REPLICATES draws of images with replacement, arrays of (REPLICATES,):
    of each side, which are drawn alike.
    """
    columns = [column for side in sides for column in (side.tp, side.kept, side.objects)]
    n = len(columns[0])
    random = np.random.default_rng(SEED)
    sums = []
    for rows in _blocks(n, REPLICATES):
        draws = random.integers(0, n, (rows, n))
        sums.append([column.take(draws).sum(axis=1) for column in columns])
    found = np.concatenate(sums, axis=1)
    return [Counts(*found[first : first + 3]) for first in range(0, len(found), 3)]


def _swapped(base: Counts, other: Counts) -> dict[str, Floats]:
    """The difference of each score in ROUNDS rounds, arrays of (ROUNDS,)."""
    before, after = _columns(base), _columns(other)
    moved, n = after - before, len(before)
    random = np.random.default_rng(SWAP_SEED)
    most = next(_blocks(n, ROUNDS))
    # New arrays for each block would take as long as the numbers in them.
    drawn, swaps = np.empty((most, n)), np.empty((most, n))
    moves = []
    for rows in _blocks(n, ROUNDS):
        random.random(out=drawn[:rows])
        np.less(drawn[:rows], 0.5, out=swaps[:rows])
        moves.append(swaps[:rows] @ moved)
    move = np.concatenate(moves)
    sides = (before.sum(axis=0) + move, after.sum(axis=0) - move)
    return _difference(*(scores_of(Counts(*side.astype(np.int64).T)) for side in sides))


def _difference(before: Scores, after: Scores) -> dict[str, Floats]:
    return {name: getattr(after, name) - getattr(before, name) for name in NAMES}


def _p_value(rounds: Floats, real: float) -> float:
    as_large = int((np.abs(rounds) >= abs(real) - LEAST).sum())
    return (1 + as_large) / (1 + ROUNDS)


def _columns(images: Counts) -> Floats:
    """Matches, detections and objects, float64 (n_images, 3): exact up to 2**53, and multiplied by
    the processor's own routines.
    """
    return np.stack([images.tp, images.kept, images.objects], axis=1).astype(np.float64)


def total_of(images: Counts) -> Counts:
    """The counts of all together, arrays of shape ()."""
    return Counts(*(np.asarray(c.sum()) for c in (images.tp, images.kept, images.objects)))


def _blocks(n_images: int, n_draws: int) -> Iterator[int]:
    """How many draws are made at a time: the numbers come out as one after another."""
    rows = max(AT_ONCE // n_images, 1)
    for first in range(0, n_draws, rows):
        yield min(rows, n_draws - first)
