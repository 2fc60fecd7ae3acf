"""One image of an evaluation with every object, its score, its match and its overlap.

The boxes are read from the annotation and the prediction that were evaluated. Where these have
changed since, the counts still stand, but there are no objects to show: ReportNotFound.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import asdict

from evals.db.definition import job_of, kind_of
from evals.db.images import image_keys, images_at
from evals.db.snapshot.plan import PlannedRow
from evals.db.snapshot.stored import ReadImage, read
from evals.documents.images import ImageDetection, ImageObject, ImageRecord, ImageWithObjects
from evals.documents.refusals import ImageNotFound, ReportNotFound
from evals.engine.kinds.kind import ImageVerdicts
from evals.engine.matching import ObjectVerdict, Verdict
from evals.engine.reading import reading_of
from evals.models import ModelEval
from predictions.regions.geometry import Shape

NO_OBJECTS = (
    "An imported evaluation has counts of its images, but no objects: they were not in the file."
)
CHANGED = (
    "The data, annotation or prediction of this image was changed or deleted after the evaluation. "
    "Its counts stand; run the evaluation again to see its objects."
)


def image_with_objects(evaluation: ModelEval, image_id: str, confidence: int) -> ImageWithObjects:
    """The image's record with its objects and the detections kept at one percent.

    ImageNotFound for an unknown id; ReportNotFound where the objects were never here or have
    changed. Three statements.
    """
    keys = image_keys(evaluation, image_id)
    if keys is None:
        raise ImageNotFound()
    position, row = keys
    if evaluation.origin == ModelEval.Origin.IMPORTED:
        raise ReportNotFound(NO_OBJECTS)
    image = stored_images(evaluation, [row])[0]
    if image is None:
        raise ReportNotFound(CHANGED)
    classes = evaluation.classes
    record = images_at(evaluation, [position]).records(confidence, len(classes))[0]
    verdicts = kind_of(evaluation).verdicts([image.stored], job_of(evaluation), confidence)[0]
    # Of one that was counted before such was written down, nothing else tells of an edited task.
    if row.told is None and kind_of(evaluation).has_items and _counts(verdicts) != _counted(record):
        raise ReportNotFound(CHANGED)
    return ImageWithObjects(
        **asdict(record),
        confidence_threshold=confidence / 100,
        iou_threshold=evaluation.iou_threshold,
        task_id=row.task_id,
        annotation_id=row.annotation_id,
        prediction_id=row.prediction_id,
        ground_truth=_objects(verdicts, classes),
        predictions=_detections(verdicts, classes),
    )


def _counts(verdicts: ImageVerdicts) -> tuple[int, int, int]:
    """True positives, false positives and misses; a match of two classes is one of either."""
    truths = [one.verdict for one in verdicts.truths if one is not None]
    found = [one.verdict for one in verdicts.found if one is not None]
    right = sum(one is Verdict.TRUE_POSITIVE for one in truths)
    return right, len(found) - right, len(truths) - right


def _counted(record: ImageRecord) -> tuple[int, int, int]:
    stats = record.stats
    return stats.true_positives, stats.false_positives, stats.false_negatives


def stored_images(evaluation: ModelEval, rows: Sequence[PlannedRow]) -> list[ReadImage | None]:
    """The stored rows behind images; None for one that changed since. One statement at most."""
    if evaluation.project is None or evaluation.planned_at is None:
        return [None] * len(rows)
    # What is shown of a text is the text.
    needs_data = kind_of(evaluation).needs_data
    reading = replace(reading_of(evaluation.reading), needs_data=needs_data)
    return read(rows, reading=reading, of_text=needs_data, planned_at=evaluation.planned_at)


def _objects(verdicts: ImageVerdicts, classes: Sequence[str]) -> list[ImageObject]:
    facts = verdicts.facts[0] or [{}] * len(verdicts.labels)
    columns = zip(verdicts.labels, verdicts.shapes, verdicts.truths, facts, strict=True)
    return [
        ImageObject(
            index=n, class_name=classes[label], **_geometry(shape), **_verdict(verdict), **more
        )
        for n, (label, shape, verdict, more) in enumerate(columns)
    ]


def _detections(verdicts: ImageVerdicts, classes: Sequence[str]) -> list[ImageDetection]:
    columns = zip(
        verdicts.detected_labels,
        verdicts.detected_shapes,
        verdicts.scores,
        verdicts.found,
        verdicts.facts[1] or [{}] * len(verdicts.scores),
        strict=True,
    )
    # A detection below the confidence is not kept: it has no verdict.
    return [
        ImageDetection(
            index=n,
            class_name=classes[label],
            score=score,
            **_geometry(shape),
            **_verdict(verdict),
            **more,
        )
        for n, (label, shape, score, verdict, more) in enumerate(columns)
    ]


def _geometry(shape: Shape | None) -> dict[str, Any]:
    """Box [x, y, width, height] and outline in pixels; None where whole images are labelled."""
    if shape is None:
        return {"box": None, "polygon": None}
    # A turned box has corners instead.
    is_outline = shape.points_px is not None and not shape.is_turned
    outline = shape.points_px.tolist() if is_outline and shape.points_px is not None else None
    return {"box": list(shape.box_xywh_px), "polygon": outline}


def _verdict(verdict: ObjectVerdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"verdict": None, "matched": None, "iou": None}
    return {"verdict": verdict.verdict.value, "matched": verdict.matched, "iou": verdict.iou}
