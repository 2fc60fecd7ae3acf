"""Prompt text, task data and labelling config in; messages for a model out.

Pure: no Django, no network.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from predictions.regions.config import KEPT_BYTES
from predictions.regions.labelling import interface
from predictions.regions.task_data import value_at
from predictions_api.http.storable import Refused
from predictions_api.operations.caches import kept_by_text
from prompts.asking.answers import answer_schema

Message = dict[str, Any]

# `{name}`; doubled braces may be braces, and what does not look like a name (JSON) is text.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w(?:[\w .-]*\w)?)\}")
BRACED = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")
# What a config's value shows of the data, perhaps within other text.
FIELD = re.compile(r"\$([^\W\d][\w-]*(?:\.[\w-]+)*)")
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


def misspelt_placeholders(prompt: str, fields: Iterable[str]) -> list[str]:
    """What stands in single braces and names a field, but is no placeholder, as `{ text }`.

    >>> misspelt_placeholders('{ text } {text} {{ text }}', ["text"])
    ['{ text }']
    """
    known = set(fields)
    return [
        found[0]
        for found in BRACED.finditer(prompt)
        if found[1] and found[1].strip() in known and not PLACEHOLDER.fullmatch(found[0])
    ]


def data_fields(label_config: str) -> list[str]:
    """The fields of a task's data that the config's objects show, in order, each once: `a.b` of
    `$a.b`, the whole list of `$a[0]`, both of a text like `$a and $b`.

    >>> data_fields('<View><Text name="t" value="By $who.name: $text"/></View>')
    ['who.name', 'text']
    """
    shown = (name for tag in interface(label_config).objects for name in _fields_of(tag))
    return list(dict.fromkeys(shown))


@kept_by_text(KEPT_BYTES)
def image_fields(label_config: str) -> frozenset[str]:
    """The fields of a task's data that hold an image's address."""
    images = (tag for tag in interface(label_config).objects if tag.tag == "Image")
    return frozenset(name for tag in images for name in _fields_of(tag))


def _fields_of(tag: Any) -> list[str]:
    """The fields that an object of a config shows. Of `$a b` both `a b` and `a`: which it is only
    the data can tell.
    """
    value = str(tag.attr.get("value") or tag.attr.get("valueList") or "")
    is_one = value.startswith("$") and "$" not in value[1:]
    whole = value[1:].partition("[")[0].strip() if is_one else ""
    return [name for name in dict.fromkeys([whole, *FIELD.findall(value)]) if name]


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


def _pieces(prompt: str) -> Iterator[tuple[str, str | None]]:
    """The prompt's own text as it is sent, piece by piece, each with the field that follows it.

    Doubled braces are one, closing ones where such are open: others close an object in an object.

    >>> list(_pieces('{{x}} of {text}: {"a": {"b": 1}}'))
    [('{', None), ('x}', None), (' of ', 'text'), (': {"a": {"b": 1}}', None), ('', None)]
    """
    end, n_open = 0, 0
    for found in PLACEHOLDER.finditer(prompt):
        text, brace = prompt[end : found.start()], found[0][0]
        end = found.end()
        if found[1] is not None:
            yield text, found[1]
        elif brace == "{" or n_open:
            n_open += 1 if brace == "{" else -1
            yield text + brace, None
        else:
            yield text + found[0], None
    yield prompt[end:], None


def own_bytes(prompt: str, label_config: str) -> tuple[int, list[str]]:
    """How long a prompt is without what it shows of a task; and the fields whose texts it shows,
    each as often as it does. Pictures are none: what one takes only its model knows.

    >>> own_bytes('{text} or {{text}}? {text}', '<View><Text name="t" value="$text"/></View>')
    (12, ['text', 'text'])
    """
    pieces = list(_pieces(prompt))
    own = sum(len(text.encode()) for text, _ in pieces)
    named = [name for _, name in pieces if name is not None]
    if not named:
        named = data_fields(label_config)
        own += sum(len(_heading(name).encode()) for name in named)
    return own, [name for name in named if name not in image_fields(label_config)]


def _content(prompt: str, data: Mapping[str, Any], label_config: str) -> str | list[Message]:
    images = image_fields(label_config)
    parts: list[Message] = []
    text: list[str] = []
    for own, shown in _pieces(prompt):
        text.append(own)
        if shown is not None:
            _show(parts, text, data, shown, images)
    if not placeholders(prompt):
        for name in _present(data, data_fields(label_config)):
            text.append(_heading(name))
            _show(parts, text, data, name, images)
    if not parts:
        return _limited("".join(text))
    _close(parts, text)
    return parts


def _heading(name: str) -> str:
    """What stands before a field that follows a prompt."""
    return f"\n\n{name}: "


def _show(
    parts: list[Message],
    text: list[str],
    data: Mapping[str, Any],
    name: str,
    images: frozenset[str],
) -> None:
    """Adds a field: to the text gathered so far, or as a part of its own."""
    if name not in images:
        text.append(_text(data, name))
        return
    _close(parts, text)
    parts.append({"type": "image_url", "image_url": {"url": _image(data, name)}})


def _present(data: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """The fields that the data has, be it as null. Unpromptable where it has none: a model that is
    shown nothing makes its answer up.
    """
    found = [name for name in fields if name in data or _value(data, name) is not None]
    if fields and not found:
        raise Unpromptable(f"The task's data has none of what is labelled: {', '.join(fields)}.")
    return found


def _close(parts: list[Message], text: list[str]) -> None:
    """Moves the text gathered so far into a part of its own."""
    whole = _limited("".join(text))
    text.clear()
    if whole.strip():
        parts.append({"type": "text", "text": whole})


def _value(data: Mapping[str, Any], name: str) -> Any:
    return value_at(data, name.split("."))


def _field(data: Mapping[str, Any], name: str) -> Any:
    value = _value(data, name)
    if value is None:
        raise Unpromptable(f'The task\'s data has no "{name}".')
    return value


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
