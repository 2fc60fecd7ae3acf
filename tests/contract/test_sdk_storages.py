"""`client.import_storage.local` of Label Studio's SDK, unmodified."""

from pathlib import Path

import pytest
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from predictions.db.pictures import image_roots
from predictions.imports.folders import run
from tests.conftest import Caller, MakeProject
from tests.predictions.api.test_local_files import picture


def test_a_folder_is_synchronised(
    client: LabelStudio, ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(ada)
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
    local.delete(made.id)
    with pytest.raises(ApiError):
        local.get(made.id)
    assert [one.name for one in client.import_storage.list_types()] == ["localfiles"]
