"""Prompt text, task data and labelling config in; messages for a model and regions from it out.

Pure: no Django, no network. `label_studio_sdk` derives the JSON schema of an answer and turns an
answer into regions; it takes a second to import and is loaded by the first config only.
"""

import contextlib
import copy
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from predictions.regions.config import KEPT_BYTES
from predictions.regions.labelling import interface, problems
from predictions.regions.lists import Region
from predictions_api.http.storable import Refused
from predictions_api.operations.caches import kept_by_text

if TYPE_CHECKING:
    import jsonschema

Message = dict[str, Any]

# `{name}`; doubled braces are braces, and what does not look like a name (JSON) is text.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w(?:[\w .-]*\w)?)\}")
# A text of JSON, or a mark between values.
JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')
FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
# Label Studio's limit on a task.
MAX_TASK_BYTES = 1_000_000
# Controls that hold one value for the whole task.
SINGLE = "Choices"
SCALARS = frozenset({"string", "number", "integer", "boolean"})

INSTRUCTIONS = (
    "You label data. Answer with one JSON object and nothing else. It must be valid for this JSON"
    " schema, whose keys are the labels to give:\n{schema}"
)


class InvalidAnswer(ValueError):
    """The model's answer is not one the labelling config allows; the text says why."""


class Unpromptable(ValueError):
    """A task whose data the prompt cannot be made from; the text says why."""


def placeholders(prompt: str) -> list[str]:
    """The names in braces, in order, each once. `{{name}}` is text, and so is `{"a": 1}`.

    >>> placeholders('Rate {text} by {author}, not {{this}}. Answer {"stars": 5}. {text}')
    ['text', 'author']
    """
    return list(dict.fromkeys(found[1] for found in PLACEHOLDER.finditer(prompt) if found[1]))


def unknown_placeholders(prompt: str, fields: Iterable[str]) -> list[str]:
    """The placeholders that name none of the fields, in order."""
    known = set(fields)
    return [name for name in placeholders(prompt) if name not in known]


def data_fields(label_config: str) -> list[str]:
    """The fields of a task's data that the config's objects show, in order, each once."""
    shown = (tag.value_name for tag in interface(label_config).objects if tag.value_is_variable)
    return list(dict.fromkeys(shown))


@kept_by_text(KEPT_BYTES)
def image_fields(label_config: str) -> frozenset[str]:
    """The fields of a task's data that hold an image's address."""
    return frozenset(
        tag.value_name
        for tag in interface(label_config).objects
        if tag.tag == "Image" and tag.value_is_variable
    )


@kept_by_text(KEPT_BYTES)
def answer_schema(label_config: str) -> dict[str, Any]:
    """The JSON schema of an answer: one key for each control. Refused for a config without one.

    The library's own schema, mended where its regions and it disagree: a control that draws
    regions takes a list of them, percentages reach from 0 to 100, and a whole number is a number
    (`oneOf` integer and number refuses it).
    """
    schema: dict[str, Any] = copy.deepcopy(interface(label_config).to_json_schema())
    if not schema["properties"]:
        raise Refused("The labelling config has no control for a prompt to fill.")
    for name, control in schema["properties"].items():
        _mend(control)
        tag = interface(label_config).get_control(name)
        if control.get("type") == "object" and tag.tag.lower().endswith("labels"):
            schema["properties"][name] = {"type": "array", "items": control}
    return schema


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


@kept_by_text(KEPT_BYTES)
def _instructions(label_config: str) -> str:
    return INSTRUCTIONS.format(schema=json.dumps(answer_schema(label_config)))


def check_config(label_config: str) -> None:
    """Refused, with the reason, for a config that no answer could be checked against."""
    import jsonschema

    try:
        schema = answer_schema(label_config)
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Refused(f"The labelling config gives no usable schema: {error.message}") from None


def response_format(label_config: str) -> dict[str, Any]:
    """What the chat protocol calls structured output."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "labels", "schema": answer_schema(label_config)},
    }


Example = tuple[Mapping[str, Any], Mapping[str, Any]]


def messages(
    prompt: str,
    data: Mapping[str, Any],
    label_config: str,
    *,
    examples: Sequence[Example] = (),
) -> list[Message]:
    """The conversation that asks a model to label one task.

    Each placeholder is replaced with the task's field: text as it is, other values as JSON, an
    image as a part of its own. A prompt without placeholders is followed by every field that the
    config shows. `examples` are (data, answer) pairs shown before. Unpromptable for a task that
    lacks a field, is over 1 MB, or has an image without an address.
    """
    shown: list[Message] = [{"role": "system", "content": _instructions(label_config)}]
    for example_data, answer in examples:
        shown.append({"role": "user", "content": _content(prompt, example_data, label_config)})
        shown.append({"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)})
    shown.append({"role": "user", "content": _content(prompt, data, label_config)})
    return shown


def _content(prompt: str, data: Mapping[str, Any], label_config: str) -> str | list[Message]:
    if not placeholders(prompt):
        fields = [name for name in data_fields(label_config) if name in data]
        prompt += "".join(f"\n\n{name}: {{{name}}}" for name in fields)
    images = image_fields(label_config)
    parts: list[Message] = []
    text: list[str] = []
    end = 0
    for found in PLACEHOLDER.finditer(prompt):
        text.append(prompt[end : found.start()])
        end = found.end()
        name = found[1]
        if name is None:
            text.append(found[0][0])
        elif name in images:
            _close(parts, text)
            parts.append({"type": "image_url", "image_url": {"url": _image(data, name)}})
        else:
            text.append(_text(data, name))
    text.append(prompt[end:])
    if not parts:
        return _limited("".join(text))
    _close(parts, text)
    return parts


def _close(parts: list[Message], text: list[str]) -> None:
    """Moves the text gathered so far into a part of its own."""
    whole = _limited("".join(text))
    text.clear()
    if whole.strip():
        parts.append({"type": "text", "text": whole})


def _field(data: Mapping[str, Any], name: str) -> Any:
    if data.get(name) is None:
        raise Unpromptable(f'The task\'s data has no "{name}".')
    return data[name]


def _text(data: Mapping[str, Any], name: str) -> str:
    value = _field(data, name)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _image(data: Mapping[str, Any], name: str) -> str:
    address = _field(data, name)
    if not isinstance(address, str) or not address.startswith(("http://", "https://", "data:")):
        raise Unpromptable(f'"{name}" must be the address of an image (http, https) or a data URI.')
    return address


def _limited(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TASK_BYTES:
        raise Unpromptable(f"The task makes a prompt of {size:,} bytes; at most 1 MB is sent.")
    return text


def parse_answer(text: str) -> dict[str, Any]:
    """The JSON object in a model's answer, with or without a code fence. InvalidAnswer if none.

    >>> parse_answer('```json\\n{"sentiment": "pos"}\\n```')
    {'sentiment': 'pos'}
    """
    fenced = FENCE.match(text)
    try:
        answer = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        raise InvalidAnswer(f"The answer is not JSON: {text[:200]!r}") from None
    if not isinstance(answer, dict):
        raise InvalidAnswer(f"The answer is not a JSON object: {text[:200]!r}")
    return answer


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
    try:
        made = [_region(made) for made in interface(label_config).create_regions(known)]
    except Exception as error:  # the library raises bare exceptions of many kinds
        raise InvalidAnswer(str(error)[:500]) from None
    return checked_regions(label_config, made)


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


def choice_probability(name: str, choice: str, tokens: Sequence[tuple[str, float]]) -> float | None:
    """How probable the model held the choice: the product over the tokens that spell it.

    `tokens` are (text, natural logarithm of the probability) in order; `name` is the key of the
    answer that has the choice. None where no run of tokens spells it there.

    >>> choice_probability("s", "pos", [('{"s":"', -0.1), ("pos", -0.5), ('"}', 0.0)])
    0.6065306597126334
    """
    text = "".join(token for token, _ in tokens)
    spelt = _spelt(text, name, choice)
    if spelt is None:
        return None
    total, position = 0.0, 0
    for token, logprob in tokens:
        if position < spelt.stop and position + len(token) > spelt.start:
            total += logprob
        position += len(token)
    return math.exp(min(0.0, total))


def _spelt(text: str, name: str, choice: str) -> range | None:
    """Where in the text of an answer the choice stands: the value of its key, or the only entry of
    a list there. Of a key that is there twice the last counts, as for JSON.
    """
    depth, key, last = 0, None, None
    found = None
    for match in JSON_TOKEN.finditer(text):
        mark = match[0]
        if mark[0] == '"':
            last = _read(mark)
            if key == name and last == choice:
                found = range(match.start() + 1, match.end() - 1)
        elif mark == ":":
            key = last if depth == 1 else key
        elif mark == ",":
            key = None if depth == 1 else key
        else:
            depth += 1 if mark in "{[" else -1
    return found


def _read(literal: str) -> str | None:
    """The text that a JSON literal means; None for what is none."""
    try:
        return str(json.loads(literal))
    except ValueError:
        return None


def answer_of(label_config: str, result: Sequence[Region]) -> dict[str, Any]:
    """The answer a model would have given for regions that a person made; {} where none fits."""
    config = interface(label_config)
    answer: dict[str, Any] = {}
    for name in answer_schema(label_config)["properties"]:
        mine = [region for region in result if region.get("from_name") == name]
        if not mine:
            continue
        value = config.get_control(name).get_labels(mine)
        wants_list = answer_schema(label_config)["properties"][name].get("type") == "array"
        answer[name] = value if isinstance(value, list) or not wants_list else [value]
    return answer


def examples_bytes(prompt: str, label_config: str, examples: Iterable[Example]) -> int:
    """How long the examples are that a version shows for each task; of those that can be shown."""
    n_bytes = 0
    for data, answer in examples:
        with contextlib.suppress(Unpromptable):
            n_bytes += len(str(_content(prompt, data, label_config)).encode())
            n_bytes += len(json.dumps(answer, ensure_ascii=False).encode())
    return n_bytes


def instructions_bytes(label_config: str) -> int:
    """How long the part of a conversation is that is the same for each task."""
    return len(_instructions(label_config).encode())


def n_tokens(text_bytes: int) -> int:
    """About how many tokens a text is: four bytes each, the providers' own rule of thumb."""
    return math.ceil(text_bytes / 4)
