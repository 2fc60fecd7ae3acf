"""`/api/storages/export/…`: folders and buckets that annotations are written to."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from predictions.db.annotations import create_annotation
from predictions.db.pictures import image_roots
from predictions.db.storages import exports
from predictions.exports.storages import run, targets
from predictions.exports.storages import tasks as queue
from predictions.exports.storages.state import EXPORTS
from predictions.models import Annotation, ExportedAnnotation, ExportStorage, Project, Task
from predictions.storages import worker
from predictions_api.jobs.leases import Holder
from tests.conftest import A_MOMENT, Caller, assert_invalid, assert_refused, region
from tests.predictions.storages.conftest import keys, make, numbers_first, synced

LOCAL = "/api/storages/export/localfiles/"
S3 = "/api/storages/export/s3/"


@pytest.fixture
def tasks(ada: Caller, project: Project, make_task: Any) -> list[Task]:
    """Three; the first has two annotations, the last has none."""
    ids = [make_task(ada, project, data={"image": f"{n}.jpg"}) for n in range(3)]
    made = [Task.objects.get(pk=pk) for pk in ids]
    for task in (made[0], made[0], made[1]):
        create_annotation(task.pk, {"result": [region()]}, ada.access)
    return made


@pytest.fixture
def ids(tasks: list[Task]) -> list[str]:
    """Of the annotations."""
    return [str(pk) for pk in Annotation.objects.order_by("pk").values_list("pk", flat=True)]


@pytest.fixture
def folder(ada: Caller, tmp_path: Path) -> Path:
    """One that may be written to."""
    made = tmp_path / "out"
    made.mkdir()
    image_roots.register(ada.workspace.pk, made, is_writable=True)
    return made


@pytest.fixture
def local(ada: Caller, project: Project, folder: Path) -> dict[str, Any]:
    return make(ada, LOCAL, {"project": project.pk, "path": str(folder)})


def sync(ada: Caller, storage: dict[str, Any]) -> dict[str, Any]:
    path = LOCAL if storage["type"] == "localfiles" else S3
    return synced(ada, path, storage, run)


def names(folder: Path) -> list[str]:
    return sorted((one.name for one in folder.iterdir()), key=numbers_first)


def test_the_life_of_a_storage(
    ada: Caller, olga: Caller, project: Project, folder: Path, local: dict[str, Any]
) -> None:
    assert local == {
        "id": local["id"],
        "type": "localfiles",
        "synchronizable": True,
        "title": None,
        "description": None,
        "created_at": A_MOMENT,
        "last_sync": None,
        "last_sync_count": None,
        "last_sync_job": None,
        "status": "initialized",
        "traceback": None,
        "meta": {},
        "path": str(folder),
        "regex_filter": None,
        "use_blob_urls": False,
        "can_delete_objects": False,
        "project": project.pk,
    }
    one = f"{LOCAL}{local['id']}"
    assert ada.client.get(one).json() == local
    assert ada.client.get(LOCAL, {"project": project.pk}).json() == [local]
    assert ada.client.get(S3, {"project": project.pk}).json() == []
    every = "/api/storages/export"
    assert ada.client.get(every, {"project": project.pk}).json() == [local]
    unknown = "No Project matches the given query."
    assert_refused(olga.client.get(every, {"project": project.pk}), 404, unknown)
    changed = ada.client.patch(one, {"can_delete_objects": True}, format="json")
    assert changed.json() == {**local, "can_delete_objects": True}
    assert ada.client.delete(one).status_code == 204
    assert ada.client.get(LOCAL, {"project": project.pk}).json() == []
    assert ada.client.get("/api/storages/export/types").json() == [
        {"name": "s3", "title": "AWS S3"},
        {"name": "localfiles", "title": "Local files"},
    ]


def test_a_storage_in_a_bucket(
    ada: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    made = make(ada, S3, {**given, "prefix": "not there yet"})
    assert made == {
        "id": made["id"],
        "type": "s3",
        "synchronizable": True,
        "title": None,
        "description": None,
        "created_at": A_MOMENT,
        "last_sync": None,
        "last_sync_count": None,
        "last_sync_job": None,
        "status": "initialized",
        "traceback": None,
        "meta": {},
        "bucket": "cars",
        "prefix": "not there yet",
        "region_name": None,
        "s3_endpoint": given["s3_endpoint"],
        "aws_sse_kms_key_id": None,
        "regex_filter": None,
        "use_blob_urls": False,
        "can_delete_objects": False,
        "project": project.pk,
    }


def test_each_annotation_is_a_file(
    ada: Caller, tasks: list[Task], ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    done = sync(ada, local)
    assert (done["status"], done["last_sync_count"], done["traceback"]) == ("completed", 3, None)
    assert names(folder) == ids
    written = json.loads((folder / ids[0]).read_bytes())
    task = ada.client.get(f"/api/tasks/{tasks[0].pk}").json()
    [annotation, _] = task["annotations"]
    expected = {name: value for name, value in annotation.items() if name != "created_ago"}
    assert {**written, "task": None} == {
        **expected,
        "task": None,
        "completed_by": {
            "id": ada.user.pk,
            "first_name": ada.user.first_name,
            "last_name": ada.user.last_name,
            "email": ada.user.email,
        },
    }
    assert (written["task"]["id"], written["task"]["data"]) == (tasks[0].pk, {"image": "0.jpg"})
    assert "annotations" not in written["task"]


def test_what_is_changed_and_what_is_new_is_written_again(
    ada: Caller, tasks: list[Task], ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    sync(ada, local)
    (folder / ids[0]).unlink()
    (folder / ids[1]).write_text("somebody was here")
    ada.client.patch(f"/api/annotations/{ids[2]}", {"ground_truth": True}, format="json")
    create_annotation(tasks[2].pk, {"result": []}, ada.access)
    assert sync(ada, local)["last_sync_count"] == 4
    assert len(names(folder)) == 4
    assert json.loads((folder / ids[1]).read_bytes())["id"] == int(ids[1])
    assert json.loads((folder / ids[2]).read_bytes())["ground_truth"] is True


def test_numbers_of_any_length_are_written_and_written_again(
    ada: Caller, tasks: list[Task], ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    body: dict[str, Any] = {"result": [{"n": 10**400, "m": 2**64 + 1}]}
    path = f"/api/annotations/{ids[0]}"
    for is_truth in (False, True):
        answer = ada.client.patch(path, {**body, "ground_truth": is_truth}, format="json")
        assert answer.status_code == 200
        done = sync(ada, local)
        assert (done["status"], done["traceback"]) == ("completed", None)
        written = json.loads((folder / ids[0]).read_bytes())
        assert (written["result"], written["ground_truth"]) == (body["result"], is_truth)


def test_files_of_others_are_not_written_over(
    ada: Caller, ids: list[str], folder: Path, local: dict[str, Any], tmp_path: Path
) -> None:
    (folder / ids[0]).write_text("a person's")
    (tmp_path / "secret").write_text("outside")
    (folder / ids[1]).symlink_to(tmp_path / "secret")
    done = sync(ada, local)
    assert (done["status"], done["last_sync_count"]) == ("completed_with_errors", 1)
    assert done["traceback"].splitlines() == [f"{one}: {targets.NOT_OURS}" for one in ids[:2]]
    assert (folder / ids[0]).read_text() == "a person's"
    assert (tmp_path / "secret").read_text() == "outside"
    assert names(folder) == ids


def test_another_storage_goes_on_with_the_files(
    ada: Caller, project: Project, ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    sync(ada, local)
    ada.client.delete(f"{LOCAL}{local['id']}")
    again = make(ada, LOCAL, {"project": project.pk, "path": str(folder)})
    assert (sync(ada, again)["status"], names(folder)) == ("completed", ids)


def test_files_of_deleted_annotations(
    ada: Caller, ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    sync(ada, local)
    (folder / "mine.txt").write_text("a person's")
    ada.client.delete(f"/api/annotations/{ids[0]}")
    sync(ada, local)
    assert names(folder) == [*ids, "mine.txt"]
    ada.client.patch(f"{LOCAL}{local['id']}", {"can_delete_objects": True}, format="json")
    done = sync(ada, local)
    assert (done["status"], done["last_sync_count"]) == ("completed", 2)
    assert names(folder) == [*ids[1:], "mine.txt"]
    kept = ExportedAnnotation.objects.order_by("annotation_id")
    assert list(kept.values_list("annotation_id", flat=True)) == [int(one) for one in ids[1:]]


def test_what_a_person_put_in_its_place_is_not_deleted(
    ada: Caller, ids: list[str], folder: Path, bucket: Any, given: dict[str, Any],
    local: dict[str, Any],
) -> None:  # fmt: skip
    remote = make(ada, S3, {**given, "can_delete_objects": True})
    ada.client.patch(f"{LOCAL}{local['id']}", {"can_delete_objects": True}, format="json")
    for storage in (local, remote):
        sync(ada, storage)
    for one in ids[:2]:
        ada.client.delete(f"/api/annotations/{one}")
    (folder / ids[0]).write_text("a person's")
    bucket.put_object(Key=ids[0], Body=b"a person's")
    bucket.Object(ids[1]).delete()
    for storage in (local, remote):
        done = sync(ada, storage)
        assert (done["status"], done["last_sync_count"]) == ("completed", 1)
    assert names(folder) == keys(bucket) == [ids[0], ids[2]]
    assert ExportedAnnotation.objects.count() == 2


def test_what_is_written_while_the_place_changes_is_not_of_the_new_place(
    ada: Caller, project: Project, folder: Path, local: dict[str, Any]
) -> None:
    storage = ExportStorage.objects.select_related("root", "project").get()
    exports.note_written(storage, [1])
    (folder / "new").mkdir()
    ada.client.patch(f"{LOCAL}{local['id']}", {"path": str(folder / "new")}, format="json")
    exports.note_written(storage, [2])
    assert not ExportedAnnotation.objects.exists()


def test_files_of_a_former_place_are_left_alone(
    ada: Caller, ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    sync(ada, local)
    (folder / "new").mkdir()
    change = {"path": str(folder / "new"), "can_delete_objects": True}
    ada.client.patch(f"{LOCAL}{local['id']}", change, format="json")
    assert not ExportedAnnotation.objects.exists()
    (folder / "new" / ids[0]).write_text("a person's")
    ada.client.delete(f"/api/annotations/{ids[0]}")
    assert sync(ada, local)["status"] == "completed"
    assert names(folder) == [*ids, "new"]
    assert names(folder / "new") == ids


def test_folders_that_may_not_be_written_to(
    ada: Caller, olga: Caller, rita: Caller, project: Project, folder: Path, tmp_path: Path,
    local: dict[str, Any],
) -> None:  # fmt: skip
    readable = tmp_path / "pictures"
    readable.mkdir()
    image_roots.register(ada.workspace.pk, readable)
    not_writable = (
        "No registered folder of the workspace that may be written to is this, or around it;"
        " `manage.py image_root add DIR --workspace SLUG --writable` registers one."
    )
    for path in (readable, tmp_path, folder / "none"):
        for way in (LOCAL, f"{LOCAL}validate"):
            body = {"project": project.pk, "path": str(path)}
            assert_invalid(ada.client.post(way, body, format="json"), {"path": [not_writable]})
    for who, status in ((olga, 404), (rita, 403)):
        for verb, end in (("patch", ""), ("delete", ""), ("post", "/sync")):
            answer = getattr(who.client, verb)(f"{LOCAL}{local['id']}{end}", {}, format="json")
            assert answer.status_code == status
    assert_refused(
        olga.client.get(f"{LOCAL}{local['id']}"),
        404,
        "No LocalFilesExportStorage matches the given query.",
    )
    # Nor one any more that could be.
    image_roots.register(ada.workspace.pk, folder, is_writable=False)
    failed = sync(ada, local)
    assert (failed["status"], failed["traceback"]) == ("failed", targets.NO_FOLDER)


def test_objects_of_a_bucket(
    ada: Caller, project: Project, ids: list[str], bucket: Any, given: dict[str, Any]
) -> None:
    body = {**given, "prefix": "truth/", "can_delete_objects": True}
    storage = make(ada, S3, body)
    bucket.put_object(Key=f"truth/{ids[0]}", Body=b"a person's")
    bucket.put_object(Key="truth/mine", Body=b"a person's")
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"]) == ("completed_with_errors", 2)
    assert done["traceback"] == f"{ids[0]}: {targets.NOT_OURS}"
    assert keys(bucket) == [*(f"truth/{one}" for one in ids), "truth/mine"]
    assert bucket.Object(f"truth/{ids[0]}").get()["Body"].read() == b"a person's"
    found = bucket.Object(f"truth/{ids[1]}").get()
    assert found["ContentType"] == "application/json"
    assert json.loads(found["Body"].read())["id"] == int(ids[1])

    bucket.Object(f"truth/{ids[0]}").delete()
    ada.client.delete(f"/api/annotations/{ids[1]}")
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"]) == ("completed", 2)
    assert keys(bucket) == [f"truth/{ids[0]}", f"truth/{ids[2]}", "truth/mine"]

    ada.client.delete(f"{S3}{storage['id']}")
    again = make(ada, S3, body)
    assert sync(ada, again)["status"] == "completed"


def test_a_killed_worker_costs_its_lease(
    ada: Caller, tasks: list[Task], ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    ada.client.post(f"{LOCAL}{local['id']}/sync")
    assert EXPORTS.claim(local["id"], Holder(60)) is not None
    run.run(local["id"])
    assert names(folder) == []
    # It had come past the first task.
    ExportStorage.objects.update(
        lease_until="2020-01-01T00:00:00Z", position=tasks[0].pk, last_sync_count=2
    )
    run.run(local["id"])
    assert names(folder) == ids[2:]
    done = ada.client.get(f"{LOCAL}{local['id']}").json()
    assert (done["status"], done["last_sync_count"]) == ("completed", 3)
    sync(ada, local)
    assert names(folder) == ids


def test_a_place_that_cannot_be_reached_ends_it(
    ada: Caller,
    ids: list[str],
    bucket: Any,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = make(ada, S3, given)
    monkeypatch.setattr(worker, "MOST_UNREACHED", 2)
    bucket.delete()
    failed = sync(ada, storage)
    assert (failed["status"], failed["last_sync_count"]) == ("failed", 0)
    assert failed["traceback"].splitlines()[-1] == (
        "2 files in a row could not be reached: Cannot find bucket cars in S3"
    )
    bucket.create()
    assert sync(ada, storage)["last_sync_count"] == 3


@pytest.mark.django_db(transaction=True)
def test_the_worker_does_both_directions(
    ada: Caller,
    project: Project,
    ids: list[str],
    bucket: Any,
    given: dict[str, Any],
    local: dict[str, Any],
    folder: Path,
) -> None:
    bucket.put_object(Key="a.png", Body=b"x")
    source = make(ada, "/api/storages/s3/", {**given, "use_blob_urls": True})
    ada.client.post(f"/api/storages/s3/{source['id']}/sync")
    ada.client.post(f"{LOCAL}{local['id']}/sync")
    # What a lost queue forgot is queued again.
    ExportStorage.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert queue.requeue_stalled() == [local["id"]]
    call_command("worker", once=True, verbosity=0)
    for path in (f"/api/storages/s3/{source['id']}", f"{LOCAL}{local['id']}"):
        assert ada.client.get(path).json()["status"] == "completed", path
    assert names(folder) == ids
    assert Task.objects.filter(data__image="s3://cars/a.png").count() == 1


def test_a_project_takes_its_storages_along(
    ada: Caller, project: Project, ids: list[str], folder: Path, local: dict[str, Any]
) -> None:
    sync(ada, local)
    assert ada.client.delete(f"/api/projects/{project.pk}").status_code == 204
    assert not ExportStorage.objects.exists()
    assert not ExportedAnnotation.objects.exists()
    assert names(folder) == ids
