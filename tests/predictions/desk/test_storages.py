"""The desk's pages of import storages and of export storages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from predictions.db.annotations import create_annotation
from predictions.db.pictures import image_roots
from predictions.exports.storages import run as export
from predictions.imports.folders import run
from predictions.models import ExportStorage, ImportStorage, Project, Task
from predictions_api.outbound import vault
from tests.conftest import Caller
from tests.predictions.api.test_local_files import picture
from tests.s3 import emptied

LIST = "/admin/predictions/importstorage/"
ADD = f"{LIST}add/"


@pytest.fixture
def folder(ada: Caller, tmp_path: Path) -> Path:
    """A registered folder of two pictures, and a text."""
    made = tmp_path / "cars"
    made.mkdir()
    (made / "a.png").write_bytes(picture())
    (made / "b.png").write_bytes(picture())
    (made / "notes.txt").write_text("no picture")
    image_roots.register(ada.workspace.pk, made)
    return made


def fields(project: Project, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "project": project.pk, "path": str(folder), "title": "Cars", "description": "",
        "use_blob_urls": "on", "regex_filter": "", "synchronize": "on", **more,
    }  # fmt: skip


def page_of(storage: ImportStorage) -> str:
    return f"{LIST}{storage.pk}/change/"


@pytest.fixture
def storage(desks: dict[str, Client], project: Project, folder: Path) -> ImportStorage:
    """Asked to be synchronised, as the form does unless it is told not to."""
    answer = desks["member"].post(ADD, fields(project, folder))
    assert answer.status_code == 302, answer.context["errors"]
    return ImportStorage.objects.get()


def test_a_folder_becomes_tasks(desks: dict[str, Client], storage: ImportStorage) -> None:
    assert (storage.title, storage.folder, storage.use_blob_urls) == ("Cars", "", True)
    assert storage.status == "queued"
    assert storage.root is not None
    run.run(storage.pk)
    assert Task.objects.count() == 2
    text = desks["reader"].get(LIST).content.decode()
    assert "Cars" in text
    assert storage.root.path in text
    assert ">done<" in text
    shown = desks["member"].get(page_of(storage)).content.decode()
    assert f'value="{storage.root.path}"' in shown
    assert 'name="synchronize"' in shown
    acts = AuditEntry.objects.filter(action__startswith="import_storage").order_by("pk")
    assert list(acts.values_list("action", "target")) == [
        ("import_storage.synchronized", f"import storage {storage.pk}"),
        ("import_storage.created", f"import storage {storage.pk}"),
    ]


def test_what_went_wrong_is_said(
    desks: dict[str, Client], storage: ImportStorage, folder: Path
) -> None:
    (folder / "a.png").unlink()
    (folder / "b.png").unlink()
    (folder / "notes.txt").unlink()
    folder.rmdir()
    run.run(storage.pk)
    shown = desks["reader"].get(page_of(storage)).content.decode()
    assert ">failed<" in desks["reader"].get(LIST).content.decode()
    storage.refresh_from_db()
    assert storage.traceback
    assert storage.traceback.splitlines()[0][:40] in shown


def test_is_changed_and_synchronised_again(
    desks: dict[str, Client], project: Project, storage: ImportStorage, folder: Path
) -> None:
    run.run(storage.pk)
    body = fields(project, folder, title="Trucks", regex_filter=".*b.png")
    body.pop("synchronize")
    assert desks["member"].post(page_of(storage), body).status_code == 302
    storage.refresh_from_db()
    assert (storage.title, storage.regex_filter, storage.status) == (
        "Trucks", ".*b.png", "completed",
    )  # fmt: skip
    again = {"action": "synchronize", "_selected_action": [storage.pk]}
    answer = desks["member"].post(LIST, again, follow=True)
    assert "1 storage will be synchronised by a worker" in answer.content.decode()
    storage.refresh_from_db()
    assert storage.status == "queued"
    answer = desks["member"].post(LIST, again, follow=True)
    assert "synchronised already" in answer.content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"path": "/nowhere"}, "No registered folder of the workspace is this"),
        ({"path": ""}, "This field is required."),
        ({"kind": "s3"}, "This field is required."),
        ({"regex_filter": "("}, "invalid regular expression"),
        ({"title": "x" * 2049}, "at most 2048 characters"),
    ],
)
def test_refused(
    desks: dict[str, Client], project: Project, folder: Path, wrong: dict[str, str], said: str
) -> None:
    answer = desks["member"].post(ADD, fields(project, folder, **wrong))
    assert (answer.status_code, ImportStorage.objects.count()) == (200, 0)
    assert said in answer.content.decode()


def test_a_folder_of_another_workspace_is_refused(
    desks: dict[str, Client], project: Project, tmp_path: Path, olga: Caller
) -> None:
    other = tmp_path / "foreign"
    other.mkdir()
    image_roots.register(olga.workspace.pk, other)
    answer = desks["member"].post(ADD, fields(project, other))
    assert "No registered folder of the workspace is this" in answer.content.decode()
    assert not ImportStorage.objects.exists()


def test_tasks_stay_when_it_is_deleted(desks: dict[str, Client], storage: ImportStorage) -> None:
    run.run(storage.pk)
    page = f"{LIST}{storage.pk}/delete/"
    assert "The tasks that were made of its files stay." in (
        desks["member"].get(page).content.decode()
    )
    assert desks["member"].post(page, {"post": "yes"}).status_code == 302
    assert (ImportStorage.objects.count(), Task.objects.count()) == (0, 2)


def test_who_may_what(
    desks: dict[str, Client], project: Project, storage: ImportStorage, folder: Path
) -> None:
    reads = {name: desk.get(page_of(storage)).status_code for name, desk in desks.items()}
    expected = {"owner": 200, "member": 200, "reader": 200, "root": 200, "anonymous": 302}
    assert reads == {**expected, "stranger": 302}
    body = fields(project, folder, title="Mine")
    for name, status in {"reader": 403, "stranger": 302, "anonymous": 302}.items():
        assert desks[name].post(page_of(storage), body).status_code == status, name
        assert (
            desks[name].post(f"{LIST}{storage.pk}/delete/", {"post": "yes"}).status_code == status
        )
    assert desks["stranger"].post(ADD, body).status_code == 200
    assert list(ImportStorage.objects.values_list("title", flat=True)) == ["Cars"]
    assert "Cars" not in desks["stranger"].get(LIST).content.decode()
    assert "Synchronise now" not in desks["reader"].get(page_of(storage)).content.decode()


def test_statements(desks: dict[str, Client], project: Project, storage: ImportStorage) -> None:
    def ask() -> list[int]:
        counted = []
        for path in (LIST, page_of(storage)):
            with CaptureQueriesContext(connection) as asked:
                assert desks["reader"].get(path).status_code == 200
            counted.append(len(asked))
        return counted

    few = ask()
    for n in range(20):
        ImportStorage.objects.create(project=project, root=storage.root, folder=f"f{n}")
    assert ask() == few
    assert max(few) <= 8


EXPORTS = "/admin/predictions/exportstorage/"
SECRET = "a secret of theirs"


@pytest.fixture
def bucket(service: str, settings: Any) -> Iterator[Any]:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with emptied(service, "cars") as made:
        made.put_object(Key="val/a.png", Body=picture())
        yield made


def of_bucket(project: Project, service: str, **more: Any) -> dict[str, Any]:
    return {
        "project": project.pk, "kind": "s3", "bucket": "cars", "prefix": "", "region_name": "",
        "s3_endpoint": service, "aws_access_key_id": "somebody", "aws_secret_access_key": SECRET,
        "title": "Cars", "description": "", "use_blob_urls": "on", "regex_filter": "",
        "presign_ttl": "3", "synchronize": "on", **more,
    }  # fmt: skip


def test_a_bucket_becomes_tasks(
    desks: dict[str, Client], project: Project, bucket: Any, service: str
) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"bucket": "nowhere"}, "Cannot find bucket nowhere in S3"),
        ({"bucket": ""}, "This field is required."),
        ({"prefix": "none"}, "s3://cars/none not found."),
        ({"s3_endpoint": "http://10.0.0.1"}, "is on a private network"),
        ({"aws_secret_access_key": ""}, "must be provided together"),
    ]
    for change, said in wrong:
        answer = desks["member"].post(ADD, of_bucket(project, service, **change))
        assert (answer.status_code, said in answer.content.decode()) == (200, True), change
    assert not ImportStorage.objects.exists()
    body = of_bucket(project, service, recursive_scan="on")
    answer = desks["member"].post(ADD, body)
    assert answer.status_code == 302, answer.context["errors"]
    made = ImportStorage.objects.get()
    assert (made.kind, made.bucket, made.presign, made.presign_ttl) == ("s3", "cars", False, 3)
    run.run(made.pk)
    assert Task.objects.get().data == {"image": "s3://cars/val/a.png"}
    assert "s3://cars/" in desks["reader"].get(LIST).content.decode()

    shown = desks["member"].get(page_of(made)).content.decode()
    assert 'value="cars"' in shown
    assert SECRET not in shown
    assert 'name="path"' not in shown
    kept = made.sealed_keys
    later = of_bucket(project, service, title="Trucks")
    later |= {"aws_access_key_id": "", "aws_secret_access_key": ""}
    assert desks["member"].post(page_of(made), later).status_code == 302
    made.refresh_from_db()
    assert (made.title, made.sealed_keys) == ("Trucks", kept)
    assert vault.unseal(kept)["aws_secret_access_key"] == SECRET
    assert "Only files whose path matches" in desks["reader"].get(page_of(made)).content.decode()


def test_annotations_are_written(
    desks: dict[str, Client], ada: Caller, task: int, project: Project, folder: Path, bucket: Any,
    service: str,
) -> None:  # fmt: skip
    written = create_annotation(task, {"result": []}, ada.access)
    refused = desks["member"].post(f"{EXPORTS}add/", fields(project, folder))
    assert "that may be written to" in refused.content.decode()
    image_roots.register(ada.workspace.pk, folder, is_writable=True)
    for body in (fields(project, folder), of_bucket(project, service, prefix="truth")):
        answer = desks["member"].post(f"{EXPORTS}add/", body)
        assert answer.status_code == 302, answer.context["errors"]
    for storage in ExportStorage.objects.all():
        export.run(storage.pk)
    assert (folder / str(written["id"])).exists()
    assert bucket.Object(f"truth/{written['id']}").get()["ContentLength"] > 100
    text = desks["reader"].get(EXPORTS).content.decode()
    assert text.count(">done<") == 2
    local = ExportStorage.objects.get(kind="localfiles")
    again = {"action": "synchronize", "_selected_action": [local.pk]}
    desks["member"].post(EXPORTS, again)
    local.refresh_from_db()
    assert local.status == "queued"
    page = f"{EXPORTS}{local.pk}/delete/"
    assert "The files that it wrote stay." in desks["member"].get(page).content.decode()
    assert desks["member"].post(page, {"post": "yes"}).status_code == 302
    acts = AuditEntry.objects.filter(action__startswith="export_storage").order_by("pk")
    assert [row.action.partition(".")[2] for row in acts] == [
        "synchronized", "created", "synchronized", "created", "synchronized", "deleted",
    ]  # fmt: skip
    for name, status in {"reader": 403, "stranger": 302, "anonymous": 302}.items():
        path = f"{EXPORTS}{ExportStorage.objects.get().pk}/change/"
        assert desks[name].post(path, {"title": "Mine"}).status_code == status, name
