"""Content-Length, broken bodies and keep-alive, over raw connections to a real server."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
import requests

from tests.house.serving import Server, running

MAX_BODY_BYTES = 6_000_000
TIMEOUT_S = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running(folder, MAX_BODY_BYTES=str(MAX_BODY_BYTES)) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.manage(
        "token",
        "create",
        "--email",
        "raw@example.com",
        "--workspace",
        "raw",
        "--create-workspace",
        "--role=owner",
    )


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, TIMEOUT_S)) as connection:
        yield connection


class Caller:
    """Sends requests with a key over one connection."""

    def __init__(self, connection: http.client.HTTPConnection, key: str) -> None:
        self.connection = connection
        self.headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}

    def send(
        self, method: str, path: str, body: Any = None, *, chunked: bool = False
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, path, body, self.headers, encode_chunked=chunked)
        response = self.connection.getresponse()
        return response, response.read()


@pytest.fixture
def caller(connection: http.client.HTTPConnection, key: str) -> Caller:
    return Caller(connection, key)


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def assert_envelope(status: int, response: http.client.HTTPResponse, body: bytes) -> None:
    document = json.loads(body)
    assert (response.status, document["status_code"]) == (status, status)
    assert list(document)[:5] == ["id", "status_code", "version", "detail", "exc_info"]
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["X-Request-Id"]


# The larger one is spooled to a file.
@pytest.mark.parametrize("n_bytes", [30, 5_000_000])
def test_reads_a_chunked_body(caller: Caller, n_bytes: int) -> None:
    title, description = "Chunked", "x" * n_bytes
    text = json.dumps({"title": title, "description": description}).encode()
    caller.headers["Transfer-Encoding"] = "chunked"

    response, body = caller.send("POST", "/api/projects/", pieces(text, 60_000), chunked=True)

    assert response.status == 201, body[:500]
    assert json.loads(body)["description"] == description
    del caller.headers["Transfer-Encoding"]
    response, _ = caller.send("GET", "/api/version")
    assert response.status == 200


def test_an_empty_chunked_body_is_an_empty_body(caller: Caller) -> None:
    caller.headers["Transfer-Encoding"] = "chunked"

    response, body = caller.send("POST", "/api/tasks/", iter(()), chunked=True)

    assert_envelope(400, response, body)
    assert json.loads(body)["validation_errors"].keys() == {"data", "project"}


def test_refuses_a_chunked_body_over_the_limit(caller: Caller) -> None:
    caller.headers["Transfer-Encoding"] = "chunked"
    text = b"[" + b" " * MAX_BODY_BYTES + b"]"

    response, body = caller.send("POST", "/api/projects/", pieces(text, 60_000), chunked=True)

    assert_envelope(413, response, body)


def test_a_chunked_body_of_just_the_limit_is_read(caller: Caller) -> None:
    caller.headers["Transfer-Encoding"] = "chunked"
    text = b'{"title": 1}'.ljust(MAX_BODY_BYTES)

    response, body = caller.send("POST", "/api/projects/", pieces(text, 60_000), chunked=True)

    assert_envelope(400, response, body)
    assert json.loads(body)["detail"] == "Validation error"


def raw(server: Server, key: str, head: str, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer to a request whose sender stops after `body`."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as sock:
        lines = f"{head} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {key}\r\n"
        sock.sendall(lines.encode() + body)
        sock.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(sock)
        response.begin()
        return response, response.read()


BROKEN = {
    "declared length not reached": b'Content-Length: 90\r\n\r\n{"title": "Half',
    "no last chunk": b'Transfer-Encoding: chunked\r\n\r\n10\r\n{"title": "Half"\r\n',
    "chunk cut short": b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"title": "Half"',
    "chunk without a size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "whole JSON but no last chunk": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
}


@pytest.mark.parametrize("rest", BROKEN.values(), ids=BROKEN)
def test_a_body_that_breaks_off_is_refused(
    server: Server, key: str, caller: Caller, rest: bytes
) -> None:
    before = json.loads(caller.send("GET", "/api/projects/?page_size=1")[1])["count"]

    typed = b"Content-Type: application/json\r\n" + rest
    response, body = raw(server, key, "POST /api/projects/", typed)

    assert_envelope(400, response, body)
    response, body = caller.send("GET", "/api/projects/?page_size=1")
    assert response.status == 200
    assert json.loads(body)["count"] == before


@pytest.mark.parametrize("path", ["/api/projects/", "/api/predictions/", "/api/version", "/health"])
def test_head_sends_the_length_of_get_and_no_body(caller: Caller, path: str) -> None:
    got, body = caller.send("GET", path)
    head, nothing = caller.send("HEAD", path)

    assert (head.status, nothing) == (200, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(body))
    # Had a body followed, this answer would be read from it.
    again, same = caller.send("GET", path)
    assert (again.status, len(same)) == (200, len(body))


@pytest.mark.parametrize("n_over", [1, 30_000_000])
@pytest.mark.parametrize(
    ("client", "body_argument"),
    # Both read the answer of a server that stops listening to them. The SDK uses httpx.
    [(httpx.Client, "content"), (requests.Session, "data")],
)
def test_clients_go_on_after_a_refused_large_body(
    server: Server, key: str, client: Callable[[], Any], body_argument: str, n_over: int
) -> None:
    headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
    body = {body_argument: b" " * (MAX_BODY_BYTES + n_over)}
    with client() as session:
        for _ in range(3):
            refused = session.post(
                f"{server.url}/api/projects/", headers=headers, timeout=TIMEOUT_S, **body
            )

            assert refused.status_code == 413
            assert refused.json()["status_code"] == 413
            # What is left of the body must not be taken for the next request.
            assert session.get(f"{server.url}/api/version").json()["edition"] == "Community"


def test_refuses_a_declared_large_body_before_it_is_sent(server: Server, key: str) -> None:
    declared = f"Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode()

    response, body = raw(server, key, "POST /api/projects/", declared)

    assert_envelope(413, response, body)
