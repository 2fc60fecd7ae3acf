"""Key points of boxes: matched by COCO's object keypoint similarity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from evals.engine.boxes import Label, Percent, Region, Regions, RegionText, StoredImage
from evals.engine.errors import TooManyPairs, UnusableRegion
from evals.engine.kinds.kind import (
    OF_MATCHING,
    Chunk,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    ShapeVerdicts,
    Tally,
)
from evals.engine.kinds.shapes import (
    in_crowds,
    precision_states,
    total_precision,
    verdicts_by_image,
)
from evals.engine.matched.crowds import within_crowds
from evals.engine.matched.keypoints import coco_points, keypoint_pairs, sigmas_of
from evals.engine.matching import Detections, Objects, Pairs, match_events, object_verdicts
from evals.engine.notes import Notes
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import IouType, measure_of
from evals.engine.reading import Reading
from evals.engine.region_rows import identity_of
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.config import Control
from predictions.regions.controls import shape_of
from predictions.regions.geometry import FARTHEST_PCT, PIXEL_DECIMALS, Bools, Floats
from predictions.regions.labels import Partners, PassedOver, Reason, region_labels
from predictions_api.http.storable import number_within

RECTANGLES = frozenset({"rectangle"})


def _reads(control: Control, objects: frozenset[str]) -> bool:
    return control.tag.place in RECTANGLES


class _Poses:
    """The boxes of some images with their points, as arrays."""

    def __init__(
        self, images: Sequence[StoredImage], job: Job, notes: Notes, most_steps: float = np.inf
    ) -> None:
        self.truth, self.predicted = read_shapes(
            images, job.classes, reading=job.reading, notes=notes, most_steps=most_steps
        )
        self.boxes_px = self.truth.boxes_px(), self.predicted.boxes_px()
        given = job.options.get("keypointSigmas", {})
        # COCO's evaluators want one point at least.
        self.sigmas = sigmas_of(job.reading.keypoints, given) or (1.0,)
        self.points = (
            _points(self.truth, [one.truth for one in images], images, job.reading, notes),
            _points(self.predicted, [one.predicted for one in images], images, job.reading, notes),
        )
        self.areas_px = _areas(self.truth, self.boxes_px[0])
        #: Boxes of ground truth without any point are no objects.
        self.is_bare: Bools = np.all(self.points[0][..., 2] <= 0, axis=1)

    def matched(self, job: Job) -> tuple[Objects, Detections, Pairs]:
        """Objects, detections and the pairs of them that are similar."""
        ignored = within_crowds(self.truth, self.predicted, self.boxes_px, job.definition)
        no_objects = self.is_bare | self.truth.is_crowd()
        objects = replace(self.truth.objects(), is_ignored=no_objects)
        detections = self.predicted.detections(ignored)
        points, predicted = self.points
        try:
            pairs = keypoint_pairs(
                objects, points, self.areas_px, detections, predicted, self.sigmas
            )
        except TooManyPairs as error:
            image = int(self.predicted.image[error.detection])
            raise UnusableRegion(image, is_truth=False, region="all", reason=str(error)) from None
        return objects, detections, pairs

    def note_bare(self, images: Sequence[StoredImage], notes: Notes) -> None:
        """Counts boxes of ground truth without points, which are not read after all."""
        for at in np.flatnonzero(self.is_bare & ~self.truth.is_crowd()).tolist():
            image, place = int(self.truth.image[at]), self.truth.region(at)
            notes.read[0] -= 1
            notes.ignore(
                Reason.NO_KEYPOINTS,
                is_truth=True,
                image=image,
                region=identity_of(images[image].truth[place], place),
                was_meant=True,
            )


def pixel_points(image: StoredImage, job: Job) -> tuple[Floats, Floats]:
    """The key points of the two sides of an image, (n, keypoints, 3) each: see `matched.keypoints`.

    A place for each shape in the order of `read_shapes`.
    """
    return _Poses([image], job, Notes()).points


def _points(
    side: Side,
    stored: Sequence[Regions],
    images: Sequence[StoredImage],
    reading: Reading,
    notes: Notes,
) -> Floats:
    """The points of each shape of a side, float64 (n, keypoints, 3); the first of each name."""
    index = reading.keypoint_index(notes.mapped)
    points = np.zeros((len(side.image), max(1, len(reading.keypoints)), 3))
    #: Where each stands in it, and x and y.
    places: dict[tuple[int, int], tuple[float, float]] = {}
    sizes = side.sizes_px.tolist()
    for number, (span, regions) in enumerate(zip(side.spans(len(stored)), stored, strict=True)):
        if isinstance(regions, RegionText) and "keypoint" not in regions.text:
            continue
        if (told := _told_points(side, span, regions, index)) is not None:
            for at, name_of, x, y in told:
                width, height = sizes[at]
                notes.repeated_points += (at, name_of) in places
                places.setdefault((at, name_of), (x / 100 * width, y / 100 * height))
            continue
        # The first of an id that stands twice.
        ids = {at: regions[side.region(at)].get("id") for at in reversed(span)}
        shapes = {id_: at for at, id_ in ids.items() if isinstance(id_, str | int)}
        partners = Partners(regions)
        is_truth = regions is images[number].truth
        for place, region in _homeless(regions):
            notes.ignore(
                Reason.NO_RECTANGLE,
                is_truth=is_truth,
                image=number,
                region=identity_of(region, place),
                was_meant=True,
            )
        for place, region in _belonging(regions, shapes):
            at = shapes[region["parentID"]]
            try:
                name = region_labels(region, partners.of(region))[0]
                if name not in index:
                    is_left_out = name in reading.label_map
                    raise PassedOver(Reason.OTHER_CLASS if is_left_out else Reason.INVALID_LABEL)
                x, y = _place(region.get("value"))
            except PassedOver as passed:
                notes.ignore(
                    passed.reason,
                    is_truth=is_truth,
                    image=number,
                    region=identity_of(region, place),
                    was_meant=False,
                )
                continue
            width, height = sizes[at]
            notes.repeated_points += (at, index[name]) in places
            places.setdefault((at, index[name]), (x / 100 * width, y / 100 * height))
    if places:
        shape, name_of = np.array(list(places)).T
        points[shape, name_of, :2] = np.round(list(places.values()), PIXEL_DECIMALS)
        points[shape, name_of, 2] = 1
    return points


class PointValue(msgspec.Struct, gc=False):
    """A place in per cent of the image, and its name."""

    x: Percent | None = None
    y: Percent | None = None
    keypointlabels: list[Label] | None = None


class PointRegion(msgspec.Struct, gc=False):
    """A region that may be a key point, or the shape that it belongs to."""

    type: str
    value: PointValue
    id: str | int | None = None
    parentID: str | int | None = None


POINTS = msgspec.json.Decoder(list[PointRegion])


def _told_points(
    side: Side, span: range, regions: Regions, index: Mapping[str, int]
) -> list[tuple[int, int, float, float]] | None:
    """The points of an image's shapes: shape, place of the name, x and y; None where any is odd."""
    if not isinstance(regions, RegionText):
        return None
    try:
        told = POINTS.decode(regions.text)
    except (msgspec.DecodeError, RecursionError):
        return None
    # The first of an id that stands twice.
    shapes = {told[side.region(at)].id: at for at in reversed(span)}
    shapes.pop(None, None)
    homes = {region.id for region in told if shape_of(region.type) in RECTANGLES} - {None}
    found = []
    for region in told:
        if shape_of(region.type) != "keypoint":
            continue
        if region.parentID not in homes:
            return None
        at = shapes.get(region.parentID)
        if at is None:
            continue
        value = region.value
        name_of = index.get(value.keypointlabels[0]) if value.keypointlabels else None
        if region.type != "keypointlabels" or name_of is None or value.x is None or value.y is None:
            return None
        found.append((at, name_of, value.x, value.y))
    return found


def _belonging(regions: Regions, shapes: Mapping[str | int, int]) -> Iterator[tuple[int, Region]]:
    """The key points that belong to these shapes, with their places in the result."""
    for place, region in enumerate(regions):
        parent = region.get("parentID")
        is_known = isinstance(parent, str | int) and parent in shapes
        if is_known and shape_of(region.get("type")) == "keypoint":
            yield place, region


def _homeless(regions: Regions) -> Iterator[tuple[int, Region]]:
    """The key points that name no rectangle of their result, with their places in it."""
    told = [(shape_of(region.get("type")), region) for region in regions]
    ids = (region.get("id") for shape, region in told if shape in RECTANGLES)
    homes = {id_ for id_ in ids if isinstance(id_, str | int)}
    for place, (shape, region) in enumerate(told):
        parent = region.get("parentID")
        if shape == "keypoint" and not (isinstance(parent, str | int) and parent in homes):
            yield place, region


def _place(value: object) -> tuple[float, float]:
    """x and y in per cent. `PassedOver` for none."""
    told = value if isinstance(value, Mapping) else {}
    x, y = (number_within(told.get(name), -FARTHEST_PCT, FARTHEST_PCT) for name in "xy")
    if x is None or y is None:
        raise PassedOver(Reason.NO_GEOMETRY)
    return x, y


def _areas(side: Side, boxes_px: Floats) -> Floats:
    """Square pixels of each shape: as the data tells them, else of its box, turned or not."""
    areas = boxes_px[:, 2] * boxes_px[:, 3]
    for at, shape in side.shapes.items():
        areas[at] = shape.area_px
    areas[list(side.areas)] = list(side.areas.values())
    return areas


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    poses = _Poses(chunk.images, job, notes)
    poses.note_bare(chunk.images, notes)
    objects, detections, pairs = poses.matched(job)
    events = match_events(
        objects, detections, pairs, n_classes=len(job.classes), definition=job.definition
    )
    batch = Batch(
        image_ids=chunk.positions,
        objects=objects,
        object_boxes_xywh_px=poses.boxes_px[0],
        detections=detections,
        detection_boxes_xywh_px=poses.boxes_px[1],
        object_extents=coco_points(poses.points[0], is_truth=True),
        detection_extents=coco_points(poses.points[1], is_truth=False),
        object_areas_px=poses.areas_px,
        is_crowd=poses.truth.is_crowd(),
    )
    measure = measure_of(IouType.KEYPOINTS, poses.sigmas)
    return Tally(events, precision_states(batch, measure, job))


def _shape_verdicts(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> ShapeVerdicts:
    return _with_poses(images, job, confidence, most_steps)[0]


def _with_poses(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> tuple[ShapeVerdicts, _Poses]:
    poses = _Poses(images, job, Notes(), most_steps)
    matched = poses.matched(job)
    truths, found = object_verdicts(*matched, confidence, definition=job.definition)
    _, within = in_crowds(matched[:2], found)
    crowds = poses.truth.is_crowd() if poses.truth.crowds else None
    shapes = ShapeVerdicts(
        poses.truth, truths, poses.predicted, found, poses.boxes_px, (crowds, within), poses.points
    )
    return shapes, poses


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    chunk, poses = _with_poses(images, job, confidence, np.inf)
    names = [called for called, _ in job.reading.keypoints]
    found = verdicts_by_image(chunk, len(images))
    sides = []
    for at, side in enumerate((poses.truth, poses.predicted)):
        points = poses.points[at].tolist()
        sides.append(
            [
                [
                    {**facts, "keypoints": _named(points[place], names)}
                    for facts, place in zip(one.facts[at], span, strict=True)
                ]
                for one, span in zip(found, side.spans(len(images)), strict=True)
            ]
        )
    return [
        replace(one, facts=(mine, theirs)) for one, mine, theirs in zip(found, *sides, strict=True)
    ]


def _named(points: list[list[float]], names: Sequence[str]) -> dict[str, list[float]]:
    """x and y of the points that are there, by name."""
    # Without names there is room for one point all the same.
    told = zip(names, points, strict=False)
    return {name: [x, y] for name, (x, y, is_there) in told if is_there}


KEYPOINTS = Kind(
    task_type="keypoint-detection",
    reads=_reads,
    asks_for="RectangleLabels",
    shapes=RECTANGLES,
    has_precision=True,
    has_keypoints=True,
    count=_count,
    totals=(total_precision,),
    verdicts=_verdicts,
    shape_verdicts=_shape_verdicts,
    primary=Primary("mAP50_95"),
    parameters=OF_MATCHING | {"keypointSigmas"},
    drawing="shapes",
)
