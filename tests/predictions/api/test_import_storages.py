"""`/api/storages/localfiles/`: folders below image roots whose files become tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from predictions.db.pictures import image_roots
from predictions.db.storages import imports
from predictions.imports.folders import run
from predictions.imports.folders.sources import NO_FOLDER as GONE
from predictions.imports.folders.state import IMPORTS
from predictions.models import ImageRoot, ImportStorage, Project, Task
from predictions_api.jobs.leases import Holder
from tests.conftest import A_MOMENT, Caller, MakeProject, assert_invalid, assert_refused
from tests.predictions.api.test_local_files import picture

PATH = "/api/storages/localfiles/"
NO_FOLDER = (
    "No registered folder of the workspace is this, or around it; `manage.py image_root add DIR"
    " --workspace SLUG` registers one."
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures and a text, a third picture in a folder, and a link out of it."""
    made = tmp_path / "cars"
    (made / "val").mkdir(parents=True)
    (made / "a.png").write_bytes(picture())
    (made / "b b.jpg").write_bytes(picture("JPEG"))
    (made / "notes.txt").write_text("no picture")
    (made / "val" / "c.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture())
    (made / "z.png").symlink_to(tmp_path / "secret.png")
    return made


@pytest.fixture
def root(ada: Caller, folder: Path) -> ImageRoot:
    return image_roots.register(ada.workspace.pk, folder)


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada)


def make(ada: Caller, project: Project, folder: Path, **more: Any) -> dict[str, Any]:
    body = {"project": project.pk, "path": str(folder), **more}
    made = ada.client.post(PATH, body, format="json")
    assert made.status_code == 201, made.content
    document: dict[str, Any] = made.json()
    return document


def sync(ada: Caller, storage: dict[str, Any]) -> dict[str, Any]:
    """Asks for a synchronisation and does it as a worker would; the storage then."""
    asked = ada.client.post(f"{PATH}{storage['id']}/sync")
    assert (asked.status_code, asked.json()["status"]) == (200, "queued")
    run.run(storage["id"])
    document: dict[str, Any] = ada.client.get(f"{PATH}{storage['id']}").json()
    return document


def shown(project: Project) -> list[str]:
    """What the project's tasks show."""
    rows = Task.objects.filter(project=project).order_by("id")
    return [data["image"] for data in rows.values_list("data", flat=True)]


def test_the_life_of_a_storage(
    ada: Caller, project: Project, root: ImageRoot, folder: Path
) -> None:
    made = make(ada, project, folder, title="Cars", use_blob_urls=True)
    assert made == {
        "id": made["id"],
        "type": "localfiles",
        "synchronizable": True,
        "title": "Cars",
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
        "use_blob_urls": True,
        "recursive_scan": False,
        "project": project.pk,
    }
    one = f"{PATH}{made['id']}"
    assert ada.client.get(one).json() == made
    assert ada.client.get(PATH, {"project": project.pk}).json() == [made]
    changed = ada.client.patch(one, {"recursive_scan": True}, format="json")
    assert changed.json() == {**made, "recursive_scan": True}
    below = ada.client.patch(one, {"path": str(folder / "val")}, format="json")
    assert below.json()["path"] == str(folder / "val")
    assert ada.client.delete(one).status_code == 204
    assert ada.client.get(PATH, {"project": project.pk}).json() == []
    types = ada.client.get("/api/storages/types").json()
    assert types == [
        {"name": "s3", "title": "AWS S3"},
        {"name": "localfiles", "title": "Local files"},
    ]


@pytest.mark.parametrize("path", [PATH, "/api/storages/"])
def test_are_listed_in_the_order_that_is_asked_for(
    ada: Caller, project: Project, root: ImageRoot, folder: Path, path: str
) -> None:
    made = [make(ada, project, folder, title=title)["id"] for title in ("b", "c", "a")]

    def listed(**query: str) -> list[int]:
        answer = ada.client.get(path, {"project": str(project.pk), **query}).json()
        return [one["id"] for one in answer]

    assert listed() == listed(ordering="id") == listed(ordering="last_sync") == made
    assert listed(ordering="title") == [made[2], made[0], made[1]]
    assert listed(ordering="-created_at") == made[::-1]
    refused = ada.client.get(path, {"project": str(project.pk), "ordering": "path"})
    assert (refused.status_code, [*refused.json()["validation_errors"]]) == (400, ["ordering"])


def test_pictures_become_tasks_once(
    ada: Caller, project: Project, root: ImageRoot, folder: Path
) -> None:
    storage = make(ada, project, folder, use_blob_urls=True)
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"], done["traceback"]) == ("completed", 2, None)
    assert done["last_sync"] == A_MOMENT
    address = f"/data/local-files/?d={root.pk}/"
    assert shown(project) == [f"{address}a.png", f"{address}b%20b.jpg"]
    assert ada.client.get(f"{address}a.png").status_code == 200

    (folder / "d.png").write_bytes(picture())
    ada.client.patch(f"{PATH}{storage['id']}", {"recursive_scan": True}, format="json")
    assert sync(ada, storage)["last_sync_count"] == 2
    assert shown(project)[2:] == [f"{address}d.png", f"{address}val/c.png"]
    assert sync(ada, storage)["last_sync_count"] == 0
    # A task that is deleted comes again.
    Task.objects.filter(project=project).order_by("id")[0].delete()
    assert sync(ada, storage)["last_sync_count"] == 1


def test_only_what_the_expression_lets_through(
    ada: Caller, project: Project, root: ImageRoot, folder: Path
) -> None:
    storage = make(ada, project, folder, use_blob_urls=True, regex_filter=r".*/a\.png$")
    assert sync(ada, storage)["last_sync_count"] == 1
    assert shown(project) == [f"/data/local-files/?d={root.pk}/a.png"]


def test_json_files_hold_tasks(
    ada: Caller, project: Project, root: ImageRoot, folder: Path
) -> None:
    tasks = [{"data": {"image": "1.jpg"}}, {"image": "2.jpg"}]
    (folder / "many.json").write_text(json.dumps(tasks))
    (folder / "one.json").write_text(json.dumps({"data": {"image": "3.jpg", "n": 2**64 + 1}}))
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text('{"text": "no picture"}')
    storage = make(ada, project, folder)
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"]) == ("completed_with_errors", 3)
    broken, other = done["traceback"].splitlines()
    assert broken == "broken.json: It is no JSON."
    assert other.startswith("other.json: ")
    assert '"image" key is expected in task data' in other
    assert shown(project) == ["1.jpg", "2.jpg", "3.jpg"]
    assert sync(ada, storage)["last_sync_count"] == 0
    # A file comes again when none of its tasks is left: else those that are would be there twice.
    first, second, third = Task.objects.filter(project=project).order_by("id")
    read = ada.client.get(f"/api/tasks/{third.pk}/").content
    assert json.loads(read)["data"] == {"image": "3.jpg", "n": 2**64 + 1}
    first.delete()
    assert sync(ada, storage)["last_sync_count"] == 0
    second.delete()
    assert sync(ada, storage)["last_sync_count"] == 2
    assert shown(project) == ["3.jpg", "1.jpg", "2.jpg"]


def test_a_folder_that_goes_away(
    ada: Caller, project: Project, root: ImageRoot, folder: Path, tmp_path: Path
) -> None:
    storage = make(ada, project, folder, use_blob_urls=True)
    folder.rename(tmp_path / "moved")
    failed = sync(ada, storage)
    assert (failed["status"], failed["traceback"]) == ("failed", GONE)
    # A link in its place leads nowhere.
    folder.symlink_to(tmp_path)
    assert sync(ada, storage)["status"] == "failed"
    assert shown(project) == []
    folder.unlink()
    image_roots.move(root, tmp_path / "moved")
    assert sync(ada, storage)["status"] == "completed"


def test_an_expression_that_takes_too_long_ends(
    ada: Caller, project: Project, root: ImageRoot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = r".*/(a*)(a*)\1\2[^.]"
    storage = make(ada, project, folder, use_blob_urls=True, regex_filter=slow)
    for n in range(20):
        (folder / f"{'a' * 200}.{n}.png").write_bytes(picture())
    monkeypatch.setattr(imports, "MATCH_MS", 10)
    failed = sync(ada, storage)
    assert failed["status"] == "failed"
    assert failed["traceback"].startswith("regex_filter: canceling statement")


def test_a_killed_worker_costs_its_lease(
    ada: Caller, project: Project, root: ImageRoot, folder: Path
) -> None:
    storage = make(ada, project, folder, use_blob_urls=True)
    ada.client.post(f"{PATH}{storage['id']}/sync")
    again = ada.client.post(f"{PATH}{storage['id']}/sync")
    assert again.json()["status"] == "queued"
    assert IMPORTS.claim(storage["id"], Holder(60)) is not None
    run.run(storage["id"])
    assert shown(project) == []
    ImportStorage.objects.update(lease_until="2020-01-01T00:00:00Z")
    run.run(storage["id"])
    assert len(shown(project)) == 2


def test_what_is_refused(
    ada: Caller, olga: Caller, rita: Caller, project: Project, root: ImageRoot, folder: Path,
    make_project: MakeProject, tmp_path: Path,
) -> None:  # fmt: skip
    good = {"project": project.pk, "path": str(folder)}
    (folder / "out").symlink_to(tmp_path)
    refused: list[tuple[dict[str, Any], Any]] = [
        ({"project": project.pk}, {"path": ["This field is required."]}),
        ({"path": str(folder)}, {"project": ["This field is required."]}),
        (
            {**good, "project": 999999},
            {"project": ['Invalid pk "999999" - object does not exist.']},
        ),
        ({**good, "path": str(tmp_path)}, {"path": [NO_FOLDER]}),
        ({**good, "path": "/"}, {"path": [NO_FOLDER]}),
        ({**good, "path": str(folder / "nothing")}, {"path": [NO_FOLDER]}),
        ({**good, "path": str(folder / "a.png")}, {"path": [NO_FOLDER]}),
        ({**good, "path": str(folder / "out")}, {"path": [NO_FOLDER]}),
        ({**good, "path": f"{folder}/../cars/.."}, {"path": [NO_FOLDER]}),
        ({**good, "recursive_scan": "often"}, {"recursive_scan": ["Must be a valid boolean."]}),
    ]
    for body, errors in refused:
        for path in (PATH, f"{PATH}validate"):
            assert_invalid(ada.client.post(path, body, format="json"), errors)
    broken = ada.client.post(PATH, {**good, "regex_filter": "("}, format="json")
    assert broken.status_code == 400
    assert broken.json()["validation_errors"]["regex_filter"][0].startswith("invalid regular")
    foreign = {"project": make_project(olga).pk, "path": str(folder)}
    assert_invalid(olga.client.post(PATH, foreign, format="json"), {"path": [NO_FOLDER]})
    assert not ImportStorage.objects.exists()

    made = make(ada, project, folder)
    valid = ada.client.post(f"{PATH}validate", {"id": made["id"], **good}, format="json")
    assert (valid.status_code, valid.content) == (200, b"")
    other = make_project(ada, title="Other").pk
    moved = ada.client.patch(f"{PATH}{made['id']}", {"project": other}, format="json")
    stays = {"project": ["A storage stays in its project; make another one there."]}
    assert_invalid(moved, stays)
    for who, status in ((olga, 404), (rita, 403)):
        for verb, path in (("patch", ""), ("delete", ""), ("post", "/sync")):
            answer = getattr(who.client, verb)(f"{PATH}{made['id']}{path}", {}, format="json")
            assert answer.status_code == status, (verb, answer.content)
    unknown = "No Project matches the given query."
    assert_refused(olga.client.get(PATH, {"project": project.pk}), 404, unknown)
    assert rita.client.get(f"{PATH}{made['id']}").json() == made
