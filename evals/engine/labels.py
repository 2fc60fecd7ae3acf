"""Labels and scores of stored regions, and what is passed over because it has none that is usable.

A shape and its label may be two regions of one id ("Rectangle" beside "Labels", or choices about a
region); they are joined within their own annotation or prediction only, and only by a real id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evals.engine.errors import EvaluationError
from evals.engine.reading import Reading
from predictions.regions import labels
from predictions.regions.controls import LABEL_KEYS
from predictions_api.http.storable import is_number

#: Beyond it sums of scores are no numbers any more.
LARGEST_SCORE = 1e300

Region = Mapping[str, Any]


class Reason(StrEnum):
    """Why a region is passed over."""

    OTHER_CONTROL = "other_control"
    NO_LABEL = "no_label"
    INVALID_LABEL = "invalid_label"
    INVALID_SCORE = "invalid_score"
    NO_GEOMETRY = "no_geometry"


class PassedOver(EvaluationError):
    """A region is not read."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


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
    #: Regions of each image without any size, by its place in the chunk.
    unsized: dict[int, int] = field(default_factory=dict)
    #: Regions with labels after the first, which are not counted.
    more_labels: int = 0
    #: Regions of images whose sides are told in another ratio.
    other_ratio: int = 0

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


class Partners:
    """The regions of one side by their id, for those that are told in two entries."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_id: dict[Any, list[Region]] = {}
        for region in regions:
            identity = region.get("id")
            if isinstance(identity, str | int) and identity not in ("", None):
                self._by_id.setdefault(identity, []).append(region)

    def of(self, region: Region) -> list[Region]:
        """The other entries of its id that may hold its label: labels, then choices."""
        identity = region.get("id")
        if not isinstance(identity, str | int):
            return []
        others = [one for one in self._by_id.get(identity, ()) if one is not region]
        labels = [one for one in others if one.get("type") == "labels"]
        return labels + [one for one in others if one.get("type") == "choices"]

    def has_shape(self, region: Region) -> bool:
        """Whether a shape of the same id stands beside a region that is a label alone."""
        identity = region.get("id")
        same = self._by_id.get(identity, ()) if isinstance(identity, str | int) else ()
        return any(str(one.get("type")) in LABEL_KEYS for one in same)


def region_label(
    region: Region, partners: Sequence[Region] = (), reading: Reading | None = None
) -> tuple[str, int]:
    """A shape's label, and how many it has. `PassedOver` for none, or what is no label."""
    value = region.get("value")
    values = value if isinstance(value, Mapping) else {}
    for key in LABEL_KEYS.get(str(region.get("type")), ()):
        if names := label_names(values.get(key)):
            return names[0], len(names)
    for other in partners:
        theirs = other.get("value")
        listed = theirs.get(other.get("type")) if isinstance(theirs, Mapping) else None
        if names := label_names(listed):
            return names[0], len(names)
    name = region.get("from_name")
    if reading is not None and isinstance(name, str) and name in reading.unlabelled:
        return name, 1
    raise PassedOver(Reason.NO_LABEL)


def label_names(listed: Any) -> list[str]:
    """Labels as they are stored, [] for none. `PassedOver` for what is no label."""
    names = labels.label_names(listed)
    if names is None:
        raise PassedOver(Reason.INVALID_LABEL)
    return names


def region_score(region: Region, partners: Sequence[Region], default: float) -> float:
    """A region's score: its own, that of the entry with its label, or the prediction's.

    Text that holds a number is that number. `PassedOver` for anything else that is no number.
    """
    scores = (one.get("score") for one in (region, *partners))
    score: Any = next((one for one in scores if one is not None), default)
    if isinstance(score, str) and "_" not in score:
        try:
            score = float(score)
        except ValueError:
            raise PassedOver(Reason.INVALID_SCORE) from None
    if not is_number(score) or not abs(score) < LARGEST_SCORE:
        raise PassedOver(Reason.INVALID_SCORE)
    return float(score)
