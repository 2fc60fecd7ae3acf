"""Kinds of errors in TIDE's sense: how many, in how many images, and what each costs."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument
from evals.engine.error_types.assignment import BACKGROUND_IOU, POSITIVE_IOU, ErrorType
from evals.engine.error_types.costs import ErrorTable
from evals.engine.error_types.images import ErrorImages
from evals.models import ModelEval
from evals.panels.counted import Counted
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked

MISSING = (
    "There are no kinds of errors: they are told of boxes and masks, and of evaluations that were "
    "computed here."
)
#: By their number.
WORDS = tuple(one.name.lower() for one in ErrorType)


class ErrorsOfType(OpenDocument):
    """The errors of one kind."""

    count: int
    images: Annotated[int, Meta(description="How many images have such.")]
    cost: Annotated[
        float | None,
        Meta(description="How far average precision at IoU 0.5 rises if they alone are mended."),
    ]


class SplitErrors(OpenDocument):
    """The errors of a split: `classification`, `localization`, `both`, `duplicate`, `background`,
    `missed`; counts of each class by the same words. No counts stand for none.
    """

    average_precision: Annotated[
        float | None, Meta(description="At IoU 0.5, which the costs are measured from.")
    ]
    errors: dict[str, ErrorsOfType]
    per_class: dict[str, dict[str, int]]


class ErrorTypes(OpenDocument):
    """The kinds of errors of each split that has images, of all predictions whatever their score.

    They follow COCO's matching, which is not the matching of the counts.
    """

    positive_iou: float
    background_iou: float
    splits: dict[str, SplitErrors]


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored panel."""
    return required_panel(evaluation, Kind.ERROR_TYPES, MISSING)


def build(counted: Counted) -> Iterator[NewPanel]:
    """The errors of each split of boxes or masks, and which images have them."""
    classes = counted.evaluation.classes
    splits: dict[str, SplitErrors] = {}
    for total in counted.with_images:
        if (found := total.measured.errors) is not None:
            splits[total.name] = _split(found, classes)
            images = ErrorImages(found.image, found.label, found.kind)
            yield NewPanel(Kind.ERROR_IMAGES, images.to_bytes(), split=total.split)
    if splits:
        document = ErrorTypes(
            positive_iou=POSITIVE_IOU, background_iou=BACKGROUND_IOU, splits=splits
        )
        yield stored(Kind.ERROR_TYPES, document)


def _split(found: ErrorTable, classes: Sequence[str]) -> SplitErrors:
    counts = found.counts.sum(axis=0).tolist()
    return SplitErrors(
        average_precision=found.average_precision,
        errors={
            word: ErrorsOfType(
                count=counts[kind],
                images=len(np.unique(found.image[found.kind == kind])),
                cost=found.costs[kind],
            )
            for kind, word in enumerate(WORDS)
        },
        per_class={
            name: {word: n for word, n in zip(WORDS, row, strict=True) if n}
            for name, row in zip(classes, found.counts.tolist(), strict=True)
            if any(row)
        },
    )


PANEL = Panel(
    path="error-types",
    operation_id="get_error_types",
    summary="Kinds of errors in TIDE's sense, and what each costs",
    document=ErrorTypes,
    read=read,
    build=build,
)
