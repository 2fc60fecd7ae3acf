"""The OpenAPI document: the committed one is the generated one, valid, and free of warnings."""

import difflib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

SNAPSHOT = Path(__file__).with_name("openapi.yaml")
VERBS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What the code generates; the tests only read it."""
    reset_generator_stats()
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


@pytest.fixture(scope="module")
def rendered(document: dict[str, Any]) -> str:
    """The document as YAML."""
    return OpenApiYamlRenderer().render(document, renderer_context={}).decode()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [on[verb] for on in document["paths"].values() for verb in VERBS & on.keys()]


def test_snapshot_is_what_the_code_generates(rendered: str) -> None:
    difference = difflib.unified_diff(
        SNAPSHOT.read_text().splitlines(keepends=True),
        rendered.splitlines(keepends=True),
        "committed",
        "generated",
        n=3,
    )

    shown = "".join(difference)
    assert not shown, f"Review the difference, then run `make schema`:\n{shown}"


def test_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate_schema(document)


def test_generator_has_nothing_to_complain_about(document: dict[str, Any]) -> None:
    assert document["paths"]
    assert {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache} == {}


def test_each_path_is_documented_once(document: dict[str, Any]) -> None:
    paths = list(document["paths"])

    assert len({path.rstrip("/") for path in paths}) == len(paths)
    assert [path for path in paths if any(mark in path for mark in "()?\\^$.")] == []


def test_operations_have_a_name_a_line_and_a_known_tag(document: dict[str, Any]) -> None:
    every = operations(document)
    ids = [operation["operationId"] for operation in every]
    known = {tag["name"] for tag in document["tags"]}

    assert len(set(ids)) == len(ids)
    # Names the generator makes up end in these.
    assert [name for name in ids if name.endswith(("_create", "_retrieve", "_destroy"))] == []
    assert [op["operationId"] for op in every if not op.get("summary")] == []
    assert [op["operationId"] for op in every if not known & set(op.get("tags", ()))] == []


def test_answers_name_every_key(document: dict[str, Any]) -> None:
    open_ended = [
        name
        for name, schema in document["components"]["schemas"].items()
        if not name.endswith("Request")
        and "properties" in schema
        and schema["additionalProperties"] is not False
    ]

    assert open_ended == []


def test_no_component_is_left_over(document: dict[str, Any], rendered: str) -> None:
    schemas = document["components"]["schemas"]

    assert [name for name in schemas if f"'#/components/schemas/{name}'" not in rendered] == []


def test_a_key_may_be_sent_in_any_of_its_ways(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    get = document["paths"]["/api/predictions/{id}/"]["get"]

    assert [list(option) for option in get["security"]] == [
        [name] for name in ("Token", "ApiKey", "AccessToken", "Session")
    ]
    assert schemes.keys() == {
        "Token",
        "ApiKey",
        "AccessToken",
        "Session",
        "QueryKey",
        "BearerKey",
    }
    assert schemes["AccessToken"]["scheme"] == "bearer"
    assert schemes["ApiKey"]["name"] == "X-Api-Key"


def test_parameters_of_each_path_are_those_in_it() -> None:
    """A generator of clients refuses a path whose parameter is not described."""
    document = yaml.load(SNAPSHOT.read_text(), yaml.CSafeLoader)
    found = {
        f"{verb} {path}"
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if set(re.findall(r"{(\w+)}", path))
        != {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
    }
    assert found == set()
