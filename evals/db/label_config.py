"""What a labelling config says about evaluating its project: kind of task, controls, classes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.documents.refusals import Refusal
from evals.engine.kinds.kind import Kind
from evals.engine.kinds.table import ASKED, KINDS, asked_kind, tags_of
from evals.engine.reading import MASKED_SHAPES, ObjectOf, Reading
from predictions.models import Project
from predictions.regions.config import (
    Config,
    Control,
    aliases_among,
    label_sources,
    own_steps_of,
    read_config,
    stored_name,
)

NO_TASK_TYPE = (
    "Nothing in the labelling config can be evaluated. It needs "
    + ", ".join(dict.fromkeys(kind.asks_for for kind, _ in ASKED))
    + "; or name a taskType."
)

#: Each shape has a place for each of them.
MOST_KEYPOINTS = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is evaluated of a project."""

    kind: Kind
    #: The control, where it is one.
    control: str | None
    reading: Reading


def task_type_of(project: Project) -> str | None:
    """The kind of task the labelling config asks for; None where nothing of it can be evaluated."""
    config = read_config(project.label_config)
    kind = asked_kind(config, config.controls)
    return None if kind is None else kind.task_type


def choose(
    project: Project,
    *,
    task_type: str | None = None,
    control: str | None = None,
    label_map: Mapping[str, str | None] | None = None,
    is_closed: bool = False,
) -> Chosen:
    """What is evaluated where this kind of task and this control are asked for, or None of them.

    A Refusal says what the labelling config alone makes impossible: `unknown_control`,
    `ambiguous_control`, `unsupported_task_type`.
    """
    config = read_config(project.label_config)
    labels = {"label_map": label_map or {}, "is_closed": is_closed}
    if control is not None:
        return _of_control(config, control, task_type, labels)
    kind = KINDS[task_type] if task_type else asked_kind(config, config.controls)
    if kind is None:
        raise Refusal(NO_TASK_TYPE, "unsupported_task_type")
    fitting = _fitting(config, kind)
    if not fitting and config.controls:
        raise Refusal(
            f"No control of the labelling config can be evaluated as {kind.task_type}.",
            "unsupported_task_type",
        )
    if kind.is_of_one_control and len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise Refusal(
            f"Several controls can be evaluated as {kind.task_type}: choose one of {names} as "
            "control.",
            "ambiguous_control",
        )
    only = fitting[0].name if len(fitting) == 1 else None
    reading = _reading(config, kind, fitting, labels, is_asked=bool(task_type), rivals=())
    return Chosen(kind, only, reading)


def classes_of(
    project: Project, kind: Kind, reading: Reading, *, only: Sequence[str] | None = None
) -> tuple[list[str], bool]:
    """Class names in the config's order, and whether an image may have several labels at once.

    Of `only` these classes where they are given, those that the config does not know last.
    """
    config = read_config(project.label_config)
    controls = [one for one in config.controls if one.name in reading.controls]
    called = (reading.called(name) for name in kind.classes(config, controls))
    names = dict.fromkeys(name for name in called if name is not None)
    if only is not None:
        only = [name if name in names else reading.stored(name) for name in only]
        names = dict.fromkeys([*(name for name in names if name in only), *only])
    return list(names), kind.is_multi_label(controls)


def known_labels(project: Project, kind: Kind, reading: Reading) -> set[str]:
    """The labels that the config has for these controls, stored or shown, nodes of trees and key
    points among them.
    """
    config = read_config(project.label_config)
    controls = [one for one in config.controls if one.name in reading.controls]
    aliases = aliases_among(config, controls)
    shown = {name for one in (aliases.shared, *aliases.own.values()) for name in one}
    points = _keypoints(config, controls) if kind.has_keypoints else {}
    return {*kind.classes(config, controls), *shown, *points, *points.values()}


def _of_control(
    config: Config, name: str, task_type: str | None, labels: Mapping[str, Any]
) -> Chosen:
    found = config.control(name)
    if found is None:
        known = ", ".join(one.name for one in config.controls) or "none"
        raise Refusal(
            f"The labelling config has no control {name!r}. It has: {known}.", "unknown_control"
        )
    own = asked_kind(config, [found])
    kind = KINDS[task_type] if task_type else own
    if kind is None:
        raise Refusal(
            f"The control {name!r} ({found.tag.tag}) cannot be evaluated.", "unsupported_task_type"
        )
    if not kind.reads(found, tags_of(config, found)):
        raise Refusal(
            f"The control {name!r} ({found.tag.tag}) cannot be evaluated as {kind.task_type}.",
            "unsupported_task_type",
        )
    rivals = [one for one in config.controls if one is not found and _is_alike(one, found)]
    reading = _reading(config, kind, [found], labels, is_asked=False, rivals=rivals)
    return Chosen(kind, name, reading)


def _is_alike(one: Control, other: Control) -> bool:
    """Whether regions of the two could be taken for each other."""
    if other.tag.place in MASKED_SHAPES:
        return one.tag.place in MASKED_SHAPES
    return one.tag is other.tag


def _fitting(config: Config, kind: Kind) -> list[Control]:
    fitting = [one for one in config.controls if kind.reads(one, tags_of(config, one))]
    of_shapes = [one for one in fitting if one.tag.place in kind.shapes]
    return of_shapes or fitting


def _reading(
    config: Config,
    kind: Kind,
    controls: Sequence[Control],
    labels: Mapping[str, Any],
    *,
    is_asked: bool,
    rivals: Sequence[Control],
) -> Reading:
    """How the regions of these controls are read."""
    sources = {source.name: source for one in controls for source in label_sources(config, one)}
    mine = {*sources, *(one.name for one in controls)}
    places = {one.tag.place for one in controls}
    has_matched = not controls or bool(places & kind.shapes) or not kind.shapes
    objects = _objects(config, controls)
    aliases = aliases_among(config, controls)
    points = _keypoints(config, controls) if kind.has_keypoints else {}
    other_aliases = _other_aliases(config, controls, points)
    shown = other_aliases | {name: stored for stored, name in points.items() if name not in points}
    known = {**shown, **aliases.shared}
    own_steps = own_steps_of(controls) if kind.is_tree else {}

    def stored(name: str) -> str:
        return stored_name(name, known, own_steps, is_tree=kind.is_tree)

    label_map = _by_stored_names(labels["label_map"], stored)
    if label_map:
        label_map |= _as_shown(shown, label_map, kind.classes(config, controls))
    elif other_aliases:
        label_map = _as_shown(other_aliases, label_map, kind.classes(config, controls))
    return Reading(
        shapes=kind.shapes if has_matched else MASKED_SHAPES,
        controls=tuple(one.name for one in controls),
        others=frozenset(one.name for one in config.controls if one.name not in mine),
        is_strict=bool(rivals),
        preferred=frozenset(
            one.name
            for one in controls
            if is_asked and (one.tag.place == "rectangle") == kind.prefers_boxes
        ),
        unlabelled=frozenset(
            one.name for one in controls if one.tag.place and not label_sources(config, one)
        ),
        aliases=aliases.shared,
        own_aliases=aliases.own,
        label_map=label_map,
        is_closed=labels["is_closed"],
        is_tree=kind.is_tree,
        own_steps=own_steps,
        # The lengths of paragraphs say where a span is; of a text it says so itself.
        needs_data=kind.needs_data and any(one.text_key for one in objects),
        objects=objects,
        elsewhere=_elsewhere(config, objects),
        has_keypoints=kind.has_keypoints,
        keypoints=_called(points, label_map),
        time_formats={one.name: one.time_format for one in config.objects if one.time_format},
    )


def _elsewhere(config: Config, objects: Sequence[ObjectOf]) -> frozenset[str]:
    """The config's objects beside these; none where nobody knows which are meant."""
    names = {one.name for one in config.objects if objects}
    return frozenset(names - {one.name for one in objects})


def _by_stored_names(
    label_map: Mapping[str, str | None], stored: Callable[[str], str]
) -> dict[str, str | None]:
    """The map with the stored names of labels that it names as they are shown, on either side.

    A Refusal for two names of one label that it gives to two classes.
    """
    meant = {name: None if called is None else stored(called) for name, called in label_map.items()}
    by_stored: dict[str, str] = {}
    for name in meant:
        other = by_stored.setdefault(stored(name), name)
        if meant[other] != meant[name]:
            first, second = sorted((other, name), key=lambda one: one != stored(one))
            raise Refusal(
                f"labelMap: {first!r} and {second!r} are one label, stored and shown: give both "
                "the same class, or leave one out.",
                "invalid_request",
            )
    return {known: meant[name] for known, name in by_stored.items()} | meant


def _as_shown(
    shown: Mapping[str, str], label_map: Mapping[str, str | None], classes: Sequence[str]
) -> dict[str, str | None]:
    """What key points are called where a region names them as they are shown: as under their stored
    names, which may be those of others once two are called alike. A class of that name stays.
    """
    return {
        name: label_map.get(stored, stored)
        for name, stored in shown.items()
        if name not in label_map and name not in classes
    }


def _called(
    points: Mapping[str, str], label_map: Mapping[str, str | None]
) -> tuple[tuple[str, str], ...]:
    """What key points are called once their labels are mapped, and as they are shown; each once."""
    named = [(label_map.get(stored, stored), shown) for stored, shown in points.items()]
    first = {called: shown for called, shown in reversed(named) if called is not None}
    return tuple((name, first[name]) for name in dict.fromkeys(n for n, _ in named) if name)


def _keypoints(config: Config, controls: Sequence[Control]) -> dict[str, str]:
    """Key points beside these controls, as stored and as shown: by `model_index`, else as they
    stand.

    A Refusal for more than MOST_KEYPOINTS.
    """
    names: dict[str, str] = {}
    for stored, shown in _points_beside(config, controls):
        names.setdefault(stored, shown)
    if len(names) > MOST_KEYPOINTS:
        raise Refusal(
            f"The labelling config has {len(names):,} key points; up to {MOST_KEYPOINTS} can be "
            "evaluated.",
            "unsupported_task_type",
        )
    return names


def _points_beside(config: Config, controls: Sequence[Control]) -> Iterator[tuple[str, str]]:
    """The key points of every control for the objects of these, as stored and as shown."""
    wanted = {name for one in controls for name in one.to_names}
    for one in config.controls:
        if one.tag.place == "keypoint" and (not wanted or wanted & set(one.to_names)):
            for source in label_sources(config, one):
                yield from source.indexed_labels


def _other_aliases(
    config: Config, controls: Sequence[Control], points: Mapping[str, str]
) -> dict[str, str]:
    """Names that a second control shows for key points which the first shows otherwise, by what is
    stored; not those that are another point's.
    """
    if not points:
        return {}
    taken = {*points, *points.values()}
    beside = _points_beside(config, controls)
    return {shown: stored for stored, shown in beside if shown not in taken}


def _objects(config: Config, controls: Sequence[Control]) -> tuple[ObjectOf, ...]:
    """The objects the controls are for, in the config's order."""
    # A pair is one thing, shown at the first of its two objects.
    wanted = {
        name
        for one in controls
        for name in (one.to_names[:1] if one.tag.tag == "Pairwise" else one.to_names)
    }
    # Choices about a list of pages are about all of them, unless they say otherwise.
    has_pages = all(one.tag.place or one.is_per_item for one in controls)
    return tuple(
        ObjectOf(
            name=one.name,
            path=one.path,
            is_list=one.is_list and has_pages,
            flag=one.flag,
            over=one.over,
            text_key=one.text_key,
            is_html=one.tag == "HyperText",
        )
        for one in config.objects
        if one.name in wanted
    )
