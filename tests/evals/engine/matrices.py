"""Confusion matrices of tests as whole squares, and back."""

from typing import Any

import numpy as np
import numpy.typing as npt

from evals.engine.events import Events, Ints
from evals.engine.metrics import Matrix, matrix_of


def confusion_matrix(events: Events, confidence: int, *, n_classes: int) -> Ints:
    """int64 (n_classes + 1, n_classes + 1): rows actual, columns predicted, background last."""
    return matrix_of(events, confidence, n_classes=n_classes).square()


def sparse(square: npt.ArrayLike) -> Matrix:
    """A whole square by its cells."""
    rows: Any = np.asarray(square, dtype=np.int64)
    actual, predicted = np.nonzero(rows)
    return Matrix(len(rows) - 1, actual, predicted, rows[actual, predicted])
