"""A batch of images as COCO's evaluators want them: ids from 1, boxes [x, y, width, height]."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evals.engine.errors import MisshapenArrays
from evals.engine.events import Ints
from evals.engine.matching import Detections, Objects
from evals.engine.precision.measures import IouType, Measure
from predictions.regions.geometry import Bools, Floats, Rle, rle_areas

#: Numbers of a turned box: no multiple of three, as keypoints have.
TURNED_WIDTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Ground truth and detections of some images; boxes are float64 (n, 4) in pixels.

    Canonical order matters where scores tie: image id, then region position.
    """

    #: int64 (n_images,), each once in the whole evaluation; `image` below is a place in it.
    image_ids: Ints
    objects: Objects
    object_boxes_xywh_px: Floats
    detections: Detections
    detection_boxes_xywh_px: Floats
    #: For masks, one an object and one a detection; None for boxes.
    object_rles: Sequence[Rle] | None = None
    detection_rles: Sequence[Rle] | None = None
    #: For turned boxes (n, 5): centre, width, height, radians. For keypoints (n, 3 x keypoints): x,
    #: y and whether it is there, in the order of their sigmas. None for everything else.
    object_extents: Floats | None = None
    detection_extents: Floats | None = None
    #: Square pixels that decide an object's size; by default of its box, or of its mask.
    object_areas_px: Floats | None = None
    #: The same of detections.
    detection_areas_px: Floats | None = None
    #: bool (n_objects,): regions that stand for many objects and are never missed. Default none.
    is_crowd: Bools | None = None

    def check(self, n_classes: int, measure: Measure) -> None:
        """Refuse with `MisshapenArrays` what the evaluators would misread or crash on."""
        width = _width(measure)
        sides = (
            (
                self.objects,
                self.object_boxes_xywh_px,
                self.object_rles,
                self.object_extents,
            ),
            (
                self.detections,
                self.detection_boxes_xywh_px,
                self.detection_rles,
                self.detection_extents,
            ),
        )
        for side, boxes, rles, extents in sides:
            if (measure.iou_type == IouType.MASKS) != (rles is not None):
                raise MisshapenArrays("masks are given for both sides, or for none")
            if (extents is None) != (width is None) or (
                extents is not None and extents.shape != (len(side), width)
            ):
                raise MisshapenArrays(f"{measure.iou_type} wants {width} numbers of each shape")
            if len(boxes) != len(side) or (rles is not None and len(rles) != len(side)):
                raise MisshapenArrays(f"{len(boxes)} boxes for {len(side)} labels")
            if len(side) and not 0 <= side.label.min() <= side.label.max() < n_classes:
                raise MisshapenArrays(f"a label is outside 0..{n_classes - 1}")
            if len(side) and not 0 <= side.image.min() <= side.image.max() < len(self.image_ids):
                raise MisshapenArrays(f"an image is outside 0..{len(self.image_ids) - 1}")
        if not np.isfinite(self.detections.score).all():
            raise MisshapenArrays("a score is not a finite number")

    def with_areas(self, areas: Mapping[int, float]) -> "Batch":
        """The same with these areas of objects, by position; others have their shape's."""
        if not areas:
            return self
        told = _object_areas(self).copy()
        told[list(areas)] = list(areas.values())
        return replace(self, object_areas_px=told)

    def image_dicts(self) -> list[dict[str, Any]]:
        """COCO's images. Sizes are left out: only COCO's polygons would need them."""
        return [{"id": image} for image in self.image_ids.tolist()]

    def object_dicts(self) -> list[dict[str, Any]]:
        """COCO's ground-truth annotations. Ids start at 1: COCO takes match 0 for no match."""
        dicts = _annotations(
            self.image_ids,
            self.objects,
            self.object_boxes_xywh_px,
            self.object_rles,
            self.object_extents,
        )
        facts = zip(dicts, _object_areas(self).tolist(), _crowd(self).tolist(), strict=True)
        for annotation, area, is_crowd in facts:
            annotation["area"] = area
            annotation["iscrowd"] = int(is_crowd)
        return dicts

    def detection_dicts(self) -> list[dict[str, Any]]:
        """COCO's detections as annotations."""
        dicts = _annotations(
            self.image_ids,
            self.detections,
            self.detection_boxes_xywh_px,
            self.detection_rles,
            self.detection_extents,
        )
        areas = _detection_areas(self)
        facts = zip(dicts, areas.tolist(), self.detections.score.tolist(), strict=True)
        for annotation, area, score in facts:
            annotation["area"] = area
            annotation["score"] = score
            annotation["iscrowd"] = 0
        return dicts

    def detection_results(self) -> list[dict[str, Any]]:
        """COCO's detections as its file of results has them: whoever reads them measures them."""
        place, shapes = _places(
            self.detection_boxes_xywh_px, self.detection_rles, self.detection_extents
        )
        side = self.detections
        rows = zip(
            self.image_ids[side.image].tolist(),
            (side.label + 1).tolist(),
            side.score.tolist(),
            shapes,
            strict=True,
        )
        results: list[dict[str, Any]] = [
            {"image_id": image, "category_id": category, "score": score, place: shape}
            for image, category, score, shape in rows
        ]
        _tell_keypoints(results, self.detection_extents)
        return results

    def detection_table(self) -> Floats:
        """COCO's detections as rows of image id, box, score, category: float64 (n, 7). In place of
        a mask's box there is one of its area, which is all that is read of it.
        """
        boxes = self.detection_boxes_xywh_px
        if self.detection_rles is not None:
            area = _detection_areas(self)
            boxes = np.stack([np.zeros_like(area)] * 2 + [area, np.ones_like(area)], axis=1)
        return np.column_stack(
            [
                self.image_ids[self.detections.image],
                boxes,
                self.detections.score,
                self.detections.label + 1,
            ]
        )


def batch_of_classes(batch: Batch, classes: range) -> Batch:
    """The objects and detections of some classes, whose labels count from 0; images without any
    are left out.
    """
    mine, theirs = (
        np.flatnonzero((side.label >= classes.start) & (side.label < classes.stop))
        for side in (batch.objects, batch.detections)
    )
    images = np.union1d(batch.objects.image[mine], batch.detections.image[theirs])
    return _chosen(batch, images, mine, theirs, first_class=classes.start)


def batch_of_images(batch: Batch, is_mine: Bools) -> Batch:
    """Some of the images as a batch of their own."""
    if is_mine.all():
        return batch
    mine, theirs = (
        np.flatnonzero(is_mine[side.image]) for side in (batch.objects, batch.detections)
    )
    return _chosen(batch, np.flatnonzero(is_mine), mine, theirs)


def _chosen(batch: Batch, images: Ints, mine: Ints, theirs: Ints, *, first_class: int = 0) -> Batch:
    """These images with these of their objects and detections, by their positions."""
    rles, their_rles = batch.object_rles, batch.detection_rles
    extents, their_extents = batch.object_extents, batch.detection_extents
    return Batch(
        image_ids=batch.image_ids[images],
        objects=Objects(
            image=np.searchsorted(images, batch.objects.image[mine]),
            label=batch.objects.label[mine] - first_class,
        ),
        object_boxes_xywh_px=batch.object_boxes_xywh_px[mine],
        detections=Detections(
            image=np.searchsorted(images, batch.detections.image[theirs]),
            label=batch.detections.label[theirs] - first_class,
            score=batch.detections.score[theirs],
        ),
        detection_boxes_xywh_px=batch.detection_boxes_xywh_px[theirs],
        object_rles=None if rles is None else [rles[at] for at in mine],
        detection_rles=None if their_rles is None else [their_rles[at] for at in theirs],
        object_extents=None if extents is None else extents[mine],
        detection_extents=None if their_extents is None else their_extents[theirs],
        object_areas_px=_object_areas(batch)[mine],
        detection_areas_px=_detection_areas(batch)[theirs],
        is_crowd=_crowd(batch)[mine],
    )


def join_batches(batches: Sequence[Batch]) -> Batch:
    """All batches as one; no batches give an empty one."""
    if not batches:
        nothing, no_boxes = np.zeros(0, dtype=np.int64), np.zeros((0, 4))
        return Batch(
            image_ids=nothing,
            objects=Objects(image=nothing, label=nothing),
            object_boxes_xywh_px=no_boxes,
            detections=Detections(image=nothing, label=nothing, score=np.zeros(0)),
            detection_boxes_xywh_px=no_boxes,
        )
    tables = [_columns(batch) for batch in batches]
    shifts = np.cumsum([0, *(len(batch.image_ids) for batch in batches)])
    for table, shift in zip(tables, shifts, strict=False):
        table["object_image"] = table["object_image"] + shift
        table["detection_image"] = table["detection_image"] + shift
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    batch = _batch(joined)
    if batches[0].object_rles is None:
        return batch
    return replace(
        batch,
        object_rles=[rle for b in batches for rle in b.object_rles or ()],
        detection_rles=[rle for b in batches for rle in b.detection_rles or ()],
    )


def write_batch(batch: Batch) -> bytes:
    """The batch as bytes for `read_batch`."""
    columns = _columns(batch)
    for side in ("object", "detection"):
        rles: Sequence[Rle] | None = getattr(batch, f"{side}_rles")
        if rles is not None:
            counts = [np.frombuffer(rle["counts"], dtype=np.uint8) for rle in rles]
            columns[f"{side}_rle_size"] = np.array([rle["size"] for rle in rles]).reshape(-1, 2)
            columns[f"{side}_rle_length"] = np.array([len(c) for c in counts], dtype=np.int64)
            columns[f"{side}_rle_counts"] = np.concatenate([np.zeros(0, np.uint8), *counts])
    buffer = io.BytesIO()
    np.savez(buffer, **columns)
    return buffer.getvalue()


def read_batch(written: bytes) -> Batch:
    """The batch that `write_batch` wrote; ValueError or KeyError for anything else."""
    with np.load(io.BytesIO(written), allow_pickle=False) as columns:
        batch = _batch(dict(columns))
        if "object_rle_size" not in columns:
            return batch
        return replace(
            batch,
            object_rles=_read_rles(columns, "object"),
            detection_rles=_read_rles(columns, "detection"),
        )


def _columns(batch: Batch) -> dict[str, Any]:
    extents = {
        "object_extents": batch.object_extents,
        "detection_extents": batch.detection_extents,
    }
    return {
        **{name: given for name, given in extents.items() if given is not None},
        "image_ids": batch.image_ids,
        "object_image": batch.objects.image,
        "object_label": batch.objects.label,
        "object_boxes": batch.object_boxes_xywh_px,
        "object_areas": _object_areas(batch),
        "is_crowd": _crowd(batch),
        "detection_image": batch.detections.image,
        "detection_label": batch.detections.label,
        "detection_score": batch.detections.score,
        "detection_boxes": batch.detection_boxes_xywh_px,
        "detection_areas": _detection_areas(batch),
    }


def _batch(columns: dict[str, Any]) -> Batch:
    return Batch(
        image_ids=columns["image_ids"],
        objects=Objects(image=columns["object_image"], label=columns["object_label"]),
        object_boxes_xywh_px=columns["object_boxes"],
        object_areas_px=columns["object_areas"],
        is_crowd=columns["is_crowd"],
        detections=Detections(
            image=columns["detection_image"],
            label=columns["detection_label"],
            score=columns["detection_score"],
        ),
        detection_boxes_xywh_px=columns["detection_boxes"],
        detection_areas_px=columns["detection_areas"],
        object_extents=columns.get("object_extents"),
        detection_extents=columns.get("detection_extents"),
    )


def _read_rles(columns: Any, side: str) -> list[Rle]:
    ends = np.cumsum(columns[f"{side}_rle_length"]).tolist()
    counts = columns[f"{side}_rle_counts"].tobytes()
    return [
        {"size": size, "counts": counts[start:end]}
        for size, start, end in zip(
            columns[f"{side}_rle_size"].tolist(), [0, *ends], ends, strict=False
        )
    ]


def _width(measure: Measure) -> int | None:
    """How many numbers the extent of a shape has; None for boxes and masks."""
    if measure.iou_type == IouType.TURNED:
        return TURNED_WIDTH
    return 3 * len(measure.sigmas) if measure.iou_type == IouType.KEYPOINTS else None


def _areas(
    boxes_xywh_px: Floats, rles: Sequence[Rle] | None, extents: Floats | None = None
) -> Floats:
    """Of boxes, masks, or turned boxes; that of keypoints is their box's."""
    if rles is None:
        is_turned = extents is not None and extents.shape[1] == TURNED_WIDTH
        sides = extents if extents is not None and is_turned else boxes_xywh_px
        return np.asarray(sides[:, 2] * sides[:, 3])
    return rle_areas(rles)


def _object_areas(batch: Batch) -> Floats:
    if batch.object_areas_px is not None:
        return batch.object_areas_px
    return _areas(batch.object_boxes_xywh_px, batch.object_rles, batch.object_extents)


def _detection_areas(batch: Batch) -> Floats:
    if batch.detection_areas_px is not None:
        return batch.detection_areas_px
    return _areas(batch.detection_boxes_xywh_px, batch.detection_rles, batch.detection_extents)


def _crowd(batch: Batch) -> Bools:
    if batch.is_crowd is not None:
        return batch.is_crowd
    return np.zeros(len(batch.objects), dtype=np.bool_)


def _annotations(
    image_ids: Ints,
    side: Objects,
    boxes_xywh_px: Floats,
    rles: Sequence[Rle] | None,
    extents: Floats | None,
) -> list[dict[str, Any]]:
    place, shapes = _places(boxes_xywh_px, rles, extents)
    rows = zip(image_ids[side.image].tolist(), (side.label + 1).tolist(), shapes, strict=True)
    dicts: list[dict[str, Any]] = [
        {"id": number, "image_id": image, "category_id": category, place: shape}
        for number, (image, category, shape) in enumerate(rows, start=1)
    ]
    _tell_keypoints(dicts, extents)
    return dicts


def _places(
    boxes_xywh_px: Floats, rles: Sequence[Rle] | None, extents: Floats | None
) -> tuple[str, Iterable[Any]]:
    """The key under which COCO has where a shape is, and that of each."""
    if rles is not None:
        return "segmentation", rles
    if extents is not None and extents.shape[1] == TURNED_WIDTH:
        # With a box, too, the detection's area would be that of the box around it.
        return "obb", extents.tolist()
    return "bbox", boxes_xywh_px.tolist()


def _tell_keypoints(dicts: list[dict[str, Any]], extents: Floats | None) -> None:
    if extents is not None and extents.shape[1] != TURNED_WIDTH:
        for annotation, extent in zip(dicts, extents.tolist(), strict=True):
            annotation["keypoints"] = extent
            annotation["num_keypoints"] = sum(there > 0 for there in extent[2::3])
