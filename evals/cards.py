"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from evals import wire
from evals.classes import image_key
from evals.examine import Examined, examine
from evals.geometry import Shape
from evals.jobs import job_of
from evals.matching import ObjectVerdict
from evals.models import ModelEval
from evals.objects import stored_images
from evals.queries import images_at
from evals.snapshot import LONGEST_URL, PlannedRow
from predictions.queries import fetch_all, fetch_one

# Pixels only: an SVG is a document with scripts.
DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp|bmp|avif));base64,", re.IGNORECASE)
WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

# Served by the index on (evaluation, image_id).
BY_ID_SQL = """
SELECT DISTINCT ON (image_id) position, task_id, annotation_id, prediction_id, split
FROM evals_evalimage WHERE evaluation_id = %s AND image_id = ANY(%s)
ORDER BY image_id, position
"""
# By primary key.
BY_POSITION_SQL = """
SELECT position, task_id, annotation_id, prediction_id, split
FROM evals_evalimage WHERE evaluation_id = %s AND position = ANY(%s) ORDER BY position
"""


def cards(
    found: ModelEval, *, ids: Sequence[str], positions: Sequence[int], confidence: int
) -> wire.Document:
    """The named images at one percent, in the evaluation's order; unknown ones are left out.

    At most five statements. `objects` is null where the rows have changed since, or were never
    here: an imported evaluation has counts alone.
    """
    rows = []
    if ids:
        # No stored text holds a NUL, and Postgres refuses to look for one.
        rows += fetch_all(BY_ID_SQL, [found.pk, [text for text in ids if "\0" not in text]])
    if positions:
        rows += fetch_all(BY_POSITION_SQL, [found.pk, list(positions)])
    keys = {row[0]: PlannedRow(*row[1:]) for row in sorted(rows)}
    records = images_at(found, list(keys)).records(confidence, len(found.classes))
    objects = _objects(found, list(keys.values()), confidence)
    pictures = _pictures(found, [row.task_id for row in keys.values()])
    return {
        "confidenceThreshold": confidence / 100,
        "cards": [
            {
                **record,
                "position": position,
                "taskId": row.task_id,
                "annotationId": row.annotation_id,
                "predictionId": row.prediction_id,
                "image": _address(found, position, pictures.get(row.task_id)),
                **drawn,
            }
            for (position, row), record, drawn in zip(keys.items(), records, objects, strict=True)
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


def _pictures(found: ModelEval, task_ids: Sequence[int | None]) -> dict[int | None, str]:
    """The beginning of each task's image address, by task. One statement."""
    known = [task_id for task_id in task_ids if task_id is not None]
    if found.project is None or not known:
        return {}
    rows = fetch_all(PICTURES_SQL, [image_key(found.project), LONGEST_URL, known])
    return {task_id: address for task_id, address in rows if address}


def _address(found: ModelEval, position: int, given: str | None) -> str | None:
    """Where a browser finds the image; None for what it cannot load.

    An image that stands in the task itself is loaded by itself, once, not with every answer.
    """
    if given is None:
        return None
    if DATA_IMAGE.match(given):
        return reverse("admin:evals_picture", args=[found.eval_id, position])
    return given if WEB_ADDRESS.match(given) and len(given) < LONGEST_URL else None


def picture(found: ModelEval, position: int) -> tuple[str, bytes] | None:
    """Type and bytes of an image that stands in its task; None where it is no such image."""
    key = None if found.project is None else image_key(found.project)
    row = fetch_one(PICTURE_SQL, [key, found.pk, position])
    head = DATA_IMAGE.match(row[0] or "") if row else None
    if row is None or head is None:
        return None
    try:
        return head[1].lower(), base64.b64decode(row[0][head.end() :], validate=True)
    except ValueError:
        return None


def _objects(found: ModelEval, rows: Sequence[PlannedRow], confidence: int) -> list[wire.Document]:
    """What each image has, by rows; one statement."""
    nothing: wire.Document = {"objects": None}
    if found.origin == ModelEval.Origin.IMPORTED or not rows:
        return [nothing] * len(rows)
    job = job_of(found)
    return [
        nothing if image is None else _drawn(examine(image.stored, job, confidence), found.classes)
        for image in stored_images(found, rows)
    ]


def _drawn(examined: Examined, classes: Sequence[str]) -> wire.Document:
    """Each side's objects, with their outlines in percent of the image."""
    shapes = [*examined.shapes, *examined.detected_shapes]
    sized = next((shape for shape in shapes if shape is not None), None)
    truths = zip(examined.labels, examined.shapes, examined.truths, strict=True)
    said = zip(
        examined.detected_labels,
        examined.detected_shapes,
        examined.found,
        examined.scores,
        strict=True,
    )
    return {
        "size": None if sized is None else [sized.width_px, sized.height_px],
        "objects": {
            "groundTruth": [
                _object(classes[label], shape, verdict) for label, shape, verdict in truths
            ],
            "predictions": [
                {**_object(classes[label], shape, verdict), "score": score}
                for label, shape, verdict, score in said
            ],
        },
    }


def _object(name: str, shape: Shape | None, verdict: ObjectVerdict | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "class": name,
        "verdict": None if verdict is None else verdict.verdict.value,
        "box": None,
        "polygon": None,
    }
    if shape is not None:
        width, height = shape.width_px, shape.height_px
        x, y, w, h = shape.box_xywh_px
        document["box"] = [
            100 * x / width, 100 * y / height, 100 * w / width, 100 * h / height,
        ]  # fmt: skip
        if shape.points_px is not None:
            scale = [100 / width, 100 / height]
            document["polygon"] = (shape.points_px * scale).tolist()
    return document
