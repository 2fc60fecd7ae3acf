"""Two hundred clients that are slow in every way, and one that is not and gets its answers.

Each test starts with all threads free, and fails with the client's time-out where they are not.
"""

import http.client
import json
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from predictions.pictures.addresses import address
from predictions_api.serving.connections import TOO_SLOW, WAIT_S
from tests.house.serving import Server, running

pytestmark = pytest.mark.slow

N_SLOW = 200
#: What the client that is not slow waits for any of its answers.
TIMEOUT_S = 60
N_LISTED = 400
CONFIG = (
    "<View><Text name='text' value='$text'/><Choices name='mood' toName='text'>"
    "<Choice value='good'/></Choices></View>"
)


def region(text: str) -> dict[str, Any]:
    return {
        "from_name": "mood",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": ["good"]},
        "meta": {"text": [text]},
    }


class Client:
    """One that sends and reads as fast as it can."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        self.project, self.task, self.other_task = 0, 0, 0
        self.picture = ""

    def ask(self, method: str, path: str, document: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, TIMEOUT_S)
        with closing(connection):
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, self.headers)
            response = connection.getresponse()
            text = response.read()
            assert response.status in {200, 201}, text[:500]
            return text if path in {"/health", "/ready"} else json.loads(text)

    def fill(self) -> None:
        """A project whose list is 4 MB, more than any buffer on its way holds."""
        document = {"title": "Long", "label_config": CONFIG}
        self.project = self.ask("POST", "/api/projects/", document)["id"]
        rng = random.Random(7)
        noise = rng.randbytes(5000).hex()
        items = [
            {"data": {"text": "a"}, "predictions": [{"result": [region(noise)]}]}
            for _ in range(N_LISTED)
        ]
        self.ask("POST", f"/api/projects/{self.project}/import", items)
        tasks = self.ask("GET", f"/api/tasks/?project={self.project}&page_size=1")["tasks"]
        self.task = tasks[0]["id"]
        other = self.ask("POST", "/api/projects/", document)["id"]
        new = {"data": {"text": "b"}, "project": other}
        self.other_task = self.ask("POST", "/api/tasks/", new)["id"]

    def gets_its_answers(self) -> None:
        assert self.ask("GET", "/health") == b'{"status": "UP"}'
        assert json.loads(self.ask("GET", "/ready"))["status"] == "ready"
        small = {"task": self.task, "result": [region("a")]}
        made = self.ask("POST", "/api/predictions/", small)
        assert self.ask("GET", f"/api/predictions/{made['id']}/")["task"] == self.task
        # Larger than what is read without a thread.
        large = {"task": self.other_task, "result": [region("a" * 2_000_000)]}
        assert self.ask("POST", "/api/predictions/", large)["task"] == self.other_task
        pictures = http.client.HTTPConnection("127.0.0.1", self.server.port, TIMEOUT_S)
        with closing(pictures):
            pictures.request("GET", self.picture, headers=self.headers)
            assert len(pictures.getresponse().read()) == 8_000_008
        listed = self.ask("GET", f"/api/predictions/?project={self.project}")
        assert len(listed) >= N_LISTED
        assert made["id"] in {prediction["id"] for prediction in listed}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("slow")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return client_of(server)


def client_of(server: Server) -> Client:
    key = server.manage(
        "token",
        "create",
        "--email",
        "ada@example.com",
        "--workspace",
        "lab",
        "--create-workspace",
        "--role=owner",
    )
    client = Client(server, key)
    client.fill()
    client.picture = picture_of(server)
    return client


def picture_of(server: Server) -> str:
    """The address of a file of 8 MB that begins as a PNG does."""
    folder = server.output.parent / "pictures"
    folder.mkdir()
    (folder / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8_000_000))
    root = server.manage("image_root", "add", str(folder), "--workspace", "lab")
    return address(root, "large.png")


def head(client: Client, first: str, *more: str, key: bool = True) -> bytes:
    lines = [f"{first} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *more]
    lines += [f"Authorization: {client.headers['Authorization']}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode()


LARGE = "Content-Length: 9999999"
CHUNKED = "Transfer-Encoding: chunked"
BEGUN = b'{"result": [' + b" " * 100_000
POST = "POST /api/predictions/"
WHAT_SLOW_CLIENTS_SEND = {
    "nothing": lambda client: b"",
    "half a head": lambda client: head(client, "GET /api/predictions/")[:-2],
    "half a head without a key": lambda client: b"GET /health HTTP/1.1\r\nHost: local",
    "half a small body": lambda client: head(client, POST, "Content-Length: 100") + b"{",
    "half a small body without a key": lambda client: (
        head(client, POST, "Content-Length: 100", key=False) + b"{"
    ),
    "the begin of a large body": lambda client: head(client, POST, LARGE) + b"{",
    "much of a large body": lambda client: head(client, POST, LARGE) + BEGUN,
    "much of a large body without a key": lambda client: (
        head(client, POST, LARGE, key=False) + BEGUN
    ),
    "a chunk": lambda client: head(client, POST, CHUNKED) + b"1\r\n{\r\n",
    "many chunks": lambda client: head(client, POST, CHUNKED) + b"1\r\n \r\n" * 20_000,
    "many chunks without a key": lambda client: (
        head(client, POST, CHUNKED, key=False) + b"1\r\n \r\n" * 20_000
    ),
    "lines": lambda client: (
        head(client, POST, CHUNKED).replace(b"json", b"x-ndjson") + b"1\r\n{\r\n"
    ),
    "that it expects to go on": lambda client: head(client, POST, LARGE, "Expect: 100-continue"),
    # Answers that nobody reads, or whose connection nobody ends.
    "asks for a long list": lambda client: head(
        client, f"GET /api/predictions/?project={client.project}"
    ),
    "asks for a long page": lambda client: head(
        client, f"GET /api/predictions/?project={client.project}&page_size=1000"
    ),
    "asks for a large picture": lambda client: head(client, f"GET {client.picture}"),
    "asks for a large file without a key": lambda client: head(
        client, "GET /static/plotly/plotly.min.js", "Connection: close", key=False
    ),
    "is refused": lambda client: head(
        client, "GET /api/predictions/", "Connection: close", key=False
    ),
}


@contextmanager
def slow_clients(server: Server, text: bytes, n: int = N_SLOW) -> Iterator[list[socket.socket]]:
    """So many connections that have sent the text and read nothing."""
    with ExitStack() as opened:
        socks = []
        for _ in range(n):
            sock = opened.enter_context(closing(socket.socket()))
            # What nobody reads shall not fit into the system's buffers.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(TIMEOUT_S)
            sock.connect(("127.0.0.1", server.port))
            socks.append(sock)
        senders = [threading.Thread(target=partial(send, sock, text)) for sock in socks]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        yield socks


def send(sock: socket.socket, text: bytes) -> None:
    try:
        sock.sendall(text)
    except OSError:
        return  # the server has had enough of it, or does not read yet


@pytest.mark.parametrize("kind", WHAT_SLOW_CLIENTS_SEND)
def test_a_client_gets_its_answers_through_slow_ones(
    server: Server, client: Client, kind: str
) -> None:
    with slow_clients(server, WHAT_SLOW_CLIENTS_SEND[kind](client)):
        client.gets_its_answers()


# What clients send that then send a byte a second, and what they are told in the end.
TRICKLED = {
    "half a head": TOO_SLOW,
    "half a small body": TOO_SLOW,
    "half a small body without a key": TOO_SLOW,
    "the begin of a large body": TOO_SLOW,
    "a chunk": TOO_SLOW,
    "much of a large body": b'"detail":"The request body did not come in time; ',
}


@pytest.mark.slow
def test_who_is_too_slow_is_given_up(tmp_path: Path) -> None:
    """Twenty seconds for a head, thirty for a body or an answer; a byte is no progress."""
    with running(tmp_path) as server, ExitStack() as opened:
        client = client_of(server)
        listed = f"/api/predictions/?project={client.project}&page_size=1000"
        before = client.ask("GET", listed)
        said: dict[str, bytes] = {}
        senders = {}
        for kind in TRICKLED:
            text = WHAT_SLOW_CLIENTS_SEND[kind](client)
            [senders[kind]] = opened.enter_context(slow_clients(server, text, 1))
            said[kind] = b""
        long_list = WHAT_SLOW_CLIENTS_SEND["asks for a long list"](client)
        [reader] = opened.enter_context(slow_clients(server, long_list, 1))
        left = set(senders)
        deadline = time.monotonic() + 4 * WAIT_S
        while left or reader.fileno() >= 0:
            assert time.monotonic() < deadline, left
            select.select([], [], [], 1.0)
            left = {kind for kind in left if trickle(senders[kind], said, kind)}
            if reader.fileno() >= 0 and has_ended(reader):
                reader.close()
        assert [said[kind] for kind in TRICKLED if TRICKLED[kind] not in said[kind]] == []
        after = client.ask("GET", listed)
        assert [row["id"] for row in after] == [row["id"] for row in before]


def trickle(sock: socket.socket, said: dict[str, bytes], kind: str) -> bool:
    """Sends a byte and reads what has come; whether the server still listens."""
    while select.select([sock], [], [], 0)[0]:
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        said[kind] += data
        if not data:
            return False
    try:
        sock.sendall(b" ")
    except OSError:
        return False
    return True


def has_ended(sock: socket.socket) -> bool:
    """Reads a byte; whether the server has ended the connection, whatever nobody has read."""
    polled = select.poll()
    polled.register(sock, 0)
    if polled.poll(0):
        return True
    sock.recv(1)
    return False
