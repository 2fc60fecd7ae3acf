"""POST /:workspace/model-evals/:evalId/rerun: another evaluation, and the old one as it was."""

from typing import Any

import pytest

from evals.db.evaluations import lineage
from evals.jobs import run
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project
from predictions.regions import labelling
from tests.conftest import Caller
from tests.evals.conftest import computed

PANELS = (
    "map-results",
    "confidence-sweep",
    "performance-by-class",
    "confusion-matrix?split=all",
    "image-predictions",
    "recommendations",
)


def path_of(evaluation: ModelEval) -> str:
    return f"/lab/model-evals/{evaluation.eval_id}"


def header(caller: Caller, eval_id: str) -> Any:
    return caller.client.get(f"/lab/model-evals/{eval_id}").json()


def whole(caller: Caller, evaluation: ModelEval) -> list[Any]:
    """Everything that is shown of an evaluation, but for what repeats it."""
    shown = [caller.client.get(f"{path_of(evaluation)}/{panel}").json() for panel in PANELS]
    own = header(caller, evaluation.eval_id)
    own.pop("supersededBy")
    return [own, *shown]


def again(caller: Caller, evaluation: ModelEval) -> ModelEval:
    answer = caller.client.post(f"{path_of(evaluation)}/rerun")
    assert answer.status_code == 202, answer.content
    return ModelEval.objects.get(eval_id=answer.json()["evalId"])


def test_makes_a_new_one_of_what_is_stored_now(
    ada: Caller, evaluation: ModelEval, project: Project
) -> None:
    before = whole(ada, evaluation)
    Prediction.objects.filter(model_version="v1").update(model_version="old")
    Prediction.objects.filter(model_version="v2").update(model_version="v1")

    made = again(ada, evaluation)
    running = header(ada, made.eval_id)
    assert made.eval_id != evaluation.eval_id
    assert (running["status"], running["supersedes"]) == ("running", evaluation.eval_id)
    assert whole(ada, evaluation) == before

    run.run(made.pk)
    done = header(ada, made.eval_id)
    assert done["summary"]["precision"] == done["summary"]["recall"] == 1
    assert (done["supersedes"], done["supersededBy"]) == (evaluation.eval_id, None)
    assert whole(ada, evaluation) == before
    assert header(ada, evaluation.eval_id)["supersededBy"] == made.eval_id


def test_a_failed_repetition_takes_nothing_away(ada: Caller, evaluation: ModelEval) -> None:
    before = whole(ada, evaluation)
    # Of the task without ground truth one is left.
    truths = Annotation.objects.filter(ground_truth=True).values_list("task_id", flat=True)
    Prediction.objects.filter(task_id__in=list(truths)).delete()

    made = again(ada, evaluation)
    run.run(made.pk)
    assert header(ada, made.eval_id)["failureReason"] == (
        "No task with ground truth has a prediction of version 'v1'."
    )
    assert whole(ada, evaluation) == before


def test_a_failed_one_stays_failed(ada: Caller, evaluation: ModelEval) -> None:
    ModelEval.objects.update(status="failed", failure_reason="No truth.")
    made = again(ada, evaluation)
    run.run(made.pk)

    assert header(ada, evaluation.eval_id)["failureReason"] == "No truth."
    assert header(ada, made.eval_id)["status"] == "done"


def test_asks_the_same(ada: Caller, project: Project, task_ids: list[int]) -> None:
    Annotation.objects.update(ground_truth=False)
    asked: dict[str, Any] = {
        "versionId": "7",
        "modelId": "cars/7",
        "iouThreshold": 0.3,
        "iouInclusive": True,
        "matching": "score-class-aware/1",
        "confidence": 35,
        "control": "label",
        "taskType": "instance-segmentation",
        "groundTruth": "all",
        "medianLatencyMs": 12.5,
        "writeBack": True,
    }
    first = computed(ada, project, **asked)
    second = again(ada, first)
    run.run(second.pk)

    one, two = header(ada, first.eval_id), header(ada, second.eval_id)
    for name in ("evalId", "createdAt", "finishedAt", "snapshot", "supersedes", "supersededBy"):
        del one[name], two[name]
    assert one == two
    second.refresh_from_db()
    assert second.writes_back


def test_the_newest_of_several_is_named(ada: Caller, evaluation: ModelEval) -> None:
    first, second = again(ada, evaluation), again(ada, evaluation)

    assert header(ada, evaluation.eval_id)["supersededBy"] == second.eval_id
    assert ada.client.delete(path_of(second)).status_code == 204
    assert header(ada, evaluation.eval_id)["supersededBy"] == first.eval_id
    assert ada.client.delete(path_of(evaluation)).status_code == 204
    assert header(ada, first.eval_id)["supersedes"] is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"origin": "imported"}, 400, "invalid_request"),
        ({"project": None}, 400, "invalid_request"),
        ({"status": "running"}, 409, "model_eval_not_done"),
        ({"asked": {"task_type": None, "control": "gone"}}, 400, "unknown_control"),
    ],
)
def test_refuses(
    ada: Caller, evaluation: ModelEval, changes: dict[str, Any], status: int, code: str
) -> None:
    ModelEval.objects.update(**changes)

    answer = ada.client.post(f"{path_of(evaluation)}/rerun")
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert ModelEval.objects.count() == 1


@pytest.mark.parametrize(
    ("gone", "code"),
    [(Prediction.objects.filter(model_version="v1"), "no_predictions"),
     (Annotation.objects.all(), "no_ground_truth")],
)  # fmt: skip
def test_refuses_what_a_request_would_be_refused(
    ada: Caller, evaluation: ModelEval, project: Project, gone: Any, code: str
) -> None:
    gone.all().delete()
    body = {"project": project.slug, "modelVersion": "v1"}
    asked = ada.client.post("/lab/model-evals", body, format="json")
    answer = ada.client.post(f"{path_of(evaluation)}/rerun")
    assert (answer.status_code, answer.json()) == (asked.status_code, asked.json())
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert ModelEval.objects.count() == 1


def test_what_was_not_asked_for_follows_the_kind(
    ada: Caller, evaluation: ModelEval, project: Project
) -> None:
    config = (
        '<View><Text name="image" value="$image"/><Labels name="label" toName="image">'
        '<Label value="Car"/></Labels></View>'
    )
    parsed = labelling.parse(config)
    Project.objects.filter(pk=project.pk).update(label_config=config, parsed_label_config=parsed)
    made = again(ada, evaluation)
    found = made.task_type, made.iou_threshold, made.inclusive
    assert found == ("named-entity-recognition", 1.0, True)


def test_lineage_is_one_statement(
    ada: Caller, evaluation: ModelEval, django_assert_num_queries: Any
) -> None:
    made = again(ada, evaluation)
    with django_assert_num_queries(1):
        assert lineage(made) == (evaluation.eval_id, None)


def test_a_body_is_refused(ada: Caller, evaluation: ModelEval) -> None:
    """It was ignored: the numbers were those of the first request."""
    answer = ada.client.post(f"{path_of(evaluation)}/rerun", {"confidence": 50}, format="json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert ada.client.post(f"{path_of(evaluation)}/rerun", {}, format="json").status_code == 202


def test_what_the_address_says_is_refused(
    ada: Caller, evaluation: ModelEval, project: Project
) -> None:
    """It would be computed, or marked, otherwise than was asked for."""
    body = {"project": project.pk, "modelVersion": "v1"}
    mine = path_of(evaluation)
    answers = [
        ada.client.post("/lab/model-evals?confidence=50", body, format="json"),
        ada.client.post(f"{mine}/rerun?confidence=50"),
        ada.client.patch(f"{mine}?confidence=50", {"accepted": True}, format="json"),
    ]
    told = "The query of this route has no 'confidence'."
    for answer in answers:
        assert (answer.status_code, answer.json()["message"]) == (400, told)
    assert list(ModelEval.objects.values_list("pk", "is_accepted")) == [(evaluation.pk, False)]
