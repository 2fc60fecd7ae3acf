"""The pages at /docs/: for everybody, without a key, for reading only."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from predictions_api.docs import library

#: Pictures of these pages come from here; nothing is played.
OWN = {"img-src": [SELF, "data:"], "media-src": None}
LONGEST_SEARCH = 200


def _page_view(view: Callable[..., HttpResponse]) -> Any:
    return csrf_exempt(require_safe(csp_replace(OWN)(view)))


@_page_view
def page(request: HttpRequest, path: str = "") -> HttpResponse:
    """A page by its path below /docs/, or a picture or program that a page leads to.

    404 for others: a page with the navigation for a browser, the error document for a program.
    """
    if (file := library.files().get(library.ADDRESS + path)) is not None:
        return HttpResponse(file.read_bytes(), content_type=library.MEDIA_TYPES[file.suffix])
    url = library.ADDRESS + (f"{path}/" if path else "")
    if url not in library.sources():
        if "text/html" not in request.headers.get("Accept", ""):
            raise Http404
        return _show(request, "docs/missing.html", title="No such page", status=404)
    entries = library.navigation()
    at = next((n for n, entry in enumerate(entries) if entry.url == url), None)
    read = library.page(url)
    return _show(
        request,
        "docs/page.html",
        title=read.title,
        url=url,
        html=read.html,
        sections=[heading for heading in read.headings if heading.level == 2],
        previous=entries[at - 1] if at else None,
        next=entries[at + 1] if at is not None and at + 1 < len(entries) else None,
    )


@_page_view
def search(request: HttpRequest) -> HttpResponse:
    """Headings with the words of `q`."""
    text = request.GET.get("q", "")[:LONGEST_SEARCH]
    return _show(request, "docs/search.html", title="Search", text=text, found=library.search(text))


def _show(
    request: HttpRequest, template: str, *, title: str, status: int = 200, **more: Any
) -> HttpResponse:
    parts = [
        (part, list(entries))
        for part, entries in groupby(library.navigation(), key=lambda entry: entry.part)
    ]
    return render(request, template, {"title": title, "parts": parts, **more}, status=status)
