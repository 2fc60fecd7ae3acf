"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Iterator, Sequence

from django.urls import reverse

from evals.db.definition import job_of
from evals.db.queries import IMAGE_COLUMNS, POSITION, images_of
from evals.db.snapshot import LONGEST_URL, PlannedRow, ReadImage, image_path
from evals.desk.drawing import drawings
from evals.documents import panels
from evals.engine.reading import Reading, reading_of
from evals.models import ModelEval
from evals.reports.image_objects import stored_images
from predictions_api.postgres.sql import fetch_all, fetch_one

# Pixels only: an SVG is a document with scripts.
DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|bmp|avif));base64,", re.IGNORECASE)
# Postgres' texts are no longer.
LONGEST_TEXT = 2**30
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

# Served by the index on (evaluation, image_id).
BY_ID_SQL = f"""
SELECT DISTINCT ON (image_id) {IMAGE_COLUMNS}, task_id, annotation_id, prediction_id, split, item
FROM evals_evalimage WHERE evaluation_id = %s AND image_id = ANY(%s)
ORDER BY image_id, position
"""  # noqa: S608
# By primary key.
BY_POSITION_SQL = f"""
SELECT {IMAGE_COLUMNS}, task_id, annotation_id, prediction_id, split, item
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
    planned = [PlannedRow(*row[-5:]) for row in rows]
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
SELECT left(COALESCE(t.data ->> array_to_string(c.path::text[], '.'), t.data #>> c.path::text[]),
            %s)
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS c(task_id, path, n)
LEFT JOIN predictions_task t ON t.id = c.task_id ORDER BY c.n
"""
ITEM_SQL = "SELECT task_id, item FROM evals_evalimage WHERE evaluation_id = %s AND position = %s"


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
    reading = reading_of(found.reading)
    missing = [row for row, image in zip(rows, stored, strict=True) if image is None]
    late: Iterator[str | None] = iter(())
    if missing:
        tasks = [row.task_id for row in missing]
        late = iter(_pictures(reading, tasks, [row.item for row in missing], LONGEST_URL))
    return [next(late) if image is None else image.url for image in stored]


def _pictures(
    reading: Reading, tasks: Sequence[int], items: Sequence[str], longest: int
) -> list[str | None]:
    """The beginnings of images' addresses. One statement."""
    paths = [image_path(reading, item) for item in items]
    return [text for (text,) in fetch_all(PICTURES_SQL, [longest, list(tasks), paths])]


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
    row = fetch_one(ITEM_SQL, [found.pk, position])
    if row is None:
        return None
    given = _pictures(reading_of(found.reading), [row[0]], [row[1]], LONGEST_TEXT)[0] or ""
    head = DATA_IMAGE.match(given)
    if head is None:
        return None
    try:
        return head[1].lower(), base64.b64decode(given[head.end() :], validate=True)
    except ValueError:
        return None
