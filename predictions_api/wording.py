"""Formats times and numbers for people, at the desk and on the command line."""

import math
from datetime import UTC, datetime

import humanize


def when(moment: datetime | None) -> str:
    """`3 minutes ago`, `29 days from now`; `never` for None."""
    return "never" if moment is None else humanize.naturaltime(datetime.now(UTC) - moment)


def left(begun: datetime | None, fraction: float, now: datetime | None = None) -> str:
    """`about 3 minutes left` of work begun then and done to this fraction, 0 to 1; empty where
    there is too little to tell by.

    >>> from datetime import timedelta
    >>> begun = datetime(2025, 1, 1, tzinfo=UTC)
    >>> left(begun, 0.25, begun + timedelta(minutes=1)), left(begun, 0.0), left(None, 0.5)
    ('about 3 minutes left', '', '')
    """
    if begun is None or not 0.01 <= fraction < 1:
        return ""
    passed = (now or datetime.now(UTC)) - begun
    return f"about {humanize.naturaldelta(passed * (1 - fraction) / fraction)} left"


def plural(n: int, one: str, several: str = "") -> str:
    """`task` for 1, else `tasks`, or `several` where that is another word.

    >>> plural(1, "class", "classes"), plural(0, "class", "classes"), plural(2, "task")
    ('class', 'classes', 'tasks')
    """
    return one if n == 1 else several or f"{one}s"


def number(value: float | None) -> str:
    """`1,234,567`, with up to four digits after the point; a dash for None."""
    if value is None:
        return "-"
    return humanize.intcomma(value if isinstance(value, int) else round(value, 4))


def usd(amount: float, *, digits: int = 4) -> str:
    """US dollars with so many digits after the point, and with more where less than two would say
    something: what was spent is never shown as nothing.

    >>> usd(12.5), usd(0.0), usd(0.0000123), usd(3e-7, digits=6)
    ('12.5000', '0.0000', '0.000012', '0.00000030')
    """
    first = math.floor(math.log10(amount)) if amount > 0 else 0
    return f"{amount:.{max(digits, 1 - first)}f}"
