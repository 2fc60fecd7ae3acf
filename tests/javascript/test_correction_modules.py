"""What corrections are made of: shapes, passages, changes of a result, steps and keys."""

from typing import Any

import pytest

from tests.javascript.conftest import Call

SIZE = [200, 100]
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
TURNED = {"x": 50, "y": 50, "width": 20, "height": 20, "rotation": 90}
CORNERS: dict[str, Any] = {"points": [[10, 10], [30, 10], [30, 40]], "closed": True}
OVAL = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (BOX, "rectangle"),
        (OVAL, "ellipse"),
        (CORNERS, "polygon"),
        ({"x": 1, "y": 2, "width": 0.5}, "keypoint"),
        ({"rle": [1], "x": 1, "y": 1}, None),
        ({"points": [[1, "2"]]}, None),
        ({"points": []}, None),
        ({"x": "1", "y": 2, "width": 3, "height": 4}, None),
        ({"choices": ["a"]}, None),
        (None, None),
    ],
)
def test_kinds(call: Call, value: Any, kind: str | None) -> None:
    assert call("desk/task/geometry.js", "return m.kindOf(a)", value) == kind


@pytest.mark.parametrize(
    ("value", "step", "moved"),
    [
        (BOX, [5, -5], {"x": 15, "y": 15}),
        # As far as the image goes.
        (BOX, [100, -100], {"x": 70, "y": 0}),
        (CORNERS, [-20, 1], {"points": [[0, 11], [20, 11], [20, 41]]}),
        (OVAL, [100, 100], {"x": 90, "y": 80}),
        # Turned about its corner it reaches 10 to the left of it: 20 per cent of the height.
        (TURNED, [-100, 0], {"x": 10, "y": 50}),
        # What is outside already may come back.
        ({**BOX, "x": -10}, [-5, 0], {"x": -10, "y": 20}),
        ({**BOX, "x": -10}, [5, 0], {"x": -5, "y": 20}),
    ],
)
def test_shapes_move(call: Call, value: Any, step: list[float], moved: Any) -> None:
    found = call("desk/task/geometry.js", "return m.moved(a, ...b, c)", value, step, SIZE)
    assert found == pytest.approx(moved) if "x" in moved else found == moved


@pytest.mark.parametrize(
    ("value", "handle", "at", "resized"),
    [
        (BOX, "se", [60, 80], {"width": 50, "height": 60}),
        (BOX, "e", [60, 99], {"width": 50}),
        (BOX, "nw", [0, 0], {"x": 0, "y": 0, "width": 40, "height": 60}),
        (BOX, "w", [20, 99], {"x": 20, "width": 20}),
        # Over to the other side, and no farther than the image.
        (BOX, "e", [-7, 0], {"x": 0, "width": 10}),
        (TURNED, "e", [50, 70], {"width": 10}),
        (OVAL, "e", [70, 0], {"radiusX": 20}),
        (OVAL, "s", [0, 60], {"radiusY": 10}),
        (CORNERS, "9", [1, 1], {}),
    ],
)
def test_shapes_are_resized(
    call: Call, value: Any, handle: str, at: list[float], resized: Any
) -> None:
    body = "return m.resized(a, b, c, d)"
    found = call("desk/task/geometry.js", body, value, handle, at, SIZE)
    assert found == pytest.approx(resized)


def test_a_turned_box_keeps_the_corner_that_nobody_holds(call: Call) -> None:
    """The corner across from the one that moves stays, whatever the turn."""
    body = """
        const value = { x: 40, y: 40, width: 20, height: 30, rotation: 25 };
        const corner = (one, name) => m.handlesOf(one, a).find((handle) => handle.name === name);
        const before = corner(value, "se");
        const after = { ...value, ...m.resized(value, "nw", [30, 35], a) };
        const held = corner(after, "nw");
        return [before.x - corner(after, "se").x, before.y - corner(after, "se").y,
                held.x - 60, held.y - 35];
    """
    assert call("desk/task/geometry.js", body, SIZE) == pytest.approx([0, 0, 0, 0], abs=1e-9)


def test_points_of_polygons(call: Call) -> None:
    body = """
        const more = { ...a, ...m.withPoint(a, 2) };
        return [m.resized(a, "1", [50, 60], b).points, more.points,
                m.withoutPoint(more, 3).points, m.withoutPoint(a, 0)];
    """
    corners = CORNERS["points"]
    assert call("desk/task/geometry.js", body, CORNERS, SIZE) == [
        [[10, 10], [50, 60], [30, 40]],
        [[10, 10], [30, 10], [30, 40], [20, 25]],
        corners,
        {},
    ]


def test_new_shapes(call: Call) -> None:
    body = (
        "return [m.drawnFrom('rectangle', [60, 70], [50, -9]),"
        " m.drawnFrom('ellipse', [0, 0], [10, 20]), m.drawnFrom('keypoint', [1, 2], [3, 4]),"
        " m.inTheMiddle('polygon')]"
    )
    assert call("desk/task/geometry.js", body) == [
        {"x": 50, "y": 0, "width": 10, "height": 70, "rotation": 0},
        {"x": 5, "y": 10, "radiusX": 5, "radiusY": 10, "rotation": 0},
        {"x": 3, "y": 4, "width": 0.5},
        {"points": [[50, 40], [60, 50], [50, 60], [40, 50]], "closed": True},
    ]


def test_the_way_back_and_forth(call: Call) -> None:
    body = """
        const steps = new m.History("a");
        const seen = [];
        const look = (did) => seen.push([did, steps.present, steps.canUndo, steps.canRedo]);
        look(steps.undo());
        steps.go("b");
        steps.go("b");
        steps.go("c");
        look(steps.undo());
        look(steps.undo());
        look(steps.redo());
        steps.go("d");
        look(steps.redo());
        for (let n = 0; n < m.MOST_STEPS + 9; n += 1) steps.go(n);
        let n = 0;
        while (steps.undo()) n += 1;
        return [seen, n === m.MOST_STEPS];
    """
    assert call("desk/task/history.js", body) == [
        [
            [False, "a", False, False],
            [True, "b", True, True],
            [True, "a", False, True],
            [True, "b", True, True],
            [False, "d", True, False],
        ],
        True,
    ]


RESULT: list[dict[str, Any]] = [
    {"id": "1", "from_name": "box", "score": 0.5, "value": {**BOX, "rectanglelabels": ["a"]}},
    {"id": "1", "from_name": "note", "value": {"text": ["x"]}},
    {"id": "2", "from_name": "mood", "value": {"choices": ["good"]}},
]


def test_what_is_sent_of_a_correction(call: Call) -> None:
    body = """
        let items = m.itemsOf(a);
        const moved = m.withValues(items, "r0", { x: 11, y: 20 });
        const back = m.withValues(moved, "r0", { x: 10 });
        const made = m.withNew(moved, { id: "n", from_name: "box", value: { x: 1 } });
        return [m.entriesOf(items), m.entriesOf(moved), m.entriesOf(back),
                m.entriesOf(m.withValues(made, "nn", { x: 2 })), m.entriesOf(m.without(made, "r0")),
                m.withValues(items, "r0", { x: 10 }) === items, m.wholeEntries(moved)[0]];
    """
    untouched = [{"from": 0}, {"from": 1}, {"from": 2}]
    moved = [{"from": 0, "value": {"x": 11}}, *untouched[1:]]
    new: dict[str, Any] = {"region": {"id": "n", "from_name": "box", "value": {"x": 1}}}
    assert call("desk/task/edits.js", body, RESULT) == [
        untouched,
        moved,
        untouched,
        [*moved, {"region": {**new["region"], "value": {"x": 2}}}],
        # What shares the id goes along.
        [{"from": 2}, new],
        True,
        {"region": {**RESULT[0], "value": {**RESULT[0]["value"], "x": 11}}},
    ]


def test_choices(call: Call) -> None:
    body = """
        const items = m.itemsOf(a);
        const of = (found) => [m.chosenOf(found, b), m.entriesOf(found).at(-1)];
        const gone = m.withChoices(items, b, [], "n");
        return [of(items), of(m.withChoices(items, b, ["bad", "sad"], "n")), of(gone),
                of(m.withChoices(gone, b, ["bad"], "n"))];
    """
    tool = {"name": "mood", "to": "text", "type": "choices", "key": "choices"}
    made = {
        "id": "n",
        "from_name": "mood",
        "to_name": "text",
        "type": "choices",
        "origin": "manual",
        "value": {"choices": ["bad"]},
    }
    assert call("desk/task/edits.js", body, RESULT, tool) == [
        [["good"], {"from": 2}],
        [["bad", "sad"], {"from": 2, "value": {"choices": ["bad", "sad"]}}],
        [[], {"from": 1}],
        [["bad"], {"region": made}],
    ]


def test_passages(call: Call) -> None:
    body = """
        return [m.piecesOf("abcdef", [{ start: 1, end: 4 }, { start: 3, end: 9 }]),
                m.passageOf("abc", -1, 0), m.passageOf("abc", 9, 9), m.nextWord(a, 0),
                m.nextWord(a, 5), m.nextWord(a, 99), m.nextWord(" .", 0),
                m.trimmed(a, 2, 10), m.trimmed(a, 2, 3)];
    """
    assert call("desk/task/spans.js", body, "In Berlin, Köln") == [
        [
            {"start": 0, "end": 1, "inside": []},
            {"start": 1, "end": 3, "inside": [0]},
            {"start": 3, "end": 4, "inside": [0, 1]},
            {"start": 4, "end": 6, "inside": [1]},
        ],
        {"start": 0, "end": 1, "text": "a"},
        {"start": 2, "end": 3, "text": "c"},
        {"start": 0, "end": 2, "text": "In"},
        {"start": 11, "end": 15, "text": "Köln"},
        {"start": 0, "end": 2, "text": "In"},
        None,
        [3, 10],
        None,
    ]


@pytest.mark.parametrize(
    ("press", "is_editing", "act"),
    [
        ({"key": "ArrowLeft"}, False, "before"),
        ({"key": "ArrowLeft"}, True, "nudge"),
        ({"key": "ArrowLeft", "ctrlKey": True}, True, "stretch"),
        ({"key": "ArrowLeft", "ctrlKey": True}, False, None),
        ({"key": "ArrowLeft", "altKey": True}, True, None),
        ({"key": "?", "shiftKey": True}, False, "help"),
        ({"key": "z", "metaKey": True}, True, "undo"),
        ({"key": "Z", "ctrlKey": True, "shiftKey": True}, True, "redo"),
        ({"key": "3"}, True, "label"),
        ({"key": "3"}, False, None),
        ({"key": "q"}, True, None),
    ],
)
def test_keys(call: Call, press: dict[str, Any], is_editing: bool, act: str | None) -> None:
    body = "return m.keyOf(new KeyboardEvent('keydown', a), b)?.act ?? null"
    assert call("desk/task/keys.js", body, press, is_editing) == act
