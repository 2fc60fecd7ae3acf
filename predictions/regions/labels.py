"""Labels and scores of stored regions, and what is passed over because it has none that is usable.

A shape and its label may be two regions of one id ("Rectangle" beside "Labels", or choices about a
region); they are joined within their own annotation or prediction only, and only by a real id.
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from predictions.regions.config import PATH_SEPARATOR
from predictions.regions.controls import LABEL_KEYS
from predictions.regions.errors import DocumentedError
from predictions_api.http.storable import is_number

#: Beyond it sums of scores are no numbers any more.
LARGEST_SCORE = 1e300
#: Of a text, for stretches of it.
LAST_CHARACTER = 2**40

#: What a text may say of a flag, beside numbers.
FLAG_WORDS = {"": False, "false": False, "no": False, "true": True, "yes": True}

Region = Mapping[str, Any]


class Reason(StrEnum):
    """Why a region is passed over."""

    OTHER_CONTROL = "other_control"
    OTHER_CLASS = "other_class"
    NO_LABEL = "no_label"
    INVALID_LABEL = "invalid_label"
    INVALID_VALUE = "invalid_value"
    INVALID_SCORE = "invalid_score"
    NO_GEOMETRY = "no_geometry"
    NO_KEYPOINTS = "no_keypoints"
    NO_RECTANGLE = "no_rectangle"


class PassedOver(DocumentedError):
    """A region is not read."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


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


def region_labels(
    region: Region, partners: Sequence[Region] = (), unlabelled: Container[str] = ()
) -> list[str]:
    """A shape's labels, one at least. `PassedOver` for none, or what is no label."""
    value = region.get("value")
    values = value if isinstance(value, Mapping) else {}
    for key in LABEL_KEYS.get(str(region.get("type")), ()):
        if names := read_names(values.get(key)):
            return names
    for other in partners:
        theirs = other.get("value")
        listed = theirs.get(other.get("type")) if isinstance(theirs, Mapping) else None
        if names := read_names(listed):
            return names
    name = region.get("from_name")
    if isinstance(name, str) and name in unlabelled:
        return [name]
    raise PassedOver(Reason.NO_LABEL)


def meta_of(region: Region, partners: Sequence[Region] = ()) -> dict[str, Any]:
    """What `meta` says of an object: that of its region, else that of the entry of its label."""
    metas = [one.get("meta") for one in (region, *partners)]
    merged: dict[str, Any] = {}
    for meta in reversed(metas):
        merged |= meta if isinstance(meta, Mapping) else {}
    return merged


def read_crowd(told: Any) -> bool | None:
    """Whether `meta.iscrowd` says that a region is a crowd of objects, 1 or true, or none, 0 or
    false, as text, too; None for anything else. Nothing and empty text say that it is none.

    >>> read_crowd(1), read_crowd("true"), read_crowd(None), read_crowd("0"), read_crowd(2)
    (True, True, False, False, None)
    """
    if isinstance(told, str):
        told = FLAG_WORDS.get(told.strip().lower(), told)
    if told is None or isinstance(told, bool):
        return bool(told)
    number = read_number(told)
    return number == 1 if number in (0, 1) else None


def read_area(told: Any) -> float | None:
    """`meta.area`, the object's area in pixels, from 0 on, as text, too; None for what is none."""
    area = read_number(told)
    return area if area is not None and 0 <= area < math.inf else None


def read_names(listed: Any) -> list[str]:
    """Labels as they are stored, [] for none. `PassedOver` for what is no label."""
    names = label_names(listed)
    if names is None:
        raise PassedOver(Reason.INVALID_LABEL)
    return names


def label_names(listed: Any) -> list[str] | None:
    """Labels as they are stored: a list of texts or of paths, or one text; [] for none.

    None for anything else: numbers, null in a list and other things are no labels.

    >>> label_names([["Animal", "Dog"], "Car"]), label_names("Car"), label_names(None)
    (['Animal / Dog', 'Car'], ['Car'], [])
    >>> label_names([5]), label_names([None])
    (None, None)
    """
    if listed is None or listed == "" or listed == [""]:
        return []
    if isinstance(listed, str):
        return [listed]
    if not isinstance(listed, list):
        return None
    names = []
    for one in listed:
        path = one if isinstance(one, list) and one else [one]
        if not all(isinstance(step, str) and step for step in path):
            return None
        names.append(PATH_SEPARATOR.join(path))
    return names


def unusable_labels(result: list[Any]) -> Iterator[str]:
    """For each shape that has what is no label under one of the keys where its label is looked for,
    what is wrong with it.

    A shape without any label is not among them: it may have one in a region of its own.
    """
    for place, region in enumerate(result):
        value = region.get("value") if isinstance(region, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        for key in LABEL_KEYS.get(str(region.get("type")), ()):
            if key in value and (value[key] is None or label_names(value[key]) is None):
                yield f"Region {place}: '{key}' must be a list of labels. Got: {value[key]!r:.100}"


def region_score(region: Region, partners: Sequence[Region], default: float) -> float:
    """A region's score: its own, that of the entry with its label, or the prediction's.

    Text that holds a number is that number. `PassedOver` for anything else that is no number.
    """
    scores = (one.get("score") for one in (region, *partners))
    score = read_number(next((one for one in scores if one is not None), default))
    if score is None or not abs(score) < LARGEST_SCORE:
        raise PassedOver(Reason.INVALID_SCORE)
    return score


def read_text(value: Any) -> str | None:
    """A text: one, or a list of lines; None for anything else.

    >>> read_text("a"), read_text(["a", "b"]), read_text([1])
    ('a', 'a\\nb', None)
    """
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return None
    return "\n".join(lines)


def read_number(value: Any) -> float | None:
    """A number, or text that holds one; None for anything else. It may be infinite, or NaN.

    >>> read_number("0.5"), read_number(3), read_number("1_0"), read_number(True)
    (0.5, 3.0, None, None)
    """
    if isinstance(value, str) and "_" not in value:
        try:
            return float(value)
        except ValueError:
            return None
    try:
        return float(value) if is_number(value) else None
    except OverflowError:
        return None
