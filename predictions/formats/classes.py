"""Names of classes: what a file may call them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from predictions.formats.errors import Errors

#: Of one file.
MOST_CLASSES = 10_000
LONGEST_NAME = 500
GUESSED_POINTS = (
    "The key points are told by their order alone, and the labelling config does not number them"
    " (model_index): they are taken in its order: {some}. If that is another one, number them"
    " there."
)
#: How many key points the warning names.
MOST_POINTS = 4
NO_NAME = f"{{name!r:.100}} is no name: 1 to {LONGEST_NAME} characters, no control characters."
#: Characters that no XML can hold, and so no labelling config.
UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_name(name: str) -> bool:
    """Whether it may be a class, or a key point: not empty, and a labelling config can hold it."""
    return bool(name.strip()) and len(name) <= LONGEST_NAME and not UNUSABLE.search(name)


def folded(name: str) -> str:
    """What is equal for names that differ by case or spaces alone."""
    return "".join(name.split()).casefold()


def check_names(named: Iterable[tuple[str, str]], errors: Errors) -> list[str]:
    """The names, once each and in order, of (place, name). An error for one that is none
    (`is_name`), or equal to an earlier one but for case or spaces.
    """
    seen: dict[str, str] = {}
    for place, name in named:
        if not is_name(name):
            errors.add(place, NO_NAME.format(name=name))
            continue
        earlier = seen.setdefault(folded(name), name)
        if earlier != name:
            errors.add(place, f"{name!r} and {earlier!r} differ by case or spaces alone.")
    if len(seen) > MOST_CLASSES:
        errors.add("", f"{len(seen):,} classes are more than {MOST_CLASSES:,}.")
    return list(seen.values())


def guessed_points(keypoints: Mapping[str, Sequence[str]]) -> str:
    """A warning: key points that are told by their order alone are in that of a labelling config,
    which may have them in any.
    """
    names = next(iter(keypoints.values()))
    some = ", ".join(f"{n} is {name!r:.100}" for n, name in enumerate(names[:MOST_POINTS], 1))
    return GUESSED_POINTS.format(some=some)
