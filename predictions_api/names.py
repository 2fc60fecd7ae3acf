"""Names that differ from a known one only in how they are written: `modelVersion` for
`model_version`. What nobody knows is passed over, as Label Studio passes over it; what was meant
for a known name is refused, or it would be lost without a word.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

SIGNS = re.compile(r"[^0-9a-z]+")


@lru_cache(maxsize=4096)
def letters(name: str) -> str:
    """A name without case, and without what stands between its words."""
    return SIGNS.sub("", name.lower())


def by_letters(known: Iterable[str]) -> dict[str, str]:
    """Known names by their letters."""
    return {letters(name): name for name in known}


def misspelt(given: Iterable[object], known: Mapping[str, str]) -> dict[str, str]:
    """Of the given names those that are written otherwise than the known one that they mean, and
    that one. `known` is of `by_letters`.

    >>> misspelt(["score", "modelVersion", "note"], by_letters(["score", "model_version"]))
    {'modelVersion': 'model_version'}
    """
    return {
        name: meant
        for name in given
        if isinstance(name, str)
        and (meant := known.get(letters(name[:200]))) is not None
        and meant != name
    }


def did_you_mean(meant: str) -> str:
    """The message for such a name."""
    return f"There is no such name: did you mean {meant}?"
