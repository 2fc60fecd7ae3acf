"""One image of an evaluation with every object, its score, its match and its overlap.

The boxes are those of the store, which the evaluation names by row. Where the rows have changed
since, the counts still stand but their boxes are gone, and that is said instead of showing others.
"""

from collections.abc import Sequence
from typing import Any

from evals.db.definition import job_of
from evals.db.queries import image_keys, images_at
from evals.db.snapshot import PlannedRow, ReadImage, read
from evals.documents import panels
from evals.engine.geometry import Shape
from evals.engine.matching import ObjectVerdict
from evals.engine.object_verdicts import Examined, examine
from evals.engine.reading import reading_of
from evals.models import ModelEval
from evals.refusals import ImageNotFound, ReportNotFound

NO_OBJECTS = (
    "An imported evaluation has counts of its images, but no objects: they were not in the file."
)
CHANGED = (
    "The annotation or prediction of this image was changed or deleted after the evaluation. "
    "Its counts stand; run the evaluation again to see its objects."
)


def image_with_objects(found: ModelEval, image_id: str, confidence: int) -> panels.Document:
    """The image's record with `groundTruth` and `predictions`. Three statements."""
    keys = image_keys(found, image_id)
    if keys is None:
        raise ImageNotFound()
    position, row = keys
    if found.origin == ModelEval.Origin.IMPORTED:
        raise ReportNotFound(NO_OBJECTS)
    image = stored_images(found, [PlannedRow(*row)])[0]
    if image is None:
        raise ReportNotFound(CHANGED)
    record = images_at(found, [position]).records(confidence, len(found.classes))[0]
    examined = examine([image.stored], job_of(found), confidence)[0]
    return {
        "confidenceThreshold": confidence / 100,
        "iouThreshold": found.iou_threshold,
        **record,
        "taskId": row[0],
        "annotationId": row[1],
        "predictionId": row[2],
        **_objects(examined, found.classes),
    }


def stored_images(found: ModelEval, rows: Sequence[PlannedRow]) -> list[ReadImage | None]:
    """The stored rows behind images; None for one that changed since. One statement at most."""
    if found.project is None or found.planned_at is None:
        return [None] * len(rows)
    return read(rows, reading=reading_of(found.reading), planned_at=found.planned_at)


def _objects(examined: Examined, classes: Sequence[str]) -> panels.Document:
    truths = zip(examined.labels, examined.shapes, examined.truths, strict=True)
    detections = zip(
        examined.detected_labels,
        examined.detected_shapes,
        examined.scores,
        examined.found,
        strict=True,
    )
    return {
        "groundTruth": [
            {"index": n, "class": classes[label], **_shape(shape), **_verdict(verdict)}
            for n, (label, shape, verdict) in enumerate(truths)
        ],
        # What is below the confidence is not kept: it has no verdict.
        "predictions": [
            {
                "index": n,
                "class": classes[label],
                "score": score,
                **_shape(shape),
                **_verdict(verdict),
            }
            for n, (label, shape, score, verdict) in enumerate(detections)
        ],
    }


def _shape(shape: Shape | None) -> dict[str, Any]:
    """Box [x, y, width, height] and outline in pixels; none where whole images are labelled."""
    if shape is None:
        return {"box": None, "polygon": None}
    outline = None if shape.points_px is None else shape.points_px.tolist()
    return {"box": list(shape.box_xywh_px), "polygon": outline}


def _verdict(verdict: ObjectVerdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"verdict": None, "matched": None, "iou": None}
    return {"verdict": verdict.verdict.value, "matched": verdict.matched, "iou": verdict.iou}
