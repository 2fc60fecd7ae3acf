"""How a page of the desk is made, besides those that Django's admin makes by itself.

A page belongs to the admin of the model it is about: `WorkspaceAdmin.pages` names it, its route
below the list's address and its view; `WorkspaceAdmin.found` looks its row up among those that the
caller may see. `render_page` shows it in the theme, with `desk/page.html` as the frame. Scripts are
modules among the static files; what they need stands in the page as JSON.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.template.response import TemplateResponse

from desk.workspace_admin import WorkspaceAdmin


class Crumb(NamedTuple):
    """A step of the way to a page; without an address it is no link."""

    title: str
    url: str = ""


def render_page(
    desk: WorkspaceAdmin,
    request: HttpRequest,
    template: str,
    *,
    title: str,
    crumbs: Sequence[Crumb] = (),
    data: Any = None,
    **context: Any,
) -> TemplateResponse:
    """The template, which extends `desk/page.html`, within the theme.

    `data` goes to the page's script: JSON in `<script id="page-data" type="application/json">`,
    where no text can end the element. `context` goes to the template.
    """
    request.current_app = desk.admin_site.name
    whole = {
        **desk.admin_site.each_context(request),
        "title": title,
        "content_title": title,
        "crumbs": crumbs,
        "data": data,
        **context,
    }
    return TemplateResponse(request, template, whole)
