"""The examples run against a real server, as their READMEs say.

They run in this process: importing the SDK in a new one takes seconds.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from label_studio_sdk.client import LabelStudio
from pytest_django.live_server_helper import LiveServer

from accounts import tokens
from evals.jobs import run
from evals.models import ModelEval
from examples import client
from examples.ml_backend import backend
from predictions.demo import TITLE, loading, scenes
from predictions.models import Prediction, Project, Task
from tests.house.quickstarting import run_python

N_SCENES = 4


@pytest.fixture
def server(
    transactional_db: None, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    """A server, and the environment the READMEs ask for."""
    _, key = tokens.create(
        email="ada@example.com", workspace_slug="examples", create_workspace=True, role="owner"
    )
    monkeypatch.setenv("LABEL_STUDIO_URL", live_server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", key)
    # A script ends and its connections with it; the SDK gives us no way to close them.
    opened, make = [], httpx.Client

    def make_and_note(**options: Any) -> httpx.Client:
        opened.append(make(**options))
        return opened[-1]

    monkeypatch.setattr(httpx, "Client", make_and_note)
    yield live_server
    for connection in opened:
        connection.close()


def test_client_compares_two_versions_and_leaves_nothing(
    server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    client.main()
    assert capsys.readouterr().out.splitlines() == [
        "I am ada@example.com",
        "cheerful: 2 of 4 right",
        "by-words: 4 of 4 right",
    ]
    assert not Project.objects.exists()


def test_demo_loads_once_and_backend_predicts_what_is_left(
    server: LiveServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = os.environ["LABEL_STUDIO_API_KEY"]
    made = loading.load(server.url, key, n_scenes=N_SCENES, n_texts=2, progress=False)
    assert made is not None
    project = made[0]
    titles = [one.title for one in Project.objects.order_by("id")]
    assert titles == [TITLE, "Names in news (demo)", "Stars of reviews (demo)"]
    said = Prediction.objects.filter(project=project)
    versions = [str(prediction.model_version) for prediction in said]
    assert sorted(versions) == ["digits-large"] * N_SCENES + ["digits-small"] * N_SCENES
    task = Task.objects.order_by("id")[0]
    embedding = task.meta.pop("embedding")
    assert task.meta == {"split": "train", "image_name": "digits-0000.png"}
    assert len(embedding) == 5
    assert task.annotations.get().ground_truth
    assert loading.load(server.url, key, n_scenes=N_SCENES, progress=False) is None
    # An installation of an earlier release has fewer of them.
    Project.objects.filter(pk=made[2]).delete()
    again = loading.load(server.url, key, n_texts=2, progress=False)
    assert again is not None
    titles = [one.title for one in Project.objects.filter(pk__in=again)]
    assert titles == ["Stars of reviews (demo)"]

    monkeypatch.setattr(sys, "argv", ["backend", "push", "--project", str(project)])
    backend.main()
    backend.main()
    assert capsys.readouterr().out.splitlines() == [
        f"{N_SCENES} predictions stored as digits-backend",
        "0 predictions stored as digits-backend",
    ]
    stored = Prediction.objects.filter(model_version="digits-backend").order_by("id")[0]
    assert stored.result[0]["type"] == "rectanglelabels"


def test_failed_demo_leaves_no_project(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "_fill", fail)
    with pytest.raises(KeyboardInterrupt):
        loading.load(server.url, os.environ["LABEL_STUDIO_API_KEY"], progress=False)
    assert not Project.objects.exists()


def test_backend_speaks_the_protocol() -> None:
    drawn = list(scenes.draw(2))
    images = [{"id": 1, "data": {"image": scene.data_uri()}} for scene in drawn]
    asked = {"tasks": images, "label_config": loading.LABEL_CONFIG}
    transport = httpx.WSGITransport(app=backend.application(backend.Model()))
    with httpx.Client(transport=transport, base_url="http://backend") as labelling_tool:
        assert labelling_tool.get("/health").json()["status"] == "UP"
        version = labelling_tool.post("/setup", json={"project": "1.0"}).json()
        assert version == {"model_version": "digits-backend"}
        assert labelling_tool.get("/versions").json() == {"versions": ["digits-backend"]}
        assert labelling_tool.get("/nothing").status_code == 404
        results = labelling_tool.post("/predict", json=asked).json()["results"]
    assert len(results) == 2
    for scene, prediction in zip(drawn, results, strict=True):
        assert len(prediction["result"]) >= len(scene.truth)
        assert prediction["model_version"] == "digits-backend"


def test_notebook_reads_an_evaluation(server: LiveServer) -> None:
    key = os.environ["LABEL_STUDIO_API_KEY"]
    loading.load(server.url, key, n_scenes=12, n_texts=2, progress=False)
    for pk in ModelEval.objects.values_list("pk", flat=True):
        run.run(pk)
    # In a process of its own: the package reads where the server is when it is imported.
    done = run_python("examples/notebook/analysis.py")
    assert done.returncode == 0, done.stderr
    # The package says first what it loads.
    _, _, said = done.stdout.partition("evaluations\n")
    listed, matrix, worst, splits = (block.splitlines() for block in said.split("\n\n"))
    figures = [line.rpartition(" ")[0] for line in listed]
    assert figures == ["digits/digits-large: mAP50_95", "digits/digits-small: mAP50_95"]
    assert matrix[0] == "digits/digits-large: rows are true, columns are said"
    assert matrix[1].split() == [*"0123456789", "background"]
    assert len(matrix) == 2 + 11
    assert (worst[0], worst[1].split()) == ("most errors", ["imageName", "split", "errors"])
    n_errors = [int(line.split()[-1]) for line in worst[2:]]
    assert len(n_errors) == 3
    assert n_errors == sorted(n_errors, reverse=True)
    assert splits[0] == "mean F1 of the images of each split"
    means = dict(line.split() for line in splits[2:])
    assert set(means) == {"test", "train", "valid"}
    assert all(0 <= float(mean) <= 1 for mean in means.values())


def test_notebook_chooses_the_least_error_and_writes_what_there_is_of_it(
    server: LiveServer,
) -> None:
    config = '<View><Text name="text" value="$text"/><Number name="n" toName="text"/></View>'
    sdk = LabelStudio(base_url=server.url, api_key=os.environ["LABEL_STUDIO_API_KEY"])
    project = Project.objects.get(pk=sdk.projects.create(title="Doses", label_config=config).id)
    answer = {"from_name": "n", "to_name": "text", "type": "number"}
    said = {"near": (1.0004, 1.0004), "far": (1.5, 1.0002)}
    items = [
        {
            "data": {"text": text},
            "annotations": [{"ground_truth": True, "result": [{**answer, "value": {"number": 1}}]}],
            "predictions": [
                {"model_version": version, "result": [{**answer, "value": {"number": numbers[n]}}]}
                for version, numbers in said.items()
            ],
        }
        for n, text in enumerate(("007", "008"))
    ]
    sdk.projects.import_tasks(project.pk, request=items)
    workspace = project.workspace.slug
    easy = {"filter": "filter:tasks:data.text", "operator": "equal", "value": "008"}
    part = {"filters": {"conjunction": "and", "items": [{**easy, "type": "String"}]}}
    for version, more in (*((version, {}) for version in said), ("far", {"query": part})):
        asked = {"project": project.slug, "modelVersion": version, **more}
        headers = {"Authorization": f"Token {os.environ['LABEL_STUDIO_API_KEY']}"}
        address = f"{server.url}/{workspace}/model-evals"
        assert httpx.post(address, json=asked, headers=headers).is_success
    for pk in ModelEval.objects.values_list("pk", flat=True):
        run.run(pk)

    done = run_python("examples/notebook/analysis.py", PROJECT=project.slug)
    assert done.returncode == 0, done.stderr
    listed, matrix, worst, _ = done.stdout.partition("evaluations\n")[2].split("\n\n")
    assert worst.split()[-6:] == ["007", "test", "2", "008", "test", "2"], "names, no numbers"
    assert listed.splitlines() == [
        "far: meanAbsoluteError 0.0002",
        "far: meanAbsoluteError 0.250",
        "near: meanAbsoluteError 0.0004",
    ]
    assert matrix.startswith("near: rows are true"), "not the one of the easiest task"


def test_figures_of_two_versions_say_what_there_is(server: LiveServer) -> None:
    values = [(0.0123456, True), (0.99996, True), (0.0, True), (0.0004, False), (None, True)]
    program = f"""if True:
        from types import SimpleNamespace
        from examples.two_versions.two_versions import figure
        for value, is_high in {values}:
            primary = {{"name": "x", "value": value, "higherIsBetter": is_high}}
            print(figure(SimpleNamespace(summary={{"primary": primary}})))
    """
    done = run_python("-c", program, WORKSPACE="examples")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[-len(values) :]
    assert said == ["x 0.012", "x 0.99996", "x 0.000", "x 0.0004", "x of nothing"]
