"""The grid of a project's tasks: what its address asks for, and what it shows."""

import base64
import json
import random
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.models import Annotation, Project, SavedView, TaskTag
from tests.clustered import MORE
from tests.conftest import Caller, MakeProject, desk_of, region

PIXEL = base64.b64encode(b"\x89PNG picture").decode()
TEXT = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices></View>"""
MOST_STATEMENTS = 8 + MORE


@pytest.fixture
def desk(ada: Caller) -> Client:
    return desk_of(ada)


@pytest.fixture
def tasks(ada: Caller, project: Project, make_prediction: Any) -> list[int]:
    """Thirty tasks; the n-th has the score n / 30, an even one the tag `even`."""
    body = [
        {
            "data": {"image": f"http://images.test/{n}.jpg", "n": n},
            "meta": {"camera": "front" if n < 3 else "rear"},
            "predictions": [{"result": [region()], "score": n / 30, "model_version": "v1"}],
            "annotations": [{"result": [region()], "ground_truth": True}] * (n == 1),
        }
        for n in range(30)
    ]
    url = f"/api/projects/{project.pk}/import?return_task_ids=1"
    ids: list[int] = ada.client.post(url, body, format="json").json()["task_ids"]
    TaskTag.objects.bulk_create(
        TaskTag(project=project, task_id=task, name="even") for task in ids[::2]
    )
    return ids


def address(project: Project) -> str:
    return f"/admin/predictions/project/{project.pk}/tasks/"


def shown(page: str) -> list[int]:
    return [int(task) for task in re.findall(r'<li class="[^"]*" data-task="(\d+)"', page)]


def asked(*items: Any, **more: Any) -> dict[str, str]:
    filters = [
        {"filter": f"filter:tasks:{name}", "operator": operator, "value": value, "type": kind}
        for name, operator, value, kind in items
    ]
    query = {"filters": {"conjunction": "and", "items": filters}} if filters else {}
    return {"query": json.dumps({**query, **more})}


def data_of(page: str) -> Any:
    return json.loads(re.findall(r'<script id="page-data"[^>]*>(.*?)</script>', page, re.DOTALL)[0])


def test_a_page_and_the_next(desk: Client, project: Project, tasks: list[int]) -> None:
    page = desk.get(address(project)).content.decode()

    assert shown(page) == tasks[:24]
    assert "1 to 24 of 30" in page
    assert 'href="?page=2"' in page
    one = data_of(page)[str(tasks[1])]
    assert one["image"] == "http://images.test/1.jpg"
    assert one["alt"] == f"Task {tasks[1]} with 1 predicted, 1 true regions"
    assert [drawn["side"] for drawn in one["regions"]] == ["prediction", "ground_truth"]
    assert desk.get(f"{address(project)}?page=2").content.decode().count("data-task=") == 6
    late = desk.get(f"{address(project)}?page=3").content.decode()
    assert "There are no more tasks." in late


def test_regions_that_are_not_drawn_are_not_said_to_be_none(
    desk: Client, ada: Caller, project: Project
) -> None:
    place = {"x": 1, "y": 1, "width": 1, "height": 1, "rectanglelabels": ["Car"]}
    box = {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": place}
    # More than is read of a result, and nothing that could be stored in less.
    large = [{**box, "meta": {"text": [random.Random(1).randbytes(150_000).hex()]}}]
    body = [
        {
            "data": {"image": "http://images.test/1.jpg"},
            "annotations": [{"result": [box] * 300, "ground_truth": True}],
            "predictions": [{"result": result, "model_version": "v1"}],
        }
        for result in ([box] * 301, large, [])
    ]
    url = f"/api/projects/{project.pk}/import?return_task_ids=1"
    ids = ada.client.post(url, body, format="json").json()["task_ids"]
    found = data_of(desk.get(address(project)).content.decode())
    assert [found[str(pk)]["alt"] for pk in ids] == [
        f"Task {ids[0]} with at least 300 predicted, 300 true regions",
        f"Task {ids[1]} with very many predicted, 300 true regions",
        f"Task {ids[2]} with 0 predicted, 300 true regions",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (asked(("data.n", "greater", 27, "Number")), [28, 29]),
        (asked(("meta.camera", "equal", "front", "String")), [0, 1, 2]),
        (asked(("ground_truth", "equal", True, "Boolean")), [1]),
        (asked(("score", "less", 0.05, "Number")), [0, 1]),
        (
            asked(("tags", "contains", "even", "List"), ordering=["-tasks:id"]),
            list(range(28, -1, -2)),
        ),
        (
            asked(
                ("meta.camera", "equal", "front", "String"), ordering=["-tasks:predictions_score"]
            ),
            [2, 1, 0],
        ),
        (asked(selectedItems={"all": False, "included": []}), []),
    ],
)
def test_the_query_is_that_of_the_api(
    desk: Client,
    ada: Caller,
    project: Project,
    tasks: list[int],
    query: dict[str, str],
    expected: list[int],
) -> None:
    page = desk.get(address(project), query).content.decode()
    assert [tasks.index(one) for one in shown(page)] == expected
    listed = ada.client.get("/api/tasks/", {"project": str(project.pk), "include": "id", **query})
    assert [tasks.index(one["id"]) for one in listed.json()["tasks"]] == expected


def test_the_form_becomes_an_address(desk: Client, project: Project, tasks: list[int]) -> None:
    sent = {
        "column": ["data.n", "tags", "tags", ""],
        "operator": ["greater_or_equal", "not_contains", "empty:true", "equal"],
        "value": ["3", "even", "", ""],
        "conjunction": "and",
        "sort": "predictions_score",
        "direction": "down",
        "version": "v1",
    }
    answer = desk.get(address(project), sent)

    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["version"] == ["v1"]
    assert json.loads(query["query"][0]) == {
        "filters": {
            "conjunction": "and",
            "items": [
                {
                    "filter": "filter:tasks:data.n",
                    "operator": "greater_or_equal",
                    "type": "Number",
                    "value": "3",
                },
                {
                    "filter": "filter:tasks:tags",
                    "operator": "not_contains",
                    "type": "String",
                    "value": "even",
                },
                {
                    "filter": "filter:tasks:tags",
                    "operator": "empty",
                    "type": "String",
                    "value": True,
                },
            ],
        },
        "ordering": ["-tasks:predictions_score"],
    }
    page = desk.get(answer["Location"]).content.decode()
    assert [tasks.index(one) for one in shown(page)] == list(range(29, 2, -2))
    # The form shows what the address asks for, and sends the same again.
    assert re.findall(r'name="value" value="([^"]*)"', page) == ["3", "even", "", ""]
    assert '<option value="empty:true" selected>' in page


def test_the_form_keeps_as_what_a_filter_compares(
    desk: Client, ada: Caller, project: Project, tasks: list[int]
) -> None:
    """As text 3 is not 3.0."""
    url = f"/api/tasks/{tasks[3]}/"
    ada.client.patch(url, {"data": {"image": "a.jpg", "n": 3.0}}, format="json")
    query = asked(("data.n", "equal", 3, "Number"), ("data.n", "in_list", [3, 70], "Number"))
    page = desk.get(address(project), query).content.decode()
    sent = {
        name: [unescape(text) for text in re.findall(rf'name="{name}" value="([^"]*)"', page)]
        for name in ("kind", "value")
    }
    assert sent["kind"] == ["data.n:Number", "data.n:Number", ":"]

    again = {
        "column": ["data.n", "data.n", ""], "operator": ["equal", "in_list", "equal"], **sent
    }  # fmt: skip
    answer = desk.get(address(project), again, follow=True)

    assert shown(page) == shown(answer.content.decode()) == [tasks[3]]
    # A row that is about another column now compares texts, as a new one does.
    other = desk.get(address(project), {**again, "column": ["data.image", "", ""]})
    (item,) = json.loads(parse_qs(urlsplit(other["Location"]).query)["query"][0])["filters"][
        "items"
    ]
    assert item["type"] == "String"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"query": "{"}, "The query is not JSON."),
        (asked(("moon", "equal", 1, "Number")), "Unknown filter &#x27;moon&#x27;"),
        (asked(("tags", "greater", 1, "Number")), "does not go with tags"),
        (asked(ordering=["tasks:moon"]), "Tasks cannot be ordered by &#x27;moon&#x27;."),
        ({"view": "7000001"}, "There is no saved view 7000001 in this project."),
        (asked(("data.n", "regex", "(", "String")), "is not a regular expression"),
    ],
)
def test_what_is_not_understood_is_said(
    desk: Client, project: Project, tasks: list[int], query: dict[str, str], problem: str
) -> None:
    answer = desk.get(address(project), query)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert problem in page
    assert shown(page) == []


@pytest.mark.parametrize("version", ["v1", "other", "a\0b"])
def test_one_version(desk: Client, project: Project, tasks: list[int], version: str) -> None:
    page = desk.get(address(project), {"version": version}).content.decode()
    assert page.count("Not predicted") == (0 if version == "v1" else 24)


def test_texts_and_pictures_in_tasks(
    ada: Caller,
    desk: Client,
    project: Project,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Any,
) -> None:
    texts = make_project(ada, TEXT)
    task = make_task(ada, texts, data={"text": "<b>Fine</b> weather"})
    mood = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {}}
    said = {**mood, "value": {"choices": ["good"]}}
    make_prediction(ada, task, model_version="m1", score=0.75, result=[said])
    Annotation.objects.create(
        project=texts,
        task_id=task,
        ground_truth=True,
        result=[{**mood, "value": {"choices": ["bad"]}}],
    )
    page = desk.get(address(texts)).content.decode()
    assert '<p class="grid-thing grid-text">&lt;b&gt;Fine&lt;/b&gt; weather</p>' in page
    assert re.search(r"m1</a> 0\.75: good</p>", page)
    assert "Ground truth: bad" in page
    assert data_of(page) == {}

    long = f"data:image/png;base64,{PIXEL}{'A' * 4000}"
    task = make_task(ada, project, data={"image": long})
    url = data_of(desk.get(address(project)).content.decode())[str(task)]["image"]
    assert url == f"{address(project)}{task}/picture?key=image"
    answer = desk.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG picture")
    for other in (f"{task}/picture?key=text", f"{task}/picture", "999999/picture?key=image"):
        assert desk.get(address(project) + other).status_code == 404


def test_a_number_that_no_float_holds_keeps_no_task_from_being_shown(
    ada: Caller, project: Project, desk: Client
) -> None:
    odd = {**region(x=10**400), "meta": {"n": 10**400}, "score": 0.5}
    body = {
        "data": {"image": "http://images.test/1.jpg", "n": 10**400},
        "predictions": [{"result": [region(), odd], "model_version": "v1"}],
        "annotations": [{"result": [odd], "ground_truth": True}],
    }
    url = f"/api/projects/{project.pk}/import?return_task_ids=1"
    ids = ada.client.post(url, body, format="json").json()["task_ids"]
    page = desk.get(address(project)).content.decode()
    assert shown(page) == ids
    assert "Infinity" not in page


def test_an_empty_project(desk: Client, project: Project) -> None:
    page = desk.get(address(project)).content.decode()
    assert "The project has no tasks yet." in page
    assert "Load files" in page


def test_a_view(desk: Client, project: Project, tasks: list[int]) -> None:
    query = asked(("meta.camera", "equal", "front", "String"), ordering=["-tasks:id"])
    url = f"{address(project)}act/"
    saved = desk.post(f"{url}?query={query['query']}", {"do": "save_view", "title": "Front"})
    view = SavedView.objects.get()
    assert saved["Location"] == f"{address(project)}?view={view.pk}"
    assert view.data == {"title": "Front", **json.loads(query["query"])}
    page = desk.get(saved["Location"]).content.decode()
    assert [tasks.index(one) for one in shown(page)] == [2, 1, 0]
    assert f'<a href="?view={view.pk}" aria-current="page">Front</a>' in page
    gone = desk.post(f"{url}?view={view.pk}", {"do": "delete_view"})
    assert gone["Location"] == address(project)
    assert not SavedView.objects.exists()


def test_who_sees_it(
    rita: Caller, olga: Caller, desk: Client, project: Project, tasks: list[int]
) -> None:
    reader = desk_of(rita)
    page = reader.get(address(project)).content.decode()
    assert shown(page) == tasks[:24]
    assert re.findall(r'name="do" value="(\w+)"', page) == ["export"]
    assert reader.post(f"{address(project)}act/", {"do": "add_tag", "all": 1}).status_code == 403
    assert reader.post(f"{address(project)}act/", {"do": "save_view"}).status_code == 403
    stranger = desk_of(olga)
    assert stranger.get(address(project)).status_code == 404
    assert stranger.post(f"{address(project)}act/", {"do": "export"}).status_code == 404
    assert Client().get(address(project)).status_code == 302


def test_it_asks_few_statements(desk: Client, project: Project, tasks: list[int]) -> None:
    """However many tasks it shows, and whatever it filters and orders by."""
    query = asked(
        ("tags", "contains", "even", "List"),
        ("agreement", "empty", True, "Number"),
        ordering=["-tasks:agreement"],
    )
    with CaptureQueriesContext(connection) as seen:
        assert desk.get(address(project), query).status_code == 200
    # Two are Django's own permissions, which every page of the desk asks for its sidebar.
    asked_for = [query["sql"] for query in seen if "auth_permission" not in query["sql"]]
    assert len(asked_for) <= MOST_STATEMENTS, asked_for
