"""What a YOLO data set's `data.yaml` says: its classes, where its images are, its key points."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from predictions.formats.classes import check_names, guessed_points
from predictions.formats.content import Known
from predictions.formats.errors import Errors
from predictions.formats.readers.images.yolo_lines import TASKS, Task
from predictions.formats.sources import Source
from predictions.formats.splits import split_named

SPLITS = {"train": "train", "val": "valid", "test": "test"}
#: Of `data.yaml`: ten thousand names take two thirds of it, and reading it some seconds.
MOST_YAML_BYTES = 1 << 18
#: Folders and lists of images that it names, and characters of each.
MOST_PLACES, LONGEST_PLACE = 100, 1000
SAME_NAME = (
    "Several classes are called {name!r:.200}: they are one class here. Give them names of their"
    " own."
)
NO_TEXT = (
    "A class of data.yaml is no text for YAML, and is called {name!r:.200} (010 is 8, yes is True):"
    " write its name in quotes."
)
UNREAD_SPLIT = "{key!r:.100} of data.yaml is not read: its splits are train, val (valid) and test."
POINTS_DIFFER = "kpt_names differ by class: those of the first class are taken for all."
MOST_WARNINGS = 5
COCO_POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip


@dataclass(slots=True)
class Dataset:
    """What `data.yaml` says, or what stands in for it."""

    classes: list[str]
    task: Task | None = None
    points: list[str] = field(default_factory=list)
    #: Whether the file itself says how they are called.
    has_point_names: bool = False
    #: The key points of classes that have lists of their own.
    points_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    point_numbers: int = 3
    #: Folders or lists of images, each in the ways in which it may be meant, and its split.
    places: list[tuple[list[str], str]] = field(default_factory=list)
    root: str = ""
    #: Odd things, a sentence each.
    warnings: list[str] = field(default_factory=list)


def of_yaml(name: str, source: Source, errors: Errors) -> Dataset:
    """What the file says. BadFile for one that cannot be read."""
    text = source.text(name)
    if len(text) > MOST_YAML_BYTES:
        raise errors.stop(name, f"has over {MOST_YAML_BYTES:,} bytes.")
    found, written = _yaml(text, name, errors)
    if not isinstance(found, dict) or not isinstance(found.get("names"), list | dict):
        raise errors.stop(name, "has no `names`: the classes, in order or by their number.")
    given = found["names"]
    if isinstance(given, dict):
        if sorted(map(str, given)) != sorted(map(str, range(len(given)))):
            raise errors.stop(f"{name}: names", "must be numbered from 0, without a gap.")
        given = [given[n] if n in given else given[str(n)] for n in range(len(given))]
    if not all(isinstance(one, str | int | float) for one in given):
        raise errors.stop(f"{name}: names", "must be texts.")
    if type(found.get("nc")) is int and found["nc"] != len(given):
        raise errors.stop(f"{name}: nc", f"is {found['nc']}, and there are {len(given)} names.")
    classes = [str(one) for one in given]
    check_names(((f"{name}: names[{n}]", one) for n, one in enumerate(classes)), errors)
    warnings = [
        *(SAME_NAME.format(name=one) for one, n in Counter(classes).items() if n > 1),
        *(NO_TEXT.format(name=one) for one in classes if one not in written),
        *(UNREAD_SPLIT.format(key=one) for one in found if _is_unread_split(one)),
    ]
    task = str(found.get("task")).lower()
    dataset = Dataset(
        classes,
        task=next((one for one in TASKS if one == task), None),
        places=_places(found, name, errors),
        root=PurePosixPath(name).parent.as_posix(),
        warnings=warnings[:MOST_WARNINGS],
    )
    _add_points(dataset, found, name, errors)
    return dataset


def _is_unread_split(key: Any) -> bool:
    return isinstance(key, str) and key not in {*SPLITS, "valid"} and split_named(key) is not None


def _yaml(text: str, name: str, errors: Errors) -> tuple[Any, set[str]]:
    """The document, and all its plain values as they are written.

    Aliases are refused: a few lines of them become as long as one likes.
    """
    import yaml

    written = set[str]()

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read.")
            node = super().compose_node(parent, index)
            if isinstance(node, yaml.ScalarNode):
                written.add(node.value)
            return node

    try:
        loader = Loader(text)
        try:
            return loader.get_single_data(), written
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise errors.stop(name, f"is no YAML: {exc}") from None


def _places(found: dict[str, Any], name: str, errors: Errors) -> list[tuple[list[str], str]]:
    places = []
    for key, split in SPLITS.items():
        given = found.get(key) or (found.get("valid") if key == "val" else None) or []
        several = [given] if isinstance(given, str) else given
        places += [(one, split) for one in several if isinstance(one, str) and one]
    root = found.get("path")
    given = [*(one for one, _ in places), *([root] if isinstance(root, str) else [])]
    if len(given) > MOST_PLACES or any(len(one) > LONGEST_PLACE for one in given):
        raise errors.stop(
            name,
            f"may name {MOST_PLACES} folders of images, of {LONGEST_PLACE:,} characters each.",
        )
    if not isinstance(root, str):
        return [([one], split) for one, split in places]
    # Both ways: the folder may have moved since.
    return [([f"{root}/{one}", one], split) for one, split in places]


def _add_points(dataset: Dataset, found: dict[str, Any], name: str, errors: Errors) -> None:
    shape = found.get("kpt_shape")
    if shape is None:
        return
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(type(n) is int for n in shape)
        or not 0 < shape[0] <= 1000
        or shape[1] not in {2, 3}
    ):
        raise errors.stop(f"{name}: kpt_shape", "must be a number of points, and 2 or 3.")
    n_points, dataset.point_numbers = shape
    names = found.get("kpt_names") or found.get("keypoints")
    if isinstance(names, dict):
        if any(one != next(iter(names.values())) for one in names.values()):
            dataset.warnings.append(POINTS_DIFFER)
        names = next(iter(names.values()), None)
    given = [one for one in names if isinstance(one, str)] if isinstance(names, list) else []
    if len(given) == n_points and len(set(given)) == n_points:
        dataset.points, dataset.has_point_names = given, True
    elif n_points == len(COCO_POINTS):
        dataset.points = list(COCO_POINTS)
    else:
        dataset.points = [f"point {n + 1}" for n in range(n_points)]


def name_points(dataset: Dataset, known: Known, label_map: Mapping[str, str | None]) -> None:
    """Calls the key points of label files that do not name them as the ground truth does, class by
    class, or the labelling config, if there are as many.
    """
    lists = [list(one) for one in known.keypoints.values()]
    if dataset.points:
        lists = [one for one in lists if len(one) == len(dataset.points)]
    if not lists or dataset.has_point_names:
        return
    # The classes of the ground truth may be called otherwise in the predictions.
    there = {name: label_map.get(name, name) or "" for name in dataset.classes}
    dataset.points = lists[0]
    dataset.points_of = {
        name: known.keypoints[one] for name, one in there.items() if one in known.keypoints
    }
    if known.has_guessed_points and dataset.task in {None, "pose"}:
        dataset.warnings.append(guessed_points(known.keypoints))
