"""What is delivered of each change, key by key; who gets it; and that nothing else is stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from backends.models import Delivery, Payload
from predictions.events.objects import ANNOTATION_KEYS, PROJECT_KEYS, TASK_KEYS
from predictions.imports import predictions as predictions_import
from predictions.models import Prediction, Project
from predictions_api.outbound.events.models import Event
from tests.backends.webhooks.conftest import Create, Receiver
from tests.clustered import one_node
from tests.conftest import Caller, MakeProject, region

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def hook(ada: Caller, create: Create, receiver: Receiver) -> dict[str, Any]:
    """A webhook of Ada's whole workspace, for all actions."""
    return create(ada, receiver.url)


def got(receiver: Receiver) -> list[dict[str, Any]]:
    """What came since the last look."""
    found = [one.body for one in receiver.got]
    receiver.got.clear()
    return found


def test_every_change_of_a_project_is_told(
    ada: Caller,
    hook: dict[str, Any],
    receiver: Receiver,
    work: Callable[[], None],
    make_prediction: Make,
    make_annotation: Make,
) -> None:
    client = ada.client
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    )
    config += '<Label value="Car"/></RectangleLabels></View>'
    body = {"title": "Brand new", "label_config": config}
    project = client.post("/api/projects/", body, format="json").json()
    work()
    (told,) = got(receiver)
    assert list(told) == ["action", "project"]
    assert told["action"] == "PROJECT_CREATED"
    assert tuple(told["project"]) == PROJECT_KEYS
    assert told["project"] == told["project"] | {
        "id": project["id"],
        "title": "Brand new",
        "task_number": 0,
        "data_types": {"image": "Image"},
        "token": None,
        "task_data_password": None,
        "organization": ada.workspace.pk,
        "created_by": ada.user.pk,
    }
    hashed = told["project"]["label_config_hash"]

    client.patch(f"/api/projects/{project['id']}/", {"title": "Newer"}, format="json")
    data = {"project": project["id"], "data": {"image": "http://x.y/1.jpg"}}
    task = client.post("/api/tasks/", data, format="json").json()
    rows = [{"image": "http://x.y/2.jpg"}, {"image": "http://x.y/3.jpg"}]
    client.post(f"/api/projects/{project['id']}/import", rows, format="json")
    work()
    changed, one, two = got(receiver)
    assert (changed["action"], changed["project"]["title"]) == ("PROJECT_UPDATED", "Newer")
    assert changed["project"]["label_config_hash"] == hashed
    assert list(one) == ["action", "tasks", "project"]
    assert one["action"] == "TASKS_CREATED"
    assert [tuple(told) for told in one["tasks"]] == [TASK_KEYS]
    common = {name: task[name] for name in TASK_KEYS if name in task}
    assert one["tasks"][0] == {**common, "allow_skip": True, "precomputed_agreement": None}
    assert [told["inner_id"] for told in two["tasks"]] == [2, 3]
    assert two["project"]["task_number"] == 3

    prediction = make_prediction(ada, task["id"], model_version="v", score=0.5)
    client.patch(f"/api/projects/{project['id']}/", {"model_version": "v"}, format="json")
    annotation = make_annotation(ada, task["id"], lead_time=1.5)
    client.patch(f"/api/annotations/{annotation['id']}/", {"result": []}, format="json")
    client.patch(f"/api/tasks/{task['id']}/", {"meta": {"a": 1}}, format="json")
    client.patch(f"/api/annotations/{annotation['id']}/", {"result": "x"}, format="json")
    work()
    predicted, _, made, altered = got(receiver)
    assert list(predicted) == ["action", "prediction", "project", "task"]
    assert predicted["action"] == "PREDICTION_CREATED"
    assert predicted["prediction"] == prediction
    assert predicted["task"]["total_predictions"] == 1
    assert list(made) == ["action", "annotation", "project", "task"]
    assert (made["action"], altered["action"]) == ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")
    assert tuple(made["annotation"]) == ANNOTATION_KEYS
    same = {name: annotation[name] for name in ANNOTATION_KEYS if name in annotation}
    shown = {**prediction, "result": made["annotation"]["prediction"]["result"]}
    assert made["annotation"] == {**same, "prediction": shown, "result_count": 1}
    assert altered["annotation"]["result_count"] == 0

    client.patch(f"/api/predictions/{prediction['id']}/", {"score": 0.7}, format="json")
    client.delete(f"/api/predictions/{prediction['id']}/")
    client.delete(f"/api/annotations/{annotation['id']}/")
    client.delete(f"/api/tasks/{task['id']}/")
    client.delete(f"/api/tasks/{task['id']}/")
    client.delete(f"/api/projects/{project['id']}/tasks/")
    client.delete(f"/api/projects/{project['id']}/")
    work()
    found = got(receiver)
    assert found[0]["prediction"]["score"] == 0.7
    gone = {"id": project["id"]}
    assert found == [
        {
            "action": "PREDICTION_UPDATED",
            "prediction": found[0]["prediction"],
            "project": gone,
            "task": {"id": task["id"]},
        },
        {
            "action": "PREDICTIONS_DELETED",
            "predictions": [{"id": prediction["id"]}],
            "project": gone,
            "count": 1,
            "model_version": None,
        },
        {
            "action": "ANNOTATIONS_DELETED",
            "annotations": [{"id": annotation["id"]}],
            "project": gone,
        },
        {"action": "TASKS_DELETED", "tasks": [{"id": task["id"]}], "project": gone},
        {
            "action": "TASKS_DELETED",
            "tasks": [{"id": told["id"]} for told in two["tasks"]],
            "project": gone,
        },
        {"action": "PROJECT_DELETED", "project": gone},
    ]
    assert not Event.objects.exists()


def test_many_predictions_are_told_in_pieces(
    ada: Caller,
    project: Project,
    task: int,
    hook: dict[str, Any],
    receiver: Receiver,
    work: Callable[[], None],
) -> None:
    work()
    got(receiver)
    many = [{"task": task, "result": [], "model_version": "v"} for _ in range(501)]
    ada.client.post("/api/predictions/", many[:2], format="json")
    path = f"/api/projects/{project.pk}/import/predictions"
    assert ada.client.post(path, many, format="json").status_code == 201
    large = {"task": task, "result": [region(x=n) for n in range(5000)], "model_version": "w"}
    assert ada.client.post(path, [large, large], format="json").status_code == 201
    work()
    found = got(receiver)
    assert {one["action"] for one in found} == {"PREDICTIONS_CREATED"}
    assert list(found[0]) == ["action", "predictions", "project"]
    assert [len(one["predictions"]) for one in found] == [2, 500, 1, 1, 1]
    ids = [prediction["id"] for one in found for prediction in one["predictions"]]
    assert ids == list(Prediction.objects.order_by("id").values_list("pk", flat=True))
    # A version, and what takes the place of others.
    body = {"task": task, "result": [], "model_version": "w"}
    assert ada.client.post("/api/predictions/?upsert=true", body, format="json").status_code == 201
    versions = f"/api/projects/{project.pk}/model-versions/"
    ada.client.delete(versions, {"model_version": "v"}, format="json")
    path = f"/api/dm/actions?id=delete_tasks_predictions&project={project.pk}"
    items = {"selectedItems": {"all": True, "excluded": []}}
    ada.client.post(path, items, format="json")
    work()
    replaced, version, rest = got(receiver)
    assert replaced["action"] == "PREDICTIONS_CREATED"
    assert len(replaced["predictions"]) == 1
    assert (version["count"], version["model_version"], len(version["predictions"])) == (
        503, "v", 503,
    )  # fmt: skip
    assert (rest["count"], rest["model_version"]) == (1, None)


def test_more_than_5000_deleted_are_counted(
    ada: Caller, project: Project, task: int, hook: dict[str, Any]
) -> None:
    many = [{"task": task, "result": [], "model_version": "v"}] * 5001
    predictions_import.store(project, many, is_heard=False)
    Event.objects.all().delete()
    versions = f"/api/projects/{project.pk}/model-versions/"
    ada.client.delete(versions, {"model_version": "v"}, format="json")
    (event,) = Event.objects.all()
    assert event.body == '{"predictions":[],"count":5001,"model_version":"v"}'


def test_selections_are_told(
    ada: Caller,
    project: Project,
    task: int,
    hook: dict[str, Any],
    receiver: Receiver,
    work: Callable[[], None],
    make_prediction: Make,
) -> None:
    made = [make_prediction(ada, task, model_version=name)["id"] for name in "ab"]
    work()
    got(receiver)
    items = {"selectedItems": {"all": False, "included": [task]}}
    for action in ("predictions_to_annotations", "delete_tasks_annotations", "delete_tasks"):
        path = f"/api/dm/actions?id={action}&project={project.pk}"
        assert ada.client.post(path, items, format="json").status_code == 200
        work()
    annotated, undone, deleted = got(receiver)
    assert list(annotated) == ["action", "annotation", "project", "task"]
    assert annotated["action"] == "ANNOTATIONS_CREATED"
    assert [one["parent_prediction"] for one in annotated["annotation"]] == made
    assert [one["id"] for one in annotated["task"]] == [task]
    ids = [{"id": one["id"]} for one in annotated["annotation"]]
    assert (undone["action"], undone["annotations"]) == ("ANNOTATIONS_DELETED", ids)
    # What goes with a task is not told by itself.
    assert (deleted["action"], deleted["tasks"]) == ("TASKS_DELETED", [{"id": task}])


def test_whole_numbers_are_told_in_full(
    ada: Caller, project: Project, hook: dict[str, Any], receiver: Receiver,
    work: Callable[[], None], make_task: Callable[..., int], make_annotation: Make,
    make_prediction: Make,
) -> None:  # fmt: skip
    number = 12345678901234567890123
    data = {"image": "http://x.y/1.jpg", "n": number}
    result = [{**region(), "meta": {"n": [number]}}]
    task = make_task(ada, project, data=data)
    prediction = make_prediction(ada, task, result=result, model_version="v")
    ada.client.patch(f"/api/projects/{project.pk}/", {"model_version": "v"}, format="json")
    annotation = make_annotation(ada, task, result=result)
    body = {"result": result, "ground_truth": True}
    ada.client.patch(f"/api/annotations/{annotation['id']}/", body, format="json")
    ada.client.patch(f"/api/predictions/{prediction['id']}/", {"score": 0.5}, format="json")
    work()
    created, predicted, _, made, altered, again = got(receiver)
    assert created["tasks"][0]["data"] == data
    for one in (predicted, again):
        assert (one["prediction"]["result"], one["task"]["data"]) == (result, data)
    for one in (made, altered):
        assert (one["annotation"]["result"], one["task"]["data"]) == (result, data)
        assert one["annotation"]["prediction"]["result"] == result


def test_ground_truth_marked_together_is_told_one_by_one(
    ada: Caller, project: Project, hook: dict[str, Any], receiver: Receiver,
    work: Callable[[], None], make_project: MakeProject, make_task: Callable[..., int],
    make_annotation: Make,
) -> None:  # fmt: skip
    elsewhere = make_project(ada)
    places = [(project.pk, make_task(ada, project)), (elsewhere.pk, make_task(ada, elsewhere))]
    made = [make_annotation(ada, task)["id"] for _, task in places for _ in range(2)]
    work()
    got(receiver)
    body = {"ids": made[1:], "ground_truth": True}
    assert ada.client.patch("/api/annotations/", body, format="json").json() == {"updated": 3}
    ada.client.delete(f"/api/annotations/{made[3]}/")
    work()
    *updated, gone = got(receiver)
    assert (gone["action"], gone["annotations"]) == ("ANNOTATIONS_DELETED", [{"id": made[3]}])
    assert {one["action"] for one in updated} == {"ANNOTATION_UPDATED"}
    assert [list(one) for one in updated] == [["action", "annotation", "project", "task"]] * 3
    assert [
        (one["annotation"]["id"], one["project"]["id"], one["task"]["id"]) for one in updated
    ] == [(id_, *places[n]) for id_, n in zip(made[1:], (0, 1, 1), strict=True)]
    assert tuple(updated[0]["annotation"]) == ANNOTATION_KEYS
    assert updated[0]["annotation"]["ground_truth"] is True
    # One that is gone by then is told by its id.
    assert updated[2]["annotation"] == {"id": made[3]}

    body = {"project": project.pk, "ground_truth": True}
    for n_changed in (1, 0):
        answer = ada.client.patch("/api/annotations/", body, format="json")
        assert answer.json() == {"updated": n_changed}
    work()
    (last,) = got(receiver)
    assert (last["action"], last["annotation"]["id"]) == ("ANNOTATION_UPDATED", made[0])


def test_ground_truth_replaced_by_a_file_is_told(
    ada: Caller, hook: dict[str, Any], receiver: Receiver, work: Callable[[], None],
    make_project: MakeProject,
) -> None:  # fmt: skip
    path = f"/api/projects/{make_project(ada).pk}/import?format=coco"

    def load(x: int, **more: Any) -> list[dict[str, Any]]:
        """Loads a box at x into the project; what was told of it."""
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, 1, 2, 2], "area": 4}
        image = {"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}
        found = {
            "images": [image],
            "categories": [{"id": 1, "name": "Car"}],
            "annotations": [box],
        }
        file = SimpleUploadedFile("truth.json", json.dumps(found).encode())
        response = ada.client.post(path, {"ground_truth": file, **more})
        assert response.status_code == 201, response.content
        work()
        return got(receiver)

    assert [one["action"] for one in load(1)] == ["PROJECT_CREATED", "TASKS_CREATED"]
    (told,) = load(3, replace_ground_truth="true")
    assert list(told) == ["action", "annotation", "project", "task"]
    assert told["action"] == "ANNOTATION_UPDATED"
    assert told["annotation"]["result"][0]["value"]["x"] == 30
    assert told["annotation"]["updated_by"] == ada.user.pk
    assert told["task"]["id"] == told["annotation"]["task"]
    assert not load(3, replace_ground_truth="true")

    ada.client.delete(f"/api/annotations/{told['annotation']['id']}/")
    deleted, added = load(1)
    assert deleted["action"] == "ANNOTATIONS_DELETED"
    assert list(added) == ["action", "annotation", "project", "task"]
    assert added["action"] == "ANNOTATIONS_CREATED"
    (truth,) = added["annotation"]
    assert truth["ground_truth"] is True
    assert truth["result"][0]["value"]["x"] == 10
    assert [one["id"] for one in added["task"]] == [told["task"]["id"]]


def test_marks_ask_nothing_more_where_nobody_listens(
    ada: Caller, project: Project, make_task: Callable[..., int], make_annotation: Make
) -> None:
    make_annotation(ada, make_task(ada, project))

    def mark(*, is_truth: bool) -> int:
        body = {"project": project.pk, "ground_truth": is_truth}
        with CaptureQueriesContext(connection) as queries:
            assert ada.client.patch("/api/annotations/", body, format="json").status_code == 200
        return sum("predictions_annotation" in one["sql"] for one in queries.captured_queries)

    assert [mark(is_truth=True), mark(is_truth=False)] == [1, 1]
    assert not Event.objects.exists()


def test_who_gets_what(
    ada: Caller,
    olga: Caller,
    project: Project,
    receiver: Receiver,
    work: Callable[[], None],
    create: Create,
    make_project: MakeProject,
    make_task: Callable[..., int],
) -> None:
    url, other = receiver.url, make_project(ada)
    create(ada, f"{url}/all")
    create(ada, f"{url}/project", project=project.pk)
    create(ada, f"{url}/quiet", project=project.pk, send_payload=False)
    create(ada, f"{url}/some", send_for_all_actions=False, actions=["TASKS_DELETED"])
    create(ada, f"{url}/off", is_active=False)
    create(ada, f"{url}/other", project=other.pk)
    create(olga, f"{url}/olga")
    task = make_task(ada, project)
    ada.client.delete(f"/api/tasks/{task}/")
    ada.client.delete(f"/api/projects/{project.pk}/")
    work()
    by_path: dict[str, list[str]] = {}
    for one in receiver.got:
        by_path.setdefault(one.path, []).append(one.body["action"])
    # Those of the project went with it.
    assert by_path == {
        "/all": ["TASKS_CREATED", "TASKS_DELETED", "PROJECT_DELETED"],
        "/some": ["TASKS_DELETED"],
    }
    receiver.got.clear()
    create(ada, f"{url}/quiet", project=other.pk, send_payload=False)
    make_task(ada, other)
    work()
    assert Payload.objects.order_by("-id")[0].deliveries.count() == 3
    quiet = [one.raw for one in receiver.got if one.path == "/quiet"]
    assert quiet == [b'{"action":"TASKS_CREATED"}']


@one_node
def test_without_listeners_a_write_asks_nothing_more(
    ada: Caller, task: int, create: Create, receiver: Receiver, make_prediction: Make
) -> None:
    def post() -> int:
        with CaptureQueriesContext(connection) as queries:
            make_prediction(ada, task)
        return len(queries)

    post()
    assert post() == 2  # the key, and the row
    create(ada, receiver.url, is_active=False)
    assert post() == 2
    assert not Event.objects.exists()
    create(ada, receiver.url)
    # The event is stored by the statement of the row.
    assert post() == 2
    assert Event.objects.count() == 1


def test_what_is_rolled_back_is_not_told(
    ada: Caller, task: int, hook: dict[str, Any], make_prediction: Make
) -> None:
    with transaction.atomic():
        make_prediction(ada, task)
        transaction.set_rollback(True)
    assert not Event.objects.filter(action="PREDICTION_CREATED").exists()
    response = ada.client.post("/api/predictions/", {"task": 0, "result": []}, format="json")
    assert response.status_code == 400
    assert not Event.objects.filter(action="PREDICTION_CREATED").exists()


def test_a_deleted_webhook_gets_nothing(
    ada: Caller, task: int, hook: dict[str, Any], receiver: Receiver, work: Callable[[], None],
    make_prediction: Make,
) -> None:  # fmt: skip
    make_prediction(ada, task)
    ada.client.delete(f"/api/webhooks/{hook['id']}/")
    work()
    assert not receiver.got
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()
