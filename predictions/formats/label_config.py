"""The labelling config that holds what files hold, and the controls of one that is there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from predictions.formats.content import Content, Kind
from predictions.formats.drawn.controls import ONLY_ONE, Controls
from predictions.formats.errors import Errors
from predictions.formats.label_regions import Tool
from predictions.regions.config import Config, Control, ObjectTag, aliases_of
from predictions.regions.controls import BY_TAG

#: Which tag holds regions of a kind; the order is that of the controls in a config.
TAGS: Mapping[Kind, str] = {
    Kind.BOX: "RectangleLabels",
    Kind.POLYGON: "PolygonLabels",
    Kind.MASK: "BrushLabels",
    Kind.ELLIPSE: "EllipseLabels",
    Kind.KEYPOINTS: "KeyPointLabels",
    Kind.SPAN: "Labels",
    Kind.CHOICE: "Choices",
}
NO_CONTROL = "The project's labelling config has no {tag} of the name {name!r}."
NO_PATH = "The tree of the control {name!r} has no path {path!r:.300}."
NO_OBJECT = "The project's labelling config has no {tag} to label."
DERIVED = (
    "The labelling config shows another text in {name!r} than the data holds (valueType, encoding,"
    " words beside the variable): the places of a file's stretches would be of another text."
)
SEVERAL = (
    "The project's labelling config shows several of {tag} in a task (valueList, Repeater), and the"
    " file does not say which of them its regions are of: give Label Studio's own tasks"
    " (labelstudio)."
)
ALIKE = (
    "The project's labelling config has several Choices that take the file's labels, {names}, and"
    " the file does not say which of them it answers: give Label Studio's own tasks (labelstudio)."
)
#: Attribute of a label: the numbers that it has in files, where its `category` is another.
OTHER_NUMBERS = "other_categories"
OBJECTS = {"image": "Image", "text": "Text"}


def made(contents: Sequence[Content], errors: Errors) -> str:
    """The smallest config that holds all of the contents, classes in the order of the files.

    BadFile where drawn regions leave open what they are of.
    """
    if contents[0].controls is not None:
        return _of_drawn(contents, errors)
    key = contents[0].key
    kinds = {kind for content in contents for kind in content.kinds}
    classes = list(dict.fromkeys(name for content in contents for name in content.classes))
    numbers: dict[str, int] = {}
    for content in reversed(contents):
        numbers |= {name: number for number, name in content.class_ids.items()}
    is_multiple = any(content.is_multiple for content in contents)
    lines = [f'  <{OBJECTS[key]} name="{key}" value="${key}"/>']
    for kind, tag in TAGS.items():
        if kind not in kinds:
            continue
        more = ' choice="multiple"' if kind == Kind.CHOICE and is_multiple else ""
        lines.append(f'  <{tag} name="{kind}" toName="{key}"{more}>')
        lines += [f"    {line}" for line in _labels(kind, classes, numbers, contents)]
        lines.append(f"  </{tag}>")
    return "\n".join(["<View>", *lines, "</View>"])


def _labels(
    kind: Kind, classes: Iterable[str], numbers: Mapping[str, int], contents: Iterable[Content]
) -> list[str]:
    if kind == Kind.KEYPOINTS:
        return [
            f'<Label value={quoteattr(name)} model_index="{n}"/>'
            for n, name in enumerate(keypoint_names(contents))
        ]
    if kind == Kind.CHOICE:
        return [f"<Choice value={quoteattr(name)}/>" for name in classes]
    return [
        f"<Label value={quoteattr(name)}"
        + (f' category="{numbers[name]}"/>' if name in numbers else "/>")
        for name in classes
    ]


def _of_drawn(contents: Sequence[Content], errors: Errors) -> str:
    """The config of drawn regions, of all contents together."""
    every = Controls()
    for content in contents:
        if content.controls is not None:
            every.check_names(content.controls, errors)
            every.join(content.controls)
    return every.config(errors)


def _lacked(config: Config, content: Content) -> tuple[dict[str, list[str]], list[str]]:
    """By control the labels of drawn regions that it lacks; what to say of controls that are not
    there at all.
    """
    lacking: dict[str, list[str]] = {}
    missing: list[str] = []
    for one in content.controls.seen.values() if content.controls is not None else ():
        known = config.control_of_region(one.name)
        if known is None or known.tag != one.tag:
            missing.append(NO_CONTROL.format(tag=one.tag.tag, name=one.name))
            continue
        names = _missing(known, one.labels)
        if names and not _is_told_elsewhere(known):
            lacking[known.name] = list(dict.fromkeys([*lacking.get(known.name, ()), *names]))
    return lacking, missing


def _check_paths(config: Config, content: Content, errors: Errors) -> None:
    """Errors for paths that the config's tree lacks, each at its first place; stored or shown names
    may make them. Not where the tree stands elsewhere, in the task's data or at an address.
    """
    for one in content.controls.seen.values() if content.controls is not None else ():
        known = config.control_of_region(one.name)
        if known is None or not known.is_nested or _is_told_elsewhere(known):
            continue
        there_are = {stored for stored, _ in known.labels} | aliases_of([known]).keys()
        for path, place in one.paths.items():
            if path not in there_are:
                errors.add(place, NO_PATH.format(name=known.name, path=path))


def _is_told_elsewhere(control: Control) -> bool:
    """Whether its labels stand in the tasks' data, or a tree's where the config does not say."""
    return control.is_dynamic or (control.is_nested and not control.paths)


def keypoint_names(contents: Iterable[Content]) -> list[str]:
    """Key points of all classes, once each."""
    every = (name for one in contents for names in one.keypoints.values() for name in names)
    return list(dict.fromkeys(every))


def wanted_labels(kind: Kind, contents: Iterable[Content]) -> list[str]:
    """The labels that a control of the kind needs, in the order of the files."""
    of_kind = [content for content in contents if kind in content.kinds]
    if kind == Kind.KEYPOINTS:
        return keypoint_names(of_kind)
    return list(dict.fromkeys(name for content in of_kind for name in content.classes))


def tools_of(
    config: Config, contents: Sequence[Content], errors: Errors
) -> tuple[dict[Kind, Tool], dict[str, list[str]], str]:
    """For each kind the control that holds it; by control the labels that it lacks; the key of a
    task's data that is shown.

    All are controls of one object. A kind without a control is an error. Of several objects, and of
    several controls, the one that lacks fewest is taken.
    """
    if contents[0].controls is not None:
        return _tools_of_drawn(config, contents, errors)
    key = contents[0].key
    objects = [one for one in config.objects if one.tag == OBJECTS[key]]
    # Regions of a file do not say which of several pictures of a task they are of.
    single = [one for one in objects if not one.is_list and not one.flag]
    if not single:
        errors.add("", (SEVERAL if objects else NO_OBJECT).format(tag=OBJECTS[key]))
        return {}, {}, key
    kinds = sorted({kind for one in contents for kind in one.kinds}, key=list(TAGS).index)
    held = [_controls(config, one, kinds, contents) for one in single]
    best = min(range(len(single)), key=lambda n: (len(kinds) - len(held[n]), _n_lacked(held[n])))
    shown, controls = single[best], held[best]
    tools: dict[Kind, Tool] = {}
    lacking: dict[str, list[str]] = {}
    for kind in kinds:
        if kind not in controls:
            if kind == Kind.POLYGON and _may_be_boxes(contents):
                continue
            errors.add("", f"The project's labelling config has no {TAGS[kind]} for a {kind}.")
            continue
        control, missing = controls[kind]
        if kind == Kind.SPAN and shown.is_derived:
            errors.add("", DERIVED.format(name=shown.name))
        if kind == Kind.CHOICE:
            _check_choices(config, control, shown, contents, errors)
        tools[kind] = Tool(control.name, control.tag.result_type, shown.name)
        if missing:
            lacking[control.name] = missing
    return tools, lacking, ".".join(shown.path) or key


def _may_be_boxes(contents: Iterable[Content]) -> bool:
    """Whether all polygons are four corners, which are boxes where they are rectangles."""
    return all(one.is_of_corners for one in contents if Kind.POLYGON in one.kinds)


def controls_of(tools: Mapping[Kind, Tool], contents: Iterable[Content]) -> frozenset[str]:
    """The names of the controls that hold what is in the files."""
    drawn = (one.controls for one in contents if one.controls is not None)
    names = (name for controls in drawn for name in controls.seen)
    return frozenset([*names, *(tool.from_name for tool in tools.values())])


#: By kind the control, and the labels that it lacks.
Held = dict[Kind, tuple[Control, list[str]]]


def _controls(
    config: Config, shown: ObjectTag, kinds: Iterable[Kind], contents: Sequence[Content]
) -> Held:
    """The controls of one object that hold the kinds, but for those that none does."""
    held: Held = {}
    for kind in kinds:
        wanted = wanted_labels(kind, contents)
        fitting = [(one, _lacks(one, wanted)) for one in _fitting(config, shown, kind)]
        if fitting:
            held[kind] = min(fitting, key=lambda one: len(one[1]))
    return held


def _fitting(config: Config, shown: ObjectTag, kind: Kind) -> list[Control]:
    """The controls of an object that hold regions of the kind."""
    return [
        one
        for one in config.controls
        if one.tag.tag == TAGS[kind] and shown.name in one.to_names and not _is_partial(one)
    ]


def _lacks(control: Control, wanted: Iterable[str]) -> list[str]:
    """The labels that a control lacks; one whose labels stand in the tasks lacks none."""
    return [] if control.is_dynamic else _missing(control, wanted)


def _check_choices(
    config: Config,
    control: Control,
    shown: ObjectTag,
    contents: Sequence[Content],
    errors: Errors,
) -> None:
    """An error where other Choices fit as well: answers of one question would be another's. A
    warning where only one choice is allowed, and tasks have several.
    """
    wanted = wanted_labels(Kind.CHOICE, contents)
    alike = [one.name for one in _fitting(config, shown, Kind.CHOICE)
             if len(_lacks(one, wanted)) == len(_lacks(control, wanted))]  # fmt: skip
    if len(alike) > 1:
        errors.add("", ALIKE.format(names=", ".join(map(repr, alike))))
    if not control.is_multiple and any(content.is_multiple for content in contents):
        contents[0].warnings.append(ONLY_ONE.format(name=control.name))


def _is_partial(control: Control) -> bool:
    """Whether it asks about a region or a page, instead of all that is shown."""
    return control.is_per_region or control.is_per_item


def _n_lacked(held: Held) -> int:
    return sum(len(missing) for _, missing in held.values())


def _tools_of_drawn(
    config: Config, contents: Sequence[Content], errors: Errors
) -> tuple[dict[Kind, Tool], dict[str, list[str]], str]:
    lacking: dict[str, list[str]] = {}
    for content in contents:
        found, missing = _lacked(config, content)
        for name, labels in found.items():
            lacking[name] = list(dict.fromkeys([*lacking.get(name, ()), *labels]))
        for told in missing:
            errors.add("", told)
        _check_paths(config, content, errors)
        if content.controls is not None:
            content.warnings += content.controls.differences(config)
    return {}, lacking, ".".join(config.objects[0].path) if config.objects else ""


def ways_of(config: Config) -> list[Sequence[str]]:
    """The ways in a task's data to what a config shows; to all of the data where it shows none."""
    ways: list[Sequence[str]] = [one.over or one.path for one in config.objects]
    return [way for way in ways if way] or [()]


def _missing(control: Control, wanted: Iterable[str]) -> list[str]:
    known = {stored for stored, _ in control.labels} | {shown for _, shown in control.labels}
    return [name for name in wanted if name not in known]


def with_labels(label_config: str, lacking: Mapping[str, Sequence[str]]) -> str:
    """The config with labels added to its controls, by their name, behind those that are there."""
    from xml.etree.ElementTree import SubElement, tostring

    root = _tree(label_config)
    for element in root.iter():
        if element.get("toName") and element.get("name") in lacking:
            for name in lacking[element.get("name")]:
                SubElement(element, BY_TAG[element.tag].label_tag, value=name)
    return str(tostring(root, encoding="unicode"))


def with_other_numbers(label_config: str, others: Mapping[str, int]) -> str:
    """The config with a number more at the labels of these names (OTHER_NUMBERS)."""
    from xml.etree.ElementTree import tostring

    root = _tree(label_config)
    for element in root.iter("Label"):
        number = others.get(element.get("alias") or element.get("value"))
        if number is not None:
            told = {*element.get(OTHER_NUMBERS, "").split(), str(number)}
            element.set(OTHER_NUMBERS, " ".join(sorted(told)))
    return str(tostring(root, encoding="unicode"))


def _tree(label_config: str) -> Any:
    """The root of a config, with its comments."""
    from xml.etree.ElementTree import TreeBuilder

    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=TreeBuilder(insert_comments=True))
    parser.feed(label_config)
    return parser.close()
