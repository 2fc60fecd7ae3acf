"""GET /api/projects/{id}/export: whole projects as files, at once or by a job."""

import csv
import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from predictions.exports import project as project_export
from predictions.exports import run
from predictions.exports.project import plain_name
from predictions.models import Project, ProjectExport
from tests.conftest import TEXT_CONFIG, Caller, MakeProject, region


@pytest.fixture
def filled(ada: Caller, project: Project) -> Project:
    """Two tasks, one with a prediction and an annotation."""
    body = [
        {
            "data": {"image": "http://x.y/a/1.jpg?s=2"},
            "predictions": [{"result": [region()], "score": 0.5, "model_version": "v1"}],
            "annotations": [{"result": [region("Person")]}],
        },
        {"data": {"image": "http://x.y/2.jpg"}},
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    return project


def get(caller: Caller, project: Project, query: str = "") -> Any:
    return caller.client.get(f"/api/projects/{project.pk}/export?{query}")


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response) if response.streaming else response.content


def files_in(response: Any) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(body_of(response))) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_json_has_full_predictions(ada: Caller, filled: Project) -> None:
    response = get(ada, filled, "exportType=JSON&source=predictions")
    assert response["Content-Disposition"] == (
        f'attachment; filename="project-{filled.pk}-predictions.json"'
    )
    first, second = json.loads(body_of(response))
    listed = ada.client.get(f"/api/predictions/?project={filled.pk}").json()
    assert first["predictions"] == listed
    assert first["data"] == {"image": "http://x.y/a/1.jpg?s=2"}
    assert "annotations" not in first
    assert second["predictions"] == []


def test_annotations_unless_asked(ada: Caller, filled: Project) -> None:
    first, _ = json.loads(body_of(get(ada, filled)))
    assert first["annotations"][0]["result"] == [region("Person")]
    assert "predictions" not in first


@pytest.mark.parametrize(("source", "label"), [("predictions", "Car"), ("annotations", "Person")])
def test_json_min_and_csv(ada: Caller, filled: Project, source: str, label: str) -> None:
    rows = json.loads(body_of(get(ada, filled, f"exportType=JSON_MIN&source={source}")))
    assert [row["label"][0]["rectanglelabels"] for row in rows if "label" in row] == [[label]]
    text = body_of(get(ada, filled, f"exportType=CSV&source={source}")).decode()
    table = list(csv.DictReader(io.StringIO(text)))
    cells = [row["label"] for row in table if row["label"]]
    assert [json.loads(cell)[0]["rectanglelabels"] for cell in cells] == [[label]]


def test_coco(ada: Caller, filled: Project) -> None:
    files = files_in(get(ada, filled, "exportType=COCO&source=predictions"))
    coco = json.loads(files["result.json"])
    assert [c["name"] for c in coco["categories"]] == ["Car", "Person"]
    assert coco["annotations"][0]["bbox"] == [60.0, 80.0, 180.0, 160.0]


def test_yolo_and_voc(ada: Caller, filled: Project) -> None:
    files = files_in(get(ada, filled, "exportType=YOLO&source=predictions"))
    assert files["classes.txt"].split() == ["Car", "Person"]
    labels = [text for name, text in files.items() if name.startswith("labels/") and text]
    assert labels[0].split()[0] == "0"
    files = files_in(get(ada, filled, "exportType=VOC&source=predictions"))
    assert any("<name>Car</name>" in text for text in files.values())


SECRET = "nobody-may-read-this"


@pytest.mark.parametrize("export_type", project_export.TYPES)
def test_nothing_that_data_names_is_opened(
    ada: Caller, project: Project, tmp_path: Path, export_type: str, monkeypatch: Any
) -> None:
    import socket

    def no_network(*args: Any) -> None:
        raise AssertionError(f"something looked for {args[0]}")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    for name in (
        str(secret),
        f"file://{secret}",
        f"/data/local-files/?d={secret}",
        f"../../../..{secret}",
        "http://127.0.0.1:1/latest/meta-data",
        "s3://bucket/key",
        "..",
        "",
    ):
        body = [{"data": {"image": name}, "predictions": [{"result": [region()]}]}]
        ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    before = secret.stat().st_atime_ns
    content = body_of(get(ada, project, f"exportType={export_type}&source=predictions"))
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = b"".join(packed.read(name) for name in packed.namelist())
            assert not [name for name in packed.namelist() if ".." in name or name[0] == "/"]
    assert SECRET.encode() not in content
    assert secret.stat().st_atime_ns == before


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("http://x.y/a/1.jpg?s=2", "5-1.jpg"),
        ("/etc/passwd", "5-passwd"),
        ("../..", "5-item"),
        ("", "5-item"),
        ("a b/ü.jpg", "5-_.jpg"),
        ("x" * 300, "5-" + "x" * 100),
    ],
)
def test_plain_names(value: str, name: str) -> None:
    assert plain_name(5, value) == name


@pytest.mark.parametrize("query", ["exportType=XLS", "source=drafts"])
def test_refuses(ada: Caller, filled: Project, query: str) -> None:
    assert get(ada, filled, query).status_code == 400


@pytest.mark.parametrize("export_type", ["COCO", "YOLO", "VOC"])
def test_a_type_that_does_not_suit_the_config(
    ada: Caller, make_project: MakeProject, export_type: str
) -> None:
    response = get(ada, make_project(ada, TEXT_CONFIG), f"exportType={export_type}")
    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == ["exportType"]


def test_an_empty_project(ada: Caller, project: Project) -> None:
    assert body_of(get(ada, project)) == b"[]"


def test_who_may(rita: Caller, olga: Caller, filled: Project) -> None:
    assert get(rita, filled).status_code == 200
    assert get(olga, filled).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_large_project_is_a_job(
    ada: Caller, olga: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(project_export, "AT_ONCE_TASKS", 1)
    settings.DATA_DIR = tmp_path
    query = "exportType=COCO&source=predictions"
    response = get(ada, filled, query)
    assert response.status_code == 202
    job = response.json()
    assert (job["status"], job["progress"], job["download"]) == ("queued", 0.0, None)
    assert get(ada, filled, query).json()["id"] == job["id"]
    missing = f"/api/projects/{filled.pk}/exports/{job['id']}/download"
    assert ada.client.get(missing).status_code == 404
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(job["url"]).json()
    assert (job["status"], job["progress"], job["error"]) == ("completed", 1.0, "")
    assert "result.json" in files_in(ada.client.get(job["download"]))
    for url in (job["url"], job["download"]):
        assert olga.client.get(url).status_code == 404
    assert get(ada, filled, query).json()["id"] != job["id"]


@pytest.mark.django_db(transaction=True)
def test_jobs_and_files_are_kept_for_a_week(
    ada: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(project_export, "AT_ONCE_TASKS", 1)
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "exports"
    jobs = []
    for source in ("predictions", "annotations"):
        jobs.append(get(ada, filled, f"source={source}").json())
        call_command("worker", once=True, verbosity=0)
    old, new = (folder / f"{job['id']}.json" for job in jobs)
    # What was left of a deleted project.
    (stray := folder / "7.zip").touch()
    week_before = timezone.now() - timedelta(days=7, seconds=1)
    ProjectExport.objects.filter(pk=jobs[0]["id"]).update(updated_at=week_before)
    for path in (old, stray):
        os.utime(path, (week_before.timestamp(),) * 2)
    call_command("worker", once=True, verbosity=0)
    assert list(folder.iterdir()) == [new]
    assert ada.client.get(jobs[0]["url"]).status_code == 404
    assert json.loads(body_of(ada.client.get(f"{jobs[1]['url']}download")))


@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_says_so(
    ada: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(project_export, "AT_ONCE_TASKS", 0)
    settings.DATA_DIR = tmp_path / "file"
    settings.DATA_DIR.write_text("no folder can be made here")
    job = get(ada, filled).json()
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(job["url"]).json()
    assert (job["status"], job["download"]) == ("failed", None)
    assert job["error"] == "The results cannot be converted to this format."
    assert ProjectExport.objects.get().file_name == ""


@pytest.fixture
def lost_job(ada: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path) -> Any:
    """A job whose entry in the queue was lost."""
    monkeypatch.setattr(project_export, "AT_ONCE_TASKS", 0)
    settings.DATA_DIR = tmp_path
    job = get(ada, filled).json()
    DBTaskResult.objects.all().delete()
    call_command("worker", once=True, verbosity=0)
    assert ada.client.get(job["url"]).json()["status"] == "queued", "its lease is not over"
    return job


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "lost",
    [{"status": "queued"}, {"status": "running", "lease_owner": UUID(int=1), "attempts": 1}],
    ids=["queue", "worker"],
)
def test_what_the_queue_or_a_worker_lost_is_finished_by_the_sweep(
    ada: Caller, lost_job: Any, lost: dict[str, Any]
) -> None:
    ProjectExport.objects.update(**lost, lease_until="2020-01-01T00:00:00Z")
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(lost_job["url"]).json()
    assert (job["status"], job["progress"]) == ("completed", 1.0)
    assert len(json.loads(body_of(ada.client.get(job["download"])))) == 2
    found = ProjectExport.objects.get()
    assert (found.lease_owner, found.lease_until) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_a_job_that_worker_after_worker_died_of_has_failed(ada: Caller, lost_job: Any) -> None:
    ProjectExport.objects.update(attempts=5, lease_until="2020-01-01T00:00:00Z")
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(lost_job["url"]).json()
    assert (job["status"], job["error"]) == ("failed", "5 workers ended while they wrote the file.")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_job_writes_nothing(
    ada: Caller, lost_job: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    write = project_export.write

    def overtaken(*args: Any) -> None:
        write(*args)
        ProjectExport.objects.update(lease_owner=UUID(int=1))

    monkeypatch.setattr(project_export, "write", overtaken)
    run.run(lost_job["id"])
    assert ada.client.get(lost_job["url"]).json()["status"] == "running"
    assert list((tmp_path / "exports").iterdir()) == []
