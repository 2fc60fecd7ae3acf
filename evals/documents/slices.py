"""What images are sliced by: values of their tasks' keys, one byte a key and image.

An image holds a code for each key, in the order in which keys were met: 0 for `(none)`, n for the
n-th value of the key. Trailing zeros are left out, so a key that is met late costs the images
before it nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from evals.documents.document import Document
from evals.engine.events import Ints
from predictions.regions.geometry import Bools

#: What an image without the key is filed under.
NONE = "(none)"
#: Different values of a key; one with more is no slice.
MOST_VALUES = 200
#: Characters of a value, and of a key; longer values are cut, longer keys are left out.
LONGEST = 200
#: Keys that a request may name.
MOST_ASKED = 8
#: Top-level keys of `meta` that are slices without being asked for.
MOST_OWN = 50
#: Words of `meta` that say something else.
RESERVED = ("split", "image_name", "image_id", "augmentations", "embedding")

Share = Annotated[float, Meta(description="0 to 1.")]


class SliceKey(Document):
    """A key that images are sliced by, and its values as they were met; null for too many."""

    key: str
    values: list[str] | None


class SliceRow(Document):
    """The images of one value."""

    value: Annotated[str, Meta(description="`(none)`: the key is absent, or no text or number.")]
    images: int
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float
    f1_low: Annotated[float | None, Meta(description="95 % interval; null beyond its limits.")]
    f1_high: float | None


class Slices(Document):
    """The images of a split by the values of a key, most images first; counts add up to all."""

    by: str
    split: str
    confidence_threshold: float
    slices: list[SliceRow]


class Bounds(Document):
    """The ends of an interval."""

    low: float
    high: float


class Intervals(Document):
    """How far precision, recall, F1 and mAP50-95 may be off because there are no more images."""

    method: Annotated[str, Meta(extra_json_schema={"enum": ["bootstrap-percentile", "wilson"]})]
    replicates: Annotated[int | None, Meta(description="Null for Wilson's.")]
    seed: int | None
    level: Share
    images: int
    precision: Bounds
    recall: Bounds
    f1: Annotated[Bounds | None, Meta(description="Null for Wilson's.")]
    map50_95: Annotated[
        Bounds | None,
        Meta(
            description="Of all predictions, by leaving out a tenth of the images at a time, not "
            "by `method`; null for all splits together, for a slice, and where it is not known."
        ),
    ] = msgspec.field(name="map50_95")


@dataclass(slots=True)
class _Key:
    name: str
    is_asked: bool
    #: Codes by value; None for too many values.
    codes: dict[str, int] | None = field(default_factory=dict)

    def code(self, text: str) -> int:
        if self.codes is None or text == NONE:
            return 0
        code = self.codes.setdefault(text, len(self.codes) + 1)
        if code > MOST_VALUES:
            self.codes = None
            return 0
        return code


class SliceTable:
    """The keys and values of an evaluation's images, as its plan meets them."""

    def __init__(self, asked: Sequence[str]) -> None:
        self._keys = [_Key(name, is_asked=True) for name in asked]
        self._own: dict[str, int] = {}
        for place, name in enumerate(asked):
            if name.startswith("meta."):
                self._own[name.removeprefix("meta.")] = place
        self._most = len(self._own) + MOST_OWN

    def codes(self, asked: Sequence[str | None], own: Mapping[str, str]) -> str:
        """The codes of an image as hex digits, of its values of the keys asked for, in order, None
        where it has none, and of the scalars of its task's `meta` by key.
        """
        codes = bytearray(
            0 if text is None else key.code(text)
            for key, text in zip(self._keys, asked, strict=False)
        )
        for name in sorted(own):
            place = self._place(name)
            if place is not None and place >= len(asked):
                codes.extend(bytes(max(0, place + 1 - len(codes))))
                codes[place] = self._keys[place].code(own[name])
        return codes.rstrip(b"\0").hex()

    def _place(self, name: str) -> int | None:
        place = self._own.get(name)
        if place is None and len(self._own) < self._most and name not in RESERVED:
            place = self._own[name] = len(self._keys)
            self._keys.append(_Key(f"meta.{name}", is_asked=False))
        return place

    @property
    def names(self) -> list[str | None]:
        """The keys by place, None for one with too many values; empty where no key is left."""
        names = [None if key.codes is None else key.name for key in self._keys]
        return names if any(name is not None for name in names) else []

    @property
    def too_varied(self) -> list[str]:
        """The keys asked for that have too many values."""
        return [key.name for key in self._keys if key.is_asked and key.codes is None]

    def document(self) -> list[SliceKey]:
        """The keys by place."""
        return [
            SliceKey(key=key.name, values=None if key.codes is None else list(key.codes))
            for key in self._keys
        ]


@dataclass(frozen=True, slots=True)
class Slice:
    """The images with one value of a key."""

    #: Which of the keys.
    place: int
    #: -1 for a value that no image has.
    code: int

    def has(self, slices: Sequence[bytes]) -> Bools:
        """Which of the images it has, by their codes: bool (n_images,)."""
        return np.asarray(codes_at(slices, self.place) == self.code)


def codes_at(slices: Sequence[bytes], place: int) -> Ints:
    """The code of each image for the key at a place, int64 (n_images,)."""
    codes = (one[place] if len(one) > place else 0 for one in slices)
    return np.fromiter(codes, dtype=np.int64, count=len(slices))


def readings(text: str, keys: Sequence[str | None]) -> Iterator[tuple[int, str]]:
    """What `key:value` may mean, as place of the key and value: keys may hold colons, the longest
    comes first. Nothing for an unknown key.
    """
    named = [(name, place) for place, name in enumerate(keys) if name is not None]
    for name, place in sorted(named, key=lambda one: -len(one[0])):
        if text.startswith(f"{name}:"):
            yield place, text[len(name) + 1 :][:LONGEST]
