"""GET and POST /api/dm/actions: what is done with a selection of tasks at once."""

from collections.abc import Callable
from typing import Any

import pytest

from predictions.models import Annotation, Prediction, Project, Task
from predictions.regions.truths import as_truth
from tests.conftest import Caller, MakeProject, assert_invalid, assert_refused, region

ACTIONS = "/api/dm/actions/"


@pytest.fixture
def tasks(
    ada: Caller, project: Project, make_task: Callable[..., int], make_prediction: Any
) -> list[int]:
    """Three tasks, predicted by v1; the first two by v2, too, the first by no version."""
    made = [make_task(ada, project, data={"image": f"http://x.y/{n}.jpg"}) for n in range(3)]
    for version, of in (("v1", made), ("v2", made[:2]), (None, made[:1])):
        for task in of:
            make_prediction(ada, task, model_version=version, result=[{**region(), "score": 0.7}])
    return made


def run(caller: Caller, project: Project | int, action: str, body: Any) -> Any:
    pk = project if isinstance(project, int) else project.pk
    return caller.client.post(f"{ACTIONS}?id={action}&project={pk}", body, format="json")


def test_lists_what_there_is(ada: Caller, project: Project) -> None:
    assert ada.client.get(ACTIONS, {"project": project.pk}).json() == [
        {
            "id": "retrieve_tasks_predictions",
            "title": "Retrieve Predictions",
            "order": 90,
            "permission": "predictions.any",
            "experimental": False,
            "dialog": {
                "text": "Ask the project's ML backends about the selected tasks. It goes on in the"
                " background where it takes longer; tasks that have predictions of the backend's"
                " version are passed over.",
                "type": "confirm",
            },
        },
        {
            "id": "delete_tasks",
            "title": "Delete Tasks",
            "order": 100,
            "permission": "tasks.delete",
            "experimental": False,
            "dialog": {
                "text": "You are going to delete the selected tasks with their annotations and"
                " predictions.",
                "type": "confirm",
            },
        },
        {
            "id": "delete_tasks_annotations",
            "title": "Delete Annotations",
            "order": 101,
            "permission": "annotations.delete",
            "experimental": False,
            "dialog": {
                "text": "You are going to delete all annotations from the selected tasks.",
                "type": "confirm",
            },
        },
        {
            "id": "delete_tasks_predictions",
            "title": "Delete Predictions",
            "order": 102,
            "permission": "predictions.any",
            "experimental": False,
            "dialog": {
                "text": "You are going to delete all predictions from the selected tasks.",
                "type": "confirm",
            },
        },
        {
            "id": "predictions_to_annotations",
            "title": "Create Annotations From Predictions",
            "order": 103,
            "permission": "tasks.change",
            "experimental": False,
            "dialog": {
                "text": "Create annotations from the selected tasks' predictions: each prediction"
                " that has none yet becomes one.",
                "type": "confirm",
            },
        },
        {
            "id": "predictions_to_ground_truth",
            "title": "Accept Predictions As Ground Truth",
            "order": 104,
            "permission": "tasks.change",
            "experimental": False,
            "dialog": {
                "text": "Make the newest prediction of each selected task its ground truth. What"
                " was ground truth before stays, but does not count any more.",
                "type": "confirm",
            },
        },
        {
            "id": "add_tags",
            "title": "Add Tags",
            "order": 105,
            "permission": "tasks.change",
            "experimental": False,
            "dialog": {"text": "Add the tags to the selected tasks.", "type": "confirm"},
        },
        {
            "id": "remove_tags",
            "title": "Remove Tags",
            "order": 106,
            "permission": "tasks.change",
            "experimental": False,
            "dialog": {"text": "Remove the tags from the selected tasks.", "type": "confirm"},
        },
    ]


OF_V2 = {
    "conjunction": "and",
    "items": [
        {
            "filter": "filter:tasks:predictions_model_versions",
            "operator": "contains",
            "value": "v2",
            "type": "List",
        }
    ],
}


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ({"all": False, "included": [0, 2]}, [1, 1]),
        ({"all": True, "excluded": [0]}, [0, 0, 0]),
        ({"all": True}, []),
        ({"all": False, "included": []}, [0, 0, 0, 1, 1, 2]),
    ],
)
def test_deletes_predictions(
    ada: Caller, project: Project, tasks: list[int], selection: dict[str, Any], left: list[int]
) -> None:
    named = {k: v if k == "all" else [tasks[n] for n in v] for k, v in selection.items()}
    answer = run(ada, project, "delete_tasks_predictions", {"selectedItems": named})

    n = 6 - len(left)
    assert answer.status_code == 200
    assert list(answer.json().items()) == [
        ("processed_items", n),
        ("detail", f"Deleted {n} predictions"),
    ]
    remaining = Prediction.objects.order_by("task_id").values_list("task_id", flat=True)
    assert list(remaining) == [tasks[n] for n in left]
    counted = ada.client.get(f"/api/tasks/{tasks[0]}/").json()["total_predictions"]
    assert counted == left.count(0)


def test_deletes_predictions_of_a_version(ada: Caller, project: Project, tasks: list[int]) -> None:
    body = {"selectedItems": {"all": True}, "model_version": "v1"}
    answer = run(ada, project, "delete_tasks_predictions", body)
    assert answer.json() == {"processed_items": 3, "detail": "Deleted 3 predictions"}
    left = Prediction.objects.order_by("task_id", "id").values_list("task_id", "model_version")
    assert list(left) == [(tasks[0], "v2"), (tasks[0], ""), (tasks[1], "v2")]


def test_the_empty_text_is_the_version_without_a_name(
    ada: Caller, project: Project, tasks: list[int]
) -> None:
    body = {"selectedItems": {"all": True}, "model_version": ""}
    answer = run(ada, project, "predictions_to_ground_truth", body)
    assert answer.json() == {
        "processed_items": 1,
        "detail": "Accepted 1 predictions as ground truth",
    }
    answer = run(ada, project, "predictions_to_annotations", body)
    assert answer.json() == {"detail": "Created 0 annotations"}
    answer = run(ada, project, "delete_tasks_predictions", body)
    assert answer.json() == {"processed_items": 1, "detail": "Deleted 1 predictions"}
    assert set(Prediction.objects.values_list("model_version", flat=True)) == {"v1", "v2"}


def test_accepts_predictions(ada: Caller, project: Project, tasks: list[int]) -> None:
    def accept(**more: Any) -> Any:
        body = {"selectedItems": {"all": False, "included": tasks[1:]}, **more}
        return run(ada, project, "predictions_to_ground_truth", body).json()

    done = {"processed_items": 2, "detail": "Accepted 2 predictions as ground truth"}
    assert accept() == done
    made = Annotation.objects.order_by("task_id")
    assert [(a.task_id, a.ground_truth, a.result) for a in made] == [
        (task, True, as_truth([region()])) for task in tasks[1:]
    ]
    versions = [a.parent_prediction and a.parent_prediction.model_version for a in made]
    assert versions == ["v2", "v1"]
    # What is said already is not said again.
    assert accept(model_version="v1")["processed_items"] == 0
    Annotation.objects.update(result=[])
    assert accept(model_version=["v1"])["processed_items"] == 2
    assert Annotation.objects.filter(ground_truth=True).count() == 4
    assert accept(model_version="unheard of")["processed_items"] == 0


def test_deletes_tasks(ada: Caller, project: Project, tasks: list[int]) -> None:
    one = {"selectedItems": {"all": False, "included": [tasks[1]]}}
    answer = run(ada, project, "delete_tasks", one)
    assert (answer.status_code, list(answer.json().items())) == (
        200,
        [("processed_items", 1), ("reload", False), ("detail", "Deleted 1 tasks")],
    )
    assert list(Task.objects.order_by("id").values_list("id", flat=True)) == [tasks[0], tasks[2]]
    rest = run(ada, project, "delete_tasks", {"selectedItems": {"all": True, "excluded": []}})
    assert rest.json() == {"processed_items": 2, "reload": True, "detail": "Deleted 2 tasks"}
    assert (Task.objects.count(), Prediction.objects.count()) == (0, 0)


def test_deletes_annotations(ada: Caller, project: Project, tasks: list[int]) -> None:
    run(ada, project, "predictions_to_annotations", {"selectedItems": {"all": True}})
    some = {"selectedItems": {"all": False, "included": tasks[:2]}}
    answer = run(ada, project, "delete_tasks_annotations", some)
    assert (answer.status_code, list(answer.json().items())) == (
        200,
        [("processed_items", 5), ("detail", "Deleted 5 annotations")],
    )
    assert list(Annotation.objects.values_list("task_id", flat=True)) == [tasks[2]]
    assert Prediction.objects.count() == 6


def test_filters_narrow_the_selection(ada: Caller, project: Project, tasks: list[int]) -> None:
    body = {"selectedItems": {"all": True, "excluded": [tasks[0]]}, "filters": OF_V2}
    answer = run(ada, project, "delete_tasks_predictions", body)

    assert answer.json()["processed_items"] == 2
    assert not Prediction.objects.filter(task_id=tasks[1]).exists()
    assert Prediction.objects.filter(task_id=tasks[2]).exists()


@pytest.mark.parametrize("in_body", [False, True])
def test_of_a_view_only_its_tasks(
    ada: Caller,
    project: Project,
    tasks: list[int],
    make_project: MakeProject,
    in_body: bool,
) -> None:
    views = [
        ada.client.post(
            "/api/dm/views/", {"project": pk, "data": {"filters": OF_V2}}, format="json"
        ).json()["id"]
        for pk in (project.pk, make_project(ada).pk)
    ]

    def deleted(view: Any, body: dict[str, Any]) -> Any:
        if in_body:
            return run(ada, project, "delete_tasks", {**body, "view": view})
        return run(ada, project, f"delete_tasks&view={view}", body)

    answer = deleted(views[1], {"selectedItems": {"all": True}})
    assert_refused(answer, 404, "No View matches the given query.")
    assert deleted("x", {"selectedItems": {"all": True}}).status_code == 400
    assert deleted(views[0], {}).status_code == 400
    assert Task.objects.count() == 3
    answer = deleted(views[0], {"selectedItems": {"all": True, "excluded": [tasks[0]]}})
    assert answer.json()["processed_items"] == 1
    assert deleted(views[0], {"selectedItems": {"all": True}}).json()["processed_items"] == 1
    assert [task.pk for task in Task.objects.all()] == [tasks[2]]


@pytest.mark.parametrize(
    ("version", "made"),
    [(None, [0, 0, 0, 1, 1, 2]), ("v1", [0, 1, 2]), (["v2"], [0, 1]), ("v9", []), ("", [0])],
)
def test_makes_annotations_once(
    ada: Caller, project: Project, tasks: list[int], version: Any, made: list[int] | None
) -> None:
    expected = [0, 0, 0, 1, 1, 2] if made is None else made
    body = {"selectedItems": {"all": True}, "model_version": version}
    answer = run(ada, project, "predictions_to_annotations", body)

    assert (answer.status_code, answer.json()) == (
        200,
        {"detail": f"Created {len(expected)} annotations"},
    )
    rows = list(Annotation.objects.order_by("task_id", "id"))
    assert [row.task_id for row in rows] == [tasks[n] for n in expected]
    for row in rows:
        parent = row.parent_prediction
        assert parent is not None
        assert (row.task_id, row.project_id, row.result) == (
            parent.task_id,
            project.pk,
            as_truth(parent.result),
        )
        assert "score" not in row.result[0]
        assert row.result != parent.result
        assert (row.completed_by, row.ground_truth, row.was_cancelled) == (ada.user, False, False)
    again = run(ada, project, "predictions_to_annotations", body)
    assert again.json() == {"detail": "Created 0 annotations"}


ALL = {"selectedItems": {"all": True}}


@pytest.mark.parametrize(
    ("action", "body", "errors"),
    [
        ("", ALL, {"id": ["This field is required."]}),
        (
            "remove_duplicates",
            ALL,
            {
                "id": [
                    "There is none of that name, only retrieve_tasks_predictions, delete_tasks,"
                    " delete_tasks_annotations, delete_tasks_predictions,"
                    " predictions_to_annotations, predictions_to_ground_truth, add_tags,"
                    " remove_tags."
                ]
            },
        ),
        (
            "delete_tasks_predictions",
            {},
            {"selectedItems": ["An object with all, and included or excluded."]},
        ),
        (
            "delete_tasks_predictions",
            {"selectedItems": {"included": [1]}},
            {"selectedItems": ["An object with all, and included or excluded."]},
        ),
        (
            "delete_tasks_predictions",
            {"selectedItems": {"all": False, "included": ["1"]}},
            {"non_field_errors": ["Expected a list of task ids."]},
        ),
        (
            "delete_tasks_predictions",
            [],
            {"non_field_errors": ["Expected an object, got list."]},
        ),
        (
            "delete_tasks_predictions",
            {**ALL, "filters": {"items": [{"filter": "filter:tasks:moon"}]}},
            {"non_field_errors": ["Unknown filter 'moon' with the operator ''."]},
        ),
        (
            "predictions_to_annotations",
            {**ALL, "model_version": [7]},
            {"model_version": ["A model version, or a list of them."]},
        ),
    ],
)
def test_refuses(
    ada: Caller, project: Project, tasks: list[int], action: str, body: Any, errors: Any
) -> None:
    assert_invalid(run(ada, project, action, body), errors)
    assert Prediction.objects.count() == 6
    assert not Annotation.objects.exists()


def test_refuses_without_a_project(ada: Caller) -> None:
    errors = {"project": ["This field is required."]}
    assert_invalid(ada.client.get(ACTIONS), errors)
    path = f"{ACTIONS}?id=delete_tasks_predictions"
    assert_invalid(ada.client.post(path, ALL, format="json"), errors)


def test_who_may(
    ada: Caller, rita: Caller, olga: Caller, project: Project, tasks: list[int]
) -> None:
    for pk in (project.pk, project.pk + 1_000_000):
        answer = run(olga, pk, "delete_tasks_predictions", ALL)
        assert_refused(answer, 404, "No Project matches the given query.")
        listed = olga.client.get(ACTIONS, {"project": pk})
        assert_refused(listed, 404, "No Project matches the given query.")
    assert rita.client.get(ACTIONS, {"project": project.pk}).status_code == 200
    assert run(rita, project, "delete_tasks_predictions", ALL).status_code == 403
    assert Prediction.objects.count() == 6


def test_tasks_of_other_projects_are_left_alone(
    ada: Caller, project: Project, tasks: list[int], make_project: Any
) -> None:
    other = make_project(ada, title="Other")
    answer = run(
        ada,
        other,
        "delete_tasks_predictions",
        {"selectedItems": {"all": False, "included": tasks}},
    )

    assert answer.json() == {"processed_items": 0, "detail": "Deleted 0 predictions"}
    assert Prediction.objects.count() == 6


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("delete_tasks", {"filter": {"conjunction": "and", "items": []}}),
        ("delete_tasks", {"query": {"filters": {"items": []}}}),
        ("delete_tasks", {"model_version": "v1"}),
        ("delete_tasks", {"tags": ["old"]}),
        ("delete_tasks_predictions", {"model_versions": ["v1"]}),
        ("delete_tasks_predictions", {"modelVersion": "v1"}),
        ("predictions_to_ground_truth", {"version": "v1"}),
        ("predictions_to_annotations", {"tags": ["old"]}),
    ],
)
def test_what_an_action_does_not_read_is_refused(
    ada: Caller, project: Project, tasks: list[int], action: str, more: dict[str, Any]
) -> None:
    response = run(ada, project, action, {"selectedItems": {"all": True}, **more})

    (name,) = more
    (message,) = response.json()["validation_errors"]["non_field_errors"]
    assert (response.status_code, message.partition(",")[0]) == (400, f"{action} has no {name!r}")
    assert (Task.objects.count(), Prediction.objects.count()) == (3, 6)
    assert not Annotation.objects.exists()


@pytest.mark.parametrize(
    "name", ["query", "filters", "selectedItems", "model_version", "tags", "tabID"]
)
def test_what_narrows_an_action_does_not_stand_in_the_address(
    ada: Caller, project: Project, tasks: list[int], name: str
) -> None:
    url = f"{ACTIONS}?id=delete_tasks&project={project.pk}&{name}=1"
    response = ada.client.post(url, {"selectedItems": {"all": True}}, format="json")

    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == [name]
    assert Task.objects.count() == 3


def test_versions_are_named_as_they_are_stored(
    ada: Caller, project: Project, tasks: list[int]
) -> None:
    body = {"selectedItems": {"all": True}, "model_version": " v2 "}
    answer = run(ada, project, "delete_tasks_predictions", body)

    assert answer.json() == {"processed_items": 2, "detail": "Deleted 2 predictions"}
