"""Receives webhooks, verifies their signatures, and starts an evaluation when a run or a job ends;
or with --gate a program that evaluates and judges.

Reads LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and WEBHOOK_SECRET. Needs `standardwebhooks`.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

#: Ids of deliveries that were handled: one may come twice.
MOST_REMEMBERED = 10_000
#: By the exit code of `examples/ci_gate/gate.py`.
VERDICTS = {0: "good", 1: "worse"}


class Store:
    """The server whose webhooks these are."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address.rstrip("/"), key
        # A proxy of the environment must not stand in between.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send(self, path: str, body: Any = None) -> Any:
        """The answer's document, of a POST where there is a body. HTTPError for other than 2xx."""
        # Below /api/ a bearer is a token that ends, as Label Studio's clients make them.
        scheme = "Token" if path.startswith("/api/") else "Bearer"
        headers = {"Authorization": f"{scheme} {self.key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}", content, headers)
        with self.opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def evaluate(self, project: str, model_version: str) -> str:
        """Starts an evaluation; its id."""
        workspace = self.send("/", {})["workspace"]
        asked = {"project": project, "modelVersion": model_version}
        return str(self.send(f"/{workspace}/model-evals", asked)["evalId"])

    def version_of(self, event: dict[str, Any]) -> str | None:
        """The model version whose predictions are complete now; None for any other event."""
        ended = event.get("run") or event.get("prediction_job") or {}
        if ended.get("status") != "Completed":
            return None
        if "run" not in event:
            return self.predicted_by(ended)
        prompt = f"/api/prompts/{ended['parent_model']}"
        version = self.send(f"{prompt}/versions/{ended['model_version']}")
        return f"{self.send(prompt)['title']}__{version['title']}"

    def predicted_by(self, job: dict[str, Any]) -> str:
        """The version of what the job's backend predicted last: it may name another one than at
        its set-up, as every backend of `label-studio-ml` 1.0.9 does.
        """
        newest = self.send(f"/api/predictions/?project={job['project']}&ordering=-id&limit=100")
        named = (row["model_version"] for row in newest if row["model"] == job["ml_backend"])
        return str(next(named, job["model_version"]))


class Receiver(ThreadingHTTPServer):
    """Listens for deliveries on this machine. `gate` is a command that judges a version; empty for
    an evaluation alone.
    """

    def __init__(self, port: int, store: Store, secret: str, gate: str = "") -> None:
        super().__init__(("", port), Handler)
        self.store, self.verifier, self.gate = store, Webhook(secret), shlex.split(gate)
        self.handled: dict[str, None] = {}
        # A delivery is to be answered within seconds, and a gate waits for its evaluation.
        self.gates = ThreadPoolExecutor(max_workers=1)

    def handle_event(self, event: dict[str, Any]) -> None:
        """Prints what happened, and evaluates what is complete."""
        print(event["action"], flush=True)
        version = self.store.version_of(event)
        if version is not None:
            project = str(event["project"]["id"])
            if self.gate:
                self.gates.submit(self.judge, project, version)
            else:
                made = self.store.evaluate(project, version)
                print(f"evaluating {version}: {made}", flush=True)
        if event["action"] == "EVALUATION_COMPLETED":
            done = event["evaluation"]
            # What evaluations of its kind are known by; one that failed has none.
            known_by = (done.get("summary") or {}).get("primary")
            measured = f"{known_by['name']} {known_by['value']}" if known_by else "nothing measured"
            print(f"{done['evalId']} {done['status']}: {measured}", flush=True)

    def judge(self, project: str, version: str) -> None:
        """Runs the gate, and prints what it says and its verdict."""
        command = [*self.gate, "--project", project, "--model-version", version]
        access = {"EVALUATION_URL": self.store.address, "EVALUATION_API_KEY": self.store.key}
        ended = subprocess.run(
            command, env={**os.environ, **access}, capture_output=True, text=True, check=False
        )
        print(ended.stdout + ended.stderr, end="", flush=True)
        print(f"gate of {version}: {VERDICTS.get(ended.returncode, 'unknown')}", flush=True)


class Handler(BaseHTTPRequestHandler):
    """Answers 204 to what is signed, 401 to anything else, 500 where it could not be handled."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = self.server.verifier.verify(body, headers)
        except WebhookVerificationError:
            self.answer(401)
            return
        message_id = headers["webhook-id"]
        if message_id not in self.server.handled:
            try:
                self.server.handle_event(event)
            except Exception as error:
                # It comes again, after a while.
                print(error, file=sys.stderr, flush=True)
                self.answer(500)
                return
            self.server.handled[message_id] = None
            while len(self.server.handled) > MOST_REMEMBERED:
                self.server.handled.pop(next(iter(self.server.handled)))
        self.answer(204)

    def answer(self, status: int) -> None:
        """An answer without a body."""
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Silent: what matters is printed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--gate", default="", help="A command like examples/ci_gate/gate.py.")
    options = parser.parse_args()
    address = os.environ.get("LABEL_STUDIO_URL", "http://127.0.0.1:8000")
    store = Store(address, os.environ["LABEL_STUDIO_API_KEY"])
    Receiver(options.port, store, os.environ["WEBHOOK_SECRET"], options.gate).serve_forever()


if __name__ == "__main__":
    main()
