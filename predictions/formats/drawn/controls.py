"""The labelling config that regions of Label Studio must have been made with: its controls by the
regions' own names, and for each object the kind that such regions are of.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import quoteattr

from predictions.formats.drawn.objects import REPEATED, Region, Shown, key_of
from predictions.formats.errors import Errors
from predictions.regions.config import PATH_SEPARATOR, USUAL_STARS, Config
from predictions.regions.controls import BY_TYPE, ControlTag
from predictions.regions.labels import read_number
from predictions_api.http.storable import as_whole, whole_within

NOT_KNOWN = "{type!r:.100} is no type of regions."
SEVERAL_TYPES = (
    "Regions of the control {name!r} are of several types, {types}: a control has regions of one."
)
MIXED = (
    "Answers of the control {name!r} are {some} in one place and {others} in another, and a control"
    " asks for one of these: make a project with their labelling config first, and load into it."
)
NAMED_TWICE = (
    "Regions of one file are of {mine!r} (`to_name`) and of the other of {other!r}, which is the"
    " same {key!r} of the data: call it alike in both, or make a project with their labelling"
    " config first, and load into it."
)
ASKS_OTHERWISE = (
    "Answers of the control {name!r} are {some} in the file; the project's labelling config asks"
    " for {others}, and so they are read."
)
ONLY_ONE = (
    "Tasks of the file have several choices of the control {name!r}, which allows one: evaluations"
    ' read the first of the ground truth. Give the control choice="multiple" if several are meant.'
)
#: Of one file.
MOST_CONTROLS = 100
#: The most stars that a rating has.
MOST_STARS = 100
#: Keys of the place that Label Studio writes into an answer about a region, whatever its kind.
PLACES = frozenset(
    {
        "x", "points", "rle", "vertices", "imageDataURL",
        "start", "end", "startOffset", "globalOffsets", "ranges", "sequence",
    }
)  # fmt: skip
DIGITS = re.compile(r"\d+")


class About(StrEnum):
    """What an answer is about; its value is what messages call it."""

    WHOLE = "of the whole task"
    REGION = "of single regions"
    PAGE = "of single pages"


#: The attribute of a control that asks so.
ASKED_BY = {About.REGION: ' perRegion="true"', About.PAGE: ' perItem="true"'}


@dataclass(slots=True)
class Seen:
    """One control."""

    name: str
    tag: ControlTag
    to_names: dict[str, None] = field(default_factory=dict)
    types: dict[str, None] = field(default_factory=dict)
    labels: dict[str, None] = field(default_factory=dict)
    #: Paths in a tree of labels, as one text, each with the first place that has it.
    paths: dict[str, str] = field(default_factory=dict)
    #: What its answers are about; empty for regions with a place of their own.
    about: dict[About, None] = field(default_factory=dict)
    is_multiple: bool = False
    is_nested: bool = False
    most_stars: int = 0

    def see(self, region: Region, value: Mapping[str, Any], place: str) -> None:
        """One more of its regions."""
        self.types[str(region.get("type"))] = None
        self.to_names |= dict.fromkeys(_to_names(region))
        answer = value.get(self.tag.value_key) if self.tag.value_key else None
        if self.tag.has_classes and isinstance(answer, list):
            self.labels |= dict.fromkeys(one for one in answer if self._is_label(one))
            for path in filter(None, map(self._path, answer)):
                self.paths.setdefault(path, place)
            # A path is a list of names.
            self.is_nested |= any(isinstance(one, list) for one in answer)
            self.is_multiple |= sum(isinstance(one, str | list) for one in answer) > 1
        elif self.tag.tag == "Rating":
            self.most_stars = max(self.most_stars, _stars(answer))

    def _is_label(self, one: Any) -> bool:
        """Whether an answer names a label: in a tree the text of a path is as a list of its steps,
        and no choice of that name.
        """
        return isinstance(one, str) and self._path(one) is None

    def _path(self, one: Any) -> str | None:
        """The path that an answer is, a list of its steps or, in a tree, their text; None for what
        is none.
        """
        if isinstance(one, list):
            return PATH_SEPARATOR.join(map(str, one))
        is_text = isinstance(one, str) and PATH_SEPARATOR in one
        return one if is_text and self.tag.tag == "Taxonomy" else None

    def join(self, other: "Seen") -> None:
        """What another file tells of the same control."""
        self.to_names |= other.to_names
        self.types |= other.types
        self.labels |= other.labels
        self.paths = {**other.paths, **self.paths}
        self.about |= other.about
        self.is_multiple |= other.is_multiple
        self.is_nested |= other.is_nested
        self.most_stars = max(self.most_stars, other.most_stars)

    def check(self, errors: Errors) -> None:
        """Errors for what no control has."""
        if len(self.types) > 1:
            types = ", ".join(self.types)
            errors.add("", SEVERAL_TYPES.format(name=self.name, types=types))
        if len(self.about) > 1:
            some, others, *_ = self.about
            errors.add("", MIXED.format(name=self.name, some=some, others=others))

    def lines(self) -> list[str]:
        """Its tag, with those of its labels within."""
        tag = self.tag.tag
        to_names = quoteattr(",".join(self.to_names))
        start = f"  <{tag} name={quoteattr(self.name)} toName={to_names}{self._attributes()}"
        # Single names beside paths would be a tree without these.
        names = () if self.paths else self.labels
        labels = [f"    <{self.tag.label_tag} value={quoteattr(name)}/>" for name in names]
        return [f"{start}>", *labels, f"  </{tag}>"] if labels else [f"{start}/>"]

    def _attributes(self) -> str:
        found = ASKED_BY.get(next(iter(self.about), About.WHOLE), "")
        if self.tag.tag == "Choices":
            found += ' allowNested="true"' if self.is_nested else ""
            found += ' choice="multiple"' if self.is_multiple else ""
        if self.most_stars > USUAL_STARS:
            found += f' maxRating="{self.most_stars}"'
        return found


class Controls:
    """The controls that regions name, and the objects these are for, gathered result by result."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self._shown: dict[str, Shown] = {}
        self._unknown: dict[str, None] = {}

    def see(self, regions: Sequence[Region], data: Mapping[str, Any], place: str) -> None:
        """One more result, of a task with this data; relations belong to no control. `place` is
        where it stands in the file.
        """
        placed = _placed(regions)
        self._add_objects(regions, data)
        chosen: dict[tuple[str, str], set[str]] = defaultdict(set)
        for region in regions:
            control = self._control_of(region)
            if control is None:
                continue
            value = region.get("value")
            value = value if isinstance(value, Mapping) else {}
            control.see(region, value, place)
            about = self._see_objects(control, region, value, data, placed)
            # Several that a model gives scores are alternatives.
            if about and control.tag.tag == "Choices" and region.get("score") is None:
                chosen[control.name, _asked(about, region, value)].add(str(value.get("choices")))
        for (name, _), answers in chosen.items():
            self.seen[name].is_multiple |= len(answers) > 1

    def _control_of(self, region: Region) -> Seen | None:
        """The control that a region names, new or known; None where it names none."""
        name, type_ = region.get("from_name"), region.get("type")
        if not isinstance(name, str) or not name or not _to_names(region):
            return None
        tag = BY_TYPE.get(type_) if isinstance(type_, str) else None
        if tag is None:
            self._unknown[str(type_)] = None
            return None
        return self.seen.setdefault(name, Seen(name, tag))

    def _see_objects(
        self,
        control: Seen,
        region: Region,
        value: Mapping[str, Any],
        data: Mapping[str, Any],
        placed: Container[str],
    ) -> About | None:
        """What the region tells of its objects; what it is about, None of one that has a place."""
        about = None if control.tag.place else _about(region, value, placed)
        for to_name in _to_names(region):
            shown = self._shown[to_name]
            shown.see(control.tag, region, data)
            if about == About.PAGE and not shown.is_list:
                about = About.WHOLE
            elif about == About.PAGE:
                shown.kinds["Image"] = None
        if about is not None:
            control.about[about] = None
        return about

    def _add_objects(self, regions: Sequence[Region], data: Mapping[str, Any]) -> None:
        """The objects that nobody named before."""
        by_name: dict[str, list[Region]] = defaultdict(list)
        for region in regions:
            for name in _to_names(region):
                by_name[name].append(region)
        for name, own in by_name.items():
            if name not in self._shown:
                taken = {*by_name, *(one.key for one in self._shown.values())}
                self._shown[name] = Shown(key_of(name, data, taken, own))

    def join(self, other: "Controls") -> None:
        """What another file tells besides."""
        for name, control in other.seen.items():
            mine = self.seen.setdefault(name, Seen(name, control.tag))
            mine.join(control)
        for name, shown in other._shown.items():
            self._shown.setdefault(name, Shown(shown.key)).join(shown)

    def check_names(self, other: "Controls", errors: Errors) -> None:
        """Errors for what each of two files, of the truth and of a version, calls otherwise."""
        theirs = {one.key: name for name, one in other._shown.items() if name not in self._shown}
        for name, one in self._shown.items():
            if name not in other._shown and one.key in theirs:
                told = NAMED_TWICE.format(key=one.key, mine=name, other=theirs[one.key])
                errors.add("", told)

    @property
    def classes(self) -> list[str]:
        """All labels, in the order of the file."""
        return list(dict.fromkeys(name for one in self.seen.values() for name in one.labels))

    def check_types(self, errors: Errors) -> None:
        """Errors for what no config has."""
        for type_ in self._unknown:
            errors.add("", NOT_KNOWN.format(type=type_))
        if len(self.seen) > MOST_CONTROLS:
            errors.add("", f"{len(self.seen):,} controls are more than {MOST_CONTROLS}.")

    def config(self, errors: Errors) -> str:
        """A config that has them, and all labels; errors for what the regions leave open."""
        for control in self.seen.values():
            control.check(errors)
        for name, shown in self._shown.items():
            shown.check(name, errors)
        for names, key in self._repeated():
            errors.add("", REPEATED.format(names=", ".join(map(repr, names)), key=key))
        errors.raise_if_any()
        objects = [_object_line(name, one) for name, one in self._shown.items()]
        controls = [line for one in self.seen.values() for line in one.lines()]
        return "\n".join(["<View>", *objects, *controls, "</View>"])

    def _repeated(self) -> Iterator[tuple[list[str], str]]:
        """Objects of one list whose names differ by a number."""
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, one in self._shown.items():
            if one.is_list and DIGITS.search(name):
                alike[DIGITS.sub("#", name), one.key].append(name)
        return ((names, key) for (_, key), names in alike.items() if len(names) > 1)

    def differences(self, config: Config) -> list[str]:
        """What to say of controls that a project's config asks about something else."""
        found = []
        for one in self.seen.values():
            known = config.control_of_region(one.name)
            if known is None or not one.about:
                continue
            if one.is_multiple and one.tag.tag == known.tag.tag == "Choices":
                found += [] if known.is_multiple else [ONLY_ONE.format(name=one.name)]
            asked = About.REGION if known.is_per_region else About.WHOLE
            asked = About.PAGE if known.is_per_item else asked
            if others := [about for about in one.about if about != asked]:
                text = ASKS_OTHERWISE.format(name=one.name, some=others[0], others=f"those {asked}")
                found.append(text)
        return found


def _stars(answer: Any) -> int:
    """How many stars a rating has; 0 for what is none."""
    return whole_within(as_whole(read_number(answer)), 1, MOST_STARS) or 0


def _to_names(region: Region) -> list[str]:
    """The objects that a region names; a pair may name both."""
    told = region.get("to_name")
    names = told.split(",") if isinstance(told, str) else []
    return [name for one in names if (name := one.strip())]


def _placed(regions: Sequence[Region]) -> set[str]:
    """Ids of regions that have a place of their own, and are no answers; without those that a
    control has twice, which name no region.
    """
    pairs: Counter[tuple[str, Any]] = Counter()
    for one in regions:
        tag, id_ = BY_TYPE.get(str(one.get("type"))), one.get("id")
        if tag is not None and tag.place is not None and isinstance(id_, str):
            pairs[id_, str(one.get("from_name"))] += 1
    return {id_ for id_, _ in pairs} - {id_ for (id_, _), n in pairs.items() if n > 1}


def _about(region: Region, value: Mapping[str, Any], placed: Container[str]) -> About:
    """An answer about a region has its id, and its place beside the answer."""
    id_ = region.get("id")
    if PLACES & value.keys() or (isinstance(id_, str) and id_ in placed):
        return About.REGION
    return About.WHOLE if region.get("item_index") is None else About.PAGE


def _asked(about: About, region: Region, value: Mapping[str, Any]) -> str:
    """What a choice is about, equal for all choices about the same."""
    if about == About.REGION:
        place = {key: told for key, told in value.items() if key != "choices"}
        return f"{region.get('id')} {sorted(place.items())}"
    return str(region.get("item_index")) if about == About.PAGE else ""


def _object_line(name: str, shown: Shown) -> str:
    """An object's tag. It names its value; a list of pictures is pages."""
    kind = shown.kind()
    attribute = "valueList" if shown.is_list and kind == "Image" else "value"
    value = quoteattr(f"${shown.key}")
    return f"  <{kind} name={quoteattr(name)} {attribute}={value}/>"
