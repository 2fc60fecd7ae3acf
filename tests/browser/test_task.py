"""The page of a task in a real browser: what it shows, and corrections by pointer and by key."""

import base64
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.browser.test_review import PIXEL, Api
from tests.house.quickstarting import Quickstart

pytestmark = pytest.mark.slow

CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="Car"/><Label value="Person"/>
</RectangleLabels><PolygonLabels name="outline" toName="image"><Label value="Road"/>
</PolygonLabels></View>"""
TEXT = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
<Labels name="what" toName="text"><Label value="City"/><Label value="Person"/></Labels></View>"""
SEVERAL = """<View><Image name="front" value="$front"/><Image name="pages" valueList="$pages"/>
<RectangleLabels name="box" toName="front,pages"><Label value="Car"/><Label value="Person"/>
</RectangleLabels><Text name="note" value="$note"/><Taxonomy name="tree" toName="note">
<Choice value="Road"><Choice value="Wet"/></Choice></Taxonomy>
<Rating name="stars" toName="note"/><Number name="count" toName="note"/>
<TextArea name="remark" toName="note"/><Pairwise name="pair" toName="front,pages"/></View>"""
SIZE: dict[str, Any] = {
    "original_width": 400,
    "original_height": 300,
    "image_rotation": 0,
    "to_name": "image",
}
BOX: dict[str, Any] = {
    "id": "b1", "from_name": "box", "type": "rectanglelabels", "score": 0.9, **SIZE,
    "item_index": 0, "meta": {"text": ["seen"]},
    "value": {
        "x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["Car"],
    },
}  # fmt: skip
OUTLINE: dict[str, Any] = {
    "id": "p1", "from_name": "outline", "type": "polygonlabels", "score": 0.8, **SIZE,
    "value": {"points": [[50, 50], [80, 50], [80, 80]], "closed": True, "polygonlabels": ["Road"]},
}  # fmt: skip
NOTE = "In Berlin it rains, and Anna stays at home."
SPAN: dict[str, Any] = {
    "id": "s1", "from_name": "what", "to_name": "text", "type": "labels",
    "value": {"start": 3, "end": 8, "text": "Berli", "labels": ["City"]},
}  # fmt: skip
MOOD: dict[str, Any] = {
    "id": "m1", "from_name": "mood", "to_name": "text", "type": "choices",
    "value": {"choices": ["good"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def api(desk: Quickstart, address: str) -> Api:
    return Api(address, desk.fact("Token"))


def picture() -> str:
    """Of 400 by 300 pixels."""
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (400, 300), "#94a3b8").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def task_of(api: Api, prediction: int) -> int:
    return int(api.get(f"predictions/{prediction}/")["task"])


def correct(task: int, source: str) -> str:
    return f"/admin/predictions/task/{task}/review/?edit={source}"


def annotations(api: Api, task: int) -> list[Any]:
    return list(api.get(f"tasks/{task}/annotations/"))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], *, at: int = 0) -> None:
    """From one place of an image to another, both in per cent."""
    page.locator(".task-canvas").nth(at).scroll_into_view_if_needed()
    box = page.locator(".task-canvas").nth(at).bounding_box()
    assert box
    places = [
        (box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100)
        for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def unscored(region: Any, **value: Any) -> Any:
    kept = {name: one for name, one in region.items() if name != "score"}
    return {**kept, "value": {**region["value"], **value}}


def near(numbers: Any) -> Any:
    """A pointer stands on whole pixels of the screen."""
    return pytest.approx(numbers, abs=0.6)


def test_corrects_shapes_with_a_pointer(open_page: OpenPage, api: Api) -> None:
    project = api.project("Corrected here", CONFIG)
    third = {**BOX, "id": "b2", "value": {**BOX["value"], "x": 70.123456789012345, "y": 5}}
    said = [BOX, OUTLINE, third]
    pk = api.prediction(project, {"image": picture()}, said, model_version="v1", score=0.5)
    task = task_of(api, pk)
    page = open_page(f"/admin/predictions/task/{task}/review/")
    page.get_by_role("link", name=f"Correct prediction {pk}").click()
    expect(page.locator(".task-shape")).to_have_count(3)
    # Moved, made wider, called something else.
    drag(page, (20, 20), (30, 40))
    drag(page, (40, 40), (50, 40))
    page.keyboard.press("2")
    # A point of the outline.
    drag(page, (75, 60), (75, 60))
    drag(page, (80, 80), (70, 90))
    # A new box, and one deleted, and that undone and done again.
    page.get_by_role("button", name="Box: box").click()
    drag(page, (5, 60), (25, 90))
    expect(page.locator(".task-shape")).to_have_count(4)
    page.keyboard.press("Delete")
    expect(page.locator(".task-shape")).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(page.locator(".task-shape")).to_have_count(4)
    for name in ("Undo", "Redo"):
        page.get_by_role("button", name=name).click()
    # A new outline, closed where it began.
    page.get_by_role("button", name="Polygon: outline").click()
    for place in ((40, 10), (60, 10), (60, 30), (40, 10)):
        drag(page, place, place)
    expect(page.locator(".task-shape")).to_have_count(5)
    expect(page.get_by_label("Ground truth")).to_be_checked()
    check_accessibility(page)
    screenshot(page, "task-correct")
    page.get_by_role("button", name="Save as annotation").click()
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    (made,) = annotations(api, task)
    assert (made["ground_truth"], made["parent_prediction"]) == (True, pk)
    moved, outline, untouched, *new = made["result"]
    assert untouched == third
    assert moved == unscored(
        BOX, x=near(20), y=near(30), width=near(30), rectanglelabels=["Person"]
    )
    points = [[50, 50], [80, 50], [near(70), near(90)]]
    assert outline == unscored(OUTLINE, points=points)
    assert [(one["from_name"], one["original_width"]) for one in new] == [
        ("box", 400),
        ("outline", 400),
    ]
    assert new[0]["value"]["height"] == near(30)
    assert api.get(f"predictions/{pk}/")["result"] == said


def test_corrects_passages_and_choices(open_page: OpenPage, api: Api, expected: list[str]) -> None:
    expected += ["409 (Conflict)"]
    project = api.project("Read here", TEXT)
    pk = api.prediction(project, {"text": NOTE, "source": "diary"}, [SPAN, MOOD])
    task = task_of(api, pk)
    page = open_page(correct(task, f"prediction-{pk}"))
    expect(page.locator(".task-text mark")).to_have_text("Berli")
    page.keyboard.press("Control+ArrowRight")
    expect(page.locator(".task-text mark")).to_have_text("Berlin")
    # What is selected is marked, then called by a number.
    page.locator("#things .task-text").first.evaluate(
        """(text) => {
            const last = text.lastChild;
            const at = last.data.indexOf("Anna");
            getSelection().setBaseAndExtent(last, at, last, at + 5);
            document.dispatchEvent(new PointerEvent("pointerup"));
        }"""
    )
    expect(page.locator(".task-text mark")).to_have_text(["Berlin", "Anna"])
    page.keyboard.press("2")
    page.get_by_label("bad", exact=True).check()
    check_accessibility(page)
    page.get_by_role("button", name="Save as annotation").click()
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    (made,) = annotations(api, task)
    span, mood, new = made["result"]
    assert span == unscored(SPAN, end=9, text="Berlin")
    assert mood == unscored(MOOD, choices=["bad"])
    anna = {"start": 24, "end": 28, "text": "Anna", "labels": ["Person"]}
    assert (new["from_name"], new["to_name"], new["value"]) == ("what", "text", anna)
    expect(page.locator("#answers")).to_contain_text("bad")
    # Somebody else is quicker with this one.
    page.get_by_role("link", name=f"Correct annotation {made['id']}").click()
    expect(page.locator("#editor-status")).to_contain_text("Chosen: City")
    page.keyboard.press("Delete")
    expect(page.locator(".task-text mark")).to_have_text("Anna")
    body = {"result": [MOOD]}
    api.session.patch(f"{api.address}/api/annotations/{made['id']}/", json=body, timeout=30)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#conflict")).to_contain_text("was changed meanwhile: nothing is stored")
    check_accessibility(page)
    page.get_by_role("button", name="Save mine as another annotation").click()
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    first, second = annotations(api, task)
    assert (first["result"], second["result"]) == ([MOOD], [mood, new])
    assert (second["parent_annotation"], second["ground_truth"]) == (first["id"], False)


def test_corrects_with_keys_alone(open_page: OpenPage, api: Api) -> None:
    project = api.project("Typed here", CONFIG)
    pk = api.prediction(project, {"image": picture()}, [BOX, OUTLINE], model_version="v1")
    task = task_of(api, pk)
    page = open_page(f"/admin/predictions/task/{task}/review/")
    page.keyboard.press("e")
    page.wait_for_url(f"**edit=prediction-{pk}")
    expect(page.locator(".task-shape.task-chosen")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("give this label")
    check_accessibility(page)
    page.keyboard.press("Escape")
    for key in (
        *("ArrowRight", "Shift+ArrowDown", "Control+ArrowDown", "2"),
        # The outline: its first point, a point more, and that one gone again.
        *("]", "p", "ArrowLeft", "i", "Delete"),
        # A new box, and away with it, and back.
        *("t", "t", "a", "1", "Delete", "u", "Control+Shift+Z", "u", "g", "s"),
    ):
        page.keyboard.press(key)
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    (made,) = annotations(api, task)
    assert not made["ground_truth"]
    box, outline, new = made["result"]
    assert box == unscored(
        BOX,
        x=pytest.approx(10.25),
        y=pytest.approx(10 + 1000 / 300),
        height=pytest.approx(20 + 100 / 300),
        rectanglelabels=["Person"],
    )
    assert outline == unscored(
        OUTLINE, points=[[pytest.approx(49.75), 50], *OUTLINE["value"]["points"][1:]]
    )
    middle = {"x": 40, "y": 40, "width": 20, "height": 20, "rotation": 0}
    assert new["value"] == {**middle, "rectanglelabels": ["Car"]}


def test_corrects_any_picture_and_answers_questions(open_page: OpenPage, api: Api) -> None:
    """Boxes on the second page of a list and on another object; forms for what is no place."""
    project = api.project("Several here", SEVERAL)
    data = {"front": picture(), "pages": [picture(), picture()], "note": NOTE}
    second = {**BOX, "to_name": "pages", "item_index": 1}
    task = task_of(api, api.prediction(project, data, [second], model_version="v1"))
    (said,) = api.get(f"predictions/?task={task}")
    page = open_page(correct(task, f"prediction-{said['id']}"))
    canvases = page.locator(".task-canvas")
    expect(canvases).to_have_count(3)
    expect(canvases.nth(2).locator(".task-shape")).to_have_count(1)
    expect(page.locator("#editor-bar")).to_contain_text("Only shown here, or deleted: pair.")
    # Moved by keys, and new ones where the pointer was.
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Box: box").click()
    drag(page, (10, 20), (40, 60), at=0)
    page.get_by_role("button", name="Box: box").click()
    drag(page, (10, 20), (40, 60), at=1)
    for at in range(3):
        expect(canvases.nth(at).locator(".task-shape")).to_have_count(1)
    page.get_by_label("Road / Wet").check()
    page.get_by_role("group", name="stars").get_by_label("4").check()
    page.get_by_label("count", exact=True).fill("2.5")
    page.get_by_label("remark, text 1").fill("rain")
    check_accessibility(page)
    screenshot(page, "task-several")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    (made,) = annotations(api, task)
    moved, front, first, *answers = made["result"]
    assert moved == unscored(second, x=pytest.approx(10.25))
    assert (front["to_name"], front.get("item_index")) == ("front", None)
    assert (first["to_name"], first["item_index"]) == ("pages", 0)
    assert [(one["to_name"], one["type"], one["value"]) for one in answers] == [
        ("note", "taxonomy", {"taxonomy": [["Road", "Wet"]]}),
        ("note", "rating", {"rating": 4}),
        ("note", "number", {"number": 2.5}),
        ("note", "textarea", {"text": ["rain"]}),
    ]


def test_shows_everything_said(open_page: OpenPage, api: Api) -> None:
    project = api.project("Looked at", CONFIG)
    data = {"image": f"data:image/png;base64,{PIXEL}", "camera": {"name": "north"}}
    pk = api.prediction(project, data, [BOX], model_version="v1")
    task = task_of(api, pk)
    other = api.post(
        "predictions/", {"task": task, "result": [BOX, OUTLINE], "model_version": "v2"}
    )
    api.post(f"tasks/{task}/annotations/", {"result": [BOX], "ground_truth": True})
    page = open_page(f"/admin/predictions/task/{task}/review/?project={project}", size=NARROW)
    expect(page.locator(".desk-region")).to_have_count(4)
    expect(page.locator("#things")).to_contain_text("north")
    page.get_by_label("v2").uncheck()
    expect(page.locator(".desk-region")).to_have_count(2)
    assert f"hide=prediction-{other['id']}" in page.url
    page.reload()
    expect(page.locator(".desk-region")).to_have_count(2)
    page.get_by_text("Comments and reviews").last.click()
    page.get_by_label(f"Comment on prediction {pk}").fill("<b>Too wide</b>")
    page.get_by_role("button", name="Comment", exact=True).last.click()
    expect(page.get_by_text("<b>Too wide</b>")).to_be_visible()
    page.get_by_role("button", name="Mark as reviewed").last.click()
    expect(page.get_by_text("Reviewed by admin@example.com")).to_be_visible()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    screenshot(page, "task-narrow")
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="Side by side").click()
    expect(page.locator(".desk-window")).to_have_count(2)
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    screenshot(page, "task-dark")
