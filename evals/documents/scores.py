"""Precision, recall and F1 as panels hold them."""

from msgspec import UNSET, UnsetType

from evals.documents.document import OpenDocument
from evals.engine.metrics import Score

#: A number of a panel: an imported file may leave it out, and what is not defined is null.
Number = float | None | UnsetType


class Scores(OpenDocument):
    """Precision, recall and F1, 0 to 1."""

    precision: Number = UNSET
    recall: Number = UNSET
    f1: Number = UNSET


def scores(value: Score) -> Scores:
    """The document of three numbers."""
    return Scores(precision=value.precision, recall=value.recall, f1=value.f1)
