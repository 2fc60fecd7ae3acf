"""The objects that regions of Label Studio are of: a picture, a text, a recording, and where each
stands in a task's data. Regions name an object and not its kind, so it is told by what they hold
and by what the tasks show.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from predictions.formats.errors import Errors
from predictions.regions.controls import BY_TYPE, SHAPES, ControlTag

#: Which object is labelled by regions of a type, or of a kind of place.
OBJECTS: Mapping[str, str] = {
    **dict.fromkeys(SHAPES, "Image"),
    "hypertextlabels": "HyperText",
    "paragraphlabels": "Paragraphs",
    "timeserieslabels": "TimeSeries",
    "timelinelabels": "Video",
    "track": "Video",
}
#: Keys of a value that only places on a picture have, and those that only tracks have.
ON_PICTURES = frozenset({"x", "points", "rle", "vertices", "imageDataURL"})
IN_VIDEOS = frozenset({"sequence", "ranges"})
#: How addresses of files end.
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "Image": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".svg"),
    "Audio": (".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aiff"),
    "Video": (".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".ogv"),
}
SEVERAL_KINDS = (
    "Regions of {name!r} are such as different objects have ({kinds}): make a project with their"
    " labelling config first, and load into it."
)
STRETCHES = (
    "Nothing tells whether `start` and `end` in the regions of {name!r} are characters of a text or"
    " seconds of a recording: make a project with their labelling config first, and load into it."
)
FORMATTED = (
    "Regions of {name!r} have times that are numbers as text, which its `timeFormat` alone tells"
    " how to read: make a project with their labelling config first, and load into it."
)
REPEATED = (
    "{names} are parts of one list, {key!r}, as a Repeater shows them: make a project with their"
    " labelling config first, and load into it."
)

Region = Mapping[str, Any]


@dataclass(slots=True)
class Shown:
    """One object."""

    #: Under which key of the data its value is.
    key: str
    #: Kinds that its regions tell, and those that the ends of its addresses tell.
    kinds: dict[str, None] = field(default_factory=dict)
    kinds_of_values: dict[str, None] = field(default_factory=dict)
    #: Whether some region is a span of a text; whether some may be anything that has a start and an
    #: end, and one of these lies beyond the text that is shown, or is of an address.
    is_span: bool = False
    is_stretch: bool = False
    is_beyond: bool = False
    #: Whether times are numbers as text, which only a format of dates says how to read.
    has_formatted_times: bool = False
    #: Whether the value is a list in some task.
    is_list: bool = False

    def see(self, tag: ControlTag, region: Region, data: Mapping[str, Any]) -> None:
        """One more of its regions, of a task with this data."""
        shown = data.get(self.key)
        self.is_list |= isinstance(shown, list)
        if kind := kind_of_value(shown):
            self.kinds_of_values[kind] = None
        value = region.get("value")
        value = value if isinstance(value, Mapping) else {}
        if tag.tag == "TimeSeriesLabels":
            times = (value.get("start"), value.get("end"))
            self.has_formatted_times |= any(isinstance(t, str) and _is_number(t) for t in times)
        if tag.tag != "Labels":
            kind = OBJECTS.get(tag.result_type) or OBJECTS.get(str(tag.place))
        else:
            kind = _labelled(region, value, shown)
            if kind is None and "start" in value:
                self._see_stretch(value, shown)
        if kind:
            self.kinds[kind] = None

    def _see_stretch(self, value: Mapping[str, Any], shown: Any) -> None:
        """One from a start to an end that are whole numbers."""
        self.is_span |= isinstance(value.get("text"), str)
        is_address = isinstance(shown, str) and "/" in shown and not _has_spaces(shown)
        end = value.get("end")
        is_within = isinstance(shown, str) and isinstance(end, int | float) and end <= len(shown)
        self.is_beyond |= is_address or not is_within
        self.is_stretch = True

    def join(self, other: "Shown") -> None:
        """What another file tells of the same object."""
        self.kinds |= other.kinds
        self.kinds_of_values |= other.kinds_of_values
        self.is_span |= other.is_span
        self.is_stretch |= other.is_stretch
        self.is_beyond |= other.is_beyond
        self.has_formatted_times |= other.has_formatted_times
        self.is_list |= other.is_list

    def kind(self) -> str:
        """Its tag: what its regions tell, else what its values do, else a text."""
        told = self.kinds or self.kinds_of_values
        return next(iter(told), "Text")

    def check(self, name: str, errors: Errors) -> None:
        """Errors where its kind cannot be known."""
        is_of_items = "Image" in self.kinds or (self.is_stretch and not self.kinds)
        if len(self.kinds) > 1:
            kinds = ", ".join(self.kinds)
            errors.add("", SEVERAL_KINDS.format(name=name, kinds=kinds))
        elif is_of_items and "Paragraphs" in self.kinds_of_values:
            errors.add("", REPEATED.format(names=repr(name), key=self.key))
        elif self.is_beyond and not (self.kinds or self.is_span or self.kinds_of_values):
            errors.add("", STRETCHES.format(name=name))
        if self.has_formatted_times:
            errors.add("", FORMATTED.format(name=name))


def _labelled(region: Region, value: Mapping[str, Any], shown: Any) -> str | None:
    """The kind of object that a region of `Labels` tells; None for a stretch of whole numbers,
    which a text and a recording have, and for one without any place.
    """
    if ON_PICTURES & value.keys():
        return "Image"
    if IN_VIDEOS & value.keys():
        return "Video"
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) and not start.strip().isdecimal():
        return None if _is_number(start) else "HyperText"
    if isinstance(start, str) and "startOffset" in value:
        return "Paragraphs"
    if _stands_there(value, shown):
        return "Text"
    if value.get("channel") is not None or region.get("original_length") is not None:
        return "Audio"
    is_exact = any(isinstance(one, float) and not one.is_integer() for one in (start, end))
    is_decimal = isinstance(start, float) and "text" not in value
    return "Audio" if is_exact or is_decimal else None


def _stands_there(value: Mapping[str, Any], shown: Any) -> bool:
    """Whether a region's own text is what stands at its place in what the task shows."""
    text, start, end = (value.get(key) for key in ("text", "start", "end"))
    if not (isinstance(text, str) and text and isinstance(shown, str)):
        return False
    if not isinstance(start, int) or not isinstance(end, int):
        return False
    return shown[start:end] == text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_spaces(text: str) -> bool:
    return any(map(str.isspace, text))


def kind_of_value(shown: Any) -> str | None:
    """The kind of object that shows a value of a task's data, by the end of its address or by its
    form; None where it may be several.
    """
    if isinstance(shown, list) and shown:
        if all(isinstance(one, Mapping) for one in shown):
            return "Paragraphs"
        return kind_of_value(shown[0]) if isinstance(shown[0], str) else None
    if isinstance(shown, Mapping):
        return "TimeSeries"
    if not isinstance(shown, str) or _has_spaces(shown):
        return None
    path = shown.partition("?")[0].lower()
    return next((kind for kind, ends in ENDINGS.items() if path.endswith(ends)), None)


def key_of(
    to_name: str, data: Mapping[str, Any], taken: Iterable[str], regions: Sequence[Region]
) -> str:
    """Under which key of a task's data the value of an object with these regions may be: its own
    name, the only one, that of a value such as they are of, of an address, of a long text, of
    pages; one that no other object has, if there is one.
    """
    if to_name in data:
        return to_name
    known = set(taken)
    free = {key: value for key, value in data.items() if key not in known} or data
    if len(free) < 2:
        return next(iter(free), to_name)
    suiting = (key for key, value in free.items() if any(_suits(one, value) for one in regions))
    texts = {key: value for key, value in free.items() if isinstance(value, str)}
    addresses = (key for key, value in texts.items() if "/" in value or kind_of_value(value))
    pages = (key for key, value in free.items() if isinstance(value, list | Mapping) and value)
    longest = (key for key in sorted(texts, key=lambda key: -len(texts[key])))
    return next(chain(suiting, addresses, longest, pages, free))


def _suits(region: Region, shown: Any) -> bool:
    """Whether a region is surely of a value: of a picture, a recording or a text like this."""
    value = region.get("value")
    value = value if isinstance(value, Mapping) else {}
    tag = BY_TYPE.get(str(region.get("type")))
    if tag is None or tag.place is None:
        return False
    told = OBJECTS.get(tag.result_type) or OBJECTS.get(str(tag.place))
    told = told or _labelled(region, value, shown)
    if told == "Text" or (told is None and "start" in value):
        is_told = isinstance(value.get("text"), str)
        return _stands_there(value, shown) or (
            not is_told and isinstance(shown, str) and _has_spaces(shown)
        )
    if told == "HyperText":
        return isinstance(shown, str) and shown.lstrip().startswith("<")
    return told is not None and kind_of_value(shown) == told
