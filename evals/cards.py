"""Images as the desk shows them: counts, the rows they come from, and what is drawn on them."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.urls import reverse

from evals import wire
from evals.classes import image_key
from evals.examine import Examined, examine
from evals.geometry import Shape
from evals.jobs import job_of
from evals.matching import ObjectVerdict, Verdict
from evals.models import ModelEval
from evals.objects import stored_images
from evals.queries import images_at
from evals.regions import StoredImage, image_size
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
    job = job_of(found)
    return [
        nothing
        if image is None
        else _drawn(image.stored, examine(image.stored, job, confidence), found, confidence)
        for image in stored_images(found, rows)
    ]


def _drawn(
    stored: StoredImage, examined: Examined, found: ModelEval, confidence: int
) -> wire.Document:
    """Objects, and detections that are kept, as the desk's module draws regions."""
    masks = {id(shape): value for shape, value in _masks(stored, examined)}
    truths = zip(examined.labels, examined.shapes, examined.truths, strict=True)
    said = zip(
        examined.detected_labels, examined.detected_shapes, examined.found, examined.scores,
        strict=True,
    )  # fmt: skip
    regions = [
        _region("ground_truth", found.classes[label], shape, verdict, None, masks)
        for label, shape, verdict in truths
        if shape is not None
    ] + [
        _region("prediction", found.classes[label], shape, verdict, score, masks)
        for label, shape, verdict, score in said
        if shape is not None and score >= confidence / 100
    ]
    return {"regions": regions, "size": image_size(stored)}


def _masks(stored: StoredImage, examined: Examined) -> Iterator[tuple[Shape, dict[str, Any]]]:
    """The brush masks as they are stored, by the shapes that were read from them."""
    for regions, shapes in (
        (stored.truth, examined.shapes),
        (stored.said, examined.detected_shapes),
    ):
        values = [r["value"] for r in regions if isinstance(r.get("value"), dict)]
        painted = [value for value in values if "rle" in value]
        masks = [s for s in shapes if s is not None and s.rle is not None and s.points_px is None]
        # Of another number, some are not counted, and nobody knows which.
        if len(painted) == len(masks):
            yield from zip(masks, painted, strict=True)


#: A match of two classes counts as both: a false positive of the one, a miss of the other.
WRONG = {"prediction": Verdict.FALSE_POSITIVE, "ground_truth": Verdict.FALSE_NEGATIVE}


def _region(
    side: str,
    label: str,
    shape: Shape,
    verdict: ObjectVerdict | None,
    score: float | None,
    masks: Mapping[int, dict[str, Any]],
) -> dict[str, Any]:
    kind, geometry = _geometry(shape, masks.get(id(shape)))
    word = None if verdict is None else verdict.verdict
    return {
        "kind": kind,
        "label": label,
        "side": side,
        "verdict": WRONG[side] if word is Verdict.WRONG_CLASS else word,
        "score": score,
        "geometry": geometry,
    }


def _geometry(shape: Shape, mask: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """In per cent of the image, to a thousandth: it is for the eye."""
    width, height = shape.width_px, shape.height_px
    if mask is not None:
        return "brush", {"rle": mask["rle"], "width": width, "height": height}
    if shape.points_px is not None:
        scaled = shape.points_px * [100 / width, 100 / height]
        return "polygon", {"points": scaled.round(3).tolist()}
    x, y, w, h = shape.box_xywh_px
    sides = {"x": x / width, "y": y / height, "width": w / width, "height": h / height}
    return "rectangle", {name: round(100 * part, 3) for name, part in sides.items()}
