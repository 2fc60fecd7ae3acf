"""Stored results as what the desk draws. Pure; the shape of a region is told by its value's keys,
as tools name their types differently. What cannot be drawn is shown as text.
"""

from collections.abc import Mapping
from typing import Any

from predictions_api.http.storable import is_number
from predictions_api.wording import plain

Drawn = dict[str, Any]

#: The kind of a shape by what its value must have, the most telling first.
KINDS = (
    ("brush", {"rle"}),
    ("bitmask", {"imageDataURL"}),
    ("polygon", {"points"}),
    ("ellipse", {"x", "y", "radiusX", "radiusY"}),
    ("rectangle", {"x", "y", "width", "height"}),
    ("keypoint", {"x", "y"}),
)
GEOMETRY = (
    "x", "y", "width", "height", "rotation", "radiusX", "radiusY", "points", "closed", "rle",
    "imageDataURL",
)  # fmt: skip
SHAPES = frozenset(kind for kind, _ in KINDS)


def drawn(
    result: Any, *, side: str, score: float | None = None, verdicts: Mapping[int, str] | None = None
) -> list[Drawn]:
    """The regions of a result, `prediction` or `ground_truth`, for regions.js.

    `score` is that of regions without one of their own. `verdicts` are `tp`, `fp`, `fn` or
    `wrong_class` by the region's place in the result. Empty for what is no list of regions.
    """
    regions = result if isinstance(result, list) else []
    found = [
        _region(region, number, side, score)
        for number, region in enumerate(r for r in regions if isinstance(r, Mapping))
    ]
    for number, one in enumerate(found):
        one["verdict"] = (verdicts or {}).get(number)
    return found


def _region(region: Mapping[str, Any], number: int, side: str, score: float | None) -> Drawn:
    value = region.get("value")
    value = value if isinstance(value, Mapping) else {}
    kind = next((kind for kind, keys in KINDS if keys <= value.keys()), "text")
    own = region.get("score")
    document: Drawn = {
        "id": f"{side}-{number}",
        "name": str(region.get("from_name") or ""),
        "kind": kind,
        "label": ", ".join(_labels(region, value)),
        "side": side,
        "verdict": None,
        "score": own if is_number(own) else score,
        "width": region.get("original_width"),
        "height": region.get("original_height"),
    }
    if kind == "text":
        words = _words(value)
        # What is chosen is no name of a place.
        return {**document, **words, "label": document["label"] if words["passage"] else ""}
    geometry = {name: value[name] for name in GEOMETRY if name in value}
    if kind == "brush":
        # Of the mask, not of the region: its size in pixels.
        geometry |= {"width": document["width"], "height": document["height"]}
    return {**document, "geometry": geometry}


def _labels(region: Mapping[str, Any], value: Mapping[str, Any]) -> list[str]:
    """What the region is called: the value under its type's name, or under any name of labels."""
    kind = region.get("type")
    listed = value.get(kind) if isinstance(kind, str) else None
    if not isinstance(listed, list):
        names = (value[name] for name in value if str(name).endswith("labels"))
        listed = next((labels for labels in names if isinstance(labels, list)), [])
    return [label for label in listed if isinstance(label, str)]


def _words(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is chosen or written, and for a passage of a text from where to where."""
    start, end = value.get("start"), value.get("end")
    is_passage = isinstance(start, int) and isinstance(end, int)
    apart = {"text"}
    is_stretch = not is_passage and is_number(start) and is_number(end)
    if is_stretch:
        apart |= {"start", "end", "channel"}
    texts = [text for name, given in value.items() if name not in apart for text in _texts(given)]
    if is_stretch:
        texts = [f"{', '.join(texts)} {plain(value['start'])} to {plain(value['end'])}".lstrip()]
    written = value.get("text")
    return {
        "values": texts if texts and not is_passage else _texts(written),
        "passage": [start, end] if is_passage else None,
    }


def _texts(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, bool) or is_number(given):
        return [str(given)]
    if isinstance(given, list):
        return [" / ".join(map(str, one)) if isinstance(one, list) else str(one) for one in given]
    return []


def shown_data(data: Any, parsed_config: Mapping[str, Any]) -> tuple[str | None, list[list[str]]]:
    """Of a task's data the image's address, None without, and every other text: [name, text].

    The labelling config says which key holds the image; a project without says nothing, and then
    it is the first text that looks like one.
    """
    values = data if isinstance(data, Mapping) else {}
    texts = {str(key): value for key, value in values.items() if isinstance(value, str)}
    images = [
        str(given.get("value"))
        for control in parsed_config.values()
        for given in control.get("inputs") or []
        if isinstance(given, Mapping) and str(given.get("type", "")).lower() == "image"
    ]
    key = next((name for name in images if name in texts), None)
    if key is None and not parsed_config:
        looks = (name for name, text in texts.items() if text.startswith("data:image/"))
        key = next(looks, "image" if "image" in texts else None)
    return texts.get(key or ""), [[name, text] for name, text in texts.items() if name != key]
