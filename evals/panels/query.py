"""Query parameters, declared once: as serializers that parse requests and that the OpenAPI document
is made from.

A parameter that cannot be read raises a refusal with the evaluation client's own code.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple

from django.http import QueryDict
from drf_spectacular.drainage import set_override
from rest_framework import serializers
from rest_framework.fields import empty

from evals.documents.names import SPLITS
from evals.documents.refusals import (
    InvalidConfidence,
    InvalidLevel,
    InvalidPagination,
    InvalidSplit,
    Refusal,
)
from predictions_api.names import has_no

#: The most that errors name for a list without a bound of its own.
LIST_MOST = 200
#: Cells of a confusion matrix on a page.
CELLS_LIMIT, CELLS_MOST = 10_000, 100_000
#: What the parameter says that narrows a route to one slice.
SLICE_HELP = "Only images of this slice: `key:value`, as `meta.camera:gate`."
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
#: What every route takes: who asks.
KEY = "api_key"

#: The values of a query, by parameter.
Asked = dict[str, Any]


class Query(serializers.Serializer[Any]):
    """The query parameters of a route; a plain `Query` has none."""

    #: Parameters whose empty text says something.
    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Asked:
        """The value of every parameter, of absent ones their default.

        The first one that cannot be read is refused. Fields keep nothing of a request, so they are
        made once, and not, as serializers do it, for each.
        """
        return {
            name: field.run_validation(query.get(name, absent))
            for name, (field, absent) in _fields_of(cls).items()
        }

    @classmethod
    def asked_strictly(cls, query: QueryDict) -> Asked:
        """As `asked`, of a request to the route itself: what it does not read is refused.

        A parameter that is written otherwise, or is empty as a variable that a script left unset,
        would leave its default in force, and of several values of one the last would count: the
        answer would be about something else than was meant.
        """
        known = _fields_of(cls)
        for name in query:
            if name not in known and name != KEY:
                raise Refusal(has_no("The query of this route", name, known))
            if name != KEY and len(query.getlist(name)) > 1:
                raise Refusal(f"{name} takes one value: ask for each by itself.")
        asked = cls.asked(query)
        for name in query.keys() - cls.MAY_BE_EMPTY - {KEY}:
            if not query[name]:
                raise Refusal(f"{name} is empty: leave it out, or give it a value.")
        return asked


@cache
def _fields_of(query: type[Query]) -> dict[str, tuple[Any, Any]]:
    """The fields by name, each with what is validated where the query lacks it."""
    return {
        name: (field, empty if field.default in (None, empty) else str(field.default))
        for name, field in query().fields.items()
    }


class TextField(serializers.CharField):
    """Any text; None where it is absent or empty. The Refusal of a required one names it."""

    def __init__(self, help_text: str, *, required: bool = False) -> None:
        super().__init__(help_text=help_text, required=required, allow_blank=not required)

    def run_validation(self, data: Any = empty) -> str | None:
        if data is empty or not data:
            if self.required:
                raise Refusal(f"{self.field_name} is required.")
            return None
        # No stored text holds a NUL, and Postgres refuses to look for one.
        return str(data).replace("\0", "\N{REPLACEMENT CHARACTER}")


class SplitNumber(NamedTuple):
    """A split by name and number; that of `all` is None."""

    name: str
    number: int | None


class WordField(serializers.CharField):
    """One of a few words. The OpenAPI document lists them."""

    def __init__(self, words: Sequence[str], help_text: str, *, default: str | None = None) -> None:
        self.words = tuple(words)
        super().__init__(help_text=help_text, default=default, allow_blank=True)
        schema = {"type": "string", "enum": list(words)}
        if default is not None:
            schema["default"] = default
        set_override(self, "field", schema)


class SplitField(WordField):
    """A split, or all of them together where `allows_all`. InvalidSplit for anything else."""

    def __init__(self, *, default: str, allows_all: bool) -> None:
        super().__init__([*SPLITS, "all"] if allows_all else SPLITS, "Split.", default=default)
        self.allowed = "train, valid, test" + (" or all" if allows_all else "")

    def run_validation(self, data: Any = empty) -> SplitNumber:
        """Its name and number."""
        if data not in self.words:
            raise InvalidSplit(f"split must be one of {self.allowed}.")
        return SplitNumber(data, None if data == "all" else SPLITS.index(data))


class NumberField(serializers.IntegerField):
    """A whole number of a page. InvalidPagination for anything else, and out of its range."""

    def __init__(self, help_text: str, *, default: int, least: int, most: int | None) -> None:
        self.least, self.most = least, most
        super().__init__(default=default, min_value=least, max_value=most, help_text=help_text)

    def run_validation(self, data: Any = empty) -> int:
        if not WHOLE_NUMBER.fullmatch(data):
            raise InvalidPagination(f"{self.field_name} must be a whole number, not below 0.")
        if int(data) < self.least or (self.most is not None and int(data) > self.most):
            most = LIST_MOST if self.most is None else self.most
            raise InvalidPagination(
                f"{self.field_name} must be a whole number from {self.least} to {most}."
            )
        return int(data)


class FormatField(WordField):
    """One of a few forms of an answer, the first unless given. A Refusal for anything else."""

    def __init__(self, words: Sequence[str], help_text: str) -> None:
        super().__init__(words, help_text, default=words[0])

    def run_validation(self, data: Any = empty) -> str:
        """The word."""
        if data not in self.words:
            raise Refusal(f"format must be one of {', '.join(self.words)}.", "invalid_format")
        return str(data)


class ConfidenceField(serializers.IntegerField):
    """A percent; None where it is absent. InvalidConfidence for anything else."""

    def __init__(self) -> None:
        super().__init__(
            default=None,
            min_value=0,
            max_value=100,
            help_text="Percent, 0 to 100; the evaluation's own unless given.",
        )

    def run_validation(self, data: Any = empty) -> int | None:
        """The percent."""
        if data is empty:
            return None
        if not WHOLE_NUMBER.fullmatch(data) or int(data) > 100:
            raise InvalidConfidence()
        return int(data)


class LevelField(serializers.IntegerField):
    """The level of an interval, percent. InvalidLevel for anything else than 1 to 99."""

    def __init__(self) -> None:
        super().__init__(
            default=95, min_value=1, max_value=99, help_text="Level of the intervals, percent."
        )

    def run_validation(self, data: Any = empty) -> int:
        """The percent."""
        if not WHOLE_NUMBER.fullmatch(data) or not 1 <= int(data) <= 99:
            raise InvalidLevel()
        return int(data)


class OneSplitQuery(Query):
    """One split, test unless given."""

    split = SplitField(default="test", allows_all=False)


class AllSplitsQuery(Query):
    """One split, or all of them together, as it is unless given."""

    split = SplitField(default="all", allows_all=True)


class ConfidenceQuery(Query):
    """A confidence."""

    confidence = ConfidenceField()


class MatrixQuery(Query):
    """A split or all of them, test unless given, and a confidence."""

    split = SplitField(default="test", allows_all=True)
    confidence = ConfidenceField()


class SlicedQuery(MatrixQuery):
    """The same, and the one slice that is read."""

    slice = TextField(SLICE_HELP)


class BySliceQuery(MatrixQuery):
    """A split, a confidence, and the key that images are sliced by."""

    by = TextField("The key, as `meta.camera`; that of another evaluation is unknown here.")


class IntervalsQuery(SlicedQuery):
    """A split, a confidence, a slice, and the level."""

    level = LevelField()


class MatrixFormatQuery(SlicedQuery):
    """The same, and whether the whole square is answered or a page of its cells."""

    format = FormatField(
        ["matrix", "cells", "errors"],
        "`cells`: those that are not 0, by actual, then predicted class; `errors`: those beside the"
        " diagonal, most frequent first.",
    )
    limit = NumberField("Cells of a page.", default=CELLS_LIMIT, least=1, most=CELLS_MOST)
    offset = NumberField("Cells before the page.", default=0, least=0, most=None)
