"""Files that are small to send and large to hold, or whose numbers do not fit."""

import io
import json
import tracemalloc
from typing import Any

import pytest

from evals.documents.refusals import InvalidImport
from evals.imports import file as reading
from evals.imports import save
from evals.models import ModelEval
from tests.conftest import Caller

MOST = 2**31 - 1


def image(*cells: list[int], name: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "imageId": name,
        "imageName": name,
        "split": "test",
        "confusion": list(cells),
        **more,
    }


def document(*images: Any, classes: tuple[str, ...] = ("a", "b"), **more: Any) -> bytes:
    report = {"confidence": 50, "image_results": list(images)}
    whole = {"versionId": "1", **more, "classes": list(classes), "reports": [report]}
    return json.dumps(whole).encode()


def raw(image_text: bytes) -> bytes:
    return document("HERE").replace(b'"HERE"', image_text)


FIRST = "reports[0].image_results[0]"
DEEP = "The file is nested deeper than 100 levels."
OVERFLOW = "The file is no JSON document: parse error: integer overflow"
HOSTILE = {
    "counts": (
        document(image([0, 0, MOST], [0, 1, MOST])),
        f"{FIRST}.confusion: its counts add up to more than 2,147,483,647",
    ),
    "digits": (
        document(image([0, 0, 7])).replace(b"7", b"9" * 500_000),
        OVERFLOW,
    ),
    "augmentations": (
        document(image(augmentations=2**31)),
        f"{FIRST}.augmentations: must be a whole number",
    ),
    "deep": (document(x=7).replace(b"7", b"[" * 100_000 + b"]" * 100_000), DEEP),
    "deep panel": (
        document(mapResults=7).replace(b"7", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        DEEP,
    ),
    "deep image": (raw(b'{"confusion":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), DEEP),
    "half a character": (
        document(classes=("\ud800",)),
        "Byte 32: \\ud800 is half a character.",
    ),
    "class name": (
        document(classes=("a" * 501,)),
        "classes[0]: has more than 500 characters",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_rejections(ada: Caller, body: bytes, reason: str) -> None:
    tracemalloc.start()
    with pytest.raises(InvalidImport) as refused:
        save.import_file(io.BytesIO(body), workspace_id=ada.access.workspace_id, strict=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(refused.value).startswith(reason)
    assert peak < 80_000_000
    assert not ModelEval.objects.exists()


BOUNDS = [
    (
        "MAX_IMAGE_VALUES",
        30,
        document(image([0, 0, 1], x=list(range(30)))),
        "an image has more than 30 values",
    ),
    ("MAX_VALUES", 20, document(image([0, 0, 1]), x=list(range(30))), "more than 20 values"),
    (
        "MAX_IMAGES",
        2,
        document(*(image(name=str(n)) for n in range(3))),
        "there are more than 2 of them",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("bound", "value", "body", "reason"), BOUNDS)
def test_what_is_counted(
    ada: Caller,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: int,
    body: bytes,
    reason: str,
) -> None:
    monkeypatch.setattr(reading, bound, value)
    with pytest.raises(InvalidImport, match=reason):
        save.import_file(io.BytesIO(body), workspace_id=ada.access.workspace_id)
    monkeypatch.setattr(reading, bound, 1000)
    save.import_file(io.BytesIO(body), workspace_id=ada.access.workspace_id)


@pytest.mark.django_db
def test_the_largest_counts_are_stored(ada: Caller) -> None:
    body = document(*(image([0, 0, MOST], name=str(n)) for n in range(100)))
    found = save.import_file(io.BytesIO(body), workspace_id=ada.access.workspace_id)
    path = f"/lab/model-evals/{found.eval_id}/confusion-matrix"
    assert ada.client.get(path).json()["matrix"][0] == [100 * MOST, 0, 0]
