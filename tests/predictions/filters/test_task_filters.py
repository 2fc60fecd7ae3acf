"""GET /api/tasks/?query=: the Data Manager's filters, selections and orders."""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from predictions.models import Project, Task
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import of_slot
from tests.clustered import one_node
from tests.conftest import Caller, assert_invalid, region

CITIES = ["Oslo", "Bergen", "oslo fjord", None, "Ås"]


@pytest.fixture
def tasks(ada: Caller, project: Project) -> list[int]:
    """Five tasks; the n-th has n predictions of scores 0.n, and is annotated where n is even."""
    body: list[dict[str, Any]] = [
        {
            "data": {"image": "a.jpg", "n": n, "city": city, "deep": {"er": f"x{n}"}},
            "predictions": [
                {"result": [region()], "score": n / 10, "model_version": f"v{k}"} for k in range(n)
            ],
            "annotations": [{"result": [], "ground_truth": n == 4}] * (n % 2 == 0),
        }
        for n, city in enumerate(CITIES)
    ]
    body[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    answer = ada.client.post(
        f"/api/projects/{project.pk}/import?return_task_ids=1", body, format="json"
    )
    ids: list[int] = answer.json()["task_ids"]
    for n, pk in enumerate(ids):
        at = f"2026-11-0{n + 1}T12:00:00Z"
        Task.objects.filter(pk=pk).update(created_at=at, updated_at=at)
    return ids


def ask(caller: Caller, project: Project, query: Any, **more: Any) -> Any:
    text = query if isinstance(query, str) else json.dumps(query)
    return caller.client.get("/api/tasks/", {"project": project.pk, "query": text, **more})


def places(response: Any, tasks: list[int]) -> list[int]:
    """Which of the tasks an answer lists."""
    assert response.status_code == 200, response.content
    return [tasks.index(task["id"]) for task in response.json()["tasks"]]


def item(name: str, operator: str, value: Any, kind: str = "String") -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "value": value, "type": kind}


def group(*items: Any, conjunction: str = "and") -> dict[str, Any]:
    return {"filters": {"conjunction": conjunction, "items": list(items)}}


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("total_predictions", "equal", 2, [2]),
        ("total_predictions", "not_equal", 2, [0, 1, 3, 4]),
        ("total_predictions", "greater", "2", [3, 4]),
        ("total_predictions", "less_or_equal", 1, [0, 1]),
        ("total_predictions", "in", {"min": 1, "max": 3}, [1, 2, 3]),
        ("total_predictions", "not_in", {"min": 1, "max": 3}, [0, 4]),
        ("total_predictions", "in_list", [0, 4], [0, 4]),
        ("total_annotations", "equal", 1, [0, 2, 4]),
        ("cancelled_annotations", "greater", 0, [1]),
        ("inner_id", "less", 3, [0, 1]),
        ("predictions_score", "greater_or_equal", 0.3, [3, 4]),
        ("predictions_score", "empty", True, [0]),
        ("score", "less", 0.2, [1]),
        ("score", "greater", -1e300, [1, 2, 3, 4]),
        ("score", "empty", True, [0]),
        ("score", "empty", False, [1, 2, 3, 4]),
        ("id", "less", 1e300, [0, 1, 2, 3, 4]),
        ("completed_at", "empty", False, [0, 2, 4]),
        ("completed_at", "empty", "True", [1, 3]),
        ("created_at", "greater", "2026-11-03T12:00:00.000000Z", [3, 4]),
        ("created_at", "in", {"min": "2026-11-02", "max": "2026-11-03T12:00:00Z"}, [1, 2]),
        (
            "updated_at",
            "not_in",
            {"min": "2026-11-02T00:00:00Z", "max": "2026-11-04T13:00:00+01:00"},
            [0, 4],
        ),
        ("predictions_model_versions", "contains", "v3", [4]),
        ("predictions_model_versions", "equal", "v1", [2, 3, 4]),
        ("predictions_model_versions", "not_contains", "v1", [0, 1]),
        ("predictions_model_versions", "empty", True, [0]),
        ("predictions_model_versions", "contains", ["v1"], [2, 3, 4]),
        ("predictions_model_versions", "contains", ["v0", "v3"], [1, 2, 3, 4]),
        ("predictions_model_versions", "not_contains", ["v1", "v3"], [0, 1]),
        ("predictions_model_versions", "not_in_list", ["v1"], [0, 1]),
        ("predictions_model_versions", "regex", "^v[23]$", [3, 4]),
        ("total_predictions", "empty", True, [0]),
        ("total_predictions", "empty", False, [1, 2, 3, 4]),
        ("total_annotations", "empty", True, [1, 3]),
        ("cancelled_annotations", "empty", "False", [1]),
        ("predictions_results", "contains", "rectanglelabels", [1, 2, 3, 4]),
        ("predictions_results", "not_contains", "RectangleLabels", [0]),
        ("predictions_results", "empty", True, [0]),
        ("annotations_results", "empty", True, [0, 1, 2, 3, 4]),
        ("annotations_results", "contains", "rectangle", []),
        ("annotators", "empty", True, [3]),
        ("file_upload", "empty", True, [0, 1, 2, 3, 4]),
        ("data.city", "regex", "^[OÅ]", [0, 4]),
        ("ground_truth", "equal", True, [4]),
        ("ground_truth", "equal", "false", [0, 1, 2, 3]),
        ("data.city", "contains", "OSLO", [0, 2]),
        ("data.city", "not_contains", "oslo", [1, 3, 4]),
        ("data.city", "equal", "Ås", [4]),
        ("data.city", "in_list", ["Oslo", "Bergen"], [0, 1]),
        ("data.city", "empty", True, [3]),
        ("data.city", "empty", False, [0, 1, 2, 4]),
        ("data.deep.er", "equal", "x2", [2]),
        ("data.none", "equal", "x", []),
    ],
    ids=str,
)
def test_filters(
    ada: Caller,
    project: Project,
    tasks: list[int],
    name: str,
    operator: str,
    value: Any,
    expected: list[int],
) -> None:
    response = ask(ada, project, group(item(name, operator, value)))
    assert places(response, tasks) == expected


def test_numbers_of_the_data(ada: Caller, project: Project, tasks: list[int]) -> None:
    assert places(ask(ada, project, group(item("data.n", "greater", 2, "Number"))), tasks) == [3, 4]


NUMBERS = [
    *(0, -0.0, 5, 0.1, 1e15, 2**53, 2**53 + 1, 12345678901234567890, 1e100, 1e300, -1e300, 10**308),
    *(sys.float_info.max, 1e-5, 1e-100, 1e-300, -1e-300, 5e-324),
]
NUMBER_TEXTS = [
    *("1e3", "1e300", "-1E-300", " 5 ", "+7", ".5", "5."),
    *("0" * 300 + "5", "9" * 308, f"0.{'0' * 300}1"),
]
NO_NUMBERS: list[Any] = [
    *("", "0x10", "\uff11\uff12", "1,5", "NaN", "Infinity", "1e", "e5", "5 5"),
    *(True, None, [], {"a": 1}, [5]),
]
# Each with the number that it is; None for what is none.
STORED: list[tuple[Any, Decimal | None]] = [
    *((value, Decimal(str(value))) for value in [*NUMBERS, *NUMBER_TEXTS]),
    *((value, None) for value in NO_NUMBERS),
]
BOUNDS = [0, 5, 0.1, 2**53 + 1, 1e15, 1e100, 1e300, -1e300, 10**308, 1e-5, 1e-300, -1e-300, 5e-324]


@pytest.mark.parametrize("bound", BOUNDS, ids=repr)
@pytest.mark.parametrize("column", ["data.n", "meta.a.n"])
def test_numbers_of_any_size(ada: Caller, project: Project, bound: float, column: str) -> None:
    ids = [
        Task.objects.create(
            project=project, data={"n": value}, meta={"a": {"n": value}}, inner_id=n
        ).pk
        for n, (value, _) in enumerate(STORED)
    ]

    def found(operator: str, value: Any) -> list[int]:
        wanted = group(item(column, operator, value, "Number"))
        return places(ask(ada, project, wanted), ids)

    def expected(fits: Callable[[Decimal], bool]) -> list[int]:
        return [n for n, (_, number) in enumerate(STORED) if number is not None and fits(number)]

    exact = Decimal(str(bound))
    for value in (bound, str(bound)):
        assert found("equal", value) == expected(lambda number: number == exact)
        assert found("not_equal", value) == expected(lambda number: number != exact)
        assert found("less", value) == expected(lambda number: number < exact)
        assert found("greater", value) == expected(lambda number: number > exact)
        assert found("less_or_equal", value) == expected(lambda number: number <= exact)
        assert found("greater_or_equal", value) == expected(lambda number: number >= exact)
        assert found("in_list", [value, 5]) == expected(lambda number: number in (exact, 5))
        assert found("not_in_list", [value, 5]) == expected(lambda number: number not in (exact, 5))
        span = {"min": value, "max": 1e305}
        assert found("in", span) == expected(lambda number: exact <= number <= Decimal("1e305"))
        inside = found("in", span)
        outside = found("not_in", span)
        assert sorted([*inside, *outside]) == expected(lambda number: True)


KEYS = [
    {"img.url": "http://i/1.png", "Super Population": "EUR", "a.b": "10", "on": True},
    {"img": {"url": "http://i/2.png"}, "Super Population": "AFR", "a": {"b": 9}, "on": "False"},
    {"img.url": None, "img": {"url": "http://i/1.png"}, "a.b": "many", "on": False},
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (item("data.img.url", "contains", ".png"), [0, 1]),
        (item("data.img.url", "empty", True), [2]),
        (item("data.Super Population", "equal", "EUR"), [0]),
        (item("data.a.b", "equal", 10, "Number"), [0]),
        (item("data.a.b", "greater", "8.5", "Number"), [0, 1]),
        (item("data.a.b", "in", {"min": 9, "max": 9}, "Number"), [1]),
        (item("data.a.b", "in_list", [9, 10], "Number"), [0, 1]),
        (item("data.on", "equal", True, "Boolean"), [0]),
        (item("data.on", "equal", False, "Boolean"), [1, 2]),
        (item("data.on", "not_equal", "true", "Boolean"), [1, 2]),
    ],
    ids=str,
)
def test_a_key_with_a_dot_comes_before_a_path(
    ada: Caller, project: Project, wanted: dict[str, Any], expected: list[int]
) -> None:
    ids = [
        Task.objects.create(project=project, data=data, inner_id=n).pk
        for n, data in enumerate(KEYS)
    ]
    assert places(ask(ada, project, group(wanted)), ids) == expected


@pytest.mark.parametrize(
    ("ordering", "expected"), [("data.n", [3, 0, 1, 2]), ("-data.n", [1, 0, 3, 2])]
)
def test_a_null_has_no_place_in_an_order(
    ada: Caller, project: Project, ordering: str, expected: list[int]
) -> None:
    values = [{"n": 9}, {"n": 10}, {"n": None}, {"n": "10"}]
    ids = [
        Task.objects.create(project=project, data=data, inner_id=n).pk
        for n, data in enumerate(values)
    ]
    assert places(ask(ada, project, {"ordering": [ordering]}), ids) == expected


def test_an_order_by_a_key_with_a_dot(ada: Caller, project: Project) -> None:
    data = [{"a.b": 2}, {"a": {"b": 3}}, {"a.b": 1}]
    ids = [
        Task.objects.create(project=project, data=row, inner_id=n).pk for n, row in enumerate(data)
    ]
    assert places(ask(ada, project, {"ordering": ["-data.a.b"]}), ids) == [1, 0, 2]


def test_who_annotated(ada: Caller, project: Project, tasks: list[int]) -> None:
    me = ada.user.pk
    mine = ask(ada, project, group(item("annotators", "contains", [me])))
    assert places(mine, tasks) == [0, 1, 2, 4]
    assert places(ask(ada, project, group(item("annotators", "not_contains", me))), tasks) == [3]
    assert places(ask(ada, project, group(item("annotators", "equal", me + 1))), tasks) == []


def test_every_filter_of_the_clients_own_module(
    ada: Caller, project: Project, tasks: list[int]
) -> None:
    from label_studio_sdk.data_manager import Column, Filters, Operator, Type

    filters = Filters.create(
        Filters.AND,
        [
            Filters.item(Column.predictions_results, Operator.CONTAINS, Type.String, "rectangle"),
            Filters.item(Column.annotators, Operator.CONTAINS, Type.List, [ada.user.pk]),
            Filters.item(Column.data("city"), Operator.REGEX, Type.String, "fjord$"),
        ],
    )
    assert places(ask(ada, project, {"filters": filters}), tasks) == [2]


def test_all_or_any(ada: Caller, project: Project, tasks: list[int]) -> None:
    items = [item("id", "greater", tasks[1]), item("data.city", "contains", "oslo")]
    assert places(ask(ada, project, group(*items)), tasks) == [2]
    either = group(*items, conjunction="or")
    assert places(ask(ada, project, either), tasks) == [0, 2, 3, 4]


def test_totals_are_of_the_filtered(ada: Caller, project: Project, tasks: list[int]) -> None:
    page = ask(ada, project, group(item("id", "greater", tasks[2])), page_size=1).json()
    totals = {name: value for name, value in page.items() if name != "tasks"}
    assert totals == {"total_annotations": 1, "total_predictions": 7, "total": 2}
    assert [task["id"] for task in page["tasks"]] == [tasks[3]]
    past = ask(ada, project, group(item("id", "greater", tasks[2])), page_size=1, page=3)
    assert (past.status_code, past.json()["detail"]) == (404, "Invalid page.")


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ({"all": False, "included": [1, 3]}, [1, 3]),
        ({"all": False, "included": []}, []),
        ({"all": True, "excluded": [0, 4]}, [1, 2, 3]),
        ({"all": True, "excluded": []}, [0, 1, 2, 3, 4]),
        ({}, [0, 1, 2, 3, 4]),
        (None, [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_selections(
    ada: Caller,
    project: Project,
    tasks: list[int],
    selected: dict[str, Any] | None,
    expected: list[int],
) -> None:
    named = {
        key: [tasks[n] for n in value] if isinstance(value, list) else value
        for key, value in (selected or {}).items()
    }
    query: dict[str, Any] = {
        "selectedItems": None if selected is None else named,
        "filters": None,
        "ordering": [],
    }
    assert places(ask(ada, project, query), tasks) == expected


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        (["-tasks:id"], [4, 3, 2, 1, 0]),
        (["tasks:total_predictions"], [0, 1, 2, 3, 4]),
        (["-tasks:total_predictions"], [4, 3, 2, 1, 0]),
        (["tasks:predictions_score"], [1, 2, 3, 4, 0]),
        (["-tasks:predictions_score"], [4, 3, 2, 1, 0]),
        (["-tasks:created_at", "tasks:id"], [4, 3, 2, 1, 0]),
        (["-data.n"], [4, 3, 2, 1, 0]),
        (["tasks:data.deep.er"], [0, 1, 2, 3, 4]),
        ([], [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_orders(
    ada: Caller, project: Project, tasks: list[int], ordering: list[str], expected: list[int]
) -> None:
    response = ask(ada, project, {"ordering": ordering, "filters": group()["filters"]})
    assert places(response, tasks) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{", "The query is not JSON."),
        ("[" * 100_000, "The query is not JSON."),
        ("[]", "The query is not a JSON object."),
        ({"filters": [1]}, "filters is an object with conjunction and items."),
        ({"filters": {"items": 7}}, "A filter group has 1 to 50 items."),
        (
            group(*[item("id", "equal", 1)] * 51),
            "A filter group has 1 to 50 items.",
        ),
        (group(item("id", "equal", 1), conjunction="xor"), 'The conjunction is "and" or "or".'),
        (group(7), "A filter is an object with filter, operator, type and value."),
        (
            group(item("nonsense", "equal", 1)),
            "Unknown filter 'nonsense' with the operator 'equal'.",
        ),
        (group(item("id", "regex", ".*")), "The operator 'regex' does not go with numbers."),
        (group(item("data.city", "regex", "(")), "'(' is not a regular expression."),
        (
            group(item("data.city", "regex", "a" * 201)),
            "A regular expression has 200 characters at most.",
        ),
        (
            group(item("data.city", "regex", r"(a*)*\\1")),
            "A regular expression may not refer back to its groups.",
        ),
        (group(item("annotators", "regex", "1")), "The operator 'regex' does not go with lists."),
        (group(item("annotators", "contains", ["ada"])), "'ada' is not a number."),
        (group(item("data.city", "equal", "\ud800")), "'\\ud800' is not text."),
        (group(item("data.\ud800", "equal", "a")), "No column is called 'data.\\ud800'."),
        (group(item("data.on", "equal", "maybe", "Boolean")), "'maybe' is neither true nor false."),
        (
            group(item("created_at", "contains", "2026")),
            "The operator 'contains' does not go with times.",
        ),
        (group(item("id", "equal", "many")), "'many' is not a number."),
        (group(item("id", "equal", 10**400)), f"{10**400!r:.100} is not a number."),
        (group(item("id", "in", {"min": 1})), "None is not a number."),
        (group(item("created_at", "less", "soon")), "'soon' is not a time."),
        (group(item("created_at", "less", 7)), "7 is not a time."),
        (group(item("data.city", "equal", "\0")), "'\\x00' is not text."),
        (group(item("data.\0", "equal", "a")), "No column is called 'data.\\x00'."),
        (group(item("ground_truth", "equal", "maybe")), "'maybe' is neither true nor false."),
        (
            group({**item("id", "equal", 1), "child_filter": item("id", "equal", 1)}),
            "A filter inside a filter is not understood.",
        ),
        (
            {"selectedItems": [1]},
            "selectedItems is an object with all, included and excluded.",
        ),
        (
            {"items": [item("id", "equal", 1)]},
            "A query has no 'items', only filters, selectedItems, ordering.",
        ),
        (
            {"selected_items": {"all": False, "included": [1]}},
            "A query has no 'selected_items', only filters, selectedItems, ordering.",
        ),
        (
            {"filters": {"conjuction": "or", "items": [item("id", "equal", 1)]}},
            "A filter group has no 'conjuction', only conjunction, items.",
        ),
        (
            {"filters": {"conjunction": "and", "item": [item("id", "equal", 1)]}},
            "A filter group has no 'item', only conjunction, items.",
        ),
        (
            group({**item("id", "equal", 1), "negate": True}),
            "A filter has no 'negate', only filter, operator, type, value, child_filter.",
        ),
        ({"selectedItems": {"included": [1]}}, 'included goes with "all": false.'),
        ({"selectedItems": {"all": True, "included": [1]}}, 'included goes with "all": false.'),
        ({"selectedItems": {"all": False, "excluded": [1]}}, 'excluded goes with "all": true.'),
        (
            {"selectedItems": {"all": True, "exclude": [1]}},
            "selectedItems has no 'exclude', only all, included, excluded.",
        ),
        ({"selectedItems": []}, "selectedItems is an object with all, included and excluded."),
        (
            group(item("data.n", "equal", 1, "number")),
            'Numbers have "type": "Number", not \'number\'.',
        ),
        (
            group(item("meta.n", "equal", 1, "Float")),
            'Numbers have "type": "Number", not \'Float\'.',
        ),
        ({"selectedItems": {"all": False, "included": ["1"]}}, "Expected a list of task ids."),
        ({"selectedItems": {"all": False, "included": [2**63]}}, "Expected a list of task ids."),
        ({"ordering": 7}, "ordering is a list of columns."),
        ({"ordering": "id"}, "ordering is a list of columns."),
        ({"ordering": ["-tasks:nonsense"]}, "Tasks cannot be ordered by 'nonsense'."),
    ],
    ids=lambda value: str(value)[:70],
)
def test_what_is_not_understood_is_refused(
    ada: Caller, project: Project, query: Any, message: str
) -> None:
    assert_invalid(ask(ada, project, query), {"query": [message]})


@pytest.mark.parametrize(
    ("name", "value"),
    [("filters", "{}"), ("ordering", "-id"), ("view_id", "1")],
)
def test_what_would_narrow_a_list_elsewhere_is_refused(
    ada: Caller, project: Project, name: str, value: str
) -> None:
    response = ada.client.get("/api/tasks/", {"project": str(project.pk), name: value})

    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == [name]


def test_a_list_in_a_text_has_spaces_around_its_commas(
    ada: Caller, project: Project, tasks: list[int]
) -> None:
    for operator, listed in (("in_list", [0, 1]), ("not_in_list", [2, 3, 4])):
        query = group(item("data.city", operator, "Oslo , Bergen"))
        assert places(ask(ada, project, query), tasks) == listed


def test_another_workspaces_tasks_cannot_be_selected(
    ada: Caller, olga: Caller, project: Project, tasks: list[int]
) -> None:
    query = {"selectedItems": {"all": False, "included": tasks}}
    assert ask(olga, project, query).status_code == 404


@pytest.mark.parametrize("n", [1, 50])
def test_the_number_of_statements(
    ada: Caller, project: Project, django_assert_num_queries: Any, n: int
) -> None:
    ada.client.post(
        f"/api/projects/{project.pk}/import", [{"image": "a.jpg", "n": 1}] * n, format="json"
    )
    query = {**group(item("data.n", "equal", "1")), "ordering": ["-tasks:total_predictions"]}
    ada.client.get("/api/predictions/1/")
    # Key, project, page, its totals; with children: predictions and annotations.
    with django_assert_num_queries(4):
        assert len(ask(ada, project, query).json()["tasks"]) == n
    with django_assert_num_queries(6):
        ask(ada, project, query, fields="all")


@one_node
def test_a_page_goes_by_the_projects_index(ada: Caller, project: Project, tasks: list[int]) -> None:
    from predictions.db.task_pages import PAGE_SQL
    from predictions.filters import tasks as task_filters

    wanted = task_filters.of_query(
        json.dumps(group(item("id", "greater", 5))), project_id=project.pk
    )
    where, params = wanted.within(project.pk)
    sql = PAGE_SQL.format(where=where, order=wanted.order_within[0])
    with connection.cursor() as cursor:
        # Few rows here: what counts is that an index can serve it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        values = [*params, 100, 0]
        cursor.execute(*of_slot(f"EXPLAIN {sql}", values, slots.of_project(project.pk)))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on predictions_task" not in plan
