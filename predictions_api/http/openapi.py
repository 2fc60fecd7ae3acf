"""What every documented operation shares: errors, headers, tags, and how a caller proves who it is.

The rule of the document: an answer holds every key it names and no other. What may be left out
of a request is still in each answer; unknown keys are ignored in requests and never answered.
"""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_field
from rest_framework import serializers

Schema = dict[str, Any]


@extend_schema_field({"type": "null"})
class NullField(serializers.ReadOnlyField):
    """Always null: kept for clients that read it."""


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error under /api/."""

    id = serializers.UUIDField(help_text="In the log, too.")
    status_code = serializers.IntegerField()
    version = serializers.CharField()
    detail = serializers.CharField()
    exc_info = NullField(help_text="Always null.")
    validation_errors = serializers.DictField(
        required=False, help_text="Messages by field, on refused input."
    )


REASONS = {
    400: "Refused input; nothing changed.",
    401: "No key, or one that does not work.",
    403: "The role or the key's scopes do not allow it.",
    404: "Not there, or not yours; or a format other than JSON was named.",
    405: "Another verb on this path; `Allow` names those there are.",
    406: "Only JSON is served.",
    408: "The body did not come in time; nothing was stored.",
    409: "There already is one.",
    413: "The body is too large.",
    415: "A body of this type is not read.",
    429: "Too much is asked at once; `Retry-After` says when to try again.",
    501: "The server lacks what this needs.",
    503: "The database, or the place of files, cannot be reached. Nothing was stored.",
    507: "The server's disk is full. Nothing was stored.",
}
# Whatever an operation does: a wrong Host, format or verb, a body too slow or large, guesses, no
# database, no room.
EVERYWHERE = (400, 404, 405, 406, 408, 413, 429, 503, 507)
ERRORS = {code: OpenApiResponse(ErrorSerializer, reason) for code, reason in REASONS.items()}


def public_errors(*codes: int) -> dict[int, OpenApiResponse]:
    """The documented errors of an operation that needs no key: the given and the general ones."""
    return {code: ERRORS[code] for code in sorted({*codes, *EVERYWHERE})}


def error_responses(*codes: int) -> dict[int, OpenApiResponse]:
    """The documented errors of an operation that needs a key."""
    return public_errors(401, 403, *codes)


# The generator gives a DELETE no body; `extend_schema(extensions=)` can.
BODY_OF_DELETE = "x-body"


def answer_header(name: str, code: int, description: str, **more: Any) -> OpenApiParameter:
    """A header of the answers with this status."""
    return OpenApiParameter(
        name,
        location=OpenApiParameter.HEADER,
        description=description,
        response=[code],
        **more,
    )


class KeyScheme(OpenApiAuthenticationExtension):
    """`Authorization: Token <key>` and its equals."""

    target_class = "accounts.authentication.KeyAuthentication"
    name = ["Token", "ApiKey", "AccessToken"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Any one of them will do."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        """One scheme for each way to send a key."""
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <key>`",
            },
            {
                "type": "apiKey",
                "in": "header",
                "name": "X-Api-Key",
                "description": "The key alone. Overrides Authorization.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token, which lasts 300 seconds: see `refresh_access`.",
            },
        ]


class EvaluationKeyScheme(OpenApiAuthenticationExtension):
    """The evaluation client's ways beside the others."""

    target_class = "accounts.authentication.EvaluationKeyAuthentication"
    name = ["QueryKey", "BearerKey"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Any one of them will do, and those of the other routes."""
        return [{name: []} for name in (*self.name, *KeyScheme.name)]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        """One scheme for each way."""
        return [
            {
                "type": "apiKey",
                "in": "query",
                "name": "api_key",
                "description": "The key alone, as the evaluation client sends it.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "description": "The key, on the evaluation routes only.",
            },
        ]


class SessionScheme(OpenApiAuthenticationExtension):
    """The admin's session."""

    target_class = "accounts.authentication.WorkspaceSessionAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        """A cookie."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Somebody logged in to the admin; writes need X-CSRFToken.",
        }


TAGS = {
    "predictions": "Predictions",
    "tasks": "Tasks",
    "annotations": "Annotations",
    "projects": "Projects",
    "prompts": "Prompts",
    "inference-runs": "Runs",
    "model-run": "Runs",
    "failed": "Runs",
    "subsets": "Runs",
    "subset-tasks": "Runs",
    "model-provider-connections": "Providers",
    "ml": "ML backends",
    "webhooks": "Webhooks",
    "current-user": "Identity",
    "users": "Identity",
    "token": "Identity",
    "audit": "Identity",
    "jwt": "Identity",
    "version": "Service",
}

#: Where the documentation explains the operations of a tag.
PAGES = {
    "Predictions": "/docs/reference/api/",
    "Tasks": "/docs/reference/api/#filters-of-tasks",
    "Annotations": "/docs/reference/numbers/#what-is-counted",
    "Projects": "/docs/guides/bulk/",
    "Prompts": "/docs/guides/prompts/",
    "Runs": "/docs/guides/prompts/#statuses",
    "Providers": "/docs/guides/prompts/#point-a-connection-at-a-model",
    "Evaluations": "/docs/reference/evaluations/#routes",
    "Views": "/docs/reference/api/#tags-and-saved-views",
    "ML backends": "/docs/guides/ml-backends/",
    "Webhooks": "/docs/guides/webhooks/",
    "Import storages": "/docs/guides/storages/",
    "Export storages": "/docs/guides/storages/#export-storages",
    "Identity": "/docs/reference/api/#keys-and-scopes",
    "Service": "/docs/operating/running/",
}


class Operation(AutoSchema):
    """One verb of one route. Its views' docstrings are for whoever reads the code."""

    def get_description(self) -> str:  # type: ignore[override]  # as AutoSchema itself
        """Only what `extend_schema` gives."""
        return ""

    def get_tags(self) -> list[str]:
        """By the last part of the path that has one: a project's tasks are Tasks."""
        named = [TAGS[part] for part in self._tokenize_path() if part in TAGS]
        return named[-1:]


REQUEST_ID = {
    "description": "The request's id, which its log lines carry; X-Request-Id sets it.",
    "schema": {"type": "string"},
    "required": True,
}
EXTRA_HEADERS: Schema = {
    "401": {
        "WWW-Authenticate": {
            "description": "How to authenticate, unless the body was to prove it.",
            "schema": {"type": "string"},
        }
    },
    "429": {
        "Retry-After": {
            "description": "Seconds to wait.",
            "schema": {"type": "integer"},
            "required": True,
        }
    },
    "405": {
        "Allow": {
            "description": "The verbs there are.",
            "schema": {"type": "string"},
            "required": True,
        }
    },
}
ERROR_REF = {"$ref": "#/components/schemas/Error"}
# The routes themselves take any text there, so that the view answers what is no id.
ID_NAME = re.compile(r"id|\w+_(id|pk)")
#: How a route that takes whole numbers alone is described.
DIGITS = "^[0-9]+$"
PLAIN = {"string", "integer", "number", "boolean", "null"}
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def finish(result: Schema, generator: object, **kwargs: Any) -> Schema:
    """Postprocessing hook: what the generator cannot say, said once for the whole document."""
    components = result["components"]
    schemas = components["schemas"]
    for name, schema in schemas.items():
        if "oneOf" in schema:  # alternatives may overlap
            schema["anyOf"] = schema.pop("oneOf")
        if "properties" in schema and not name.endswith("Request"):
            _seal(name, schema, is_written_too=f"{name}Request" in schemas)
    shared: Schema = {}
    for tag in result["tags"]:
        tag |= _page_of(tag["name"])
    result["paths"] = {path.replace("_pk}", "_id}"): on for path, on in result["paths"].items()}
    for operations in result["paths"].values():
        for operation in operations.values():
            _finish_operation(operation, schemas, shared)
            for name in operation["tags"]:
                operation |= _page_of(name)
    components["headers"] = {"RequestId": REQUEST_ID}
    components["responses"] = dict(sorted(shared.items()))
    return result


def _page_of(tag: str) -> Schema:
    """Where the tag is explained; nothing for one that no page explains yet."""
    return {"externalDocs": {"url": PAGES[tag]}} if tag in PAGES else {}


def _seal(name: str, schema: Schema, *, is_written_too: bool) -> None:
    """No key that is not named; all of them, where only a request may leave some out."""
    schema["additionalProperties"] = False
    if name.endswith("Keys"):  # only those the caller chose
        schema.pop("required", None)
    elif is_written_too:
        schema["required"] = sorted(schema["properties"])


def _finish_operation(operation: Schema, schemas: Schema, shared: Schema) -> None:
    if BODY_OF_DELETE in operation:
        operation["requestBody"] = operation.pop(BODY_OF_DELETE)
    for parameter in operation.get("parameters", ()):
        if (
            parameter["in"] == "path"
            and ID_NAME.fullmatch(parameter["name"])
            # Ids of evaluations and their images are texts, and say which.
            and parameter["schema"].get("pattern", DIGITS) == DIGITS
        ):
            parameter["schema"] = {
                "type": "integer",
                "format": "int64",
                "minimum": 1,
                "maximum": 2**63 - 1,
            }
            parameter["name"] = parameter["name"].replace("_pk", "_id")
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        if media_type in FORMS:
            _encode_json(body, schemas)
    responses = operation["responses"]
    for code, response in responses.items():
        status = HTTPStatus(int(code))
        response["description"] = response["description"] or status.phrase
        headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
        response["headers"] = {
            **response.get("headers", {}),
            **EXTRA_HEADERS.get(code, {}),
            **headers,
        }
        content = response.get("content", {}).get("application/json", {})
        if content.get("schema") == ERROR_REF:
            name = "".join(word.capitalize() for word in status.phrase.split())
            shared[name] = response
            responses[code] = {"$ref": f"#/components/responses/{name}"}


def _encode_json(body: Schema, schemas: Schema) -> None:
    """In a form, what is not a plain value is JSON text."""
    name = body["schema"].get("$ref", "").rpartition("/")[2]
    fields = schemas.get(name, {}).get("properties", {})
    encoding = {
        field: {"contentType": "application/json"}
        for field, schema in fields.items()
        if not _is_plain(schema)
    }
    if encoding:
        body["encoding"] = encoding


def _is_plain(schema: Schema) -> bool:
    if "$ref" in schema:  # an enumeration
        return True
    if "oneOf" in schema:
        return all(_is_plain(option) for option in schema["oneOf"])
    kinds = schema.get("type", "object")
    return {kinds} <= PLAIN if isinstance(kinds, str) else set(kinds) <= PLAIN
