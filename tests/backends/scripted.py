"""A model server that answers as it is told, and remembers what it got."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: A status, and JSON or bytes; status 0 hangs up.
Answer = tuple[int, Any]
Script = Callable[[Any], Answer]


def always(answer: Answer) -> Script:
    """The same answer to each request."""
    return lambda body: answer


@dataclass
class Sent:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


def sentiment(text: str) -> list[dict[str, Any]]:
    label = "pos" if "good" in text else "neg"
    return [
        {
            "from_name": "sentiment",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": [label]},
        }
    ]


def item(task: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the stand-in says of a task."""
    return {"result": sentiment(task["data"]["text"]), "score": 0.75, **more}


def well(body: Any) -> Answer:
    """An item for each task."""
    return 200, {"results": [item(task) for task in body["tasks"]]}


class Scripted:
    """The server: a script for each route, well unless told otherwise."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset()
        self.retry_after: str | None = None

    def reset(self) -> None:
        self.version: Any = "v1"
        self.retry_after = None
        self.sent: list[Sent] = []
        self.in_flight = self.most_in_flight = 0
        self.scripts: dict[str, Script] = {
            "/health": lambda _: (200, {"status": "UP", "model_class": "M"}),
            "/setup": lambda _: (200, {"model_version": self.version}),
            "/predict": well,
            "/webhook": lambda _: (201, {}),
            "/versions": lambda _: (404, b"<html>"),
        }

    def on(self, route: str, script: Script) -> None:
        self.scripts[route] = script

    def bodies(self, path: str) -> list[Any]:
        return [sent.body for sent in self.sent if sent.path == path]

    @property
    def paths(self) -> list[str]:
        return [sent.path for sent in self.sent]

    def asked(self) -> list[list[int]]:
        """The ids of the tasks of each /predict, in order."""
        return [[task["id"] for task in body["tasks"]] for body in self.bodies("/predict")]


def slowly(seconds: float, script: Script = well) -> Script:
    """The same, later. A hanging model is what is tested: the wait is the subject."""

    def answer(body: Any) -> Answer:
        time.sleep(seconds)
        return script(body)

    return answer


def in_turn(*scripts: Script) -> Script:
    """Each once, the last for ever."""
    left = list(scripts)

    def answer(body: Any) -> Answer:
        return (left.pop(0) if len(left) > 1 else left[0])(body)

    return answer


@contextmanager
def running(scripted: Scripted) -> Iterator[str]:
    """Its URL on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body go out together, not a delayed acknowledgement apart.
        wbufsize = -1

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            with scripted.lock:
                scripted.sent.append(Sent(self.command, self.path, dict(self.headers), body))
                scripted.in_flight += 1
                scripted.most_in_flight = max(scripted.most_in_flight, scripted.in_flight)
            try:
                script = scripted.scripts.get(self.path, lambda _: (404, b"<html>"))
                status, found = script(body)
            finally:
                with scripted.lock:
                    scripted.in_flight -= 1
            if status == 0:
                self.close_connection = True
                return
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if scripted.retry_after is not None and status in {429, 503}:
                self.send_header("Retry-After", scripted.retry_after)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
