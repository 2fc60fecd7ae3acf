"""What / and unknown addresses answer to a browser, and to a program."""

from typing import Any

import pytest
from django.test import Client

from tests.conftest import Caller, desk_of

BROWSER: Any = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM: Any = {"HTTP_ACCEPT": "*/*"}


def test_the_root() -> None:
    client = Client()
    sent = client.get("/", **BROWSER)
    assert (sent.status_code, sent["Location"]) == (302, "/admin/")
    told = client.get("/", **PROGRAM)
    at = "http://testserver"
    assert told.json() == {
        "name": "Predictions API",
        "version": "0.1.0",
        "desk": f"{at}/admin/",
        "docs": f"{at}/docs",
        "schema": f"{at}/api/schema/",
        "health": f"{at}/health",
    }


@pytest.mark.parametrize("path", ["/nothing/at/all/here", "/api/nothing"])
@pytest.mark.parametrize(
    ("asks", "kind"), [(BROWSER, "text/html; charset=utf-8"), (PROGRAM, "application/json")]
)
def test_an_unknown_address(db: Any, path: str, asks: Any, kind: str) -> None:
    answer = Client().get(path, **asks)
    assert (answer.status_code, answer["Content-Type"]) == (404, kind)
    assert ("Nothing is here" in answer.content.decode()) == (kind != "application/json")


@pytest.mark.parametrize(
    ("asks", "title"), [(BROWSER, "Only a button&#x27;s address"), (PROGRAM, "")]
)
def test_what_only_a_button_asks_for(rita: Caller, asks: Any, title: str) -> None:
    """A login that a button asked for opens the button's address."""
    answer = desk_of(rita).get("/admin/logout/", **asks)
    shown = answer.content.decode()
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")
    assert (title in shown, bool(shown)) == (True, bool(title))
