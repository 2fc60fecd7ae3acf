"""The desk's JavaScript modules in Debian's Chromium, without a server: what they export is called
with values, and what comes back is compared.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import browsing

ADDRESS = "http://modules.test"
EVALUATION = {
    "evalId": "abc1",
    "unit": "image",
    "page": "/admin/evals/modeleval/abc1/",
    "api": "/lab/model-evals/abc1",
    "canonical": 40,
    "defaultSplit": "test",
    "classes": ["cat", "dog"],
}
DOCUMENT = (
    '<!doctype html><script id="page-data" type="application/json">'
    f'{json.dumps(EVALUATION)}</script><link rel="icon" href="data:,">'
)

Call = Callable[..., Any]


def _serve(route: Route) -> None:
    """Static files as the finders know them, and one empty page everywhere else."""
    path = urlsplit(route.request.url).path
    if not path.startswith("/static/"):
        route.fulfill(body=DOCUMENT, content_type="text/html")
        return
    found = finders.find(path.removeprefix("/static/"))
    assert isinstance(found, str), path
    route.fulfill(body=Path(found).read_bytes(), content_type="text/javascript")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for the folder, where nothing asks the database."""
    with browsing() as started:
        yield started


@pytest.fixture(scope="module")
def shared_page(browser: Browser) -> Iterator[Page]:
    """One page for a file's tests: modules are loaded anew by each visit."""
    with browser.new_context(base_url=ADDRESS) as context:
        context.route("**/*", _serve)
        yield context.new_page()


@pytest.fixture
def page(shared_page: Page) -> Page:
    """At an address without a query."""
    shared_page.goto("/admin/evals/modeleval/abc1/")
    return shared_page


@pytest.fixture
def call(page: Page) -> Call:
    """`call(file, body, *values)`: what a function body returns that has the module's exports as
    `m` and the values as `a`, `b`, `c` and `d`.
    """

    def run(file: str, body: str, *values: Any) -> Any:
        script = (
            "async ([file, values]) => { const m = await import(file);"
            f" const [a, b, c, d] = values; {body} }}"
        )
        return page.evaluate(script, [f"/static/{file}", list(values)])

    return run
