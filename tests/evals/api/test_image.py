"""GET .../image-predictions/:imageId, .../coco, .../diff/:otherId and /compare"""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from evals.models import ModelEval
from evals.reports.files import object_id
from predictions.models import Annotation, Prediction, Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, ids_of, load, task
from tests.evals.draws import counted, significance

Get = Callable[..., Any]


def test_every_object_has_a_verdict(get: Get, evaluation: ModelEval, project: Project) -> None:
    two = ids_of(project)["two"]
    document = get(f"image-predictions/{two}", confidence=15).json()

    prediction = Prediction.objects.get(task_id=int(two), model_version="v1")
    assert document["evalId"] == evaluation.eval_id
    assert document["imageId"] == two
    assert document["taskId"] == int(two)
    assert document["predictionId"] == prediction.pk
    assert (document["confidenceThreshold"], document["iouThreshold"]) == (0.15, 0.5)
    assert document["stats"]["falsePositives"] == 2
    near_one = pytest.approx(1.0)
    car = {"box": [10.0, 10.0, 20.0, 20.0], "polygon": None}
    person = {"box": [50.0, 50.0, 20.0, 20.0], "polygon": None}
    assert document["groundTruth"] == [
        {
            "index": 0,
            "class": "Car",
            **car,
            "verdict": "wrong_class",
            "matched": 0,
            "iou": near_one,
        },
        {"index": 1, "class": "Person", **person, "verdict": "tp", "matched": 1, "iou": near_one},
    ]
    assert document["predictions"] == [
        {
            "index": 0,
            "class": "Person",
            "score": 0.8,
            **car,
            "verdict": "wrong_class",
            "matched": 0,
            "iou": near_one,
        },
        {
            "index": 1,
            "class": "Person",
            "score": 0.6,
            **person,
            "verdict": "tp",
            "matched": 1,
            "iou": near_one,
        },
        {
            "index": 2,
            "class": "Car",
            "score": 0.15,
            "box": [80.0, 80.0, 10.0, 10.0],
            "polygon": None,
            "verdict": "fp",
            "matched": None,
            "iou": None,
        },
    ]


def test_what_is_below_the_confidence_has_none(get: Get, project: Project) -> None:
    document = get(f"image-predictions/{ids_of(project)['two']}", confidence=70).json()

    assert [p["verdict"] for p in document["predictions"]] == ["wrong_class", None, None]
    assert [t["verdict"] for t in document["groundTruth"]] == ["wrong_class", "fn"]


@pytest.mark.parametrize(
    ("image", "query", "status", "code"),
    [
        ("nobody", {}, 404, "image_not_found"),
        ("%00", {}, 404, "image_not_found"),
        ("1", {"confidence": "x"}, 400, "invalid_confidence"),
    ],
)
def test_refuses(get: Get, image: str, query: dict[str, Any], status: int, code: str) -> None:
    answer = get(f"image-predictions/{image}", **query)

    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_objects_that_changed_are_not_shown(get: Get, project: Project) -> None:
    one = ids_of(project)["one"]
    Prediction.objects.filter(task_id=int(one), model_version="v1").delete()
    answer = get(f"image-predictions/{one}")

    assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found")
    assert "changed or deleted" in answer.json()["message"]


def test_coco_files_say_what_was_evaluated(get: Get, project: Project) -> None:
    from contextlib import redirect_stdout

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    answer = get("coco")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    truth = json.loads(archive.read("ground_truth.json"))
    said = json.loads(archive.read("detections.json"))

    assert answer["Content-Type"] == "application/zip"
    assert [c["name"] for c in truth["categories"]] == ["Car", "Person"]
    assert [i["file_name"] for i in truth["images"]] == [
        "one.jpg",
        "two.jpg",
        "three.jpg",
        "four.jpg",
    ]
    assert truth["info"]["tasksChangedSince"] == []
    assert len(truth["annotations"]) == 4
    assert len(said) == 5
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(said), "bbox")
        evaluation.params.imgIds = [int(ids_of(project)[name]) for name in ("one", "two")]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[1] == pytest.approx(get().json()["summary"]["mAP"], abs=1e-12)


def test_coco_leaves_out_what_changed(get: Get, project: Project) -> None:
    one = int(ids_of(project)["one"])
    Annotation.objects.filter(task_id=one).delete()
    archive = zipfile.ZipFile(io.BytesIO(b"".join(get("coco").streaming_content)))
    truth = json.loads(archive.read("ground_truth.json"))

    assert truth["info"]["tasksChangedSince"] == [one]
    assert len(truth["images"]) == 3


def test_coco_ids_differ_however_many_objects_an_image_has() -> None:
    ids = [object_id(of, place) for of in (1, 2, 3) for place in (0, 9_999, 10_000, 500_000)]
    assert ids == sorted(set(ids))
    # What every reader of JSON keeps.
    assert object_id(2**32, 500_000) < 2**53


def test_diff(ada: Caller, get: Get, evaluation: ModelEval, project: Project) -> None:
    better = computed(ada, project, "v2")
    ids = ids_of(project)
    counts = ("truePositives", "falsePositives", "falseNegatives")

    def change(name: str, split: str, fixed: int, base: Any, other: Any) -> dict[str, Any]:
        return {
            "imageId": ids[name],
            "imageName": f"{name}.jpg",
            "split": split,
            "fixed": fixed,
            "broken": 0,
            "changed": fixed,
            "base": dict(zip(counts, base, strict=True)),
            "other": dict(zip(counts, other, strict=True)),
        }

    assert get(f"diff/{better.eval_id}").json() == {
        "base": evaluation.eval_id,
        "other": better.eval_id,
        "split": "all",
        "confidenceThreshold": 0.2,
        "totals": {
            "images": 4,
            "fixed": 4,
            "broken": 0,
            "changed": 4,
            "fixedImages": 3,
            "brokenImages": 0,
            "unchangedImages": 1,
            "onlyInBase": 0,
            "onlyInOther": 0,
        },
        "significance": significance(
            counted((1, 0, 0), (1, 1, 1), (0, 1, 0), (0, 0, 1)),
            counted((1, 0, 0), (2, 0, 0), (0, 0, 0), (1, 0, 0)),
        ),
        "differingTerms": [],
        "totalImages": 3,
        "offset": 0,
        "limit": 50,
        "images": [
            change("two", "test", 2, (1, 1, 1), (2, 0, 0)),
            change("three", "valid", 1, (0, 1, 0), (0, 0, 0)),
            change("four", "train", 1, (0, 0, 1), (1, 0, 0)),
        ],
    }
    back = ada.client.get(f"/lab/model-evals/{better.eval_id}/diff/{evaluation.eval_id}").json()
    assert (back["totals"]["fixed"], back["totals"]["broken"]) == (0, 4)
    page = get(f"diff/{better.eval_id}", split="test", limit=1, offset=1).json()
    assert (page["totalImages"], page["images"]) == (1, [])


def test_diff_keeps_images_of_one_id_apart(ada: Caller, project: Project) -> None:
    car, seen = box(CAR, 10, 10, 20, 20), box(CAR, 10, 10, 20, 20, 0.9)
    load(
        ada,
        project,
        [
            task("a", truth=[car], said={"v1": [seen], "v2": []}, image_id="x"),
            task("b", truth=[car], said={"v1": [], "v2": [seen]}, image_id="x"),
            task("c", truth=[car], said={"v1": [], "v2": [seen]}, image_id="y"),
        ],
    )
    one, two = computed(ada, project), computed(ada, project, "v2")

    found = ada.client.get(f"/lab/model-evals/{one.eval_id}/diff/{two.eval_id}").json()
    assert found["totals"] == {
        "images": 3,
        "fixed": 2,
        "broken": 1,
        "changed": 3,
        "fixedImages": 2,
        "brokenImages": 1,
        "unchangedImages": 0,
        "onlyInBase": 0,
        "onlyInOther": 0,
    }
    listed = [(i["imageId"], i["imageName"], i["fixed"], i["broken"]) for i in found["images"]]
    assert listed == [("x", "a.jpg", 0, 1), ("x", "b.jpg", 1, 0), ("y", "c.jpg", 1, 0)]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"split": "dev"}, 400, "invalid_split"),
        ({"confidence": 200}, 400, "invalid_confidence"),
        ({"limit": 0}, 400, "invalid_pagination"),
    ],
)
def test_diff_refuses(
    get: Get, evaluation: ModelEval, query: dict[str, Any], status: int, code: str
) -> None:
    answer = get(f"diff/{evaluation.eval_id}", **query)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert get("diff/unknown").status_code == 404


def test_compare(ada: Caller, evaluation: ModelEval, project: Project) -> None:
    better = computed(ada, project, "v2", versionId="v1", modelId="m2")
    ModelEval.objects.create(
        workspace=ada.workspace,
        project=project,
        version_id="v1",
        model_version="v3",
        status="failed",
        task_type="object-detection",
        matching="iou-class-first/1",
    )
    path = "/lab/model-evals/compare"
    document = ada.client.get(path, {"project": "cars", "version": "v1"}).json()

    assert document["frontierMetric"] == "mAP5095"
    assert document["availableMetrics"] == ["mAP", "mAP5095", "mAP75", "precision", "recall", "f1"]
    first, second, third = document["models"]
    assert first == {
        "modelId": "m2",
        "evalId": better.eval_id,
        "metrics": {
            "mAP": 1.0,
            "mAP5095": 1.0,
            "mAP75": 1.0,
            "precision": 1.0,
            "recall": 1.0,
            "f1": 1.0,
        },
        "medianLatencyMs": None,
        "onFrontier": True,
        "exclusionReason": None,
        "otherGroundTruth": False,
    }
    assert (second["modelId"], second["onFrontier"]) == ("v1", False)
    assert (third["modelId"], third["metrics"]) == ("v3", {})
    assert third["exclusionReason"] == "its evaluation failed"
    by_iou = ada.client.get(
        path, {"project": "cars", "version": "v1", "frontierMetric": "mIoU"}
    ).json()
    assert {m["exclusionReason"] for m in by_iou["models"]} == {
        "has no mIoU",
        "its evaluation failed",
    }


@pytest.mark.parametrize(
    ("other", "metric", "terms"),
    [
        ({"iouThreshold": 0.9}, "f1", "iouThreshold"),
        ({"iouThreshold": 0.9}, "mAP5095", None),
        ({"matching": "score-class-aware/1", "iouInclusive": True}, "f1", "matching, iouInclusive"),
        ({"groundTruth": "all"}, "mAP5095", "groundTruth"),
    ],
)
def test_compare_keeps_apart_what_measured_something_else(
    ada: Caller,
    evaluation: ModelEval,
    project: Project,
    other: dict[str, Any],
    metric: str,
    terms: str | None,
) -> None:
    newest = computed(ada, project, "v2", versionId="v1", modelId="m2", **other)
    query = {"project": "cars", "version": "v1", "frontierMetric": metric}
    models = ada.client.get("/lab/model-evals/compare", query).json()["models"]

    reason = terms and f"its evaluation has another {terms} than {newest.eval_id}"
    assert {m["modelId"]: m["exclusionReason"] for m in models} == {"v1": reason, "m2": None}
    assert {m["modelId"]: m["onFrontier"] for m in models} == {"v1": False, "m2": True}


@pytest.mark.parametrize(
    ("other", "terms"),
    [
        ({}, []),
        ({"iouThreshold": 0.9, "groundTruth": "all"}, ["groundTruth", "iouThreshold"]),
        ({"taskType": "instance-segmentation"}, ["taskType"]),
    ],
)
def test_diff_names_what_was_measured_otherwise(
    ada: Caller, evaluation: ModelEval, project: Project, other: dict[str, Any], terms: list[str]
) -> None:
    two = computed(ada, project, "v2", **other)
    path = f"/lab/model-evals/{evaluation.eval_id}/diff/{two.eval_id}"

    assert ada.client.get(path).json()["differingTerms"] == terms


def test_compare_keeps_controls_apart(
    ada: Caller, make_project: Callable[..., Project], task_ids: list[int]
) -> None:
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        '<Label value="Car"/></RectangleLabels><RectangleLabels name="plate" toName="image">'
        '<Label value="Plate"/></RectangleLabels></View>'
    )
    project = make_project(ada, config, title="Plates")
    regions = [box(CAR, 10, 10, 20, 20, 0.9)]
    regions.append({**box("Plate", 50, 50, 9, 9, 0.9), "from_name": "plate"})
    load(ada, project, [task("a", truth=regions, said={"v1": regions, "v2": regions})])
    cars = computed(ada, project, control="label", versionId="1")
    plates = computed(ada, project, "v2", control="plate", versionId="1")

    query = {"project": project.slug, "version": "1"}
    models = ada.client.get("/lab/model-evals/compare", query).json()["models"]
    reason = f"its evaluation has another control than {plates.eval_id}"
    assert {m["modelId"]: m["exclusionReason"] for m in models} == {"v1": reason, "v2": None}
    found = ada.client.get(f"/lab/model-evals/{cars.eval_id}/diff/{plates.eval_id}").json()
    assert found["differingTerms"] == ["control", "classes"]


def test_compare_weighs_latency(ada: Caller, evaluation: ModelEval, project: Project) -> None:
    slow = computed(ada, project, "v2", versionId="4", modelId="slow", medianLatencyMs=80)
    computed(ada, project, versionId="4", modelId="quick", medianLatencyMs=12.5)
    computed(ada, project, versionId="4", modelId="neither", medianLatencyMs=90)
    path = "/lab/model-evals/compare"
    models = ada.client.get(path, {"project": "cars", "version": "4"}).json()["models"]

    found = {m["modelId"]: (m["medianLatencyMs"], m["onFrontier"]) for m in models}
    assert found == {"slow": (80.0, True), "quick": (12.5, True), "neither": (90.0, False)}
    header = ada.client.get(f"/lab/model-evals/{slow.eval_id}").json()
    assert header["medianLatencyMs"] == 80.0


@pytest.mark.parametrize("name", ["medianLatencyMs", "iouThreshold"])
@pytest.mark.parametrize("value", ["nan", "-inf", -1, True, [1], "quick"])
def test_numbers_that_are_none_are_refused(
    ada: Caller, evaluation: ModelEval, name: str, value: Any
) -> None:
    body = {"project": "cars", "modelVersion": "v1", name: value}
    answer = ada.client.post("/lab/model-evals", body, format="json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["message"].startswith(f"{name}: ")
    assert ModelEval.objects.count() == 1


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"version": "1"}, 400, "invalid_request"),
        ({"project": "cars"}, 400, "invalid_request"),
        ({"project": "nobody", "version": "1"}, 404, "project_not_found"),
        (
            {"project": "cars", "version": "1", "frontierMetric": "x"},
            400,
            "invalid_frontier_metric",
        ),
    ],
)
def test_compare_refuses(
    ada: Caller, project: Project, query: dict[str, Any], status: int, code: str
) -> None:
    answer = ada.client.get("/lab/model-evals/compare", query)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
