"""What a kind of evaluation is: how answers of one kind are read, compared and measured.

Each module beside this one declares one kind or two; `table` lists them. Whoever counts images,
builds panels, takes requests or draws goes by that list and asks no task type itself.

Whatever a kind compares becomes events, so that counts, confusion matrix and sweep are the same for
all. What it measures beside that is its own state: bytes of each chunk and split, that add up in
any order, and of which `total` makes the metrics of a split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evals.engine.boxes import StoredImage
from evals.engine.error_types.costs import ErrorTable
from evals.engine.events import Events, Ints
from evals.engine.matching import Definition, ObjectVerdict
from evals.engine.notes import Notes
from evals.engine.precision.measures import IouType
from evals.engine.precision.tables import PrecisionTable
from evals.engine.reading import Reading
from evals.engine.sides import GatheredSide, Side
from predictions.regions.config import Config, Control, label_sources
from predictions.regions.geometry import Bools, Floats, Shape

#: A metric of a split: a number, null without anything to measure, or numbers by name.
Metric = float | None | Mapping[str, float | None]
#: Facts of one item beside its class and place, as documents have them, e.g. {"span": [0, 12]}.
Facts = Mapping[str, Any]

#: Request parameters of kinds whose items are matched.
OF_MATCHING = frozenset({"iouThreshold", "iouInclusive", "matching"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the images are counted by."""

    task_type: str
    classes: Sequence[str]
    confidence: int
    definition: Definition
    is_multi_label: bool = False
    #: What average precision compares.
    iou_type: str = IouType.BOXES
    engine: str = "hotcoco"
    #: Which regions are read.
    reading: Reading = field(default_factory=Reading)
    #: Values of the kind's own request parameters, by their name in a request.
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some images of an evaluation."""

    images: Sequence[StoredImage]
    #: Their positions in the whole evaluation, int64 (n_images,).
    positions: Ints


@dataclass(frozen=True, slots=True)
class Tally:
    """What a kind makes of a chunk."""

    #: `events.image` is the place in the chunk.
    events: Events
    #: The kind's state of some of the images, bool (n_images,); none for a kind without any.
    state: Callable[[Bools], bytes] | None = None
    #: Metrics of each image by name, for kinds that have such; they are ordered by the first.
    metrics: Sequence[Mapping[str, float | None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A split, all its chunks together."""

    #: In the order of the chunks, of those with images of the split.
    states: Sequence[bytes]
    events: Events
    n_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a kind measures of a split."""

    #: Of all predictions whatever their score.
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    #: The one the kind is known by; None without anything to measure.
    primary: float | None = None
    #: For kinds with average precision.
    table: PrecisionTable | None = None
    #: IoU of each class at the canonical confidence, for kinds that compare pixels.
    iou: Sequence[float | None] | None = None
    #: Kinds of errors, for boxes and masks.
    errors: ErrorTable | None = None


def joined(parts: Sequence[Total]) -> Total:
    """What several have measured of a split, each something else; nothing of none."""
    metrics = {name: value for part in parts for name, value in part.metrics.items()}
    found = {
        name: value
        for part in parts
        for name in ("primary", "table", "iou", "errors")
        if (value := getattr(part, name)) is not None
    }
    return Total(metrics=metrics, **found)


@dataclass(frozen=True, slots=True)
class Primary:
    """The metric that a kind is known by."""

    name: str
    is_higher_better: bool = True


@dataclass(frozen=True, slots=True)
class ImageVerdicts:
    """Objects and detections of an image in stored order; shapes are None where there are none."""

    labels: Sequence[int]
    shapes: Sequence[Shape | None]
    #: None for pixels, which nobody matches one by one.
    truths: Sequence[ObjectVerdict | None]
    detected_labels: Sequence[int]
    detected_shapes: Sequence[Shape | None]
    scores: Sequence[float]
    #: None for a detection below the confidence, and for pixels.
    found: Sequence[ObjectVerdict | None]
    #: Where the regions of the two sides stand in the stored results; empty for whole images.
    regions: tuple[Sequence[int], Sequence[int]] = ((), ())
    #: Facts of the items of the two sides; empty for kinds without any.
    facts: tuple[Sequence[Facts], Sequence[Facts]] = ((), ())


@dataclass(frozen=True, slots=True)
class ShapeVerdicts:
    """The shapes of a chunk of images."""

    truth: Side
    #: As `ImageVerdicts.truths`.
    truths: Sequence[ObjectVerdict | None]
    predicted: Side
    #: As `ImageVerdicts.found`.
    found: Sequence[ObjectVerdict | None]
    #: Bounding boxes of the two sides, in pixels.
    boxes_px: tuple[Floats, Floats]
    #: Crowds, and detections that are nothing as they are within one; None for none.
    in_crowds: tuple[Bools | None, Bools | None] = (None, None)
    #: Key points of the two sides, (n, keypoints, 3), for kinds that have such.
    points: tuple[Floats, Floats] | None = None


def no_shapes(
    images: Sequence[StoredImage], job: Job, confidence: int, most_steps: float
) -> ShapeVerdicts:
    """Of kinds that compare no shapes."""
    none = GatheredSide().side()
    return ShapeVerdicts(none, [], none, [], (none.boxes_px(), none.boxes_px()))


def label_classes(config: Config, controls: Sequence[Control]) -> list[str]:
    """The labels of the controls in the config's order; a control without any gives its name."""
    names: dict[str, None] = {}
    for one in controls:
        sources = label_sources(config, one)
        if one.tag.place and not sources:
            names[one.name] = None
        for source in sources:
            names |= dict.fromkeys(stored for stored, _ in source.labels)
    return list(names)


def control_classes(config: Config, controls: Sequence[Control]) -> list[str]:
    """The one class of a value: the control's name."""
    return [one.name for one in controls]


def never(controls: Sequence[Control]) -> bool:
    """Of no controls."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of evaluation: all that the rest of the room asks about it."""

    #: The word for it in requests and answers.
    task_type: str
    #: Whether it reads a control; the second are the tags of the objects the control is for.
    reads: Callable[[Control, frozenset[str]], bool]
    #: What has to be in a labelling config, for the reason why nothing can be evaluated.
    asks_for: str
    #: Whether its labels are paths in a tree, of which a node stands for all that is above it.
    is_tree: bool = False
    #: Whether it is of one control, and two have to be told apart by name.
    is_of_one_control: bool = False
    #: Kinds of shape on an image that are compared.
    shapes: frozenset[str] = frozenset()
    #: What average precision compares from the start.
    starts_with: IouType = IouType.BOXES
    #: Of controls that hold the same objects, the kind of shape that is preferred to the others:
    #: rectangles, or anything but these. None where every control is read.
    prefers_boxes: bool | None = None
    #: Whether key points are part of the shapes they belong to.
    has_keypoints: bool = False
    #: Whether single items are told apart, so that each has a verdict.
    has_items: bool = True
    #: Whether it has average precision, which panels show.
    has_precision: bool = False
    #: Whether errors are told apart in TIDE's sense.
    has_error_types: bool = False
    #: Whether whole values of the task's data are needed: `StoredImage.value`.
    needs_data: bool = False

    classes: Callable[[Config, Sequence[Control]], list[str]] = label_classes
    #: Whether an image may have several classes at once, each decided alone.
    is_multi_label: Callable[[Sequence[Control]], bool] = never
    #: Whether the control has one class for a whole object.
    count: Callable[[Chunk, Job, Notes], Tally]
    #: Each measures something else of a split, so that several workers may share the work.
    totals: Sequence[Callable[[Gathered, Job], Total]]
    #: Each image at one percent; the verdicts add up to its counts there.
    verdicts: Callable[[Sequence[StoredImage], Job, int], list[ImageVerdicts]]
    #: The same of shapes, all images together: `TooMuchToDraw` where it takes more steps.
    shape_verdicts: Callable[[Sequence[StoredImage], Job, int, float], ShapeVerdicts] = no_shapes

    primary: Primary
    #: The first metric of single images, which they are ordered by; None for kinds without any.
    measure: str | None = None
    #: Unless the request has others.
    iou_threshold: float = 0.5
    is_inclusive: bool = False
    #: Request parameters that are read, beside those that every kind reads.
    parameters: frozenset[str] = frozenset()
    #: Whether its classes are labels, which a request may restrict and rename.
    has_labels: bool = True
    #: One and several of what is counted, in words.
    counted: tuple[str, str] = ("object", "objects")
    #: What draws its items at the desk: a word for the page's script.
    drawing: str = "none"

    def total(self, gathered: Gathered, job: Job) -> Total:
        """All that is measured of a split."""
        return joined([measure(gathered, job) for measure in self.totals])

    @property
    def compared_by(self) -> str:
        """The metric models are compared by unless asked otherwise."""
        return "mAP5095" if self.has_precision else self.primary.name

    @property
    def panel_task_type(self) -> str:
        """The task type as panels spell it."""
        return "object-detection-like" if self.has_precision else self.task_type


def whole(n_images: int) -> Bools:
    """All images of a chunk."""
    return np.ones(n_images, dtype=np.bool_)
