"""The labelling config that regions of Label Studio must have been made with: its controls by the
regions' own names, and for each object the kind that such regions are of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from predictions.formats.errors import Errors
from predictions.regions.config import USUAL_STARS
from predictions.regions.controls import BY_TYPE, SHAPES, ControlTag
from predictions.regions.labels import read_number

#: Which object is labelled by regions of a type, or of a kind of place.
OBJECTS: Mapping[str, str] = {
    **dict.fromkeys(SHAPES, "Image"),
    "hypertextlabels": "HyperText",
    "paragraphlabels": "Paragraphs",
    "timeserieslabels": "TimeSeries",
    "timelinelabels": "Video",
    "track": "Video",
}
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
NOT_KNOWN = "{type!r:.100} is no type of regions."
#: Of one file.
MOST_CONTROLS = 100
#: A rating above is no number of stars, which a form would show.
MOST_STARS = 100


@dataclass(slots=True)
class Seen:
    """One control."""

    tag: ControlTag
    to_name: str
    labels: dict[str, None] = field(default_factory=dict)
    is_multiple: bool = False
    #: Of a Rating the highest.
    stars: int = USUAL_STARS


class Controls:
    """The controls that regions name, gathered one by one."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        #: By an object's name its kind, where a region told it, and the key of its value.
        self._kinds: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        #: Objects that are pages in some task.
        self._paged: set[str] = set()
        self._first: Mapping[str, Any] = {}
        self._unknown: dict[str, None] = {}

    def see(self, region: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """One more region, of a task with this data; relations belong to no control."""
        name, to_name, type_ = (region.get(key) for key in ("from_name", "to_name", "type"))
        if not isinstance(name, str) or not isinstance(to_name, str) or not name or not to_name:
            return
        tag = BY_TYPE.get(type_) if isinstance(type_, str) else None
        if tag is None:
            self._unknown[str(type_)] = None
            return
        control = self._seen.get(name)
        if control is None:
            control = self._seen[name] = Seen(tag, to_name)
            self._first = self._first or data
        if isinstance(data.get(self._keys.setdefault(to_name, _key(to_name, data))), list):
            self._paged.add(to_name)
        value = region.get("value")
        value = value if isinstance(value, Mapping) else {}
        if kind := _object(tag, value):
            self._kinds.setdefault(to_name, kind)
        labels = value.get(tag.value_key) if tag.value_key and tag.has_classes else None
        names = [one for one in labels if isinstance(one, str)] if isinstance(labels, list) else []
        control.labels |= dict.fromkeys(names)
        control.is_multiple |= len(names) > 1
        control.stars = max(control.stars, _stars(tag, value))

    def config(self, errors: Errors) -> tuple[str, list[str]]:
        """A config that has them, and all labels; errors for what no config has."""
        for type_ in self._unknown:
            errors.add("", NOT_KNOWN.format(type=type_))
        if len(self._seen) > MOST_CONTROLS:
            errors.add("", f"{len(self._seen):,} controls are more than {MOST_CONTROLS}.")
        classes = list(dict.fromkeys(name for one in self._seen.values() for name in one.labels))
        return "\n".join(["<View>", *self._objects(), *self._controls(), "</View>"]), classes

    def _objects(self) -> list[str]:
        names = dict.fromkeys(one.to_name for one in self._seen.values())
        return [
            f"  <{self._kind(name)} name={quoteattr(name)}"
            f" {self._attribute(name)}={quoteattr(f'${self._keys[name]}')}/>"
            for name in names
        ]

    def _attribute(self, name: str) -> str:
        """Where the object's tag names its value: a list of pictures is pages."""
        return "valueList" if name in self._paged and self._kind(name) == "Image" else "value"

    def _kind(self, name: str) -> str:
        is_picture = _is_picture(self._first.get(self._keys[name]))
        return self._kinds.get(name) or ("Image" if is_picture else "Text")

    def _controls(self) -> list[str]:
        found = []
        for name, one in self._seen.items():
            tag = one.tag.tag
            more = ' choice="multiple"' if tag == "Choices" and one.is_multiple else ""
            if one.stars > USUAL_STARS:
                more = f' maxRating="{one.stars}"'
            start = f"  <{tag} name={quoteattr(name)} toName={quoteattr(one.to_name)}{more}"
            entry = "Choice" if tag == "Choices" else "Label"
            labels = [f"    <{entry} value={quoteattr(label)}/>" for label in one.labels]
            found += [f"{start}>", *labels, f"  </{tag}>"] if labels else [f"{start}/>"]
        return found


def _stars(tag: ControlTag, value: Mapping[str, Any]) -> int:
    """How many stars a rating has; 0 for what is none."""
    stars = read_number(value.get("rating")) if tag.tag == "Rating" else None
    if stars is None or not 1 <= stars <= MOST_STARS or stars != int(stars):
        return 0
    return int(stars)


def _object(tag: ControlTag, value: Mapping[str, Any]) -> str | None:
    """The kind of object that a region is of; None for an answer about any."""
    if tag.tag == "Labels":
        # A shape's, a span's, or a stretch of a recording.
        if "x" in value or "points" in value or "rle" in value:
            return "Image"
        is_span = "text" in value or not isinstance(value.get("start"), float)
        return "Text" if is_span else "Audio"
    return OBJECTS.get(tag.result_type) or OBJECTS.get(str(tag.place))


def _key(to_name: str, data: Mapping[str, Any]) -> str:
    """Under which key of a task's data its value may be: its own name, the only one, that of an
    address, of a long text, of pages.
    """
    if to_name in data:
        return to_name
    if len(data) == 1:
        return next(iter(data))
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    addresses = (key for key, value in texts.items() if "/" in value or _is_picture(value))
    pages = next((key for key, value in data.items() if _are_texts(value)), to_name)
    longest = max(texts, key=lambda key: len(texts[key]), default=pages)
    return next(addresses, longest)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_picture(value: Any) -> bool:
    return isinstance(value, str) and value.partition("?")[0].lower().endswith(PICTURES)
