"""The JSON schema of a document, derived from its declaration, as the OpenAPI document wants it."""

from functools import cache
from typing import Any

import msgspec

from evals.documents.document import Document
from evals.documents.evaluation import Identity

Schema = dict[str, Any]

REF = "#/components/schemas/"


@cache
def schema_of(document: type[Document]) -> Schema:
    """The schema of a document, without references: nested documents stand where they belong."""
    schemas, components = msgspec.json.schema_components([document], ref_template=REF + "{name}")
    schema: Schema = _plain(schemas[0], components)
    return schema


@cache
def about_an_evaluation(document: type[Document]) -> Schema:
    """The schema of a document with the evaluation's identity in front of its own keys."""
    head, body = schema_of(Identity), schema_of(document)
    return {
        **body,
        "properties": {**head["properties"], **body["properties"]},
        "required": [*head["required"], *body["required"]],
    }


def _plain(schema: Any, components: dict[str, Schema]) -> Any:
    if isinstance(schema, list):
        return [_plain(one, components) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        others = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_plain(components[schema["$ref"].removeprefix(REF)], components), **others}
    plain = {key: _plain(value, components) for key, value in schema.items() if key != "title"}
    if "anyOf" in plain:
        return _nullable(plain)
    if "properties" in plain:
        # Property names are no keywords: a property called `title` stays.
        plain["properties"] = {
            name: _plain(value, components) for name, value in schema["properties"].items()
        }
        plain.setdefault("required", [])
        plain.setdefault("additionalProperties", True)
    if "enum" in plain:
        plain.setdefault("type", "string")
    return plain


def _nullable(schema: Schema) -> Schema:
    """One type or null as `{"type": [..., "null"]}`; other alternatives stay as they are."""
    options = [one for one in schema["anyOf"] if one != {"type": "null"}]
    if len(options) != 1 or not isinstance(options[0].get("type"), str):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    only = {**options[0], **rest, "type": [options[0]["type"], "null"]}
    if "enum" in only:
        only["enum"] = [*only["enum"], None]
    return only
