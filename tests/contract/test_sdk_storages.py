"""`client.import_storage` and `client.export_storage` of Label Studio's SDK, unmodified."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from label_studio_sdk import LabelStudio
from label_studio_sdk._extensions.label_studio_tools.core.utils.io import get_local_path
from label_studio_sdk._legacy import Client
from label_studio_sdk.core.api_error import ApiError

from predictions.db.annotations import create_annotation
from predictions.db.pictures import image_roots
from predictions.exports.storages import run as export
from predictions.imports.folders import run
from predictions.models import Project
from tests.conftest import Caller, MakeProject, region
from tests.predictions.api.test_local_files import picture
from tests.s3 import emptied, serving


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a service that speaks S3."""
    with serving() as found:
        yield found


@pytest.fixture
def bucket(service: str, settings: Any) -> Iterator[Any]:
    """One with a picture, and a document of a task."""
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with emptied(service, "cars") as made:
        made.put_object(Key="val/a.png", Body=picture())
        yield made


@pytest.fixture
def place(service: str, bucket: Any) -> dict[str, str]:
    """How a client names it."""
    return {
        "bucket": "cars",
        "s3endpoint": service,
        "aws_access_key_id": "somebody",
        "aws_secret_access_key": "a secret",
    }


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada)


def assert_gone(storages: Any, storage_id: int) -> None:
    storages.delete(storage_id)
    with pytest.raises(ApiError) as error:
        storages.get(storage_id)
    assert error.value.status_code == 404


def test_a_folder_is_synchronised(
    client: LabelStudio, ada: Caller, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    image_roots.register(ada.workspace.pk, tmp_path)
    local = client.import_storage.local
    given = {"project": project.pk, "path": str(tmp_path), "use_blob_urls": True}
    local.validate(**given)
    made = local.create(**given, title="Cars")
    assert made.id is not None
    assert [one.title for one in local.list(project=project.pk)] == ["Cars"]
    assert local.update(made.id, title="Trucks").title == "Trucks"
    assert local.sync(made.id).status == "queued"
    run.run(made.id)
    done = local.get(made.id)
    assert (done.status, done.last_sync_count) == ("completed", 1)
    assert_gone(local, made.id)
    for types in (client.import_storage.list_types(), client.export_storage.list_types()):
        assert [one.name for one in types] == ["s3", "localfiles"]


def test_a_bucket_is_synchronised(
    client: LabelStudio, ada: Caller, project: Project, place: dict[str, str], address: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    s3 = client.import_storage.s3
    given: Any = {"project": project.pk, **place, "prefix": "val", "use_blob_urls": True}
    s3.validate(**given)
    with pytest.raises(ApiError) as error:
        s3.validate(**{**given, "prefix": "none"})
    assert error.value.status_code == 400
    made = s3.create(**given, title="Cars", presign=False)
    assert made.id is not None
    assert (made.s3endpoint, made.aws_secret_access_key) == (place["s3endpoint"], None)
    assert [one.title for one in s3.list(project=project.pk)] == ["Cars"]
    assert s3.update(made.id, title="Trucks").title == "Trucks"
    s3.validate(id=made.id, project=project.pk)
    assert s3.sync(made.id).status == "queued"
    run.run(made.id)
    done = s3.get(made.id)
    assert (done.status, done.last_sync_count) == ("completed", 1)
    [task] = client.tasks.list(project=project.pk)
    assert task.data == {"image": "s3://cars/val/a.png"}
    # As an ML backend finds it, from the bucket and through the server.
    for presign in (False, True):
        s3.update(made.id, presign=presign)
        kept = tmp_path / str(presign)
        kept.mkdir()
        found = get_local_path(
            task.data["image"],
            hostname=address,
            access_token=ada.key,
            task_id=task.id,
            cache_dir=str(kept),
        )
        assert Path(found).read_bytes() == picture()
    assert_gone(s3, made.id)


def test_annotations_are_written_to_a_folder(
    client: LabelStudio, ada: Caller, project: Project, tmp_path: Path
) -> None:
    image_roots.register(ada.workspace.pk, tmp_path, is_writable=True)
    task = client.tasks.create(project=project.pk, data={"image": "a.png"})
    written = create_annotation(task.id, {"result": [region()]}, ada.access)
    local = client.export_storage.local
    given = {"project": project.pk, "path": str(tmp_path), "can_delete_objects": True}
    local.validate(**given)
    made = local.create(**given, title="Truth")
    assert made.id is not None
    assert [one.title for one in local.list(project=project.pk)] == ["Truth"]
    assert local.update(made.id, title="Cars").can_delete_objects
    assert local.sync(made.id).status == "queued"
    export.run(made.id)
    done = local.get(made.id)
    assert (done.status, done.last_sync_count) == ("completed", 1)
    assert json.loads((tmp_path / str(written["id"])).read_bytes())["task"]["id"] == task.id
    assert_gone(local, made.id)


def test_annotations_are_written_to_a_bucket(
    client: LabelStudio, ada: Caller, project: Project, place: dict[str, str], bucket: Any
) -> None:
    task = client.tasks.create(project=project.pk, data={"image": "a.png"})
    written = create_annotation(task.id, {"result": [region()]}, ada.access)
    s3 = client.export_storage.s3
    given: Any = {"project": project.pk, **place, "prefix": "truth"}
    s3.validate(**given)
    made = s3.create(**given, title="Truth")
    assert made.id is not None
    assert [one.title for one in s3.list(project=project.pk)] == ["Truth"]
    assert s3.update(made.id, can_delete_objects=True).can_delete_objects
    assert s3.sync(made.id).status == "queued"
    export.run(made.id)
    done = s3.get(made.id)
    assert (done.status, done.last_sync_count) == ("completed", 1)
    found = bucket.Object(f"truth/{written['id']}").get()["Body"].read()
    assert json.loads(found)["task"]["id"] == task.id
    assert_gone(s3, made.id)


def test_the_legacy_client(
    address: str, ada: Caller, project: Project, place: dict[str, str], bucket: Any
) -> None:
    keys = {name: place[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    keys |= {"bucket": "cars", "s3_endpoint": place["s3endpoint"]}
    with requests.Session() as session:
        found = Client(url=address, api_key=ada.key, session=session).get_project(project.pk)
        source = found.connect_s3_import_storage(**keys, prefix="val", title="Cars")
        assert found.sync_import_storage("s3", source["id"])["status"] == "queued"
        run.run(source["id"])
        target = found.connect_s3_export_storage(**keys, prefix="truth")
        assert found.sync_export_storage("s3", target["id"])["status"] == "queued"
        export.run(target["id"])
        assert [one["title"] for one in found.get_import_storages()] == ["Cars"]
        assert [one["status"] for one in found.get_export_storages()] == ["completed"]
        assert found.get_tasks_ids() != []
