"""The objects of a task's image as the files of detectors hold them: class, place, score.

An image has one size: that of the first region with one of the ground truth, then of the other
annotations, then the task's own, then that of the first prediction. Percentages are of the picture,
whatever size each tells; an image of no known size is taken as 100 x 100, so that pixels are per
cent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from predictions.exports.types.given import Given, Region, TaskValues, given_of, plain_name
from predictions.regions.config import (
    Aliases,
    Config,
    Control,
    ObjectTag,
    aliases_among,
    label_sources,
    read_config,
)
from predictions.regions.controls import shape_of
from predictions.regions.errors import GeometryError
from predictions.regions.geometry import Shape, Size
from predictions.regions.labels import (
    Partners,
    PassedOver,
    meta_of,
    read_area,
    read_crowd,
    region_labels,
    region_score,
)
from predictions.regions.shapes import meta_size, own_size, region_shape
from predictions.regions.task_data import value_at

#: Kinds of shape that are objects.
DRAWN = frozenset({"rectangle", "polygon", "brush", "ellipse"})
UNSIZED: Size = (100.0, 100.0)

#: COCO's words for whether a key point is there: not labelled, labelled and hidden, or visible.
UNSEEN, HIDDEN, SEEN = 0, 1, 2


class Joint(NamedTuple):
    """A key point in pixels, and whether it is there."""

    x: float
    y: float
    seen: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """The one image of a labelling config, and the classes of what is drawn on it."""

    image: ObjectTag
    #: Kinds of shape that its controls draw.
    shapes: frozenset[str]
    #: Numbers of the classes, by name, as Label Studio numbers them.
    classes: Mapping[str, int]
    #: The classes in the order of the config.
    names: tuple[str, ...]
    #: Whether the config says the number of each.
    is_numbered: bool
    aliases: Aliases
    #: Controls without any labels: what they find is called by their name.
    unlabelled: frozenset[str]
    #: Labels of key points, in the model's order.
    joints: tuple[str, ...]
    is_only_object: bool

    def holds(self, region: Region) -> bool:
        """Whether the region is of the image."""
        return self.is_only_object or region.get("to_name") == self.image.name


def scheme_of(label_config: str, parsed: Mapping[str, Any]) -> Scheme | None:
    """None for a config without an image that shapes are drawn on, or with several, or pages.

    `parsed` is the config as projects keep it: it has the attributes of labels.
    """
    config = read_config(label_config)
    images = [one for one in config.objects if one.tag == "Image"]
    if len(images) != 1 or images[0].is_list or images[0].flag:
        return None
    image = images[0]
    on_image = [one for one in config.controls if image.name in one.to_names]
    drawing = [one for one in on_image if one.tag.place in DRAWN]
    if not drawing:
        return None
    sources = {
        source.name: source for one in drawing for source in label_sources(config, one)
    }.values()
    unlabelled = [one.name for one in drawing if not label_sources(config, one)]
    names = dict.fromkeys(name for one in sources for name, _ in one.labels)
    told = {
        name
        for one in sources
        for name, _ in one.labels
        if _attribute(parsed, one, name, "category") is not None
    }
    return Scheme(
        image=image,
        shapes=frozenset(str(one.tag.place) for one in drawing),
        classes=_classes(sources, unlabelled, parsed),
        names=(*names, *unlabelled),
        is_numbered=told == {*names, *unlabelled},
        aliases=aliases_among(config, drawing),
        unlabelled=frozenset(unlabelled),
        joints=_joint_names(config, parsed),
        is_only_object=len(config.objects) == 1,
    )


def _attribute(parsed: Mapping[str, Any], control: Control, label: str, name: str) -> int | None:
    """A whole number that the config says of a label."""
    attributes = parsed.get(control.name, {}).get("labels_attrs", {}).get(label, {})
    text = str(attributes.get(name, ""))
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _classes(sources: Any, unlabelled: list[str], parsed: Mapping[str, Any]) -> dict[str, int]:
    """As Label Studio numbers them: a label's `category`, the others by name from 0 on."""
    classes: dict[str, int] = {}
    taken: set[int] = set()
    names = set(unlabelled)
    for control in sources:
        for label, _ in control.labels:
            number = _attribute(parsed, control, label, "category")
            if number is not None and number not in taken:
                taken.add(classes.setdefault(label, number))
            names.add(label)
    free = (number for number in count() if number not in taken)
    return classes | dict(zip(sorted(names - classes.keys()), free, strict=False))


def free_number(classes: Mapping[str, int]) -> int:
    """The lowest number that no class has."""
    taken = set(classes.values())
    return next(n for n in range(len(taken) + 1) if n not in taken)


def _joint_names(config: Config, parsed: Mapping[str, Any]) -> tuple[str, ...]:
    """Labels of key points by their `model_index`, those without one last."""
    found = [
        (_attribute(parsed, control, label, "model_index"), label)
        for control in config.controls
        if control.tag.tag == "KeyPointLabels"
        for label, _ in control.labels
    ]
    ranked = sorted(found, key=lambda one: (one[0] is None, one[0] or 0))
    return tuple(dict.fromkeys(label for _, label in ranked))


@dataclass(frozen=True, slots=True)
class Picture:
    """A task's image, and what is exported of it."""

    task_id: int
    file_name: str
    #: None where neither a region nor the task tells it.
    told_size: Size | None
    given: list[Given]

    @property
    def size(self) -> Size:
        """Width and height in pixels that objects are placed on."""
        return self.told_size or UNSIZED

    def written_size(self, n_objects: int) -> tuple[int, int]:
        """Width and height in pixels as files say it: nothing for an empty image without one."""
        width, height = self.size if n_objects else self.told_size or (0, 0)
        return int(width), int(height)

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return PurePosixPath(self.file_name).stem


def picture_of(task: TaskValues, source: str, scheme: Scheme, size: Size | None) -> Picture:
    """The image of a task, in the size that something tells."""
    value = value_at(task["data"], scheme.image.path)
    return Picture(
        task_id=task["id"],
        file_name=plain_name(task["id"], value if isinstance(value, str) else ""),
        told_size=size,
        given=given_of(task, source),
    )


def annotated_size(task: TaskValues, scheme: Scheme) -> Size | None:
    """The image's size by its ground truth, else by another annotation, of several the newest
    first, as evaluations take it; else by the task itself.
    """
    annotations = given_of(task, "annotations")
    annotations.sort(key=lambda one: (one.document["ground_truth"], one.id), reverse=True)
    meta = task["meta"]
    own = meta_size(meta.get("image_size")) if isinstance(meta, dict) else None
    return next(_sizes_of(annotations, scheme), own)


def _sizes_of(given: Iterable[Given], scheme: Scheme) -> Iterator[Size]:
    for one in given:
        for region in one.regions:
            size = own_size(region)
            if size is not None and scheme.holds(region):
                yield size


@dataclass(frozen=True, slots=True)
class Object:
    """One object on an image, of one class."""

    region: Region
    label: str
    #: One of DRAWN.
    kind: str
    shape: Shape
    #: None for an annotation's, and where neither region nor prediction tells one.
    score: float | None
    #: Key points by label.
    joints: Mapping[str, Joint]
    #: What the data says of it beside.
    meta: Mapping[str, Any]


def is_crowd(one: Object) -> bool:
    """Whether the object's `meta` says so."""
    return bool(read_crowd(one.meta.get("iscrowd")))


def known_area(one: Object) -> float | None:
    """The area in pixels in the object's `meta`; None without one."""
    return read_area(one.meta.get("area"))


@dataclass(slots=True)
class Objects:
    """The objects of one prediction or annotation, and how many regions are none."""

    found: list[Object] = field(default_factory=list)
    n_left_out: int = 0


def objects_of(given: Given, picture: Picture, scheme: Scheme) -> Objects:
    """A region of several labels is an object of each."""
    objects = Objects()
    regions = [one for one in given.regions if scheme.holds(one)]
    partners = Partners(regions)
    joints = _joints_by_parent(regions, picture, scheme)
    drawn = {str(one.get("id")) for one in regions if shape_of(one.get("type")) in DRAWN}
    for region in regions:
        kind = shape_of(region.get("type"))
        if kind is None or (kind == "keypoint" and str(region.get("parentID")) in drawn):
            continue
        try:
            objects.found += _objects(region, given, picture, scheme, partners, joints)
        except (PassedOver, GeometryError):
            objects.n_left_out += 1
    return objects


def _objects(
    region: Region,
    given: Given,
    picture: Picture,
    scheme: Scheme,
    partners: Partners,
    joints: Mapping[str, Mapping[str, Joint]],
) -> list[Object]:
    """`PassedOver` or `GeometryError` for what is no object."""
    shape = region_shape(region, picture.size)
    others = partners.of(region)
    labels = region_labels(region, others, scheme.unlabelled)
    score = _score(region, others, given) if given.is_prediction else None
    own = joints.get(str(region.get("id")), {})
    kind = str(shape_of(region.get("type")))
    stored = [scheme.aliases.stored(one, region.get("from_name")) for one in labels]
    meta = meta_of(region, others)
    return [Object(region, one, kind, shape, score, own, meta) for one in stored]


def _score(region: Region, partners: list[Region], given: Given) -> float | None:
    has_own = any(one.get("score") is not None for one in (region, *partners))
    return region_score(region, partners, 0.0) if has_own else given.score


def _joints_by_parent(
    regions: list[Region], picture: Picture, scheme: Scheme
) -> dict[str, dict[str, Joint]]:
    """Key points by the id of the region they belong to, and by label."""
    found: dict[str, dict[str, Joint]] = {}
    if not scheme.joints:
        return found
    for region in regions:
        parent = region.get("parentID")
        if shape_of(region.get("type")) != "keypoint" or parent is None:
            continue
        try:
            label = region_labels(region)[0]
            joint = _joint(region, picture.size)
        except (PassedOver, GeometryError):
            continue
        found.setdefault(str(parent), {})[label] = joint
    return found


def _joint(region: Region, size: Size) -> Joint:
    """`GeometryError` for a key point that does not say where it is."""
    # A box without sides is read as any other.
    value = {**region["value"], "width": 0, "height": 0, "rotation": 0}
    box = region_shape({**region, "type": "rectangle", "value": value}, size).box_xywh_px
    meta = region.get("meta")
    is_hidden = isinstance(meta, dict) and bool(meta.get("hidden"))
    return Joint(box[0], box[1], HIDDEN if is_hidden else SEEN)


def text_of(number: float) -> str:
    """The shortest text that is this float64 again, without an exponent.

    >>> text_of(10.0), text_of(-0.0), text_of(0.1), text_of(1 / 3), text_of(2.5e-7)
    ('10', '0', '0.1', '0.3333333333333333', '0.00000025')
    """
    text = repr(float(number))
    if "e" in text:
        import numpy as np

        text = np.format_float_positional(number, unique=True, trim="-")
    return "0" if text == "-0.0" else text.removesuffix(".0")
