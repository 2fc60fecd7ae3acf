"""What a labelling config says about evaluating its project: kind of task, classes, image."""

from collections.abc import Iterator, Mapping
from typing import Any

from evals.models import TaskType
from predictions.models import Project

# Controls by the task type they ask for; the first row that fits decides.
CONTROLS = (
    (TaskType.INSTANCES, {"PolygonLabels", "BrushLabels", "Polygon", "Brush"}),
    (TaskType.DETECTION, {"RectangleLabels", "Rectangle"}),
    (TaskType.CLASSIFICATION, {"Choices"}),
)
# Controls whose labels are classes, by task type.
SHAPE_CONTROLS = frozenset(
    {"RectangleLabels", "PolygonLabels", "BrushLabels", "Labels", "EllipseLabels"}
)
CHOICE_CONTROLS = frozenset({"Choices"})


def task_type_of(project: Project) -> TaskType | None:
    """The kind of task the labelling config asks for; None where nothing of it can be evaluated."""
    kinds = {control.get("type") for control in project.parsed_label_config.values()}
    return next((task_type for task_type, wanted in CONTROLS if kinds & wanted), None)


def classes_of(project: Project, task_type: str) -> tuple[list[str], bool]:
    """Class names in the config's order, and whether an image may have several labels at once."""
    is_choice = task_type == TaskType.CLASSIFICATION
    wanted = CHOICE_CONTROLS if is_choice else SHAPE_CONTROLS
    names = dict.fromkeys(
        label
        for control in _controls(project)
        if control.get("type") in wanted
        for label in control.get("labels") or []
    )
    return list(names), is_choice and _allows_several(project.label_config)


def image_key(project: Project) -> str:
    """The key of a task's data that holds the image."""
    inputs = [
        given
        for control in _controls(project)
        for given in control.get("inputs") or []
        if isinstance(given, dict)
    ]
    images = [given for given in inputs if str(given.get("type", "")).lower() == "image"]
    return next((str(g["value"]) for g in images or inputs if g.get("value")), "image")


def _controls(project: Project) -> Iterator[Mapping[str, Any]]:
    yield from project.parsed_label_config.values()


def _allows_several(label_config: str) -> bool:
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(label_config)
    except (ParseError, ValueError):
        return False
    return any(element.get("choice") == "multiple" for element in root.iter("Choices"))
