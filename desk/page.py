"""Renders the desk's own pages, which Django's admin does not have.

A page belongs to the admin class of its model: `WorkspaceAdmin.pages` lists its route and view, and
`WorkspaceAdmin.found` gets its row if the caller may see it. `render_page` renders a template that
extends `desk/page.html`. Scripts are modules among the static files; the page holds their data as
JSON.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from django.http import HttpRequest
from django.template.response import TemplateResponse

from desk.workspace_admin import WorkspaceAdmin

#: The hidden field by which a form that is sent twice is known.
ONCE = "once"


def new_form() -> str:
    """What a form is known by, for its field `once`."""
    return uuid4().hex


class Crumb(NamedTuple):
    """A breadcrumb; no link without an address."""

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
