"""The fast path says what the documented serializers say: same keys, same order, same values."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.renderers import JSONRenderer

from predictions.api import serializers
from predictions.models import MLBackend, Project
from predictions_api.http.rendering import dumps
from tests.conftest import Caller, region

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def answers(
    ada: Caller, project: Project, task: int, make_prediction: Make, make_annotation: Make
) -> dict[str, Any]:
    """One document of each kind with no field left empty that can be filled, by kind."""
    backend = MLBackend.objects.create(project=project, url="http://ml.example.com")
    made = make_prediction(
        ada,
        task,
        result=[region(), {"n": 10**30}],
        score=0.5,
        model_version="v1",
        cluster=1,
        neighbors=[1, {"a": 2}],
        mislabeling=0.25,
        model=backend.pk,
    )
    parent = make_annotation(ada, task)
    drawn = make_annotation(
        ada,
        task,
        lead_time=2.5,
        parent_prediction=made["id"],
        parent_annotation=parent["id"],
        ground_truth=True,
    )
    ada.client.patch(f"/api/annotations/{drawn['id']}/", {}, format="json")
    ada.client.patch(f"/api/tasks/{task}/", {"meta": {"a": 1}}, format="json")
    return {
        "prediction": ada.client.get(f"/api/predictions/{made['id']}/").json(),
        "annotation": ada.client.get(f"/api/annotations/{drawn['id']}/").json(),
        "task": ada.client.get(f"/api/tasks/?project={project.pk}").json()["tasks"][0],
        "task detail": ada.client.get(f"/api/tasks/{task}/").json(),
        "project": ada.client.get(f"/api/projects/{project.pk}/").json(),
    }


@pytest.mark.parametrize(
    ("kind", "serializer"),
    [
        ("prediction", serializers.PredictionSerializer),
        ("annotation", serializers.AnnotationSerializer),
        ("task", serializers.ListedTaskSerializer),
        ("task detail", serializers.TaskDetailSerializer),
    ],
)
def test_reads_as_documented(answers: dict[str, Any], kind: str, serializer: Any) -> None:
    fast = answers[kind]

    slow = json.loads(JSONRenderer().render(serializer(fast).data))

    assert list(fast) == list(serializer().fields)
    # As text, so that the order of keys counts at every depth.
    assert json.dumps(slow) == json.dumps(fast)


@pytest.mark.parametrize(
    ("kind", "nullable"),
    [
        ("prediction", {"model_run"}),
        (
            "annotation",
            {"draft_created_at", "import_id", "last_action", "last_created_by"},
        ),
        ("task", {"last_comment_updated_at", "file_upload"}),
        (
            "task detail",
            {"last_comment_updated_at", "file_upload", "storage_filename"},
        ),
    ],
)
def test_the_comparison_sees_every_field_filled(
    answers: dict[str, Any], kind: str, nullable: set[str]
) -> None:
    assert {name for name, value in answers[kind].items() if value is None} == nullable


def test_a_projects_document_has_the_serializers_keys(answers: dict[str, Any]) -> None:
    assert list(answers["project"]) == list(serializers.ProjectSerializer().fields)


def test_numbers_no_float_can_hold_go_the_slow_way() -> None:
    assert dumps({"n": 10**30}) == b'{"n":1000000000000000000000000000000}'


def test_a_lone_surrogate_is_said_back_escaped() -> None:
    assert dumps(["\ud800"]) == b'["\\ud800"]'
