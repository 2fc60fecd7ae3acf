"""Values of a query string, read as Label Studio reads them: what does not fit is a 400 by name."""

import math
import re
from collections.abc import Container, Mapping
from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError

from predictions_api.http.fields import MAX_BIGINT

INVALID_CHOICE = "Select a valid choice. That choice is not one of the available choices."
NUL = "Null characters are not allowed."
ID_TEXT = re.compile(r"[0-9]{1,19}")
MAX_LIMIT = 10_000


def given(query: Mapping[str, str], name: str) -> str | None:
    """The parameter's last value; None when absent or empty. ValidationError for a NUL."""
    value = query.get(name)
    if value is not None and "\0" in value:
        raise ValidationError({name: [NUL]})
    return value or None


def an_id(query: Mapping[str, str], name: str) -> int | None:
    """A positive id. ValidationError for anything else."""
    text = given(query, name)
    if text is None:
        return None
    if not ID_TEXT.fullmatch(text) or not 0 < int(text) <= MAX_BIGINT:
        raise ValidationError({name: [INVALID_CHOICE]})
    return int(text)


def a_number(query: Mapping[str, str], name: str) -> float | None:
    """A finite number. ValidationError for anything else."""
    text = given(query, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValidationError({name: ["Enter a number."]})
    return value


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


def a_moment(query: Mapping[str, str], name: str) -> datetime | None:
    """As `moment_of`. ValidationError for anything else."""
    text = given(query, name)
    if text is None:
        return None
    moment = moment_of(text)
    if moment is None:
        raise ValidationError({name: ["Enter a valid date/time."]})
    return moment


def a_flag(query: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """True or false, or the default when absent. ValidationError for anything else."""
    text = (given(query, name) or str(default)).lower()
    if text not in {"true", "false", "1", "0"}:
        raise ValidationError({name: ["Must be a valid boolean."]})
    return text in {"true", "1"}


def a_choice(query: Mapping[str, str], name: str, choices: Container[str], *, default: str) -> str:
    """One of a few words. ValidationError for anything else."""
    text = given(query, name) or default
    if text not in choices:
        raise ValidationError({name: [INVALID_CHOICE]})
    return text


def words(query: Mapping[str, str], name: str) -> list[str]:
    """A comma-separated list; [] when absent."""
    return [word for word in (given(query, name) or "").split(",") if word]


def a_limit(query: Mapping[str, str], name: str = "limit", most: int = MAX_LIMIT) -> int | None:
    """A whole number from 1 to `most`. ValidationError for anything else."""
    text = given(query, name)
    if text is None:
        return None
    if not ID_TEXT.fullmatch(text) or not 1 <= int(text) <= most:
        raise ValidationError({name: [f"Enter a whole number from 1 to {most}."]})
    return int(text)
