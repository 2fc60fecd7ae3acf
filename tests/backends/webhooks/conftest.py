"""A receiver on this machine, webhooks of Ada's, and a worker's work done at once."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backends.db.webhooks import outgoing
from backends.delivery import fanning, sending
from tests.conftest import Caller


@dataclass(frozen=True)
class Got:
    """A request that the receiver got."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Receiver:
    """Answers 200, or what it is told to."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    #: Answers wait until it is set.
    may_answer: threading.Event = field(default_factory=threading.Event)
    hangs_up: bool = False

    @property
    def actions(self) -> list[str]:
        return [one.body["action"] for one in self.got]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.got.append(Got(self.path, dict(self.headers.items()), raw))
        if receiver.hangs_up:
            self.close_connection = True
            self.connection.close()
            return
        receiver.may_answer.wait(20)
        self.send_response(receiver.status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        self.wfile.write(receiver.body)

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):
            self.close_connection = True


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.ALLOW_PRIVATE_URLS = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Receiver(f"http://127.0.0.1:{server.server_port}")
    made.may_answer.set()
    server.receiver = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield made
    made.may_answer.set()
    server.shutdown()
    server.server_close()


Create = Callable[..., dict[str, Any]]


@pytest.fixture
def create() -> Create:
    """Posts a webhook; the document answered."""

    def make(caller: Caller, url: str, **values: Any) -> dict[str, Any]:
        response = caller.client.post("/api/webhooks/", {"url": url, **values}, format="json")
        assert response.status_code == 201, response.content
        document: dict[str, Any] = response.json()
        return document

    return make


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Tells all events and sends all that is due, as workers do; nothing is waited for."""
    monkeypatch.setattr(sending, "STAYS_S", -1.0)

    def run() -> None:
        while fanning.make_deliveries():
            pass
        for webhook in outgoing.busy():
            sending.send(webhook.pk, lambda: False)

    return run
