"""Bombs: a few kilobytes that would be gigabytes to whoever unpacked them.

Each is sent to every route that takes bytes of its kind. Either nothing unpacks it, or what it
becomes is bounded: the process never grows by more than a small multiple of what was sent.
"""

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import randbytes
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from evals.models import ModelEval
from predictions.formats.table import FORMATS
from predictions.models import Annotation, Prediction, Project, Task
from tests.accounts.test_admin import desk_of
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import computed

pytestmark = pytest.mark.django_db

MB = 2**20
#: What the bombs would become, and what reading one may take.
LARGE = 200 * MB
MOST = 40 * MB
SIDE = 8200
JSON, LINES, FORM = "application/json", "application/x-ndjson", "multipart/form-data"


@contextmanager
def bounded(most: int = MOST) -> Iterator[None]:
    """Nothing inside needs more memory than this at once."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak:,} bytes"


@cache
def deflated(start: bytes, filler: bytes, end: bytes, *, wbits: int) -> bytes:
    """A document with LARGE bytes of filler in it, as a stream."""
    packer = zlib.compressobj(9, wbits=wbits)
    parts = [packer.compress(start)]
    parts += [packer.compress(filler * MB) for _ in range(LARGE // MB)]
    return b"".join([*parts, packer.compress(end), packer.flush()])


def document() -> bytes:
    """A task that is valid when it is unpacked."""
    return deflated(b'[{"data": {"image": "', b"a", b'"}}]', wbits=31)


@cache
def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("a", "w") as entry:
        for _ in range(LARGE // MB):
            entry.write(bytes(MB))
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        entry = tarfile.TarInfo("tasks.json")
        entry.size = LARGE
        packed.addfile(entry, io.BytesIO(bytes(LARGE)))
    return file.getvalue()


def png() -> bytes:
    """SIDE x SIDE pixels of nothing, 200 MB in colours."""
    file = io.BytesIO()
    Image.new("1", (SIDE, SIDE)).save(file, format="PNG")
    return file.getvalue()


SVG = (
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "'
    + b"a" * 1000
    + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(8))
    + b']><svg xmlns="http://www.w3.org/2000/svg"><text>&i;</text></svg>'
)

BODIES = [
    ("/api/predictions/", JSON),
    ("/api/predictions/", LINES),
    ("/api/tasks/", JSON),
    ("/api/tasks/{task}/annotations/", JSON),
    ("/api/projects/", JSON),
    ("/api/projects/{project}/import", JSON),
    ("/api/projects/{project}/import", LINES),
    ("/api/projects/{project}/import", "application/x-www-form-urlencoded"),
    ("/api/projects/{project}/import/predictions", JSON),
    ("/api/projects/{project}/import/predictions", LINES),
    ("/api/dm/actions/?id=delete_tasks&project={project}", JSON),
    ("/api/model-run/batch-predictions", JSON),
    ("/api/prompts/", JSON),
    ("/api/token/refresh", JSON),
    ("/lab/model-evals", JSON),
    ("/lab/model-evals/import", JSON),
    ("/lab/model-evals/import", LINES),
]
CODINGS = {"gzip": 31, "deflate": 15}


def stored() -> tuple[int, ...]:
    return tuple(rows.objects.count() for rows in (Task, Annotation, Prediction, ModelEval))


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    return {
        coding: deflated(b'[{"data": {"image": "', b"a", b'"}}]', wbits=wbits)
        for coding, wbits in CODINGS.items()
    }


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("path", "kind"), BODIES)
def test_no_body_is_unpacked(
    ada: Caller,
    project: Project,
    task: int,
    packed: dict[str, bytes],
    path: str,
    kind: str,
    coding: str,
) -> None:
    before = stored()
    with bounded():
        answer = ada.client.post(
            path.format(project=project.pk, task=task),
            packed[coding],
            content_type=kind,
            headers={"content-encoding": coding},
        )
    assert 400 <= answer.status_code < 500, answer.content
    assert stored() == before


FILES: dict[str, Callable[[], bytes]] = {
    "tasks.zip": archive,
    "tasks.json": archive,
    "tasks.csv": archive,
    "tasks.tar.gz": tar,
    "tasks.json.gz": document,
    "tasks.tsv": document,
    "picture.png": png,
    "picture.svg": lambda: SVG,
    "tasks.jsonl": png,
}


@cache
def bomb(name: str) -> bytes:
    return FILES[name]()


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_unpacked(ada: Caller, project: Project, name: str) -> None:
    body, before = bomb(name), stored()
    for path in (f"/api/projects/{project.pk}/import", "/lab/model-evals/import"):
        with bounded():
            file = SimpleUploadedFile(name, body)
            answer = ada.client.post(path, {"file": file}, format="multipart")
        assert 400 <= answer.status_code < 500, (path, answer.content[:300])
    assert stored() == before


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("truth.json", content)
    return file.getvalue()


RESULT = b'{"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":0.5}'
# What may be loaded, which the first entry shows to be results of COCO's.
LOADS: dict[str, tuple[Callable[[], bytes], str]] = {
    "an archive": (archive, "tasks.zip: unpacks to over 20 times its size."),
    "objects without anything in them": (
        lambda: b"[" + RESULT + b",{}" * 5_000_000 + b"]",
        "predictions[1]: Object missing required field `image_id`",
    ),
    "the same in an archive": (
        # Noise, so that it is not packed too well.
        lambda: zipped(b"[" + RESULT + b",{}" * 5_000_000 + b"]" + randbytes(2 * MB)),
        "predictions[1]: Object missing required field `image_id`",
    ),
    "entries that are no objects": (
        lambda: b"[" + RESULT + b",0" * 5_000_000 + b"]",
        "predictions[1]: Expected `object`, got `int`",
    ),
    "annotations that are no objects": (
        lambda: b'{"images":[],"categories":[],"annotations":[' + b"0," * 5_000_000 + b"0]}",
        "annotations[0]: Expected `object`, got `int`",
    ),
}


@pytest.mark.parametrize("what", LOADS)
def test_loads(ada: Caller, what: str) -> None:
    make, message = LOADS[what]
    file, before = SimpleUploadedFile("tasks.zip", make()), stored()
    form = {"title": "Cars", "predictions": file, "ground_truth": file, "model_version": "v1"}
    if what != "annotations that are no objects":
        truth = b'{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[{"id":1,"name":"Car"}]}'
        form["ground_truth"] = SimpleUploadedFile("truth.json", truth)
    else:
        del form["predictions"], form["model_version"]
    with bounded(5 * MOST):
        answer = ada.client.post("/api/load?format=coco", form, format="multipart")
    assert answer.status_code == 400, answer.content
    assert message in answer.content.decode()
    assert stored() == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("format_", [*FORMATS, ""])
def test_no_data_set_is_unpacked(ada: Caller, format_: str, name: str) -> None:
    form = {"title": "Bombs", "ground_truth": SimpleUploadedFile(name, bomb(name))}
    with bounded():
        answer = ada.client.post(f"/api/load?format={format_}", form, format="multipart")
    assert 400 <= answer.status_code < 500, answer.content[:300]
    assert not Project.objects.exists()


def test_a_picture_in_a_task_is_never_opened(
    ada: Caller, project: Project, make_task: Any, make_prediction: Any, make_annotation: Any
) -> None:
    """It goes to the browser as it was stored, byte for byte."""
    sent = png()
    address = f"data:image/png;base64,{b64encode(sent).decode()}"
    with bounded():
        task = make_task(ada, project, data={"image": address})
        pk = make_prediction(ada, task, model_version="v1")["id"]
        make_annotation(ada, task, ground_truth=True)
        evaluation = computed(ada, project)
        pages = f"/admin/evals/modeleval/{evaluation.eval_id}"
        desk = desk_of(ada)
        assert desk.get(f"/admin/predictions/prediction/{pk}/review/").status_code == 200
        (card,) = desk.get(f"{pages}/data/cards?position=0").json()["cards"]
        assert card["image"] == f"{pages}/data/pictures/0"
        picture = desk.get(f"{pages}/data/pictures/0")
        for kind in ("COCO", "YOLO", "VOC", "JSON"):
            path = f"/api/projects/{project.pk}/export?exportType={kind}"
            assert b"".join(ada.client.get(path))
    assert picture.content == sent


def test_an_svg_in_a_task_is_no_picture(
    ada: Caller, project: Project, make_task: Any, make_prediction: Any, make_annotation: Any
) -> None:
    address = f"data:image/svg+xml;base64,{b64encode(SVG).decode()}"
    task = make_task(ada, project, data={"image": address})
    make_prediction(ada, task, model_version="v1")
    make_annotation(ada, task, ground_truth=True)
    evaluation = computed(ada, project)
    path = f"/admin/evals/modeleval/{evaluation.eval_id}/data/pictures/0"
    with bounded():
        assert desk_of(ada).get(path).status_code == 404


def test_a_config_has_no_entities(ada: Caller, project: Project) -> None:
    config = SVG.decode().replace("svg", "View")
    with bounded():
        answer = ada.client.patch(
            f"/api/projects/{project.pk}/", {"label_config": config}, format="json"
        )
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == ["label_config"]


MASKS_CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="mask" toName="image">'
    '<Label value="Sky"/></BrushLabels></View>'
)
LONGEST = 65_535


def mask(rle: list[int], width: int, height: int) -> dict[str, Any]:
    return {
        "id": f"{width}-{len(rle)}",
        "from_name": "mask",
        "to_name": "image",
        "type": "brushlabels",
        "original_width": width,
        "original_height": height,
        "value": {"format": "rle", "rle": rle, "brushlabels": ["Sky"]},
    }


def promise(n_values: int, run: int = 2**16) -> list[int]:
    """A stream that says it has so many values, and goes on with a run of 255."""
    bits = f"{n_values:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}111{run - 1:016b}{255:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


MASKS = {
    "nothing on a raster of four billion pixels": mask([], LONGEST, LONGEST),
    "a promise of four billion values": mask(promise(2**32 - 1), LONGEST, LONGEST),
    "a promise that the raster keeps": mask(promise(4 * 20_000 * 13_000), 20_000, 13_000),
    "a promise that ends early": mask(promise(4 * 8000 * 8000), 8000, 8000),
    "sides that nobody has": mask(promise(16), 2**31, 2**31),
    "no stream": mask([1, 2, 3], LONGEST, LONGEST),
}


@pytest.fixture
def masked(ada: Caller, make_project: MakeProject) -> Project:
    """A task for each of them, said and true."""
    project = make_project(ada, MASKS_CONFIG)
    tasks = [
        {
            "data": {"image": f"http://x.y/{n}.jpg"},
            "annotations": [{"result": [region], "ground_truth": True}],
            "predictions": [{"result": [{**region, "score": 0.9}], "model_version": "v1"}],
        }
        for n, region in enumerate(MASKS.values())
    ]
    path = f"/api/projects/{project.pk}/import"
    assert ada.client.post(path, tasks, format="json").status_code == 201
    return project


#: A mask of 64 megapixels is looked at before its stream turns out to end.
ONE_MASK = 100 * MB


@pytest.mark.parametrize("source", ["annotations", "predictions"])
@pytest.mark.parametrize(
    "kind", ["BRUSH_TO_PNG", "BRUSH_TO_NUMPY", "BRUSH_TO_COCO", "COCO", "JSON"]
)
def test_masks_in_exports(ada: Caller, masked: Project, kind: str, source: str) -> None:
    path = f"/api/projects/{masked.pk}/export?exportType={kind}&source={source}"
    with bounded(ONE_MASK):
        answer = ada.client.get(path)
        content = b"".join(answer)
    assert answer.status_code == 200
    assert len(content) < 50_000
    if kind in {"BRUSH_TO_PNG", "BRUSH_TO_NUMPY"}:
        assert zipfile.ZipFile(io.BytesIO(content)).namelist() == []


@pytest.mark.parametrize("task_type", ["instance-segmentation", "semantic-segmentation"])
def test_masks_in_evaluations(ada: Caller, masked: Project, task_type: str) -> None:
    with bounded(ONE_MASK):
        evaluation = computed(ada, masked, task_type=task_type)
        path = f"/lab/model-evals/{evaluation.eval_id}"
        desk, page = desk_of(ada), f"/admin/evals/modeleval/{evaluation.eval_id}"
        for task in Task.objects.filter(project=masked):
            ada.client.get(f"{path}/image-predictions/{task.pk}")
            desk.get(f"{page}/data/cards?image={task.pk}")
        b"".join(ada.client.get(f"{path}/coco"))
    assert evaluation.status == ModelEval.Status.DONE, evaluation.failure_reason


def test_masks_at_the_desk(ada: Caller, masked: Project) -> None:
    desk = desk_of(ada)
    with bounded(ONE_MASK):
        for pk in Prediction.objects.filter(project=masked).values_list("pk", flat=True):
            assert desk.get(f"/admin/predictions/prediction/{pk}/review/").status_code == 200


# Counts of an imported evaluation that stand for more than the file could hold.
COUNTS: dict[str, list[Any]] = {
    "every cell the largest": [[a, p, 2**31 - 1] for a in range(3) for p in range(3)],
    "a huge one": [[0, 0, 10**400]],
    "a negative one": [[0, 0, -1]],
    "a fraction": [[0, 0, 1e308]],
    "a text": [[0, 0, "9" * 1000]],
    "classes that are not there": [[2**62, 2**62, 1]] * 1000,
}


@pytest.mark.parametrize("what", COUNTS)
def test_counts_of_imported_evaluations(ada: Caller, what: str) -> None:
    image = {"imageId": "a", "imageName": "a", "split": "test", "confusion": COUNTS[what]}
    file = {
        "classes": ["Car", "Person"],
        "versionId": "7",
        "totalImages": 10**18,
        "reports": [{"confidence": 20, "totalImages": 2**62, "image_results": [image]}],
    }
    with bounded():
        answer = ada.client.post(
            "/lab/model-evals/import", json.dumps(file), content_type="application/json"
        )
    assert answer.status_code == 400, answer.content
    assert not ModelEval.objects.exists()


def test_the_bombs_are_bombs(packed: dict[str, bytes]) -> None:
    assert len(gzip.decompress(packed["gzip"])) > LARGE
    assert len(packed["gzip"]) < MB
    with zipfile.ZipFile(io.BytesIO(archive())) as opened:
        assert opened.infolist()[0].file_size == LARGE
    assert Image.open(io.BytesIO(png())).size == (SIDE, SIDE)
