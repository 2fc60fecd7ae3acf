"""What a labelling config says about evaluating its project: kind of task, controls, classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.documents.refusals import Refusal
from evals.engine.reading import MASKED_SHAPES, MATCHED_SHAPES, ObjectOf, Reading
from evals.models import TaskType
from predictions.models import Project
from predictions.regions.config import Config, Control, label_sources, read_config

NO_TASK_TYPE = (
    "Nothing in the labelling config can be evaluated. It needs RectangleLabels, PolygonLabels, "
    "BrushLabels, EllipseLabels or Choices about the whole object; or name a taskType."
)
# Task types by the shapes that ask for them; the first row that fits decides.
TASK_TYPES = (
    (TaskType.INSTANCES, frozenset({"polygon", "brush"})),
    (TaskType.DETECTION, frozenset({"rectangle"})),
    (TaskType.INSTANCES, frozenset({"ellipse"})),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is evaluated of a project."""

    task_type: TaskType
    #: The control, where it is one.
    control: str | None
    reading: Reading


def task_type_of(project: Project) -> TaskType | None:
    """The kind of task the labelling config asks for; None where nothing of it can be evaluated."""
    return _derived(read_config(project.label_config).controls)


def choose(project: Project, *, task_type: str | None = None, control: str | None = None) -> Chosen:
    """What is evaluated where this kind of task and this control are asked for, or None of them.

    A Refusal says what the labelling config alone makes impossible: `unknown_control`,
    `ambiguous_control`, `unsupported_task_type`.
    """
    config = read_config(project.label_config)
    if control is not None:
        return _of_control(config, control, task_type)
    kind = TaskType(task_type) if task_type else _derived(config.controls)
    if kind is None:
        raise Refusal(NO_TASK_TYPE, "unsupported_task_type")
    fitting = _fitting(config, kind)
    if not fitting and config.controls:
        raise Refusal(
            f"No control of the labelling config can be evaluated as {kind.value}.",
            "unsupported_task_type",
        )
    if kind == TaskType.CLASSIFICATION and len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise Refusal(
            f"Several controls ask for a class: choose one of {names} as control.",
            "ambiguous_control",
        )
    only = fitting[0].name if len(fitting) == 1 else None
    reading = _reading(config, kind, fitting, is_asked=bool(task_type), rivals=())
    return Chosen(kind, only, reading)


def classes_of(project: Project, reading: Reading) -> tuple[list[str], bool]:
    """Class names in the config's order, and whether an image may have several labels at once."""
    config = read_config(project.label_config)
    controls = [one for one in config.controls if one.name in reading.controls]
    several = any(one.is_multiple and not one.tag.place for one in controls)
    names: dict[str, None] = {}
    for one in controls:
        if one.name in reading.unlabelled:
            names[one.name] = None
        for source in label_sources(config, one):
            names |= dict.fromkeys(stored for stored, _ in source.labels)
    return list(names), several


def _derived(controls: Iterable[Control]) -> TaskType | None:
    controls = list(controls)
    places = {one.tag.place for one in controls}
    for task_type, wanted in TASK_TYPES:
        if places & wanted:
            return task_type
    return TaskType.CLASSIFICATION if any(map(_asks_for_class, controls)) else None


def _asks_for_class(control: Control) -> bool:
    """Whether the control's answer is a class of a whole object."""
    return control.tag.tag == "Choices" and not control.is_per_region


def _of_control(config: Config, name: str, task_type: str | None) -> Chosen:
    found = config.control(name)
    if found is None:
        known = ", ".join(one.name for one in config.controls) or "none"
        raise Refusal(
            f"The labelling config has no control {name!r}. It has: {known}.", "unknown_control"
        )
    own = _derived([found])
    if own is None:
        raise Refusal(
            f"The control {name!r} ({found.tag.tag}) cannot be evaluated.", "unsupported_task_type"
        )
    kind = TaskType(task_type) if task_type else own
    if (kind == TaskType.CLASSIFICATION) != (own == TaskType.CLASSIFICATION):
        raise Refusal(
            f"The control {name!r} ({found.tag.tag}) cannot be evaluated as {kind.value}.",
            "unsupported_task_type",
        )
    rivals = [one for one in config.controls if one is not found and _is_alike(one, found)]
    return Chosen(kind, name, _reading(config, kind, [found], is_asked=False, rivals=rivals))


def _is_alike(one: Control, other: Control) -> bool:
    """Whether regions of the two could be taken for each other."""
    if other.tag.place is None:
        return one.tag is other.tag
    return one.tag.place in MASKED_SHAPES


def _fitting(config: Config, kind: TaskType) -> list[Control]:
    if kind == TaskType.CLASSIFICATION:
        return [one for one in config.controls if _asks_for_class(one)]
    shapes = MATCHED_SHAPES if kind == TaskType.DETECTION else MASKED_SHAPES
    fitting = [one for one in config.controls if one.tag.place in shapes]
    return fitting or [one for one in config.controls if one.tag.place in MASKED_SHAPES]


def _reading(
    config: Config,
    kind: TaskType,
    controls: Sequence[Control],
    *,
    is_asked: bool,
    rivals: Sequence[Control],
) -> Reading:
    """How the regions of these controls are read."""
    sources = {source.name: source for one in controls for source in label_sources(config, one)}
    mine = {*sources, *(one.name for one in controls)}
    places = {one.tag.place for one in controls}
    has_matched = not controls or bool(places & MATCHED_SHAPES)
    is_boxes = kind == TaskType.DETECTION
    return Reading(
        shapes=MATCHED_SHAPES if is_boxes and has_matched else MASKED_SHAPES,
        controls=tuple(one.name for one in controls),
        others=frozenset(one.name for one in config.controls if one.name not in mine),
        is_strict=bool(rivals),
        preferred=frozenset(
            one.name for one in controls if is_asked and (one.tag.place == "rectangle") == is_boxes
        ),
        unlabelled=frozenset(
            one.name for one in controls if one.tag.place and not label_sources(config, one)
        ),
        aliases={
            shown: stored
            for source in sources.values()
            for stored, shown in source.labels
            if shown != stored
        },
        objects=_objects(config, controls),
    )


def _objects(config: Config, controls: Sequence[Control]) -> tuple[ObjectOf, ...]:
    """The objects the controls are for, in the config's order."""
    wanted = {name for one in controls for name in one.to_names}
    # Choices about a list of pages are about all of them, unless they say otherwise.
    has_pages = all(one.tag.place or one.is_per_item for one in controls)
    return tuple(
        ObjectOf(
            name=one.name,
            path=one.path,
            is_list=one.is_list and has_pages,
            flag=one.flag,
            over=one.over,
        )
        for one in config.objects
        if one.name in wanted
    )
