"""The panels of the small evaluation, whole."""

from collections.abc import Callable
from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import CAR, box, computed, load, task

pytestmark = pytest.mark.usefixtures("kept")

Get = Callable[..., Any]

BOXES_AND_OUTLINES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels><PolygonLabels name="outline" toName="image">'
    '<Label value="Car"/></PolygonLabels></View>'
)


@pytest.fixture
def identity(evaluation: ModelEval) -> dict[str, Any]:
    return {"evalId": evaluation.eval_id, "project": "cars", "versionId": "v1", "modelId": None}


def thirds(precision: float, recall: float, f1: float) -> dict[str, Any]:
    return {"precision": precision, "recall": recall, "f1": f1}


def test_header(get: Get, evaluation: ModelEval, identity: dict[str, Any]) -> None:
    document = get().json()

    created = document.pop("createdAt")
    snapshot, engines = document.pop("snapshot"), document.pop("engines")
    assert document.pop("finishedAt") >= created
    assert created.endswith("Z")
    assert len(created) == len("2026-01-01T00:00:00.000Z")
    assert set(engines) == {"numpy", "hotcoco"}
    assert document == {
        **identity,
        "status": "done",
        "summary": {
            "mAP": pytest.approx((51 / 101 + 0.5) / 2),
            "mIoU": None,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "primary": {
                "name": "mAP50_95",
                "value": pytest.approx((51 / 101 + 0.5) / 2),
                "higherIsBetter": True,
            },
        },
        "modelVersion": "v1",
        "taskType": "object-detection",
        "control": "label",
        "groundTruth": "marked",
        "accepted": False,
        "supersedes": None,
        "supersededBy": None,
        "ignored": [],
        "warnings": [],
        "source": "computed",
        "matching": "iou-class-first/1",
        "iouThreshold": 0.5,
        "iouInclusive": False,
        "confidenceThreshold": 0.2,
        "confidences": None,
        "images": {"train": 1, "valid": 1, "test": 2},
        "classes": ["Car", "Person"],
    }
    assert snapshot["predictions"] == 3
    assert snapshot["groundTruths"] == 4
    assert snapshot["newestPredictionAt"] <= snapshot["takenAt"]
    assert snapshot["newestGroundTruthAt"] <= snapshot["takenAt"]


def test_map_results(get: Get, identity: dict[str, Any]) -> None:
    document = get("map-results").json()

    def same(value: float | None) -> dict[str, Any]:
        near = None if value is None else pytest.approx(value, abs=1e-12)
        return {"map50": near, "map50_95": near, "map75": near}

    def sized(value: float | None) -> dict[str, Any]:
        small = None if value is None else same(value)
        sizes = {"small": small, "medium": None, "large": None}
        return {**same(value), "byObjectSize": sizes}

    def recalls(value: float | None) -> dict[str, Any]:
        return {f"averageRecall{n}": value for n in (1, 10, 100)}

    car, person = 51 / 101, 0.5
    assert document == {
        **identity,
        "taskType": "object-detection-like",
        "splits": {
            "train": {
                **sized(0.0),
                "perClass": {"Car": sized(0.0), "Person": sized(None)},
                "metrics": recalls(0.0),
            },
            "valid": {
                **sized(None),
                "perClass": {"Car": sized(None), "Person": sized(None)},
                "metrics": recalls(None),
            },
            "test": {
                **sized((car + person) / 2),
                "perClass": {"Car": sized(car), "Person": sized(person)},
                "metrics": {**recalls(0.75), "averageRecall1": 0.25},
            },
        },
    }


def test_confidence_sweep(get: Get, identity: dict[str, Any]) -> None:
    document = get("confidence-sweep").json()

    assert {key: document[key] for key in identity} == identity
    assert list(document["splits"]) == ["train", "valid", "test"]
    test = document["splits"]["test"]
    assert list(test["perThreshold"]) == [f"{k / 100:.2f}" for k in range(100)]
    # What is kept changes just above each score: 0.15, 0.60, 0.80, 0.90.
    expected = {
        "0.00": thirds(2 / 4, 2 / 3, 4 / 7),
        "0.15": thirds(2 / 4, 2 / 3, 4 / 7),
        "0.16": thirds(2 / 3, 2 / 3, 2 / 3),
        "0.60": thirds(2 / 3, 2 / 3, 2 / 3),
        "0.61": thirds(1 / 2, 1 / 3, 2 / 5),
        "0.80": thirds(1 / 2, 1 / 3, 2 / 5),
        "0.81": thirds(1, 1 / 3, 1 / 2),
        "0.90": thirds(1, 1 / 3, 1 / 2),
        "0.91": thirds(0, 0, 0),
        "0.99": thirds(0, 0, 0),
    }
    assert {key: test["perThreshold"][key] for key in expected} == expected
    assert test["optimalThreshold"] == 0.16
    assert test["optimalMetrics"] == thirds(2 / 3, 2 / 3, 2 / 3)
    assert test["perClass"]["Car"]["optimalThreshold"] == 0.16
    assert test["perClass"]["Car"]["optimalMetrics"] == thirds(1, 1 / 2, 2 / 3)
    # Person: the wrong call is a false positive of it from 0.8 down.
    assert test["perClass"]["Person"]["optimalMetrics"] == thirds(1 / 2, 1, 2 / 3)
    assert test["macro"]["perThreshold"]["0.20"] == thirds(3 / 4, 3 / 4, 2 / 3)
    assert document["splits"]["valid"]["perClass"]["Car"]["optimalThreshold"] == 0.5


def test_performance_by_class(get: Get, identity: dict[str, Any]) -> None:
    near = pytest.approx(51 / 101)
    assert get("performance-by-class").json() == {
        **identity,
        "taskType": "object-detection-like",
        "split": "test",
        "classes": [
            {
                "className": "Car",
                "map50": near,
                "map50_95": near,
                "map75": near,
                **thirds(1, 1 / 2, 2 / 3),
                "optimalThreshold": 0.16,
            },
            {
                "className": "Person",
                "map50": pytest.approx(0.5),
                "map50_95": pytest.approx(0.5),
                "map75": pytest.approx(0.5),
                **thirds(1 / 2, 1, 2 / 3),
                "optimalThreshold": 0.0,
            },
        ],
    }


def test_performance_of_classes_without_objects(get: Get) -> None:
    rows = get("performance-by-class", split="valid").json()["classes"]

    nothing = {"map50": None, "map50_95": None, "map75": None, **thirds(0, 0, 0)}
    assert rows == [
        {"className": name, **nothing, "optimalThreshold": 0.5} for name in ("Car", "Person")
    ]


@pytest.mark.parametrize(
    ("query", "split", "confidence", "matrix"),
    [
        ({}, "test", 0.2, [[1, 1, 0], [0, 1, 0], [0, 0, 0]]),
        ({"confidence": 15}, "test", 0.15, [[1, 1, 0], [0, 1, 0], [1, 0, 0]]),
        ({"confidence": 70}, "test", 0.7, [[1, 1, 0], [0, 0, 1], [0, 0, 0]]),
        ({"confidence": 100}, "test", 1.0, [[0, 0, 2], [0, 0, 1], [0, 0, 0]]),
        ({"split": "valid"}, "valid", 0.2, [[0, 0, 0], [0, 0, 0], [0, 1, 0]]),
        ({"split": "train"}, "train", 0.2, [[0, 0, 1], [0, 0, 0], [0, 0, 0]]),
        ({"split": "all"}, "all", 0.2, [[1, 1, 1], [0, 1, 0], [0, 1, 0]]),
    ],
)
def test_confusion_matrix(
    get: Get,
    identity: dict[str, Any],
    query: dict[str, Any],
    split: str,
    confidence: float,
    matrix: list[list[int]],
) -> None:
    assert get("confusion-matrix", **query).json() == {
        **identity,
        "split": split,
        "confidenceThreshold": confidence,
        "classes": ["Car", "Person", "background"],
        "matrix": matrix,
    }


def test_vector_analysis_without_embeddings(get: Get) -> None:
    answer = get("vector-analysis")

    assert answer.status_code == 404
    assert answer.json()["error"] == "report_not_found"
    assert "meta.embedding" in answer.json()["message"]


def test_recommendations(get: Get, ada: Caller, identity: dict[str, Any]) -> None:
    document = get("recommendations").json()

    summary = document["recommendations"].pop("summary")
    items = document["recommendations"]["items"]
    assert summary.pop("generatedAt") == document.pop("generatedAt")
    assert document.pop("generated") is True
    assert summary == {
        "confidenceThreshold": 16,
        "split": "test",
        "count": len(items),
        **thirds(2 / 3, 2 / 3, 2 / 3),
    }
    two = get("image-predictions", split="test").json()["images"][1]["imageId"]
    by_type = {item["type"]: item for item in items}
    assert by_type.keys() == {
        "missed_detection",
        "wrong_class",
        "class_imbalance",
        "dataset_health",
    }
    assert by_type["wrong_class"] == {
        "type": "wrong_class",
        "severity": "high",
        "className": "Car",
        "otherClassName": "Person",
        "metrics": {"count": 1, "objects": 2, "share": 0.5},
        "message": by_type["wrong_class"]["message"],
        "imageIds": [two],
    }
    assert by_type["missed_detection"]["imageIds"] == [two]
    assert by_type["dataset_health"]["imageIds"] == []


def test_error_types(get: Get, identity: dict[str, Any]) -> None:
    def errors(**of: tuple[int, int, float]) -> dict[str, Any]:
        words = ("classification", "localization", "both", "duplicate", "background", "missed")
        return {
            word: dict(zip(("count", "images", "cost"), of.get(word, (0, 0, 0.0)), strict=True))
            for word in words
        }

    document = get("error-types").json()
    cost = document["splits"]["test"]["errors"]["classification"]["cost"]
    assert document == {
        **identity,
        "positiveIou": 0.5,
        "backgroundIou": 0.1,
        "splits": {
            # One of two Cars is called Person, before the Person that is one: that costs half the
            # Cars and half the precision of Person. The stray Car is behind all that is right.
            "test": {
                "averagePrecision": pytest.approx((51 / 101 + 0.5) / 2),
                "errors": errors(classification=(1, 1, cost), background=(1, 1, 0.0)),
                "perClass": {"Car": {"background": 1}, "Person": {"classification": 1}},
            },
            "valid": {
                "averagePrecision": None,
                "errors": {
                    word: {**one, "cost": None}
                    for word, one in errors(background=(1, 1, 0)).items()
                },
                "perClass": {"Person": {"background": 1}},
            },
            "train": {
                "averagePrecision": 0.0,
                "errors": errors(missed=(1, 1, 0.0)),
                "perClass": {"Car": {"missed": 1}},
            },
        },
    }
    assert cost == pytest.approx(1 - (51 / 101 + 0.5) / 2)


def test_error_types_of_boxes_beside_masks_are_of_the_pixels_that_map_is_of(
    ada: Caller, make_project: MakeProject
) -> None:
    """Where any shape is a mask, average precision compares boxes by the pixels they cover: half
    or more of them here, though as boxes they overlap by 0.43, and by 0.62 and 0.67 there.
    """
    made = make_project(ada, BOXES_AND_OUTLINES, title="Both")
    outline = box(CAR, 0, 0, 0, 0) | {
        "from_name": "outline",
        "type": "polygonlabels",
        "value": {"points": [[10, 10], [90, 10], [50, 90]], "polygonlabels": [CAR]},
    }
    truth = [box(CAR, 10, 10, 3, 10), box(CAR, 50, 10, 3, 10)]
    said = [box(CAR, 11.2, 10, 3, 10, 0.9), box(CAR, 51.6, 10, 3, 10, 0.8)]
    items = [
        task("boxes", truth=truth, said={"v1": said}),
        task("outline", truth=[outline], said={"v1": [{**outline, "score": 0.7}]}),
        task("both", truth=[outline, truth[0]], said={"v1": [said[0], {**outline, "score": 0.7}]}),
    ]
    load(ada, made, items)
    path = f"/lab/model-evals/{computed(ada, made).eval_id}"
    errors = ada.client.get(f"{path}/error-types").json()["splits"]["test"]
    precision = ada.client.get(f"{path}/map-results").json()["splits"]["test"]["map50"]
    # By COCO the second of five detections alone is wrong.
    assert precision == pytest.approx((41 * 1 + 40 * 0.8) / 101)
    assert errors["averagePrecision"] == pytest.approx(precision, abs=1e-12)
    counts = {word: one["count"] for word, one in errors["errors"].items() if one["count"]}
    assert counts == {"localization": 1}


def test_recall_curves(get: Get, identity: dict[str, Any]) -> None:
    document = get("recall-curves").json()
    ious = ("0.50", "0.75", "0.50:0.95")
    # Half of the Cars, all right; all Persons, behind a wrong one.
    car, person = [1.0] * 51 + [0.0] * 50, [0.5] * 101
    test = document["splits"].pop("test")
    assert test["perClass"] == {
        "Car": {"precision": dict.fromkeys(ious, car)},
        "Person": {"precision": dict.fromkeys(ious, person)},
    }
    assert test["precision"] == dict.fromkeys(ious, [0.75] * 51 + [0.25] * 50)
    nothing = {"precision": dict.fromkeys(ious)}
    unfound = {"precision": dict.fromkeys(ious, [0.0] * 101)}
    assert document == {
        **identity,
        "recall": [round(0.01 * n, 2) for n in range(101)],
        "splits": {
            "valid": {**nothing, "perClass": {"Car": nothing, "Person": nothing}},
            "train": {**unfound, "perClass": {"Car": unfound, "Person": nothing}},
        },
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"errorType": "classification"}, ["two"]),
        ({"errorType": "classification", "class": "Person"}, ["two"]),
        ({"errorType": "classification", "class": "Car"}, []),
        ({"errorType": "background"}, ["two", "three"]),
        ({"errorType": "background", "split": "valid"}, ["three"]),
        ({"errorType": "background", "cell": "background,Car", "confidence": "0"}, ["two"]),
        ({"errorType": "background", "cell": "Car,background", "confidence": "0"}, []),
        ({"errorType": "classification", "class": "Person", "cell": "Car,Person"}, ["two"]),
        ({"errorType": "missed"}, ["four"]),
        ({"errorType": "duplicate"}, []),
    ],
)
def test_images_by_their_errors(get: Get, query: dict[str, str], names: list[str]) -> None:
    body = get("image-predictions", **query).json()
    assert [image["imageName"].split(".")[0] for image in body["images"]] == names
    assert body["totalImages"] == len(names)


def test_the_mean_of_recall_curves_is_rounded_once(ada: Caller, make_project: MakeProject) -> None:
    """5/9: of what was rounded before it would be 0.5555."""
    made = make_project(ada, title="Ninths")
    truth = [box(name, 10, 10, 20, 20) for name in (CAR, "Bus", "Van")]
    said = [{**one, "score": 0.7} for one in truth]
    said += [box(name, x, 60, 10, 10, 0.9) for name in ("Bus", "Van") for x in (20, 60)]
    load(ada, made, [task("a", truth=truth, said={"v1": said})])

    path = f"/lab/model-evals/{computed(ada, made).eval_id}/recall-curves"
    of_split = ada.client.get(path).json()["splits"]["test"]
    assert of_split["perClass"]["Bus"]["precision"]["0.50"] == [0.3333] * 101
    assert of_split["precision"]["0.50"] == [0.5556] * 101


def test_what_is_not_told_of_a_kind_is_refused(get: Get) -> None:
    answer = get("image-predictions", sort="-measure")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_filter")
    assert "object-detection does not have" in answer.json()["message"]
    ModelEval.objects.update(origin="imported")
    answer = get("image-predictions", errorType="missed")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_filter")


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        (
            "confusion-matrix",
            {"confidenceThreshold": "0.9"},
            "only split, confidence, slice, format",
        ),
        ("image-predictions", {"minFalsePositive": "1"}, "minFalsePositives"),
        ("map-results", {"split": "train"}, "no 'split'."),
        ("coco", {"splits": "train"}, "no 'splits', only split."),
    ],
)
def test_a_parameter_that_is_not_read_is_refused(
    get: Get, path: str, query: dict[str, str], message: str
) -> None:
    """It left the default in force: the answer was about something else than was meant."""
    answer = get(path, **query)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert f"The query of this route has no {next(iter(query))!r}" in answer.json()["message"]
    assert message in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("confusion-matrix", "split", ["test", "train"]),
        ("image-predictions", "class", ["Car", "Person"]),
        ("coco", "split", ["test", "test"]),
        ("image-predictions/1", "confidence", ["20", "30"]),
    ],
)
def test_several_values_of_a_parameter_are_refused(
    get: Get, path: str, name: str, values: list[str]
) -> None:
    """The last one counted, without a word."""
    answer = get(path, **{name: values})

    told = {
        "error": "invalid_request",
        "message": f"{name} takes one value: ask for each by itself.",
    }
    assert (answer.status_code, answer.json()) == (400, told)


@pytest.mark.parametrize(
    "name", ["class", "cell", "slice", "cluster", "sort", "errorType", "minFalsePositives"]
)
def test_an_empty_parameter_is_refused(get: Get, name: str) -> None:
    """As of a variable that a script left unset: all images were answered."""
    answer = get("image-predictions", **{name: ""})

    told = f"{name} is empty: leave it out, or give it a value."
    assert (answer.status_code, answer.json()) == (
        400, {"error": "invalid_request", "message": told}
    )  # fmt: skip


def test_several_values_are_refused_of_lists_and_differences(
    ada: Caller, evaluation: ModelEval
) -> None:
    for path, name in (
        (f"/{evaluation.eval_id}/diff/{evaluation.eval_id}", "slice"),
        ("", "project"),
    ):
        answer = ada.client.get(f"/lab/model-evals{path}", {name: ["a", "b"]})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
