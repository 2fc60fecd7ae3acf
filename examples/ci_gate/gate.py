"""Fails a CI build if a model version is worse than the last one that was evaluated.

Evaluates the stored predictions of a version, then compares its mAP and each class's recall with
the newest finished evaluation before it. Exit codes: 0 no worse (or nothing to compare with),
1 worse, 2 the evaluation failed or the server refused. Only the standard library is needed.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

WORSE, BROKEN = 1, 2
POLL_S = 1.0


class Refused(Exception):
    """The server refused a request; the message is its own."""


class Server:
    """The evaluation routes of one workspace."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address.rstrip("/"), key
        # A proxy of the build's environment must not stand in between.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.workspace = self.send("POST", "/")["workspace"]

    def send(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's document. Refused for every other than 2xx."""
        url = f"{self.address}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, content, headers, method=method)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode(errors="replace")) from error

    def evals(self, method: str, path: str = "", body: Any = None, **query: str) -> Any:
        """The answer of an evaluation route of the workspace."""
        return self.send(method, f"/{self.workspace}/model-evals{path}", body, **query)


def evaluate(server: Server, project: str, version: str, *, within_s: float) -> str:
    """The id of a finished evaluation. Refused with the reason it failed for."""
    made = server.evals("POST", body={"project": project, "modelVersion": version})
    deadline = time.monotonic() + within_s
    while made["status"] == "running":
        if time.monotonic() > deadline:
            raise Refused(f"{made['evalId']} is not done after {within_s:.0f} s.")
        time.sleep(POLL_S)
        made = server.evals("GET", f"/{made['evalId']}")
    if made["status"] == "failed":
        raise Refused(made["failureReason"])
    return str(made["evalId"])


def before(server: Server, project: str, eval_id: str) -> str | None:
    """The newest finished evaluation of the project before this one."""
    listed = server.evals("GET", project=project, status="done", limit="200")["evals"]
    ids = [one["evalId"] for one in listed]
    earlier = ids[ids.index(eval_id) + 1 :]
    return earlier[0] if earlier else None


def measures(server: Server, eval_id: str) -> dict[str, float]:
    """mAP and each class's recall on the test split, by name; those without a value are absent."""
    rows = server.evals("GET", f"/{eval_id}/performance-by-class")["classes"]
    found = {f"recall of {row['className']}": row["recall"] for row in rows}
    headline = server.evals("GET", f"/{eval_id}")["summary"]["mAP"]
    return {"mAP": headline, **found} if headline is not None else found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", required=True)
    parser.add_argument("--model-version", required=True)
    parser.add_argument("--tolerance", type=float, default=0.01, help="How much may be lost.")
    parser.add_argument("--within", type=float, default=600.0, help="Seconds to wait.")
    options = parser.parse_args()
    try:
        server = Server(os.environ["EVALUATION_URL"], os.environ["EVALUATION_API_KEY"])
        eval_id = evaluate(server, options.project, options.model_version, within_s=options.within)
        last = before(server, options.project, eval_id)
        now = measures(server, eval_id)
        then = measures(server, last) if last else {}
    except (Refused, OSError, KeyError) as error:
        print(f"cannot tell: {error}", file=sys.stderr)
        return BROKEN
    worse = [name for name in now.keys() & then if now[name] < then[name] - options.tolerance]
    for name, value in now.items():
        was = f"{then[name]:.3f}" if name in then else "-"
        print(f"{name:30} {was:>8} -> {value:.3f}{'  WORSE' if name in worse else ''}")
    print(f"{eval_id} against {last or 'nothing'}: {'worse' if worse else 'no worse'}")
    return WORSE if worse else 0


if __name__ == "__main__":
    sys.exit(main())
