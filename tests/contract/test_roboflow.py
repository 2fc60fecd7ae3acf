"""The evaluation client itself, SDK and command line, against a live server through API_URL.

The older release is tried where ROBOFLOW_OLD_PYTHON names an interpreter that has what
roboflow-1.3.9.txt pins, as `.ci/run` prepares one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accounts import tokens
from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject, make_caller
from tests.evals.conftest import computed, load, tasks
from tests.evals.imports.test_import import DOCUMENT

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = Path(__file__).with_name("roboflow_session.py")
OLD = os.environ.get("ROBOFLOW_OLD_PYTHON", "")
PANELS = [
    "map_results",
    "confidence_sweep",
    "performance_by_class",
    "confusion_matrix",
    "image_predictions",
    "recommendations",
]


class Client:
    """Runs steps with the client of one interpreter."""

    def __init__(self, address: str, key: str, folder: Path, python: str = sys.executable) -> None:
        self.python = python
        self.environment = {
            **os.environ,
            "API_URL": address,
            "ROBOFLOW_API_KEY": key,
            # A file, whatever its name says; none there means no saved login.
            "ROBOFLOW_CONFIG_DIR": str(folder / "config.json"),
            "NO_PROXY": "127.0.0.1,localhost",
            "HOME": str(folder),
        }

    def run(self, *steps: dict[str, Any]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [self.python, str(SCRIPT)],
            input=json.dumps(steps),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["answers"]
        return answers


def cli(*arguments: Any, **more: Any) -> dict[str, Any]:
    return {"cli": ["--json", "eval", *map(str, arguments)], **more}


def sdk(method: str, **arguments: Any) -> dict[str, Any]:
    return {"sdk": [method, arguments]}


@pytest.fixture
def client(address: str, ada: Caller, tmp_path: Path) -> Client:
    return Client(address, ada.key, tmp_path)


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    made = make_project(ada)
    load(ada, made, tasks())
    return made


@pytest.fixture(params=["computed", "imported"])
def found(request: pytest.FixtureRequest, ada: Caller, project: Project) -> ModelEval:
    """A finished evaluation, of version 4."""
    if request.param == "computed":
        return computed(ada, project, versionId="4", modelId="cars/4")
    answer = ada.client.post("/lab/model-evals/import", DOCUMENT, format="json")
    return ModelEval.objects.get(eval_id=answer.json()["evalId"])


def panel(caller: Caller, found: ModelEval, name: str, **query: Any) -> Any:
    path = f"/lab/model-evals/{found.eval_id}/{name.replace('_', '-')}"
    return caller.client.get(path, query).json()


def test_sdk(client: Client, ada: Caller, found: ModelEval) -> None:
    eval_id = found.eval_id
    listed, got, compared, paged, matrix, *panels = client.run(
        sdk("evals", project="cars", status="done"),
        sdk("to_dict", eval_id=eval_id),
        sdk("compare_model_evaluations", project="cars", version=4),
        sdk("image_predictions", eval_id=eval_id, split="test", confidence=20, limit=1, offset=1),
        sdk("confusion_matrix", eval_id=eval_id, split="all", confidence=60),
        *(sdk(name, eval_id=eval_id) for name in PANELS),
    )

    assert [one["evalId"] for one in listed["value"]] == [eval_id]
    assert got["value"] == ada.client.get(f"/lab/model-evals/{eval_id}").json()
    [model] = compared["value"]["models"]
    assert (model["modelId"], model["onFrontier"]) == ("cars/4", True)
    assert len(paged["value"]["images"]) == 1
    assert paged["value"]["totalImages"] == 2
    assert matrix["value"]["confidenceThreshold"] == 0.6
    for name, answer in zip(PANELS, panels, strict=True):
        assert answer["value"] == panel(ada, found, name), name


def test_sdk_exceptions(client: Client, ada: Caller, project: Project, olga: Caller) -> None:
    done = computed(ada, project)
    running = ModelEval.objects.create(
        workspace=ada.workspace,
        project=project,
        version_id="1",
        task_type="object-detection",
        matching="iou-class-first/1",
    )
    _, blind = tokens.issue(user=ada.user, workspace=ada.workspace, scopes=["predictions:read"])
    answers = client.run(
        sdk("to_dict", eval_id="x" * 20),
        sdk("map_results", eval_id=running.eval_id),
        sdk("performance_by_class", eval_id=done.eval_id, split="all"),
        sdk("confusion_matrix", eval_id=done.eval_id, confidence=101),
        sdk("vector_analysis", eval_id=done.eval_id),
        sdk("evals", project="cars", version="4"),
        {**sdk("to_dict", eval_id=done.eval_id), "api_key": olga.key},
        {**sdk("evals"), "api_key": blind},
        {**sdk("evals"), "api_key": "a" * 40},
    )

    assert [answer.get("error") for answer in answers] == [
        "ModelEvalNotFoundError",
        "ModelEvalNotDoneError",
        "InvalidSplitError",
        "InvalidConfidenceError",
        "ModelEvalNotFoundError",
        "RoboflowError",
        "ModelEvalNotFoundError",
        "ModelEvalAccessError",
        "RuntimeError",
    ]
    assert "still running" in answers[1]["message"]
    assert "meta.embedding" in answers[4]["message"]
    assert "model-eval:read" in answers[7]["message"]


@pytest.mark.slow
def test_every_command(client: Client, ada: Caller, found: ModelEval) -> None:
    eval_id = found.eval_id
    commands = [
        cli("list"),
        cli("list", "-p", "cars", "-s", "done", "-n", 5),
        cli("get", eval_id),
        cli("map-results", eval_id),
        cli("confidence-sweep", eval_id),
        cli("performance-by-class", eval_id, "-s", "test"),
        cli("confusion-matrix", eval_id, "-s", "all", "-c", 60),
        cli("image-predictions", eval_id, "-s", "all", "-n", 2, "-o", 1, "-c", 20),
        cli("recommendations", eval_id),
        cli("compare", "-p", "cars", "-v", 4, "--frontier-metric", "mAP"),
        {"cli": ["eval", "list"]},
        {"cli": ["eval", "get", eval_id]},
        {"cli": ["eval", "performance-by-class", eval_id]},
        {"cli": ["eval", "image-predictions", eval_id]},
        {"cli": ["eval", "confusion-matrix", eval_id]},
        {"cli": ["eval", "compare", "-p", "cars", "-v", "4"]},
        {"cli": ["auth", "status"]},
        {"cli": ["--json", "workspace", "get", "lab"]},
    ]
    answers = client.run(*commands)

    for command, answer in zip(commands, answers, strict=True):
        expected = {0, 2} if command["cli"][0] == "auth" else {0}
        assert answer["exit"] in expected, (command, answer)
    matrix = json.loads(answers[6]["out"])
    assert matrix == panel(ada, found, "confusion_matrix", split="all", confidence=60)
    table = json.loads(answers[5]["out"])
    assert table == panel(ada, found, "performance_by_class")
    assert eval_id in answers[10]["out"]
    assert "Status:  done" in answers[11]["out"]


@pytest.mark.slow
def test_exit_codes(client: Client, ada: Caller, project: Project) -> None:
    done = computed(ada, project).eval_id
    running = ModelEval.objects.create(
        workspace=ada.workspace,
        project=project,
        version_id="1",
        task_type="object-detection",
        matching="iou-class-first/1",
    ).eval_id
    blind = make_caller("blind@example.com", "lab", scopes=["predictions:read"])
    panels = [
        "map-results",
        "confidence-sweep",
        "performance-by-class",
        "confusion-matrix",
        "vector-analysis",
        "image-predictions",
        "recommendations",
    ]
    expected = [
        *((cli(name, "x" * 20), 3) for name in ("get", *panels)),
        *((cli(name, running), 4) for name in panels),
        (cli("get", running), 0),
        (cli("vector-analysis", done), 3),
        (cli("performance-by-class", done, "-s", "all"), 5),
        (cli("confusion-matrix", done, "-s", "dev"), 5),
        (cli("confusion-matrix", done, "-c", 101), 5),
        (cli("image-predictions", done, "-c", -1), 5),
        (cli("image-predictions", done, "-n", 1001), 1),
        (cli("list", "-p", "cars", "-v", 4), 1),
        (cli("list", "-s", "queued"), 1),
        (cli("compare", "-p", "nobody", "-v", 1), 3),
        (cli("list", api_key=blind.key), 2),
        (cli("list", api_key="a" * 40), 2),
    ]
    answers = client.run(*(step for step, _ in expected))

    found = [
        (step["cli"], answer["exit"]) for (step, _), answer in zip(expected, answers, strict=True)
    ]
    assert found == [(step["cli"], code) for step, code in expected]


def test_a_slash_at_the_end_of_the_address(address: str, ada: Caller, tmp_path: Path) -> None:
    client = Client(f"{address}/", ada.key, tmp_path)

    listed, commanded = client.run(sdk("evals"), cli("list"))
    assert listed == {"value": []}
    assert commanded["exit"] == 0


@pytest.mark.skipif(
    not Path(OLD).is_file(), reason="ROBOFLOW_OLD_PYTHON names no interpreter with roboflow 1.3.9"
)
def test_the_older_release(address: str, ada: Caller, found: ModelEval, tmp_path: Path) -> None:
    client = Client(address, ada.key, tmp_path, python=OLD)
    eval_id = found.eval_id

    listed, got, missing, matrix, commanded, exits, *panels = client.run(
        sdk("evals"),
        sdk("to_dict", eval_id=eval_id),
        sdk("to_dict", eval_id="x" * 20),
        sdk("confusion_matrix", eval_id=eval_id, split="all"),
        cli("list"),
        cli("get", "x" * 20),
        *(sdk(name, eval_id=eval_id) for name in PANELS),
    )
    assert [one["evalId"] for one in listed["value"]] == [eval_id]
    assert got["value"]["status"] == "done"
    assert missing["error"] == "ModelEvalNotFoundError"
    assert matrix["value"]["split"] == "all"
    assert (commanded["exit"], exits["exit"]) == (0, 3)
    for name, answer in zip(PANELS, panels, strict=True):
        assert answer["value"] == panel(ada, found, name), name
