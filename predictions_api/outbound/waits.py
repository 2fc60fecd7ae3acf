"""How long another server asks to be left alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 300.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, at most five minutes; None where it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds: float | None = float(text) * unit_s
        except ValueError:
            seconds = until(text)
        if seconds is not None and seconds >= 0:
            return min(seconds, MAX_RETRY_AFTER_S)
    return None


def until(text: str) -> float | None:
    """Seconds from now to one of HTTP's dates, below 0 for the past; None for what is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # HTTP's dates are in GMT, also those in the form that names no zone.
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
