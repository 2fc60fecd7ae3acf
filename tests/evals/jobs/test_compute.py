"""POST /:workspace/model-evals, and what becomes of it: done, or failed with a reason to act on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from evals.jobs import run
from evals.models import EvalChunk, EvalImage, EvalPanel, EvalPart, ModelEval
from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.evals.conftest import box, computed, load, task

BODY = {"project": "cars", "modelVersion": "v1"}
CAR = box("Car", 10, 10, 20, 20)


def post(caller: Caller, **body: Any) -> Any:
    return caller.client.post("/lab/model-evals", body, format="json")


@pytest.mark.django_db(transaction=True)
def test_queues_and_a_worker_computes(ada: Caller, project: Project, task_ids: list[int]) -> None:
    answer = post(ada, **BODY, versionId="4", modelId="digits/4")

    header = answer.json()
    assert answer.status_code == 202
    assert header["status"] == "running"
    assert header["progress"] == 0
    assert (header["project"], header["versionId"], header["modelId"]) == ("cars", "4", "digits/4")
    assert "summary" not in header

    call_command("worker", once=True, verbosity=0)
    done = ada.client.get(f"/lab/model-evals/{header['evalId']}").json()
    assert done["status"] == "done"
    assert done["summary"]["precision"] == 2 / 3
    assert "progress" not in done


def test_project_by_id_and_parameters(ada: Caller, project: Project, task_ids: list[int]) -> None:
    answer = post(
        ada,
        project=project.pk,
        modelVersion="v1",
        iouThreshold=0.75,
        iouInclusive=True,
        confidence=15,
        matching="score-class-aware/1",
        taskType="instance-segmentation",
    )

    header = answer.json()
    assert header["iouThreshold"] == 0.75
    assert header["iouInclusive"] is True
    assert header["confidenceThreshold"] == 0.15
    assert header["matching"] == "score-class-aware/1"
    assert header["taskType"] == "instance-segmentation"


@pytest.mark.parametrize(
    ("changes", "status", "code", "word"),
    [
        ({"project": "nobody"}, 404, "project_not_found", "project"),
        ({"project": "9" * 30}, 404, "project_not_found", "project"),
        ({"project": None}, 400, "invalid_request", "project"),
        ({"project": ["cars"]}, 400, "invalid_request", "project"),
        ({"modelVersion": ""}, 400, "no_predictions", ""),
        ({"modelVersion": "v9"}, 400, "no_predictions", "'v9'"),
        ({"modelVersion": "a\0b"}, 400, "invalid_request", "modelVersion"),
        ({"iouThreshold": 1.5}, 400, "invalid_request", "iouThreshold"),
        ({"iouThreshold": "NaN"}, 400, "invalid_request", "iouThreshold"),
        # Nothing is above 1: what fits exactly was wrong and missed.
        ({"iouThreshold": 1}, 400, "invalid_request", "iouInclusive"),
        ({"confidence": 101}, 400, "invalid_request", "confidence"),
        ({"confidence": 0.2}, 400, "invalid_request", "confidence"),
        ({"taskType": "keypoints"}, 400, "invalid_request", "taskType"),
        ({"matching": "best"}, 400, "invalid_request", "matching"),
    ],
)
def test_refuses(
    ada: Caller,
    task_ids: list[int],
    changes: dict[str, Any],
    status: int,
    code: str,
    word: str,
) -> None:
    answer = post(ada, **{**BODY, **changes})

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert word in answer.json()["message"]
    assert not ModelEval.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"null"])
def test_refuses_bodies(ada: Caller, task_ids: list[int], body: bytes) -> None:
    answer = ada.client.post("/lab/model-evals", body, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_refuses_an_empty_project(ada: Caller, project: Project) -> None:
    answer = post(ada, **BODY)

    assert (answer.status_code, answer.json()["error"]) == (400, "no_ground_truth")


def test_refuses_a_project_without_ground_truth(ada: Caller, project: Project) -> None:
    load(ada, project, [task("x", said={"v1": [CAR]})])

    assert post(ada, **BODY).json()["error"] == "no_ground_truth"


def test_refuses_a_config_that_cannot_be_evaluated(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, "<View></View>", title="Empty")

    answer = post(ada, project=made.slug, modelVersion="v1")
    assert answer.json()["error"] == "unsupported_task_type"


def map50(found: ModelEval) -> float | None:
    assert found.summary is not None, found.failure_reason
    value: float | None = found.summary["headline"]["mAP"]
    return value


def odd(**changes: Any) -> dict[str, Any]:
    return {**CAR, "score": 0.9, **changes}


def valued(**changes: Any) -> dict[str, Any]:
    return odd(value={**CAR["value"], **changes})


def nothing_is_left(found: ModelEval) -> bool:
    kinds: list[Any] = [EvalImage, EvalPanel, EvalChunk, EvalPart]
    return not any(kind.objects.filter(evaluation=found).exists() for kind in kinds)


def test_takes_a_missing_size_from_the_image(ada: Caller, project: Project) -> None:
    bare = {k: v for k, v in CAR.items() if not k.startswith("original")}
    load(ada, project, [task("x", truth=[CAR], said={"v1": [bare]})])

    found = computed(ada, project)
    assert map50(found) == pytest.approx(1)


def test_fails_on_an_unknown_split(ada: Caller, project: Project) -> None:
    [first] = load(ada, project, [task("x", split="dev", truth=[CAR], said={"v1": [CAR]})])
    found = computed(ada, project)

    assert found.status == "failed"
    assert f"Task {first}: meta.split is '\"dev\"'" in found.failure_reason or (
        f"Task {first}: meta.split is 'dev'" in found.failure_reason
    )


def test_fails_when_no_task_with_truth_was_predicted(ada: Caller, project: Project) -> None:
    load(ada, project, [task("x", truth=[CAR]), task("y", said={"v1": [CAR]})])
    found = computed(ada, project)

    assert found.status == "failed"
    assert "No task with ground truth has a prediction of version 'v1'." in found.failure_reason


@pytest.mark.django_db(transaction=True)
def test_fails_when_the_project_is_gone(ada: Caller, project: Project, task_ids: list[int]) -> None:
    header = post(ada, **BODY).json()
    ada.client.delete(f"/api/projects/{project.pk}/")
    call_command("worker", once=True, verbosity=0)

    found = ada.client.get(f"/lab/model-evals/{header['evalId']}").json()
    assert (found["status"], found["failureReason"]) == ("failed", "The project was deleted.")


def test_labels_outside_the_config_come_last(ada: Caller, project: Project) -> None:
    load(
        ada,
        project,
        [
            task("x", truth=[CAR], said={"v1": [box("Zebra", 0, 0, 5, 5, 0.9)]}),
            task("y", truth=[box("Ant", 0, 0, 5, 5)], said={"v1": [box("Ant", 0, 0, 5, 5, 0.5)]}),
        ],
    )
    found = computed(ada, project)

    assert found.classes == ["Car", "Person", "Ant", "Zebra"]
    assert found.status == "done"
    image = EvalImage.objects.get(evaluation=found, position=0)
    assert (image.tp, image.fp, image.fn) == (0, 1, 1)


def test_other_controls_are_no_detections(ada: Caller, project: Project) -> None:
    comment = {"type": "textarea", "from_name": "note", "value": {"text": ["hello"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    load(ada, project, [task("x", truth=[CAR, comment], said={"v1": [odd(), relation]})])

    image = EvalImage.objects.get(evaluation=computed(ada, project))
    assert (image.tp, image.fp, image.fn) == (1, 0, 0)


def test_the_newest_of_each_counts(ada: Caller, project: Project, task_ids: list[int]) -> None:
    one = Task.objects.order_by("id").first()
    assert one is not None
    Prediction.objects.create(task=one, project=project, model_version="v1", result=[])
    Annotation.objects.create(task=one, project=project, ground_truth=False, result=[])
    Annotation.objects.create(
        task=one, project=project, ground_truth=True, was_cancelled=True, result=[]
    )
    found = computed(ada, project)

    image = EvalImage.objects.get(evaluation=found, position=0)
    assert (image.tp, image.fp, image.fn) == (0, 0, 1)


def test_scores_of_regions_then_of_predictions(ada: Caller, project: Project) -> None:
    load(
        ada,
        project,
        [task("x", truth=[CAR], said={"v1": [CAR]}), task("y", truth=[CAR], said={"v1": [CAR]})],
    )
    first, second = Prediction.objects.order_by("id")
    Prediction.objects.filter(pk=first.pk).update(score=0.3)
    Prediction.objects.filter(pk=second.pk).update(score=None)
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/confusion-matrix"

    def hits(confidence: int) -> int:
        answer = ada.client.get(path, {"confidence": confidence})
        return int(answer.json()["matrix"][0][0])

    # One has its prediction's score, the other none at all, which is certainty.
    assert [hits(30), hits(31), hits(100)] == [2, 1, 1]


def test_a_snapshot_does_not_change(ada: Caller, evaluation: ModelEval, project: Project) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}"
    before = [ada.client.get(f"{path}{panel}").json() for panel in ("", "/image-predictions")]

    Prediction.objects.filter(project=project).delete()
    Annotation.objects.filter(project=project).delete()
    after = [ada.client.get(f"{path}{panel}").json() for panel in ("", "/image-predictions")]
    assert after == before


MakeChoices = Callable[..., ModelEval]


def choices(*names: str, score: float | None = None) -> dict[str, Any]:
    region = {
        "type": "choices",
        "from_name": "sentiment",
        "to_name": "text",
        "value": {"choices": list(names)},
    }
    return region if score is None else {**region, "score": score}


def test_classification(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, TEXT_CONFIG, title="Texts")
    load(
        ada,
        made,
        [
            task("a", truth=[choices("pos")], said={"v1": [choices("pos", score=0.9)]}),
            task("b", truth=[choices("pos")], said={"v1": [choices("neg", score=0.8)]}),
            task("c", truth=[choices("neg")], said={"v1": [choices("neg", score=0.1)]}),
        ],
    )
    found = computed(ada, made)
    path = f"/lab/model-evals/{found.eval_id}"

    assert found.status == "done", found.failure_reason
    header = ada.client.get(path).json()
    assert (header["summary"]["mAP"], header["summary"]["mIoU"]) == (None, None)
    results = ada.client.get(f"{path}/map-results").json()
    assert results["taskType"] == "classification"
    test = results["splits"]["test"]
    # Whatever the score; counts are of what is kept.
    assert (test["accuracy"], test["metrics"]) == (2 / 3, {"accuracy": 2 / 3})
    assert header["summary"]["primary"] == {
        "name": "accuracy",
        "value": 2 / 3,
        "higherIsBetter": True,
    }
    assert (test["precision"], test["recall"], test["map50"]) == (1 / 2, 1 / 3, None)
    matrix = ada.client.get(f"{path}/confusion-matrix").json()
    assert matrix["matrix"] == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    lower = ada.client.get(f"{path}/confusion-matrix", {"confidence": 10}).json()
    assert lower["matrix"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def polygon(label: str, *points: tuple[float, float], score: float | None = None) -> dict[str, Any]:
    region = {
        **CAR,
        "type": "polygonlabels",
        "value": {"points": [list(p) for p in points], "polygonlabels": [label]},
    }
    return region if score is None else {**region, "score": score}


SQUARE = ((10, 10), (30, 10), (30, 30), (10, 30))
POLYGONS = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="Person"/></PolygonLabels></View>'
)


def test_instance_masks(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, POLYGONS, title="Masks")
    triangle = polygon("Car", (10, 10), (30, 10), (10, 30), score=0.9)
    load(
        ada,
        made,
        [
            task(
                "a",
                truth=[polygon("Car", *SQUARE)],
                said={"v1": [polygon("Car", *SQUARE, score=0.8)], "v2": [triangle]},
            )
        ],
    )
    whole, half = computed(ada, made), computed(ada, made, "v2")

    assert whole.task_type == "instance-segmentation"
    assert map50(whole) == pytest.approx(1)
    # Half of the square is not more than half of it, though their boxes are the same.
    assert map50(half) == 0


def test_rotated_boxes_are_compared_as_polygons(ada: Caller, project: Project) -> None:
    turned = valued(x=50, y=50, width=20, height=4, rotation=45)
    flat = valued(x=50, y=50, width=20, height=4)
    truth = [{k: v for k, v in turned.items() if k != "score"}]
    load(ada, project, [task("a", truth=truth, said={"v1": [turned], "v2": [flat]})])

    assert map50(computed(ada, project)) == pytest.approx(1)
    assert map50(computed(ada, project, "v2")) == 0


def test_semantic_segmentation(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, POLYGONS, title="Pixels")
    left = polygon("Car", (0, 0), (50, 0), (50, 100), (0, 100))
    quarter = polygon("Car", (0, 0), (25, 0), (25, 100), (0, 100), score=0.9)
    load(ada, made, [task("a", truth=[left], said={"v1": [quarter]})])
    found = computed(ada, made, taskType="semantic-segmentation")
    path = f"/lab/model-evals/{found.eval_id}"

    assert found.status == "done", found.failure_reason
    summary = ada.client.get(path).json()["summary"]
    assert summary == {
        "mAP": None,
        "mIoU": 0.5,
        "precision": 1.0,
        "recall": 0.5,
        "primary": {"name": "mIoU", "value": 0.5, "higherIsBetter": True},
    }
    matrix = ada.client.get(f"{path}/confusion-matrix").json()["matrix"]
    assert matrix[0] == [2500, 0, 2500]
    assert sum(map(sum, matrix)) == 10_000
    row = ada.client.get(f"{path}/performance-by-class").json()["classes"][0]
    assert (row["className"], row["classID"], row["iou"]) == ("Car", 0, 0.5)
    assert (row["precision"], row["recall"]) == (1.0, 0.5)


def test_brush_masks(ada: Caller, make_project: MakeProject) -> None:
    import numpy as np
    from label_studio_sdk.converter.brush import encode_rle

    mask = np.zeros((100, 100, 4), np.uint8)
    mask[10:30, 10:30] = 255
    brush = {
        **CAR,
        "type": "brushlabels",
        "value": {
            "format": "rle",
            "rle": encode_rle(mask.ravel()),
            "brushlabels": ["Car"],
        },
    }
    made = make_project(ada, POLYGONS, title="Brushes")
    load(ada, made, [task("a", truth=[brush], said={"v1": [polygon("Car", *SQUARE, score=0.9)]})])

    found = computed(ada, made)
    assert map50(found) == pytest.approx(1)


def test_unforeseen_errors_end_it_with_a_reason(
    ada: Caller, project: Project, task_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(run, "count_images", broken)
    found = computed(ada, project)

    assert found.status == "failed"
    assert "ZeroDivisionError" in found.failure_reason


@pytest.mark.django_db(transaction=True)
def test_cancel_and_run_again(ada: Caller, project: Project, task_ids: list[int]) -> None:
    header = post(ada, **BODY).json()
    path = f"/lab/model-evals/{header['evalId']}"

    assert ada.client.post(f"{path}/rerun").status_code == 409
    cancelled = ada.client.post(f"{path}/cancel").json()
    assert cancelled["status"] == "failed"
    assert cancelled["failureReason"].startswith("Cancelled")
    call_command("worker", once=True, verbosity=0)
    assert ada.client.get(path).json()["status"] == "failed"

    again = ada.client.post(f"{path}/rerun")
    assert again.status_code == 202
    assert again.json()["status"] == "running"
    assert "failureReason" not in again.json()
    call_command("worker", once=True, verbosity=0)
    new = f"/lab/model-evals/{again.json()['evalId']}"
    assert ada.client.get(new).json()["status"] == "done"
    # What has ended stays as it is.
    assert ada.client.post(f"{new}/cancel").json()["status"] == "done"
    assert ada.client.get(path).json()["status"] == "failed"


def test_delete(ada: Caller, evaluation: ModelEval) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}"

    assert ada.client.delete(path).status_code == 204
    assert ada.client.get(path).status_code == 404
    assert nothing_is_left(evaluation)
