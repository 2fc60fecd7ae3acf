"""Parameters of a query string as fields of a serializer: it reads them, and the OpenAPI document
is made of it.

They are read as Label Studio reads them: an empty value counts as none, the last of several counts
but for lists, and what does not fit is a 400 by name. So is a name that is a declared one written
otherwise: it would be answered with rows that were not asked for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from django.db.models import F, Model, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError

from predictions_api.http.fields import MAX_BIGINT, FiniteField
from predictions_api.names import by_letters, misspelt, no_such, unread

M = TypeVar("M", bound=Model)
INVALID_CHOICE = "Select a valid choice. That choice is not one of the available choices."
NOT_TAKEN = "Not taken here."
ONCE = "Give it once."
NUL = "Null characters are not allowed."
ID_TEXT = re.compile(r"[0-9]{1,19}")
MAX_LIMIT = 10_000


def moment_of(text: str) -> datetime | None:
    """An ISO 8601 time, UTC unless it names a zone; None for anything else."""
    try:
        moment = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if moment is not None:
            # Postgres takes no offset of 16 hours and more, and no year before the first.
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    return None


class Parameters(serializers.Serializer[Any]):
    """What an operation reads of a query string; other names are passed over."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """The values by name, defaults for those not given. ValidationError names what cannot be
        read and what is missing.
        """
        fields, defaults, required, known = _declared(cls)
        values = dict(defaults)
        others = [name for name in query if name not in fields]
        errors: dict[str, Any] = {
            name: [no_such("parameter", meant)] for name, meant in misspelt(others, known).items()
        }
        for name in query:
            field = fields.get(name)
            text = _text_of(query, name, field)
            if field is not None and (text or getattr(field, "empty_counts", False)):
                try:
                    values[name] = _value(field, text)
                except ValidationError as exc:
                    errors[name] = exc.detail
        for name, message in required.items():
            if not query.get(name):
                errors[name] = [ErrorDetail(message, "required")]
        if errors:
            raise ValidationError(errors)
        return values

    @classmethod
    def read_strictly(cls, query: QueryDict) -> dict[str, Any]:
        """As `read`, of an operation of our own, where who gives a parameter counts on it:
        ValidationError also for names that are not declared, and for several values where one
        counts.
        """
        fields = _declared(cls).fields
        errors = unread("parameter", sorted(query), fields)
        for name, field in fields.items():
            if len(query.getlist(name)) > 1 and not getattr(field, "is_list", False):
                errors[name] = [ONCE]
        if errors:
            raise ValidationError(errors)
        return cls.read(query)


class NoParameters(Parameters):
    """Of an operation on many rows that reads nothing of its address: what stands there would do it
    to more of them than was meant.
    """


class Declared(NamedTuple):
    """What a class of parameters declares."""

    #: Made once: they keep nothing between requests.
    fields: dict[str, serializers.Field[Any, Any, Any, Any]]
    defaults: dict[str, Any]
    #: The messages where a required one is missing.
    required: dict[str, str]
    by_letters: dict[str, str]


@cache
def _declared(parameters: type[Parameters]) -> Declared:
    fields = dict(parameters().fields)
    is_empty = {name: field.default is serializers.empty for name, field in fields.items()}
    defaults = {name: None if is_empty[name] else fields[name].default for name in fields}
    required = {
        name: str(field.error_messages["required"])
        for name, field in fields.items()
        if field.required
    }
    return Declared(fields, defaults, required, {**_other_names(fields), **by_letters(fields)})


def _other_names(fields: Mapping[str, object]) -> dict[str, str]:
    """What other tools, and this API elsewhere, call an id and a version: passed over, they would
    let everything through.
    """
    ids = {f"{name}id": name for name in ("project", "task") if name in fields}
    return ids | ({"version": "model_version"} if "model_version" in fields else {})


def _text_of(query: Mapping[str, str], name: str, field: Any) -> str:
    """The last value of the name; of a list all of them, for clients repeat the name."""
    if getattr(field, "is_list", False) and isinstance(query, QueryDict):
        return ",".join(str(value) for value in query.getlist(name))
    return query[name]


def _value(field: serializers.Field[Any, Any, Any, Any], text: str) -> Any:
    if "\0" in text:
        raise ValidationError([NUL])
    return field.to_internal_value(text)


class _Optional(serializers.Field[Any, Any, Any, Any]):
    """A field that need not be given."""

    def __init__(self, *choices: Any, **options: Any) -> None:
        if "default" not in options:
            options.setdefault("required", False)
        super().__init__(*choices, **options)


class TextParameter(_Optional, serializers.CharField):
    """Any text; with `empty_counts` an empty one is a value, too."""

    def __init__(self, *, empty_counts: bool = False, **options: Any) -> None:
        self.empty_counts = empty_counts
        super().__init__(allow_blank=True, **options)

    def to_internal_value(self, data: Any) -> str:
        return str(data)


class WholeParameter(_Optional, serializers.IntegerField):
    """A whole number from 1 to `max_value`."""

    def __init__(self, *, max_value: int, **options: Any) -> None:
        self.most = max_value
        super().__init__(min_value=1, max_value=max_value, **options)

    def to_internal_value(self, data: Any) -> int:
        if not ID_TEXT.fullmatch(data) or not 1 <= int(data) <= self.most:
            raise ValidationError([self.refusal()])
        return int(data)

    def refusal(self) -> str:
        """The message for anything else."""
        return f"Enter a whole number from 1 to {self.most}."


class PageParameter(WholeParameter):
    """The number of a page. What is none is 404, as a page past the end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_value": 2**31, "default": 1, **options})

    def to_internal_value(self, data: Any) -> int:
        try:
            return super().to_internal_value(data)
        except ValidationError:
            raise NotFound("Invalid page.") from None


class IdParameter(WholeParameter):
    """A positive id."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_value=MAX_BIGINT, **options)

    def refusal(self) -> str:
        return INVALID_CHOICE


class LimitParameter(WholeParameter):
    """How many at most."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_value": MAX_LIMIT, **options})


class NumberParameter(_Optional, FiniteField):
    """A finite number."""

    default_error_messages = {
        "invalid": "Enter a number.",
        "max_string_length": "Enter a number.",
    }


class MomentParameter(_Optional, serializers.DateTimeField):
    """An ISO 8601 time, UTC unless it names a zone."""

    def to_internal_value(self, value: Any) -> datetime:
        moment = moment_of(value)
        if moment is None:
            raise ValidationError(["Enter a valid date/time."])
        return moment


class FlagParameter(_Optional, serializers.BooleanField):
    """True or false, in any case or as 1 and 0; false unless `default` says otherwise, and for any
    other text where it is lenient.
    """

    def __init__(self, *, lenient: bool = False, **options: Any) -> None:
        self.lenient = lenient
        super().__init__(**{"default": False, **options})

    def to_internal_value(self, data: Any) -> bool:
        text = data.lower()
        if text not in {"true", "false", "1", "0"} and not self.lenient:
            raise ValidationError(["Must be a valid boolean."])
        return text in {"true", "1"}


class ChoiceParameter(_Optional, serializers.ChoiceField):
    """One of a few words; a lenient one passes others on unchecked."""

    default_error_messages = {"invalid_choice": INVALID_CHOICE}

    def __init__(self, choices: Iterable[str], *, lenient: bool = False, **options: Any) -> None:
        self.lenient = lenient
        super().__init__(list(choices), **options)

    def to_internal_value(self, data: Any) -> Any:
        return data if self.lenient else super().to_internal_value(data)


class ChoiceParameterSchema(OpenApiSerializerFieldExtension):
    """The words alone, without a line on each."""

    target_class = ChoiceParameter
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """A text, one of them."""
        return {"type": "string", "enum": list(self.target.choices)}


class OrderParameter(ChoiceParameter):
    """One of a few names, or `-` and a name for the other way."""

    def __init__(self, names: Iterable[str], **options: Any) -> None:
        names = list(names)
        super().__init__([*names, *(f"-{name}" for name in names)], **options)


class RefusedParameter(TextParameter):
    """What clients of others can ask for, and this server cannot give: passing over it would answer
    with rows that were not asked for. Texts that ask for nothing are let through.
    """

    def __init__(self, *, reason: str, unless: Iterable[str] = (), **options: Any) -> None:
        self.reason = reason
        self.harmless = frozenset(unless)
        super().__init__(**{"help_text": f"Refused. {reason}", **options})

    def to_internal_value(self, data: Any) -> str:
        if data.lower() not in self.harmless:
            raise ValidationError([self.reason])
        return str(data)


def ordered(rows: QuerySet[M], ordering: str | None) -> QuerySet[M]:
    """Rows in the order that an `OrderParameter` names, those without a value last, ties by id; as
    they are without one.
    """
    if ordering is None:
        return rows
    column = F(ordering.removeprefix("-"))
    is_falling = ordering.startswith("-")
    order = column.desc(nulls_last=True) if is_falling else column.asc(nulls_last=True)
    return rows.order_by(order, "id")


def ordered_documents(
    documents: Sequence[dict[str, Any]], ordering: str | None
) -> list[dict[str, Any]]:
    """The same of documents, which come in the order of their ids."""
    if ordering is None:
        return list(documents)
    name, is_falling = ordering.removeprefix("-"), ordering.startswith("-")
    known = [one for one in documents if one[name] is not None]
    unknown = [one for one in documents if one[name] is None]
    return [*sorted(known, key=itemgetter(name), reverse=is_falling), *unknown]


class WordsParameter(TextParameter):
    """A comma-separated list, or one whose name is repeated; None when absent."""

    is_list = True

    def to_internal_value(self, data: Any) -> Any:
        return [word.strip() for word in data.split(",") if word.strip()]


class IdsParameter(TextParameter):
    """Ids, comma-separated, or the name repeated; None when absent."""

    is_list = True
    MAX_IDS = 1000

    def to_internal_value(self, data: Any) -> Any:
        entries = [entry.strip() for entry in data.split(",") if entry.strip()]
        if len(entries) > self.MAX_IDS or not all(ID_TEXT.fullmatch(entry) for entry in entries):
            raise ValidationError(["Enter ids, comma-separated."])
        return [int(entry) for entry in entries if int(entry) <= MAX_BIGINT]
