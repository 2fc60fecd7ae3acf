"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.urls import reverse

from evals import wire
from evals.classes import image_key
from evals.examine import ExaminedShapes, examine_shapes
from evals.geometry import Floats
from evals.jobs import job_of
from evals.matching import Verdict
from evals.models import ModelEval
from evals.objects import stored_images
from evals.queries import images_at
from evals.regions import Regions, Side, StoredImage, image_size
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

    At most five statements. `regions` is null where the rows have changed since, or were never
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
    drawings = _regions(found, list(keys.values()), confidence)
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
            for (position, row), record, drawn in zip(keys.items(), records, drawings, strict=True)
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
        return reverse("admin:evals_modeleval_picture", args=[found.eval_id, position])
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


def _regions(found: ModelEval, rows: Sequence[PlannedRow], confidence: int) -> list[wire.Document]:
    """What is drawn on each image. One statement."""
    nothing: wire.Document = {"regions": None, "size": None}
    if found.origin == ModelEval.Origin.IMPORTED or not rows:
        return [nothing] * len(rows)
    images = stored_images(found, rows)
    stored = [image.stored for image in images if image is not None]
    drawn = _drawn(stored, examine_shapes(stored, job_of(found), confidence), found, confidence)
    return [nothing if image is None else next(drawn) for image in images]


#: A match of two classes counts as both: a false positive of the one, a miss of the other.
WRONG = {"prediction": Verdict.FALSE_POSITIVE, "ground_truth": Verdict.FALSE_NEGATIVE}


def _drawn(
    stored: Sequence[StoredImage], examined: ExaminedShapes, found: ModelEval, confidence: int
) -> Iterator[wire.Document]:
    """Objects, and detections that are kept, as the desk's module draws regions."""
    truth, said = examined.truth, examined.said
    truth_boxes, said_boxes = examined.boxes_px
    nothing = [None] * len(truth.image)
    drawn: list[list[wire.Document]] = [[] for _ in stored]
    for name, side, boxes, verdicts, scores, regions in (
        ("ground_truth", truth, truth_boxes, examined.truths, nothing, [i.truth for i in stored]),
        ("prediction", said, said_boxes, examined.found, said.score, [i.said for i in stored]),
    ):
        places = _places(side, boxes, regions)
        words = {verdict: verdict for verdict in Verdict} | {Verdict.WRONG_CLASS: WRONG[name]}
        for image, label, (kind, geometry), verdict, score in zip(
            side.image, side.label, places, verdicts, scores, strict=True
        ):
            if score is None or score >= confidence / 100:
                drawn[image].append(
                    {
                        "kind": kind,
                        "label": found.classes[label],
                        "side": name,
                        "verdict": None if verdict is None else words[verdict.verdict],
                        "score": score,
                        "geometry": geometry,
                    }
                )
    for one, its_regions in zip(stored, drawn, strict=True):
        yield {"regions": its_regions, "size": image_size(one)}


def _places(
    side: Side, boxes_px: Floats, stored: Sequence[Regions]
) -> Iterator[tuple[str, wire.Document]]:
    """Kind and geometry in per cent of the image, to a thousandth: they are for the eye."""
    masks = _masks(side, stored)
    sizes = np.asarray(side.sizes_px).reshape(-1, 2)
    boxes = (100 * boxes_px / np.tile(sizes, 2)).round(3).tolist()
    for at, (x, y, width, height) in enumerate(boxes):
        shape = side.shapes.get(at)
        if shape is not None and at in masks:
            size = {"width": shape.width_px, "height": shape.height_px}
            yield "brush", {"rle": masks[at], **size}
        elif shape is not None and shape.points_px is not None:
            scaled = shape.points_px * [100 / shape.width_px, 100 / shape.height_px]
            yield "polygon", {"points": scaled.round(3).tolist()}
        else:
            yield "rectangle", {"x": x, "y": y, "width": width, "height": height}


def _masks(side: Side, stored: Sequence[Regions]) -> dict[int, Any]:
    """The brush masks as they are stored, by the position of the shape that was read from them."""
    read: dict[int, list[int]] = {}
    for at, shape in side.shapes.items():
        if shape.rle is not None and shape.points_px is None:
            read.setdefault(side.image[at], []).append(at)
    found: dict[int, Any] = {}
    for image, places in read.items():
        values = [r["value"] for r in stored[image] if isinstance(r.get("value"), dict)]
        painted = [value["rle"] for value in values if "rle" in value]
        # Of another number, some are not counted, and nobody knows which.
        if len(painted) == len(places):
            found |= zip(places, painted, strict=True)
    return found
