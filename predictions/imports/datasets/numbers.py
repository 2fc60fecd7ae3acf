"""The numbers of classes and of key points. A list of results names them by these alone: the labels
of a project have to have one each, and the same in all of its files.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from predictions.db import projects
from predictions.formats import label_config
from predictions.formats.content import Content
from predictions.models import Project
from predictions.regions import labelling
from predictions.regions.config import read_config

NUMBERED_OTHERWISE = (
    "The file numbers classes otherwise than the project: {number} is {here!r:.200} in the file,"
    " and {there} in the labelling config. From now on a list of results, which names them by"
    " number, needs the file of its images beside it."
)

OTHER_ORDER = (
    "The file lists the key points of {label!r:.200} in another order than the labelling config"
    " ({names}): a list of results, or label files, which tell them by their order alone, need the"
    " file of these images beside them."
)
UNKNOWN_POINTS = (
    "The ground truth has no key points {names} of {label!r:.200}: those of the predictions count"
    " for nothing. It has {known}."
)
MOST_NAMED = 4


def of_labels(project: Project, classes: Sequence[str]) -> dict[int, str]:
    """The labels by the numbers that they have in the config (`category`); {} unless each class has
    one, no two have the same, be it in different controls, and no file gave one another.
    """
    labels = [one for one in _labels(project) if one[0] in classes]
    if any(attributes.get(label_config.OTHER_NUMBERS) for _, attributes in labels):
        return {}
    found = _numbers(labels)
    if any(found.get(number) != name for one in labels for number, name in _numbers([one]).items()):
        return {}
    return found if set(found.values()) == set(classes) else {}


def note_others(project: Project, truth: Content) -> list[str]:
    """Where a file numbers classes otherwise than the config, writes its numbers into the config,
    too, and says so: of results that are loaded later nobody knows which numbers they mean. Locks
    the project then.
    """
    there = _numbers(_labels(project))
    known = set(there.values())
    # A file may have a label as it is shown, or as it is stored.
    controls = read_config(project.label_config).controls
    stored = {shown: name for one in controls for name, shown in one.labels}
    given = {number: stored.get(name, name) for number, name in truth.class_ids.items()}
    others = {
        name: number
        for number, name in given.items()
        if (name in known or number in there) and there.get(number) != name
    }
    if not others:
        return []
    projects.lock_loads(project, changes_config=True)
    config = label_config.with_other_numbers(project.label_config, others)
    if config != project.label_config:
        values = {"label_config": config, "control_weights": project.control_weights}
        projects.update_project(project, values, parsed=labelling.parse(config))
    name, number = min(others.items(), key=lambda one: one[1] not in there)
    told = repr(there[number])[:200] if number in there else "no class"
    return [NUMBERED_OTHERWISE.format(number=number, here=name, there=told)]


def are_points_numbered(project: Project) -> bool:
    """Whether each key point of the config has a number of its own (`model_index`)."""
    found = [
        str(attributes.get("model_index") or "")
        for control in project.parsed_label_config.values()
        if control["type"] == "KeyPointLabels"
        for attributes in (control.get("labels_attrs") or {}).values()
    ]
    return all(map(str.isdecimal, found)) and len(set(found)) == len(found)


def other_orders(project: Project, truth: Content) -> list[str]:
    """A warning where the file has a class's key points in another order than the config."""
    for control in read_config(project.label_config).controls:
        if control.tag.place != "keypoint":
            continue
        for names in zip(*control.indexed_labels, strict=True):
            for label, given in truth.keypoints.items():
                if sorted(given) == sorted(names) and list(given) != list(names):
                    return [OTHER_ORDER.format(label=label, names=_some(names))]
    return []


def unknown_points(truth: Content, predicted: Content) -> list[str]:
    """A warning where the predictions have key points that the ground truth calls otherwise."""
    for label, given in predicted.keypoints.items():
        known = truth.keypoints.get(label, ())
        unknown = [name for name in given if name not in known]
        if known and unknown:
            told = {"names": _some(unknown), "known": _some(known)}
            return [UNKNOWN_POINTS.format(label=label, **told)]
    return []


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MOST_NAMED else ""
    return ", ".join(f"{name!r:.100}" for name in names[:MOST_NAMED]) + more


def _labels(project: Project) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All labels of the config with their attributes."""
    for control in project.parsed_label_config.values():
        yield from (control.get("labels_attrs") or {}).items()


def _numbers(labels: Any) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, attributes in labels:
        number = str(attributes.get("category") or "")
        if number.isascii() and number.isdecimal():
            found.setdefault(int(number), name)
    return found
