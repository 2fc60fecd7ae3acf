"""What a person answered, as a model would have said it: the reverse of `answers`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from predictions.regions.config import (
    PATH_SEPARATOR,
    Config,
    Control,
    StoredNames,
    aliases_of,
    label_sources,
    read_config,
)
from predictions.regions.controls import CLASS_KEYS
from predictions.regions.labelling import interface
from predictions.regions.labels import label_names, read_number
from predictions.regions.lists import Region
from prompts.asking.answers import InvalidAnswer, answer_schema, is_tree, regions


def example_of(label_config: str, result: Sequence[Region]) -> dict[str, Any] | None:
    """The answer that a model is shown for regions that a person made; None where none that it
    may give says the same. It would learn what is refused.

    >>> config = (
    ...     '<View><Text name="t" value="$text"/><Choices name="c" toName="t">'
    ...     '<Choice value="Good" alias="g"/></Choices></View>'
    ... )
    >>> one = {"from_name": "c", "to_name": "t", "type": "choices"}
    >>> example_of(config, [{**one, "value": {"choices": ["Good"]}}])
    {'c': 'g'}
    >>> example_of(config, [{**one, "value": {"choices": ["Great"]}}])
    """
    answer = answer_of(label_config, result)
    try:
        regions(label_config, answer)
    except InvalidAnswer:
        return None
    return answer


def answer_of(label_config: str, result: Sequence[Region]) -> dict[str, Any]:
    """The answer a model would have given for regions that a person made; {} where none fits. A
    control that takes a list and has no region is an empty one. Classes have their stored names,
    numbers are no texts, and of several classes where one is asked for the first counts.
    """
    controls = answer_schema(label_config)["properties"]
    answer: dict[str, Any] = {}
    for name, asked in controls.items():
        mine = [region for region in result if region.get("from_name") == name]
        if mine:
            value = _answer_of(label_config, name, asked, mine)
            answer[name] = _as_asked(read_config(label_config), name, asked, value)
        elif asked.get("type") == "array" and "minItems" not in asked:
            answer[name] = []
    return answer


def _answer_of(label_config: str, name: str, asked: Mapping[str, Any], mine: list[Region]) -> Any:
    control = read_config(label_config).control(name)
    if control is not None and is_tree(control):
        return _named(control, mine)
    value = interface(label_config).get_control(name).get_labels([_plain(one) for one in mine])
    wants_list = asked.get("type") == "array"
    # The library takes a list of one apart, be it of a label or of a path in a tree.
    is_one = not isinstance(value, list) or (
        asked.get("items", {}).get("type") == "array"
        and not all(isinstance(one, list) for one in value)
    )
    return [value] if wants_list and is_one else value


def _plain(region: Region) -> Region:
    """A region of a page or a dialogue whose place is in numbers, as a model is asked for it: pages
    of Label Studio store them as texts, and beside paths to places in a page.
    """
    value = region.get("value")
    start = value.get("start") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(start, str):
        return region
    offsets = value.get("globalOffsets")
    if start.isdecimal() and str(value.get("end")).isdecimal():
        value = {**value, "start": int(start), "end": int(value["end"])}
    elif isinstance(offsets, dict):
        left_out = {"globalOffsets", "startOffset", "endOffset"}
        value = {key: part for key, part in value.items() if key not in left_out} | offsets
    return {**region, "value": value}


def _named(control: Control, mine: Sequence[Region]) -> Any:
    """Nested choices by the names of their paths, as stored; one unless it takes several."""
    stored = {shown: name for name, shown in control.labels}
    paths = [path for region in mine for path in region.get("value", {}).get("choices", [])]
    names = [PATH_SEPARATOR.join(path) if isinstance(path, list) else path for path in paths]
    known = [stored.get(name, name) for name in names]
    return known if control.is_multiple or not known else known[0]


def _as_asked(config: Config, name: str, asked: Mapping[str, Any], value: Any) -> Any:
    """The value as the control's schema asks for it, where it says the same so; else as it is."""
    control, kind = config.control(name), asked.get("type")
    if control is None:
        return value
    if kind in {"integer", "number"}:
        number = read_number(value)
        is_whole = number is not None and number.is_integer()
        return value if number is None else int(number) if is_whole else number
    aliases = aliases_of(label_sources(config, control))
    if control.tag.place:
        return [_place(one, aliases) for one in value] if isinstance(value, list) else value
    if not control.tag.has_classes or is_tree(control) or not (names := label_names(value)):
        return value
    if control.tag.tag == "Taxonomy":
        paths = dict(zip((stored for stored, _ in control.labels), control.paths, strict=True))
        known = StoredNames(config, control).of(names)
        return [list(paths.get(one, one.split(PATH_SEPARATOR))) for one in known]
    stored = list(dict.fromkeys(aliases.get(one, one) for one in names))
    return stored[0] if kind == "string" else stored


def _place(value: Any, aliases: Mapping[str, str]) -> Any:
    """A place with its classes by their stored names, in a list."""
    if not isinstance(value, dict):
        return value
    return {
        key: [aliases.get(one, one) for one in names]
        if key in CLASS_KEYS and (names := label_names(part))
        else part
        for key, part in value.items()
    }
