"""How far two results agree. Pure.

Regions are compared by control and value; ids, the text a span covers and the order of choices
do not count, nor what a page of Label Studio stores beside what was marked. Two regions agree
exactly or not at all.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from predictions_api.http.storable import is_number

Region = dict[str, Any]


#: What is the same where it is absent.
DEFAULTS = {"rotation": 0, "channel": 0}


def _key(region: Region) -> str:
    value = region.get("value")
    if isinstance(value, dict):
        value = {
            name: _in_order(part)
            for name, part in _marked(value, str(region.get("type"))).items()
            if part is not None and (name not in DEFAULTS or part != DEFAULTS[name])
        }
    return json.dumps([region.get("from_name"), region.get("type"), value], sort_keys=True)


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


def _in_order(part: Any) -> Any:
    """Lists of text in one order, numbers to six places: 10 and 10.0 are one value. Whole numbers
    that float64 does not tell apart stay as they are.
    """
    if isinstance(part, list) and all(isinstance(entry, str) for entry in part):
        return sorted(part)
    if is_number(part) and (isinstance(part, float) or abs(part) < 2**53):
        return round(float(part), 6)
    return part


def agreement(result: Sequence[Region], truth: Sequence[Region]) -> float:
    """F1 of the regions of two results, 0 to 1; two empty results agree (1.0).

    >>> agreement([{"from_name": "s", "value": {"choices": ["a"]}}], [])
    0.0
    """
    ours = Counter(_key(region) for region in result if region.get("type") != "relation")
    theirs = Counter(_key(region) for region in truth if region.get("type") != "relation")
    n = ours.total() + theirs.total()
    return 1.0 if n == 0 else 2 * (ours & theirs).total() / n
