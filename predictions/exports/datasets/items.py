"""What a data set holds of each task: one ground truth, or one prediction of a version.

Of several the newest one, which is the one that evaluations count.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from rest_framework.exceptions import ValidationError

from predictions.db.task_pages import NamingFacts
from predictions.db.versions import OneVersion
from predictions.exports.sizes import sized
from predictions.exports.types.given import Given, TaskValues, given_of
from predictions.exports.types.objects import (
    Object,
    Picture,
    Scheme,
    objects_of,
)
from predictions.regions.task_data import value_at

#: What no line of a text file, and no file's name, can hold.
UNPRINTABLE = dict.fromkeys([*range(32), 127], "_")
#: Whole numbers from here on are not told in JSON as such.
LONGEST = 2**63
#: A detection without any score is a sure one, as evaluations have it.
CERTAIN = 1.0
#: What objects are called in the sentence that refuses one.
BOX, TURNED_BOX, POLYGON = "a box", "a turned box", "a polygon"
ELLIPSE, MASK = "an ellipse", "a mask"


class NotHeld(ValidationError):
    """The format cannot hold what is there."""

    def __init__(self, message: str) -> None:
        super().__init__({"format": [message]})


@dataclass(frozen=True, slots=True)
class Item:
    """A task, and the one ground truth or prediction that is written of it."""

    task: TaskValues
    given: Given

    def place_of(self, region: Any) -> str:
        """How a region is called in an error."""
        result = self.given.document["result"]
        number = next((n for n, one in enumerate(result) if one is region), None)
        kind = "prediction" if self.given.is_prediction else "annotation"
        return f"Task {self.task['id']}, {kind} {self.given.id}, region {number}"


@dataclass(frozen=True, slots=True)
class ImageItem(Item):
    """The same of a task with an image."""

    picture: Picture
    #: What no other task of the project has.
    image_id: int | str

    @property
    def name(self) -> str:
        """The image's file, below a folder of images; with `/` where it lies in one."""
        return self.picture.file_name

    @property
    def stem(self) -> str:
        """The same without the suffix."""
        return str(PurePosixPath(self.name).with_suffix(""))

    @property
    def split(self) -> str:
        """`meta.split`, `test` where there is none."""
        return str((self.task["meta"] or {}).get("split") or "test")


def items(tasks: Iterable[TaskValues], version: OneVersion | None) -> Iterator[Item]:
    """Of the tasks that have one, in their order; without a version the ground truth."""
    for task in tasks:
        if version is None:
            truths = given_of(task, "annotations")
            found = [one for one in truths if one.document["ground_truth"]]
        else:
            said = given_of(task, "predictions")
            found = [one for one in said if one.model_version == version.name]
        if found:
            yield Item(task, found[-1])


def image_items(found: Iterable[Item], scheme: Scheme, facts: NamingFacts) -> Iterator[ImageItem]:
    """With their images. `NotHeld` where two of them would be one file."""
    known: dict[str, int] = {}
    for item, size in sized(found, lambda one: one.task, scheme):
        task = item.task
        name = file_name(task, scheme.image.path, facts)
        picture = Picture(task["id"], name, size, [item.given])
        one = ImageItem(task, item.given, picture, _id(task, facts))
        refuse_twice(one.stem, one, known)
        yield one


def refuse_twice(name: str, item: ImageItem, known: dict[str, int]) -> None:
    """`NotHeld` where another task has the name; `known` are the tasks by name until now."""
    task_id = item.task["id"]
    other = known.setdefault(name, task_id)
    if other != task_id:
        raise NotHeld(
            f"Tasks {other} and {task_id} have images of one name, {name!r:.100}, which"
            " would be one file. Give them names of their own in meta.image_name."
        )


def _id(task: TaskValues, facts: NamingFacts) -> int | str:
    """`meta.image_id` where each task has one of its own, else the number within the project."""
    if not facts.are_identified:
        return int(task["inner_id"])
    told = task["meta"]["image_id"]
    return int(told) if facts.are_numbered else str(told)


def file_name(task: TaskValues, path: Sequence[str], facts: NamingFacts) -> str:
    """Below a folder of images, never above it: `meta.image_name`, else the end of the address.

    Where the ends of two addresses are one the task's number goes in front.
    """
    told = (task["meta"] or {}).get("image_name")
    if isinstance(told, str) and (name := _safe(told)):
        return name
    value = address(task, path)
    end = "" if value.startswith("data:") else value.partition("?")[0].rpartition("/")[2]
    name = _safe(unquote(end).replace("/", "_"))
    number = task["inner_id"]
    if not name:
        return f"{number}"
    return name if facts.are_named else f"{number}-{name}"


def address(task: TaskValues, path: Sequence[str]) -> str:
    """The text that a task's data has at a path; empty for none."""
    value = value_at(task["data"], path)
    return value if isinstance(value, str) else ""


def _safe(name: str) -> str:
    """Without what leads out of a folder."""
    steps = name.replace("\\", "/").translate(UNPRINTABLE).split("/")
    return "/".join(step for step in steps if step.strip(". ") and not step.endswith(":"))


def objects_in(
    item: ImageItem, scheme: Scheme, held: Sequence[str], *, needs_size: bool = True
) -> list[Object]:
    """The objects of an image, a region's first label alone, as evaluations have it.

    `NotHeld` names the first that is none of `held`, whose label the labelling config lacks, or,
    with `needs_size`, whose image has no size. What evaluations pass over is left out.
    """
    found = objects_of(item.given, item.picture, scheme).found
    objects = [one for n, one in enumerate(found) if not n or found[n - 1].region is not one.region]
    for one in objects:
        if (kind := kind_of(one)) not in held:
            raise NotHeld(
                f"{item.place_of(one.region)}: {kind} has no place in this format, only"
                f" {_listed(held)}."
            )
        if one.label not in scheme.classes:
            raise NotHeld(
                f"{item.place_of(one.region)}: the labelling config has no label"
                f" {one.label!r:.100}."
            )
    if needs_size and objects and item.picture.told_size is None:
        raise NotHeld(
            f"{item.place_of(objects[0].region)}: no region tells the image's size"
            " (original_width, original_height)."
        )
    return objects


def refuse_padded(label: str, place: str) -> None:
    """`NotHeld` for a label that readers of XML and of tables give back as another one."""
    if label != label.strip() or "\r" in label:
        raise NotHeld(
            f"{place}: the label {label!r:.100} has a space at an end or a carriage"
            " return, which readers of this format do not keep."
        )


def kind_of(one: Object) -> str:
    """What an object is called: one of BOX, TURNED_BOX, POLYGON, ELLIPSE and MASK."""
    points = one.shape.points_px
    is_outline = points is not None and len(points) > 2
    if one.kind == "rectangle":
        return TURNED_BOX if is_outline else BOX
    # An outline of fewer than three points is a mask of nothing.
    if not is_outline:
        return MASK
    return ELLIPSE if one.kind == "ellipse" else POLYGON


def _listed(kinds: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))


def score_of(one: Object) -> float:
    """Of a prediction's object."""
    return CERTAIN if one.score is None else one.score


def whole(number: float) -> float:
    """The same number, without a fraction where there is none.

    >>> whole(10.0), whole(-0.0), whole(0.5), whole(1e300)
    (10, 0, 0.5, 1e+300)
    """
    is_whole = float(number).is_integer() and abs(number) < LONGEST
    return int(number) if is_whole else number
