"""A prediction and its event are one statement: what is recorded is what was answered."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from predictions.models import Project
from predictions_api.outbound.events.models import Event
from tests.backends.webhooks.conftest import Create, Receiver
from tests.conftest import TEXT_CONFIG, Caller, MakeProject, region

pytestmark = pytest.mark.django_db

BODIES: list[dict[str, Any]] = [
    {"result": []},
    {"result": [region()], "score": 1, "model_version": 'v "1"\\ä', "cluster": 3},
    {"result": [{**region(), "meta": {"n": 12345678901234567890123, "t": "😀\t'%s {}"}}]},
    {"result": [], "neighbors": [1, 2.5], "mislabeling": 0.25, "score": 1e-7},
    {"result": [], "score": None, "model_version": None},
]


@pytest.fixture
def told(ada: Caller, create: Create, receiver: Receiver) -> Callable[[Any], Any]:
    """Posts a prediction; what is answered and what was recorded."""
    create(ada, receiver.url)

    def post(body: Any) -> Any:
        response = ada.client.post("/api/predictions/", body, format="json")
        assert response.status_code == 201, response.content
        event = Event.objects.filter(action="PREDICTION_CREATED").latest("id")
        recorded = orjson.loads(event.body)
        assert list(recorded) == ["prediction"]
        assert event.project_id == recorded["prediction"]["project"]
        assert (event.workspace_id, len(event.listeners)) == (ada.workspace.pk, 1)
        return response.content.decode(), event.body.removeprefix('{"prediction":')[:-1]

    return post


@pytest.mark.parametrize("body", BODIES)
def test_what_is_recorded_is_what_is_answered(
    task: int, told: Callable[[Any], Any], body: dict[str, Any]
) -> None:
    answered, recorded = told({"task": task, **body})
    # jsonb's own spaces are in lists that are read back: in the answer, on a cluster in both.
    assert recorded.replace("[1, 2.5]", "[1,2.5]") == answered.replace("[1, 2.5]", "[1,2.5]")


@pytest.mark.parametrize("validates", [False, True])
def test_so_it_is_for_a_shorthand_and_for_a_project_that_validates(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    told: Callable[[Any], Any],
    validates: bool,
) -> None:
    project: Project = make_project(ada, TEXT_CONFIG, validate_predictions=validates)
    task = make_task(ada, project, data={"text": "good"})
    chosen = {"from_name": "sentiment", "to_name": "text", "type": "choices"}
    regions = [{**chosen, "value": {"choices": ["pos"]}}]
    answered, recorded = told({"task": task, "result": regions if validates else "pos"})
    assert orjson.loads(recorded)["result"][0]["value"] == {"choices": ["pos"]}
    assert recorded == answered


def test_what_nobody_listens_to_is_not_recorded(
    ada: Caller, task: int, create: Create, receiver: Receiver
) -> None:
    create(ada, receiver.url, send_for_all_actions=False, actions=["TASKS_CREATED"])
    body = {"task": task, "result": []}
    assert ada.client.post("/api/predictions/", body, format="json").status_code == 201
    assert not Event.objects.exists()


def test_what_is_refused_is_not_recorded(
    ada: Caller, task: int, create: Create, receiver: Receiver
) -> None:
    create(ada, receiver.url)
    for body in ({"task": 999_999, "result": []}, {"task": task, "result": [], "model": 999_999}):
        response = ada.client.post("/api/predictions/", body, format="json")
        assert response.status_code == 400, response.content
    assert not Event.objects.filter(action="PREDICTION_CREATED").exists()
