"""How well two sides agree on stars, which are in an order."""

from dataclasses import dataclass

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints
from predictions.regions.geometry import Bools, Floats


@dataclass(frozen=True, slots=True)
class Ratings:
    """The ratings of tasks, (n_tasks,) each: stars less one, -1 where there is none."""

    truth: Ints
    predicted: Ints
    #: Of the predicted rating; 1 where there is none.
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
    both = (ratings.truth >= 0) & (ratings.predicted >= 0)
    both = both if chosen is None else both & chosen
    cells = ratings.truth[both] * stars + ratings.predicted[both]
    return StarTable(np.bincount(cells, minlength=stars * stars).reshape(stars, stars))


def rating_metrics(table: StarTable) -> dict[str, float | None]:
    """The metrics of a split, over the tasks that both sides rated; None where undefined."""
    n = int(table.counts.sum())
    places = np.arange(len(table.counts))
    apart = np.abs(places[:, None] - places)
    return {
        "accuracy": int(np.trace(table.counts)) / n if n else None,
        "kappa": _kappa(table, np.minimum(apart, 1)),
        "linearKappa": _kappa(table, apart),
        "quadraticKappa": _kappa(table, apart**2),
        "meanAbsoluteError": int((apart * table.counts).sum()) / n if n else None,
    }


def _kappa(table: StarTable, weights: Ints) -> float | None:
    """Cohen's kappa by what a disagreement weighs, int64 (stars, stars); None where it is
    undefined, as by both sides having one and the same star.

    One division of whole numbers. scikit-learn's, which takes a second to import, is the oracle.
    """
    counts = table.counts
    truths, predictions = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    weighed = weights.tolist()
    by_chance = sum(
        weight * truth * predicted
        for row, truth in zip(weighed, truths, strict=True)
        for weight, predicted in zip(row, predictions, strict=True)
    )
    seen = int((weights * counts).sum())
    return 1 - sum(truths) * seen / by_chance if by_chance else None
