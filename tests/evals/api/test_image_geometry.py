"""GET .../image-predictions/:imageId and .../coco of crowds and turned boxes."""

import io
import json
import zipfile
from contextlib import redirect_stdout
from typing import Any

import pytest
from django.test import Client
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, ids_of, load, task


def test_crowds_and_turned_boxes(ada: Caller, project: Project) -> None:
    crowd = {**box(CAR, 20, 0, 20, 20), "meta": {"iscrowd": 1, "area": 321.5}}
    truth = [{**box(CAR, 0, 0, 10, 10), "meta": {"area": 55}}, crowd, box(CAR, 45, 45, 10, 10)]
    diamond = box(CAR, 50, 42.928932, 10, 10, 0.8)
    diamond["value"]["rotation"] = 45
    said = [box(CAR, 0, 0, 10, 10, 0.9), box(CAR, 22, 2, 5, 5, 0.7), diamond]
    load(ada, project, [task("one", truth=truth, said={"v1": said})])
    done = computed(ada, project)
    path = f"/lab/model-evals/{done.eval_id}"
    document = ada.client.get(f"{path}/image-predictions/{ids_of(project)['one']}").json()

    corners = [[50, 42.928932], [57.071068, 50], [50, 57.071068], [42.928932, 50]]
    hit = {"verdict": "tp", "iou": pytest.approx(1.0)}
    nothing = {"verdict": None, "matched": None, "iou": None, "crowd": True}
    partly = {"verdict": "tp", "iou": pytest.approx(0.707107, abs=1e-6)}
    plain = {"class": "Car", "polygon": None}
    assert document["groundTruth"] == [
        {"index": 0, **plain, "box": [0.0, 0.0, 10.0, 10.0], **hit, "matched": 0},
        {"index": 1, **plain, "box": [20.0, 0.0, 20.0, 20.0], **nothing},
        {"index": 2, **plain, "box": [45.0, 45.0, 10.0, 10.0], **partly, "matched": 2},
    ]
    assert document["predictions"] == [
        {"index": 0, **plain, "score": 0.9, "box": [0.0, 0.0, 10.0, 10.0], **hit, "matched": 0},
        {"index": 1, **plain, "score": 0.7, "box": [22.0, 2.0, 5.0, 5.0], **nothing},
        {
            "index": 2,
            **plain,
            "score": 0.8,
            "box": [
                pytest.approx(n, abs=1e-5) for n in (42.928932, 42.928932, 14.142136, 14.142136)
            ],
            **partly,
            "matched": 2,
            "corners": [[pytest.approx(n, abs=1e-5) for n in corner] for corner in corners],
        },
    ]
    assert document["stats"] == {
        "truePositives": 2,
        "falsePositives": 0,
        "falseNegatives": 0,
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
    }

    answer: Any = ada.client.get(f"{path}/coco")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    annotations: list[Any] = json.loads(archive.read("ground_truth.json"))["annotations"]
    assert [(one["iscrowd"], one["area"]) for one in annotations] == [(0, 55), (1, 321.5), (0, 100)]
    assert len({one["id"] for one in annotations}) == 3


def test_average_recall_stands_under_metrics(ada: Caller, project: Project) -> None:
    said = [box(CAR, 50, 50, 9, 9, 0.9), box(CAR, 0, 0, 10, 10, 0.8)]
    load(ada, project, [task("a", truth=[box(CAR, 0, 0, 10, 10)], said={"v1": said})])
    done = computed(ada, project)
    results = ada.client.get(f"/lab/model-evals/{done.eval_id}/map-results").json()

    # The hit is the second of its image.
    assert results["splits"]["test"]["metrics"] == {
        "averageRecall1": 0.0,
        "averageRecall10": 1.0,
        "averageRecall100": 1.0,
    }


def coco_files(caller: Caller, path: str, **query: str) -> list[Any]:
    answer: Any = caller.client.get(f"{path}/coco", query)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    return [json.loads(archive.read(f"{name}.json")) for name in ("ground_truth", "detections")]


SIZE = {"width": 100, "height": 100}


@pytest.mark.parametrize("type_", ["object-detection", "instance-segmentation"])
@pytest.mark.parametrize(
    ("told", "later"),
    [
        ({"image_size": SIZE}, {"image_size": {"width": 100, "height": 900}}),
        ({"image_size": SIZE}, {}),
        ({}, {"image_size": {"width": 300, "height": 100}}),
    ],
)
def test_an_image_stays_of_the_size_that_it_was_counted_with(
    ada: Caller,
    desks: dict[str, Client],
    project: Project,
    told: dict[str, Any],
    later: dict[str, Any],
    type_: str,
) -> None:
    def unsized(region: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in region.items() if not k.startswith("original")}
        return {**kept, "value": {**kept["value"], "rotation": 24}}

    truth, said = unsized(box(CAR, 40, 40, 20, 20)), unsized(box(CAR, 44, 41, 20, 20, 0.9))
    (pk,) = load(ada, project, [task("a", truth=[truth], said={"v1": [said]}, **told)])
    done = computed(ada, project, taskType=type_)
    path = f"/lab/model-evals/{done.eval_id}"

    def shown() -> list[Any]:
        page = desks["reader"].get(f"/admin/evals/modeleval/{done.eval_id}/data/cards?position=0")
        image = ada.client.get(f"{path}/image-predictions/{pk}")
        assert (image.status_code, page.status_code) == (200, 200)
        return [image.json(), page.json(), *coco_files(ada, path)]

    before = shown()
    assert [one["verdict"] for one in before[0]["groundTruth"]] == ["tp"]
    assert before[2]["info"]["tasksChangedSince"] == []
    edited = ada.client.patch(f"/api/tasks/{pk}/", {"meta": later}, format="json")
    assert edited.status_code == 200
    assert shown() == before
    # One that is counted now has the new size.
    newer = computed(ada, project, taskType=type_)
    assert coco_files(ada, f"/lab/model-evals/{newer.eval_id}") != before[2:]


def test_files_of_a_split_give_its_precision(ada: Caller, project: Project) -> None:
    right, wrong = box(CAR, 0, 0, 10, 10, 0.9), box(CAR, 50, 50, 9, 9, 0.95)
    truth = [box(CAR, 0, 0, 10, 10)]
    said = {"train": [right], "valid": [right, wrong], "test": [wrong]}
    load(
        ada,
        project,
        [task(name, split=name, truth=truth, said={"v1": found}) for name, found in said.items()],
    )
    path = f"/lab/model-evals/{computed(ada, project).eval_id}"

    def files(**query: str) -> list[Any]:
        return coco_files(ada, path, **query)

    told = ada.client.get(f"{path}/map-results").json()["splits"]
    for name in said:
        truths, detections = files(split=name)
        assert [one["split"] for one in truths["images"]] == [name]
        with redirect_stdout(io.StringIO()):
            coco = COCO()
            coco.dataset = truths
            coco.createIndex()
            judge = COCOeval(coco, coco.loadRes(detections), "bbox")
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        assert told[name]["map50_95"] == pytest.approx(judge.stats[0], abs=1e-9)
    assert [one["split"] for one in files()[0]["images"]] == list(said)
    assert files(split="all") == files()
    refused = ada.client.get(f"{path}/coco", {"split": "final"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_split")
