"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

from django.urls import reverse
from msgspec import to_builtins

from evals.db.columns import image_address, image_addresses
from evals.db.definition import job_of
from evals.db.images import images_named
from evals.db.snapshot.plan import PlannedRow
from evals.db.snapshot.stored import LONGEST_URL, ReadImage, portions
from evals.desk.answers import answers
from evals.desk.drawing import drawings
from evals.engine.boxes import StoredImage
from evals.engine.errors import EvaluationError
from evals.engine.kinds.kind import Job
from evals.models import ModelEval
from evals.reports.image_objects import stored_images
from predictions.pictures.addresses import OBJECT, is_local, shown_at
from predictions.pictures.inline import DATA_IMAGE, decoded
from predictions.regions.errors import GeometryError

WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

Document = dict[str, Any]


def cards(
    evaluation: ModelEval, *, ids: Sequence[str], positions: Sequence[int], confidence: int
) -> Document:
    """The named images at one percent, in the evaluation's order; unknown ones are left out.

    At most six statements. `regions` is null where the rows have changed since, or were never
    here (an imported evaluation has counts alone), and where reading or drawing all images together
    takes too much: each is then drawn on a page of its own. `answer` is null for
    kinds without such, too.
    """
    images, planned = images_named(evaluation, ids=ids, positions=positions)
    stored = _stored(evaluation, planned)
    columns = zip(
        images.positions,
        planned,
        images.records(confidence, len(evaluation.classes)),
        _addresses(evaluation, planned, stored),
        _of_known(stored, lambda known, job: drawings(known, job, confidence), evaluation),
        _of_known(stored, lambda known, job: answers(known, job, confidence), evaluation),
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
                "image": _address(evaluation, position, row.task_id, address),
                "regions": regions,
                "answer": answer,
            }
            for position, row, record, address, regions, answer in columns
        ],
    }


def _stored(evaluation: ModelEval, rows: Sequence[PlannedRow]) -> list[ReadImage | None]:
    if evaluation.origin == ModelEval.Origin.IMPORTED or not rows:
        return [None] * len(rows)
    few = next(portions(rows))
    return [*stored_images(evaluation, few), *[None] * (len(rows) - len(few))]


def _of_known(
    images: Sequence[ReadImage | None],
    show: Callable[[list[StoredImage], Job], Iterable[Document | None]],
    evaluation: ModelEval,
) -> Iterator[Document | None]:
    """What `show` makes of the images that are known; None for the others, and where it cannot."""
    known = [image.stored for image in images if image is not None]
    # An imported evaluation has no definition of its own to match by.
    shown: Iterator[Document | None] = repeat(None)
    with suppress(EvaluationError, GeometryError):
        shown = iter(list(show(known, job_of(evaluation))) if known else ())
    for image in images:
        yield None if image is None else next(shown)


def _addresses(
    evaluation: ModelEval, rows: Sequence[PlannedRow], stored: Sequence[ReadImage | None]
) -> list[str | None]:
    """The beginning of each image's address. A statement for those whose rows have changed."""
    missing = [
        (row.task_id, row.item) for row, image in zip(rows, stored, strict=True) if image is None
    ]
    late = iter(image_addresses(evaluation, missing))
    return [next(late) if image is None else image.url for image in stored]


def _address(
    evaluation: ModelEval, position: int, task_id: int | None, given: str | None
) -> str | None:
    """Where a browser finds the image; None for what it cannot load.

    An image that stands in the task itself is loaded by itself, once, not with every answer.
    """
    if given is None:
        return None
    if DATA_IMAGE.match(given):
        return reverse("admin:evals_modeleval_picture", args=[evaluation.eval_id, position])
    if given.startswith(OBJECT) and task_id is not None and len(given) < LONGEST_URL:
        return shown_at(given, task_id)
    is_loadable = WEB_ADDRESS.match(given) or is_local(given)
    return given if is_loadable and len(given) < LONGEST_URL else None


def picture(evaluation: ModelEval, position: int) -> tuple[str, bytes] | None:
    """Type and bytes of an image that stands in its task; None where it is no such image."""
    return decoded(image_address(evaluation, position) or "")
