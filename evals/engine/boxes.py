"""Stored results as JSON text, read as plain boxes where they are nothing else.

Most results are lists of labelled boxes, as detectors post them. Reading just their numbers, and
checking these on the way, takes half the time of reading everything and nothing is thrown away
afterwards; a result with anything else in it is read as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, overload

import msgspec

from evals.engine.reading import Place
from predictions.regions.geometry import FARTHEST_PCT, Size
from predictions_api.http.storable import float_value

Region = Mapping[str, Any]
Regions = Sequence[Region]

Percent = Annotated[float, msgspec.Meta(ge=-FARTHEST_PCT, le=FARTHEST_PCT)]
Length = Annotated[float, msgspec.Meta(ge=0, le=FARTHEST_PCT)]
Pixels = Annotated[float, msgspec.Meta(ge=1, lt=2**31)]
Upright = Annotated[float, msgspec.Meta(ge=0, le=0)]
Score = Annotated[float, msgspec.Meta(gt=-1e300, lt=1e300)]
Label = Annotated[str, msgspec.Meta(min_length=1)]


class BoxMeta(msgspec.Struct, gc=False):
    """What COCO says of an object beside where it is; unusable values are as none."""

    iscrowd: Any = None
    area: Any = None


class BoxValue(msgspec.Struct, gc=False):
    """A box in per cent of its image, not rotated, and its one label."""

    x: Percent
    y: Percent
    width: Length
    height: Length
    rectanglelabels: Annotated[list[Label], msgspec.Meta(min_length=1, max_length=1)]
    rotation: Upright | None = None


class Box(msgspec.Struct, gc=False):
    """A region that is a labelled box, with the size of its image in pixels."""

    type: Literal["rectanglelabels"]
    value: BoxValue
    original_width: Pixels
    original_height: Pixels
    score: Score | None = None
    meta: BoxMeta | None = None


class NamedBox(Box, gc=False):
    """As `Box`, where it matters which control and which image of the task it is of."""

    id: str | int | None = None
    from_name: str | None = None
    to_name: str | None = None
    item_index: int | None = None


DECODER = msgspec.json.Decoder(list[Box])
NAMED_DECODER = msgspec.json.Decoder(list[NamedBox])


AnyBox = TypeVar("AnyBox", bound=Box)


class RegionText(Regions):
    """A stored result; its regions are read when somebody asks for them.

    A result may be stored in shorthand: what is no list of regions has none.
    """

    __slots__ = ("_regions", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._regions: list[dict[str, Any]] | None = None

    def boxes(self) -> list[Box] | None:
        """All regions, where they are plain boxes; None where any is something else, or odd."""
        return self._decoded(DECODER)

    def named_boxes(self) -> list[NamedBox] | None:
        """As `boxes`, with names."""
        return self._decoded(NAMED_DECODER)

    def _decoded(self, decoder: msgspec.json.Decoder[list[AnyBox]]) -> list[AnyBox] | None:
        try:
            return decoder.decode(self.text)
        except (msgspec.DecodeError, RecursionError):
            return None

    @property
    def regions(self) -> list[dict[str, Any]]:
        """The regions in stored order."""
        if self._regions is None:
            parsed = float_value(self.text)
            listed = parsed if isinstance(parsed, list) else []
            self._regions = [region for region in listed if isinstance(region, dict)]
        return self._regions

    def __len__(self) -> int:
        return len(self.regions)

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    @overload
    def __getitem__(self, at: int) -> Region: ...
    @overload
    def __getitem__(self, at: slice) -> Regions: ...
    def __getitem__(self, at: int | slice) -> Region | Regions:
        return self.regions[at]


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as the store has it: its task's regions, and which of them are its own."""

    truth: Regions
    predicted: Regions
    #: Of the prediction as a whole, for regions without a score of their own.
    score: float | None
    #: None where all are.
    place: Place | None = None
    #: Of the first image of a task with several: how many there are; 0 for others.
    n_of_task: int = 0
    #: The value of its object in the task's data, where the reading needs it.
    data: Any = None
    #: Width and height in pixels that its task tells, for an image whose truth tells none.
    told_size: Size | None = None
    #: Objects of the task that are not this image, where no place says so.
    elsewhere: frozenset[str] = frozenset()
