"""What regions may be corrected with: the labelling config's controls that the page has a tool
for. Pure.
"""

from collections.abc import Iterator
from typing import Any

from predictions.desk.reviewing.things import repeated
from predictions.regions.config import Config, Control, label_sources

#: Kinds of place that are drawn with a pointer, or with keys.
DRAWN = frozenset({"rectangle", "polygon", "ellipse", "keypoint"})
#: Objects in whose text a span is the place of its first and last character.
PLAIN_TEXTS = frozenset({"Text"})
#: Answers about the whole task, by their control: forms.
ANSWERS = {"Choices": "choices", "Rating": "rating", "Number": "number", "TextArea": "text"}
#: Texts of one control.
MOST_TEXTS = 50


def tools_of(config: Config, data: Any) -> list[dict[str, Any]]:
    """The tools for a task with those data, in the order of the config: {name, to, type, kind, key,
    labels, multiple, most}.

    `kind` is rectangle, polygon, ellipse, keypoint or span for what is drawn; labels for regions
    that can be called something else; choices, paths (classes of a tree), rating, number or text
    for answers about the whole task. `to` names the objects it is for; `key` is where a region's
    value has its labels, or answer, null for a bare place; labels are [as stored, as shown, path];
    `most` is the highest rating, or how many texts there may be.
    """
    texts = {one.name for one in config.objects if one.tag in PLAIN_TEXTS}
    return [
        {
            "name": name,
            "to": to,
            "type": control.tag.result_type,
            "kind": kind,
            "key": control.tag.value_key,
            "labels": _labels(control),
            "multiple": control.is_multiple or control.tag.tag == "Taxonomy",
            "most": control.most_stars if kind == "rating" else MOST_TEXTS,
        }
        for control in config.controls
        if (kind := _kind(config, control, texts)) is not None
        for name, to in _names(control, config, data)
    ]


def without_tool(config: Config) -> list[str]:
    """Names of the controls whose regions are only shown, or deleted."""
    texts = {one.name for one in config.objects if one.tag in PLAIN_TEXTS}
    return [one.name for one in config.controls if _kind(config, one, texts) is None]


def _kind(config: Config, control: Control, texts: set[str]) -> str | None:
    """None for what the page has no tool for."""
    tag = control.tag
    if tag.place in DRAWN and (tag.has_classes or not label_sources(config, control)):
        # A bare shape has its label in a region beside it, which the page does not make.
        return tag.place
    if tag.tag == "Labels" and set(control.to_names) <= texts:
        return "span"
    if tag.place is not None:
        return "labels" if tag.has_classes and control.labels else None
    if control.is_per_region or control.is_per_item:
        return None
    if tag.tag == "Taxonomy" or (tag.tag == "Choices" and control.is_nested):
        return "paths" if control.labels else None
    if tag.tag == "Choices" and not control.labels:
        return None
    return ANSWERS.get(tag.tag)


def _labels(control: Control) -> list[list[Any]]:
    """[as stored, as shown, path] of each."""
    pairs = zip(control.labels, control.paths, strict=True)
    return [[stored, shown, list(path)] for (stored, shown), path in pairs]


def _names(control: Control, config: Config, data: Any) -> Iterator[tuple[str, list[str]]]:
    """The name and objects of a control; one each entry a Repeater goes over."""
    objects = [one for one in config.objects if one.name in control.to_names and one.flag]
    if not objects:
        yield control.name, list(control.to_names)
        return
    flag = objects[0].flag
    for at in range(repeated(objects[0], data)):
        yield (
            control.name.replace(flag, str(at)),
            [name.replace(flag, str(at)) for name in control.to_names],
        )
