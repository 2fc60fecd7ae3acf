"""Formats times and numbers for people, at the desk and on the command line."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

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
    """`1,234,567`, with up to four digits after the point; a dash for None.

    >>> number(1234567), number(0.25), number(0.00001), number(-0.0)
    ('1,234,567', '0.25', '0.00001', '0')
    """
    if value is None:
        return "-"
    if isinstance(value, int) or not math.isfinite(value):
        return humanize.intcomma(value)
    rounded = round(value, 4) + 0.0
    if rounded == 0 != value:
        return plain(float(f"{value:.1e}"))
    return humanize.intcomma(int(rounded) if rounded.is_integer() else rounded)


def usd(amount: float, *, digits: int = 4) -> str:
    """US dollars with so many digits after the point, and with more where less than two would say
    something: what was spent is never shown as nothing.

    >>> usd(12.5), usd(0.0), usd(0.0000123), usd(3e-7, digits=6)
    ('12.5000', '0.0000', '0.000012', '0.00000030')
    """
    first = math.floor(math.log10(amount)) if amount > 0 else 0
    return f"{amount:.{max(digits, 1 - first)}f}"


def spent_of(spent: float, limit: float | None) -> str:
    """What was spent of a budget: it never reads as all of it while something is left.

    >>> spent_of(9.99996, 10.0), spent_of(10.0, 10.0), spent_of(0.5, None)
    ('$9.99996 of $10', '$10.0000 of $10', '$0.5000')
    """
    if limit is None:
        return f"${usd(spent)}"
    digits = 4
    while digits < MOST_DIGITS and spent < limit <= float(usd(spent, digits=digits)):
        digits += 1
    return f"${usd(spent, digits=digits)} of ${plain(limit)}"


# What `desk/figures.js` writes in a browser, the same here.

#: Parts of a number that sums of binary fractions are off by.
OFF_BY = 1e-12
#: No digit after the point beyond it says anything.
MOST_DIGITS = 16
_EXACTLY = Context(prec=400, rounding=ROUND_HALF_UP)


def plain(value: float) -> str:
    """Somebody's own number, with all its digits and no powers of ten where there is room.

    >>> plain(4006381333931.0), plain(0.07), plain(100.0000001), plain(1e300), plain(1e-7)
    ('4006381333931', '0.07', '100.0000001', '1e+300', '0.0000001')
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value) or (value and not 1e-15 <= abs(value) < 1e16):
        return str(value)
    text = f"{Decimal(repr(float(value))):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def share(value: float | None) -> str:
    """A share, 0 to 1, with three digits after the point, and with more where they would say 0 or 1
    of what is not; a dash for None.

    >>> share(0.5), share(1), share(0.9996), share(0.0004), share(-0.0), share(None)
    ('0.500', '1.000', '0.9996', '0.0004', '0.000', '-')
    """
    return "-" if value is None else _written(value, _digits_of(value, 3, 1))


def score(value: float | None, least: int = 3) -> str:
    """A score of a prediction with at least so many digits after the point. Thresholds are whole
    per cent: none reads as one that it is not. A dash for None.

    >>> score(0.9), score(0.49999), score(0.995, 2), score(0.87, 2), score(0.004, 2)
    ('0.900', '0.49999', '0.995', '0.87', '0.004')
    """
    return "-" if value is None else _written(value, _digits_of(value, least, 100))


def measured(value: float | None) -> str:
    """What is measured in a unit of its own, such as an error: four significant digits and at least
    three after the point; a dash for None.

    >>> measured(0.0004), measured(0.000123456), measured(2 / 3), measured(1234567.25)
    ('0.0004', '0.0001235', '0.6667', '1234567.250')
    """
    return "-" if value is None else _short(_written(value, _significant(value)))


def written(value: float | None, *, is_higher_better: bool = True) -> str:
    """A metric: where less is better it is an error, in a unit of its own.

    >>> written(0.0123456), written(0.0123456, is_higher_better=False)
    ('0.012', '0.01235')
    """
    return share(value) if is_higher_better else measured(value)


def probability(value: float) -> str:
    """With four digits after the point, and with more where they would say none, or 0.05 of one
    that is below it.

    >>> probability(0.25), probability(0.04999), probability(0.00001)
    ('0.2500', '0.04999', '0.00001')
    """
    return _written(value, _digits_of(value, 4, 20))


def apart(values: Sequence[float], write: Callable[[float], str] = share) -> list[str]:
    """Numbers that stand beside each other to be compared: those that differ read differently, and
    where one takes more digits the others have them, too, so that their difference can be read.

    >>> apart([0.7004, 0.7001]), apart([0.5, 0.25]), apart([0.00012, 0.0004], measured)
    (['0.7004', '0.7001'], ['0.500', '0.250'], ['0.00012', '0.0004'])
    >>> apart([0.99967, 0.99934])
    ['0.9997', '0.9993']
    """
    texts = [write(value) for value in values]
    for digits in range(4, MOST_DIGITS + 1):
        if _are_told(values, texts):
            break
        texts = _longer(values, texts, digits)
    most = max((_places(text) for text in texts), default=0)
    return _longer(values, texts, most) if most > 3 else texts


def percent(part: float, digits: int = 0) -> str:
    """A share as per cent with so many digits after the point, and with more where they would say
    0 or 100 of what is not.

    >>> percent(0.55), percent(0.9996, 1), percent(0.99951), percent(1), percent(0.0000001)
    ('55%', '99.96%', '99.95%', '100%', '0.00001%')
    """
    hundred = 100 * part
    step = 100.0 if hundred > 50 else 0.0
    while digits < MOST_DIGITS and not _is_same(hundred, step):
        if float(_written(hundred, digits)) != step:
            break
        digits += 1
    return f"{_written(hundred, digits)}%"


def percent_done(progress: float) -> int:
    """Progress, 0 to 1, in whole per cent, rounded down: 100 is the end, and not before.

    >>> percent_done(0.5), percent_done(0.999), percent_done(1.0)
    (50, 99, 100)
    """
    return int(100 * progress)


def seconds(value: float) -> str:
    """Seconds with two digits after the point, and with two that say something below.

    >>> seconds(1.234), seconds(0.0), seconds(0.0034), seconds(0.00001)
    ('1.23', '0.00', '0.0034', '0.000010')
    """
    first = math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{max(2, 1 - first)}f}"


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) <= OFF_BY * max(abs(one), abs(other))


def _are_told(values: Sequence[float], texts: Sequence[str]) -> bool:
    """Whether all that differ have different texts."""
    both = list(zip(values, texts, strict=True))
    return all(_is_same(one, two) or text != other for one, text in both for two, other in both)


def _longer(values: Sequence[float], texts: Sequence[str], digits: int) -> list[str]:
    """The texts, of those that are shorter than with so many digits after the point that one."""
    more = [_short(_written(value, digits)) for value in values]
    return [max(pair, key=len) for pair in zip(texts, more, strict=True)]


def _places(text: str) -> int:
    """Digits after the point; none of what is written by its powers of ten."""
    after = text.partition(".")[2]
    return len(after) if after.isdecimal() else 0


def _written(value: float, digits: int) -> str:
    """With so many digits after the point; what is too large or too small for them by its powers of
    ten, as JavaScript writes these.
    """
    digits, size = min(digits, MOST_DIGITS), abs(value)
    if not math.isfinite(value):
        return str(value)
    if size > 0 and (size < 1e-9 or size >= 1e15):
        mantissa, _, power = f"{value:.{digits}e}".partition("e")
        return f"{mantissa}e{int(power):+d}"
    exactly = Decimal(value + 0.0).quantize(Decimal(1).scaleb(-digits), context=_EXACTLY)
    return f"{exactly:f}"


def _digits_of(value: float, least: int, steps: int) -> int:
    """The digits after the point that it takes: those asked for, and more where its text would be
    one of the steps (of 1: whole numbers, of 100: whole per cent) though the number is not.
    """
    if not math.isfinite(value) or _is_whole(value * steps):
        return least
    digits = least
    while digits < MOST_DIGITS and _is_whole(float(_written(value, digits)) * steps):
        digits += 1
    return digits


def _is_whole(value: float) -> bool:
    return _is_same(value, round(value))


def _significant(value: float) -> int:
    size = abs(value)
    if not 1e-9 <= size < 1e15:
        return 3
    return _digits_of(value, max(3, 3 - math.floor(math.log10(size))), 1)


def _short(text: str) -> str:
    """Without noughts at its end, but for three digits after the point."""
    whole, point, digits = text.partition(".")
    if not digits.isdecimal():
        return text
    return f"{whole}{point}{digits[:3]}{digits[3:].rstrip('0')}"
