"""What the labels of a stored region are. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from predictions.regions.config import PATH_SEPARATOR
from predictions.regions.controls import LABEL_KEYS


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
