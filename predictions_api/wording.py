"""Formats times and numbers for people, at the desk and on the command line."""

from datetime import UTC, datetime

import humanize


def when(moment: datetime | None) -> str:
    """`3 minutes ago`, `29 days from now`; `never` for None."""
    return "never" if moment is None else humanize.naturaltime(datetime.now(UTC) - moment)


def number(value: float | None) -> str:
    """`1,234,567`, with up to four digits after the point; a dash for None."""
    if value is None:
        return "-"
    return humanize.intcomma(value if isinstance(value, int) else round(value, 4))
