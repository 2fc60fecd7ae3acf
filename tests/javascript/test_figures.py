"""How numbers are written for people: the same in a browser and by the server."""

import random
from typing import Any

import pytest

from predictions_api import wording
from tests.javascript.conftest import Call

FIGURES = "desk/figures.js"
# Each with its text as a share, as a score of two digits, and as something measured.
WRITTEN = [
    (0, "0.000", "0.00", "0.000"),
    (-0.0, "0.000", "0.00", "0.000"),
    (1, "1.000", "1.00", "1.000"),
    (0.5, "0.500", "0.50", "0.500"),
    (2 / 3, "0.667", "0.667", "0.6667"),
    (0.995, "0.995", "0.995", "0.995"),
    (0.9996, "0.9996", "0.9996", "0.9996"),
    (0.99999999, "0.99999999", "0.99999999", "0.99999999"),
    (1 - 2**-52, "1.000", "1.00", "1.000"),
    (0.0004, "0.0004", "0.0004", "0.0004"),
    (0.000123456, "0.0001", "0.0001", "0.0001235"),
    (0.49999, "0.500", "0.49999", "0.500"),
    (-0.0004, "-0.0004", "-0.0004", "-0.0004"),
    (1e-9, "0.000000001", "0.000000001", "0.000000001"),
    (1e-10, "1.000e-10", "1.00e-10", "1.000e-10"),
    (1234567.25, "1234567.250", "1234567.25", "1234567.250"),
    (1e300, "1.000e+300", "1.00e+300", "1.000e+300"),
]


def _of_wording(value: float) -> list[str]:
    return [wording.share(value), wording.score(value, 2), wording.measured(value)]


def test_nothing_reads_as_what_it_is_not(call: Call) -> None:
    body = "return a.map((value) => [m.share(value), m.scored(value, 2), m.measured(value)])"
    texts = [list(row[1:]) for row in WRITTEN]
    assert call(FIGURES, body, [row[0] for row in WRITTEN]) == texts
    assert [_of_wording(row[0]) for row in WRITTEN] == texts
    assert call(FIGURES, body, [None, "0.5"]) == [["\u2013"] * 3] * 2


def test_the_server_writes_the_same(call: Call) -> None:
    draw = random.Random(1)
    values = [draw.random() for _ in range(300)]
    values += [round(draw.random(), draw.randrange(6)) for _ in range(300)]
    values += [(draw.random() - 0.5) * 10 ** draw.randrange(-12, 18) for _ in range(300)]
    values += [1 - 10 ** -draw.uniform(1, 15) for _ in range(300)]
    body = "return a.map((value) => [m.share(value), m.scored(value, 2), m.measured(value)])"
    assert call(FIGURES, body, values) == [_of_wording(value) for value in values]
    body = "return a.map((pair) => m.apart(pair, m.measured))"
    pairs = [[value, value * (1 + 10 ** -draw.uniform(1, 8))] for value in values if value]
    told = [wording.apart(pair, wording.measured) for pair in pairs]
    assert call(FIGURES, body, pairs) == told
    others = [[value, draw.random()] for value in values]
    body = "return a.map((pair) => m.apart(pair))"
    assert call(FIGURES, body, others) == [wording.apart(pair) for pair in others]
    assert all(one != other for one, other in told)
    body = "return a.map((value) => m.probability(value))"
    chances = [0, 0.04999, 0.05, 0.00001, 0.25, 1]
    assert call(FIGURES, body, chances) == [wording.probability(value) for value in chances]


@pytest.mark.parametrize(
    ("values", "write", "texts"),
    [
        ([0.5, 0.25], "share", ["0.500", "0.250"]),
        ([0.7004, 0.7001], "share", ["0.7004", "0.7001"]),
        ([0.7, 0.7 + 1e-16], "share", ["0.700", "0.700"]),
        ([0.00012, 0.0004], "measured", ["0.00012", "0.0004"]),
        ([0.123456, 0.123457], "measured", ["0.123456", "0.123457"]),
        ([None, 0.5], "share", ["\u2013", "0.500"]),
        ([0.99967, 0.99934], "share", ["0.9997", "0.9993"]),
        ([0.99967, 0.5], "share", ["0.9997", "0.500"]),
        ([0.99967, None], "share", ["0.9997", "\u2013"]),
        ([1234.56789, 0.0004], "measured", ["1234.5679", "0.0004"]),
        ([4e-10, 0.12345678], "measured", ["4.0000e-10", "0.1235"]),
        ([], "share", []),
    ],
)
def test_what_differs_reads_differently(
    call: Call, values: list[Any], write: str, texts: list[str]
) -> None:
    assert call(FIGURES, "return m.apart(a, m[b])", values, write) == texts


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        (4006381333931, 4006381333938, ["4006381333931", "4006381333938", "7"]),
        (123456789012.75, 123456789012.25, ["123456789012.75", "123456789012.25", "0.5"]),
        (0.1, 0.3, ["0.1", "0.3", "0.2"]),
        (4006381333931.1, 4006381333931, ["4006381333931.1", "4006381333931", "0.1"]),
        (-0.0004, 0, ["-0.0004", "0", "0.0004"]),
        (2**60, 0, ["1.152921504606847e+18", "0", "1.15292150460685e+18"]),
    ],
)
def test_own_numbers_keep_their_digits(
    call: Call, one: float, other: float, shown: list[str]
) -> None:
    body = "return [m.exact(a), m.exact(b), m.distance(a, b)]"
    assert call(FIGURES, body, one, other) == shown


def test_changes_of_an_error_in_a_small_unit(call: Call) -> None:
    body = "return [m.change(a, b, false), m.change(a, b)].map((one) => one.outerHTML)"
    better, worse = "ev-better", "ev-worse"
    assert call("evals/changes.js", body, 0.0004, 0.00012) == [
        f'<span class="{better}" title="better">\u22120.00028</span>',
        f'<span class="{worse}" title="worse">\u22120.0003</span>',
    ]
    assert call("evals/changes.js", body, 4e-8, 1.2e-8)[0] == (
        f'<span class="{better}" title="better">\u22120.000000028</span>'
    )
    assert call("evals/changes.js", "return m.change(a, b).outerHTML", 0.3, 0.1 + 0.2) == (
        '<span class="" title="the same">\u00b10.000</span>'
    )


def test_stretches_keep_their_digits(call: Call) -> None:
    found = {
        "stretches": [
            ["prediction", "on", 1704067200123, 1704067200128, "tp", 0.9],
            ["prediction", "on", 0.0001, 0.0004, "fp", 0.49999],
        ],
        "isCut": False,
    }
    body = "return [...m.timeline(a).querySelectorAll('.ev-stretch')].map((one) => one.title)"
    assert call("evals/timeline.js", body, found) == [
        "on 1704067200123 to 1704067200128, right, score 0.900",
        "on 0.0001 to 0.0004, false positive, score 0.49999",
    ]
