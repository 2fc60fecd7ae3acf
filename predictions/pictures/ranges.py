"""The part of a file that a player asks for."""

import re

ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range begins behind the end."""


def part_of(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where all of the file is the answer: no range,
    several, or one that is none. Unsatisfiable for one that has no byte of the file.

    >>> part_of("bytes=2-", 10), part_of("bytes=-3", 10), part_of("bytes=0-4,6-8", 10)
    ((2, 10), (7, 10), None)
    """
    found = ONE_RANGE.fullmatch(header)
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), size
        if found[2]:
            if int(found[2]) < start:
                return None
            end = min(size, int(found[2]) + 1)
    if start >= end:
        raise Unsatisfiable
    return start, end
