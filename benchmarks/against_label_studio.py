"""Eight operations on Label Studio's own server and on this service, in turn, with the same rows.

Label Studio is installed from its package into DIRECTORY (once; it takes minutes and a gigabyte)
and runs there on a Postgres of its own, as this service does. Prints the median of each side's
rates and their ratio. Eight clients, but for the import and the delete of a version, which one
client sends.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--directory", type=Path, default=ROOT / ".data" / "against")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--requests", type=int, default=40, help="of each client in a round")
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--only", default="")
options = parser.parse_args()
os.environ["DATA_DIR"] = str(options.directory / "ours")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django  # noqa: E402
import orjson  # noqa: E402

from benchmarks import label_studio  # noqa: E402
from benchmarks.bench_requests import RESULT, Client, measure  # noqa: E402
from benchmarks.servers import gunicorn  # noqa: E402

CLIENTS = 8
THREADS = 8
#: Tasks of the small project, each with PER_TASK predictions.
TASKS = 400
PER_TASK = 5
#: Predictions of the project that is listed whole, and of the version that is deleted.
LISTED = 20_000
IMPORTED = 10_000
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels></View>'
)
Request = tuple[str, str, bytes]


@dataclass
class Side:
    """One of the two servers, and what it holds."""

    port: int
    key: str
    project: int = 0
    tasks: list[int] = field(default_factory=list)
    #: The project that is listed whole.
    long_project: int = 0
    #: The project that is imported into.
    import_project: int = 0
    import_tasks: list[int] = field(default_factory=list)

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """The answer's document. RuntimeError for a refusal."""
        client = Client(self.port, self.key)
        body = b"" if document is None else orjson.dumps(document)
        status, content = client.send(method, path, body)
        client.close()
        if status >= 300:
            raise RuntimeError(f"{method} {path} was answered {status}: {content[:500]!r}")
        return orjson.loads(content) if content else None

    def new_project(self, title: str, n_tasks: int) -> tuple[int, list[int]]:
        """A project and the ids of its tasks."""
        document = {"title": title, "label_config": CONFIG}
        project = self.call("POST", "/api/projects/", document)["id"]
        tasks = [{"data": {"image": f"http://x.y/{n}.jpg"}} for n in range(n_tasks)]
        path = f"/api/projects/{project}/import"
        answer = self.call("POST", f"{path}?return_task_ids=true", tasks)
        return project, answer["task_ids"]

    def predict(self, project: int, tasks: list[int], n: int, version: str) -> None:
        """Imports n predictions, the same number on each task."""
        items = [
            {
                "task": tasks[i % len(tasks)],
                "result": RESULT,
                "score": 0.5,
                "model_version": version,
            }
            for i in range(n)
        ]
        self.call("POST", f"/api/projects/{project}/import/predictions", items)

    def prepare(self) -> None:
        """The same rows on both sides."""
        self.project, self.tasks = self.new_project("Small", TASKS)
        self.predict(self.project, self.tasks, TASKS * PER_TASK, "v1")
        self.long_project, tasks = self.new_project("Long", 1000)
        self.predict(self.long_project, tasks, LISTED, "v1")
        self.import_project, self.import_tasks = self.new_project("Imports", 1000)

    def prediction_ids(self, n: int) -> list[int]:
        """Ids of predictions of the small project; more are made where there are too few."""
        path = f"/api/predictions/?project={self.project}"
        while len(found := self.call("GET", path)) < n:
            self.predict(self.project, self.tasks, n - len(found), "v1")
        return [row["id"] for row in found[:n]]


def by_client(requests: list[Request]) -> Callable[[int], list[Request]]:
    """Dealt out to the clients."""
    return lambda client: requests[client::CLIENTS]


def created(side: Side, n: int) -> list[Request]:
    return [
        (
            "POST",
            "/api/predictions/",
            orjson.dumps(
                {
                    "task": side.tasks[i % TASKS],
                    "result": RESULT,
                    "score": 0.5,
                    "model_version": "v1",
                }
            ),
        )
        for i in range(n)
    ]


def single(method: str, body: bytes = b"") -> Callable[[Side, int], list[Request]]:
    """A request to each of n predictions."""

    def requests(side: Side, n: int) -> list[Request]:
        return [(method, f"/api/predictions/{i}/", body) for i in side.prediction_ids(n)]

    return requests


def of_tasks(side: Side, n: int) -> list[Request]:
    return [("GET", f"/api/predictions/?task={side.tasks[i % TASKS]}", b"") for i in range(n)]


MANY: dict[str, Callable[[Side, int], list[Request]]] = {
    "create": created,
    "get": single("GET"),
    "predictions of a task": of_tasks,
    "patch": single("PATCH", b'{"score": 0.25}'),
    "delete": single("DELETE"),
}


def rate_of_many(name: str, side: Side) -> float:
    """Requests a second of eight clients."""
    requests = MANY[name](side, CLIENTS * options.requests)
    return measure(side.port, side.key, CLIENTS, by_client(requests))[0]


def rate_of_lists(side: Side) -> float:
    """Whole lists of a project a second, of eight clients that ask at once."""
    request = ("GET", f"/api/predictions/?project={side.long_project}", b"")
    return measure(side.port, side.key, CLIENTS, lambda _: [request])[0]


def rate_of_import(side: Side) -> float:
    """Predictions imported a second."""
    started = time.perf_counter()
    side.predict(side.import_project, side.import_tasks, IMPORTED, "imported")
    return IMPORTED / (time.perf_counter() - started)


def rate_of_delete(side: Side) -> float:
    """Deletes a second of a version of IMPORTED predictions, which are imported before."""
    rate_of_import(side)
    path = f"/api/projects/{side.import_project}/model-versions/"
    started = time.perf_counter()
    side.call("DELETE", path, {"model_version": "imported"})
    return 1 / (time.perf_counter() - started)


def operations() -> Iterator[tuple[str, Callable[[Side], float]]]:
    for name in MANY:
        yield name, partial(rate_of_many, name)
    yield "import of 10,000", rate_of_import
    yield "list of a project of 20,000", rate_of_lists
    # Last, for it takes Label Studio minutes each time.
    yield "delete of a version", rate_of_delete


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from accounts import tokens

    call_command("migrate", verbosity=0)
    _, key = tokens.create(
        email=label_studio.EMAIL, workspace_slug="bench", create_workspace=True, role="owner"
    )
    env = {"SECRET_KEY": "bench", "ALLOWED_HOSTS": "127.0.0.1"}
    shape = {"workers": options.workers, "threads": THREADS}
    with ExitStack() as started:
        port = started.enter_context(gunicorn("predictions_api.wsgi:application", env=env, **shape))
        ours = Side(port, key)
        theirs = Side(
            *started.enter_context(label_studio.running(options.directory / "theirs", **shape))
        )
        for side in (theirs, ours):
            before = time.perf_counter()
            side.prepare()
            print(f"rows in {time.perf_counter() - before:.1f} s", flush=True)
        print(f"{'':28}{'Label Studio':>14}{'this service':>14}{'times':>8}   of each round")
        for name, rate in operations():
            if not options.only or name in options.only:
                report(name, rate, theirs, ours)


def report(name: str, rate: Callable[[Side], float], theirs: Side, ours: Side) -> None:
    """Measures one operation on both sides in turn and prints its line at once."""
    if name in MANY:
        # Both have imported and planned everything before the clock runs.
        rate(theirs), rate(ours)
    rates = [(rate(theirs), rate(ours)) for _ in range(options.rounds)]
    each = " ".join(f"{fast / slow:.1f}" for slow, fast in rates)
    one, other = (statistics.median(side) for side in zip(*rates, strict=True))
    print(f"{name:28}{one:>13.2f}/s{other:>12.2f}/s{other / one:>8.1f}   {each}", flush=True)


if __name__ == "__main__":
    main()
