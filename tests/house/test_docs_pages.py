"""The pages of the OpenAPI document need no internet: all they load comes from this server."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

PAGES = ["/docs/swagger/", "/docs/redoc/"]
# Attributes that make a browser fetch something.
FETCHED = {"src", "href", "data", "poster", "srcset"}
# Hosts in style sheets and scripts of the page itself, also without a scheme.
ADDRESS = re.compile(r"""(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s"'()<>]*""", re.IGNORECASE)


class Page(HTMLParser):
    """What a page fetches, and the text of its own scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.inline = ""
        self.is_inside = False
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_inside = tag in {"script", "style"}
        self.fetched += [value for name, value in attrs if name in FETCHED and value]

    def handle_endtag(self, tag: str) -> None:
        self.is_inside = False

    def handle_data(self, data: str) -> None:
        if self.is_inside:
            self.inline += data


def body_of(client: Client, path: str) -> bytes:
    response = client.get(path)
    assert response.status_code == 200, path
    return b"".join(response) if response.streaming else response.content


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize("path", PAGES)
def test_refers_to_no_other_host(client: Client, path: str) -> None:
    page = Page(body_of(client, path).decode())

    assert len(page.fetched) >= 1
    assert [address for address in page.fetched if urlsplit(address).netloc] == []
    assert ADDRESS.findall(page.inline) == []


@pytest.mark.parametrize("path", PAGES)
def test_what_it_fetches_is_served(client: Client, path: str) -> None:
    page = Page(body_of(client, path).decode())
    assets = [urljoin(path, address) for address in page.fetched if not address.startswith("data:")]

    assert [name for name in assets if name.startswith("/static/drf_spectacular_sidecar/")]
    assert [name for name in assets if not body_of(client, name)] == []


@pytest.mark.parametrize("path", PAGES)
def test_styles_fetch_nothing_from_elsewhere(client: Client, path: str) -> None:
    page = Page(body_of(client, path).decode())
    sheets = [body_of(client, name).decode() for name in page.fetched if name.endswith(".css")]
    fetched = [found for sheet in sheets for found in re.findall(r"url\(['\"]?([^)'\"]+)", sheet)]

    assert [address for address in fetched if ADDRESS.match(address)] == []


@pytest.mark.parametrize("path", PAGES)
def test_the_browser_may_ask_nobody_else(client: Client, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    sources = {source for rule in rules.values() for source in rule.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}
    assert rules["script-src"] == "'self'"


@pytest.mark.parametrize("path", PAGES)
def test_reads_our_document(client: Client, path: str) -> None:
    page = Page(body_of(client, path).decode())
    own = [urljoin(path, address) for address in page.fetched if address.startswith(path)]
    text = page.text + "".join(body_of(client, address).decode() for address in own)

    assert "/api/schema/" in text
    assert b"openapi: 3.1.0" in body_of(client, "/api/schema/")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("verb", ["options", "post", "delete"])
def test_pages_are_for_reading(client: Client, path: str, verb: str) -> None:
    response = getattr(client, verb)(path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_the_document_is_built_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/schema/")
    as_json = client.get("/api/schema/?format=json")
    # From now on nothing can build it.
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)

    again = client.get("/api/schema/?version=2&lang=de", headers={"accept": "application/yaml"})

    assert first["Content-Type"] == "application/vnd.oai.openapi; charset=utf-8"
    assert first["Content-Disposition"] == 'inline; filename="Predictions API.yaml"'
    assert as_json["Content-Type"] == "application/vnd.oai.openapi+json"
    assert (again.status_code, again["Content-Type"]) == (200, "application/yaml; charset=utf-8")
    assert again.content == first.content
    assert yaml.load(first.content, yaml.CSafeLoader) == as_json.json()


def test_a_key_that_does_not_work_does_not_matter(client: Client) -> None:
    response = client.get("/api/schema/", headers={"authorization": "Token nothing"})
    assert response.status_code == 200
