"""How far predicted numbers are from the true ones."""

import math
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from evals.engine.errors import UnreadableState
from predictions.regions.geometry import Bools, Floats

#: Sums of the squares of numbers beyond it would not be numbers any more.
LARGEST_NUMBER = 1e150
#: Parts of a number by which the difference of two that were written in decimals may be off.
OFF_BY = 4 * float(np.finfo(np.float64).eps)
#: Of smaller whole numbers OFF_BY is far less than 1, and less than a tolerance has digits for.
ROUNDED_FROM = 1e9


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of tasks, float64 (n_tasks,) each; NaN where there is none."""

    truth: Floats
    predicted: Floats
    #: Of the predicted number; 1 where there is none.
    score: Floats

    @property
    def has_truth(self) -> Bools:
        return ~np.isnan(self.truth)

    @property
    def has_prediction(self) -> Bools:
        return ~np.isnan(self.predicted)

    def absolute_errors(self) -> Floats:
        """|predicted - true| of each task, NaN where one is not there."""
        return np.abs(self.predicted - self.truth)


def within(truth: Floats, predicted: Floats, tolerance: float) -> Bools:
    """Whether |predicted - true| <= tolerance, as of decimals: 55.02 is within 5 of 50.02.

    False where one is NaN. Whole numbers are compared as they are, of any size; of others what
    rounding may decide counts as within.
    """
    errors, largest = np.abs(predicted - truth), np.maximum(np.abs(truth), np.abs(predicted))
    found: Bools = np.array(errors <= tolerance + OFF_BY * largest)
    is_whole = (truth % 1 == 0) & (predicted % 1 == 0) & (errors > 0)
    for at in np.flatnonzero(found & is_whole & (largest > ROUNDED_FROM)).tolist():
        error = abs(int(predicted.item(at)) - int(truth.item(at)))
        found.reshape(-1)[at] = error <= Fraction(repr(tolerance))
    return found


@dataclass(frozen=True, slots=True)
class NumberPairs:
    """What adds up over tasks: every (true, predicted) pair, as the median needs them all."""

    #: Tasks with a truth alone, with an answer alone.
    missing: int
    unexpected: int
    #: float64 (n_pairs, 2).
    pairs: Floats

    def __add__(self, other: "NumberPairs") -> "NumberPairs":
        return NumberPairs(
            self.missing + other.missing,
            self.unexpected + other.unexpected,
            np.concatenate([self.pairs, other.pairs]),
        )

    def to_bytes(self) -> bytes:
        """Two int64 and the pairs, little-endian."""
        head = np.array([self.missing, self.unexpected], dtype="<i8")
        return head.tobytes() + self.pairs.astype("<f8").tobytes()


def read_pairs(packed: bytes) -> NumberPairs:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    if len(packed) < 16 or len(packed) % 16:
        raise UnreadableState(f"{len(packed)} bytes are no pairs of numbers")
    missing, unexpected = np.frombuffer(packed[:16], dtype="<i8").tolist()
    return NumberPairs(missing, unexpected, np.frombuffer(packed[16:], "<f8").reshape(-1, 2))


def pairs_of(numbers: Numbers, chosen: Bools | None = None) -> NumberPairs:
    """The additive state of the chosen tasks of a chunk, bool (n_tasks,); of all without."""
    truth, predicted = numbers.has_truth, numbers.has_prediction
    mine = np.ones_like(truth) if chosen is None else chosen
    both = truth & predicted & mine
    return NumberPairs(
        missing=int((truth & ~predicted & mine).sum()),
        unexpected=int((predicted & ~truth & mine).sum()),
        pairs=np.stack([numbers.truth[both], numbers.predicted[both]], axis=1),
    )


def number_metrics(state: NumberPairs, *, tolerance: float = 0.0) -> dict[str, float | None]:
    """The metrics of a split, None for what there is nothing to measure of.

    Sums are exact before they are rounded once, so neither the order of the tasks nor the way
    they were chunked changes a bit.
    """
    n = len(state.pairs)
    counts: dict[str, float | None] = {
        "pairs": n,
        "missing": state.missing,
        "unexpected": state.unexpected,
    }
    names = (
        "meanAbsoluteError",
        "rootMeanSquaredError",
        "medianAbsoluteError",
        "meanError",
        "r2",
        "withinTolerance",
    )
    if not n:
        return {**counts, **dict.fromkeys(names)}
    truth, predicted = state.pairs.T
    error = predicted - truth
    size = np.abs(error)
    squares = _squares(error)
    values = (
        math.fsum(size.tolist()) / n,
        math.ldexp(math.sqrt(squares.sum / n), squares.exponent),
        float(np.median(size)),
        math.fsum(error.tolist()) / n,
        _r2(truth, squares),
        int(within(truth, predicted, tolerance).sum()) / n,
    )
    return {**counts, **dict(zip(names, values, strict=True))}


class Squares(NamedTuple):
    """The sum of the squares of numbers divided by 2**exponent: of 1e-200 the squares are 0."""

    sum: float
    exponent: int


def _squares(numbers: Floats) -> Squares:
    exponent = int(np.frexp(np.abs(numbers).max())[1])
    scaled = np.ldexp(numbers, -exponent)
    return Squares(math.fsum((scaled * scaled).tolist()), exponent)


def _r2(truth: Floats, squares: Squares) -> float | None:
    """The share of the truths' variance that is explained; None where they have none, or where it
    is beyond what float64 holds.
    """
    if len(truth) < 2 or (truth == truth[0]).all():
        return None
    # From the least one on: the mean of long numbers has few digits left for what they differ by.
    risen = truth - truth.min()
    variance = _squares(risen - math.fsum(risen.tolist()) / len(risen))
    with suppress(OverflowError):
        exponent = 2 * (squares.exponent - variance.exponent)
        return 1 - math.ldexp(squares.sum / variance.sum, exponent)
    return None
