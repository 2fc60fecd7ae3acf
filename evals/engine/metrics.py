"""Precision, recall and F1 from counts: per image, per class, and over the sweep of confidences.

A ratio without a denominator is 0, save for one case: an image with nothing to find and nothing
reported scores 1, or clean negatives would look like the worst images. The overall curve is micro
(sums of counts), so that images, matrix and sweep add up; the macro curve stands beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.engine.events import CONFIDENCES, Counts, Events, Ints
from evals.engine.precision.tables import ClassPrecision
from predictions.regions.geometry import Floats

#: The sweep has the 100 confidences below 1; its keys as clients read them.
N_SWEEP = 100
SWEEP_KEYS = tuple(f"{k / 100:.2f}" for k in range(N_SWEEP))

#: What a class without any F1 is given.
NO_OPTIMUM = 0.5


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix by its cells that are not 0; classes are 0..n_classes, background last.

    Memory grows with the cells: of a thousand classes most are never taken for one another.
    """

    n_classes: int
    #: int64 (n_cells,) each, by actual, then predicted class.
    actual: Ints
    predicted: Ints
    count: Ints

    @property
    def hits(self) -> Ints:
        """The diagonal, int64 (n_classes + 1,)."""
        return self._sums(self.actual, self.actual == self.predicted)

    @property
    def objects(self) -> Ints:
        """How many there are of each class: sums of rows, int64 (n_classes + 1,)."""
        return self._sums(self.actual)

    @property
    def kept(self) -> Ints:
        """How many are called so: sums of columns, int64 (n_classes + 1,)."""
        return self._sums(self.predicted)

    def counts(self) -> Counts:
        """The counts of each class but the background, int64 (n_classes,)."""
        return Counts(*(c[: self.n_classes] for c in (self.hits, self.kept, self.objects)))

    def cells(self) -> Ints:
        """[actual, predicted, count] of each cell, int64 (n_cells, 3)."""
        return np.stack([self.actual, self.predicted, self.count], axis=1)

    def square(self) -> Ints:
        """int64 (n_classes + 1, n_classes + 1): rows actual, columns predicted, background last.

        Orientation as in the confusion-matrix panel that clients read.
        """
        square = np.zeros((self.n_classes + 1,) * 2, dtype=np.int64)
        square[self.actual, self.predicted] = self.count
        return square

    def _sums(self, labels: Ints, chosen: Any = slice(None)) -> Ints:
        sums = np.zeros(self.n_classes + 1, dtype=np.int64)
        np.add.at(sums, labels[chosen], self.count[chosen])
        return sums


def matrix_of(events: Events, confidence: int, *, n_classes: int) -> Matrix:
    """The confusion matrix of all images together at one percent."""
    kept = events.bin >= confidence
    key = events.actual[kept] * (n_classes + 1) + events.predicted[kept]
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    if not len(first):
        return Matrix(n_classes, *(np.zeros(0, dtype=np.int64) for _ in range(3)))
    count = np.add.reduceat(events.delta[kept][order], first)
    actual, predicted = np.divmod(key[order][first][count != 0], n_classes + 1)
    return Matrix(n_classes, actual, predicted, count[count != 0])


@dataclass(frozen=True, slots=True)
class Scores:
    """float64 arrays of one shape, in [0, 1]."""

    precision: Floats
    recall: Floats
    f1: Floats

    def at(self, index: int) -> "Score":
        """The three numbers at one place of one-dimensional arrays."""
        return Score(float(self.precision[index]), float(self.recall[index]), float(self.f1[index]))


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, in [0, 1]."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A sweep over the confidences 0.00 to 0.99, and its optimum."""

    #: Arrays of shape (100,).
    scores: Scores
    #: The lowest confidence of the highest F1; 0.5 where F1 is 0 everywhere.
    optimal_threshold: float
    #: First and last confidence of the run of equal F1 that the optimum starts.
    plateau: tuple[float, float]

    @property
    def optimal(self) -> Score:
        """The scores at the optimal threshold."""
        return self.scores.at(round(100 * self.optimal_threshold))


@dataclass(frozen=True, slots=True)
class Sweep:
    """The curves of a split."""

    micro: Curve
    #: Means over the classes that have objects; all 0 without any.
    macro: Curve
    per_class: list[Curve]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class in the performance table: AP (None without objects), scores at its optimum."""

    label: int
    map50: float | None
    map50_95: float | None
    map75: float | None
    score: Score
    optimal_threshold: float


def scores_of(counts: Counts) -> Scores:
    """Precision = TP/kept, recall = TP/objects, F1 = 2TP/(kept+objects); 0/0 is 0.

    Arrays of the counts' shape. F1 is one division of integers, so equal maxima are exactly equal.
    """
    return Scores(
        precision=_ratio(counts.tp, counts.kept),
        recall=_ratio(counts.tp, counts.objects),
        f1=_ratio(2 * counts.tp, counts.kept + counts.objects),
    )


def image_scores(counts: Counts) -> Scores:
    """Scores of images, rounded to three decimals as clients read them; nothing at all scores 1.

    Rounding half to even. Convention for empty images: Roboflow's cvevals.
    """
    silent = (counts.kept == 0) & (counts.objects == 0)
    exact = scores_of(counts)
    rounded = (
        np.round(np.where(silent, 1.0, values), 3)
        for values in (exact.precision, exact.recall, exact.f1)
    )
    return Scores(*rounded)


def sweep(totals: Counts, classes: Counts) -> Sweep:
    """The curves of a split from its counts: `totals` (101,), `classes` (101, n_classes)."""
    per_class = scores_of(classes)
    present = classes.objects.max(axis=0, initial=0) > 0
    n_present = max(int(present.sum()), 1)
    macro = Scores(
        *(
            values[:, present].sum(axis=1) / n_present
            for values in (per_class.precision, per_class.recall, per_class.f1)
        )
    )
    columns = range(classes.tp.shape[1])
    return Sweep(
        micro=curve(scores_of(totals)),
        macro=curve(macro),
        per_class=[
            curve(Scores(per_class.precision[:, c], per_class.recall[:, c], per_class.f1[:, c]))
            for c in columns
        ],
    )


def curve(scores: Scores) -> Curve:
    """The curve over the first 100 of the confidences and its optimum, from arrays of (101,)."""
    swept = Scores(scores.precision[:N_SWEEP], scores.recall[:N_SWEEP], scores.f1[:N_SWEEP])
    best = int(np.argmax(swept.f1))
    if not swept.f1[best]:
        return Curve(swept, NO_OPTIMUM, (NO_OPTIMUM, NO_OPTIMUM))
    lower = np.flatnonzero(swept.f1[best:] != swept.f1[best])
    last = best + int(lower[0]) - 1 if len(lower) else N_SWEEP - 1
    return Curve(swept, float(CONFIDENCES[best]), (best / 100, last / 100))


def class_rows(curves: Sequence[Curve], precisions: Sequence[ClassPrecision]) -> list[ClassRow]:
    """The performance table, one row a class in label order, each at its own optimal threshold."""
    return [
        ClassRow(
            label=label,
            map50=ap.map50,
            map50_95=ap.map50_95,
            map75=ap.map75,
            score=one.optimal,
            optimal_threshold=one.optimal_threshold,
        )
        for label, (one, ap) in enumerate(zip(curves, precisions, strict=True))
    ]


def _ratio(numerator: Ints, denominator: Ints) -> Floats:
    out = np.zeros(np.shape(numerator), dtype=np.float64)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)
