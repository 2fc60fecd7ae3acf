"""The numbers of classes. A list of results names classes by them alone: a project's labels have to
have one each, and the same in all of its files.
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
