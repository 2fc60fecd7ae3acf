"""One client of the mixed load: what it does to a project of its own, and counts."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from benchmarks.bench_requests import REGION

TIMEOUT_S = 120.0
N_TASKS = 40
PASSWORD, EMAIL, WORKSPACE = "a long good one", "load@example.com", "load"
CONFIG = (
    '<View><Image name="image" value="$image"/><Text name="text" value="$text"/>'
    '<RectangleLabels name="label" toName="image"><Label value="Car"/><Label value="Person"/>'
    '</RectangleLabels><Choices name="mood" toName="text"><Choice value="pos"/>'
    '<Choice value="neg"/></Choices></View>'
)
FILE = {
    "classes": ["Car", "Person"],
    "versionId": "7",
    "reports": [
        {
            "confidence": 20,
            "image_results": [
                {
                    "imageId": str(n),
                    "imageName": f"{n}.jpg",
                    "split": "test",
                    "confusion": [[0, 0, 1], [1, 0, 1]],
                }
                for n in range(200)
            ],
        }
    ],
}
# What is read of an evaluation: of one that was imported, and of one that was computed.
OF_EVERY_FILE = (
    "",
    "/image-predictions?limit=50",
    "/image-predictions?format=csv",
    "/confusion-matrix",
)
PANELS = (
    *OF_EVERY_FILE,
    "/confidence-sweep",
    "/map-results",
    "/performance-by-class",
    "/coco",
)
PAGES = (
    "/admin/",
    "/admin/predictions/prediction/",
    "/admin/predictions/project/",
    "/admin/evals/modeleval/",
    "/admin/prompts/modelrun/",
    "/admin/accounts/auditentry/",
)


@dataclass
class Counted:
    """What was asked and how it was answered."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


class Client:
    """One of those who work: over one connection, on a project of its own."""

    def __init__(self, url: str, key: str, number: int, endpoint: str, counted: Counted) -> None:
        self.url, self.key, self.number, self.counted = url, key, number, counted
        self.random = random.Random(number)
        self.session = requests.Session()
        self.session.trust_env = False
        self.desk = requests.Session()
        self.desk.trust_env = False
        self.versions = itertools.count()
        self.prepare(endpoint)

    def ask(self, kind: str, method: str, path: str, *expected: int, **more: Any) -> Any:
        """The document, or the text of what is none; None where the answer is not as expected."""
        if path.startswith(f"/{WORKSPACE}"):
            more["params"] = {"api_key": self.key}
        else:
            more.setdefault("headers", {})["Authorization"] = f"Token {self.key}"
        return self._send(self.session, kind, method, path, *expected, **more)

    def _send(
        self,
        session: requests.Session,
        kind: str,
        method: str,
        path: str,
        *expected: int,
        **more: Any,
    ) -> Any:
        self.counted.requests[kind] += 1
        try:
            answer = session.request(method, self.url + path, timeout=TIMEOUT_S, **more)
        except requests.RequestException as error:
            self.counted.errors.append(f"{kind} {method} {path}: {error!r:.200}")
            return None
        self.counted.statuses[answer.status_code] += 1
        if answer.status_code not in (expected or (200, 201, 202, 204)):
            told = f"{kind} {method} {path}: {answer.status_code} {answer.text[:200]}"
            self.counted.errors.append(told)
            return None
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.json() if is_json and answer.content else answer.text

    def prepare(self, endpoint: str) -> None:
        """A project with tasks, a prompt for it, and a login."""
        title = f"Project {self.number}"
        made = self.ask(
            "prepare", "POST", "/api/projects/", json={"title": title, "label_config": CONFIG}
        )
        self.project, self.slug = made["id"], title.lower().replace(" ", "-")
        items = [
            {
                "data": {"image": f"http://x.y/{n}.jpg", "text": f"good {n}"},
                "annotations": [{"result": [REGION] * 3, "ground_truth": True}],
                "predictions": [
                    {"result": [{**REGION, "score": 0.9}] * 4, "model_version": "v1", "score": 0.9}
                ],
            }
            for n in range(N_TASKS)
        ]
        path = f"/api/projects/{self.project}/import?return_task_ids=true"
        self.tasks = self.ask("prepare", "POST", path, json=items)["task_ids"]
        body = {"provider": "Custom", "endpoint": endpoint, "api_key": "k"}
        connection = self.ask("prepare", "POST", "/api/model-provider-connections/", json=body)
        titled = {"title": f"P{self.number}", "associated_projects": [self.project]}
        prompt = self.ask("prepare", "POST", "/api/prompts/", json=titled)["id"]
        body = {
            "title": "v",
            "prompt": "Mood of {text}?",
            "provider_model_id": "m",
            "model_provider_connection": connection["id"],
        }
        version = self.ask("prepare", "POST", f"/api/prompts/{prompt}/versions", json=body)["id"]
        self.runs = f"/api/prompts/{prompt}/versions/{version}/inference-runs"
        page = "/admin/login/?next=/admin/"
        self._send(self.desk, "prepare", "GET", page)
        form = {
            "username": EMAIL,
            "password": PASSWORD,
            "csrfmiddlewaretoken": self.desk.cookies["csrftoken"],
        }
        self._send(self.desk, "prepare", "POST", page, data=form)

    def task(self) -> int:
        return int(self.random.choice(self.tasks))

    def rows(self, n: int, version: str) -> list[dict[str, Any]]:
        return [
            {"task": self.task(), "result": [REGION] * 5, "model_version": version, "score": 0.5}
            for _ in range(n)
        ]

    def one_prediction(self) -> None:
        row = self.rows(1, "single")[0]
        made = self.ask("create", "POST", "/api/predictions/", json=row)
        if made:
            path = f"/api/predictions/{made['id']}/"
            self.ask("get", "GET", path)
            self.ask("patch", "PATCH", path, json={"score": 0.7})
            self.ask("delete", "DELETE", path)

    def many_predictions(self) -> None:
        version = f"many-{next(self.versions)}"
        n = self.random.choice([100, 1000])
        self.ask("create many", "POST", "/api/predictions/", json=self.rows(n, version))
        query = f"?project={self.project}&model_version={version}"
        self.ask("list", "GET", f"/api/predictions/{query}")
        self.ask("delete version", "DELETE", f"/api/predictions/{query}")

    def large_import(self) -> None:
        version = f"import-{next(self.versions)}"
        path = f"/api/projects/{self.project}/import/predictions"
        headers = {"Idempotency-Key": f"{self.number}-{version}"}
        rows = self.rows(2000, version)
        self.ask("import", "POST", path, json=rows, headers=headers)
        path = f"/api/projects/{self.project}/model-versions/"
        self.ask("delete version", "DELETE", path, json={"model_version": version})

    def tasks_and_annotations(self) -> None:
        body = {"project": self.project, "data": {"image": "http://x.y/z.jpg", "text": "bad"}}
        made = self.ask("create task", "POST", "/api/tasks/", json=body)
        if made:
            path = f"/api/tasks/{made['id']}/"
            self.ask("annotate", "POST", f"{path}annotations/", json={"result": [REGION]})
            self.ask("get task", "GET", path)
            self.ask("delete task", "DELETE", path)

    def read(self) -> None:
        self.ask("list", "GET", f"/api/predictions/?project={self.project}&page_size=100")
        self.ask("list tasks", "GET", f"/api/tasks/?project={self.project}&fields=all&page_size=40")
        self.ask("list projects", "GET", "/api/projects/")
        self.ask("versions", "GET", f"/api/projects/{self.project}/model-versions/?extended=true")

    def export(self) -> None:
        kind = self.random.choice(["JSON", "JSON_MIN", "CSV", "COCO", "YOLO", "VOC"])
        self.ask("export", "GET", f"/api/projects/{self.project}/export?exportType={kind}")
        kind = self.random.choice(["csv", "ndjson", "parquet"])
        path = f"/api/predictions/export?project={self.project}&format={kind}"
        self.ask("export predictions", "GET", path)

    def computed_evaluation(self) -> None:
        body = {"project": self.slug, "modelVersion": "v1"}
        made = self.ask("evaluate", "POST", f"/{WORKSPACE}/model-evals", json=body)
        if made:
            self._evaluation(made["evalId"])

    def imported_evaluation(self) -> None:
        made = self.ask("import eval", "POST", f"/{WORKSPACE}/model-evals/import", json=FILE)
        if made:
            self._evaluation(made["evalId"], OF_EVERY_FILE)

    def _evaluation(self, eval_id: str, panels: Sequence[str] = PANELS) -> None:
        path = f"/{WORKSPACE}/model-evals/{eval_id}"
        for _ in self._until_over():
            found = self.ask("poll", "GET", path)
            if found is None or found["status"] != "running":
                break
        for panel in panels:
            self.ask("panel", "GET", f"{path}{panel}")
        for page in ("", "images/", "matrix/"):
            self.open(f"/admin/evals/modeleval/{eval_id}/{page}")
        self.ask("delete eval", "DELETE", path)

    def run(self) -> None:
        body = {"project": self.project, "project_subset": "All"}
        made = self.ask("run", "POST", self.runs, json=body)
        for _ in self._until_over():
            found = made and self.ask("poll", "GET", f"{self.runs}/{made['id']}")
            if not found or found["status"] not in {"Pending", "InProgress"}:
                break

    def _until_over(self) -> Iterator[None]:
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            yield
            time.sleep(0.2)
        self.counted.errors.append("a job did not end")

    def open(self, path: str) -> None:
        self._send(self.desk, "page", "GET", path, 200)

    def pages(self) -> None:
        self.open(self.random.choice(PAGES))

    def refused(self) -> None:
        self.ask("refused", "POST", "/api/predictions/", 400, json={"task": "x", "result": 7})
        self.ask("refused", "GET", "/api/predictions/999999999/", 404)
        path = f"/api/projects/{self.project}/import/predictions"
        headers = {"Content-Type": "application/json"}
        self.ask("refused", "POST", path, 400, data="{" * 5000, headers=headers)
        headers = {"Authorization": f"Token {self.number:040x}", "Accept": "*/*"}
        self._send(self.session, "refused", "GET", "/api/projects/", 401, 429, headers=headers)

    #: How often each is chosen.
    CHOICES: "tuple[tuple[str, int], ...]" = (
        ("one_prediction", 30),
        ("many_predictions", 6),
        ("large_import", 3),
        ("tasks_and_annotations", 10),
        ("read", 15),
        ("export", 6),
        ("computed_evaluation", 3),
        ("imported_evaluation", 3),
        ("run", 2),
        ("pages", 12),
        ("refused", 8),
    )

    def warm_up(self) -> None:
        """Everything once: what a process loads when it is first asked for it is loaded."""
        for name, _ in self.CHOICES:
            getattr(self, name)()

    def work(self, is_over: threading.Event) -> None:
        names, weights = zip(*self.CHOICES, strict=True)
        while not is_over.is_set():
            (name,) = self.random.choices(names, weights)
            try:
                getattr(self, name)()
            except Exception as error:
                self.counted.errors.append(f"{name}: {error!r:.300}")
