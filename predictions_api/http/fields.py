"""Serializer fields of every room: ids, finite numbers, JSON that can be stored; and a serializer
that refuses what it does not read.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions_api.http.storable import MAX_DEPTH, Refused, as_whole, is_number_text, json_text
from predictions_api.names import unread

M = TypeVar("M")
PK_TEXT = re.compile(r"-?[0-9]{1,100}")
MAX_BIGINT = 2**63 - 1


@extend_schema_field(OpenApiTypes.INT)
class PkField(serializers.Field[int, Any, int, Any]):
    """The id of another object: a whole number, or text that is one."""

    default_error_messages = {
        "incorrect_type": "Incorrect type. Expected pk value, received {data_type}.",
        "does_not_exist": 'Invalid pk "{pk_value}" - object does not exist.',
    }

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """An empty text, as a form sends it, is null."""
        return super().run_validation(None if data == "" else data)

    def to_internal_value(self, data: Any) -> int:
        # `int` takes for white space less than `strip` does.
        text = data.strip() if isinstance(data, str) else ""
        if PK_TEXT.fullmatch(text):
            data = int(text)
        data = as_whole(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        if not 0 < data <= MAX_BIGINT:
            self.fail("does_not_exist", pk_value=data)
        return int(data)

    def to_representation(self, value: int) -> int:
        return value


def unknown_pk(pk: int) -> str:
    """The message for an id that names nothing the caller may see."""
    return PkField.default_error_messages["does_not_exist"].format(pk_value=pk)


class FiniteField(serializers.FloatField):
    """A number, or text that is one. Infinities and NaN, which JSON cannot say back, are refused,
    and so is what Python alone takes for a number, as `1_0`. True is 1, as for Label Studio.
    """

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, str) and not is_number_text(data):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class MeasureField(FiniteField):
    """A number of fields that are our own: true and false are none."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


def refuse_unread(body: Any, known: Iterable[str]) -> None:
    """ValidationError for keys of a body that are none of the known fields: one that is written
    otherwise would leave its default in force without a word.
    """
    if isinstance(body, Mapping) and (errors := unread("field", body, dict.fromkeys(known))):
        raise ValidationError(errors)


class StrictSerializer(serializers.Serializer[M]):
    """Refuses fields that it does not read. With one that is written otherwise, or belongs
    elsewhere, more would be changed, sent, or asked and paid for than was meant.
    """

    #: Fields that clients send, and that say nothing here.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    #: Whether a field that is null says nothing, whatever it is called.
    passes_nulls: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> Any:
        """As always, of known fields alone."""
        said = data
        if self.passes_nulls and isinstance(data, Mapping):
            said = {name: value for name, value in data.items() if value is not None}
        refuse_unread(said, [*self.fields, *self.without_effect])
        return super().to_internal_value(data)


class StorableJSONField(serializers.JSONField):
    """Any JSON that jsonb can hold: no NUL, no lone surrogate, finite numbers."""

    def to_internal_value(self, data: Any) -> Any:
        """A form field holds JSON text; every other value is what the body's parser made of it."""
        try:
            if getattr(data, "is_json_string", False):
                data = super().to_internal_value(data)
            json_text(data)
        except RecursionError:
            raise ValidationError(f"Nested deeper than {MAX_DEPTH} levels.") from None
        except Refused as exc:
            raise ValidationError(str(exc)) from None
        return data


@extend_schema_field({"type": "object", "additionalProperties": True})
class JSONObjectField(StorableJSONField):
    """A JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise ValidationError("Expected a JSON object.")
        return value
