"""The client that checks every answer does notice each way an answer can stray."""

import json
import uuid
from typing import Any

import pytest

from predictions.db import prediction_lists
from predictions.models import Project
from tests.checking import NotAsDocumented, contract
from tests.conftest import Caller

HEADERS = {"X-Request-Id": "1", "Content-Type": "application/json"}
DELETED = {"deleted_predictions": 1}
VERSIONS = "/api/projects/1/model-versions/"


def error(status: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "status_code": status,
        "version": "1",
        "detail": "No.",
        "exc_info": None,
        **more,
    }


def check(
    method: str, path: str, status: int, document: Any, headers: dict[str, str] = HEADERS
) -> None:
    body = b"" if document is None else json.dumps(document).encode()
    contract().check(method, path, status, headers, body)


ALLOWED = {"Allow": "GET, DELETE, HEAD, OPTIONS"}
METADATA = {"name": "a", "description": "b", "renders": ["application/json"], "parses": []}


@pytest.mark.parametrize(
    ("method", "path", "status", "document", "headers"),
    [
        ("DELETE", VERSIONS, 200, DELETED, {}),
        ("DELETE", VERSIONS.rstrip("/"), 200, DELETED, {}),
        ("DELETE", VERSIONS.rstrip("/") + ".json", 200, DELETED, {}),
        ("DELETE", VERSIONS, 404, error(404), {}),
        ("DELETE", VERSIONS, 400, error(400, validation_errors={"a": ["b"]}), {}),
        ("DELETE", "/api/predictions/7", 204, None, {}),
        ("HEAD", "/api/predictions/7", 200, None, {}),
        ("PUT", VERSIONS, 405, error(405), ALLOWED),
        ("PUT", VERSIONS, 403, error(403), {}),
        ("GET", "/api/nowhere", 404, error(404), {}),
        ("OPTIONS", VERSIONS, 200, METADATA, {}),
        ("OPTIONS", "/api/nowhere", 200, None, {"access-control-allow-methods": "GET"}),
        ("GET", "/admin/", 500, None, {}),
    ],
)
def test_lets_documented_answers_pass(
    method: str, path: str, status: int, document: Any, headers: dict[str, str]
) -> None:
    check(method, path, status, document, {**HEADERS, **headers})


@pytest.mark.parametrize(
    ("method", "path", "status", "document", "headers"),
    [
        pytest.param("DELETE", VERSIONS, 200, {}, {}, id="a key is missing"),
        pytest.param("DELETE", VERSIONS, 200, {**DELETED, "more": 1}, {}, id="unknown key"),
        pytest.param("DELETE", VERSIONS, 200, {"deleted_predictions": None}, {}, id="null"),
        pytest.param("DELETE", VERSIONS, 200, None, {}, id="no body"),
        pytest.param("DELETE", VERSIONS, 202, DELETED, {}, id="unknown status"),
        pytest.param("DELETE", VERSIONS, 500, error(500), {}, id="server error"),
        pytest.param("DELETE", VERSIONS, 404, {"detail": "No."}, {}, id="no envelope"),
        pytest.param("DELETE", VERSIONS, 404, error(404, id="1"), {}, id="id is no UUID"),
        pytest.param(
            "DELETE", VERSIONS, 200, DELETED, {"Content-Type": "text/html"}, id="not sent as JSON"
        ),
        pytest.param("GET", VERSIONS, 200, {"v1": float("nan")}, {}, id="not JSON"),
        pytest.param("DELETE", "/api/predictions/7", 204, {}, {}, id="body with 204"),
        pytest.param("HEAD", "/api/predictions/7", 200, {}, {}, id="body for HEAD"),
        pytest.param("HEAD", "/api/predictions/7", 201, None, {}, id="unknown status for HEAD"),
        pytest.param("PUT", VERSIONS, 200, DELETED, ALLOWED, id="undocumented verb works"),
        pytest.param("PUT", VERSIONS, 405, error(405), {"Allow": "GET"}, id="Allow forgets"),
        pytest.param("PUT", VERSIONS, 405, error(405), {}, id="no Allow"),
        pytest.param("OPTIONS", VERSIONS, 200, {**METADATA, "a": 1}, {}, id="unknown metadata"),
        pytest.param("OPTIONS", VERSIONS, 405, error(405), {}, id="OPTIONS refused"),
        pytest.param("GET", "/api/nowhere", 200, {}, {}, id="undocumented path works"),
        pytest.param("GET", "/api/nowhere", 404, {}, {}, id="unknown path without envelope"),
    ],
)
def test_fails(method: str, path: str, status: int, document: Any, headers: dict[str, str]) -> None:
    with pytest.raises(NotAsDocumented):
        check(method, path, status, document, {**HEADERS, **headers})


def test_fails_without_request_id() -> None:
    with pytest.raises(NotAsDocumented, match="no X-Request-Id"):
        check("DELETE", VERSIONS, 200, DELETED, {"Content-Type": "application/json"})


def test_a_stream_is_checked_when_it_has_been_read(
    ada: Caller, project: Project, task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_lists, "FIRST_CHUNK", 1)
    for _ in range(2):
        ada.client.post("/api/predictions/", {"task": task, "result": []}, format="json")
    asked: list[bytes] = []
    monkeypatch.setattr("tests.checking.Contract.check", lambda *answer: asked.append(answer[-1]))

    response = ada.client.get("/api/predictions/")
    assert (response.streaming, asked) == (True, [])
    body = b"".join(response)

    assert asked == [body]


def test_callers_use_it(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "tests.checking.Contract.check", lambda self, method, path, *rest: asked.append(path)
    )

    ada.client.get("/api/predictions/")

    assert asked == ["/api/predictions/"]
