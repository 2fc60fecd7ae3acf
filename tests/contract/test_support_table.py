"""docs/reference/support.md, the installed clients and the table of routes say the same."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import Resolver404, resolve

from tests.contract.client_routes import (
    Route,
    SdkCall,
    evaluation_routes,
    legacy_routes,
    other_paths,
    route,
    sdk_calls,
    sdk_routes,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "support.md"
ENTRY = re.compile(r"`(?:([A-Z]+) )?(/[^`]*)`")
NAME = re.compile(r"`([^`]+)`")
SCHEMA = Path(__file__).resolve().parent / "openapi.yaml"
# What the operations look for in their bodies beside what they document of them.
READ_BY_HAND = {
    # Refused unless they are the annotation's own.
    "annotations.update": {"project", "task"},
    # The storage that would be changed.
    **{
        f"{direction}_storage.{kind}.validate": {"id"}
        for direction in ("import", "export")
        for kind in ("local", "s3")
    },
}
BELOW = "…"
# What stands for a placeholder: an id, the key of a measure, a workspace, or a type of storages.
FILLINGS = ("1", "tokens", "lab", "s3")
SDK, LEGACY, ROBOFLOW = "Label Studio's SDK", "The legacy client", "Roboflow's client"
# Asked before anything else, by code that puts the address together piece by piece.
LOGIN = [route("POST", "/"), route("GET", "/{workspace}")]
CLIENTS: dict[str, Callable[[], list[Route]]] = {
    SDK: sdk_routes,
    LEGACY: legacy_routes,
    ROBOFLOW: lambda: [*LOGIN, *evaluation_routes()],
}


@dataclass(frozen=True)
class Entry:
    """What a row names: a route, all verbs of a path (verb ""), or with `below` all under it."""

    verb: str
    path: str
    below: bool

    def covers(self, one: Route) -> bool:
        if self.verb not in {"", one.verb}:
            return False
        return one.path == self.path or (self.below and one.path.startswith(f"{self.path}/"))


def entries(section: str, column: str) -> list[Entry]:
    """What stands in the first column of the table of a section that is headed so."""
    text = PAGE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    table = text.partition(f"| {column} |")[2].partition("\n\n")[0]
    found = []
    for line in table.splitlines()[2:]:
        for verb, path in ENTRY.findall(line.split(" | ")[0]):
            named = route(verb, path.removesuffix(BELOW))
            found.append(Entry(verb, named.path, path.endswith(BELOW)))
    return found


def is_served(one: Route) -> bool:
    """Whether the server has the route, as it is sent: no word of it taken for an id."""
    n = one.sent.count("{}")
    return any(_is_served(one.verb, one.sent, given) for given in product(FILLINGS, repeat=n))


def _is_served(verb: str, path: str, given: tuple[str, ...]) -> bool:
    try:
        found = resolve(path.format(*given))
    except Resolver404:
        return False
    if {value for value in found.kwargs.values() if value is not None} - {*given}:
        return False
    view = found.func
    actions = getattr(view, "actions", None)
    if actions is not None:
        return verb.lower() in actions
    made = getattr(view, "view_class", None)
    return made is None or hasattr(made, verb.lower())


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_every_route_of_a_client_is_listed_once(client: str) -> None:
    listed = [*entries(client, "served"), *entries(client, "not served")]
    counts = {one: sum(entry.covers(one) for entry in listed) for one in CLIENTS[client]()}
    assert {str(one): n for one, n in counts.items() if n != 1} == {}


def test_every_row_is_of_the_client(client: str) -> None:
    called = CLIENTS[client]()
    paths = [Route("", path) for path in other_paths()] if client == ROBOFLOW else []
    listed = [*entries(client, "served"), *entries(client, "not served")]
    assert [e for e in listed if not any(map(e.covers, [*called, *paths]))] == []


def test_what_is_listed_as_served_is_served(client: str) -> None:
    served = entries(client, "served")
    assert len(served) > 10
    assert [e for e in served if e.below or not e.verb] == []
    called = [one for one in CLIENTS[client]() if any(e.covers(one) for e in served)]
    assert [str(one) for one in called if not is_served(one)] == []


def test_what_is_listed_as_not_served_is_not(client: str) -> None:
    refused = entries(client, "not served")
    called = [one for one in CLIENTS[client]() if any(e.covers(one) for e in refused)]
    assert [str(one) for one in called if is_served(one)] == []


def test_every_other_path_of_roboflow_is_listed() -> None:
    listed = [*entries(ROBOFLOW, "served"), *entries(ROBOFLOW, "not served")]
    found = [Route("", path) for path in other_paths()]
    assert len(found) > 50

    def is_listed(one: Route) -> bool:
        return any(Entry("", entry.path, entry.below).covers(one) for entry in listed)

    assert [one.path for one in found if not is_listed(one)] == []


def without_effect() -> list[tuple[set[str], set[str]]]:
    """The calls and the parameters of each row of the table of those."""
    text = PAGE.read_text().partition("| call | parameters | why |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in text.splitlines()[2:]]
    return [(set(NAME.findall(row[0])), set(NAME.findall(row[1]))) for row in rows]


def declared(call: SdkCall, document: dict[str, Any]) -> set[str] | None:
    """The parameters and the keys of the body that the operation reads; None where the server has
    none of that route.
    """
    found = [
        (operation, item)
        for path, item in document["paths"].items()
        for verb, operation in item.items()
        if route(verb.upper(), path) == call.route
    ]
    if not found:
        return None
    ((operation, item),) = found
    parameters = [*operation.get("parameters", []), *item.get("parameters", [])]
    names = {one["name"] for one in parameters if one["in"] == "query"}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names |= keys_of(content.get("schema", {}), document)
    return names


def keys_of(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """The keys that objects of a schema, or of an array's items, are read for."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return keys_of(document["components"]["schemas"][name], document)
    parts = [one for kind in ("allOf", "oneOf", "anyOf") for one in schema.get(kind, [])]
    parts += [schema["items"]] if "items" in schema else []
    read = {name for name, one in schema.get("properties", {}).items() if not one.get("readOnly")}
    return read.union(*(keys_of(part, document) for part in parts))


def test_everything_the_sdk_sends_is_read_or_listed_as_without_effect() -> None:
    document = yaml.load(SCHEMA.read_text(), Loader=yaml.CSafeLoader)
    rows = without_effect()
    calls = {call.name: call for call in sdk_calls()}
    assert len(calls) > 300
    unread: dict[str, list[str]] = {}
    for name, call in calls.items():
        read = declared(call, document)
        if read is not None:
            listed = {one for names, given in rows if name in names for one in given}
            if left := (call.query | call.body) - read - listed - READ_BY_HAND.get(name, set()):
                unread[name] = sorted(left)
    assert unread == {}


def test_what_is_listed_as_without_effect_is_sent() -> None:
    calls = {call.name: call.query | call.body for call in sdk_calls()}
    rows = without_effect()
    assert len(rows) > 10
    for names, given in rows:
        assert names - calls.keys() == set()
        assert [name for name in names if not calls[name] & given] == []
        assert given - set().union(*(calls[name] for name in names)) == set()


def test_a_word_is_no_id() -> None:
    assert is_served(route("GET", "/api/projects/{id}/"))
    assert not is_served(route("GET", "/api/projects/counts/"))
    assert not is_served(route("PUT", "/api/version/"))
    assert not is_served(route("GET", "/api/storages/gcs/"))
