"""POST /:workspace/model-evals/import and GET .../source, and the command beside them."""

import io
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evals.models import EvalImage, EvalPanel, ModelEval
from predictions.models import Project
from tests.conftest import Caller

Json = dict[str, Any]
Send = Callable[..., Any]


def image(name: str, split: str, *cells: list[int], **changes: Any) -> Json:
    """An image of two classes with the counts that its cells say."""
    tp = sum(n for a, p, n in cells if a == p)
    fp = sum(n for a, p, n in cells if p < 2 and a != p)
    fn = sum(n for a, p, n in cells if a < 2 and a != p)
    return {
        "imageId": name,
        "imageName": f"{name}.jpg",
        "split": split,
        "augmentations": 3,
        "cluster": {"id": 1, "embedding2D": [0.5, -1.5]},
        "stats": {
            "truePositives": tp,
            "falsePositives": fp,
            "falseNegatives": fn,
            "precision": round(tp / (tp + fp), 3) if tp + fp else 0.0,
            "recall": round(tp / (tp + fn), 3) if tp + fn else 0.0,
            "f1": round(2 * tp / (2 * tp + fp + fn), 3) if tp + fp + fn else 0.0,
        },
        "confusion": [list(cell) for cell in cells],
        **changes,
    }


PRECISION = {"map50": 0.75, "map50_95": 0.5, "map75": 0.6}
SCORES = {"precision": 0.8, "recall": 0.7, "f1": 0.74}
DOCUMENT: Json = {
    "project": "cars",
    "versionId": "4",
    "modelId": "cars/4",
    "classes": ["Car", "Person"],
    "taskType": "object-detection",
    "mapResults": {
        "evalId": "theirs",
        "taskType": "object-detection-like",
        "splits": {"test": {**PRECISION, "perClass": {"Car": PRECISION}}},
    },
    "confidenceSweep": {
        "splits": {
            "test": {
                "optimalMetrics": SCORES,
                "perClass": {"Car": {"optimalThreshold": 0.3, "optimalMetrics": SCORES}},
            }
        }
    },
    "reports": [
        {
            "confidence": 20,
            "totalImages": 3,
            "image_results": [
                image("a", "test", [0, 0, 2], [2, 0, 7]),
                image("b", "valid", [0, 1, 1]),
                image("c", "test"),
            ],
        },
        {
            "confidence": 60,
            "image_results": [
                image("a", "test", [0, 0, 1], [0, 2, 1]),
                image("b", "valid", [0, 2, 1]),
                image("c", "test"),
            ],
        },
    ],
}


@pytest.fixture
def send(ada: Caller, project: Project) -> Send:
    def post(document: Any, query: str = "", **more: Any) -> Any:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        path = f"/lab/model-evals/import{query}"
        return ada.client.post(path, body, content_type="application/json", **more)

    return post


def changed(path: list[Any], value: Any, document: Json = DOCUMENT) -> Json:
    """The document with one place of it set, or removed for `...`."""
    document = deepcopy(document)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


IMAGES = ["reports", 0, "image_results"]


def test_panels_come_back(ada: Caller, send: Send) -> None:
    answer = send(DOCUMENT)

    assert answer.status_code == 201, answer.content
    header = answer.json()
    path = f"/lab/model-evals/{header['evalId']}"
    identity = {
        "evalId": header["evalId"],
        "project": "cars",
        "versionId": "4",
        "modelId": "cars/4",
    }
    assert header["status"] == "done"
    assert header["source"] == "imported"
    assert header["confidences"] == [20, 60]
    assert header["summary"] == {"mAP": 0.75, "mIoU": None, "precision": 0.8, "recall": 0.7}
    assert ada.client.get(path).json() == header
    results = ada.client.get(f"{path}/map-results").json()
    assert results == {**DOCUMENT["mapResults"], **identity}
    sweep = ada.client.get(f"{path}/confidence-sweep").json()
    assert sweep == {**identity, **DOCUMENT["confidenceSweep"]}
    table = ada.client.get(f"{path}/performance-by-class").json()
    assert table == {
        **identity,
        "taskType": "object-detection-like",
        "split": "test",
        "classes": [
            {"className": "Car", **PRECISION, **SCORES, "optimalThreshold": 0.3},
            {
                "className": "Person",
                "map50": None,
                "map50_95": None,
                "map75": None,
                "precision": 0,
                "recall": 0,
                "f1": 0,
                "optimalThreshold": 0.5,
            },
        ],
    }
    assert ada.client.get(f"{path}/recommendations").json() == {**identity, "generated": False}


@pytest.mark.parametrize("confidence", [20, 60])
def test_images_come_back(ada: Caller, send: Send, confidence: int) -> None:
    path = f"/lab/model-evals/{send(DOCUMENT).json()['evalId']}"
    report = next(r for r in DOCUMENT["reports"] if r["confidence"] == confidence)

    page = ada.client.get(f"{path}/image-predictions", {"confidence": confidence}).json()
    silent = {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    expected = deepcopy(report["image_results"])
    expected[2]["stats"].update(silent)
    assert page["images"] == expected
    assert page["totalImages"] == 3


def test_the_matrix_is_the_sum_of_the_images(ada: Caller, send: Send) -> None:
    path = f"/lab/model-evals/{send(DOCUMENT).json()['evalId']}/confusion-matrix"

    def matrix(**query: Any) -> Any:
        return ada.client.get(path, query).json()["matrix"]

    assert matrix() == [[2, 0, 0], [0, 0, 0], [7, 0, 0]]
    assert matrix(split="all") == [[2, 1, 0], [0, 0, 0], [7, 0, 0]]
    assert matrix(confidence=60, split="all") == [[1, 0, 2], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("panel", ["image-predictions", "confusion-matrix"])
def test_a_confidence_without_a_report(ada: Caller, send: Send, panel: str) -> None:
    path = f"/lab/model-evals/{send(DOCUMENT).json()['evalId']}/{panel}"
    answer = ada.client.get(path, {"confidence": 30})

    assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found")
    assert "20, 60" in answer.json()["message"]


@pytest.mark.parametrize(
    ("missing", "panels"),
    [
        (["mapResults"], ["map-results"]),
        (["confidenceSweep"], ["confidence-sweep"]),
        (["mapResults", "confidenceSweep"], ["performance-by-class"]),
        ([], ["vector-analysis", "coco", "image-predictions/a"]),
    ],
)
def test_panels_the_file_lacks(
    ada: Caller, send: Send, missing: list[str], panels: list[str]
) -> None:
    document = {k: v for k, v in DOCUMENT.items() if k not in missing}
    path = f"/lab/model-evals/{send(document).json()['evalId']}"

    for panel in panels:
        answer = ada.client.get(f"{path}/{panel}")
        assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found"), panel


def test_the_headline_without_panels(send: Send) -> None:
    document = {k: v for k, v in DOCUMENT.items() if k not in ("mapResults", "confidenceSweep")}

    summary = send(document).json()["summary"]
    assert summary == {"mAP": None, "mIoU": None, "precision": 2 / 9, "recall": 1.0}


def test_the_source_comes_back_byte_for_byte(ada: Caller, send: Send) -> None:
    body = b"\n  " + json.dumps(DOCUMENT, indent=3).encode() + b" " * 300_000 + b"\n"
    path = f"/lab/model-evals/{send(body).json()['evalId']}/source"

    answer: Any = ada.client.get(path)
    assert b"".join(answer.streaming_content) == body


def test_a_computed_evaluation_has_no_source(ada: Caller, evaluation: ModelEval) -> None:
    answer = ada.client.get(f"/lab/model-evals/{evaluation.eval_id}/source")

    assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found")


def test_multipart(ada: Caller, project: Project) -> None:
    file = io.BytesIO(json.dumps(DOCUMENT).encode())
    file.name = "results.json"

    answer = ada.client.post("/lab/model-evals/import", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.content


def test_keys_in_any_order(send: Send) -> None:
    backwards = {key: DOCUMENT[key] for key in reversed(DOCUMENT)}
    backwards["reports"] = [dict(reversed(report.items())) for report in DOCUMENT["reports"]]

    assert send(backwards).json()["summary"]["mAP"] == 0.75


def test_an_imported_evaluation_is_not_computed_again(ada: Caller, send: Send) -> None:
    path = f"/lab/model-evals/{send(DOCUMENT).json()['evalId']}"

    assert ada.client.post(f"{path}/rerun").status_code == 400


DISAGREEMENTS = [
    ([*IMAGES, 0, "stats", "truePositives"], 3, "image_results[0].stats.truePositives"),
    ([*IMAGES, 0, "stats", "falsePositives"], 0, "image_results[0].stats.falsePositives"),
    ([*IMAGES, 1, "stats", "falseNegatives"], 0, "image_results[1].stats.falseNegatives"),
    ([*IMAGES, 0, "stats", "precision"], 0.9, "image_results[0].stats.precision"),
    ([*IMAGES, 0, "confusion", 1], [0, 3, 1], "image_results[0].confusion[1]: class index"),
    ([*IMAGES, 0, "confusion", 1], [-1, 0, 1], "image_results[0].confusion[1]: class index"),
    ([*IMAGES, 0, "confusion", 1], [0, 0, 5], "image_results[0].confusion[1]: the cell [0, 0]"),
    ([*IMAGES, 0, "confusion", 1], [2, 2, 5], "image_results[0].confusion[1]: background"),
    ([*IMAGES, 1, "imageId"], "a", "image_results[1].imageId: a is there twice"),
    ([*IMAGES, 1, "split"], ..., "image_results[1].split: is missing"),
    ([*IMAGES, 1, "split"], "dev", "image_results[1].split: is 'dev'"),
    (["reports", 0, "totalImages"], 4, "reports[0].totalImages"),
    (["reports", 1, "image_results", 1, "split"], "test", "reports[1].image_results[1].split"),
    (["reports", 1, "image_results", 2], ..., "reports[1].image_results: has 2 of the 3"),
    (
        ["confusionMatrices"],
        [{"split": "test", "confidenceThreshold": 0.2, "matrix": [[2, 0, 0], [0] * 3, [6, 0, 0]]}],
        "confusionMatrices[0].matrix",
    ),
    (
        ["clustering"],
        {"clusters": [{"id": 0, "metrics": {"f1Mean": 1.5}}]},
        "clustering.clusters[0].metrics.f1Mean: is 1.5",
    ),
    (
        ["clustering"],
        {"clusters": [{"id": 0, "numImages": -1}]},
        "clustering.clusters[0].numImages: is -1, 0 images are of it",
    ),
    (["mapResults", "splits", "test", "map50"], 1.7, "mapResults.splits.test.map50: is 1.7"),
    (
        ["confidenceSweep", "splits", "test", "perClass", "Car", "optimalMetrics", "recall"],
        -0.1,
        "confidenceSweep.splits.test.perClass.Car.optimalMetrics.recall: is -0.1",
    ),
]


@pytest.mark.parametrize(("path", "value", "named"), DISAGREEMENTS)
def test_disagreements_are_refused_or_flagged(
    ada: Caller, send: Send, path: list[Any], value: Any, named: str
) -> None:
    document = changed(path, value)

    refused = send(document)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_import")
    assert named in refused.json()["message"]
    assert not ModelEval.objects.exists()
    taken = send(document, "?strict=false")
    assert taken.status_code == 201, taken.content
    warnings = [f"{one['path']}: {one['message']}" for one in taken.json()["warnings"]]
    assert any(named in warning for warning in warnings), warnings
    is_of_an_image = path[:1] == ["reports"] and len(path) > 4
    assert EvalImage.objects.filter(is_flagged=True).exists() == is_of_an_image


def test_flagged_images_say_so(ada: Caller, send: Send) -> None:
    document = changed([*IMAGES, 0, "stats", "truePositives"], 3)
    path = f"/lab/model-evals/{send(document, '?strict=false').json()['evalId']}"

    images = ada.client.get(f"{path}/image-predictions").json()["images"]
    assert [image.get("flagged") for image in images] == [True, None, None]
    assert images[0]["stats"]["truePositives"] == 2


def test_a_matrix_that_agrees(send: Send) -> None:
    matrix = {"split": "all", "confidenceThreshold": 0.6, "matrix": [[1, 0, 2], [0] * 3, [0] * 3]}

    assert send({**DOCUMENT, "confusionMatrices": [matrix]}).status_code == 201


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (["classes"], ..., "classes"),
        (["classes"], [], "classes"),
        (["classes"], ["Car", "Car"], "classes"),
        (["classes"], ["Car", 1], "classes[1]"),
        (["classes"], ["Car", "background"], "classes[1]"),
        (["versionId"], ..., "versionId"),
        (["taskType"], "poses", "taskType"),
        (["confidence"], 30, "confidence"),
        (["iouThreshold"], 2, "iouThreshold"),
        (["medianLatencyMs"], -1, "medianLatencyMs"),
        (["medianLatencyMs"], "quick", "medianLatencyMs"),
        (["reports"], ..., "reports"),
        (["reports"], [], "reports"),
        (["reports"], [1], "reports[0]"),
        (["reports", 0, "image_results"], ..., "reports[0].image_results"),
        (["reports", 0, "image_results"], {}, "image_results"),
        (["reports", 0, "image_results"], [1], "image_results[0]"),
        (["reports", 0, "confidence"], 20.5, "reports[0].confidence"),
        (["reports", 0, "confidence"], True, "reports[0].confidence"),
        (["reports", 0, "totalImages"], "many", "reports[0].totalImages"),
        (["reports", 0, "totalImages"], 2.5, "reports[0].totalImages"),
        (["confusionMatrices"], {}, "confusionMatrices"),
        (["reports", 1, "confidence"], 20, "reports[1].confidence"),
        (["mapResults"], [], "mapResults"),
        (["confidenceSweep"], {"splits": []}, "confidenceSweep"),
        (["mapResults", "splits", "test"], [], "mapResults.splits.test"),
        (["mapResults", "splits", "test", "map50"], "high", "mapResults.splits.test.map50"),
        (["confidenceSweep", "splits", "test", "perClass", "Car"], 7, "test.perClass.Car"),
        (["clustering"], {"clusters": [{}]}, "clustering.clusters[0]"),
        (["recommendations"], {"recommendations": {"items": [1]}}, "recommendations.items[0]"),
        (["taskType"], [], "taskType"),
        (["confusionMatrices"], [1], "confusionMatrices[0]"),
        (["confusionMatrices"], [{"split": [], "confidenceThreshold": 1}], "confusionMatrices[0]"),
        ([*IMAGES, 0, "imageId"], ..., "image_results[0].imageId"),
        ([*IMAGES, 0, "imageId"], 7, "image_results[0].imageId"),
        ([*IMAGES, 0, "imageName"], None, "image_results[0].imageName"),
        ([*IMAGES, 0, "confusion"], None, "image_results[0].confusion"),
        ([*IMAGES, 0, "confusion", 0], [0, 0], "confusion[0]"),
        ([*IMAGES, 0, "confusion", 0], [0, 0, 1.5], "confusion[0]"),
        ([*IMAGES, 0, "confusion", 0], [0, 0, -1], "confusion[0]"),
        ([*IMAGES, 0, "confusion", 0], [0, 0, 2**40], "confusion[0]"),
        ([*IMAGES, 0, "cluster"], 5, "image_results[0].cluster"),
        ([*IMAGES, 0, "cluster", "embedding2D"], [1], "embedding2D"),
        ([*IMAGES, 0, "augmentations"], -1, "augmentations"),
        ([*IMAGES, 0, "stats"], 3, "image_results[0].stats"),
    ],
)
@pytest.mark.parametrize("query", ["", "?strict=false"])
def test_refuses(send: Send, path: list[Any], value: Any, named: str, query: str) -> None:
    answer = send(changed(path, value), query)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_import")
    assert named in answer.json()["message"]
    assert not ModelEval.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b'{"classes": ["a"], "reports": [{"confidence": 1, "image_results": [{"imageId',
        b'{"classes": ["a"], "versionId": "1", "reports": NaN}',
        b'{"classes": ["\xff"]}',
        b'{"classes": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"reports": [[{"image_results": 1}]]}',
        b'{"mapResults": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b', "classes": ["a"], '
        b'"versionId": "1", "reports": [{"confidence": 1, "image_results": []}]}',
    ],
)
def test_refuses_bodies(send: Send, body: bytes) -> None:
    answer = send(body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_import")


def test_refuses_an_unknown_project(send: Send) -> None:
    answer = send(changed(["project"], "nobody"))

    assert (answer.status_code, answer.json()["error"]) == (404, "project_not_found")


def test_refuses_other_types_and_flags(ada: Caller, send: Send, project: Project) -> None:
    other = ada.client.post("/lab/model-evals/import", "x", content_type="text/plain")

    assert (other.status_code, other.json()["error"]) == (415, "unsupported_media_type")
    assert send(DOCUMENT, "?strict=maybe").json()["error"] == "invalid_request"
    empty = ada.client.post("/lab/model-evals/import", {}, format="multipart")
    assert empty.json()["error"] == "invalid_import"


@pytest.mark.parametrize(("who", "status"), [("rita", 403), ("olga", 404)])
def test_others_may_not(
    request: pytest.FixtureRequest, project: Project, who: str, status: int
) -> None:
    caller: Caller = request.getfixturevalue(who)
    answer = caller.client.post("/lab/model-evals/import", DOCUMENT, format="json")

    assert answer.status_code == status


def test_deleting_takes_everything_along(ada: Caller, send: Send) -> None:
    ada.client.delete(f"/lab/model-evals/{send(DOCUMENT).json()['evalId']}")

    assert not EvalImage.objects.exists()
    assert not EvalPanel.objects.exists()


def test_command(
    ada: Caller, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(DOCUMENT))
    call_command("import_eval", str(file), workspace="lab")

    assert capsys.readouterr().out.splitlines()[-1] == ModelEval.objects.get().eval_id


def test_command_names_what_disagrees(
    ada: Caller, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(changed([*IMAGES, 1, "split"], ...)))

    with pytest.raises(CommandError, match=r"image_results\[1\].split"):
        call_command("import_eval", str(file), workspace="lab")
    call_command("import_eval", str(file), workspace="lab", no_strict=True)
    assert "image_results[1].split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "workspace", "reason"),
    [("absent.json", "lab", "No such file"), ("absent.json", "nowhere", "no workspace 'nowhere'")],
)
def test_command_refuses(
    ada: Caller, tmp_path: Path, file: str, workspace: str, reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("import_eval", str(tmp_path / file), workspace=workspace)


@pytest.mark.parametrize(
    ("of_split", "mean_iou"),
    [
        ({"mIoU": 0.25, "metrics": {"mIoU": 0.5}}, 0.5),
        ({"mIoU": 0.25, "metrics": {}}, 0.25),
        ({"mIoU": 0.25}, 0.25),
        ({"mIoU": 0.25, "metrics": {"mIoU": 7}}, 0.25),
        ({"metrics": {"mIoU": None}}, None),
    ],
)
def test_the_headline_of_pixels_is_that_of_all_predictions(
    send: Send, of_split: Json, mean_iou: float | None
) -> None:
    """As evaluations computed here tell both."""
    panel = {"taskType": "semantic-segmentation", "splits": {"test": of_split}}
    document = {**DOCUMENT, "taskType": "semantic-segmentation", "mapResults": panel}
    evaluation = send(document)
    assert evaluation.json()["summary"]["mIoU"] == mean_iou
    stored = ModelEval.objects.get(eval_id=evaluation.json()["evalId"])
    assert stored.summary is not None
    assert stored.summary["metrics"]["mIoU"] == mean_iou


@pytest.mark.parametrize("precision", [..., None])
def test_an_optimum_without_precision_is_no_headline(send: Send, precision: Any) -> None:
    """Its precision was 0."""
    path = ["confidenceSweep", "splits", "test", "optimalMetrics", "precision"]
    summary = send(changed(path, precision)).json()["summary"]
    assert (summary["precision"], summary["recall"]) == (2 / 9, 1.0)


def test_the_headline_is_of_the_split_that_has_images(send: Send) -> None:
    images = [image("a", "valid", [0, 0, 3], [0, 2, 1]), image("b", "train", [2, 0, 9])]
    document: Json = {
        "versionId": "4",
        "classes": ["Car", "Person"],
        "reports": [{"confidence": 20, "image_results": images}],
    }
    valid = {"mAP": None, "mIoU": None, "precision": 1.0, "recall": 0.75, "split": "valid"}
    assert send(document).json()["summary"] == valid

    brought = {
        "mapResults": {
            **DOCUMENT["mapResults"],
            "splits": {"valid": DOCUMENT["mapResults"]["splits"]["test"]},
        },
        "confidenceSweep": {"splits": {"valid": DOCUMENT["confidenceSweep"]["splits"]["test"]}},
    }
    theirs = {"mAP": 0.75, "mIoU": None, "precision": 0.8, "recall": 0.7, "split": "valid"}
    assert send({**document, **brought}).json()["summary"] == theirs


@pytest.mark.parametrize(
    ("missing", "split"), [("confidenceSweep", "test"), (None, "valid"), (None, "train")]
)
def test_no_sweep_of_a_split_is_no_zero(
    ada: Caller, send: Send, missing: str | None, split: str
) -> None:
    document = {k: v for k, v in DOCUMENT.items() if k != missing}
    path = f"/lab/model-evals/{send(document).json()['evalId']}"

    table = ada.client.get(f"{path}/performance-by-class", {"split": split}).json()["classes"]
    unknown = dict.fromkeys(("precision", "recall", "f1", "optimalThreshold"))
    precision = PRECISION if split == "test" else dict.fromkeys(PRECISION)
    assert table == [
        {"className": "Car", **precision, **unknown},
        {"className": "Person", **dict.fromkeys(PRECISION), **unknown},
    ]


def test_a_class_that_the_sweep_leaves_out(ada: Caller, send: Send) -> None:
    """Without objects it has 0; with some nobody knows."""
    found, stray = image("a", "test", [0, 0, 3], [1, 1, 2]), image("b", "test")
    images = [found, {**stray, "stats": {}, "confusion": [[3, 2, 1]]}]
    document: Json = {
        "versionId": "4",
        "classes": ["Car", "Person", "Dog"],
        "reports": [{"confidence": 20, "image_results": images}],
        "confidenceSweep": {
            "splits": {
                "test": {
                    "perClass": {
                        "Car": {
                            "optimalThreshold": 0.3,
                            "optimalMetrics": {"precision": 1.0, "recall": 0.5, "f1": 0.667},
                        }
                    }
                }
            }
        },
    }
    path = f"/lab/model-evals/{send(document).json()['evalId']}/performance-by-class"
    table = ada.client.get(path).json()["classes"]
    keys = ("className", "precision", "recall", "f1", "optimalThreshold")
    assert [[one[key] for key in keys] for one in table] == [
        ["Car", 1.0, 0.5, 0.667, 0.3],
        ["Person", None, None, None, None],
        ["Dog", 0.0, 0.0, 0.0, 0.5],
    ]


def test_clusters_against_the_images_that_are_of_them(send: Send) -> None:
    document = changed(["clustering"], {"clusters": [{"id": 1, "numImages": 3}]})
    assert send(document).status_code == 201
    document["clustering"]["clusters"][0]["numImages"] = 7
    document["reports"][1]["image_results"][0]["cluster"] = {"id": 2}
    message = send(document).json()["message"]
    assert "clustering.clusters[0].numImages: is 7, 3 images are of it" in message
    assert "reports[1].image_results[0].cluster.id: is another one" in message
