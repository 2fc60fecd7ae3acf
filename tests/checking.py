"""Every answer of the API is held against the OpenAPI document of the code that gave it.

What is not documented fails: a status, a key, a missing key, a null, a content type, a header that
was promised. Unknown routes must be the 404 envelope, verbs without an operation a 405 that names
the others. A test that provokes a 500 on purpose uses rest_framework's own APIClient.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NoReturn

from django.http import StreamingHttpResponse
from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator
from rest_framework.test import APIClient

Document = dict[str, Any]

# Serves the document itself.
SCHEMA_PATH = "/api/schema/"
JSON = "application/json"
# Decided before a view is chosen, or before the view looks at the verb.
BEFORE_THE_VIEW = {400, 404, 413}
BEFORE_THE_VERB = {*BEFORE_THE_VIEW, 401, 403, 405, 406, 429, 503, 507}
OPTIONS_ANSWER = {
    "type": "object",
    "required": ["name", "description", "renders", "parses"],
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "renders": {"const": ["application/json"]},
        "parses": {"type": "array", "items": {"type": "string"}},
        "actions": {"type": "object"},
    },
    "additionalProperties": False,
}
ERROR = {"$ref": "#/components/schemas/Error"}


class NotAsDocumented(AssertionError):
    """The answer is not what the OpenAPI document says."""


class Contract:
    """One OpenAPI document, with a compiled validator for each body it describes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        # Spelt-out names come before parameters that would take them, as in the route table.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self.routes = [(pattern_of(path), path) for path in paths]
        self.validators: dict[str, Draft202012Validator] = {}

    def check(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """NotAsDocumented unless the document foresees this answer. Pages are let through."""
        sent_as = {name.lower(): value for name, value in headers.items()}.get("content-type")
        # Downloads of an evaluation have formats of their own; `source` is the client's file.
        is_panel = "/model-evals" in path and sent_as == JSON and not path.endswith("/source")
        if not (path.startswith("/api/") or is_panel) or path == SCHEMA_PATH:
            return
        Answer(self, method, path, status, headers, body).check()

    def path_of(self, path: str) -> str | None:
        """The documented path that serves a request path, in any of its spellings."""
        return next((name for pattern, name in self.routes if pattern.fullmatch(path)), None)

    def resolved(self, part: Document) -> Document:
        """The part itself, or what its $ref names."""
        if "$ref" not in part:
            return part
        found: Any = self.document
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return dict(found)

    def validator(self, schema: Document) -> Draft202012Validator:
        key = json.dumps(schema)
        if key not in self.validators:
            whole = {**schema, "components": {"schemas": self.document["components"]["schemas"]}}
            self.validators[key] = Draft202012Validator(whole, validate_formats=True)
        return self.validators[key]


def pattern_of(path: str) -> re.Pattern[str]:
    """What a documented path serves: anything for ids, `.json`, with a slash or without."""
    stem = re.sub(r"\\{\w+\\}", "[^/.]+", re.escape(path.rstrip("/")))
    return re.compile(rf"{stem}(\.[a-z0-9]+)?/?")


def needs_query(operation: Document) -> bool:
    """Whether the operation has a required parameter in its query."""
    parameters = operation.get("parameters", ())
    return any(p["in"] == "query" and p.get("required") for p in parameters)


class Answer:
    """One answer, to be held against the document."""

    def __init__(
        self,
        contract: Contract,
        method: str,
        path: str,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self.contract = contract
        self.method = method
        self.path = path
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def fail(self, reason: str) -> NoReturn:
        shown = self.body[:500].decode(errors="replace")
        raise NotAsDocumented(f"{self.method} {self.path} -> {self.status}: {reason}\n{shown}")

    def check(self) -> None:
        self.needs_header("X-Request-Id")
        documented = self.contract.path_of(self.path)
        if self.is_preflight():
            return
        if documented is None:
            self.check_early_error(BEFORE_THE_VIEW, "no such path is documented")
            return
        operations = self.contract.document["paths"][documented]
        if self.method == "OPTIONS":
            self.check_options()
        elif self.method == "HEAD" and "get" in operations:
            self.check_documented(operations["get"])
        elif self.method.lower() in operations:
            self.check_documented(operations[self.method.lower()])
        else:
            self.check_early_error(BEFORE_THE_VERB, "no such verb is documented")
            self.check_allow(operations)

    def is_preflight(self) -> bool:
        """A browser's question about origins, answered by the middleware on any path."""
        return (
            self.method == "OPTIONS"
            and self.status == 200
            and not self.body
            and "access-control-allow-methods" in self.headers
        )

    def check_options(self) -> None:
        if self.status == 200:
            self.check_body(OPTIONS_ANSWER)
        else:
            self.check_early_error(BEFORE_THE_VERB - {405}, "not an answer to OPTIONS")

    def check_early_error(self, statuses: set[int], reason: str) -> None:
        if self.status not in statuses:
            self.fail(reason)
        if self.method != "HEAD":
            self.check_body(ERROR)

    def check_allow(self, operations: Document) -> None:
        if self.status == 405:
            named = {verb.strip() for verb in self.needs_header("Allow").split(",")}
            # A verb that does not exist without its query is not named.
            bare = [verb for verb, on in operations.items() if not needs_query(on)]
            expected = {verb.upper() for verb in bare} | {"OPTIONS"}
            if "GET" in expected:
                expected.add("HEAD")
            if named != expected:
                self.fail(f"Allow names {sorted(named)}, not {sorted(expected)}")

    def check_documented(self, operation: Document) -> None:
        responses = operation["responses"]
        if str(self.status) not in responses:
            self.fail(f"only {', '.join(responses)} are documented")
        response = self.contract.resolved(responses[str(self.status)])
        for name, header in response["headers"].items():
            if self.contract.resolved(header).get("required"):
                self.needs_header(name)
        if self.method == "HEAD" or "content" not in response:
            if self.body:
                self.fail("a body where none is documented")
            return
        sent_as = self.needs_header("Content-Type").partition(";")[0]
        if sent_as != "application/json" and sent_as in response["content"]:
            return
        self.check_body(response["content"]["application/json"]["schema"])

    def check_body(self, schema: Document) -> None:
        media_type = self.needs_header("Content-Type").partition(";")[0]
        if media_type != "application/json":
            self.fail(f"sent as {media_type}")
        try:
            document = json.loads(self.body, parse_constant=self.fail)
        except ValueError as error:
            self.fail(f"not JSON: {error}")
        errors = self.contract.validator(schema).iter_errors(document)
        reasons = [f"at {error.instance_path}: {error.message[:300]}" for error in errors]
        if reasons:
            self.fail("\n".join(reasons[:5]))

    def needs_header(self, name: str) -> str:
        if name.lower() not in self.headers:
            self.fail(f"no {name}")
        return self.headers[name.lower()]


@cache
def contract() -> Contract:
    """The document of the code under test, made once."""
    return Contract(SchemaGenerator().get_schema(request=None, public=True))


class CheckingClient(APIClient):
    """An API client that lets no undocumented answer pass."""

    def generic(self, *args: Any, **kwargs: Any) -> Any:
        """Bytes are bodies, too, which the types of the original deny."""
        return super().generic(*args, **kwargs)

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        headers = dict(response.items())
        method, path = kwargs["REQUEST_METHOD"], kwargs["PATH_INFO"]

        def check(body: bytes) -> None:
            contract().check(method, path, response.status_code, headers, body)

        if isinstance(response, StreamingHttpResponse):
            # Still a stream: whoever reads it to its end has it checked.
            response.streaming_content = _read_through(response.streaming_content, check)
        else:
            check(response.content)
        return response


def _read_through(pieces: Iterable[bytes], check: Callable[[bytes], None]) -> Iterator[bytes]:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        yield piece
    check(bytes(whole))
