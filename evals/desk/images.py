"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

from django.urls import reverse
from msgspec import to_builtins

from evals.db.columns import image_address, image_addresses
from evals.db.definition import job_of
from evals.db.images import images_named
from evals.db.snapshot import LONGEST_URL, PlannedRow, ReadImage, portions
from evals.desk.drawing import drawings
from evals.engine.errors import EvaluationError
from evals.models import ModelEval
from evals.reports.image_objects import stored_images
from predictions.regions.errors import GeometryError

# Pixels only: an SVG is a document with scripts.
DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|bmp|avif));base64,", re.IGNORECASE)
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

Document = dict[str, Any]


def cards(
    evaluation: ModelEval, *, ids: Sequence[str], positions: Sequence[int], confidence: int
) -> Document:
    """The named images at one percent, in the evaluation's order; unknown ones are left out.

    At most six statements. `regions` is null where the rows have changed since, or were never
    here (an imported evaluation has counts alone), and where reading or drawing all images together
    takes too much: each is then drawn on a page of its own.
    """
    images, planned = images_named(evaluation, ids=ids, positions=positions)
    stored = _stored(evaluation, planned)
    columns = zip(
        images.positions,
        planned,
        images.records(confidence, len(evaluation.classes)),
        _addresses(evaluation, planned, stored),
        _drawn(evaluation, stored, confidence),
        strict=True,
    )
    return {
        "confidenceThreshold": confidence / 100,
        "cards": [
            {
                **to_builtins(record),
                "position": position,
                "taskId": row.task_id,
                "annotationId": row.annotation_id,
                "predictionId": row.prediction_id,
                "image": _address(evaluation, position, address),
                "regions": regions,
            }
            for position, row, record, address, regions in columns
        ],
    }


def _stored(evaluation: ModelEval, rows: Sequence[PlannedRow]) -> list[ReadImage | None]:
    if evaluation.origin == ModelEval.Origin.IMPORTED or not rows:
        return [None] * len(rows)
    few = next(portions(rows))
    return [*stored_images(evaluation, few), *[None] * (len(rows) - len(few))]


def _drawn(
    evaluation: ModelEval, images: Sequence[ReadImage | None], confidence: int
) -> Iterator[Document | None]:
    known = [image.stored for image in images if image is not None]
    # An imported evaluation has no definition of its own to match by.
    drawn: Iterator[Document | None] = repeat(None)
    with suppress(EvaluationError, GeometryError):
        drawn = iter(list(drawings(known, job_of(evaluation), confidence)) if known else ())
    for image in images:
        yield None if image is None else next(drawn)


def _addresses(
    evaluation: ModelEval, rows: Sequence[PlannedRow], stored: Sequence[ReadImage | None]
) -> list[str | None]:
    """The beginning of each image's address. A statement for those whose rows have changed."""
    missing = [
        (row.task_id, row.item) for row, image in zip(rows, stored, strict=True) if image is None
    ]
    late = iter(image_addresses(evaluation, missing))
    return [next(late) if image is None else image.url for image in stored]


def _address(evaluation: ModelEval, position: int, given: str | None) -> str | None:
    """Where a browser finds the image; None for what it cannot load.

    An image that stands in the task itself is loaded by itself, once, not with every answer.
    """
    if given is None:
        return None
    if DATA_IMAGE.match(given):
        return reverse("admin:evals_modeleval_picture", args=[evaluation.eval_id, position])
    return given if WEB_ADDRESS.match(given) and len(given) < LONGEST_URL else None


def picture(evaluation: ModelEval, position: int) -> tuple[str, bytes] | None:
    """Type and bytes of an image that stands in its task; None where it is no such image."""
    address = image_address(evaluation, position) or ""
    head = DATA_IMAGE.match(address)
    if head is None:
        return None
    try:
        return head[1].lower(), base64.b64decode(address[head.end() :], validate=True)
    except ValueError:
        return None
