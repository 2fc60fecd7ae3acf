"""What the pages of evaluations are made of: their address, outlines, colours, numbers, tables."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.javascript.conftest import ADDRESS, Call

PAGE = "/admin/evals/modeleval/abc1/"
SQUARE = {"x": [0, 10, 10, 0], "y": [0, 0, 10, 10]}


@pytest.mark.parametrize(
    ("query", "split", "confidence"),
    [
        ("", "test", 40),
        ("?split=all", "all", 40),
        ("?confidence=5&split=valid", "valid", 5),
    ],
)
def test_the_address_is_read(
    page: Page, call: Call, query: str, split: str, confidence: int
) -> None:
    page.goto(PAGE + query)
    body = "const { split, confidence, get, all } = m.read(); return [split, confidence, get('x')]"
    assert call("evals/state.js", body) == [split, confidence, None]


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("?a=1", {"b": 2}, "?a=1&b=2"),
        ("?a=1&b=2", {"a": None}, "?b=2"),
        ("?a=1", {"a": ""}, ""),
        ("?curve=a&curve=b", {"curve": ["b", "c"]}, "?curve=b&curve=c"),
        ("?curve=a", {"curve": []}, ""),
        ("", {"class": "a & <b>"}, "?class=a+%26+%3Cb%3E"),
        ("", {"offset": 0}, "?offset=0"),
    ],
)
def test_the_address_is_written(
    page: Page, call: Call, before: str, changes: dict[str, Any], after: str
) -> None:
    page.goto(PAGE + before)
    assert call("evals/state.js", "m.write(a); return location.search", changes) == after
    assert page.url == ADDRESS + PAGE + after


def test_who_watches_is_told_once(call: Call) -> None:
    body = (
        "const heard = []; m.watch(['split'], ({ split }) => heard.push(split));"
        " m.watch(['confidence'], ({ confidence }) => heard.push(confidence));"
        " for (let n = 0; n < 2; n += 1) m.write({ split: 'all' });"
        " m.write({ confidence: 7, split: 'all' });"
        " return heard"
    )
    assert call("evals/state.js", body) == ["all", "all", 7]


@pytest.mark.parametrize(
    ("path", "more", "address"),
    [
        ("", {}, f"{PAGE}?split=test&confidence=40"),
        ("images/", {"cell": "1,2"}, f"{PAGE}images/?split=test&confidence=40&cell=1%2C2"),
        ("metrics/", {"confidence": 9, "class": None}, f"{PAGE}metrics/?split=test&confidence=9"),
    ],
)
def test_addresses_of_pages(call: Call, path: str, more: dict[str, Any], address: str) -> None:
    assert call("evals/state.js", "return m.page(a, b)", path, more) == address


def test_split_and_confidence_go_along(call: Call) -> None:
    body = (
        "const root = document.createElement('div'); root.innerHTML ="
        ' \'<a data-carry href="/x/?a=1">x</a><a href="/y/">y</a>\'; m.carry(root);'
        " return [...root.children].map((link) => link.getAttribute('href'))"
    )
    carried = f"{ADDRESS}/x/?a=1&split=test&confidence=40"
    assert call("evals/state.js", body) == [carried, "/y/"]


def test_only_the_last_call_counts(call: Call) -> None:
    body = (
        "return new Promise((done) => { const work = m.settled((n) => done(n), 1);"
        " work(1); work(2); work(3); })"
    )
    assert call("evals/state.js", body) == 3


@pytest.mark.parametrize(
    ("text", "outline"),
    [
        ("0,1,2,3,4,5", {"x": [0, 2, 4], "y": [1, 3, 5]}),
        ("-1.5,1e2,2,3,4,5", {"x": [-1.5, 2, 4], "y": [100, 3, 5]}),
        ("0,1,2,3", None),
        ("0,1,2,3,4,x", None),
        ("0,1,2,3,4,Infinity", None),
        ("", None),
        (None, None),
    ],
)
def test_outlines_in_an_address(call: Call, text: str | None, outline: Any) -> None:
    assert call("evals/outline.js", "return m.parseOutline(a)", text) == outline


def test_outlines_go_back_into_the_address(call: Call) -> None:
    """Five digits, and sixty corners at most."""
    body = "return m.outlineText(a)"
    outline = {"x": [0.123456789, 2, 4], "y": [-1, 300000.5, 0]}
    assert call("evals/outline.js", body, outline) == "0.12346,-1,2,300000,4,0"
    many = {"x": list(range(150)), "y": list(range(150))}
    kept = call("evals/outline.js", body, many).split(",")
    assert kept[:6] == ["0", "0", "3", "3", "6", "6"]
    assert len(kept) == 100


@pytest.mark.parametrize(
    ("outline", "inside"),
    [
        (SQUARE, [0, 2]),
        # A bow tie: what is in both halves of it, not between them.
        ({"x": [0, 10, 10, 0], "y": [0, 10, 0, 10]}, [0, 2]),
        # Drawn twice around: the even-odd rule leaves nothing.
        ({"x": SQUARE["x"] * 2, "y": SQUARE["y"] * 2}, []),
        ({"x": [20, 30, 30], "y": [20, 20, 30]}, []),
    ],
)
def test_points_inside(call: Call, outline: Any, inside: list[int]) -> None:
    points = {"x": [1, -1, 9, 11], "y": [5, 5, 5, 5]}
    assert call("evals/outline.js", "return m.pointsInside(a, b)", points, outline) == inside


def test_outlines_of_boxes(call: Call) -> None:
    body = "const box = m.boxOutline(a, b); return [box, m.outlinePath(box)]"
    box = {"x": [1, 3, 3, 1], "y": [2, 2, 4, 4]}
    assert call("evals/outline.js", body, [1, 3], [2, 4]) == [box, "M1,2L3,2L3,4L1,4Z"]


def test_colours(call: Call) -> None:
    """Seven in turn and grey for noise; shares from vermilion to blue."""
    body = "return [a.map(m.groupColour), b.map(m.shareColour)]"
    assert call("evals/colours.js", body, [0, 6, 7, -1], [-1, 0, 0.5, 1, 2]) == [
        ["#0072b2", "#8c6bb1", "#0072b2", "#7f7f7f"],
        [
            "rgb(213, 94, 0)",
            "rgb(213, 94, 0)",
            "rgb(158, 170, 117)",
            "rgb(0, 114, 178)",
            "rgb(0, 114, 178)",
        ],
    ]


def test_numbers(call: Call) -> None:
    body = "return a.map((value) => [m.share(value), m.count(value)])"
    assert call("evals/dom.js", body, [0.12345, 1234567, None, "0.5"]) == [
        ["0.123", "0.123"],
        ["1234567.000", "1,234,567"],
        ["\u2013", "\u2013"],
        ["\u2013", "\u2013"],
    ]


def test_a_table(call: Call) -> None:
    body = "return m.table('Cars', ['Name', '<b>'], [['<i>', null], ['x', 3]]).outerHTML"
    assert call("evals/dom.js", body) == (
        '<table class="ev-table"><caption class="ev-hidden">Cars</caption>'
        '<thead><tr><th scope="col">Name</th><th scope="col">&lt;b&gt;</th></tr></thead>'
        '<tbody><tr><th scope="row">&lt;i&gt;</th><td data-label="&lt;b&gt;">\u2013</td></tr>'
        '<tr><th scope="row">x</th><td data-label="&lt;b&gt;">3</td></tr></tbody></table>'
    )


def test_a_panel_shows_the_last_answer_or_its_problem(call: Call) -> None:
    body = """
        const panel = document.createElement("div");
        let first;
        const slow = m.fill(panel, new Promise((resolve) => { first = resolve; }));
        const busy = panel.getAttribute("aria-busy");
        await m.fill(panel, Promise.resolve(["second", null]));
        first("first");
        await slow;
        const shown = panel.textContent;
        await m.fill(panel, Promise.resolve(undefined));
        const kept = panel.textContent;
        await m.fill(panel, Promise.reject(new Error("<b>no</b>")));
        return [busy, shown, kept, panel.innerHTML, panel.hasAttribute("aria-busy")];
    """
    problem = '<p class="ev-problem" role="alert">&lt;b&gt;no&lt;/b&gt;</p>'
    assert call("evals/dom.js", body) == ["true", "second", "second", problem, False]


@pytest.mark.parametrize(
    ("counts", "rounded", "shown"),
    [
        ((3000, 1, 0), (1.0, 1.0, 1.0), (3000 / 3001, 1, 6000 / 6001)),
        ((1, 0, 2999), (1.0, 0.0, 0.001), (1, 1 / 3000, 0.001)),
        ((2, 1, 0), (0.667, 1.0, 0.8), (0.667, 1, 0.8)),
        ((0, 1, 1), (0.0, 0.0, 0.0), (0, 0, 0)),
        # Nothing at all; and an imported file that says something else.
        ((0, 0, 0), (1.0, 1.0, 1.0), (1, 1, 1)),
        ((5, 5, 5), (1.0, 0.0, 0.25), (1, 0, 0.25)),
    ],
)
def test_scores_of_an_image_are_no_0_or_1_by_rounding(
    page: Page,
    call: Call,
    counts: tuple[int, ...],
    rounded: tuple[float, ...],
    shown: tuple[float, ...],
) -> None:
    page.goto(PAGE)
    names = ("truePositives", "falsePositives", "falseNegatives", "precision", "recall", "f1")
    stats = dict(zip(names, (*counts, *rounded), strict=True))
    body = "const { precision, recall, f1 } = m.scoresOf(a); return [precision, recall, f1]"
    assert call("evals/cards.js", body, stats) == list(shown)
