"""HTML pages of errors for browsers at the desk; everybody else gets the JSON envelope.

Django calls the four handlers, which the root of the routes names, for errors outside of views.
"""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from desk.middleware import DESK
from predictions_api.http.errors import ServerError, json_error

ERRORS = {
    403: ("You may not do that", "Your role in this workspace does not allow it."),
    429: (
        "Too many failed logins",
        "Logging in from your address has to wait. An owner of your workspace can unlock you,"
        " as can whoever runs this service (manage.py unlock).",
    ),
    405: (
        "Only a button's address",
        "Nothing was done. Go back to the page with the button, and press it again.",
    ),
    404: ("Nothing is here", "It does not exist, or not in a workspace you belong to."),
    500: ("Something went wrong", "It is in the server's log, and it was not your fault."),
}

# Shown to people who are not logged in, and by a page that needs no database.
PLAIN = {429, 500}


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser asks; programs do not name HTML among what they accept."""
    return "text/html" in request.headers.get("Accept", "")


def is_at_desk(request: HttpRequest) -> bool:
    """Whether the address is one of the desk's."""
    return request.path_info.startswith(DESK)


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """The HTML page of an error, at the desk with the sidebar for people who are logged in."""
    title, text = ERRORS[status]
    context: dict[str, Any] = {"title": title, "text": text, "status": status}
    if status not in PLAIN and is_at_desk(request) and hasattr(request, "user"):
        context = {**admin.site.each_context(request), **context}
        return render(request, "desk/error.html", context, status=status)
    return render(request, "desk/plain_error.html", context, status=status)


class VerbPage(MiddlewareMixin):
    """Middleware: a page where a browser opens an address that only takes what a button sends, as
    it does after a login that the button asked for.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The response, or the page in its place."""
        is_opened = request.method == "GET" and is_at_desk(request) and wants_page(request)
        if response.status_code != 405 or not is_opened:
            return response
        page = error_page(request, 405)
        page["Allow"] = response["Allow"]
        return page


def locked_out(
    request: HttpRequest, response: HttpResponseBase | None, credentials: Any
) -> HttpResponse:
    """What django-axes answers to a login that is locked: AXES_LOCKOUT_CALLABLE."""
    answer = error_page(request, 429)
    answer["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return answer


def favicon(request: HttpRequest) -> HttpResponseBase:
    """/favicon.ico, which browsers ask for whatever a page names."""
    return HttpResponsePermanentRedirect(static("theme/icon.svg"))


def home(request: HttpRequest) -> HttpResponseBase:
    """/ sends a browser to the desk, and tells a program where the documentation is."""
    if wants_page(request):
        return HttpResponseRedirect(DESK)
    at = request.build_absolute_uri
    return JsonResponse(
        {
            "name": "Predictions API",
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "desk": at(DESK),
            "docs": at(reverse("docs")),
            "schema": at(reverse("schema")),
            "health": at(reverse("health")),
        }
    )


def desk(request: HttpRequest) -> HttpResponseBase:
    """Redirects /admin to /admin/."""
    return HttpResponsePermanentRedirect(DESK)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404: a page for a browser, a JSON document for a program."""
    if wants_page(request):
        return error_page(request, 404)
    return json_error(404, "Not found.")


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500, for what fails outside the REST layer."""
    if wants_page(request):
        return error_page(request, 500)
    return json_error(500, str(ServerError.default_detail))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400: a wrong Host header, a malformed multipart body."""
    return json_error(400, "Bad request.")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403, for the admin's own refusals."""
    if wants_page(request):
        return error_page(request, 403)
    return json_error(403, "Forbidden.")
