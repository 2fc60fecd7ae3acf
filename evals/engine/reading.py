"""Which regions of a task an evaluation reads, and which image each belongs to.

A task may have several images: several objects in its labelling config, pages of one object, items
of a Repeater. Each is an image of its own, named by an item beside the task: nothing of one image
is compared with anything of another. A task with one object has one image, whose item is "".
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from predictions.regions.config import (
    PATH_SEPARATOR,
    is_item,
    path_renamed,
    steps_of,
    stored_name,
)
from predictions.regions.controls import CLASS_KEYS
from predictions.regions.labels import PassedOver, Reason, label_names

Region = Mapping[str, Any]

#: Shapes that are read where no control is chosen; the ellipse only where masks are compared.
MATCHED_SHAPES = frozenset({"rectangle", "polygon", "brush", "bitmask"})
MASKED_SHAPES = MATCHED_SHAPES | {"ellipse"}


@dataclass(frozen=True, slots=True)
class Place:
    """One image of a task: which of the task's regions are its own."""

    #: The object; None where there is only one.
    to_name: str | None
    #: The page from 0; None for an object without pages.
    page: int | None = None

    def holds(self, region: Region) -> bool:
        """Whether the region is of this image. A region without a page is of the first."""
        if self.to_name is not None and region.get("to_name") != self.to_name:
            return False
        return self.page is None or (region.get("item_index") or 0) == self.page


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object of the config: how many images it has in a task, and where they are."""

    name: str
    #: The way to its value in the task's data.
    path: tuple[str, ...] = ()
    is_list: bool = False
    #: Of a Repeater: what in `name` and `path` stands for the index, and the list it goes over.
    flag: str = ""
    over: tuple[str, ...] = ()
    #: Of Paragraphs: the key of each one's text.
    text_key: str = ""
    #: Whether a text is HTML.
    is_html: bool = False

    def counted(self) -> tuple[str, ...] | None:
        """The way to the list whose length says how many images there are; None for just one."""
        if self.flag:
            return self.over
        return self.path if self.is_list else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which regions are read, and what their labels are. The default reads every shape."""

    #: Kinds of shape that are compared.
    shapes: frozenset[str] = MASKED_SHAPES
    #: Names of the controls that are read, and of the config's other controls.
    controls: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    #: Whether a region whose control the config does not know is another control's, too.
    is_strict: bool = False
    #: Of several controls, those that are read where the same objects are there twice.
    preferred: frozenset[str] = frozenset()
    #: Controls that are not read on one side, as the same objects are there by another one.
    not_in_truth: frozenset[str] = frozenset()
    not_in_said: frozenset[str] = frozenset()
    #: Controls without any labels: what they find is called by their name.
    unlabelled: frozenset[str] = frozenset()
    #: Labels by the name that is shown, where another one is stored.
    aliases: Mapping[str, str] = field(default_factory=dict)
    #: By control, those that mean something else in its regions than in those of the others: that
    #: are stored by another control, or are an alias there of another label.
    own_aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Labels by what they are called instead, on both sides; None for those that are not read.
    label_map: Mapping[str, str | None] = field(default_factory=dict)
    #: Whether labels are paths in a tree: what a node is called instead, all below it is, too.
    is_tree: bool = False
    #: Of a tree, the steps of the nodes whose own names hold the separator of paths, by whole name.
    own_steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Whether labels that are not among the classes are passed over, instead of becoming classes.
    is_closed: bool = False
    #: Whether the values of the task's objects are needed, not their addresses alone.
    needs_data: bool = False
    objects: tuple[ObjectOf, ...] = ()
    #: Names of the config's other objects: their regions say nothing of these.
    elsewhere: frozenset[str] = frozenset()
    #: Whether key points are part of the shapes they belong to, and their names in order: what each
    #: is called (as it is stored, unless `label_map` says otherwise), and as it is shown.
    has_keypoints: bool = False
    keypoints: tuple[tuple[str, str], ...] = ()
    #: How dates are written in the regions of an object, by its name: as `strptime` reads them.
    time_formats: Mapping[str, str] = field(default_factory=dict)

    def skips(self, name: Any, *, is_truth: bool) -> bool:
        """Whether a region of the control of that name is passed over."""
        known = self._known(None if name is None else str(name))
        if known in (self.not_in_truth if is_truth else self.not_in_said):
            return True
        return known not in self.controls if self.is_strict else known in self.others

    def _known(self, name: str | None) -> str | None:
        """The control's name in the config: the items of a Repeater are numbered."""
        for pattern in (*self.controls, *self.others):
            if name is not None and is_item(pattern, name):
                return pattern
        return name

    @property
    def asks_names(self) -> bool:
        """Whether the control, the object or the page of a plain box matters."""
        return bool(
            self.is_strict or self.not_in_truth or self.not_in_said or not self.has_one_image
        )

    @property
    def has_one_image(self) -> bool:
        """Whether every task has one image."""
        return not self.objects or (len(self.objects) == 1 and self.objects[0].counted() is None)

    def index(self, classes: Sequence[str], met: set[str] | None = None) -> dict[str, int]:
        """The class of each label, stored or shown. `met` learns which labels of the `label_map` it
        is asked for.
        """
        return self._watched(self._index(classes), met)

    def _watched(self, index: dict[str, int], met: set[str] | None) -> dict[str, int]:
        return index if met is None or not self.label_map else Watched(index, self.label_map, met)

    def _index(self, classes: Sequence[str]) -> dict[str, int]:
        index = {name: label for label, name in enumerate(classes)}
        for shown, stored in self.aliases.items():
            if stored in index:
                index.setdefault(shown, index[stored])
        if self.label_map:
            known = dict(index)
            for name in {*self.label_map, *self.aliases}:
                called = self.called(name)
                if called in known:
                    index[name] = known[called]
                elif called != name:
                    index.pop(name, None)
        return index

    def keypoint_index(self, met: set[str] | None = None) -> dict[str, int]:
        """The key point of each label, stored, shown or called otherwise; `met` as in `index`."""
        return self._watched(self._keypoint_index(), met)

    def _keypoint_index(self) -> dict[str, int]:
        known = {called: at for at, (called, _) in enumerate(self.keypoints)}
        index = dict(known)
        for at, (_, shown) in enumerate(self.keypoints):
            index.setdefault(shown, at)
        for name, called in self.label_map.items():
            if called in known:
                index[name] = known[called]
            else:
                index.pop(name, None)
        return index

    def called(self, name: str) -> str | None:
        """The class that a label is read as; None where it is not read."""
        if self.is_tree:
            path = self.called_path(self.steps(name))
            return None if path is None else PATH_SEPARATOR.join(path)
        if name in self.label_map:
            return self.label_map[name]
        return self.label_map.get(stored := self.aliases.get(name, name), stored)

    def stored(self, name: str) -> str:
        """The stored name of a label; of a path in a tree any part may be as shown."""
        return stored_name(name, self.aliases, self.own_steps, is_tree=self.is_tree)

    def meanings(self, name: str) -> list[str]:
        """The labels that a name stands for, as they are stored: what it is taken for, then those
        that other controls show under it.
        """
        own = (aliases[name] for aliases in self.own_aliases.values() if name in aliases)
        return list(dict.fromkeys([self.stored(name), *own]))

    def called_path(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """The path that a path in a tree is read as; None where it is not read."""
        if PATH_SEPARATOR.join(path) not in self.label_map:
            path = path_renamed(path, self.aliases, self.own_steps) or path
        return path_renamed(path, self.label_map, self.own_steps)

    def steps(self, name: str) -> tuple[str, ...]:
        """The steps of a path that is told as one text."""
        return steps_of(name, self.own_steps)

    def restated(self, region: Region) -> Region:
        """A region with its labels as they are stored, where `own_aliases` names its control."""
        aliases = self.own_aliases.get(self._known(str(region.get("from_name"))) or "")
        value = region.get("value")
        if not aliases or not isinstance(value, Mapping):
            return region
        stored = {
            key: [aliases.get(name, name) for name in names]
            for key in CLASS_KEYS & value.keys()
            if (names := label_names(value[key]))
        }
        return {**region, "value": {**value, **stored}}

    def class_of(self, name: str, index: Mapping[str, int], unknown: set[str]) -> int | None:
        """The class of a label; None for one that is not among them, whose name goes to `unknown`.

        `PassedOver` for a label that is not read.
        """
        label = index.get(name)
        if label is None:
            called = self.called(name)
            if called is None or self.is_closed:
                raise PassedOver(Reason.OTHER_CLASS)
            unknown.add(called)
        return label

    def items(self, lengths: Sequence[int]) -> list[str]:
        """The images of a task; `lengths` has the number of images of each object."""
        # An item without a name is of the first object.
        if self.has_one_image or (sum(lengths) == 1 and lengths[0] == 1):
            return [""]
        found = []
        for one, n in zip(self.objects, lengths, strict=True):
            if one.flag:
                found += [f"{one.name.replace(one.flag, str(at))}.{at}" for at in range(n)]
            elif one.is_list:
                start = "" if len(self.objects) == 1 else f"{one.name}."
                found += [f"{start}{at + 1}" for at in range(n)]
            else:
                found.append(one.name)
        return found or [""]

    def place(self, item: str) -> Place | None:
        """The image that `items` named; None where it is the task's only one, and has no pages."""
        if self.has_one_image:
            return None
        one, at = self._object(item)
        name = one.name.replace(one.flag, str(at)) if one.flag else one.name
        is_only = len(self.objects) == 1 and not one.flag
        return Place(None if is_only else name, at if one.is_list else None)

    def text_key(self, place: Place | None) -> str:
        """The key of a paragraph's text in the task's data; empty for other objects."""
        one = self.object_at(place)
        return one.text_key if one is not None else ""

    def is_plain_text(self, place: Place | None) -> bool:
        """Whether the value of its object in a task's data is the text itself, where it is one."""
        one = self.object_at(place)
        return one is not None and not one.is_html and not one.text_key

    def object_at(self, place: Place | None) -> ObjectOf | None:
        """The object that an image is of; the first where the place does not say."""
        named = (one for one in self.objects if place is None or one.name == place.to_name)
        return next(named, None)

    def path(self, item: str) -> tuple[str, ...]:
        """The way to the image's address in the task's data."""
        if not self.objects:
            return ()
        one, at = self._object(item)
        if one.flag:
            return tuple(step.replace(one.flag, str(at)) for step in one.path)
        return (*one.path, str(at)) if one.is_list else one.path

    def _object(self, item: str) -> tuple[ObjectOf, int]:
        """The object of an item, and its page from 0."""
        by_name = {one.name: one for one in self.objects}
        if item in by_name:
            return by_name[item], 0
        name, _, number = item.rpartition(".")
        at = int(number) if number.isdecimal() else None
        for one in self.objects:
            if one.flag and at is not None and one.name.replace(one.flag, str(at)) == name:
                return one, at
        return by_name.get(name, self.objects[0]), max(0, (at or 1) - 1)

    def means(self, region: Region, *, is_truth: bool) -> bool:
        """Whether the region names a control that is read."""
        name = region.get("from_name")
        return self._known(str(name)) in self.controls and not self.skips(name, is_truth=is_truth)

    def is_nowhere(self, region: Region, n_of_task: int) -> bool:
        """Whether the region is of none of its task's images: of a page that the task lacks, or of
        another object. `n_of_task` is the number of images where the task's first one is read, 0
        for the others, so that each region is told of once. Relations are of no image.
        """
        if not n_of_task or region.get("type") == "relation":
            return False
        return self._strays(region, n_of_task)

    def _strays(self, region: Region, n_images: int) -> bool:
        places = [self.place(item) for item in self._all_items(n_images)]
        return not any(place is None or place.holds(region) for place in places)

    def _all_items(self, n_images: int) -> list[str]:
        # Of several lists nobody knows here which is how long.
        n_alone = sum(one.counted() is None for one in self.objects)
        of_list = max(n_images - n_alone, 0)
        return self.items([1 if one.counted() is None else of_list for one in self.objects])

    def document(self) -> dict[str, Any]:
        """As JSON values, for `reading_of`."""
        document = asdict(self)
        # Most have none, and workers of an earlier version know none.
        for name in ("own_aliases", "own_steps"):
            if not document[name]:
                del document[name]
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in document.items()
        }


def reading_of(document: Mapping[str, Any]) -> Reading:
    """The reading that `document` wrote; the default for an empty one."""
    if not document:
        return Reading()
    sets = {"shapes", "others", "preferred", "not_in_truth", "not_in_said", "unlabelled"}
    # Evaluations from before have not all of them.
    sets |= {"elsewhere"} & document.keys()
    objects = [
        ObjectOf(**{**one, "path": tuple(one["path"]), "over": tuple(one["over"])})
        for one in document["objects"]
    ]
    return Reading(
        **{
            **document,
            **{name: frozenset(document[name]) for name in sets},
            "own_steps": {name: tuple(of) for name, of in document.get("own_steps", {}).items()},
            "controls": tuple(document["controls"]),
            "objects": tuple(objects),
            "keypoints": tuple((stored, shown) for stored, shown in document["keypoints"]),
        }
    )


class Watched(dict[str, int]):
    """An index that notes which labels of a `label_map` it is asked for: what is left at the end is
    on no region. Only made where there is a map, for it is slower than a plain dict.
    """

    def __init__(self, index: Mapping[str, int], label_map: Mapping[str, Any], met: set[str]):
        super().__init__(index)
        self._label_map, self._met = label_map, met

    def _meet(self, label: str) -> None:
        if label in self._label_map:
            self._met.add(label)

    def __getitem__(self, label: str) -> int:
        self._meet(label)
        return super().__getitem__(label)

    def __contains__(self, label: object) -> bool:
        self._meet(str(label))
        return super().__contains__(label)

    def get(self, label: str, default: Any = None) -> Any:
        """As of every dict."""
        self._meet(label)
        return super().get(label, default)
