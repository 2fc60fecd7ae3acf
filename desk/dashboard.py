"""The dashboard, the first page of the desk: a card of each room that registers one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string


class Cell(NamedTuple):
    """A text and its link."""

    text: object
    url: str = ""


@dataclass(frozen=True)
class Card:
    """A short table; shows `empty` if it has no rows."""

    title: str
    #: Of the whole list; empty without one.
    url: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the cards. One statement each, however much there is."""
    makers: list[Callable[[HttpRequest], Card]] = [import_string(p) for p in settings.DASHBOARD]
    cards = [make(request) for make in makers]
    return {**context, "title": "Dashboard", "content_title": "Dashboard", "cards": cards}
