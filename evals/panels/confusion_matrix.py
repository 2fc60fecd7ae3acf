"""Confusion matrices: which class was taken for which, at every percent.

Stored as packed events, one panel a split and percent: the matrix of a thousand classes is sparse.
"""

from collections.abc import Iterator, Sequence

from evals.db.evaluations import confidence_of
from evals.db.panels import Kind, matrix
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument, encode
from evals.documents.names import BACKGROUND
from evals.engine.events import N_BINS, Events, make_events, pack_events
from evals.models import ModelEval
from evals.panels.counted import Counted, Imported
from evals.panels.panel import Panel
from evals.panels.query import Asked, MatrixQuery


class ConfusionMatrix(OpenDocument):
    """Rows are actual classes, columns predicted ones; background is the last of both."""

    split: str
    confidence_threshold: float
    classes: list[str]
    matrix: list[list[int]]


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The matrix of a split, or of all together. ReportNotFound for a percent that an import does
    not report.
    """
    split, confidence = asked["split"], confidence_of(evaluation, asked["confidence"])
    cells = matrix(evaluation, split=split.number, confidence=confidence)
    return encode(
        ConfusionMatrix(
            split=split.name,
            confidence_threshold=confidence / 100,
            classes=[*evaluation.classes, BACKGROUND],
            matrix=cells.tolist(),
        )
    )


def build(counted: Counted) -> Iterator[NewPanel]:
    """A matrix for each split at every percent."""
    for total in counted.totals:
        yield from _matrices(total.split, total.events, range(N_BINS))


def derive(imported: Imported) -> Iterator[NewPanel]:
    """A matrix for each split at the percents that the file reports."""
    for split, events in imported.totals.items():
        yield from _matrices(split, events, imported.confidences)


def _matrices(split: int, events: Events, confidences: Sequence[int]) -> Iterator[NewPanel]:
    for confidence in confidences:
        kept = events.bin >= confidence
        cells = make_events(0, 0, events.actual[kept], events.predicted[kept], events.delta[kept])
        yield NewPanel(Kind.MATRIX, pack_events(cells, 1)[0], split=split, confidence=confidence)


PANEL = Panel(
    path="confusion-matrix",
    operation_id="get_confusion_matrix",
    summary="Rows actual, columns predicted, background last",
    document=ConfusionMatrix,
    query=MatrixQuery,
    read=read,
    build=build,
    derive=derive,
)
