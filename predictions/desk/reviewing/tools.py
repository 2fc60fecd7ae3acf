"""What regions may be corrected with: the labelling config's controls that the page has a tool
for. Pure.
"""

from typing import Any

from predictions.regions.config import Config, Control, label_sources

#: Kinds of place that are drawn with a pointer, or with keys.
DRAWN = frozenset({"rectangle", "polygon", "ellipse", "keypoint"})
#: Objects in whose text a span is the place of its first and last character.
PLAIN_TEXTS = frozenset({"Text"})


def tools_of(config: Config) -> list[dict[str, Any]]:
    """The tools, in the order of the config: {name, to, type, kind, key, labels, multiple}.

    `kind` is rectangle, polygon, ellipse, keypoint, span or choices; `key` is where a region's
    value has its labels, null for a bare place; labels are [as stored, as shown].
    """
    texts = {one.name for one in config.objects if one.tag in PLAIN_TEXTS}
    tools = []
    for control in config.controls:
        kind = _kind(config, control, texts)
        if kind is not None:
            tools.append(
                {
                    "name": control.name,
                    "to": control.to_names[0],
                    "type": control.tag.result_type,
                    "kind": kind,
                    "key": control.tag.value_key,
                    "labels": [list(label) for label in control.labels],
                    "multiple": control.is_multiple,
                }
            )
    return tools


def _kind(config: Config, control: Control, texts: set[str]) -> str | None:
    """None for what the page has no tool for."""
    tag = control.tag
    if tag.place in DRAWN:
        # A bare shape has its label in a region beside it, which the page does not make.
        return tag.place if tag.has_classes or not label_sources(config, control) else None
    if tag.tag == "Labels":
        return "span" if set(control.to_names) <= texts else None
    is_whole = not (control.is_per_region or control.is_per_item or control.is_nested)
    return "choices" if tag.tag == "Choices" and is_whole and control.labels else None
