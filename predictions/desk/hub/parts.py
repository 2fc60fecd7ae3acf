"""What a project's page is made of. Rooms above this one register their parts in
`AppConfig.ready()`: a function that is given the project as the page knows it, and answers with a
`Part`. Each may ask one statement, so that the page stays below eight.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.http import HttpRequest

from desk.dashboard import Card, Cell
from predictions.db.counting.overview import Overview
from predictions.models import Project
from predictions_api import wording


@dataclass(frozen=True, slots=True)
class Hub:
    """The project of the page, and who looks at it."""

    project: Project
    overview: Overview
    #: Whether the caller may change what is in it: no button is for others.
    may_write: bool


class Step(NamedTuple):
    """A button: where it leads. With `form`, also an empty one, it posts these values there."""

    title: str
    url: str
    form: Mapping[str, str] | None = None


class Lack(NamedTuple):
    """What is missing, and the button that mends it; None for a caller who may not."""

    text: str
    step: Step | None = None


class Job(NamedTuple):
    """Work in progress: from 0 to 1, None where nobody knows, and how long it will take."""

    title: str
    url: str
    progress: float | None
    left: str = ""


class Point(NamedTuple):
    """A score of a version at a time, in the order of time; `value` is drawn from 0 to 1."""

    title: str
    value: float
    url: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Columns of the table of versions."""

    headings: Sequence[str]
    #: By the first 200 characters of the version; versions that are missing here have no score.
    rows: Mapping[str, Sequence[Cell]]
    #: What the columns are, in a sentence.
    note: str = ""
    #: The scores over time, and what they are; drawn where there are two.
    trend: Sequence[Point] = ()
    measure: str = ""
    #: How such a score is written.
    write: Callable[[float], str] = wording.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one room adds to the page."""

    steps: Sequence[Step] = ()
    lacks: Sequence[Lack] = ()
    jobs: Sequence[Job] = ()
    cards: Sequence[Card] = ()
    scores: Scores | None = None
    #: By the first 200 characters of a version: what can be done with it.
    of_versions: Mapping[str, Sequence[Step]] = field(default_factory=dict)


MakePart = Callable[[HttpRequest, Hub], Part]

_makers: list[tuple[int, MakePart]] = []


def register(make: MakePart, *, place: int) -> None:
    """From now on on each project's page, in the order of the places."""
    if (place, make) not in _makers:
        _makers.append((place, make))
        _makers.sort(key=lambda entry: entry[0])


def parts_of(request: HttpRequest, hub: Hub) -> list[Part]:
    """The registered parts of the page."""
    return [make(request, hub) for _, make in _makers]
