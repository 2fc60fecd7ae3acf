"""The vendor's SDKs, unmodified: exports in the background and users against a live server."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from label_studio_sdk import LabelStudio
from label_studio_sdk._legacy import Client
from label_studio_sdk.core.api_error import ApiError

from predictions.models import Project
from tests.conftest import Caller, MakeProject, region
from tests.contract.conftest import Sent


@pytest.fixture
def project(ada: Caller, make_project: MakeProject, settings: Any, tmp_path: Path) -> Project:
    """A project with an annotated task, and one without."""
    settings.DATA_DIR = tmp_path
    project = make_project(ada)
    tasks = [
        {"data": {"image": "1.jpg"}, "annotations": [{"result": [region()]}]},
        {"data": {"image": "2.jpg"}},
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", tasks, format="json")
    return project


def test_exports(client: LabelStudio, sent: Sent, project: Project) -> None:
    exports = client.projects.exports
    # The client calls them texts, and passes on the objects that Label Studio answers.
    formats: Any = exports.list_formats(project.pk)
    suiting = [one["name"] for one in formats if not one.get("disabled")]
    assert suiting == ["JSON", "JSON_MIN", "CSV", "TSV", "COCO", "VOC", "YOLO", "YOLO_OBB"]
    made = exports.create(project.pk, title="Friday")
    assert made.id is not None
    assert (made.title, made.status) == ("Friday", "in_progress")
    call_command("worker", once=True, verbosity=0)
    (listed,) = exports.list(project.pk)
    assert (listed.id, listed.status) == (made.id, "completed")
    got = exports.get(project.pk, made.id)
    assert got.finished_at is not None
    pieces = exports.download(project.pk, made.id, export_type="JSON")
    tasks = json.loads(b"".join(pieces))
    assert [len(task["annotations"]) for task in tasks] == [1, 0]
    exports.delete(project.pk, made.id)
    assert exports.list(project.pk) == []
    with pytest.raises(ApiError) as gone:
        exports.get(project.pk, made.id)
    assert gone.value.status_code == 404
    assert exports.as_json(project.pk)
    assert sent.calls[1] == f"POST /api/projects/{project.pk}/exports/"


def test_users(client: LabelStudio, ada: Caller, rita: Caller, olga: Caller) -> None:
    assert [one.email for one in client.users.list()] == ["ada@example.com", "rita@example.com"]
    found = client.users.get(id=rita.user.pk)
    assert (found.id, found.username, found.initials) == (rita.user.pk, "rita", "ri")
    assert found.active_organization == ada.workspace.pk
    with pytest.raises(ApiError) as foreign:
        client.users.get(id=olga.user.pk)
    assert foreign.value.status_code == 404


def test_the_legacy_client(address: str, ada: Caller, project: Project, tmp_path: Path) -> None:
    with requests.Session() as session:
        legacy = Client(url=address, api_key=ada.key, session=session).get_project(project.pk)
        made = legacy.export_snapshot_create(title="Friday")
        assert legacy.export_snapshot_status(made["id"]).is_in_progress()
        call_command("worker", once=True, verbosity=0)
        assert legacy.export_snapshot_status(made["id"]).is_completed()
        assert [one["title"] for one in legacy.export_snapshot_list()] == ["Friday"]
        status, name = legacy.export_snapshot_download(made["id"], path=str(tmp_path))
        assert status == 200
        assert len(json.loads((tmp_path / name).read_text())) == 2
