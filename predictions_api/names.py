"""Names that nobody reads, of fields, parameters and keys: what refuses them, and in which words.

Where a client of Label Studio sends, what nobody knows is passed over, as Label Studio passes over
it, and only a known name that is written otherwise is refused, `modelVersion` for `model_version`:
what it says would be lost without a word. Where the API is our own, every other name is refused.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice

SIGNS = re.compile(r"[^0-9a-z]+")
SCORE = "score"
#: What tools call a score: left unread, every prediction would count as a sure one.
SCORES = ("confidence", "probability")
#: Of the names in a request that nobody reads so many are told.
MOST_TOLD = 10


@lru_cache(maxsize=4096)
def letters(name: str) -> str:
    """A name without case, and without what stands between its words."""
    return SIGNS.sub("", name.lower())


def by_letters(known: Iterable[str]) -> dict[str, str]:
    """Known names by their letters."""
    return {letters(name): name for name in known}


def misspelt(given: Collection[object], known: Mapping[str, str]) -> dict[str, str]:
    """Of the given names those that are written otherwise than the known one that they mean, and
    that one; and what tools call a score, where one is read and not given. `known` is of
    `by_letters`.

    >>> misspelt(["score", "modelVersion", "note"], by_letters(["score", "model_version"]))
    {'modelVersion': 'model_version'}
    >>> misspelt(["confidence"], by_letters(["score"])), misspelt(["confidence"], {})
    ({'confidence': 'score'}, {})
    """
    found = {
        name: meant
        for name in given
        if isinstance(name, str)
        and (meant := known.get(letters(name[:200]))) is not None
        and meant != name
    }
    if SCORE in known and SCORE not in given:
        found |= {name: SCORE for name in SCORES if name in given and name not in known}
    return found


def unread(what: str, given: Iterable[str], known: Collection[str]) -> dict[str, list[str]]:
    """The messages about given names that are none of the known ones, by name; of ten at most.
    `what` is what they were given as: field, parameter.

    >>> unread("field", ["score", "modelVersion", "note"], ["score", "model_version"])
    {'modelVersion': ['There is no such field: did you mean model_version?'], \
'note': ['There is no such field: leave it out.']}
    """
    others = list(islice((name for name in given if name not in known), MOST_TOLD))
    alike = by_letters(known) if others else {}
    messages = {}
    for name in others:
        near = get_close_matches(letters(name[:200]), alike, n=1)
        messages[f"{name:.100}"] = [no_such(what, alike[near[0]] if near else None)]
    return messages


def no_such(what: str, meant: str | None) -> str:
    """The message under a name that is not read, with the one that may be meant, if any."""
    return f"There is no such {what}: {f'did you mean {meant}?' if meant else 'leave it out.'}"


def has_no(whole: str, name: str, known: Collection[str]) -> str:
    """The message about a name that is not read, where only a text says which; `whole` is what has
    the known ones, and no others.

    >>> has_no("A query", "filter", ["filters", "ordering"])
    "A query has no 'filter', only filters, ordering."
    """
    there_are = f", only {', '.join(known)}" if known else ""
    return f"{whole} has no {name!r:.100}{there_are}."
