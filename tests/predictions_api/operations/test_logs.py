"""The log of a real server: one line a request, and no secret in any of them."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from predictions_api.operations.logs import scrub
from tests.house.server_urls import PAUSE_S
from tests.house.serving import ROOT, Server, running

# Lines are written by the time a response has been read, but by another process.
SEEN_WITHIN_S = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.manage(
        "token",
        "create",
        "--email=logs@example.com",
        "--workspace=logs",
        "--create-workspace",
        "--role=owner",
    )


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    """All lines of a request, once its own has been written."""
    deadline = time.monotonic() + SEEN_WITHIN_S
    while True:
        lines = [json.loads(line) for line in server.written().splitlines() if request_id in line]
        if any(line["event"] == "request" for line in lines):
            return lines
        assert time.monotonic() < deadline, server.written()
        time.sleep(0.02)


def send(server: Server, path: str, method: str = "GET", **more: Any) -> requests.Response:
    headers = {"X-Request-Id": str(uuid.uuid4()), **more.pop("headers", {})}
    return requests.request(
        method, server.url + path, headers=headers, timeout=30, allow_redirects=False, **more
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/version", 200),
        ("GET", "/docs/", 200),
        ("GET", "/nothing/here", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/predictions/", 401),
        ("PATCH", "/api/version", 405),
        ("GET", "/admin/", 302),
        ("GET", "/admin/login/", 200),
        ("GET", "/static/admin/js/core.js", 200),
        ("GET", "/static/nothing.js", 404),
        ("HEAD", "/static/admin/js/core.js", 200),
        ("GET", "/slow", 200),
        ("OPTIONS", "/api/predictions/", 401),
    ],
)
def test_every_answer_has_an_id_and_exactly_one_line(
    server: Server, method: str, path: str, status: int
) -> None:
    response = send(server, path, method)
    assert response.status_code == status
    lines = lines_of(server, response.headers["X-Request-Id"])
    assert response.request.headers["X-Request-Id"] == response.headers["X-Request-Id"]
    (line,) = lines
    shown = {name: line[name] for name in ("event", "method", "path", "status", "level")}
    assert shown == {
        "event": "request",
        "method": method,
        "path": path,
        "status": status,
        "level": "info",
    }
    assert 0 < line["ms"] < 30_000
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("path", ["/api/fails", "/fails"])
def test_a_500_has_one_line_and_its_traceback(server: Server, path: str) -> None:
    response = send(server, path)
    assert response.status_code == 500
    request_id = response.headers["X-Request-Id"]
    lines = lines_of(server, request_id)
    assert sorted(line["event"] == "request" for line in lines) == [False, True]
    (line,) = [line for line in lines if line["event"] == "request"]
    (failure,) = [line for line in lines if line["event"] != "request"]
    assert (line["status"], line["level"], line["error_id"]) == (500, "warning", request_id)
    assert response.json()["id"] == request_id
    assert failure["level"] == "error"
    assert "ValueError: cannot use None of" in failure["exception"]
    assert "raise_with_secrets" in failure["exception"]


def test_the_id_of_an_error_is_in_the_line_when_the_request_has_another(server: Server) -> None:
    request_id = f"mine.{uuid.uuid4().hex[:8]}"
    response = send(server, "/api/predictions/", headers={"X-Request-Id": request_id})
    (line,) = lines_of(server, request_id)
    assert line["error_id"] == response.json()["id"] != request_id
    assert line["detail"] == "Authentication credentials were not provided."


@pytest.mark.parametrize("given", ["two words", "x" * 65, "é", ""])
def test_an_unusable_request_id_is_replaced(server: Server, given: str) -> None:
    response = send(server, "/api/version", headers={"X-Request-Id": given.encode()})
    assert uuid.UUID(response.headers["X-Request-Id"]).version == 4


def test_the_line_of_a_stream_covers_its_end(server: Server) -> None:
    response = send(server, "/slow")
    assert response.content == b"firstlast"
    (line,) = lines_of(server, response.headers["X-Request-Id"])
    assert line["ms"] >= PAUSE_S * 1000


def test_a_stream_that_breaks_has_one_request_line(server: Server) -> None:
    request_id = str(uuid.uuid4())
    with pytest.raises(requests.RequestException):
        _ = send(server, "/breaks", headers={"X-Request-Id": request_id}).content
    lines = lines_of(server, request_id)
    assert [line["event"] for line in lines].count("request") == 1


def test_probes_are_silent_while_they_succeed(server: Server) -> None:
    ids = [send(server, f"/{name}").headers["X-Request-Id"] for name in ("health", "metrics")]
    marker = send(server, "/api/version").headers["X-Request-Id"]
    lines_of(server, marker)
    assert not any(probe in server.written() for probe in ids)


def raw(server: Server, request: bytes) -> None:
    """Bytes that no HTTP client would send, and the answer waited for."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        while connection.recv(4096):
            pass


def senders(server: Server, secret: str) -> list[Callable[[], object]]:
    """Every way a secret may reach the server, right and wrong."""
    as_token = {"Authorization": f"Token {secret}"}
    as_bearer = {"Authorization": f"Bearer {secret}"}
    close = b"Host: localhost\r\nConnection: close\r\n"
    spelled = secret.encode()
    return [
        *[
            lambda path=path, headers=headers: send(server, path, headers=headers)
            for path in ("/api/predictions/", "/api/fails", "/fails", "/breaks?x=1", "/nothing")
            for headers in (
                as_token,
                as_bearer,
                {"X-Api-Key": secret},
                {"Authorization": secret},
                {"Authorization": f"Token {secret} {secret}"},
                {"Authorization": f"Token\t{secret}"},
                {"Authorization": f"token='{secret}'"},
            )
            if path != "/breaks?x=1"
        ],
        *[
            lambda query=query, path=path: send(server, f"{path}?{query}")
            for path in ("/api/predictions/", "/fails", "/nothing", "/lab/model-evals")
            for query in (
                f"api_key={secret}",
                f"a=1&api_key={secret}&b=2",
                f"API_KEY={secret}",
                f"api_key%3D{secret}",
                f"x=1;api_key={secret}",
                f"token={secret}",
                f"api_key=%20{secret}",
            )
        ],
        # A word of no known shape that nothing names as a secret cannot be told from others.
        lambda: send(server, f"/api/projects/{'' if secret.startswith('s3') else secret}/"),
        lambda: send(server, "/api/token/refresh", "POST", json={"refresh": secret}),
        lambda: send(server, "/api/token/blacklist", "POST", json={"refresh": secret}),
        lambda: send(server, "/api/fails", "POST", json={"refresh": secret}, headers=as_token),
        lambda: send(server, "/api/token/refresh", "POST", data='{"refresh": "' + secret),
        lambda: send(
            server, "/admin/login/", "POST", data={"username": "a@b.c", "password": secret}
        ),
        lambda: raw(server, b"GET /?api_key=" + spelled + b" HTTP/9.9\r\n" + close + b"\r\n"),
        lambda: raw(server, b"GET /?api_key=" + spelled + b"\r\n" + close + b"\r\n"),
        lambda: raw(server, b"GE(T /?api_key=" + spelled + b" HTTP/1.1\r\n" + close + b"\r\n"),
        lambda: raw(
            server,
            b"GET / HTTP/1.1\r\nAuthorization : Token " + spelled + b"\r\n" + close + b"\r\n",
        ),
        lambda: raw(
            server, b"GET / HTTP/1.1\r\nX-Api-Key: " + spelled + b"\0\r\n" + close + b"\r\n"
        ),
        lambda: raw(
            server, b"GET / HTTP/1.1\r\nAuthorization Token " + spelled + b"\r\n" + close + b"\r\n"
        ),
    ]


def tokens_of(server: Server, key: str) -> list[str]:
    """A refresh token of the key's owner, and an access token made from it."""
    headers = {"Authorization": f"Token {key}"}
    refresh = send(server, "/api/token/", "POST", headers=headers).json()["token"]
    made = send(server, "/api/token/refresh", "POST", json={"refresh": refresh})
    return [refresh, made.json()["access"]]


def test_no_secret_reaches_the_log(server: Server, key: str) -> None:
    wrong_key = uuid.uuid4().hex + "0000000a"
    hand_made = "s3cret-" + uuid.uuid4().hex[:12]
    secrets = [key, wrong_key, hand_made, *tokens_of(server, key)]
    for secret in secrets:
        for sent in senders(server, secret):
            # An answer may break off; what matters is the log.
            with suppress(requests.RequestException):
                sent()
    marker = send(server, "/api/version").headers["X-Request-Id"]
    lines_of(server, marker)
    written = server.written()
    assert len(written.splitlines()) > 4 * 60
    for secret in secrets:
        assert secret not in written, next(x for x in written.splitlines() if secret in x)
    values = re.findall(r"api_key(?:=|%3D)([^&\s\"';]*)", written, re.IGNORECASE)
    assert len(values) > 20
    assert set(values) == {"***"}
    for line in written.splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("a=1&api_key=hush&b=2", "a=1&api_key=***&b=2"),
        ('{"refresh": "hush", "b": 1}', '{"refresh": "***", "b": 1}'),
        (r"{\"password\":\"hush\"}", r"{\"password\":\"***\"}"),
        ("Authorization: Token hush hush", "Authorization: ***"),
        ("Invalid token header. Token string should", "Invalid token header. Token string should"),
        ("key " + "ab12" * 10 + "!", "key ***!"),
        ("digest " + "ab12" * 16, "digest " + "ab12" * 16),
        (str(uuid.UUID(int=5)), str(uuid.UUID(int=5))),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "***"),
        ("/api/predictions/?task=4&access_mode=2", "/api/predictions/?task=4&access_mode=2"),
    ],
)
def test_scrub(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


LOG_IN_A_TERMINAL = """
import django
django.setup()
import logging
def fail(): sesame = "open" + "sesame"; raise ValueError("no way")
try: fail()
except ValueError: logging.getLogger("here").exception("it failed", extra={})
"""


def test_a_terminal_gets_readable_lines_without_local_variables() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "COLUMNS": "200"}
    subprocess.run(
        [sys.executable, "-c", LOG_IN_A_TERMINAL],
        stderr=theirs,
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=60,
    )
    os.close(theirs)
    written = os.read(ours, 65536).decode()
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", written)
    assert "[error" in plain
    assert "it failed" in plain
    assert "ValueError: no way" in plain
    assert "opensesame" not in plain
    with pytest.raises(json.JSONDecodeError):
        json.loads(plain.splitlines()[0])
