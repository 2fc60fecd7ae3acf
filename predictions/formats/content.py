"""The one form that every reader makes of its file: a content has tasks, a task has regions.

Numbers are the file's own: pixels of the image, or shares of it (0 to 1) where the task says
`is_relative`. x goes right, y goes down, from the upper left corner of the image.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from predictions.formats.drawn.controls import Controls

Point = tuple[float, float]
#: Forms in which a file may hold the same objects.
Shapes = Literal["boxes", "masks", "keypoints"]
#: Width and height of an image in pixels.
Size = tuple[int, int]


def size_of(width: float | None, height: float | None) -> Size | None:
    """A file's width and height as whole pixels; None unless both are from 1 to 2**31 - 1."""
    if width is None or height is None or not (1 <= width < 2**31 and 1 <= height < 2**31):
        return None
    return int(width), int(height)


class Kind(StrEnum):
    """What the regions of a content are; each needs a control of its own in the config."""

    BOX = "box"  # also turned ones
    POLYGON = "polygon"
    MASK = "mask"
    ELLIPSE = "ellipse"
    KEYPOINTS = "keypoints"
    SPAN = "span"
    CHOICE = "choice"


class Box(Struct, frozen=True, gc=False):
    """Upright, or turned clockwise by `rotation` degrees about its (x, y) corner."""

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0


class Corners(Struct, frozen=True):
    """Four points in order around the object: a turned box where they are a rectangle to half a
    pixel, else a polygon, which is counted in the warnings.
    """

    points: tuple[Point, Point, Point, Point]


class Polygon(Struct, frozen=True):
    """One outline; three points or more."""

    points: Sequence[Point]


class Mask(Struct, frozen=True):
    """COCO's compressed run lengths on a raster of this height and width."""

    counts: bytes
    height: int
    width: int


class Ellipse(Struct, frozen=True, gc=False):
    """Centre and radii, turned clockwise by `rotation` degrees about the centre."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    rotation: float = 0.0


class Pose(Struct, frozen=True):
    """A box and the places (x, y) of its key points by name; points that are not there are not in
    it. Names are in `Content.keypoints`. A point that is there and hidden is in `hidden`, too.
    """

    box: Box
    points: Mapping[str, Point]
    hidden: frozenset[str] = frozenset()


class Span(Struct, frozen=True, gc=False):
    """Characters of the task's text from `start` up to, but without, `end`."""

    start: int
    end: int


Shape = Box | Corners | Polygon | Mask | Ellipse | Pose | Span


class Region(Struct):
    """One object of a task, or with `shape` None a choice about the whole task.

    `labels` is one class, or several of a choice. `score` is the file's, of detections: 0 to 1, or
    per cent where the file's highest is above that (`scores.py` divides them). `meta` is kept on
    the region: `iscrowd`, `area`. `place` is where in the file it stands, for what is found later.
    """

    labels: tuple[str, ...]
    shape: Shape | None = None
    score: float | None = None
    meta: dict[str, Any] | None = None
    place: str = ""


class Boxes(Struct):
    """The upright boxes of one image as columns, each in the order of its regions."""

    labels: Sequence[str]
    #: Corner, width and height in pixels, float64 (n, 4).
    xywh_px: Any
    #: Of detections; None for ground truth.
    scores: Sequence[float] | None
    #: What is kept on each region, None for nothing; empty where nothing is on any.
    metas: Sequence[dict[str, Any] | None]


class FileTask(Struct, kw_only=True):
    """One image, text or row of a file, with what this file says of it.

    `regions` is a list or, where a file is large, a function that makes it; [] is an image on
    which nothing is: it counts. `boxes` says the same of upright boxes in pixels, many at a time,
    where the reader has them so.
    """

    #: The file's id of the image, as text.
    image_id: str | None = None
    #: Whether `image_id` is the file's name without its suffix: an id where no file is called so.
    is_stem: bool = False
    #: The image's file name as the file has it, with forward slashes.
    image_name: str | None = None
    #: The way to the picture in the file's own folders; None where it is the name.
    picture: str | None = None
    #: Whether the file told the name without its suffix.
    is_suffix_guessed: bool = False
    #: What the task shows beside the image, `{"text": ...}` and other columns.
    data: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    size: Size | None = None
    #: The name of the file's own split, as it stands there: `splits.py` reads it.
    split: str | None = None
    is_relative: bool = False
    regions: list[Region] | Callable[[], list[Region]] = []
    boxes: Callable[[], Boxes] | None = None
    #: Regions that are Label Studio's own already, instead of `regions`; they are stored as they
    #: are, with the score of them together.
    drawn: Callable[[], list[dict[str, Any]]] | None = None
    score: float | None = None
    #: Whether anybody said what is true; where nobody did, the task is stored without.
    is_answered: bool = True
    #: Where in the file the task stands.
    place: str = ""

    #: Of Label Studio's own tasks, as they stand there.
    tags: Any = None
    external_id: Any = None

    def whole_meta(self, split: str, size: Size | None) -> dict[str, Any]:
        """The meta of a task that is made of it."""
        meta: dict[str, Any] = {}
        if self.image_name is not None:
            meta["image_name"] = self.image_name
        if self.image_id is not None:
            meta["image_id"] = self.image_id
        meta["split"] = split
        if size is not None:
            meta["image_size"] = {"width": size[0], "height": size[1]}
        return meta | self.meta

    def read(self) -> list[Region]:
        """The task's regions."""
        return self.regions() if callable(self.regions) else self.regions


@dataclass(slots=True, kw_only=True)
class Content:
    """What one file holds: ground truth, or detections."""

    #: Tasks in the file's order; may make each as it is asked for, more than once.
    tasks: Iterable[FileTask]
    n_tasks: int
    #: Classes in the file's order.
    classes: list[str]
    kinds: frozenset[Kind]
    #: Whether all regions are four corners of which the reader, that knows no size of an image,
    #: cannot tell whether they are boxes or polygons.
    is_of_corners: bool = False
    #: What is labelled; `data` of each task has the key, unless it is an image with a name.
    key: Literal["image", "text"] = "image"
    #: Names of key points by class, in order.
    keypoints: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Whether a choice may have several labels.
    is_multiple: bool = False
    #: The file's numbers of its classes: detections may name classes by number.
    class_ids: Mapping[int, str] = field(default_factory=dict)
    #: Of regions that are drawn: their controls.
    controls: Controls | None = None
    #: Odd things, a sentence each.
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What whoever loads the files asked for, and what the format asks for."""

    #: What to read where a file holds an object in several forms; None for the richest.
    shapes: Shapes | None = None
    #: Added to class numbers of detections; None where it was not asked for.
    category_offset: int | None = None
    #: The column that names the image; None for the first of the format's own.
    image_column: str | None = None
    #: Fields of FiftyOne's samples; None for `ground_truth` and `predictions`.
    truth_field: str | None = None
    predictions_field: str | None = None
    #: Of an image: the best so many are read; None for all.
    most_detections: int | None = None
    #: Other names for classes of the detections; None for a class that is not read.
    label_map: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What detections may refer to: the ground truth's file or, without one, the project."""

    class_ids: Mapping[int, str] = field(default_factory=dict)
    classes: Sequence[str] = ()
    keypoints: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Whether these stand in the order of a labelling config that does not number each of them.
    has_guessed_points: bool = False
    #: Sizes by image id and by image name, where they are known.
    sizes: Mapping[str, Size] = field(default_factory=dict)
    #: Of texts: where each stands, and the text, in the ground truth's order.
    texts: Sequence[tuple[str, str]] = ()
