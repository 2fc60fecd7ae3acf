"""`--images DIR` of `manage.py load`, and the `image_root` of a request: pictures of the server."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError
from django.test import Client
from PIL import Image

from predictions.db.pictures import image_roots
from predictions.models import Annotation, ImageRoot, Project, Task
from tests.conftest import Caller, assert_invalid
from tests.predictions.imports.datasets.test_load_coco import load

NAMES = ["val/a b.png", "c.jpg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    (made / "val").mkdir(parents=True)
    for name in NAMES:
        Image.new("RGB", (200, 100)).save(made / name)
    return made


def document(names: list[str]) -> dict[str, Any]:
    """Without sizes: they are in the pictures."""
    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names, 1)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 100, 50]}],
    }


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(document(NAMES)))
    return path


def told(truth: Path, folder: object, *more: object) -> Any:
    given = ["coco", "--project", "Pets", "--ground-truth", truth, "--images", folder, *more]
    return load(*given)


def test_a_folder_becomes_an_image_root(ada: Caller, truth: Path, folder: Path) -> None:
    told(truth, folder)
    told(truth, folder)
    root = ImageRoot.objects.get()
    assert (root.workspace_id, root.path) == (ada.workspace.pk, str(folder))
    tasks = Task.objects.order_by("id")
    assert [task.data for task in tasks] == [
        {"image": f"/data/local-files/?d={root.pk}/val/a%20b.png"},
        {"image": f"/data/local-files/?d={root.pk}/c.jpg"},
    ]
    (region,) = Annotation.objects.get(task=tasks[0]).result
    value = region["value"]
    assert (region["original_width"], region["original_height"]) == (200, 100)
    assert [value[name] for name in ("x", "y", "width", "height")] == [10, 10, 50, 50]
    for task in tasks:
        assert ada.client.get(task.data["image"]).status_code == 200


def test_names_without_a_file_are_errors(ada: Caller, truth: Path, folder: Path) -> None:
    (folder / "c.jpg").unlink()
    with pytest.raises(CommandError, match=r"'c\.jpg' is not in the folder of pictures"):
        told(truth, folder)
    assert not Project.objects.exists()
    assert not ImageRoot.objects.exists()
    told(truth, folder, "--missing-images", "ok")
    assert Task.objects.count() == 2


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("{folder}/gone", "There is no folder"),
        ("{folder}/c.jpg", "is no folder"),
        ("/", "whole file system"),
        ("ftp://example.com/a", "no address of pictures"),
    ],
)
def test_where_there_is_none(
    ada: Caller, truth: Path, folder: Path, where: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        told(truth, where.format(folder=folder))
    assert not Project.objects.exists()


def posted(caller: Caller, where: str) -> Any:
    text = json.dumps(document(NAMES)).encode()
    form = {
        "title": "Pets", "image_root": where, "ground_truth": SimpleUploadedFile("t.json", text),
    }  # fmt: skip
    client = Client(headers={"authorization": f"Token {caller.key}"})
    return client.post("/api/load?format=coco", form)


def test_a_request_names_a_root_by_its_id(ada: Caller, folder: Path) -> None:
    root = image_roots.register(ada.workspace.pk, folder)
    answer = posted(ada, root.pk)
    assert answer.status_code == 201, answer.content
    data = {"image": f"/data/local-files/?d={root.pk}/c.jpg"}
    assert Task.objects.order_by("id").values_list("data", flat=True)[1] == data


def test_a_request_names_no_folder_and_no_root_of_others(
    ada: Caller, olga: Caller, folder: Path
) -> None:
    theirs = image_roots.register(olga.workspace.pk, folder).pk
    for where, message in (
        (theirs, f"There is no image root {theirs}."),
        ("0123456789abcdef", "There is no image root 0123456789abcdef."),
        (str(folder), f"{str(folder)!r} is no address of pictures, as https://... is."),
        (f"file://{folder}", f"'file://{folder}' is no address of pictures, as https://... is."),
    ):
        assert_invalid(posted(ada, where), {"non_field_errors": [message]})
    assert not Project.objects.exists()
    assert ImageRoot.objects.count() == 1
