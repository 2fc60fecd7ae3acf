"""The pages at /docs/: all of docs/, found from the first page, without a database or a key."""

import re

import pytest
import yaml
from django.test import Client

from predictions_api.docs import library
from predictions_api.http import openapi
from tests.house.serving import ROOT


@pytest.fixture
def client() -> Client:
    return Client()


def test_the_first_page_leads_to_every_page() -> None:
    listed = {library.ADDRESS, *(entry.url for entry in library.navigation())}
    missing = [
        name
        for url, name in library.sources().items()
        if url not in listed and not name.startswith("examples/")
    ]
    assert missing == [], "docs/README.md has no line for these"
    parts = dict.fromkeys(entry.part for entry in library.navigation())
    assert list(parts) == ["Start", "Guides", "Reference", "Operating"]


def test_every_link_and_fragment_leads_somewhere() -> None:
    """Within the pages; what they name of the repository beside them, its files alone."""
    broken = []
    for url in library.sources():
        page = library.page(url)
        for target in re.findall(r'(?:href|src)="([^"]*)"', page.html):
            path, _, fragment = target.partition("#")
            if re.match(r"[a-z]+:", path) or path in library.files():
                continue
            there = path or url
            fragments = {""}
            if there in library.sources():
                fragments |= {heading.slug for heading in library.page(there).headings}
            if there not in library.sources() or fragment not in fragments:
                broken.append((url, target))
    assert broken == []


def test_a_page_says_where_one_is(client: Client) -> None:
    response = client.get("/docs/reference/settings/")
    text = response.content.decode()
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<title>Settings - Predictions API</title>" in text
    assert '<a href="/docs/reference/settings/" aria-current="page">Settings</a>' in text
    assert text.count('aria-current="page"') == 1
    assert re.findall(r'rel="(prev|next)" href="([^"]+)"', text) == [
        ("prev", "/docs/reference/support/"),
        ("next", "/docs/reference/map/"),
    ]
    assert client.get("/docs/reference/settings").content == response.content


@pytest.mark.parametrize(
    ("path", "status", "kind", "begins"),
    [
        ("/docs", 200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/images/matrix.png", 200, "image/png", b"\x89PNG"),
        ("/docs/examples/client.py", 200, "text/plain; charset=utf-8", b'"""From an empty'),
        ("/docs/examples/ci_gate/", 200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/changelog/", 200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/nothing/", 404, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/../manage.py", 404, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/%2e%2e/manage.py", 404, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        ("/docs/reference/settings.md", 404, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    ],
)
def test_what_is_served(client: Client, path: str, status: int, kind: str, begins: bytes) -> None:
    response = client.get(path, headers={"accept": "text/html"})
    assert (response.status_code, response["Content-Type"]) == (status, kind)
    assert response.content.startswith(begins)


def test_a_program_gets_a_document_where_no_page_is(client: Client) -> None:
    response = client.get("/docs/nothing/")
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")


@pytest.mark.parametrize("path", ["/docs/", "/docs/reference/api/", "/docs/search/?q=a"])
def test_pages_run_nothing_and_ask_nobody_else(client: Client, path: str) -> None:
    response = client.get(path)
    text = response.content.decode()
    rules = dict(
        rule.strip().split(" ", 1) for rule in response["Content-Security-Policy"].split(";")
    )
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "'self' data:")
    assert "<script" not in text
    fetched = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', text)
    assert [address for address in fetched if "//" in address] == []
    assert client.post(path).status_code == 405
    assert client.options(path)["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("scopes keys", "/docs/reference/api/#keys-and-scopes"),
        ("SETTINGS", "/docs/reference/settings/"),
    ],
)
def test_search_finds_headings(client: Client, words: str, first: str) -> None:
    text = client.get("/docs/search/", {"q": words}).content.decode()
    found = text.partition('<ul class="found">')[2].partition("</ul>")[0]
    assert re.findall(r'href="([^"]+)"', found)[0] == first


def test_search_says_what_to_do_without_a_find(client: Client) -> None:
    nothing = client.get("/docs/search/", {"q": "<b>zeppelin"}).content.decode()
    assert "No heading has all of these words: &lt;b&gt;zeppelin." in nothing
    assert "Type one or more words" in client.get("/docs/search/").content.decode()
    assert library.search("") == []


def test_each_operation_leads_to_a_heading_that_explains_it() -> None:
    for target in openapi.PAGES.values():
        path, _, fragment = target.partition("#")
        headings = {heading.slug for heading in library.page(path).headings}
        assert not fragment or fragment in headings, target
    document = yaml.load((ROOT / "tests/contract/openapi.yaml").read_text(), yaml.CSafeLoader)
    operations = [one for path in document["paths"].values() for one in path.values()]
    unexplained = {tag for one in operations if "externalDocs" not in one for tag in one["tags"]}
    assert unexplained == set(), "PAGES has no page for these tags"
