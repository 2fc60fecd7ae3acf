"""POST /api/projects/{id}/import: tasks with what stands inside them, all or none."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import (
    RECORDED,
    TEXT_CONFIG,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    region,
    who_may_write,
)


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/projects/{project.pk}/import"


def counts() -> tuple[int, int, int]:
    return Task.objects.count(), Annotation.objects.count(), Prediction.objects.count()


def test_imports_tasks(ada: Caller, project: Project, url: str) -> None:
    body = [
        {"image": "http://x.y/0.jpg", "n": 10**30},
        {
            "data": {"image": "http://x.y/1.jpg\t\\"},
            "meta": {"source": "a"},
            "predictions": [
                {"result": [region()], "score": 0.5, "model_version": "v1"},
                {"result": []},
                {"result": [], "score": None, "model_version": None},
            ],
            "annotations": [
                {"result": [region("Person")], "ground_truth": True, "lead_time": 2.5},
                {"result": [], "was_cancelled": True},
            ],
        },
        {"data": {"image": "http://x.y/2.jpg"}, "predictions": [], "annotations": None},
    ]

    response = ada.client.post(f"{url}?return_task_ids=1", body, format="json")

    assert response.status_code == 201
    answer = response.json()
    ids = list(Task.objects.order_by("id").values_list("id", flat=True))
    assert list(answer.items()) == [
        ("task_count", 3),
        ("annotation_count", 2),
        ("prediction_count", 3),
        ("duration", answer["duration"]),
        ("file_upload_ids", []),
        ("could_be_tasks_list", False),
        ("found_formats", []),
        ("data_columns", []),
        ("task_ids", ids),
    ]
    assert isinstance(answer["duration"], float)
    tasks = [ada.client.get(f"/api/tasks/{pk}/").json() for pk in ids]
    assert [t["data"] for t in tasks] == [
        {"image": "http://x.y/0.jpg", "n": 10**30},
        {"image": "http://x.y/1.jpg\t\\"},
        {"image": "http://x.y/2.jpg"},
    ]
    assert [t["meta"] for t in tasks] == [{}, {"source": "a"}, {}]
    assert [t["inner_id"] for t in tasks] == [1, 2, 3]
    assert [(p["model_version"], p["score"]) for p in tasks[1]["predictions"]] == [
        ("v1", 0.5),
        ("undefined", None),
        (None, None),
    ]
    first, second = tasks[1]["annotations"]
    assert (first["result"], first["ground_truth"], first["lead_time"]) == (
        [region("Person")],
        True,
        2.5,
    )
    assert (first["completed_by"], first["was_cancelled"]) == (ada.user.pk, False)
    assert second["was_cancelled"] is True
    project.refresh_from_db()
    assert project.model_version == "undefined"


def test_ids_only_when_asked(ada: Caller, url: str) -> None:
    answer = ada.client.post(url, [{"image": "a"}], format="json").json()

    assert "task_ids" not in answer
    assert (answer["task_count"], answer["prediction_count"]) == (1, 0)


def test_upsert_is_refused_as_tasks_are_made_anew(ada: Caller, url: str) -> None:
    refused = ada.client.post(f"{url}?upsert=true", [{"image": "a"}], format="json")
    assert (refused.status_code, refused.json()["validation_errors"]) == (
        400,
        {"upsert": ["An import of tasks makes new tasks. Imports of predictions take upsert."]},
    )
    assert counts() == (0, 0, 0)
    made = ada.client.post(f"{url}?upsert=false", [{"image": "a"}], format="json")
    assert made.json()["task_count"] == 1


def test_one_object_is_one_task(ada: Caller, url: str) -> None:
    assert ada.client.post(url, {"image": "a"}, format="json").json()["task_count"] == 1


def test_numbers_go_on_within_the_project(ada: Caller, url: str, task: int) -> None:
    for _ in range(2):
        ada.client.post(url, [{"image": "a"}] * 2, format="json")

    assert list(Task.objects.order_by("id").values_list("inner_id", flat=True)) == [1, 2, 3, 4, 5]


def test_a_project_that_has_a_version_keeps_it(ada: Caller, project: Project, url: str) -> None:
    body = [{"data": {"image": "a"}, "predictions": [{"result": [], "model_version": "v1"}]}]
    ada.client.post(url, body, format="json")
    body[0]["predictions"][0]["model_version"] = "v2"  # type: ignore[index]
    ada.client.post(url, body, format="json")

    project.refresh_from_db()
    assert project.model_version == "v1"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (7, "Task must be an object, got int"),
        ("text", "Task must be an object, got str"),
        (None, "Task must be an object, got NoneType"),
        ({"data": {"image": "a.jpg"}, "meta": [1]}, "Task[meta] must be an object"),
        ({"data": {"image": "a.jpg"}, "predictions": {"a": 1}}, "Task[predictions] must be list"),
        (
            {"data": {"image": "a.jpg"}, "predictions": [1]},
            "Task[predictions] must hold objects only",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"score": 1}]},
            "Prediction must have \"result\" fields :: {'score': 1}",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"result": None}]},
            "'result' may not be null",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"result": ["a"]}]},
            "Each item in prediction result should be dict",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"result": [], "score": "high"}]},
            "Score must be a valid number, got high",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"result": [], "model_version": True}]},
            "model_version must be text, got bool",
        ),
        ({"data": {"image": "a.jpg"}, "annotations": "text"}, "Task[annotations] must be list"),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{}]},
            'Annotation must have "result" fields :: {}',
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": "a"}]},
            "Annotation[result] must be list",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "lead_time": "soon"}]},
            "Annotation[lead_time] must be a number",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "lead_time": "0_5"}]},
            "Annotation[lead_time] must be a number",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "lead_time": 10**400}]},
            "Annotation[lead_time] must be a number",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "was_cancelled": 2}]},
            "Annotation[was_cancelled] must be true or false",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "ground_truth": [True]}]},
            "Annotation[ground_truth] must be true or false",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [{"a": "\0"}]}]},
            "Null characters are not allowed.",
        ),
        (
            {"image": "a.jpg", "annotations": [{"result": []}]},
            'If you use "annotations" field in the task, you must put "data" field in the task too',
        ),
        (
            {"image": "a.jpg", "predictions": [{"result": []}], "annotations": []},
            'If you use "predictions" field in the task, you must put "data" field in the task too',
        ),
        (
            {"data": {"image": "a.jpg"}, "completions": [{"result": []}]},
            'Task[completions] is not read: its name is "annotations" since Label Studio 1.0',
        ),
        (
            {"data": {"image": "a.jpg"}, "Predictions": [{"result": []}]},
            "Task[Predictions]: did you mean predictions?",
        ),
        (
            {"data": {"image": "a.jpg"}, "predictions": [{"result": [], "Score": 1}]},
            "Prediction[Score]: did you mean score?",
        ),
        (
            {"data": {"image": "a.jpg"}, "annotations": [{"result": [], "groundTruth": True}]},
            "Annotation[groundTruth]: did you mean ground_truth?",
        ),
        ({"image": "\0"}, "Null characters are not allowed."),
        ({"image": 1, "\0": 1}, "Null characters are not allowed."),
        ({"data": {"image": "a.jpg"}, "meta": {"a": ["\0"]}}, "Null characters are not allowed."),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_refuses_all_for_one(ada: Caller, url: str, item: Any, reason: str) -> None:
    response = ada.client.post(url, [{"image": "a"}, item], format="json")

    assert_invalid(response, {"non_field_errors": [f"Error at item 1: {reason}"]})
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize(("yes", "no"), [(True, False), (1, 0), ("true", "false"), (1.0, None)])
def test_reads_flags_as_a_posted_annotation_has_them(
    ada: Caller, url: str, yes: Any, no: Any
) -> None:
    """As tables of other databases write them."""
    flags = [{"ground_truth": yes, "was_cancelled": no}, {"ground_truth": no, "was_cancelled": yes}]
    item = {"data": {"image": "a"}, "annotations": [{"result": [], **one} for one in flags]}
    assert ada.client.post(url, [item], format="json").status_code == 201
    found = Annotation.objects.order_by("id").values_list("ground_truth", "was_cancelled")
    assert list(found) == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], "load_tasks: No tasks added"),
        ("text", "Expected a list of tasks, got str."),
        (None, "Expected a list of tasks, got NoneType."),
    ],
)
def test_refuses_what_is_no_list(ada: Caller, url: str, body: Any, error: str) -> None:
    response = ada.client.generic("POST", url, json.dumps(body), content_type="application/json")

    assert_invalid(response, {"non_field_errors": [error]})


def test_a_validating_project(ada: Caller, project: Project, url: str) -> None:
    Project.objects.update(validate_predictions=True)
    prediction = {"result": [{**region(), "from_name": "nope"}]}

    response = ada.client.post(
        url, [{"data": {"image": "a"}, "predictions": [prediction]}], format="json"
    )

    reason = "Region 0: 'from_name' 'nope' not found in configuration"
    assert_invalid(response, {"non_field_errors": [f"Error at item 0: {reason}"]})
    assert counts() == (0, 0, 0)


def test_takes_no_slash(ada: Caller, url: str) -> None:
    assert_refused(ada.client.post(url + "/", [{}], format="json"), 404, "Not found.")


def test_an_unknown_project(ada: Caller) -> None:
    response = ada.client.post("/api/projects/999999/import", [{"a": 1}], format="json")

    assert_refused(response, 404, "No Project matches the given query.")


@who_may_write(201)
def test_permissions(
    someone: Callable[[str], APIClient], ada: Caller, url: str, who: str, status: int
) -> None:
    response = someone(who).post(url, [{"image": "a"}], format="json")

    assert response.status_code == status
    assert Task.objects.count() == (status == 201)


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, url: str, n: int, django_assert_num_queries: Any
) -> None:
    ada.client.get("/api/predictions/1/")
    task = {
        "data": {"image": "a"},
        "predictions": [{"result": [], "model_version": "v"}] * 2,
        "annotations": [{"result": []}] * 2,
    }

    # Key, project; begin, numbers, ids and rows of tasks, and of annotations, ids of predictions
    # (whose rows go by the driver's own COPY), the project's version, end.
    with django_assert_num_queries(11 + RECORDED):
        ada.client.post(url, [task] * n, format="json")
    assert counts() == (n, 2 * n, 2 * n)


DATA_CONFIG = """<View>
<Image name="image" value="$image"/><Text name="deep" value="$a.b"/><Header value="$title"/>
<Repeater on="$items" indexFlag="{{idx}}"><Text name="t_{{idx}}" value="$items[{{idx}}].text"/>
</Repeater><Text name="fixed" value="Costs $5 or $more"/>
<Choices name="c" toName="image" value="$options"/>
<Image name="pages" valueList="$pages"/></View>"""
WHOLE = {"image": 1, "a": {"b": None}, "items": [], "options": [], "pages": []}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in WHOLE.items() if name != key}


LACKING = [
    (without("image"), "image"),
    (without("a"), "a.b"),
    ({**WHOLE, "a": {}}, "a.b"),
    ({**WHOLE, "a": "b"}, "a.b"),
    (without("items"), "items"),
    (without("options"), "options"),
    (without("pages"), "pages"),
]


@pytest.mark.parametrize(("data", "key"), LACKING, ids=[key for _, key in LACKING])
def test_data_without_what_the_config_shows(
    ada: Caller, make_project: MakeProject, data: dict[str, Any], key: str
) -> None:
    project = make_project(ada, DATA_CONFIG)
    message = f'"{key}" key is expected in task data'
    url = f"/api/projects/{project.pk}/import"
    body = [{"data": WHOLE}, data, {"data": data}]
    assert_invalid(
        ada.client.post(url, body, format="json"),
        {"non_field_errors": [f"Error at item {index}: {message}" for index in (1, 2)]},
    )
    one = {"project": project.pk, "data": data}
    assert_invalid(
        ada.client.post("/api/tasks/", one, format="json"), {"non_field_errors": [message]}
    )
    assert not Task.objects.exists()


@pytest.mark.parametrize("data", [WHOLE, {**without("a"), "a.b": 1}, {**WHOLE, "more": 1}])
def test_data_with_what_the_config_shows(
    ada: Caller, make_project: MakeProject, data: dict[str, Any]
) -> None:
    project = make_project(ada, DATA_CONFIG)
    ada.client.post(f"/api/projects/{project.pk}/import", [data], format="json")
    ada.client.post("/api/tasks/", {"project": project.pk, "data": data}, format="json")
    assert list(Task.objects.values_list("data", flat=True)) == [data, data]


def test_unnamed_data_stands_under_the_first_key(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, TEXT_CONFIG)
    data = {"$undefined$": "Great", "n": 1}
    ada.client.post(f"/api/projects/{project.pk}/import", [data], format="json")
    ada.client.post("/api/tasks/", {"project": project.pk, "data": data}, format="json")
    assert list(Task.objects.values_list("data", flat=True)) == [{"text": "Great", "n": 1}] * 2


def test_a_config_that_shows_nothing_expects_nothing(
    ada: Caller, make_project: MakeProject
) -> None:
    project = make_project(ada, "<View></View>")
    body = [{"data": {}}, {"$undefined$": 1}]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    assert list(Task.objects.order_by("id").values_list("data", flat=True)) == [
        {},
        {"$undefined$": 1},
    ]


SHOWN = {"image": "http://x.y/0.jpg"}


def test_tags_come_in_as_an_export_has_them(ada: Caller, project: Project, url: str) -> None:
    body = [
        {"data": SHOWN, "tags": ["night", "blurred, dark", "night"]},
        {"data": SHOWN, "tags": []},
        {"data": SHOWN, "tags": None},
        {**SHOWN, "tags": ["of the data"]},
    ]
    made = ada.client.post(f"{url}?return_task_ids=1", body, format="json").json()["task_ids"]
    tasks = [ada.client.get(f"/api/tasks/{pk}/").json() for pk in made]
    assert [task["tags"] for task in tasks] == [["blurred, dark", "night"], [], [], []]
    assert tasks[3]["data"] == {**SHOWN, "tags": ["of the data"]}

    asked = "exportType=JSON&download_all_tasks=true"
    exported = ada.client.get(f"/api/projects/{project.pk}/export?{asked}")
    out = json.loads(b"".join(exported))
    assert [task.get("tags") for task in out] == [["blurred, dark", "night"], None, None, None]
    again = ada.client.post(f"{url}?return_task_ids=1", out, format="json").json()["task_ids"]
    assert [ada.client.get(f"/api/tasks/{pk}/").json()["tags"] for pk in again] == [
        task["tags"] for task in tasks
    ]
    assert ada.client.get(f"/api/projects/{project.pk}/tags/").json() == [
        {"name": "blurred, dark", "tasks": 2},
        {"name": "night", "tasks": 2},
    ]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("night", 'Expected a list of items but got type "str".'),
        ([""], "This field may not be blank."),
        ([True], "Not a valid string."),
        (["x" * 101], "Ensure this field has no more than 100 characters."),
        (["a\0"], "Null characters are not allowed."),
        ([str(n) for n in range(101)], "Ensure this field has no more than 100 elements."),
    ],
)
def test_unusable_tags_store_nothing(ada: Caller, url: str, tags: Any, message: str) -> None:
    body = [{"data": SHOWN, "tags": ["night"]}, {"data": SHOWN, "tags": tags}]
    answer = ada.client.post(url, body, format="json")
    assert_invalid(answer, {"non_field_errors": [f"Error at item 1: Task[tags]: {message}"]})
    assert not Task.objects.exists()
