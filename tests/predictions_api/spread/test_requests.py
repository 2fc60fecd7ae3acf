"""Requests on a database whose ids carry slots: what they answer, and that each statement says
where its rows are.
"""

from typing import Any

import pytest

from predictions.models import Annotation, Prediction, Project
from predictions_api.postgres.spread.slots import FIRST, SLOTS, of_project
from tests.conftest import Caller, MakeProject, MakeTask, region
from tests.predictions_api.spread.conftest import Unrouted

pytestmark = pytest.mark.usefixtures("spread")


@pytest.fixture
def prediction(ada: Caller, task: int) -> dict[str, Any]:
    body = {"task": task, "result": [region()], "model_version": "v1", "score": 0.5}
    made: dict[str, Any] = ada.client.post("/api/predictions/", body, format="json").json()
    return made


def carries(row_id: int, project: Project) -> bool:
    return row_id >= FIRST and row_id % SLOTS == of_project(project.pk)


def test_new_ids_carry_the_slot_of_their_project(
    ada: Caller, project: Project, task: int, prediction: dict[str, Any]
) -> None:
    assert carries(task, project)
    assert carries(prediction["id"], project)
    url = f"/api/tasks/{task}/annotations/"
    annotation = ada.client.post(url, {"result": [region()]}, format="json").json()
    assert carries(annotation["id"], project)
    many = [{"task": task, "result": [], "model_version": f"v{n}"} for n in range(3)]
    created = ada.client.post("/api/predictions/", many, format="json").json()
    assert all(carries(one["id"], project) for one in created)
    assert [one["model_version"] for one in created] == ["v0", "v1", "v2"]
    body = [{"data": {"image": "a"}, "predictions": [{"result": []}], "annotations": []}]
    url = f"/api/projects/{project.pk}/import?return_task_ids=1"
    imported = ada.client.post(url, body, format="json").json()
    assert all(carries(one, project) for one in imported["task_ids"])
    stored = {*Prediction.objects.values_list("slot", flat=True)}
    assert stored | {*Annotation.objects.values_list("slot", flat=True)} == {of_project(project.pk)}


def test_every_statement_of_a_request_says_where_its_rows_are(
    ada: Caller, project: Project, task: int, prediction: dict[str, Any], unrouted: Unrouted
) -> None:
    get, client = ada.client.get, ada.client
    one, of_task = f"/api/predictions/{prediction['id']}/", f"/api/tasks/{task}/"
    with unrouted() as asked:
        created = client.post("/api/predictions/", {"task": task, "result": []}, format="json")
        assert created.status_code == 201
        assert get(one).status_code == 200
        assert client.patch(one, {"score": 0.7}, format="json").status_code == 200
        for query in (f"task={task}", f"project={project.pk}&limit=10", f"project={project.pk}"):
            assert b"".join(get(f"/api/predictions/?{query}"))
        assert get(of_task).status_code == 200
        assert get(f"/api/tasks/?project={project.pk}").status_code == 200
        assert get(f"/api/projects/{project.pk}/").status_code == 200
        made = client.post(f"{of_task}annotations/", {"result": []}, format="json").json()
        url = f"/api/annotations/{made['id']}/"
        assert client.patch(url, {"ground_truth": True}, format="json").status_code == 200
        assert client.delete(url).status_code == 204
        assert client.patch(of_task, {"meta": {"a": 1}}, format="json").status_code == 200
        query = f"/api/projects/{project.pk}/model-versions/?extended=true"
        assert get(query).status_code == 200
        assert client.delete(one).status_code == 204
        assert client.delete(of_task).status_code == 204
    assert asked == []


def test_a_moved_prediction_is_found_under_its_id(
    ada: Caller,
    project: Project,
    prediction: dict[str, Any],
    make_project: MakeProject,
    make_task: MakeTask,
) -> None:
    other = make_project(ada, title="Vans")
    task = make_task(ada, other)
    url = f"/api/predictions/{prediction['id']}/"
    said = ada.client.post(f"{url}comments/", {"text": "Why?"}, format="json")
    moved = ada.client.patch(url, {"task": task}, format="json")
    assert moved.status_code == 200
    expected = {**prediction, "task": task, "project": other.pk}
    assert {**ada.client.get(url).json(), "updated_at": None} == {**expected, "updated_at": None}
    row = Prediction.objects.get()
    assert (row.pk, row.slot) == (prediction["id"], of_project(other.pk))
    if said.status_code == 201:
        assert ada.client.get(f"{url}comments/").json() != []
    assert ada.client.patch(url, {"score": 0.25}, format="json").json()["score"] == 0.25
    assert ada.client.delete(url).status_code == 204
    assert ada.client.get(url).status_code == 404


def test_a_deleted_parent_is_taken_from_its_annotations(
    ada: Caller, task: int, prediction: dict[str, Any]
) -> None:
    body = {"result": [], "parent_prediction": prediction["id"]}
    made = ada.client.post(f"/api/tasks/{task}/annotations/", body, format="json").json()
    body = {"result": [], "parent_annotation": made["id"]}
    child = ada.client.post(f"/api/tasks/{task}/annotations/", body, format="json").json()
    ada.client.delete(f"/api/predictions/{prediction['id']}/")
    assert ada.client.get(f"/api/annotations/{made['id']}/").json()["parent_prediction"] is None
    ada.client.delete(f"/api/annotations/{made['id']}/")
    assert ada.client.get(f"/api/annotations/{child['id']}/").json()["parent_annotation"] is None
