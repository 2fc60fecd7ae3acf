"""Answers that a control does not offer, though `label_studio_sdk` takes them: 0 stars, a path that
is none of the tree, a side that is neither left nor right, a date that is none, a date or number
beyond its bounds, two choices where one is allowed. Evaluations pass over some of them, and nobody
could have given them by hand. Pure.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from predictions.regions.checks import times
from predictions.regions.config import PATH_SEPARATOR, Config
from predictions.regions.controls import BY_TAG
from predictions.regions.labels import read_number

if TYPE_CHECKING:
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk.label_interface.control_tags import ControlTag

#: What is wrong with what stands under a control's key; empty for nothing.
Check = Callable[[Any], str]
#: By the names of controls: the key of a region's value, and its check.
Checks = Mapping[str, tuple[str, Check]]

SIDES = ("left", "right")


def checks_of(config: Config, interface: "LabelInterface") -> Checks:
    """The checks of those controls that offer less than the library takes; one config, read twice:
    the library has the attributes, and `config` the paths of trees.
    """
    checks = {}
    for control in interface.controls:
        check = _check(config, control)
        key = BY_TAG[control.tag].value_key if check else None
        if check and key:
            checks[control.name] = (key, check)
    return checks


def unoffered(checks: Checks, result: list[Any]) -> Iterator[str]:
    """What is wrong with regions that the library takes, in its form. Nothing where there is no
    check, which costs nothing.
    """
    for place, region in enumerate(result) if checks else ():
        name, value = region.get("from_name"), region.get("value")
        if name not in checks or not isinstance(value, dict):
            continue
        # The library takes a value below its control's name, too.
        inner = value[name] if isinstance(value.get(name), dict) else value
        key, check = checks[name]
        if wrong := check(inner[key]) if key in inner else "":
            yield f"Region {place}: Invalid value for control '{name}': {wrong}"


def _check(config: Config, control: "ControlTag") -> Check | None:
    told = control.attr
    match control.tag:
        case "Rating":
            return _stars
        case "Pairwise":
            return _side
        case "DateTime":
            return _time_check(told.get("format") or "", told.get("min"), told.get("max"))
        case "Choices":
            return None if told.get("choice") == "multiple" else _one_choice
        case "Number":
            return _number_check(
                _bound(told.get("min"), -math.inf), _bound(told.get("max"), math.inf)
            )
        case "Taxonomy":
            known = config.control(control.name)
            # Paths that come from the task's data or from an address are not known here.
            if known is None or known.is_dynamic or told.get("apiUrl") or not known.paths:
                return None
            return _path_check(frozenset(known.paths), is_of_leaves=told.get("leafsOnly") == "true")
    return None


def _stars(told: Any) -> str:
    # More than there are is refused by the library.
    return "" if (read_number(told) or 0) >= 1 else f"{told!r:.100} stars are no rating."


def _side(told: Any) -> str:
    return "" if told in SIDES else f"{told!r:.100} is neither 'left' nor 'right'."


def _one_choice(told: Any) -> str:
    n = len(told) if isinstance(told, list) else 0
    return f"{n:,} choices, and it allows one." if n > 1 else ""


def _time_check(form: str, least: str | None, most: str | None) -> Check:
    # Bounds in another form, as `$least`, are none.
    first, last = (times.day_of(bound or "") for bound in (least, most))

    def check(told: Any) -> str:
        if not times.is_iso(told) and not (form and times.is_in_form(told, form)):
            return f"{told!r:.100} is no date or time, as 2024-01-31T10:00."
        day = times.day_of(told, form)
        # As far as both tell: a year is within bounds of days that are of it.
        if day[: len(first)] < first[: len(day)]:
            return f"{told!r:.100} is before the earliest, {least}."
        is_late = day[: len(last)] > last[: len(day)]
        return f"{told!r:.100} is after the latest, {most}." if is_late else ""

    return check


def _bound(told: Any, default: float) -> float:
    number = read_number(told)
    return default if number is None or math.isnan(number) else number


def _number_check(least: float, most: float) -> Check:
    def check(told: Any) -> str:
        number = read_number(told)
        if number is None or not math.isfinite(number):
            return f"{told!r:.100} is no number."
        if number < least:
            return f"{told!r:.100} is below the least, {least:.17g}."
        return f"{told!r:.100} is above the most, {most:.17g}." if number > most else ""

    return check


def _path_check(paths: frozenset[tuple[str, ...]], *, is_of_leaves: bool) -> Check:
    above = {path[:end] for path in paths for end in range(1, len(path))} if is_of_leaves else set()

    def check(told: Any) -> str:
        for path in told:
            if tuple(path) not in paths:
                return f"no path of the tree is {PATH_SEPARATOR.join(path)!r:.300}."
            if tuple(path) in above:
                return f"{PATH_SEPARATOR.join(path)!r:.300} is no leaf of the tree."
        return ""

    return check
