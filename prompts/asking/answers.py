"""A model's answer: the schema that it is asked to fit, and the regions that it means.

Pure: no Django, no network. `label_studio_sdk` derives the JSON schema of an answer and turns an
answer into regions; it takes a second to import and is loaded by the first config only.
"""

import copy
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from predictions.regions.config import KEPT_BYTES, Config, Control, read_config
from predictions.regions.labelling import interface, problems
from predictions.regions.lists import Region
from predictions_api.http.storable import Refused
from predictions_api.operations.caches import kept_by_text

if TYPE_CHECKING:
    import jsonschema

FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
# Controls that hold one value for the whole task.
SINGLE = "Choices"
SCALARS = frozenset({"string", "number", "integer", "boolean"})


STARS = "How many stars, 1 to {most}"
NOTHING_TO_FILL = (
    "The labelling config has no control for a prompt to fill: those about single regions, pages or"
    " items, and those whose labels are in the task's data, are not asked for."
)


class InvalidAnswer(ValueError):
    """The model's answer is not one the labelling config allows; the text says why."""


@kept_by_text(KEPT_BYTES)
def answer_schema(label_config: str) -> dict[str, Any]:
    """The JSON schema of an answer: one key for each control. Refused for a config without one.

    The library's own schema, mended where its regions and it disagree: a control that draws
    regions takes a list of them, percentages reach from 0 to 100, and a whole number is a number
    (`oneOf` integer and number refuses it). Nested choices are asked for by their paths, stars from
    one on: 0 is no rating. Left out are controls that an answer cannot be about: see `_is_asked`.
    """
    schema, config = _library_schema(label_config), read_config(label_config)
    asked = schema["properties"]
    for one in config.controls:
        if not _is_asked(config, one):
            asked.pop(one.name, None)
    if not asked:
        raise Refused(NOTHING_TO_FILL)
    schema["required"] = [name for name in schema["required"] if name in asked]
    for name, control in asked.items():
        _mend(control)
        tag, known = interface(label_config).get_control(name), config.control(name)
        is_drawn = tag.tag.lower().endswith("labels") or (known and known.tag.place)
        if control.get("type") == "object" and is_drawn:
            asked[name] = {"type": "array", "items": control}
        if tag.tag == "Rating":
            control |= {"minimum": 1, "description": STARS.format(most=control["maximum"])}
        if known is not None and is_tree(known):
            (control if control["type"] == "string" else control["items"])["enum"] = list(
                _paths(known)
            )
    return schema


def _library_schema(label_config: str) -> dict[str, Any]:
    """The library's schema. Refused where it makes none, as of `maxRating="x"`, or of a `Pairwise`
    of one object.
    """
    try:
        return copy.deepcopy(interface(label_config).to_json_schema())
    except Exception as error:  # the library raises bare exceptions of many kinds
        raise Refused(f"The labelling config gives no usable schema: {error}.") from None


def _is_asked(config: Config, control: Control) -> bool:
    """Whether an answer can be about it: it says neither which region, nor which page or item of a
    list it is about, and labels that are in the task's data are not in the schema.
    """
    if control.is_per_region or control.is_per_item or control.is_dynamic:
        return False
    shown = next((one for one in config.objects if one.name == control.to_names[0]), None)
    is_of_page = shown is not None and shown.is_list and bool(control.tag.place)
    return not is_of_page and not (shown and shown.flag)


def is_tree(control: Control) -> bool:
    """Whether it stores each of its choices as a path."""
    return control.tag.tag == "Choices" and control.is_nested and not control.is_dynamic


def _paths(control: Control) -> dict[str, tuple[str, ...]]:
    """The paths of nested choices by the name that a model is asked for: `A / B`."""
    stored = (name for name, _ in control.labels)
    return dict(zip(stored, control.paths, strict=True))


def _mend(node: Any) -> None:
    if isinstance(node, dict):
        if "oneOf" in node:
            node["anyOf"] = node.pop("oneOf")
        if (node.get("minimum"), node.get("maximum")) == (1, 99):
            node["minimum"], node["maximum"] = 0, 100
        for inner in node.values():
            _mend(inner)
    elif isinstance(node, list):
        for inner in node:
            _mend(inner)


@kept_by_text(KEPT_BYTES)
def _validator(label_config: str) -> "jsonschema.Draft202012Validator":
    import jsonschema

    return jsonschema.Draft202012Validator(answer_schema(label_config))


def parse_answer(text: str) -> dict[str, Any]:
    """The JSON object in a model's answer, with or without a code fence. InvalidAnswer if none.

    >>> parse_answer('```json\\n{"sentiment": "pos"}\\n```')
    {'sentiment': 'pos'}
    """
    fenced = FENCE.match(text)
    try:
        answer = json.loads(fenced[1] if fenced else text, object_pairs_hook=_said_once)
    except InvalidAnswer:
        raise
    except (ValueError, RecursionError):
        raise InvalidAnswer(f"The answer is not JSON: {text[:200]!r}") from None
    if not isinstance(answer, dict):
        raise InvalidAnswer(f"The answer is not a JSON object: {text[:200]!r}")
    return answer


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. InvalidAnswer where it says two things under one key: which is meant?"""
    said = dict(pairs)
    for key, value in pairs:
        if said[key] is not value and said[key] != value:
            raise InvalidAnswer(f"The answer says two things under {key[:200]!r}.")
    return said


def filled(label_config: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says of the config's controls; keys that name none, and nulls, are left out.

    A list of one where one value is asked for is that value, and one text where a list of texts is
    asked for is a list of it. InvalidAnswer for an answer that fills no control at all.
    """
    controls = answer_schema(label_config)["properties"]
    known = {
        name: _as_asked(controls[name], value)
        for name, value in answer.items()
        if name in controls and value is not None
    }
    if not known:
        raise InvalidAnswer(f"The answer names none of the controls: {', '.join(controls)}.")
    return known


def _as_asked(control: Mapping[str, Any], value: Any) -> Any:
    """The value, if need be taken out of a list, or put into one, as the control's schema asks."""
    kind = control.get("type")
    if kind in SCALARS and isinstance(value, list) and len(value) == 1:
        return value[0]
    if kind == "array" and isinstance(value, str) and control["items"].get("type") == "string":
        return [value]
    return value


def regions(label_config: str, answer: Mapping[str, Any]) -> list[Region]:
    """The regions an answer means, as `filled` reads it.

    InvalidAnswer, naming the control, for what the labelling config does not allow, and for an
    answer that fills no control at all.
    """
    known = filled(label_config, answer)
    for error in _validator(label_config).iter_errors(known):
        where = ".".join(str(step) for step in error.absolute_path) or "answer"
        raise InvalidAnswer(f"{where}: {error.message[:500]}")
    config = read_config(label_config)
    ours = {name for name in known if _is_ours(config.control(name))}
    others = {name: value for name, value in known.items() if name not in ours}
    try:
        made = [_region(made) for made in interface(label_config).create_regions(others)]
    except Exception as error:  # the library raises bare exceptions of many kinds
        raise InvalidAnswer(str(error)[:500]) from None
    checked = checked_regions(label_config, made)
    return [*checked, *(one for name in ours for one in _ours(config, name, known[name]))]


def _is_ours(control: Control | None) -> bool:
    """Whether the library makes no regions of its answers, or none that it takes itself."""
    return control is not None and (is_tree(control) or control.tag.tag == "Pairwise")


def _ours(config: Config, name: str, answer: Any) -> Iterator[Region]:
    """The region of nested choices, by their paths, or of a preference, which is about itself."""
    control = config.control(name)
    assert control is not None
    has_paths = is_tree(control)
    named = answer if isinstance(answer, list) else [answer]
    if not named:
        return
    yield {
        "id": str(uuid.uuid4()),
        "from_name": name,
        "to_name": control.to_names[0] if has_paths else name,
        "type": control.tag.result_type,
        "value": {"choices": [list(_paths(control)[one]) for one in named]}
        if has_paths
        else {"selected": answer},
    }


def _region(made: Any) -> Region:
    """A region of the library's; its own way to say it warns of pydantic's next version."""
    return {
        "id": made.id,
        "from_name": made.from_tag.name,
        "to_name": made.to_tag.name,
        "type": made.from_tag.tag.lower(),
        "value": made.value.model_dump(exclude_none=True),
    }


def checked_regions(label_config: str, result: list[Region]) -> list[Region]:
    """The regions as given. InvalidAnswer for what the labelling config does not allow."""
    if found := problems(label_config, result, None):
        raise InvalidAnswer("; ".join(found)[:500])
    return result


def single_choice(label_config: str) -> str | None:
    """The name of the only control, if it is a Choices control that takes one choice."""
    controls = list(interface(label_config).controls)
    if len(controls) == 1 and controls[0].tag == SINGLE and not controls[0].is_multiple_choice:
        return str(controls[0].name)
    return None
