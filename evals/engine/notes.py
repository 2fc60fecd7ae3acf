"""What was done with regions beside reading them: passed over, or read with a guess."""

from dataclasses import dataclass, field

from predictions.regions.labels import Reason


@dataclass(slots=True)
class Ignored:
    """Regions of one side that were passed over for one reason, and the first of them."""

    regions: int
    image: int
    #: Its id, or its place in the result.
    region: str | int


@dataclass(slots=True)
class Notes:
    """What was done with the regions of a chunk beside reading them."""

    #: By reason, and whether it is ground truth.
    ignored: dict[tuple[Reason, bool], Ignored] = field(default_factory=dict)
    #: Regions of each side, ground truth first, that were read; and those that would have been,
    #: had they been usable.
    read: list[int] = field(default_factory=lambda: [0, 0])
    unusable: list[int] = field(default_factory=lambda: [0, 0])
    #: Of those read the outlines and masks; boxes are the others.
    masks: list[int] = field(default_factory=lambda: [0, 0])
    #: Regions of images and classes of which one side has boxes alone, the other outlines or masks.
    beside_outlines: int = 0
    #: Regions of each image without any size, by its place in the chunk.
    unsized: dict[int, int] = field(default_factory=dict)
    #: Regions with labels after the first, which are not counted.
    more_labels: int = 0
    #: Key points of shapes that have one of that name already, which are not counted.
    repeated_points: int = 0
    #: Regions of images whose sides are told in another ratio.
    other_ratio: int = 0
    #: Detections whose score is below 0 or above 1.
    odd_scores: int = 0
    #: Detections without a score, that have a number where tools put one and where none is read.
    scores_elsewhere: int = 0
    #: Shapes that lie wholly outside of their image.
    outside: int = 0
    #: The largest x, y, width or height of each side's shapes, in per cent; 0 without shapes.
    reach_pct: list[float] = field(default_factory=lambda: [0.0, 0.0])
    #: Stretches of time that are told in numbers, beside others that are told as dates.
    numbers_as_dates: int = 0
    #: True objects whose crowd or area is told in a form that is not read.
    unread_meta: int = 0
    #: Shapes that tell a size of their image in a form that is not read.
    unread_sizes: int = 0
    #: Spans whose own text is not what stands at their place, or whose place is beyond the text.
    other_text: int = 0
    #: Tasks that say something of their images in a form that is not read.
    misread_tasks: int = 0
    #: Labels that a labelMap names and that were met, read or not.
    mapped: set[str] = field(default_factory=set)
    #: Nodes of trees whose own names hold the separator of paths: each reads as another path.
    own_separators: set[str] = field(default_factory=set)

    def ignore(
        self, reason: Reason, *, is_truth: bool, image: int, region: str | int, was_meant: bool
    ) -> None:
        """Counts a region that is passed over; `was_meant` where it is of a kind that is read."""
        known = self.ignored.get((reason, is_truth))
        if known is None:
            self.ignored[reason, is_truth] = Ignored(1, image, region)
        else:
            known.regions += 1
        if was_meant:
            self.unusable[not is_truth] += 1
