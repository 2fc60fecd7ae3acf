"""The controls and objects of a labelling config, in the order in which the config has them. Pure.

The parsed config that projects keep is a JSON object, whose keys are in no order, and knows
neither aliases nor nested choices; this reads the config's own text.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from predictions.regions.controls import BY_TAG, ControlTag
from predictions_api.operations.caches import kept_by_text

#: Bytes of a labelling config: ten thousand labels of eighty bytes each. Parsing takes two seconds
#: and sixty times as much memory.
MOST_BYTES = 1_000_000
#: Bytes of configs that are kept parsed, in each of the forms they are parsed to; a hundred of the
#: usual kilobytes, or two of the largest.
KEPT_BYTES = 2 * MOST_BYTES
#: Between the names of a nested choice.
PATH_SEPARATOR = " / "
#: Of a Rating that does not say how many.
USUAL_STARS = 5
#: A path of more steps with an alias is read as shown or as stored, not as a mixture.
MOST_ALIASED_STEPS = 6
NAMES_IN_PATH = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class ObjectTag:
    """What is labelled: an image, a text, a recording."""

    name: str
    tag: str
    #: The way to its value in a task's data; empty where the config holds the value itself.
    path: tuple[str, ...]
    #: Whether the value is a list of pages.
    is_list: bool = False
    #: Of a Repeater: what in `name` and `path` stands for the index, and the list it goes over.
    flag: str = ""
    over: tuple[str, ...] = ()
    #: Of a time series: how its dates are written; empty for numbers and ISO 8601.
    time_format: str = ""
    #: Of Paragraphs: the key of each one's text.
    text_key: str = ""
    #: Whether the data is not what is shown, but its address, its code, or a part of it.
    is_derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What labels are given with."""

    name: str
    tag: ControlTag
    #: Names of the objects it is for.
    to_names: tuple[str, ...]
    #: (as stored, as shown) of each label or choice; as stored is the alias where there is one.
    labels: tuple[tuple[str, str], ...] = ()
    #: The way to each of them from the top, as stored; of one step where nothing is nested.
    paths: tuple[tuple[str, ...], ...] = ()
    #: The same in the order of their `model_index`, those without one last.
    indexed_labels: tuple[tuple[str, str], ...] = ()
    #: Whether it asks about each region, or each page, instead of the whole object.
    is_per_region: bool = False
    is_per_item: bool = False
    is_multiple: bool = False
    is_nested: bool = False
    #: Whether its labels come from the task's data.
    is_dynamic: bool = False
    #: Of a rating: its highest one.
    most_stars: int = USUAL_STARS


@dataclass(frozen=True, slots=True)
class DataKey:
    """What the config shows of a task's data."""

    #: As the config has it; of a list's items the list.
    name: str
    path: tuple[str, ...]

    def is_in(self, data: Mapping[str, Any]) -> bool:
        """Whether the data has it, under its whole name or step by step."""
        if self.name in data:
            return True
        value: Any = data
        for step in self.path:
            if not isinstance(value, Mapping) or step not in value:
                return False
            value = value[step]
        return True


@dataclass(frozen=True, slots=True)
class Config:
    """A labelling config; nothing in it for a text that is no XML."""

    controls: tuple[Control, ...] = ()
    objects: tuple[ObjectTag, ...] = ()
    keys: tuple[DataKey, ...] = ()

    def control(self, name: str) -> Control | None:
        """The control of that name."""
        return next((one for one in self.controls if one.name == name), None)

    def control_of_region(self, name: str) -> Control | None:
        """The control that regions of this name are of: the items of a Repeater are numbered."""
        items = (one for one in self.controls if is_item(one.name, name))
        return self.control(name) or next(items, None)

    def missing_key(self, data: Mapping[str, Any]) -> str | None:
        """The first key that a task's data lacks; None for complete data."""
        return next((key.name for key in self.keys if not key.is_in(data)), None)


@kept_by_text(KEPT_BYTES)
def read_config(label_config: str) -> Config:
    """The config's controls and objects, in document order."""
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(label_config)
    except (ParseError, ValueError):
        return Config()
    parents = {child: parent for parent in root.iter() for child in parent}
    controls = tuple(_control(one) for one in root.iter() if _is_control(one))
    wanted = {name for control in controls for name in control.to_names}
    objects = [
        _object(one, parents)
        for one in root.iter()
        if one.get("name") in wanted and not _is_control(one)
    ]
    keys = dict.fromkeys(key for one in root.iter() if (key := _data_key(one)))
    return Config(controls, tuple(objects), tuple(keys))


def _data_key(element: Any) -> DataKey | None:
    """None for an element that has no name or shows no data, or text around it."""
    value = element.get("value") or element.get("valueList") or ""
    name = value[1:].partition("[")[0].strip()
    if not value.startswith("$") or not element.get("name") or not name or "$" in value[1:]:
        return None
    return DataKey(name, tuple(name.split(".")))


def _is_control(element: Any) -> bool:
    return element.tag in BY_TAG and bool(element.get("name")) and bool(element.get("toName"))


def _control(element: Any) -> Control:
    # A taxonomy is a tree by itself.
    is_nested = element.tag == "Taxonomy" or _is_true(element.get("allowNested"))
    found = dict.fromkeys(_labels(element, (), (), is_nested=is_nested))
    labels = tuple((PATH_SEPARATOR.join(path), PATH_SEPARATOR.join(shown)) for path, shown in found)
    return Control(
        name=element.get("name"),
        tag=BY_TAG[element.tag],
        to_names=tuple(name.strip() for name in element.get("toName").split(",")),
        labels=labels,
        paths=tuple(path for path, _ in found),
        indexed_labels=_indexed(element, labels),
        # A taxonomy with `labeling` draws regions, as Labels do.
        is_per_region=any(_is_true(element.get(name)) for name in ("perRegion", "labeling")),
        is_per_item=_is_true(element.get("perItem")),
        is_multiple=element.get("choice") == "multiple",
        is_nested=is_nested,
        is_dynamic=str(element.get("value", "")).startswith("$"),
        most_stars=_whole(element.get("maxRating"), USUAL_STARS),
    )


def _labels(
    element: Any, above: tuple[str, ...], shown_above: tuple[str, ...], *, is_nested: bool
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Labels and choices below an element as paths, as stored and as shown, depth first."""
    for child in element:
        here, shown_here = above, shown_above
        shown = child.get("value") or child.get("alias")
        if child.tag in {"Label", "Choice"} and shown:
            path, shown_path = (*above, child.get("alias") or shown), (*shown_above, shown)
            yield path, shown_path
            here, shown_here = (path, shown_path) if is_nested else ((), ())
        yield from _labels(child, here, shown_here, is_nested=is_nested)


def _indexed(element: Any, labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    places = {
        child.get("alias") or child.get("value"): int(index)
        for child in element.iter("Label")
        # Python refuses to read numbers of thousands of digits.
        if (index := child.get("model_index") or "").isdecimal() and len(index) < 10
    }
    return tuple(sorted(labels, key=lambda one: places.get(one[0], math.inf)))


def _object(element: Any, parents: dict[Any, Any]) -> ObjectTag:
    listed = element.get("valueList")
    value = listed or element.get("value") or ""
    path = tuple(NAMES_IN_PATH.findall(value[1:])) if value.startswith("$") else ()
    above = parents.get(element)
    while above is not None and above.tag != "Repeater":
        above = parents.get(above)
    flag, over = "", ""
    if above is not None:
        flag, over = above.get("indexFlag") or "{{idx}}", above.get("on") or ""
    is_repeated = bool(flag) and flag in element.get("name")
    return ObjectTag(
        name=element.get("name"),
        tag=element.tag,
        path=path,
        is_list=bool(listed),
        flag=flag if is_repeated else "",
        over=tuple(NAMES_IN_PATH.findall(over[1:])) if is_repeated else (),
        time_format=element.get("timeFormat") or "",
        text_key=element.get("textKey") or "text" if element.tag == "Paragraphs" else "",
        is_derived=_is_derived(element, value),
    )


def _is_derived(element: Any, value: str) -> bool:
    is_whole = value.startswith("$") and "$" not in value[1:]
    is_coded = (element.get("encoding") or "none").lower() != "none"
    return not is_whole or is_coded or (element.get("valueType") or "").lower() == "url"


def is_item(pattern: str, name: str) -> bool:
    """Whether a name is a Repeater's pattern with a number for its index."""
    start, is_pattern, rest = pattern.partition("{{")
    end = rest.partition("}}")[2]
    middle = name[len(start) : len(name) - len(end)]
    fits = name.startswith(start) and name.endswith(end) and middle.isdecimal()
    return bool(is_pattern) and fits


def _is_true(text: str | None) -> bool:
    return (text or "").lower() == "true"


def _whole(text: str | None, default: int) -> int:
    """A whole number above 0, spaces around it or not; the default for anything else."""
    told = (text or "").strip()
    is_whole = told.isascii() and told.isdecimal() and len(told) < 10
    return (int(told) if is_whole else 0) or default


def label_sources(config: Config, control: Control) -> list[Control]:
    """The controls whose labels the regions of a control have: its own, or those beside it."""
    if control.tag.has_classes:
        return [control]
    beside = [one for one in config.controls if set(one.to_names) & set(control.to_names)]
    labels = [one for one in beside if one.tag.tag == "Labels"]
    return labels or [one for one in beside if one.tag.tag == "Choices" and one.is_per_region]


def aliases_of(sources: Iterable[Control]) -> dict[str, str]:
    """Labels by the name that is shown, unless it is the stored name of one. Each step of a path
    may be written either way.
    """
    named = [pair for source in sources for pair in source.labels]
    known = {stored for stored, _ in named}
    return {
        either: stored
        for stored, shown in named
        for either in _written(stored, shown)
        if either not in known
    }


def _written(stored: str, shown: str) -> list[str]:
    """The ways to write a label: as shown first, and a path's steps as stored or as shown."""
    steps = list(zip(stored.split(PATH_SEPARATOR), shown.split(PATH_SEPARATOR), strict=False))
    is_path = len(steps) == stored.count(PATH_SEPARATOR) + 1 == shown.count(PATH_SEPARATOR) + 1
    n_differ = sum(one != other for one, other in steps)
    if not is_path or not 1 < n_differ <= MOST_ALIASED_STEPS:
        return [shown]
    return [shown, *map(PATH_SEPARATOR.join, product(*(dict.fromkeys(step) for step in steps)))]


@dataclass(frozen=True, slots=True)
class Aliases:
    """Labels of some controls by the name that is shown, where another one is stored."""

    shared: Mapping[str, str]
    #: By control, those that mean something else in its regions than in those of the others: that
    #: are stored by another control, or are an alias there of another label.
    own: Mapping[str, Mapping[str, str]]

    def stored(self, name: str, control: object) -> str:
        """The stored name of a label that a region of the control of that name has."""
        own = self.own.get(control, {}) if isinstance(control, str) else {}
        return own.get(name) or self.shared.get(name, name)


def aliases_among(config: Config, controls: Iterable[Control]) -> Aliases:
    """Of the labels that regions of these controls have."""
    sources = {one.name: label_sources(config, one) for one in controls}
    shared = aliases_of({source.name: source for of in sources.values() for source in of}.values())
    own: dict[str, dict[str, str]] = {}
    for name, found in sources.items():
        aliases = aliases_of(found)
        if differing := {n: of for n, of in aliases.items() if shared.get(n, n) != of}:
            # The label may stand in a region of its own.
            own |= dict.fromkeys((name, *(source.name for source in found)), differing)
    return Aliases(shared, own)


def own_steps_of(controls: Iterable[Control]) -> dict[str, tuple[str, ...]]:
    """The steps of nested choices where a name itself holds the separator, by the whole name; the
    name of another choice's path is that path.
    """
    paths = {path for one in controls for path in one.paths}
    named = {PATH_SEPARATOR.join(path): path for path in paths}
    split = {name: tuple(name.split(PATH_SEPARATOR)) for name in named}
    return {name: named[name] for name in named if split[name] not in paths}


def steps_of(name: str, own_steps: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The steps of a path that is told as one text, those of `own_steps` and below them as there.

    >>> steps_of("A / B / C", {}), steps_of("A / B / C", {"A / B": ("A / B",)})
    (('A', 'B', 'C'), ('A / B', 'C'))
    """
    steps = tuple(name.split(PATH_SEPARATOR))
    for end in range(len(steps), 0, -1) if own_steps else ():
        known = own_steps.get(PATH_SEPARATOR.join(steps[:end]))
        if known is not None:
            return (*known, *steps[end:])
    return steps


def path_renamed(
    path: tuple[str, ...],
    by: Mapping[str, str | None],
    own_steps: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...] | None:
    """What `by` calls a path in a tree, or the path itself: the longest part of it that is named
    there is called so, and all below it, too.
    """
    for end in range(len(path), 0, -1) if by else ():
        part = PATH_SEPARATOR.join(path[:end])
        if part in by:
            other = by[part]
            return None if other is None else (*steps_of(other, own_steps), *path[end:])
    return path


def stored_name(
    name: str,
    aliases: Mapping[str, str],
    own_steps: Mapping[str, tuple[str, ...]],
    *,
    is_tree: bool,
) -> str:
    """A label as it is stored; of a path in a tree any part may be as shown."""
    if not is_tree:
        return aliases.get(name, name)
    steps = steps_of(name, own_steps)
    return PATH_SEPARATOR.join(path_renamed(steps, aliases, own_steps) or steps)


class StoredNames:
    """Labels of a control as they are stored; in a Taxonomy any part of a path may be as shown."""

    def __init__(self, config: Config, control: Control) -> None:
        self._aliases = aliases_of(label_sources(config, control))
        self._is_tree = control.tag.tag == "Taxonomy"
        self._own_steps = own_steps_of([control]) if self._is_tree else {}

    def of(self, names: Iterable[str]) -> list[str]:
        """The names, each as it is stored."""
        return [
            stored_name(name, self._aliases, self._own_steps, is_tree=self._is_tree)
            for name in names
        ]


def names_of(config: Config, label: str, *, control: str | None) -> list[str]:
    """All names of a label, of one control or of all: as it is given, as stored and as shown."""
    names = {label: None}
    for one in config.controls:
        if control in (None, one.name):
            aliases = aliases_of(label_sources(config, one))
            stored = aliases.get(label, label)
            names |= dict.fromkeys([stored, *(n for n, of in aliases.items() if of == stored)])
    return list(names)
