"""Stars: one rating of a task against another, as classes that are in an order."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.engine.boxes import StoredImage
from evals.engine.errors import UnreadableState
from evals.engine.events import Events, Ints
from evals.engine.kinds.answers import read_answers
from evals.engine.kinds.classification import single_label_events
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.geometry import Floats
from predictions.regions.labels import PassedOver, Reason, read_number

#: The most that can be evaluated.
MOST_STARS = 100


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


def star_names(stars: int) -> list[str]:
    """The classes of a rating: "1", "2" and so on."""
    return [str(one) for one in range(1, stars + 1)]


def read_ratings(
    images: Sequence[StoredImage],
    *,
    stars: int,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> Ratings:
    """The rating of each task and side: the first true one, the said one with the highest score.

    What is no whole number from 1 to `stars` is passed over.
    """

    def star(value: Any) -> int:
        number = read_number(value)
        if number is None or not 1 <= number <= stars or number != int(number):
            raise PassedOver(Reason.INVALID_VALUE)
        return int(number) - 1

    truths, saids, scores = list[int](), list[int](), list[float]()
    for one in read_answers(images, "rating", star, reading=reading, notes=notes):
        truth, said = one.given(), one.best()
        truths.append(-1 if truth is None else truth)
        saids.append(-1 if said is None else said.value)
        scores.append(1.0 if said is None else said.score)
    return Ratings(
        np.array(truths, dtype=np.int64), np.array(saids, dtype=np.int64), np.array(scores, float)
    )


def rating_events(ratings: Ratings, *, stars: int) -> Events:
    """One cell a task, [true, said]; below the confidence a rating counts as none."""
    return single_label_events(ratings.truth, ratings.said, ratings.score, n_classes=stars)


def table_of(ratings: Ratings, *, stars: int) -> StarTable:
    """The additive state of a chunk."""
    both = (ratings.truth >= 0) & (ratings.said >= 0)
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
