"""How well two sides agree on stars, which are in an order."""

import warnings
from dataclasses import dataclass

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints
from predictions.regions.geometry import Bools, Floats


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings of tasks, (n_tasks,) each: stars less one, -1 where there is none."""

    truth: Ints
    said: Ints
    #: Of the said rating; 1 where there is none.
    score: Floats


@dataclass(frozen=True, slots=True)
class StarTable:
    """What adds up over tasks: how many with both were rated so, int64 (stars, stars).

    Rows are the truth.
    """

    counts: Ints

    def __add__(self, other: "StarTable") -> "StarTable":
        return StarTable(self.counts + other.counts)

    def to_bytes(self) -> bytes:
        """The cells as int64, little-endian."""
        return self.counts.astype("<i8").tobytes()


def read_table(packed: bytes) -> StarTable:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    stars = round((len(packed) / 8) ** 0.5)
    if stars * stars * 8 != len(packed):
        raise UnreadableState(f"{len(packed)} bytes are no table of stars")
    return StarTable(np.frombuffer(packed, dtype="<i8").reshape(stars, stars))


def table_of(ratings: Ratings, *, stars: int, chosen: Bools | None = None) -> StarTable:
    """The additive state of the chosen tasks of a chunk, bool (n_tasks,); of all without."""
    both = (ratings.truth >= 0) & (ratings.said >= 0)
    both = both if chosen is None else both & chosen
    cells = ratings.truth[both] * stars + ratings.said[both]
    return StarTable(np.bincount(cells, minlength=stars * stars).reshape(stars, stars))


def rating_metrics(table: StarTable) -> dict[str, float | None]:
    """The metrics of a split, over the tasks that both sides rated; None where undefined."""
    counts = table.counts
    n = int(counts.sum())
    truth, said = np.nonzero(counts)
    weights = counts[truth, said]
    off = int((np.abs(truth - said) * weights).sum())
    return {
        "accuracy": int(np.trace(counts)) / n if n else None,
        "kappa": _kappa(truth, said, weights, len(counts), None),
        "linearKappa": _kappa(truth, said, weights, len(counts), "linear"),
        "quadraticKappa": _kappa(truth, said, weights, len(counts), "quadratic"),
        "meanAbsoluteError": off / n if n else None,
    }


def _kappa(truth: Ints, said: Ints, counts: Ints, stars: int, weights: str | None) -> float | None:
    """Cohen's kappa; None where it is undefined, as by both sides having one and the same star."""
    if not len(counts):
        return None
    # A second to import.
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import cohen_kappa_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        value = cohen_kappa_score(
            truth, said, labels=range(stars), weights=weights, sample_weight=counts
        )
    return None if np.isnan(value) else float(value)
