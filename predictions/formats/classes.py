"""Names of classes: what a file may call them."""

from collections.abc import Iterable

from predictions.formats.errors import Errors

#: Of one file.
MOST_CLASSES = 10_000
LONGEST_NAME = 500


def folded(name: str) -> str:
    """What is equal for names that differ by case or spaces alone."""
    return "".join(name.split()).casefold()


def check_names(named: Iterable[tuple[str, str]], errors: Errors) -> list[str]:
    """The names, once each and in order, of (place, name). An error for one that is empty, longer
    than LONGEST_NAME, or equal to an earlier one but for case or spaces.
    """
    seen: dict[str, str] = {}
    for place, name in named:
        if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
            errors.add(place, f"{name!r:.100} is no name: 1 to {LONGEST_NAME} characters.")
            continue
        earlier = seen.setdefault(folded(name), name)
        if earlier != name:
            errors.add(place, f"{name!r} and {earlier!r} differ by case or spaces alone.")
    if len(seen) > MOST_CLASSES:
        errors.add("", f"{len(seen):,} classes are more than {MOST_CLASSES:,}.")
    return list(seen.values())
