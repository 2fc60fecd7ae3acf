"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Iterator, Sequence

from django.urls import reverse

from evals.db.definition import job_of
from evals.db.queries import IMAGE_COLUMNS, POSITION, image_key_of, images_of
from evals.db.snapshot import LONGEST_URL, PlannedRow, ReadImage
from evals.desk.drawing import drawings
from evals.documents import panels
from evals.models import ModelEval
from evals.reports.image_objects import stored_images
from predictions_api.postgres.sql import fetch_all, fetch_one

# Pixels only: an SVG is a document with scripts.
DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|bmp|avif));base64,", re.IGNORECASE)
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

# Served by the index on (evaluation, image_id).
BY_ID_SQL = f"""
SELECT DISTINCT ON (image_id) {IMAGE_COLUMNS}, task_id, annotation_id, prediction_id, split
FROM evals_evalimage WHERE evaluation_id = %s AND image_id = ANY(%s)
ORDER BY image_id, position
"""  # noqa: S608
# By primary key.
BY_POSITION_SQL = f"""
SELECT {IMAGE_COLUMNS}, task_id, annotation_id, prediction_id, split
FROM evals_evalimage WHERE evaluation_id = %s AND position = ANY(%s) ORDER BY position
"""  # noqa: S608


def cards(
    found: ModelEval, *, ids: Sequence[str], positions: Sequence[int], confidence: int
) -> panels.Document:
    """The named images at one percent, in the evaluation's order; unknown ones are left out.

    At most five statements. `regions` is null where the rows have changed since, or were never
    here: an imported evaluation has counts alone.
    """
    rows = []
    if ids:
        # No stored text holds a NUL, and Postgres refuses to look for one.
        rows += fetch_all(BY_ID_SQL, [found.pk, [text for text in ids if "\0" not in text]])
    if positions:
        rows += fetch_all(BY_POSITION_SQL, [found.pk, list(positions)])
    # By id and by position the same image may be named twice.
    by_position = {row[POSITION]: row for row in rows}
    rows = [by_position[position] for position in sorted(by_position)]
    images = images_of(rows)
    planned = [PlannedRow(*row[-4:]) for row in rows]
    stored = _stored(found, planned)
    columns = zip(
        images.positions,
        planned,
        images.records(confidence, len(found.classes)),
        _addresses(found, planned, stored),
        _drawn(found, stored, confidence),
        strict=True,
    )
    return {
        "confidenceThreshold": confidence / 100,
        "cards": [
            {
                **record,
                "position": position,
                "taskId": row.task_id,
                "annotationId": row.annotation_id,
                "predictionId": row.prediction_id,
                "image": _address(found, position, address),
                "regions": regions,
            }
            for position, row, record, address, regions in columns
        ],
    }


# By primary key.
PICTURES_SQL = """
SELECT id, left(data ->> %s, %s) FROM predictions_task WHERE id = ANY(%s)
"""
PICTURE_SQL = """
SELECT t.data ->> %s FROM predictions_task t JOIN evals_evalimage i ON i.task_id = t.id
WHERE i.evaluation_id = %s AND i.position = %s
"""


def _stored(found: ModelEval, rows: Sequence[PlannedRow]) -> list[ReadImage | None]:
    if found.origin == ModelEval.Origin.IMPORTED or not rows:
        return [None] * len(rows)
    return stored_images(found, rows)


def _drawn(
    found: ModelEval, images: Sequence[ReadImage | None], confidence: int
) -> Iterator[panels.Document | None]:
    known = [image.stored for image in images if image is not None]
    # An imported evaluation has no definition of its own to match by.
    drawn = drawings(known, job_of(found), confidence) if known else iter(())
    for image in images:
        yield None if image is None else next(drawn)


def _addresses(
    found: ModelEval, rows: Sequence[PlannedRow], stored: Sequence[ReadImage | None]
) -> list[str | None]:
    """The beginning of each image's address. A statement for those whose rows have changed."""
    missing = [
        row.task_id
        for row, image in zip(rows, stored, strict=True)
        if image is None and row.task_id is not None
    ]
    late: dict[int | None, str] = {}
    if missing:
        late = dict(fetch_all(PICTURES_SQL, [image_key_of(found), LONGEST_URL, missing]))
    return [
        late.get(row.task_id) if image is None else image.url
        for row, image in zip(rows, stored, strict=True)
    ]


def _address(found: ModelEval, position: int, given: str | None) -> str | None:
    """Where a browser finds the image; None for what it cannot load.

    An image that stands in the task itself is loaded by itself, once, not with every answer.
    """
    if given is None:
        return None
    if DATA_IMAGE.match(given):
        return reverse("admin:evals_modeleval_picture", args=[found.eval_id, position])
    return given if WEB_ADDRESS.match(given) and len(given) < LONGEST_URL else None


def picture(found: ModelEval, position: int) -> tuple[str, bytes] | None:
    """Type and bytes of an image that stands in its task; None where it is no such image."""
    row = fetch_one(PICTURE_SQL, [image_key_of(found), found.pk, position])
    head = DATA_IMAGE.match(row[0] or "") if row else None
    if row is None or head is None:
        return None
    try:
        return head[1].lower(), base64.b64decode(row[0][head.end() :], validate=True)
    except ValueError:
        return None
