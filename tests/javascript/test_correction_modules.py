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


UNSCORED = {name: value for name, value in RESULT[0].items() if name != "score"}


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
        # The score was about what was there before.
        {"region": {**UNSCORED, "value": {**RESULT[0]["value"], "x": 11}}},
    ]


def test_answers(call: Call) -> None:
    body = """
        const items = m.itemsOf(a);
        const of = (found) => [m.answerOf(found, b), m.entriesOf(found).at(-1)];
        const gone = m.withAnswer(items, b, [], "n");
        return [of(items), of(m.withAnswer(items, b, ["bad", "sad"], "n")), of(gone),
                of(m.withAnswer(gone, b, ["bad"], "n")), of(m.withAnswer(items, b, null, "n"))];
    """
    tool = {"name": "mood", "to": ["text"], "type": "choices", "key": "choices"}
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
        [None, {"from": 1}],
        [["bad"], {"region": made}],
        [None, {"from": 1}],
    ]


TOOLS: list[dict[str, Any]] = [
    {
        "name": "box", "to": ["one", "pages"], "type": "rectanglelabels", "kind": "rectangle",
        "key": "rectanglelabels", "labels": [["a", "a", ["a"]]],
    },
    {
        "name": "what", "to": ["first", "second"], "type": "labels", "kind": "span",
        "key": "labels", "labels": [["City", "City", ["City"]]],
    },
    {"name": "mask", "to": ["one"], "type": "brushlabels", "kind": "labels",
     "key": "brushlabels", "labels": [["sky", "sky", ["sky"]], ["sea", "sea", ["sea"]]]},
]  # fmt: skip
EDITOR = """
    const editor = new m.Editor({ kind: null, id: null, updatedAt: null, result: b }, a);
    editor.names = new Set(["one", "pages", "first", "second"]);
    const one = { name: "one", page: null, size: [200, 100] };
    const page = (page, size) => ({ name: "pages", page, size });
    editor.pictures = [one, page(0, null), page(1, [50, 50])];
    editor.texts = new Map([["first", "In Berlin"], ["second", "At Rome"]]);
    const last = () => {
      const { id, ...region } = editor.items.at(-1).region;
      return region;
    };
"""


def test_new_regions_are_of_the_picture_or_text_that_is_worked_on(call: Call) -> None:
    body = (
        EDITOR
        + """
        const found = [];
        editor.addByKey();
        found.push(last());
        editor.picture = editor.pictures[2];
        editor.take(editor.tools[0]);
        editor.addByKey();
        found.push(last());
        editor.picture = editor.pictures[1];
        editor.take(editor.tools[0]);
        editor.addByKey();
        found.push(last());
        editor.take(editor.tools[1]);
        editor.addByKey();
        found.push(last());
        editor.add({ start: 3, end: 7, text: "Rome" }, { name: "second" });
        editor.addByKey();
        editor.nudge(1, 0);
        found.push(editor.items.at(-1).changed, last().to_name);
        return found;
    """
    )
    middle = {"x": 40, "y": 40, "width": 20, "height": 20, "rotation": 0}
    box = {
        "from_name": "box",
        "type": "rectanglelabels",
        "origin": "manual",
        "value": {**middle, "rectanglelabels": ["a"]},
    }
    sizes = {"original_width": 200, "original_height": 100, "image_rotation": 0}
    first, second, third, word, moved, name = call("desk/task/editor.js", body, TOOLS, [])
    assert first == {**box, **sizes, "to_name": "one"}
    page = {"to_name": "pages", "item_index": 1}
    assert second == {**box, **page, **sizes, "original_width": 50, "original_height": 50}
    # Of a picture that has not come nobody knows the size.
    assert third == {**box, "to_name": "pages", "item_index": 0}
    value = {"start": 0, "end": 2, "text": "In", "labels": ["City"]}
    span = {"from_name": "what", "type": "labels", "origin": "manual"}
    assert word == {**span, "to_name": "first", "value": value}
    # After the last word of the second text comes its first one.
    assert (moved, name) == ({"start": 1, "text": "t"}, "second")


def test_what_cannot_be_moved_stays(call: Call) -> None:
    """A mask keeps its value, and takes another label; a point that was undone is not chosen."""
    result = [
        {"from_name": "mask", "to_name": "one", "value": {"rle": [1], "brushlabels": ["sky"]}},
        {"from_name": "outline", "to_name": "one", "value": CORNERS},
        {"from_name": "note", "to_name": "one", "value": {"text": ["x"]}},
    ]
    body = (
        EDITOR
        + """
        const places = editor.items.map((item) => editor.isPlace(item));
        editor.choose("r0");
        editor.nudge(5, 5);
        editor.stretch(5, 5);
        const untouched = editor.items === editor.original;
        editor.giveLabel("sea");
        const label = editor.item.changed;
        editor.choose("r1", { point: 2 });
        editor.addPoint();
        const added = editor.point;
        editor.undo();
        const undone = editor.point;
        editor.nudge(1, 1);
        editor.choose("r1", { point: 0 });
        editor.remove();
        return [places, untouched, label, added, undone, editor.point, editor.items.length];
    """
    )
    found = call("desk/task/editor.js", body, TOOLS, result)
    assert found == [[True, True, False], True, {"brushlabels": ["sea"]}, 3, None, 0, 3]


def test_regions_are_on_the_picture_that_they_name(call: Call) -> None:
    result = [
        {"to_name": "pages", "item_index": 1},
        {"to_name": "pages"},
        {"to_name": "pages", "item_index": 7},
        {"to_name": "nowhere"},
        {"to_name": "first"},
        None,
    ]
    place = "(item) => editor.pictures.indexOf(editor.pictureOf(item))"
    body = f"{EDITOR} return editor.items.map({place})"
    assert call("desk/task/editor.js", body, TOOLS, result) == [2, 1, -1, 0, -1, 0]


def test_forms_of_answers(call: Call) -> None:
    body = """
        const { Editor } = await import("/static/desk/task/editor.js");
        const editor = new Editor({ kind: null, id: null, updatedAt: null, result: [] }, a);
        const host = document.createElement("div");
        document.body.append(host);
        host.append(...a.map((tool) => m.question(tool, editor)));
        const value = ({ region, changed }) => ({ ...region.value, ...changed });
        const now = () => editor.items.map(value);
        const fields = [...host.querySelectorAll("input, textarea")];
        const change = (field) => field.dispatchEvent(new Event("change"));
        const tick = (at, checked = true) => { fields[at].checked = checked; change(fields[at]); };
        const seen = [];
        tick(1); seen.push(now());
        tick(2); seen.push(now());
        tick(1, false); seen.push(now());
        tick(5); tick(7); tick(8); seen.push(now());
        fields[9].value = "1.5"; change(fields[9]); seen.push(now());
        const text = host.querySelector("textarea");
        text.value = "  hello"; change(text); seen.push(now());
        seen.push(host.querySelectorAll("textarea").length);
        editor.undo(); editor.undo(); seen.push([fields[9].value, fields[5].checked]);
        host.remove();
        return seen;
    """
    choice = {"to": ["text"], "multiple": True, "most": 50, "labels": []}
    tools = [
        {**choice, "name": "tree", "type": "taxonomy", "kind": "paths", "key": "taxonomy",
         "labels": [["A", "A", ["A"]], ["A / B", "A / B", ["A", "B"]], ["C", "C", ["C"]]]},
        {**choice, "name": "stars", "type": "rating", "kind": "rating", "key": "rating", "most": 3},
        {**choice, "name": "mood", "type": "choices", "kind": "choices", "key": "choices",
         "multiple": False, "labels": [["good", "Good", ["good"]]]},
        {**choice, "name": "n", "type": "number", "kind": "number", "key": "number"},
        {**choice, "name": "note", "type": "textarea", "kind": "text", "key": "text"},
    ]  # fmt: skip
    tree = [{"taxonomy": [["C"]]}]
    answered = [*tree, {"rating": 3}]
    assert call("desk/task/questions.js", body, tools) == [
        [{"taxonomy": [["A", "B"]]}],
        [{"taxonomy": [["A", "B"], ["C"]]}],
        tree,
        # The third star, the choice, and then none of it.
        answered,
        [*answered, {"number": 1.5}],
        [*answered, {"number": 1.5}, {"text": ["  hello"]}],
        2,
        ["", True],
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


def test_an_emoji_is_one_character(call: Call) -> None:
    """As in evaluations and Label Studio; of the units of a string it is two."""
    body = """
        return [m.passageOf(a, 1, 3), m.passageOf(a, 9, 9), m.nextWord(a, 0), m.nextWord(a, 1),
                m.nextWord(a, 3), m.trimmed(a, 1, 6)];
    """
    assert call("desk/task/spans.js", body, "😀 Köln 😀") == [
        {"start": 1, "end": 3, "text": " K"},
        {"start": 7, "end": 8, "text": "😀"},
        {"start": 0, "end": 1, "text": "😀"},
        {"start": 2, "end": 6, "text": "Köln"},
        {"start": 7, "end": 8, "text": "😀"},
        [2, 6],
    ]
    body = """
        const made = m.markedText(a, [{ start: 2, end: 6, name: "City", color: [0, 0, 0] }]);
        return [made.textContent, made.querySelector("mark").textContent];
    """
    assert call("desk/task/texts.js", body, "😀 Köln 😀") == ["😀 Köln 😀", "Köln"]
    body = """
        const host = document.createElement("div");
        m.showTexts(host, [["text", a]], [{ passage: [2, 6], side: "prediction", label: "City" }]);
        return [host.querySelector("p").textContent, host.querySelector("mark").textContent];
    """
    assert call("desk/answers.js", body, "😀 Köln 😀") == ["😀 Köln 😀", "Köln"]


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
