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

NUMBERED_OTHERWISE = (
    "The file numbers classes otherwise than the project: {number} is {here!r:.200} in the file,"
    " and {there} in the labelling config. From now on a list of results, which names them by"
    " number, needs the file of its images beside it."
)


def of_labels(project: Project, classes: Sequence[str]) -> dict[int, str]:
    """The numbers that labels have in the config (`category`); {} unless all have one, and none had
    another in some file.
    """
    labels = [one for one in _labels(project) if one[0] in classes]
    if any(attributes.get(label_config.OTHER_NUMBERS) for _, attributes in labels):
        return {}
    found = _numbers(labels)
    return found if set(found.values()) == set(classes) else {}


def note_others(project: Project, truth: Content) -> list[str]:
    """Writes into the config which numbers the classes of a file have that are others there, and
    says so: what reads results later cannot tell which are meant. Locks the project then.
    """
    there = _numbers(_labels(project))
    known = set(there.values())
    others = {
        name: number
        for number, name in truth.class_ids.items()
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
