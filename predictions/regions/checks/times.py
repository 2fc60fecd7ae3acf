"""Dates and times as a `DateTime` control stores them. Pure.

Format: https://labelstud.io/tags/datetime
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time

#: What a control that asks for a month or a year alone stores.
MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?", re.ASCII)
CLOCK = re.compile(r"\d\d:\d\d.*", re.ASCII)
OF_DAYS: Sequence[Callable[[str], object]] = (date.fromisoformat, datetime.fromisoformat)


def is_iso(told: str) -> bool:
    """Whether a text is a date, a time, both, a month or a year of ISO 8601.

    >>> is_iso("2024-02-29T10:00Z"), is_iso("10:00"), is_iso("2024-02"), is_iso("2024-02-30")
    (True, True, True, False)
    """
    readers = (time.fromisoformat,) if CLOCK.fullmatch(told) else OF_DAYS
    return bool(MONTH.fullmatch(told)) or any(_reads(reader, told) for reader in readers)


def is_in_form(told: str, form: str) -> bool:
    """Whether a text is a date or time written in a form of `strftime`.

    >>> is_in_form("31.01.2024", "%d.%m.%Y"), is_in_form("32.01.2024", "%d.%m.%Y")
    (True, False)
    """
    return _reads(lambda text: datetime.strptime(text, form), told)


def _reads(reader: Callable[[str], object], told: str) -> bool:
    try:
        reader(told)
    except (ValueError, re.error):
        return False
    return True
