"""A model's prediction as ground truth, and how it differs from the ground truth there is. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

Region = dict[str, Any]

#: What of a region says which one it is, not what it says.
NAMES_OF_REGIONS = frozenset({"id", "score", "origin", "parentID"})


@dataclass(frozen=True, slots=True)
class Difference:
    """How many regions two results share, and what only one of them has, in its order."""

    same: int
    lost: list[Region]
    new: list[Region]


def as_truth(result: Any) -> Any:
    """The result without the scores of its regions: a model is sure of something, a truth is.

    What is no list of regions stays as it is.
    """
    if not isinstance(result, list):
        return result
    return [
        {name: value for name, value in region.items() if name != "score"}
        if isinstance(region, dict)
        else region
        for region in result
    ]


def difference(present: Any, proposed: Any) -> Difference:
    """What changes where `proposed` takes the place of `present`, both results.

    Regions are the same where control, object, type, value and `meta` are, whatever their ids and
    scores; of equal ones each counts. What is no list of regions has none.
    """
    before, after = _regions(present), _regions(proposed)
    lost, n_same = _without(before, after)
    new, _ = _without(after, before)
    return Difference(same=n_same, lost=lost, new=new)


def _regions(result: Any) -> list[Region]:
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _without(regions: Sequence[Region], others: Sequence[Region]) -> tuple[list[Region], int]:
    """The regions that others do not have, and how many they have."""
    left = Counter(map(_content, others))
    only = []
    for region in regions:
        content = _content(region)
        if left[content]:
            left[content] -= 1
        else:
            only.append(region)
    return only, len(regions) - len(only)


def _content(region: Region) -> bytes:
    """What a region says, as bytes that are equal for equal ones."""
    said = {
        name: _plain(value)
        for name, value in region.items()
        # An empty meta says as little as none.
        if name not in NAMES_OF_REGIONS and (name != "meta" or value)
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    """The value with all its numbers as floats: 10 and 10.0 are one number."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**53 else str(value)
    return value


def is_same(present: Any, proposed: Any) -> bool:
    """Whether two results say the same, whatever the order and the ids of their regions; what
    `meta` says of a region counts, too.
    """
    if not isinstance(present, list) or not isinstance(proposed, list):
        return False
    if len(present) != len(proposed):
        return False
    return Counter(map(_said, present)) == Counter(map(_said, proposed))


def _said(entry: Any) -> bytes:
    return _content(entry) if isinstance(entry, dict) else orjson.dumps(_plain(entry))
