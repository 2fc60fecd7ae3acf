"""How far two results agree. Pure.

What evaluations count as equal agrees: a class under its stored or its shown name, classes and
paths in any order, a text in one piece or in lines, a number as such or as text. Both read these by
the functions of `predictions.regions`. A control's answer about the whole object is compared as
one, in however many regions it stands; any other region is compared by itself, and where it is must
be the same: evaluations match places by how far they overlap, this does not. Ids, and what a page
of Label Studio stores beside what was marked, do not count.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from predictions.regions.config import Config, Control, StoredNames
from predictions.regions.controls import CLASS_KEYS
from predictions.regions.labels import label_names, read_number, read_text
from predictions_api.http.storable import is_number

Region = dict[str, Any]

#: What is the same where it is absent.
DEFAULTS = {"rotation": 0, "channel": 0, "closed": True}
#: Types of regions that have numbers; and that have names, with the key of these.
NUMBERS = frozenset({"number", "rating"})
NAMES = {"choices": "choices", "taxonomy": "taxonomy", "pairwise": "selected"}
#: A double has no more digits of its own: 0.1 + 0.2 is 0.3.
DIGITS = 15
MAX_FLOAT = sys.float_info.max


class Comparison:
    """Compares results of one labelling config."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stored: dict[str, StoredNames] = {}

    def agreement(self, result: Sequence[Region], truth: Sequence[Region]) -> float:
        """F1 of the answers and regions of two results, 0 to 1; two empty results agree (1.0).

        >>> chosen = {"from_name": "s", "type": "choices", "value": {"choices": ["a"]}}
        >>> Comparison(Config()).agreement([chosen], [])
        0.0
        """
        ours, theirs = self._compared(result), self._compared(truth)
        n = ours.total() + theirs.total()
        return 1.0 if n == 0 else 2 * (ours & theirs).total() / n

    def _compared(self, regions: Sequence[Region]) -> Counter[str]:
        """What is compared of a result, each thing as one text."""
        alone, answers = Counter[str](), dict[tuple[str, str], list[Any]]()
        for region in regions:
            if region.get("type") == "relation":
                continue
            control = self._control_of(region)
            place = _place(region, control)
            parts = self._parts(region, control)
            if parts is None:
                alone[place + _text(self._value(region, control))] += 1
            elif parts:
                answers.setdefault((_rule(region, control), place), []).extend(parts)
        joined = [place + _text(JOINED[rule](said)) for (rule, place), said in answers.items()]
        return alone + Counter(joined)

    def _control_of(self, region: Region) -> Control | None:
        """The region's control: by its name or, where the config has none of that name, as the one
        that was renamed, the only one of the region's type. Evaluations read it so, too.
        """
        named = self._config.control(str(region.get("from_name")))
        if named is not None:
            return named
        kind = region.get("type")
        alike = [one for one in self._config.controls if one.tag.result_type == kind]
        return alike[0] if len(alike) == 1 else None

    def _parts(self, region: Region, control: Control | None) -> list[Any] | None:
        """What a region adds to its control's answer about the whole object, perhaps nothing; None
        of a region that is compared by itself, as one whose answer cannot be read.
        """
        value, kind = region.get("value"), str(region.get("type"))
        if not isinstance(value, dict) or (control is not None and control.is_per_region):
            return None
        if kind == "textarea":
            text = read_text(value.get("text"))
            return None if text is None else [text]
        if kind in NUMBERS:
            number = _number(value.get(kind))
            return None if number is None else [number]
        return self._names(value.get(NAMES[kind]), control) if kind in NAMES else None

    def _names(self, listed: Any, control: Control | None) -> list[str] | None:
        """The classes by their stored names; None for what are none."""
        names = label_names(listed)
        if names is None or control is None:
            return names
        if control.name not in self._stored:
            self._stored[control.name] = StoredNames(self._config, control)
        return self._stored[control.name].of(names)

    def _value(self, region: Region, control: Control | None) -> Any:
        value = region.get("value")
        if not isinstance(value, dict):
            return value
        return {
            name: self._part(name, part, control)
            for name, part in _marked(value, str(region.get("type"))).items()
            if part is not None and (name not in DEFAULTS or part != DEFAULTS[name])
        }

    def _part(self, name: str, part: Any, control: Control | None) -> Any:
        """Classes in one order, numbers to six places: 10 and 10.0 are one value."""
        if name in CLASS_KEYS and (names := self._names(part, control)) is not None:
            return sorted(names)
        # A mask is a list of whole numbers, and a long one.
        return part if name == "rle" else _rounded(part)


def _rounded(part: Any) -> Any:
    """A part of a place, such as the corners of an outline, with its numbers to six places."""
    if isinstance(part, list):
        return [_rounded(one) for one in part]
    if isinstance(part, dict):
        return {name: _rounded(one) for name, one in part.items()}
    # More digits than a float can have are no place, but may have been stored.
    is_place = is_number(part) and abs(part) <= MAX_FLOAT
    return round(float(part), 6) if is_place else part


def _number(stored: Any) -> float | None:
    """A number as it is compared, a whole one to the last digit; None for what is none."""
    number = read_number(stored)
    if number is None or isinstance(stored, int):
        return None if number is None else stored
    return int(number) if number.is_integer() else float(f"{number:.{DIGITS}g}")


def _first(said: list[Any]) -> Any:
    return said[0]


def _all(said: list[Any]) -> Any:
    return sorted(set(said))


#: How parts of an answer are one.
JOINED: Mapping[str, Callable[[list[Any]], Any]] = {
    "lines": "\n".join,
    "first": _first,
    "all": _all,
}


def _rule(region: Region, control: Control | None) -> str:
    """Which of JOINED an answer goes by: of several classes where one is asked for, the first."""
    kind = region.get("type")
    if kind == "textarea":
        return "lines"
    is_several = control is None or control.is_multiple
    return "all" if kind == "taxonomy" or (kind == "choices" and is_several) else "first"


def _place(region: Region, control: Control | None) -> str:
    """What a region is of: its control, its page, and of several objects which one."""
    # A preference is about all of its objects, whichever of them it names.
    is_of_several = (
        control is not None and len(control.to_names) > 1 and control.tag.tag != "Pairwise"
    )
    names = ("type", *(["to_name"] if is_of_several else []))
    named = region.get("from_name") if control is None else control.name
    return _text([named, *(region.get(name) for name in names), region.get("item_index") or 0])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _marked(value: dict[str, Any], kind: str) -> dict[str, Any]:
    """The value without what says nothing of what was marked."""
    value = dict(value)
    if "start" in value:
        value.pop("text", None)
        offsets = value.pop("globalOffsets", None)
        ends = [str(value["start"]), str(value.get("end"))]
        if all(end.isdecimal() for end in ends):
            # Of a dialogue: its paragraphs by number, written as texts.
            value |= {"start": int(ends[0]), "end": int(ends[1])}
        elif isinstance(value["start"], str) and isinstance(offsets, dict):
            # Of a page: paths to places in it, beside the places in its text.
            value |= {"start": offsets.get("start"), "end": offsets.get("end")}
            value |= {"startOffset": None, "endOffset": None}
    elif isinstance(value.get("text"), str):
        value["text"] = [value["text"]]
    if kind.startswith("keypoint"):
        # How large it is drawn.
        value.pop("width", None)
    return value
