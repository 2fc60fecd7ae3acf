"""Prompt text, task data and labelling config in; messages for a model out.

Pure: no Django, no network.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from predictions.regions.config import KEPT_BYTES
from predictions.regions.labelling import interface
from predictions_api.http.storable import Refused
from predictions_api.operations.caches import kept_by_text
from prompts.asking.answers import answer_schema

Message = dict[str, Any]

# `{name}`; doubled braces are braces, and what does not look like a name (JSON) is text.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w(?:[\w .-]*\w)?)\}")
# Label Studio's limit on a task.
MAX_TASK_BYTES = 1_000_000

INSTRUCTIONS = (
    "You label data. Answer with one JSON object and nothing else. It must be valid for this JSON"
    " schema, whose keys are the labels to give:\n{schema}"
)


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


def _with_fields(prompt: str, fields: Sequence[str]) -> str:
    """The prompt; one that names no field is followed by those."""
    shown = "" if placeholders(prompt) else "".join(f"\n\n{name}: {{{name}}}" for name in fields)
    return prompt + shown


def own_bytes(prompt: str, label_config: str) -> tuple[int, list[str]]:
    """How long a prompt is without what it shows of a task; and the fields whose texts it shows,
    each as often as it does. Pictures are none: what one takes only its model knows.

    >>> own_bytes('{text} or {{text}}? {text}', '<View><Text name="t" value="$text"/></View>')
    (12, ['text', 'text'])
    """
    prompt = _with_fields(prompt, data_fields(label_config))
    own = PLACEHOLDER.sub(lambda found: "" if found[1] else found[0][0], prompt)
    named = [found[1] for found in PLACEHOLDER.finditer(prompt) if found[1]]
    return len(own.encode()), [name for name in named if name not in image_fields(label_config)]


def _content(prompt: str, data: Mapping[str, Any], label_config: str) -> str | list[Message]:
    prompt = _with_fields(prompt, [name for name in data_fields(label_config) if name in data])
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
