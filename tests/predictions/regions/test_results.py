"""What may be stored as a result, and the exact text of it. Pure."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.regions.lists import region_list
from predictions_api.http.storable import (
    MAX_DEPTH,
    MAX_KEYS,
    Refused,
    bulk_json_text,
    finite_number,
    json_text,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
STORABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)  # fmt: skip
WRITERS = pytest.mark.parametrize(
    "write", [json_text, lambda value: bulk_json_text(value).decode()]
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@WRITERS
@given(value=STORABLE)
def test_the_text_reads_back_as_the_value(write: Any, value: Any) -> None:
    read = json.loads(write(value))

    assert read == value
    assert json.dumps(read) == json.dumps(value)


@WRITERS
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["a\0"], "Null characters are not allowed."),
        ({"\0": 1}, "Null characters are not allowed."),
        ([{"a": [{"b": "x\0y"}]}], "Null characters are not allowed."),
        (["\ud800"], "Surrogate characters are not allowed."),
        ({"\udfff": 1}, "Surrogate characters are not allowed."),
        (nested(MAX_DEPTH + 1), "Nested deeper than 512 levels."),
        ([{"a": nested(MAX_DEPTH - 1)}], "Nested deeper than 512 levels."),
        (nested(900), "Nested deeper than 512 levels."),
        (nested(100_000), "Nested deeper than 512 levels."),
        (
            {str(n): n for n in range(MAX_KEYS + 1)},
            "An object has more than 100,000 keys.",
        ),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, str) else "value",
)
def test_refuses(write: Any, value: Any, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        write(value)
    assert str(refused.value) == reason


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_refuses_numbers_that_are_not_finite(number: float) -> None:
    for value in (number, [number], {"a": [{"b": number}]}):
        with pytest.raises(Refused, match=r"Numbers must be finite\."):
            json_text(value)


@WRITERS
def test_the_limits_themselves_are_allowed(write: Any) -> None:
    deep = nested(MAX_DEPTH)
    assert write(deep) == "[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH
    assert write({str(n): 1 for n in range(MAX_KEYS)}).count(":") == MAX_KEYS
    many = [{"a": 1}] * (MAX_KEYS + 1)  # many keys, but few in each object
    assert len(json.loads(write(many))) == MAX_KEYS + 1


@WRITERS
def test_an_escaped_backslash_before_u0000_is_no_null(write: Any) -> None:
    assert json.loads(write(["\\u0000"])) == ["\\u0000"]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        ("0.5", 0.5),
        (True, 1.0),
        (-1e308, -1e308),
        ("nan", None),
        ("inf", None),
        (math.inf, None),
        (10**400, None),
        ("high", None),
        ("", None),
        (None, None),
        ([], None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_finite_number(value: Any, number: float | None) -> None:
    assert finite_number(value) == number


def test_region_list() -> None:
    regions = [{"a": 1}, {}]

    assert region_list(regions) is regions
    shorthands: list[Any] = [{}, "text", "", 7, True]
    for shorthand in shorthands:
        assert region_list(shorthand) is None
    bad: list[list[Any]] = [[1], [{}, None], [[]]]
    for items in bad:
        with pytest.raises(Refused, match="Each item in prediction result should be dict"):
            region_list(items)
    with pytest.raises(Refused, match="Incorrect format <class 'float'>"):
        region_list(1.5)
