"""GET /api/predictions/: a bare array, whole unless asked otherwise."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, connection
from rest_framework.test import APIClient

from predictions.db import prediction_lists
from predictions.imports import predictions
from predictions.models import Prediction, Project
from tests.conftest import (
    A_MOMENT,
    JUST_NOW,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    region,
    who_may_read,
)

URL = "/api/predictions/"
INVALID_CHOICE = ["Select a valid choice. That choice is not one of the available choices."]
NUL = ["Null characters are not allowed."]
Make = Callable[..., dict[str, Any]]


def fill(project: Project, task: int, n: int, **values: Any) -> list[int]:
    """The ids of n new predictions, ascending."""
    items = [{"task": task, "result": [region(x=i)], "score": i / n, **values} for i in range(n)]
    ids: list[int] = predictions.store(project, items)["prediction_ids"]
    return ids


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def ids_of(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [document["id"] for document in json.loads(body_of(response))]


def test_lists_predictions(ada: Caller, project: Project, task: int, make_prediction: Make) -> None:
    first = make_prediction(ada, task, score=0.25, model_version="v1")
    second = make_prediction(ada, task)
    ada.client.patch(f"{URL}{first['id']}/", {"cluster": 1}, format="json")

    response = ada.client.get(URL)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.json() == [
        {
            "id": first["id"],
            "result": [region()],
            "model_version": "v1",
            "created_ago": JUST_NOW,
            "score": 0.25,
            "cluster": 1,
            "neighbors": None,
            "mislabeling": 0.0,
            "created_at": A_MOMENT,
            "updated_at": A_MOMENT,
            "model": None,
            "model_run": None,
            "task": task,
            "project": project.pk,
        },
        second,
    ]
    assert "Link" not in response
    assert "X-Total-Count" not in response


def test_nothing_is_an_empty_array(ada: Caller) -> None:
    assert ada.client.get(URL).content == b"[]"


@pytest.fixture
def two_projects(
    ada: Caller,
    project: Project,
    task: int,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Make,
) -> dict[str, int]:
    """Two tasks of one project and one of another, a prediction each, by name."""
    other = make_project(ada)
    tasks = {"a": task, "b": make_task(ada, project), "c": make_task(ada, other)}
    found = {name: make_prediction(ada, pk)["id"] for name, pk in tasks.items()}
    empty = make_task(ada, other)
    ids = {f"task {name}": pk for name, pk in tasks.items()}
    return {
        **found,
        **ids,
        "empty task": empty,
        "project": project.pk,
        "other": other.pk,
        "empty project": make_project(ada).pk,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abc"),
        ("task={task a}", "a"),
        ("task={empty task}", ""),
        ("project={project}", "ab"),
        ("project={other}", "c"),
        ("project={empty project}", ""),
        ("task__project={project}", "ab"),
        ("project={project}&task={task b}", "b"),
        ("project={other}&task={task b}", ""),
        ("project={project}&task__project={other}", ""),
        ("task={task a}&task={task b}", "b"),
        ("task=", "abc"),
        ("project=", "abc"),
        ("task={task a}&project=", "a"),
        ("foo=bar&offset=1&page=99&page_size=1&fields=id", "abc"),
        ("ordering=-id", "cba"),
        ("format=json", "abc"),
    ],
)
def test_filters(ada: Caller, two_projects: dict[str, int], query: str, expected: str) -> None:
    response = ada.client.get(f"{URL}?{query.format_map(two_projects)}")

    assert ids_of(response) == [two_projects[name] for name in expected]


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        (
            "modelVersion=v1",
            "modelVersion",
            "There is no such parameter: did you mean model_version?",
        ),
        ("score__gte=0.5", "score__gte", "There is no such parameter: did you mean score_gte?"),
        ("Project=1", "Project", "There is no such parameter: did you mean project?"),
        ("project_id=1", "project_id", "There is no such parameter: did you mean project?"),
        ("task_id=1", "task_id", "There is no such parameter: did you mean task?"),
        ("version=v1", "version", "There is no such parameter: did you mean model_version?"),
    ],
)
def test_what_a_list_would_pass_over_is_refused(
    ada: Caller, query: str, name: str, message: str
) -> None:
    assert_invalid(ada.client.get(f"{URL}?{query}"), {name: [message]})


@pytest.mark.parametrize("name", ["task", "project", "task__project"])
@pytest.mark.parametrize(
    "value", ["999999", "abc", "-1", "1.5", "0", "99999999999999999999", "9" * 5000, "%D9%A1", "1a"]
)
def test_refuses_an_id_that_names_nothing(ada: Caller, name: str, value: str) -> None:
    assert_invalid(ada.client.get(f"{URL}?{name}={value}"), {name: INVALID_CHOICE})


@pytest.mark.parametrize("name", ["task", "project", "task__project"])
def test_another_workspaces_id_names_nothing(
    ada: Caller, olga: Caller, two_projects: dict[str, int], name: str
) -> None:
    pk = two_projects["task a" if name == "task" else "project"]

    assert_invalid(olga.client.get(f"{URL}?{name}={pk}"), {name: INVALID_CHOICE})


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("task=%00", {"task": NUL}),
        ("project=1%00", {"project": NUL}),
        ("model_version=%00", {"model_version": NUL}),
        ("score_gte=%00", {"score_gte": NUL}),
        ("score_gte=high", {"score_gte": ["Enter a number."]}),
        ("score_lte=nan", {"score_lte": ["Enter a number."]}),
        ("score_lte=inf", {"score_lte": ["Enter a number."]}),
        ("created_after=yesterday", {"created_after": ["Enter a valid date/time."]}),
        (
            "created_after=0001-01-01T00:00:00%2B10:00",
            {"created_after": ["Enter a valid date/time."]},
        ),
        ("created_before=2026-13-01T00:00:00Z", {"created_before": ["Enter a valid date/time."]}),
        ("ordering=task", {"ordering": INVALID_CHOICE}),
        ("ordering=id,score", {"ordering": INVALID_CHOICE}),
        ("limit=0", {"limit": ["Enter a whole number from 1 to 10000."]}),
        ("limit=10001", {"limit": ["Enter a whole number from 1 to 10000."]}),
        ("limit=-1", {"limit": ["Enter a whole number from 1 to 10000."]}),
        ("limit=all", {"limit": ["Enter a whole number from 1 to 10000."]}),
        ("after=x", {"after": INVALID_CHOICE}),
        ("after=1&ordering=score", {"after": ["Goes with the orderings id and -id only."]}),
        ("count=maybe", {"count": ["Must be a valid boolean."]}),
    ],
)
def test_refuses(ada: Caller, query: str, errors: Any) -> None:
    assert_invalid(ada.client.get(f"{URL}?{query}"), errors)


@pytest.mark.django_db
def test_a_streamed_list_fails_with_djangos_errors() -> None:
    # The driver's own would be answered by a 500 where these have an answer.
    with pytest.raises(DataError):
        next(prediction_lists.stream_statement("SELECT 1 / 0", [], slot=None))


def test_format_xml_is_not_found(ada: Caller) -> None:
    assert_refused(ada.client.get(f"{URL}?format=xml"), 404, "Not found.")
    assert_refused(ada.client.get(f"{URL}?format=api"), 404, "Not found.")


def test_by_version_and_score(ada: Caller, project: Project, task: int) -> None:
    long = "x" * 250
    ids = {
        name: fill(project, task, 4, model_version=version)
        for name, version in {"v1": "v1", "": "", "long": long, "longer": long + "y"}.items()
    }

    def listed(**query: Any) -> list[int]:
        return ids_of(ada.client.get(URL, query))

    assert listed(model_version="v1") == ids["v1"]
    assert listed(model_version="") == ids[""]
    assert listed(model_version=long) == ids["long"]
    assert listed(model_version="v") == []
    null = fill(project, task, 4, model_version=None)
    assert listed(model_version__isnull="true") == null
    named = [id_ for of_version in ids.values() for id_ in of_version]
    assert listed(model_version__isnull="false") == named
    assert listed(project=project.pk, model_version__isnull="false") == named
    assert listed(task=task, model_version__isnull="false", ordering="-id") == named[::-1]
    assert listed(model_version="v1", model_version__isnull="false") == ids["v1"]
    assert listed(model_version="v1", model_version__isnull="true") == []
    assert listed(model_version="v1", score_gte="0.5") == ids["v1"][2:]
    assert listed(model_version="v1", score_lte="0.25") == ids["v1"][:2]
    assert listed(model_version="v1", score_gte="0.25", score_lte="0.5") == ids["v1"][1:3]
    assert listed(model_version="v1", ordering="-score") == ids["v1"][::-1]


def test_a_null_score_is_outside_every_bound_and_comes_last(
    ada: Caller, task: int, make_prediction: Make
) -> None:
    none = make_prediction(ada, task)["id"]
    low, high = (make_prediction(ada, task, score=s)["id"] for s in (-5, 5))

    def listed(query: str) -> list[int]:
        return ids_of(ada.client.get(f"{URL}?{query}"))

    assert listed("score_gte=-100") == [low, high]
    assert listed("score_lte=100") == [low, high]
    assert listed("ordering=score") == [low, high, none]
    assert listed("ordering=-score") == [high, low, none]


def test_by_time(ada: Caller, project: Project, task: int) -> None:
    ids = fill(project, task, 3)
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for hour, pk in enumerate(ids):
        when = noon + timedelta(hours=hour)
        Prediction.objects.filter(pk=pk).update(created_at=when, updated_at=noon - (when - noon))

    def listed(query: str) -> list[int]:
        return ids_of(ada.client.get(f"{URL}?{query}"))

    assert listed("created_after=2026-05-01T12:00:00Z") == ids[1:]
    assert listed("created_before=2026-05-01T13:00:00") == ids[:1]
    assert listed("created_before=2026-05-01T15:00:00%2B02:00") == ids[:1]
    assert listed("created_before=2026-05-01T15:00:00+02:00") == ids[:1]
    # An offset that Postgres itself would not take.
    assert listed("created_after=2026-04-30T19:24:00-16:36") == ids[1:]
    assert listed("created_after=2026-05-01&created_before=2026-05-02") == ids
    assert listed("ordering=-created_at") == ids[::-1]
    assert listed("ordering=updated_at") == ids[::-1]


@pytest.mark.parametrize("ordering", ["id", "-id"])
def test_pages_by_key(ada: Caller, project: Project, task: int, ordering: str) -> None:
    ids = fill(project, task, 7)
    expected = ids if ordering == "id" else ids[::-1]
    url = f"{URL}?project={project.pk}&limit=3&count=true&ordering={ordering}"
    pages = []
    while url:
        response = ada.client.get(url)
        pages.append(ids_of(response))
        # Of the whole list, on every page of it.
        assert response["X-Total-Count"] == "7"
        link = response.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        url = link[1 : link.index(">")] if link else ""
        assert url == "" or url.startswith("http://testserver/api/predictions/?")

    assert pages == [expected[:3], expected[3:6], expected[6:]]


def test_a_full_last_page_links_nowhere(ada: Caller, project: Project, task: int) -> None:
    ids = fill(project, task, 4)

    response = ada.client.get(f"{URL}?limit=4")

    assert ids_of(response) == ids
    assert "Link" not in response
    assert ids_of(ada.client.get(f"{URL}?after={ids[1]}")) == ids[2:]
    assert ids_of(ada.client.get(f"{URL}?after={ids[-1]}&limit=2")) == []


def test_a_limited_list_in_another_order_has_no_link(
    ada: Caller, project: Project, task: int
) -> None:
    ids = fill(project, task, 4)

    response = ada.client.get(f"{URL}?limit=2&ordering=-score")

    assert ids_of(response) == [ids[3], ids[2]]
    assert "Link" not in response


@pytest.mark.parametrize("n", [0, 1, 4, 5, 6, 10, 12])
def test_a_long_list_is_streamed(
    ada: Caller, project: Project, task: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_lists, "FIRST_CHUNK", 5)
    monkeypatch.setattr(prediction_lists, "CHUNK", 5)
    ids = fill(project, task, n) if n else []

    response = ada.client.get(f"{URL}?project={project.pk}&count=1")

    assert response.streaming == (n >= 5)
    assert response["X-Total-Count"] == str(n)
    body = body_of(response)
    documents = json.loads(body)
    assert [document["id"] for document in documents] == ids
    assert [d["result"][0]["value"]["x"] for d in documents] == list(range(n))
    if n:
        # The same bytes as in one piece, but for the ages.
        whole = ada.client.get(f"{URL}?task={task}")
        assert not whole.streaming
        assert body == whole.content


@pytest.mark.django_db(transaction=True)
def test_a_stream_that_nobody_reads_frees_the_connection(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prediction_lists, "FIRST_CHUNK", 2)
    monkeypatch.setattr(prediction_lists, "CHUNK", 2)
    project = make_project(ada)
    fill(project, make_task(ada, project), 7)
    client = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}")  # the checking one reads it all

    for read in (0, 1):
        response = client.get(URL)
        for _ in range(read):
            next(iter(response))
        assert connection.in_atomic_block
        response.close()
        assert not connection.in_atomic_block
    head = client.head(URL)
    head.close()

    assert head.status_code == 200
    assert not connection.in_atomic_block
    assert len(ids_of(ada.client.get(URL))) == 7


@pytest.mark.parametrize("url", ["/api/predictions", "/api/predictions/", "/api/predictions.json"])
def test_every_slash_form(ada: Caller, task: int, make_prediction: Make, url: str) -> None:
    made = make_prediction(ada, task)

    assert ada.client.get(url).json() == [made]
    head = ada.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == ada.client.get(url)["Content-Length"]


def test_a_doubled_slash_is_not_found(ada: Caller) -> None:
    assert_refused(ada.client.get("/api//predictions/"), 404, "Not found.")


@who_may_read(foreign=200)
def test_permissions(
    someone: Callable[[str], APIClient],
    ada: Caller,
    task: int,
    make_prediction: Make,
    who: str,
    status: int,
) -> None:
    made = make_prediction(ada, task)

    response = someone(who).get(URL)

    assert response.status_code == status
    if status == 200:
        assert response.json() == ([] if who == "foreign" else [made])


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize(
    ("query", "statements"),
    [("task={0}", 2), ("limit=100", 2), ("limit=100&count=true", 3)],
)
def test_the_number_of_statements(
    ada: Caller,
    project: Project,
    task: int,
    n: int,
    query: str,
    statements: int,
    django_assert_num_queries: Any,
) -> None:
    fill(project, task, n)
    ada.client.get(f"{URL}999999/")

    with django_assert_num_queries(statements):
        response = ada.client.get(f"{URL}?{query.format(task)}")
    assert len(response.json()) == n
