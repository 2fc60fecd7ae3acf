"""The desk's first page: a card of each room, which the rooms register in `AppConfig.ready()`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest


class Cell(NamedTuple):
    """A text and its link, and what stands behind the link."""

    text: object
    url: str = ""
    note: object = ""


@dataclass(frozen=True)
class Card:
    """A short table; shows `empty` if it has no rows."""

    title: str
    #: Of the whole list; empty without one.
    url: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str
    #: Buttons below it: each a text and where it leads.
    steps: Sequence[Cell] = ()

    @property
    def is_wide(self) -> bool:
        """Whether its rows are lists on a narrow screen: more than three columns have a heading."""
        return sum(map(bool, self.headings)) > 3

    @property
    def labelled(self) -> list[list[tuple[str, Cell]]]:
        """The rows, each cell with the heading of its column."""
        return [list(zip(self.headings, row, strict=True)) for row in self.rows]


MakeCard = Callable[[HttpRequest], Card]

_makers: list[tuple[int, MakeCard]] = []


def register(make: MakeCard, *, place: int) -> None:
    """From now on on the first page, in the order of the places."""
    if (place, make) not in _makers:
        _makers.append((place, make))
        _makers.sort(key=lambda entry: entry[0])


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the cards. One statement each, however much there is."""
    cards = [make(request) for _, make in _makers]
    return {**context, "title": "Dashboard", "content_title": "Dashboard", "cards": cards}
