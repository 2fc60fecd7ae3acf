"""A small project whose numbers are checked by hand, and its evaluation.

Images are 100 x 100 pixels, so that per cent are pixels. Test split: `one` has a Car that is found
(0.9); `two` has a Car that is called Person (0.8), a Person that is found (0.6) and a stray Car
(0.15). Valid: `three` has nothing and a Person is reported (0.5). Train: `four` has a Car that
nobody reports. `five` has no ground truth and does not count.
"""

import json
import os
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from evals.jobs import requests, run
from evals.models import ModelEval
from predictions.db import projects
from predictions.imports import tasks as task_import
from predictions.models import Project, Task
from predictions.regions import labelling
from predictions.regions.config import read_config
from tests.checking import CheckingClient
from tests.conftest import IMAGE_CONFIG, Caller, MakeProject, make_caller
from tests.evals.scenes import scene_of, seeded_scene

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SHARED_DATA_DIR", ROOT.parent / "shared" / "data"))
COCO = DATA / "coco_val2014_100"

Json = dict[str, Any]

CAR, PERSON = "Car", "Person"


def box(
    label: str, x: float, y: float, width: float, height: float, score: float | None = None
) -> Json:
    """A rectangle region on an image of 100 x 100 pixels."""
    region: Json = {
        "id": f"{label}-{x}-{y}",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 100,
        "original_height": 100,
        "image_rotation": 0,
        "value": {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "rotation": 0,
            "rectanglelabels": [label],
        },
    }
    return region if score is None else {**region, "score": score}


def task(
    name: str,
    *,
    split: str | None = None,
    truth: list[Json] | None = None,
    said: dict[str, list[Json]] | None = None,
    **meta: Any,
) -> Json:
    """A task to import; `said` has regions by model version."""
    facts = {"split": split} if split else {}
    return {
        "data": {"image": f"http://images.test/set/{name}.jpg?size=1"},
        "meta": {**facts, **meta},
        "annotations": [] if truth is None else [{"result": truth, "ground_truth": True}],
        "predictions": [
            {"result": regions, "model_version": version, "score": 0.5}
            for version, regions in (said or {}).items()
        ],
    }


def tasks() -> list[Json]:
    """The tasks of the module's docstring, version `v1` as told there, `v2` right everywhere."""
    car, person = box(CAR, 10, 10, 20, 20), box(PERSON, 50, 50, 20, 20)
    return [
        task(
            "one",
            split="test",
            truth=[car],
            said={"v1": [box(CAR, 10, 10, 20, 20, 0.9)], "v2": [box(CAR, 10, 10, 20, 20, 0.9)]},
        ),
        task(
            "two",
            truth=[car, person],
            said={
                "v1": [
                    box(PERSON, 10, 10, 20, 20, 0.8),
                    box(PERSON, 50, 50, 20, 20, 0.6),
                    box(CAR, 80, 80, 10, 10, 0.15),
                ],
                "v2": [box(CAR, 10, 10, 20, 20, 0.7), box(PERSON, 50, 50, 20, 20, 0.6)],
            },
        ),
        task(
            "three",
            split="valid",
            truth=[],
            said={"v1": [box(PERSON, 0, 0, 10, 10, 0.5)], "v2": []},
        ),
        task("four", split="train", truth=[car], said={"v2": [box(CAR, 10, 10, 20, 20, 0.6)]}),
        task("five", said={"v1": [box(CAR, 10, 10, 20, 20, 0.9)]}),
    ]


Load = Callable[..., list[int]]


def load(caller: Caller, project: Project, items: list[Json]) -> list[int]:
    """Imports tasks; their ids. Data that the labelling config shows is there in all of them."""
    for key in read_config(project.label_config).keys:
        for item in items:
            item["data"].setdefault(key.name, "something")
    ids: list[int] = task_import.store(project, items, caller.access)["task_ids"]
    return ids


def values(project: Project, version: str = "v1", **more: Any) -> Json:
    """A validated request to compute."""
    return {
        "project": project.slug,
        "modelVersion": version,
        "confidence": 20,
        "writeBack": False,
        **more,
    }


def computed(caller: Caller, project: Project, version: str = "v1", **more: Any) -> ModelEval:
    """An evaluation, computed by a worker in this process."""
    found = requests.create(
        values(project, version, **more), workspace_id=caller.access.workspace_id
    )
    run.run(found.pk)
    found.refresh_from_db()
    return found


def numbers(evaluation: ModelEval) -> Json:
    """The numbers of its summary, which are those of the same data in another project."""
    assert evaluation.summary is not None
    return {name: of for name, of in evaluation.summary.items() if name != "groundTruthDigest"}


class Kept(NamedTuple):
    """What the fixtures of the same names give."""

    ada: Caller
    project: Project
    task_ids: list[int]
    evaluation: ModelEval


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Kept]:
    """Makes the evaluation once for all tests of a module that uses this fixture: for tests that
    read it, since computing it takes longer than most of them.

    It lies in a transaction around those of the tests, so what a test changes is taken back. The
    database's clock stands still for the module. None of its tests may commit.
    """
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # as Django's own
    with django_db_blocker.unblock(), around:
        ada = make_caller("ada@example.com", "lab")
        parsed = labelling.parse(IMAGE_CONFIG)
        fields = {"title": "Cars", "label_config": IMAGE_CONFIG}
        project = projects.create_project(fields, ada.access, parsed=parsed)
        task_ids = load(ada, project, tasks())
        yield Kept(ada, project, task_ids, computed(ada, project))
        transaction.set_rollback(True)


def _kept(request: pytest.FixtureRequest) -> Kept | None:
    if "kept" not in request.fixturenames:
        return None
    found: Kept = request.getfixturevalue("kept")
    return found


@pytest.fixture
def ada(request: pytest.FixtureRequest, db: None) -> Caller:
    """Owns the workspace `lab`."""
    found = _kept(request)
    if found is None:
        return make_caller("ada@example.com", "lab")
    # What a test writes into them stays its own.
    caller = found.ada
    return replace(
        caller,
        user=copy(caller.user),
        workspace=copy(caller.workspace),
        token=copy(caller.token),
        client=CheckingClient(HTTP_AUTHORIZATION=f"Token {caller.key}"),
    )


@pytest.fixture
def project(request: pytest.FixtureRequest, ada: Caller, make_project: MakeProject) -> Project:
    """Ada's project of images."""
    found = _kept(request)
    return make_project(ada) if found is None else Project.objects.get(pk=found.project.pk)


@pytest.fixture
def task_ids(request: pytest.FixtureRequest, ada: Caller, project: Project) -> list[int]:
    """The tasks one to five."""
    found = _kept(request)
    return load(ada, project, tasks()) if found is None else list(found.task_ids)


@pytest.fixture
def evaluation(
    request: pytest.FixtureRequest, ada: Caller, project: Project, task_ids: list[int]
) -> ModelEval:
    """The evaluation of v1, done."""
    found = _kept(request)
    return (
        computed(ada, project) if found is None else ModelEval.objects.get(pk=found.evaluation.pk)
    )


def ids_of(project: Project) -> dict[str, str]:
    """Image ids (task ids as text) by name."""
    return {
        task.data["image"].rpartition("/")[2].partition(".")[0]: str(task.pk)
        for task in Task.objects.filter(project=project)
    }


@pytest.fixture
def get(ada: Caller, evaluation: ModelEval) -> Callable[..., Any]:
    """GETs a panel of the evaluation as the client does: the answer."""

    def send(panel: str = "", **query: Any) -> Any:
        path = f"/lab/model-evals/{evaluation.eval_id}" + (f"/{panel}" if panel else "")
        return ada.client.get(path, query)

    return send


@pytest.fixture(scope="session")
def coco_sample() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if not COCO.exists():
        pytest.skip(f"no COCO sample in {COCO}; set SHARED_DATA_DIR")
    truth = json.loads((COCO / "ground_truth.json").read_text())
    return truth, json.loads((COCO / "detections.json").read_text())


@pytest.fixture(scope="session")
def make_scene():
    return seeded_scene


@pytest.fixture(scope="session")
def scene_from_rows():
    return scene_of


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "golden_matching.json").read_text())
