"""POST /api/projects/{id}/import/predictions of JSON Lines: a stream, all or nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from predictions.imports import bodies
from predictions.models import Prediction, Project, Task
from predictions_api.http.storable import MAX_TEXT_BYTES
from tests.bulk.conftest import Seed
from tests.conftest import RECORDED, Caller, region

LINES = "application/x-ndjson"
JSON = "application/json"
NOUN = "Prediction"


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/projects/{project.pk}/import/predictions"


def lines(items: Iterable[Any], end: str = "\n") -> bytes:
    return "".join(json.dumps(item) + end for item in items).encode()


def post(caller: Caller, url: str, body: bytes, content_type: str = LINES, **headers: Any) -> Any:
    return caller.client.post(url, body, content_type=content_type, **headers)


def reasons(response: Any) -> list[str]:
    assert response.status_code == 400, response.content
    found: list[str] = response.json()["validation_errors"]["non_field_errors"]
    return found


def test_stores_the_lines_in_order(ada: Caller, url: str, task: int) -> None:
    items = [
        {"task": task, "result": [region()], "score": 0.5, "model_version": "v\t1\\n"},
        {"task": task, "result": [region("ä\n")], "id": 7},
        {"task": task, "result": [], "model_version": None, "id": 7},
    ]
    response = post(ada, url, lines(items))
    assert response.status_code == 201
    ids = list(Prediction.objects.order_by("id").values_list("id", flat=True))
    assert response.json() == {"created": 3, "prediction_ids": ids}
    stored = Prediction.objects.order_by("id").values_list("result", "score", "model_version")
    assert list(stored) == [
        ([region()], 0.5, "v\t1\\n"),
        ([region("ä\n")], None, "undefined"),
        ([], None, None),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \n"])
def test_line_ends(ada: Caller, url: str, task: int, end: str) -> None:
    body = lines([{"task": task, "result": []}] * 3, end).rstrip()
    assert post(ada, url, body).json()["created"] == 3


@pytest.mark.parametrize("body", [b"", b"\n"])
def test_no_lines_are_no_predictions(ada: Caller, url: str, body: bytes) -> None:
    assert post(ada, url, body).json() == {"created": 0, "prediction_ids": []}


def test_many_batches_keep_their_order(ada: Caller, url: str, task: int) -> None:
    n = 2 * bodies.BATCH_ITEMS + 3
    items = ({"task": task, "result": [], "score": i} for i in range(n))
    ids = post(ada, url, lines(items)).json()["prediction_ids"]
    stored = Prediction.objects.order_by("score").values_list("id", flat=True)
    assert ids == list(stored)
    assert ids == sorted(ids)


def test_batches_grow_to_their_full_size() -> None:
    sizes = [125, 250, 500, 1000, 1000, 3]
    of_lines = bodies.parsed_lines([b"7"] * sum(sizes))
    of_an_array = bodies.lazy_batches(iter([7] * sum(sizes)))
    for batches in (of_lines, of_an_array):
        assert [len(list(batch)) for batch in batches] == sizes


def test_the_id_of_a_task_is_asked_for_once(
    ada: Caller, project: Project, url: str, seed_tasks: Seed
) -> None:
    """Other names, which may be long, are asked for in each batch; so are ids of no task."""
    one, two = seed_tasks(project, 2)
    Task.objects.filter(pk=two).update(external_id="two")
    names: list[dict[str, Any]] = [{"task": one}, {"external_id": "two"}, {"task": two + 1}]
    items = [{**names[n % 3], "result": []} for n in range(3 * bodies.BATCH_ITEMS)]
    with CaptureQueriesContext(connection) as asked:
        answer = post(ada, f"{url}?on_error=skip", lines(items)).json()
    assert (answer["created"], len(answer["skipped"])) == (2000, 1000)
    assert Counter(Prediction.objects.values_list("task_id", flat=True)) == {one: 1000, two: 1000}
    looked_up = [q["sql"] for q in asked if "t.id = ANY" in q["sql"]]
    assert [str(one) in sql for sql in looked_up] == [True] + [False] * (len(looked_up) - 1)
    assert len(looked_up) == len([q for q in asked if "external_id = ANY" in q["sql"]]) > 1


def test_whole_numbers_of_any_length_are_kept(ada: Caller, url: str, task: int) -> None:
    long = [{"n": 10**30, "m": -(2**63) - 1, "ok": 2**63}]
    post(ada, url, lines([{"task": task, "result": long}]))
    assert Prediction.objects.get().result == long


BAD_LINES = [
    (b'{"task": 1, "result": [', "JSON parse error - Expecting value"),
    (b'{"task": 1} {"task": 1}', "JSON parse error - Extra data"),
    (b'{"result": "\xff"}', "JSON parse error - 'utf-8' codec can't decode byte 0xff"),
    (b"\xef\xbb\xbf{}", "JSON parse error - Unexpected UTF-8 BOM"),
    ('{"a": 1}'.encode("utf-16"), "JSON parse error - 'utf-8' codec can't decode byte 0xff"),
    (b'{"score": NaN}', "JSON parse error - Out of range float values"),
    (b'{"score": 1e400}', "JSON parse error - Out of range float values"),
    (
        b'{"task": {TASK}, "result": [{"a": ' + b"[" * 600 + b"]" * 600 + b"}]}",
        "Nested deeper than 512 levels.",
    ),
    (b"7", "Expected an object, got int"),
    (b"{}", "Missing required field 'task'"),
    (b'{"task": {TASK}, "result": ["\\u0000"]}', "Each item in prediction result should be dict"),
    (b'{"task": {TASK}, "result": [{"a": "\\u0000"}]}', "Null characters are not allowed."),
    (b'{"task": {TASK}, "result": [{"a": "\\ud800"}]}', "Surrogate characters are not allowed."),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_named_and_nothing_is_stored(
    ada: Caller, url: str, task: int, line: bytes, reason: str
) -> None:
    good = lines([{"task": task, "result": []}])
    line = line.replace(b"{TASK}", str(task).encode())
    found = reasons(post(ada, url, good + line + b"\n" + good))
    assert found[0].startswith(f"{NOUN} 1: {reason}")
    assert Prediction.objects.count() == 0


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_can_be_skipped(
    ada: Caller, url: str, task: int, line: bytes, reason: str
) -> None:
    good = lines([{"task": task, "result": []}])
    line = line.replace(b"{TASK}", str(task).encode())
    answer = post(ada, f"{url}?on_error=skip", good + line + b"\n" + good).json()
    assert answer["created"] == 2
    assert [(bad["index"], bad["errors"][0][: len(reason)]) for bad in answer["skipped"]] == [
        (1, reason)
    ]


def test_one_bad_line_in_many_undoes_them_all(ada: Caller, url: str, task: int) -> None:
    good = lines([{"task": task, "result": []}])
    body = good * 49_999 + b'{"task": "no"}\n'
    found = reasons(post(ada, url, body))
    assert found == ["Prediction 49999: Invalid task ID 'no' - task not found in project"]
    assert Prediction.objects.count() == 0


def test_a_hundred_reasons_and_the_total(ada: Caller, url: str, task: int) -> None:
    found = reasons(post(ada, url, b"7\n" * 250 + lines([{"task": task, "result": []}])))
    assert len(found) == 101
    assert found[99] == "Prediction 99: Expected an object, got int"
    assert found[100] == "250 bad items in all; the first 100 reasons are named."


def test_a_huge_region_is_refused(ada: Caller, url: str, task: int) -> None:
    huge = {"task": task, "result": [{"rle": "x" * 50_000_000}]}
    good = {"task": task, "result": []}
    found = reasons(post(ada, url, lines([good, huge, good])))
    assert found == [f"Prediction 1: A line is over {MAX_TEXT_BYTES:,} bytes."]
    found = reasons(post(ada, url, json.dumps([good, huge]).encode(), "application/json"))
    assert found == [f"Prediction 1: A JSON value may have {MAX_TEXT_BYTES:,} bytes at most."]
    nested = [{"data": {"image": "a.jpg"}, "predictions": [{"result": huge["result"]}]}]
    whole = post(ada, url.removesuffix("/predictions"), json.dumps(nested).encode(), JSON)
    assert reasons(whole) == [
        f"Error at item 0: A JSON value may have {MAX_TEXT_BYTES:,} bytes at most."
    ]
    single = ada.client.post("/api/predictions/", huge, format="json")
    assert list(single.json()["validation_errors"]) == ["result"]
    assert Prediction.objects.count() == 0


def test_a_large_region_is_stored(ada: Caller, url: str, task: int) -> None:
    large = {"task": task, "result": [{"rle": "x" * 5_000_000}]}
    assert post(ada, url, lines([large] * 3)).json()["created"] == 3


@pytest.mark.parametrize("content_type", [f"{LINES}; charset=utf-16", f"{LINES}; charset=latin-1"])
def test_lines_are_utf_8(ada: Caller, url: str, content_type: str) -> None:
    response = post(ada, url, b"{}", content_type)
    assert (response.status_code, response.json()["detail"]) == (400, "JSON Lines are UTF-8.")


@pytest.mark.parametrize("of", ["import", "import/predictions"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_json_in_another_encoding_than_it_says(
    ada: Caller, project: Project, task: int, of: str, encoding: str
) -> None:
    body = f'[{{"task": {task}, "image": "a", "result": [{{"text": "Ä"}}]}}]'.encode(encoding)
    url = f"/api/projects/{project.pk}/{of}"
    for text in (body, body + b" " * (1 << 20)):
        response = post(ada, url, text, "application/json")
        assert response.status_code == 400
        assert response.json()["detail"].startswith("JSON parse error - ")
    said = post(ada, url, body, "application/json; charset=latin-1")
    assert said.status_code == (201 if encoding == "latin-1" else 400)
    assert post(ada, url, body, "application/json; charset=klingon").status_code == 400


def test_duplicates_are_two_unless_replacing(ada: Caller, url: str, task: int) -> None:
    item = {"id": 5, "task": task, "result": [], "model_version": "v1"}
    first, second = post(ada, url, lines([item, item])).json()["prediction_ids"]
    assert first != second
    found = reasons(post(ada, f"{url}?upsert=1", lines([item, item])))
    assert found == ["Prediction 1: Repeats task and model_version of item 0"]
    assert Prediction.objects.count() == 2


def test_ids_of_another_project_are_unknown(
    ada: Caller, olga: Caller, url: str, make_project: Any, make_task: Callable[..., int]
) -> None:
    foreign = make_task(olga, make_project(olga))
    for item in (foreign, 999_999):
        found = reasons(post(ada, url, lines([{"task": item, "result": []}])))
        assert found == [f"Prediction 0: Invalid task ID {item} - task not found in project"]


@pytest.mark.parametrize("caller", ["rita", "olga"])
def test_who_may_not(request: pytest.FixtureRequest, caller: str, url: str, task: int) -> None:
    who: Caller = request.getfixturevalue(caller)
    expected = {"rita": 403, "olga": 404}[caller]
    assert post(who, url, lines([{"task": task, "result": []}])).status_code == expected
    assert Prediction.objects.count() == 0


def test_upsert_replaces_across_batches(
    ada: Caller, project: Project, url: str, seed_tasks: Seed
) -> None:
    tasks = seed_tasks(project, bodies.BATCH_ITEMS + 5)
    items = [{"task": t, "result": [], "model_version": "v1"} for t in tasks]
    for _ in range(2):
        assert post(ada, f"{url}?upsert=true", lines(items)).json()["created"] == len(tasks)
    assert Prediction.objects.count() == len(tasks)
    found = reasons(post(ada, f"{url}?upsert=true", lines([*items, items[0]])))
    assert found == [f"Prediction {len(tasks)}: Repeats task and model_version of item 0"]


def test_the_number_of_statements_follows_batches(
    ada: Caller, url: str, task: int, django_assert_num_queries: Any
) -> None:
    # The key, the project, a savepoint and its end; the tasks that are new, the ids of each batch.
    for n, statements in ((1, 6), (50, 6), (bodies.FIRST_ITEMS + 1, 7)):
        body = lines([{"task": task, "result": []}] * n)
        with django_assert_num_queries(statements + RECORDED):
            assert post(ada, url, body).status_code == 201


def test_the_same_key_is_answered_once_more(ada: Caller, url: str, task: int) -> None:
    body = lines([{"task": task, "result": []}])
    first = post(ada, url, body, HTTP_IDEMPOTENCY_KEY="k")
    again = post(ada, url, body, HTTP_IDEMPOTENCY_KEY="k")
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    other = post(ada, url, body * 2, HTTP_IDEMPOTENCY_KEY="k")
    assert reasons(other) == ["This Idempotency-Key was used for another request."]
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], []),
        ([b"a"], [b"a"]),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a\n", b"b\n"], [b"a", b"b"]),
        ([b"a", b"b", b"\nc", b"\n", b"d\ne"], [b"ab", b"c", b"d", b"e"]),
        ([b"\n\na"], [b"", b"", b"a"]),
    ],
)
def test_lines_of_blocks(blocks: list[bytes], expected: list[bytes]) -> None:
    assert list(bodies.lines(blocks)) == expected
