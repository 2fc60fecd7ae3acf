"""Images of an evaluation as files, streamed: CSV, JSON Lines, and COCO in a zip."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from evals.db.definition import job_of, kind_of
from evals.db.images import images_at, source_rows
from evals.db.snapshot.stored import ReadImage, portions
from evals.documents.document import encode
from evals.documents.images import ImageRecord
from evals.documents.names import SPLITS, with_background
from evals.documents.refusals import ReportNotFound
from evals.engine.kinds.keypoints import pixel_points
from evals.engine.kinds.kind import Job
from evals.engine.kinds.table import KINDS
from evals.engine.precision.measures import IouType
from evals.engine.reading import reading_of
from evals.engine.region_rows import image_size
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from evals.models import ModelEval
from evals.reports.image_objects import NO_OBJECTS, stored_images
from predictions.exports.types.archive import zipped
from predictions.regions.geometry import Floats, Shape, rle_area, shape_rle
from predictions_api.http.rendering import harmless_cell

AT_ONCE = 1000
#: COCO's word for a key point that is there and seen.
SEEN = 2
#: No annotation has so many regions: it is 32 MiB of JSON at most.
MOST_REGIONS = 2**20

CSV_COLUMNS = (
    "imageId",
    "imageName",
    "split",
    "augmentations",
    "cluster",
    "x",
    "y",
    "truePositives",
    "falsePositives",
    "falseNegatives",
    "precision",
    "recall",
    "f1",
    "confusion",
)


def records(
    evaluation: ModelEval, positions: Sequence[int], confidence: int
) -> Iterator[list[ImageRecord]]:
    """The images at these positions, AT_ONCE at a time."""
    for first in range(0, len(positions), AT_ONCE):
        images = images_at(evaluation, positions[first : first + AT_ONCE])
        yield images.records(confidence, len(evaluation.classes))


def json_lines(evaluation: ModelEval, positions: Sequence[int], confidence: int) -> Iterator[bytes]:
    """One JSON document a line."""
    for some in records(evaluation, positions, confidence):
        yield b"".join(encode(record) + b"\n" for record in some)


def csv_lines(evaluation: ModelEval, positions: Sequence[int], confidence: int) -> Iterator[bytes]:
    """A header and one row an image; the confusion cells as `actual>predicted:count` by name.

    A name that has `>`, `:` or quotes in it, or spaces around it, is in quotes, as in JSON.
    """
    names = [_in_cell(name) for name in with_background(evaluation.classes)]
    measured: list[str] | None = None
    for some in records(evaluation, positions, confidence):
        if measured is None:
            # What its kind measures of single images is the same for all.
            measured = list(some[0].metrics or ())
            yield _csv([[*CSV_COLUMNS, *measured]])
        yield _csv(_csv_row(record, names, measured) for record in some)
    if measured is None:
        yield _csv([CSV_COLUMNS])


def _in_cell(name: str) -> str:
    is_plain = name == name.strip() and not set(name) & set('>:"')
    return name if is_plain else encode(name).decode()


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _csv_row(record: ImageRecord, names: Sequence[str], measured: Sequence[str]) -> list[Any]:
    cluster, stats = record.cluster, record.stats
    cells = " ".join(f"{names[a]}>{names[p]}:{n}" for a, p, n in record.confusion)
    texts = (record.image_id, record.image_name, record.split)
    return [
        *(harmless_cell(text) for text in texts),
        record.augmentations,
        cluster.id if cluster else None,
        *((cluster.embedding_2d if cluster else None) or (None, None)),
        stats.true_positives,
        stats.false_positives,
        stats.false_negatives,
        stats.precision,
        stats.recall,
        stats.f1,
        harmless_cell(cells),
        *((record.metrics or {}).get(name) for name in measured),
    ]


def refuse_without_objects(evaluation: ModelEval) -> None:
    """ReportNotFound where there are no boxes to export."""
    if evaluation.origin == ModelEval.Origin.IMPORTED or not kind_of(evaluation).shapes:
        raise ReportNotFound(
            NO_OBJECTS
            if evaluation.origin == ModelEval.Origin.IMPORTED
            else "What is compared has no boxes: COCO cannot hold it."
        )


def coco_zip(evaluation: ModelEval, split: int | None = None) -> Iterator[bytes]:
    """`ground_truth.json` and `detections.json` as COCO's tools read them, in a zip: of all images,
    which tell their split, or of one split alone, of which COCO's tools make the split's figures.

    Image ids are task ids, or where tasks have several images the places of these, from 1. Images
    whose rows changed after the evaluation are left out and named in the ground truth's `info`.
    """
    yield from zipped(
        [
            ("ground_truth.json", _truth_parts(evaluation, split)),
            ("detections.json", _array(evaluation, split, _detection_items, set())),
        ]
    )


@dataclass(frozen=True, slots=True)
class Exported:
    """An image to export, and its place in the evaluation."""

    image: ReadImage
    position: int
    has_one_image: bool

    @property
    def image_id(self) -> int:
        """The task's id; where tasks have several images, the place of each, from 1."""
        return self.image.row.task_id if self.has_one_image else self.position + 1

    def annotation_id(self, place: int) -> int:
        """From 1, as COCO takes 0 for none, and the same at each export."""
        of = self.image.row.annotation_id if self.has_one_image else self.image_id
        return object_id(of, place)


def object_id(of: int, place: int) -> int:
    """An id of the object at a place, from 0, of an annotation or image: the same for no two."""
    return of * MOST_REGIONS + place + 1


def _chunks(evaluation: ModelEval, split: int | None) -> Iterator[tuple[list[Exported], list[int]]]:
    """The split's images with their stored rows, some at a time, and the tasks of those that
    changed.
    """
    has_one_image = reading_of(evaluation.reading).has_one_image
    first = 0
    while (found := source_rows(evaluation, first, first + AT_ONCE))[1]:
        asked = [
            (place, row)
            for place, row in zip(*found, strict=True)
            if split is None or row.split == split
        ]
        places = iter([place for place, _ in asked])
        for rows in portions([row for _, row in asked]) if asked else ():
            images = stored_images(evaluation, rows)
            gone = [row.task_id for row, image in zip(rows, images, strict=True) if image is None]
            exported = [
                Exported(image, position, has_one_image)
                for image, position in zip(images, places, strict=False)
                if image is not None
            ]
            yield exported, gone
        first += AT_ONCE


Item = Callable[[list[Exported], Job], Iterator[dict[str, Any]]]


def _array(
    evaluation: ModelEval, split: int | None, items: Item, gone: set[int]
) -> Iterator[bytes]:
    """One JSON array, some elements at a time."""
    separator = b"["
    for images, changed in _chunks(evaluation, split):
        gone.update(changed)
        for item in items(images, job_of(evaluation)):
            yield separator + orjson.dumps(item)
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _truth_parts(evaluation: ModelEval, split: int | None) -> Iterator[bytes]:
    gone: set[int] = set()
    names = [called for called, _ in reading_of(evaluation.reading).keypoints]
    points = {"keypoints": names, "skeleton": []} if names else {}
    categories = [
        {"id": n + 1, "name": name, **points} for n, name in enumerate(evaluation.classes)
    ]
    yield b'{"categories":' + orjson.dumps(categories) + b',"images":'
    yield from _array(evaluation, split, _image_items, gone)
    yield b',"annotations":'
    yield from _array(evaluation, split, _truth_items, gone)
    info = {
        "description": f"Ground truth of evaluation {evaluation.eval_id}",
        "tasksChangedSince": sorted(gone),
    }
    yield b',"info":' + orjson.dumps(info) + b"}"


def _image_items(images: list[Exported], job: Job) -> Iterator[dict[str, Any]]:
    for one in images:
        truth, detections = _shapes(one, job)
        sizes = [*truth.sizes_px.tolist(), *detections.sizes_px.tolist()]
        told = sizes[0] if sizes else image_size(one.image.stored) or (0, 0)
        yield {
            "id": one.image_id,
            "file_name": one.image.name,
            "width": int(told[0]),
            "height": int(told[1]),
            "split": SPLITS[one.image.row.split],
        }


def _shapes(one: Exported, job: Job) -> tuple[Side, Side]:
    return read_shapes([one.image.stored], job.classes, reading=job.reading, all_shapes=True)


def _truth_items(images: list[Exported], job: Job) -> Iterator[dict[str, Any]]:
    for one in images:
        truth, _ = _shapes(one, job)
        points = _keypoints(one, job, 0)
        for place, shape in truth.shapes.items():
            yield {
                "id": one.annotation_id(place),
                "image_id": one.image_id,
                "category_id": int(truth.label[place]) + 1,
                "iscrowd": int(place in truth.crowds),
                **_geometry(shape, job),
                **points.get(place, {}),
                **({"area": truth.areas[place]} if place in truth.areas else {}),
            }


def _detection_items(images: list[Exported], job: Job) -> Iterator[dict[str, Any]]:
    for one in images:
        _, detections = _shapes(one, job)
        points = _keypoints(one, job, 1)
        for place, shape in detections.shapes.items():
            found = _geometry(shape, job)
            if isinstance(found.get("segmentation"), dict):
                # With a box beside it pycocotools takes the area of that, and another size.
                del found["bbox"]
            yield {
                "image_id": one.image_id,
                "category_id": int(detections.label[place]) + 1,
                "score": float(detections.score[place]),
                **found,
                **points.get(place, {}),
            }


def _keypoints(one: Exported, job: Job, side: int) -> dict[int, dict[str, Any]]:
    """What COCO says of the key points of shapes, by position; nothing of kinds without any."""
    if not job.reading.has_keypoints:
        return {}
    points = pixel_points(one.image.stored, job)[side]
    points[..., 2] *= SEEN
    rows = points.reshape(len(points), 3 * points.shape[1]).tolist()
    return {
        place: {"keypoints": flat, "num_keypoints": sum(seen > 0 for seen in flat[2::3])}
        for place, flat in enumerate(rows)
    }


def _flat(points_px: Floats) -> list[float]:
    flat: list[float] = points_px.ravel().tolist()
    return flat


def _geometry(shape: Shape, job: Job) -> dict[str, Any]:
    box = list(shape.box_xywh_px)
    if job.iou_type != IouType.MASKS and KINDS[job.task_type].has_items:
        corners = {} if shape.points_px is None else {"segmentation": [_flat(shape.points_px)]}
        return {"bbox": box, "area": shape.area_px, **corners}

    rle = shape_rle(shape)
    mask = {"size": rle["size"], "counts": rle["counts"].decode()}
    return {"bbox": box, "area": rle_area(rle), "segmentation": mask}
