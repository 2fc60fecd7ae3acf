"""GET /api/predictions/export and `manage.py dump`: who may, which version, where the files go."""

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from predictions.db.versions import OneVersion
from predictions.exports import dataset
from predictions.exports.dataset import FORMATS
from predictions.models import Annotation, Prediction, Project
from predictions_api.http.parameters import INVALID_CHOICE
from tests.bulk.conftest import Seed
from tests.conftest import Caller, region

URL = "/api/predictions/export"


@pytest.fixture
def filled(project: Project, seed_tasks: Seed) -> Project:
    """Three tasks: v1 said something of each, v2 of the last, and the first two have a truth."""
    tasks = seed_tasks(project, 3)
    for n, task in enumerate(tasks):
        result = [region("Car")]
        Prediction.objects.create(
            project=project, task_id=task, result=result, model_version="v1", score=0.5
        )
        if n == 2:
            Prediction.objects.create(
                project=project, task_id=task, result=[], model_version="v2", score=0.5
            )
        else:
            Annotation.objects.create(
                project=project, task_id=task, result=result, ground_truth=True
            )
    return project


def get(caller: Caller, query: str) -> Any:
    return caller.client.get(f"{URL}?{query}")


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response)


TRUTH = "ground_truth=true"


@pytest.mark.parametrize(
    ("query", "name", "content_type"),
    [
        ("format=coco&model_version=v1", "predictions.json", "application/json"),
        (f"format=coco&{TRUTH}", "ground-truth.json", "application/json"),
        ("format=yolo&model_version=v1", "predictions.zip", "application/zip"),
        (f"format=yolo-obb&{TRUTH}", "ground-truth.zip", "application/zip"),
        (f"format=voc&{TRUTH}", "ground-truth.zip", "application/zip"),
        ("format=dota&model_version=v2", "predictions.zip", "application/zip"),
    ],
)
def test_names(ada: Caller, filled: Project, query: str, name: str, content_type: str) -> None:
    response = get(ada, f"project={filled.pk}&{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == (f'attachment; filename="project-{filled.pk}-{name}"')
    assert body_of(response)


SEVERAL = "The file has one version, the project several: 'v2', 'v1'. Name one."
UNKNOWN = "The project has no version {}, only 'v2', 'v1'."
NOT_TAKEN = "Not taken here."
NO_SUCH = "There is no such parameter"


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", {"model_version": [SEVERAL]}),
        ("model_version=v3", {"model_version": [UNKNOWN.format("'v3'")]}),
        (
            "model_version__isnull=true",
            {"model_version": [UNKNOWN.format("null (model_version__isnull=true)")]},
        ),
        (
            "model_version=v1&score_gte=0.5&limit=3",
            {"limit": [NOT_TAKEN], "score_gte": [NOT_TAKEN]},
        ),
        (f"{TRUTH}&model_version=v1", {"model_version": [NOT_TAKEN]}),
        (
            "model_version=v1&model_version__isnull=true",
            {"model_version": ["Goes without model_version__isnull."]},
        ),
        (
            "model_version__isnull=false",
            {"model_version__isnull": ["A data set has one version, which `false` does not name."]},
        ),
        ("ground_truth=maybe", {"ground_truth": ["Must be a valid boolean."]}),
    ],
)
def test_refuses(ada: Caller, filled: Project, query: str, errors: Any) -> None:
    response = get(ada, f"format=coco&project={filled.pk}&{query}")
    assert response.status_code == 400
    assert response.json()["validation_errors"] == errors
    assert not AuditEntry.objects.filter(action="predictions.exported").exists()


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (
            "format=coco&modelVersion=v1",
            {"modelVersion": [f"{NO_SUCH}: did you mean model_version?"]},
        ),
        ("format=csv&score__gte=0.5", {"score__gte": [f"{NO_SUCH}: did you mean score_gte?"]}),
        ("format=csv&model_version=v1&model_version=v2", {"model_version": ["Give it once."]}),
        ("format=coco", {"project": ["This field is required."]}),
        (
            "format=coco&project=999999999",
            {"project": [INVALID_CHOICE]},
        ),
        (
            f"format=csv&{TRUTH}",
            {"ground_truth": [f"Goes with {', '.join(FORMATS)}."]},
        ),
    ],
)
def test_refuses_without_a_project(ada: Caller, filled: Project, query: str, errors: Any) -> None:
    response = get(ada, query)
    assert response.status_code == 400
    assert response.json()["validation_errors"] == errors


def test_a_project_without_predictions(ada: Caller, project: Project) -> None:
    response = get(ada, f"format=coco&project={project.pk}")
    assert response.status_code == 400
    assert response.json()["validation_errors"] == {
        "model_version": ["The project has no predictions."]
    }
    truths = json.loads(body_of(get(ada, f"format=coco&project={project.pk}&{TRUTH}")))
    assert (truths["images"], truths["annotations"]) == ([], [])


def test_the_null_version(ada: Caller, filled: Project) -> None:
    Prediction.objects.filter(model_version="v2").update(model_version=None)
    query = f"format=coco&project={filled.pk}&model_version__isnull=true"
    assert json.loads(body_of(get(ada, query))) == []


def test_who_may(ada: Caller, rita: Caller, olga: Caller, filled: Project) -> None:
    query = f"format=coco&project={filled.pk}&{TRUTH}"
    assert body_of(get(rita, query))
    # Another workspace's project is none.
    assert get(olga, query).status_code == 400
    assert APIClient().get(f"{URL}?{query}").status_code == 401


def test_the_audit_trail_has_it(ada: Caller, filled: Project) -> None:
    body_of(get(ada, f"format=coco&project={filled.pk}&{TRUTH}"))
    body_of(get(ada, f"format=yolo&project={filled.pk}&model_version=v1"))
    entries = AuditEntry.objects.filter(action="predictions.exported").order_by("id")
    assert [(one.target, one.details) for one in entries] == [
        (f"project {filled.pk}", {"format": "coco", "ground_truth": True}),
        (f"project {filled.pk}", {"format": "yolo", "version": "v1"}),
    ]


@pytest.mark.parametrize("name", ["coco", "yolo", "yolo-obb", "voc", "dota"])
def test_statements(filled: Project, seed_tasks: Seed, name: str) -> None:
    """What the images are called, then a page of tasks in three and one for the sizes that no
    annotation tells, and one to see the end.
    """
    wanted = dataset.DataSet(filled, name, OneVersion("v1"))
    with (
        CaptureQueriesContext(
            connection,
        ) as seen,
        dataset.open_file(wanted),
    ):
        pass
    assert len(seen) == 6


def dump(target: object, project: Project, name: str = "coco", **options: Any) -> str:
    out = io.StringIO()
    told = {"project": project.title, "workspace": "lab", "verbosity": 0, **options}
    call_command("dump", name, str(target), stdout=out, **told)
    return out.getvalue().strip()


def test_a_file(filled: Project, tmp_path: Path) -> None:
    target = tmp_path / "truth.json"
    assert dump(target, filled, ground_truth=True) == str(target)
    assert len(json.loads(target.read_bytes())["images"]) == 2
    assert dump(tmp_path, filled, model_version="v1") == str(
        tmp_path / f"project-{filled.pk}-predictions.json"
    )
    assert sorted(os.listdir(tmp_path)) == [f"project-{filled.pk}-predictions.json", "truth.json"]
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.via, entry.target, entry.details) == (
        "predictions.exported",
        AuditEntry.Via.COMMAND,
        f"project {filled.pk}",
        {"format": "coco", "version": "v1"},
    )


def test_a_folder_or_a_zip_of_it(filled: Project, tmp_path: Path) -> None:
    folder, packed = tmp_path / "folder", tmp_path / "folder.zip"
    dump(folder, filled, "yolo", ground_truth=True)
    dump(packed, filled, "yolo", ground_truth=True)
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(packed) as file:
        assert {name: file.read(name) for name in file.namelist()} == files
    assert sorted(files) == ["data.yaml", "labels/test/1.txt", "labels/test/2.txt", "test.txt"]
    assert sorted(os.listdir(tmp_path)) == ["folder", "folder.zip"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("coco", {"project": 999999999}, "There is no project 999999999."),
        ("coco", {"project": "Bikes"}, "There is no project 'Bikes'."),
        ("coco", {"workspace": "none"}, "There is no workspace 'none'."),
        ("coco", {}, SEVERAL),
        ("coco", {"model_version": "v3"}, UNKNOWN.format("'v3'")),
        ("conll", {"ground_truth": True}, "conll does not suit the project's labelling config."),
        (
            "yolo",
            {"ground_truth": True},
            "{there} is there already: name a new or an empty folder.",
        ),
    ],
)
def test_the_command_refuses(
    filled: Project, tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "file").touch()
    told = {"project": filled.pk, "workspace": "lab", "verbosity": 0, **options}
    with pytest.raises(CommandError) as refused:
        call_command("dump", name, str(there), **told)
    assert str(refused.value) == message.format(there=there)
    assert os.listdir(tmp_path) == ["there"]
    assert os.listdir(there) == ["file"]


def test_nothing_is_left_of_what_has_no_place(filled: Project, tmp_path: Path) -> None:
    truth = Annotation.objects.latest("id")
    truth.result = [region("Car", rotation=45.0)]
    truth.save(update_fields=["result"])
    for name in ("coco", "voc"):
        with pytest.raises(CommandError, match=f"annotation {truth.pk}, region 0: a turned box"):
            dump(tmp_path / "target", filled, name, ground_truth=True)
    with pytest.raises(CommandError, match="No such file"):
        dump(tmp_path / "none" / "target", filled, ground_truth=True)
    assert os.listdir(tmp_path) == []


def test_memory_holds_a_page(
    project: Project, seed_tasks: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written goes to the disk page by page."""
    tasks = seed_tasks(project, 450)
    Annotation.objects.bulk_create(
        Annotation(project=project, task_id=task, result=[region("Car")], ground_truth=True)
        for task in tasks
    )
    written: list[int] = []
    files: list[Any] = []
    real = tempfile.TemporaryFile

    def noted(*args: Any, **kwargs: Any) -> Any:
        files.append(real(*args, **kwargs))
        return files[-1]

    monkeypatch.setattr("predictions.exports.dataset.tempfile.TemporaryFile", noted)
    wanted = dataset.DataSet(project, "coco")
    with dataset.open_file(wanted, lambda n: written.append(sum(f.tell() for f in files))):
        pass
    assert len(written) == 450
    assert written[400] > written[200] > 0
