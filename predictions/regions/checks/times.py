"""Dates and times as a `DateTime` control stores them. Pure.

Format: https://labelstud.io/tags/datetime
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time

#: What a control that asks for a month or a year alone stores.
MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?", re.ASCII)
CLOCK = re.compile(r"\d\d:\d\d.*", re.ASCII)
#: What stands for a year in a form of `strftime`.
YEARS = ("%Y", "%y", "%c", "%x", "%G")
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


def day_of(told: str, form: str = "") -> tuple[int, ...]:
    """The year, the month and the day of a text that is of ISO 8601 or in the form, as far as it
    tells them; () for a time of no day, and for any other text.

    >>> day_of("2024"), day_of("2024-02"), day_of("29.02.2024", "%d.%m.%Y"), day_of("10:00")
    ((2024,), (2024, 2), (2024, 2, 29), ())
    """
    if MONTH.fullmatch(told):
        return tuple(map(int, told.split("-")))
    if CLOCK.fullmatch(told):
        return ()
    readers = [datetime.fromisoformat]
    # A form without a year is of no day.
    if any(sign in form for sign in YEARS):
        readers.append(lambda text: datetime.strptime(text, form))
    found = next((reader(told) for reader in readers if _reads(reader, told)), None)
    return () if found is None else (found.year, found.month, found.day)


def _reads(reader: Callable[[str], object], told: str) -> bool:
    try:
        reader(told)
    except (ValueError, re.error):
        return False
    return True
