"""What Ctrl+K finds at the desk: each room registers a finder in `AppConfig.ready()`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.module_loading import import_string

from desk.theme import UNFOLD

#: Of one finder.
MOST_FOUND = 8
#: Longer texts are names of nothing.
MOST_CHARACTERS = 200


class Found(NamedTuple):
    """A thing with this name. The theme's template reads these four."""

    title: str
    description: str
    link: str
    icon: str


#: What the caller may see of a text, best first; at most MOST_FOUND, one statement.
Finder = Callable[[HttpRequest, str], Iterable[Found]]

_finders: list[tuple[int, Finder]] = []


def register(finder: Finder, *, place: int) -> None:
    """From now on asked, in the order of the places."""
    if (place, finder) not in _finders:
        _finders.append((place, finder))
        _finders.sort(key=lambda entry: entry[0])


def found(request: HttpRequest, text: str) -> list[Found]:
    """All that fits; [] for a text that nothing can be called."""
    if len(text) > MOST_CHARACTERS or "\0" in text:
        return []
    return [one for _, finder in _finders for one in finder(request, text)]


def number_in(text: str) -> int | None:
    """The id that a text is, `17` or `#17`; None for another text."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        return None
    return int(digits)


def lists(request: HttpRequest, text: str) -> Iterator[Found]:
    """The sidebar's pages whose name holds the text."""
    sidebar: Any = UNFOLD["SIDEBAR"]
    for group in sidebar["navigation"]:
        for item in group["items"]:
            may = import_string(item["permission"]) if "permission" in item else None
            if text.lower() in item["title"].lower() and (may is None or may(request)):
                yield Found(item["title"], group["title"].lower(), str(item["link"]), item["icon"])


def answer(request: HttpRequest) -> HttpResponse:
    """What fits, for the theme's dialog, which says so where nothing does; empty without a text."""
    text = request.GET.get("s", "").strip()
    if not text:
        return HttpResponse()
    results = [*lists(request, text), *found(request, text)]
    return TemplateResponse(request, "desk/found.html", {"results": results, "text": text})
