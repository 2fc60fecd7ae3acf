"""Long arrays, parsed entry by entry, are what they are when parsed whole."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from predictions.imports.parsing import is_long_array, parse_array, parse_fast
from predictions.models import Prediction
from predictions_api.http.storable import STEP
from tests.conftest import Caller, assert_refused

# Everything that looks like the place between two entries and is none.
TRAPS = st.sampled_from(['},{"task":', "},{", '"', "\\", "]", "[", '{"task": 1}', "é", "\\u0041"])
VALUES = st.recursive(
    st.none() | st.integers() | TRAPS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.fixed_dictionaries({"task": inner}), max_size=3)
        | st.dictionaries(TRAPS | st.just("task"), inner, max_size=3)
    ),
    max_leaves=10,
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"task": VALUES}, optional={"b": VALUES})
    | st.fixed_dictionaries({"result": VALUES, "task": VALUES})
    | VALUES,
    max_size=6,
)
STYLES = st.sampled_from([(",", ":"), (", ", ": "), ("\n,\t", " : ")])


def texts(entries: list[Any], style: tuple[str, str]) -> bytes:
    first = [{"task": 0}]
    return json.dumps(first + entries, separators=style, ensure_ascii=False).encode()


@settings(max_examples=200, deadline=None)
@given(ENTRIES, STYLES)
def test_entries_are_those_of_the_whole(entries: list[Any], style: tuple[str, str]) -> None:
    assert list(parse_array(texts(entries, style))) == [{"task": 0}, *entries]


def outcome(parse: Callable[[bytes], Any], text: bytes) -> Any:
    """The entries, or the reason why there are none."""
    try:
        return list(parse(text))
    except ParseError as exc:
        return str(exc.detail)


@settings(max_examples=200, deadline=None)
@given(ENTRIES, STYLES, st.data())
def test_what_is_no_json_is_refused_as_a_whole(
    entries: list[Any], style: tuple[str, str], data: st.DataObject
) -> None:
    text = texts(entries, style)
    at = data.draw(st.integers(len(b'[{"task" : '), len(text)))
    broken = text[:at] + data.draw(st.sampled_from([b"]", b"}", b",", b"\xff", b"NaN", b""]))
    broken += text[at + data.draw(st.integers(0, 2)) :]
    if b"]" not in broken:
        broken += b"]"
    broken = broken[: broken.rindex(b"]") + 1]
    assert outcome(parse_fast, broken) == outcome(parse_array, broken)


@pytest.mark.parametrize(
    ("text", "is_array"),
    [
        (b'[{"a": 1}]', True),
        (b' [ {"a\\"b" : 1} ] \n', True),
        (b'{"a": [{}]}', False),
        (b"[1, 2]", False),
        (b"[{}]", False),
        (b'[{"a": 1}', False),
        (b'[{"a": 1}] 2', False),
    ],
)
def test_only_long_arrays_of_objects(text: bytes, is_array: bool) -> None:
    assert not is_long_array(text)
    spaces = b" " * STEP
    assert is_long_array(spaces + text) == is_array


def long_body(task: int, *more: bytes) -> bytes:
    entry = json.dumps({"task": task, "result": [{"id": "x" * 2000}]}).encode()
    return b"[" + b", ".join([*[entry] * (STEP // 2000 + 1), *more]) + b"]"


def test_a_long_array_is_imported(ada: Caller, url: str, task: int) -> None:
    other_order = b'{"score": 0.5, "result": [], "task": %d}' % task
    body = long_body(task, other_order, other_order)
    response = ada.client.post(url, body, content_type="application/json")
    assert response.status_code == 201
    ids = list(Prediction.objects.order_by("id").values_list("id", flat=True))
    assert response.json() == {"created": STEP // 2000 + 3, "prediction_ids": ids}
    assert Prediction.objects.filter(score=0.5).count() == 2


def test_a_long_array_that_breaks_stores_nothing(ada: Caller, url: str, task: int) -> None:
    response = ada.client.post(url, long_body(task, b"7.."), content_type="application/json")
    length = len(long_body(task)) + len(b"7")
    detail = f"JSON parse error - Expecting ',' delimiter: line 1 column {length + 2} (char"
    assert_refused(response, 400, f"{detail} {length + 1})")
    assert Prediction.objects.count() == 0


def test_a_long_array_replaces(ada: Caller, url: str, task: int) -> None:
    for _ in range(2):
        body = long_body(task).replace(b'"result"', b'"model_version": "v1", "result"')
        response = ada.client.post(
            f"{url}?upsert=true&on_error=skip", body, content_type="application/json"
        )
        assert response.json()["created"] == 1
    assert Prediction.objects.count() == 1


@pytest.fixture
def url(project: Any) -> str:
    return f"/api/projects/{project.pk}/import/predictions"
