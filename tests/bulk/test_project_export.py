"""GET /api/projects/{id}/export: whole projects as files, and the jobs that write them."""

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
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from predictions.exports import project as project_export
from predictions.exports import run
from predictions.exports.types.given import plain_name
from predictions.models import Prediction, Project, ProjectExport, Task
from predictions.regions import labelling
from predictions_api.files import storage
from tests.conftest import A_MOMENT, IMAGE_CONFIG, TEXT_CONFIG, Caller, MakeProject, region

BRUSH_CONFIG = IMAGE_CONFIG.replace("RectangleLabels", "BrushLabels")


def get(caller: Caller, project: Project, query: str = "") -> Any:
    return caller.client.get(f"/api/projects/{project.pk}/export?{query}")


def body_of(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response) if response.streaming else response.content


def files_in(response: Any) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(body_of(response))) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def ids_in(response: Any) -> list[int]:
    return [task["id"] for task in json.loads(body_of(response))]


def test_json_has_full_predictions(ada: Caller, filled: Project) -> None:
    response = get(ada, filled, "exportType=JSON&source=predictions")
    assert response["Content-Disposition"] == (
        f'attachment; filename="project-{filled.pk}-predictions.json"'
    )
    (first,) = json.loads(body_of(response))
    listed = ada.client.get(f"/api/predictions/?project={filled.pk}").json()
    assert first["predictions"] == listed
    assert first["data"] == {"image": "http://x.y/a/1.jpg?s=2"}
    assert "annotations" not in first


def test_annotations_unless_asked(ada: Caller, filled: Project) -> None:
    (first,) = json.loads(body_of(get(ada, filled)))
    assert first["annotations"][0]["result"] == [region("Person")]
    assert "predictions" not in first


@pytest.mark.parametrize("source", ["predictions", "annotations"])
def test_which_tasks(ada: Caller, filled: Project, source: str) -> None:
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    for query, wanted in (
        ("", [first]),
        ("download_all_tasks=true", [first, second]),
        ("download_all_tasks=false", [first]),
        (f"download_all_tasks=1&ids={second}", [second]),
        (f"ids={first},{second}", [first]),
        (f"ids={first}&ids={second}&download_all_tasks=true", [first, second]),
        (f"ids[]={second}&ids[]={first}&download_all_tasks=true", [first, second]),
        (f"ids={second}&ids[]={first}&download_all_tasks=true", [first, second]),
        (f"ids={first}&ids={first + 10_000}", [first]),
        ("ids=,", []),
        (f"ids={2**63}", []),
    ):
        found = get(ada, filled, f"{query}&source={source}")
        assert ids_in(found) == wanted, query


def test_one_version_or_all(ada: Caller, filled: Project) -> None:
    """Of all versions each file says which one it is of."""
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    for task, version in ((first, "v2"), (second, "v2"), (second, "")):
        Prediction.objects.create(
            project=filled, task_id=task, result=[], model_version=version, score=0.5
        )

    def export(query: str) -> Any:
        return get(ada, filled, f"source=predictions{query}")

    assert [len(task["predictions"]) for task in json.loads(body_of(export("")))] == [2, 2]
    for version, wanted in (("v1", [first]), ("v2", [first, second]), ("", [second]), ("v3", [])):
        found = json.loads(body_of(export(f"&model_version={version}")))
        assert [task["id"] for task in found] == wanted
        assert {one["model_version"] for t in found for one in t["predictions"]} <= {version}
    assert list(files_in(export("&exportType=YOLO"))) == [
        f"labels/{first}-1__v1.txt",
        f"labels/{first}-1__v2.txt",
        f"labels/{second}-2__v2.txt",
        f"labels/{second}-2__unversioned.txt",
        "classes.txt",
        "notes.json",
    ]
    assert list(files_in(export("&exportType=YOLO&model_version=v2"))) == [
        f"labels/{first}-1.txt",
        f"labels/{second}-2.txt",
        "classes.txt",
        "notes.json",
    ]
    tasks = json.loads(body_of(export("&model_version=v1&download_all_tasks=true")))
    assert [len(task["predictions"]) for task in tasks] == [1, 0]


def test_a_version_goes_with_predictions(ada: Caller, filled: Project) -> None:
    refused = get(ada, filled, "exportType=CSV&model_version=v1")
    assert refused.status_code == 400
    told = {"model_version": ["Goes with source=predictions."]}
    assert refused.json()["validation_errors"] == told


def test_ids_of_another_project_are_not_there(
    ada: Caller, olga: Caller, filled: Project, make_project: MakeProject
) -> None:
    other = make_project(olga)
    first = Task.objects.order_by("id").values_list("pk", flat=True)[0]
    assert ids_in(get(olga, other, f"ids={first}&download_all_tasks=true")) == []


def test_skipped_tasks_are_in_json_alone(ada: Caller, project: Project) -> None:
    body = [{"data": {"image": "1.jpg"}, "annotations": [{"result": [], "was_cancelled": True}]}]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    assert len(ids_in(get(ada, project))) == 1
    assert json.loads(body_of(get(ada, project, "exportType=JSON_MIN"))) == []
    assert json.loads(files_in(get(ada, project, "exportType=COCO"))["result.json"])["images"] == []


@pytest.mark.parametrize(
    "query",
    [
        "exportType=COCO",
        "export_type=COCO",
        "exportType=COCO&export_type=JSON",
        "exportType=&export_type=COCO",
        "exportType=COCO&download_resources=true&interpolate_key_frames=maybe&whatever=1",
    ],
)
def test_names_of_the_type(ada: Caller, filled: Project, query: str) -> None:
    assert list(files_in(get(ada, filled, query))) == ["result.json"]


@pytest.mark.parametrize("export_type", project_export.TYPES)
def test_a_stream_whose_memory_is_a_page(
    ada: Caller, project: Project, monkeypatch: Any, export_type: str
) -> None:
    if export_type in project_export.OF_MASKS:
        Project.objects.filter(pk=project.pk).update(
            label_config=BRUSH_CONFIG, parsed_label_config=labelling.parse(BRUSH_CONFIG)
        )
    monkeypatch.setattr(project_export, "PAGE_TASKS", 2)
    body = [
        {"data": {"image": f"{n}.jpg"}, "annotations": [{"result": [region()]}]} for n in range(5)
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    # The project, three statements for each of three pages, a page of none that ends it, and the
    # row of the audit trail.
    statements = 1 + 1 + 3 * 3 + 1 + 1
    with CaptureQueriesContext(connection) as queries:
        response = get(ada, project, f"exportType={export_type}")
        assert response.streaming
        body_of(response)
    assert len(queries) == statements, [one["sql"][:60] for one in queries]


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
    if export_type in project_export.OF_MASKS:
        Project.objects.filter(pk=project.pk).update(
            label_config=BRUSH_CONFIG, parsed_label_config=labelling.parse(BRUSH_CONFIG)
        )
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


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("exportType=XLS", "exportType"),
        ("export_type=BLAH", "export_type"),
        ("exportType=coco", "exportType"),
        ("source=drafts", "source"),
        ("ids=1,x", "ids"),
        ("ids=", "ids"),
        ("ids[]=", "ids[]"),
        ("ids[]=-1", "ids[]"),
        ("ids=1&ids=%00", "ids"),
        ("download_all_tasks=maybe", "download_all_tasks"),
        ("background=maybe", "background"),
        ("model_version=v1", "model_version"),
        ("view=1", "view"),
        ("query={}", "query"),
        ("source=predictions&modelVersion=v1", "modelVersion"),
    ],
)
def test_refuses(ada: Caller, filled: Project, query: str, name: str) -> None:
    response = get(ada, filled, query)
    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == [name]
    assert not ProjectExport.objects.exists()


@pytest.mark.parametrize(
    "config",
    [
        TEXT_CONFIG,
        IMAGE_CONFIG.replace('value="$image"', 'valueList="$image"'),
        IMAGE_CONFIG.replace(
            "<Image",
            '<Image name="other" value="$other"/><Rectangle name="r" toName="other"/><Image',
        ),
        "<View></View>",
    ],
)
@pytest.mark.parametrize(
    "export_type", [name for name, suffix in project_export.TYPES.items() if suffix == "zip"]
)
def test_a_type_that_does_not_suit_the_config(
    ada: Caller, make_project: MakeProject, export_type: str, config: str
) -> None:
    response = get(ada, make_project(ada, config), f"exportType={export_type}")
    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == ["exportType"]


def test_an_empty_project(ada: Caller, project: Project) -> None:
    assert body_of(get(ada, project)) == b"[]"


def test_who_may(rita: Caller, olga: Caller, filled: Project) -> None:
    assert get(rita, filled).status_code == 200
    assert get(olga, filled).status_code == 404


def keep_files_in(settings: Any, folder: Path) -> None:
    place = storage(str(folder), "exports", data_dir=folder)
    settings.STORAGES = {**settings.STORAGES, "exports": place}


@pytest.mark.django_db(transaction=True)
def test_a_job_in_the_background(
    ada: Caller, olga: Caller, filled: Project, settings: Any, tmp_path: Path
) -> None:
    keep_files_in(settings, tmp_path)
    first = Task.objects.order_by("id").values_list("pk", flat=True)[0]
    query = f"export_type=COCO&source=predictions&ids={first}&background=true"
    response = get(ada, filled, query)
    assert response.status_code == 202
    job = response.json()
    place = f"/api/projects/{filled.pk}/exports/{job['id']}"
    moments = {name: job.pop(name) for name in ("created_at", "updated_at")}
    assert list(moments.values()) == [A_MOMENT, A_MOMENT]
    assert job == {
        "id": job["id"],
        "title": "",
        "project": filled.pk,
        "exportType": "COCO",
        "source": "predictions",
        "ids": [first],
        "download_all_tasks": False,
        "model_version": None,
        "status": "in_progress",
        "progress": 0.0,
        "error": "",
        "finished_at": None,
        "converted_formats": [],
        "url": f"{place}/",
        "download": None,
    }
    assert get(ada, filled, query).json()["id"] == job["id"]
    for other in ("", "&download_all_tasks=true", f"&ids={first}&model_version=v1"):
        another = get(ada, filled, f"export_type=COCO&source=predictions&background=true{other}")
        assert another.json()["id"] != job["id"]
    assert another.json()["model_version"] == "v1"
    missing = f"/api/projects/{filled.pk}/exports/{job['id']}/download"
    assert ada.client.get(missing).status_code == 404
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(job["url"]).json()
    assert (job["status"], job["progress"], job["error"]) == ("completed", 1.0, "")
    for asked in ("", "?exportType=COCO"):
        assert list(files_in(ada.client.get(job["download"] + asked))) == ["result.json"]
    assert ada.client.get(job["download"] + "?exportType=YOLO").status_code == 404
    assert ada.client.get(job["download"] + "?exportType=BLAH").status_code == 400
    for url in (job["url"], job["download"]):
        assert olga.client.get(url).status_code == 404
    assert get(ada, filled, query).json()["id"] != job["id"]


@pytest.mark.django_db(transaction=True)
def test_jobs_and_files_are_kept_for_a_week(
    ada: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    keep_files_in(settings, tmp_path)
    folder = tmp_path / "exports"
    jobs = []
    for source in ("predictions", "annotations"):
        jobs.append(get(ada, filled, f"source={source}&background=1").json())
        call_command("worker", once=True, verbosity=0)
    names = dict(ProjectExport.objects.values_list("pk", "file_name"))
    old, new = (folder / names[job["id"]] for job in jobs)
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
    (tmp_path / "file").write_text("no folder can be made here")
    keep_files_in(settings, tmp_path / "file")
    job = get(ada, filled, "background=true&download_all_tasks=1").json()
    call_command("worker", once=True, verbosity=0)
    job = ada.client.get(job["url"]).json()
    assert (job["status"], job["download"]) == ("failed", None)
    assert job["error"] == run.NOT_WRITTEN
    assert ProjectExport.objects.get().file_name == ""


@pytest.fixture
def lost_job(ada: Caller, filled: Project, monkeypatch: Any, settings: Any, tmp_path: Path) -> Any:
    """A job whose entry in the queue was lost."""
    keep_files_in(settings, tmp_path)
    job = get(ada, filled, "background=true&download_all_tasks=1").json()
    DBTaskResult.objects.all().delete()
    call_command("worker", once=True, verbosity=0)
    assert ada.client.get(job["url"]).json()["status"] == "in_progress", "its lease is not over"
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
    assert ada.client.get(lost_job["url"]).json()["status"] == "in_progress"
    assert list((tmp_path / "exports").iterdir()) == []
