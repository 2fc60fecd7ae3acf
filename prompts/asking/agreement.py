"""How far two results agree. Pure.

Regions are compared by control and value; ids, the text a span covers and the order of choices
do not count. Two regions agree exactly or not at all.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from predictions_api.http.storable import is_number

Region = dict[str, Any]


def _key(region: Region) -> str:
    value = region.get("value")
    if isinstance(value, dict):
        covers_text = "start" in value
        value = {
            name: _in_order(part)
            for name, part in value.items()
            if part is not None and not (covers_text and name == "text")
        }
    return json.dumps([region.get("from_name"), region.get("type"), value], sort_keys=True)


def _in_order(part: Any) -> Any:
    """Lists of text in one order, numbers to six places: 10 and 10.0 are one value."""
    if isinstance(part, list) and all(isinstance(entry, str) for entry in part):
        return sorted(part)
    if is_number(part):
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
