"""The body of a request as a form: a field for each that a serializer of the API declares, in its
words, with its default and its bounds. So a page can ask for no more and no less than a request.
What is left empty is not asked for.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

NOT_CHOSEN = "not chosen"
YES_OR_NO = (("", NOT_CHOSEN), ("true", "yes"), ("false", "no"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form."""

    name: str
    help_text: str
    #: What draws it: `text`, `number`, `select`, `lines` for a list of texts, `json`.
    widget: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    #: What is taken where it is left empty; empty where nothing is.
    default: str = ""
    #: What may be written, among other things.
    offered: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    errors: tuple[str, ...] = ()
    #: More words about it.
    note: str = ""


def fields_of(
    serializer: serializers.Serializer[Any],
    values: Mapping[str, Any],
    errors: Mapping[str, Any],
    *,
    leave_out: Collection[str] = (),
    offered: Mapping[str, Sequence[str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> dict[str, Field]:
    """The fields by name, in the order of the serializer, but for those to leave out and those that
    no request writes. `values` and `errors` are those of a request.
    """
    return {
        name: Field(
            name,
            str(field.help_text or "").replace("`", ""),
            widget_of(field),
            text_of(values.get(name)),
            _choices(field),
            "" if field.default is serializers.empty else text_of(field.default),
            tuple((offered or {}).get(name, ())),
            getattr(field, "min_value", None),
            getattr(field, "max_value", None),
            tuple(_flat(errors.get(name, ()))),
            (notes or {}).get(name, ""),
        )
        for name, field in serializer.fields.items()
        if name not in leave_out and not field.read_only
    }


def values_of(serializer: serializers.Serializer[Any], form: QueryDict) -> dict[str, Any]:
    """What was filled in, as the body of a request. Text that is no JSON stays text, which the
    serializer refuses where it wants more.
    """
    values: dict[str, Any] = {}
    for name, field in serializer.fields.items():
        text = form.get(name, "").replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n")
        if text.strip() and not field.read_only:
            values[name] = _value(widget_of(field), text)
    return values


def widget_of(field: Any) -> str:
    """What draws the field: see `Field.widget`."""
    if isinstance(field, serializers.ChoiceField | serializers.BooleanField):
        return "select"
    if isinstance(field, serializers.ListField):
        return "lines"
    if isinstance(field, serializers.DictField | serializers.JSONField):
        return "json"
    if isinstance(field, serializers.FloatField | serializers.IntegerField):
        return "number"
    return "text"


def _choices(field: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(field, serializers.BooleanField):
        return YES_OR_NO
    if isinstance(field, serializers.ChoiceField):
        return (("", NOT_CHOSEN), *((str(one), str(one)) for one in field.choices))
    return ()


def _value(widget: str, text: str) -> Any:
    if widget == "lines":
        return [line for line in text.split("\n") if line.strip()]
    if widget == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def text_of(value: Any) -> str:
    """A value of a request as it stands in the form.

    >>> text_of(None), text_of(True), text_of(0.5), text_of(["Car", "Bus"]), text_of({"a": None})
    ('', 'true', '0.5', 'Car\\nBus', '{"a": null}')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _flat(errors: Any) -> Iterator[str]:
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            yield from (f"{name}: {text}" for text in _flat(inner))
    elif isinstance(errors, list | tuple):
        for inner in errors:
            yield from _flat(inner)
    else:
        yield str(errors)
