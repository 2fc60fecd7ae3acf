"""Confusion matrices: which class was taken for which, at every percent.

Stored as packed events, one panel a split and percent: the matrix of a thousand classes is sparse.
The whole square is answered up to MOST_SQUARE classes, its cells at every number of them.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from msgspec import UNSET, Meta, UnsetType

from evals.db.blocks import blocks
from evals.db.evaluations import confidence_of
from evals.db.panels import Kind, matrix
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument, encode
from evals.documents.names import with_background
from evals.documents.refusals import TooManyClasses
from evals.documents.slices import Slice
from evals.engine.events import N_BINS, Events, Ints, join_events, make_events, pack_events
from evals.engine.metrics import Matrix, matrix_of
from evals.models import ModelEval
from evals.panels.counted import Counted, Imported
from evals.panels.panel import Panel
from evals.panels.query import Asked, MatrixFormatQuery
from evals.panels.slices import slice_of

#: Classes up to which the whole square is answered: four million numbers, 10 MB.
MOST_SQUARE = 2000


class ConfusionMatrix(OpenDocument):
    """Rows are actual classes, columns predicted ones; background is the last of both.

    With `format` `cells` or `errors` there is no `matrix` but a page of its cells.
    """

    split: str
    confidence_threshold: float
    classes: list[str]
    matrix: list[list[int]] | UnsetType = UNSET
    total_cells: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    cells: Annotated[
        list[list[int]] | UnsetType,
        Meta(description="[actual, predicted, count] by index in `classes`."),
    ] = UNSET


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The matrix of a split, or of all together, or a page of its cells.

    ReportNotFound for a percent that an import does not report; TooManyClasses for the matrix of
    more than MOST_SQUARE classes; UnknownSlice for a slice of an unknown key.
    """
    split, confidence = asked["split"], confidence_of(evaluation, asked["confidence"])
    wanted, n_classes = asked["format"], len(evaluation.classes)
    if wanted == "matrix" and n_classes > MOST_SQUARE:
        raise TooManyClasses(
            f"The evaluation has {n_classes:,} classes; the whole matrix is answered up to "
            f"{MOST_SQUARE:,}. Ask for its cells with ?format=cells, page by page."
        )
    wanted_slice = slice_of(evaluation, asked["slice"])
    if wanted_slice is None:
        found = matrix(evaluation, split=split.number, confidence=confidence)
    else:
        found = _sliced(evaluation, split.number, confidence, wanted_slice)
    document = ConfusionMatrix(
        split=split.name,
        confidence_threshold=confidence / 100,
        classes=with_background(evaluation.classes),
    )
    if wanted == "matrix":
        document.matrix = found.square().tolist()
    else:
        cells = found.cells() if wanted == "cells" else _errors(found)
        limit, offset = asked["limit"], asked["offset"]
        document.total_cells, document.offset, document.limit = len(cells), offset, limit
        document.cells = cells[offset : offset + limit].tolist()
    return encode(document)


def _sliced(evaluation: ModelEval, split: int | None, confidence: int, wanted: Slice) -> Matrix:
    """The matrix of a slice: a pass over the images of the split."""
    parts = []
    for block in blocks(evaluation, split=split):
        events = block.events
        kept = wanted.has(block.slices)[events.image] & (events.bin >= confidence)
        columns = (events.bin, events.actual, events.predicted, events.delta)
        parts.append(make_events(0, *(column[kept] for column in columns)))
    return matrix_of(join_events(parts), confidence, n_classes=len(evaluation.classes))


def _errors(found: Matrix) -> Ints:
    """The cells beside the diagonal, most frequent first; among equals in the matrix's order."""
    cells: Ints = found.cells()[found.actual != found.predicted]
    ordered: Ints = cells[np.argsort(-cells[:, 2], kind="stable")]
    return ordered


def build(counted: Counted) -> Iterator[NewPanel]:
    """A matrix for each split at every percent."""
    for total in counted.totals:
        yield from _matrices(total.split, total.events, range(N_BINS))


def derive(imported: Imported) -> Iterator[NewPanel]:
    """A matrix for each split at the percents that the file reports."""
    for split, events in imported.totals.items():
        yield from _matrices(split, events, imported.confidences)


def _matrices(split: int, events: Events, confidences: Sequence[int]) -> Iterator[NewPanel]:
    packed, n_packed = b"", -1
    for confidence in confidences:
        kept = events.bin >= confidence
        # Who is kept at one percent is kept below: as many are the same ones.
        if (n_kept := int(np.count_nonzero(kept))) != n_packed:
            columns = (events.actual[kept], events.predicted[kept], events.delta[kept])
            packed, n_packed = pack_events(make_events(0, 0, *columns), 1)[0], n_kept
        yield NewPanel(Kind.MATRIX, packed, split=split, confidence=confidence)


PANEL = Panel(
    path="confusion-matrix",
    operation_id="get_confusion_matrix",
    summary="Rows actual, columns predicted, background last",
    document=ConfusionMatrix,
    query=MatrixFormatQuery,
    read=read,
    build=build,
    derive=derive,
)
