"""The page of a prediction in a real browser: what is drawn, toggled, walked through and accepted,
and what hostile data cannot do.
"""

import base64
import re
from typing import Any

import numpy as np
import pytest
import requests
from label_studio_sdk.converter.brush import encode_rle
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.house.quickstarting import Quickstart

pytestmark = pytest.mark.slow

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000040000000308020000003b96395b"
        "0000000f49444154789c63f8ffff3f030601000bfb0bf5b1a5f2f10000000049454e44ae426082"
    )
).decode()
SVG = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
    ).decode()
)
EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(1)">'

CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="a"/></RectangleLabels>
<BrushLabels name="brush" toName="image"><Label value="a"/></BrushLabels></View>"""
TEXT = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
<Labels name="what" toName="text"><Label value="City"/></Labels></View>"""


class Api:
    """The server's API with the admin's key: what a test needs to be there."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Token {token}"

    def post(self, path: str, body: Any) -> Any:
        answer = self.session.post(f"{self.address}/api/{path}", json=body, timeout=30)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.address}/api/{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def project(self, title: str, config: str) -> int:
        return int(self.post("projects/", {"title": title, "label_config": config})["id"])

    def prediction(self, project: int, data: Any, result: Any, **more: Any) -> int:
        task = self.post("tasks/", {"project": project, "data": data})["id"]
        return int(self.post("predictions/", {"task": task, "result": result, **more})["id"])


@pytest.fixture(scope="module")
def api(desk: Quickstart, address: str) -> Api:
    return Api(address, desk.fact("Token"))


def review(pk: int, query: str = "") -> str:
    return f"/admin/predictions/prediction/{pk}/review/{query}"


def demo_predictions(api: Api, version: str = "digits-large") -> list[Any]:
    (project,) = [p for p in api.get("projects/")["results"] if "digits" in p["title"]]
    return [
        p for p in api.get(f"predictions/?project={project['id']}") if p["model_version"] == version
    ]


def lines(page: Page, side: str) -> int:
    return page.locator(f".desk-region.desk-{side}").count()


def test_draws_both_sides_and_toggles_them(open_page: OpenPage, api: Api) -> None:
    shown = demo_predictions(api)[-1]
    said = len(shown["result"])
    page = open_page(review(shown["id"]))
    expect(page.locator(".desk-summary")).to_contain_text(f"{said} predicted")
    truth = lines(page, "ground_truth")
    assert (lines(page, "prediction"), truth > 0) == (said, True)
    page.get_by_label("Ground truth", exact=True).uncheck()
    assert (lines(page, "prediction"), lines(page, "ground_truth")) == (said, 0)
    assert "hide=ground_truth" in page.url
    best = max(region["score"] for region in shown["result"])
    page.get_by_label("Score at least").fill(f"{best:.2f}")
    above = sum(region["score"] >= round(best, 2) for region in shown["result"])
    assert lines(page, "prediction") == above < said
    # The address is the state: whoever opens it sees the same.
    page.reload()
    expect(page.get_by_label("Ground truth", exact=True)).not_to_be_checked()
    assert lines(page, "prediction") == above
    label = shown["result"][0]["value"]["rectanglelabels"][0]
    page.get_by_label("Score at least").fill("0")
    page.get_by_label(label, exact=True).uncheck()
    others = [r for r in shown["result"] if r["value"]["rectanglelabels"] != [label]]
    assert lines(page, "prediction") == len(others)


def test_boxes_lie_where_the_region_says(open_page: OpenPage, api: Api) -> None:
    shown = demo_predictions(api)[0]
    page = open_page(review(shown["id"]))
    page.wait_for_selector(".desk-overlay")
    image = page.locator(".desk-picture").bounding_box()
    box = page.locator(".desk-region.desk-prediction .desk-line").first.bounding_box()
    value = shown["result"][0]["value"]
    assert image
    assert box
    # A line is 2 pixels wide, half of it outside.
    expected = (
        image["x"] + image["width"] * value["x"] / 100,
        image["y"] + image["height"] * value["y"] / 100,
        image["width"] * value["width"] / 100,
        image["height"] * value["height"] / 100,
    )
    found = (box["x"], box["y"], box["width"], box["height"])
    assert found == pytest.approx(expected, abs=2.5)
    page.get_by_role("button", name="Zoom in").click()
    wider = page.locator(".desk-picture").bounding_box()
    assert wider
    assert wider["width"] == pytest.approx(1.25 * image["width"], rel=0.01)


def test_keys_walk_within_the_filter(open_page: OpenPage, api: Api) -> None:
    ids = [p["id"] for p in demo_predictions(api, "digits-small")]
    project = demo_predictions(api)[0]["project"]
    query = f"?project={project}&version=digits-small"
    page = open_page(f"/admin/predictions/prediction/{query}")
    page.get_by_role("link", name=f"Prediction {ids[-1]}", exact=True).click()
    page.wait_for_url(f"**{review(ids[-1])}**")
    for key, at in (("j", -2), ("ArrowRight", -3), ("k", -2), ("ArrowLeft", -1)):
        page.wait_for_selector(".desk-overlay")
        page.keyboard.press(key)
        page.wait_for_url(f"**{review(ids[at], query)}")
    # Where arrows move a slider they turn no page.
    page.wait_for_selector(".desk-overlay")
    page.get_by_label("Score at least").press("ArrowRight")
    assert f"{review(ids[-1], query)}&min=0.01" in page.url
    page.keyboard.press("j")
    page.wait_for_url(f"**{review(ids[-2], query)}&min=0.01")


def test_verdicts_color_the_regions(open_page: OpenPage, api: Api, desk: Quickstart) -> None:
    workspace, token = desk.fact("Workspace"), desk.fact("Token")
    path = f"{api.address}/{workspace}/model-evals?api_key={token}"

    def done() -> str | None:
        found = api.session.get(path, timeout=30).json()["evals"]
        mine = [e for e in found if e["status"] == "done" and "large" in str(e)]
        return mine[0]["evalId"] if mine else None

    page = open_page(review(demo_predictions(api)[0]["id"]))
    while (eval_id := done()) is None:
        page.wait_for_timeout(200)
    page.goto(review(demo_predictions(api)[0]["id"], f"?evaluation={eval_id}"))
    expect(page.locator(".desk-legend")).to_contain_text("True positive")
    green = page.locator(".desk-region .desk-line").first
    assert green.evaluate("e => getComputedStyle(e).stroke") in {
        "rgb(22, 163, 74)", "rgb(220, 38, 38)", "rgb(217, 119, 6)",
    }  # fmt: skip
    expect(page.locator("#list")).to_contain_text("true positive")
    check_accessibility(page)
    screenshot(page, "prediction-verdicts")


def test_accepts_and_deletes(open_page: OpenPage, api: Api) -> None:
    project = api.project("Accepted here", CONFIG)
    box = {
        "from_name": "box", "to_name": "image", "type": "rectanglelabels",
        "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rectanglelabels": ["a"]},
    }  # fmt: skip
    data = {"image": f"data:image/png;base64,{PIXEL}"}
    pk = api.prediction(project, data, [box], model_version="v1", score=0.5)
    page = open_page(review(pk))
    expect(page.locator(".desk-facts")).to_contain_text("none")
    page.get_by_role("button", name="Accept as ground truth").click()
    expect(page.get_by_text("Accepted as ground truth: annotation")).to_be_visible()
    expect(page.locator(".desk-region.desk-ground_truth")).to_have_count(1)
    task = api.get(f"predictions/{pk}/")["task"]
    (annotation,) = api.get(f"tasks/{task}/annotations/")
    assert (annotation["ground_truth"], annotation["parent_prediction"]) == (True, pk)
    page.get_by_role("button", name="Undo acceptance").click()
    expect(page.get_by_text(f"Undone: annotation {annotation['id']} is gone.")).to_be_visible()
    expect(page.locator(".desk-region.desk-ground_truth")).to_have_count(0)
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name=f"Delete prediction {pk}").click()
    expect(page.get_by_text(f"Prediction {pk} is deleted.")).to_be_visible()
    assert api.get(f"predictions/?task={task}") == []


def test_asks_before_ground_truth_is_replaced(open_page: OpenPage, api: Api) -> None:
    project = api.project("Asked here", CONFIG)
    truth, said = (
        {
            "from_name": "box", "to_name": "image", "type": "rectanglelabels",
            "value": {"x": x, "y": 10, "width": 40, "height": 50, "rectanglelabels": ["a"]},
        }
        for x in (10, 30)
    )  # fmt: skip
    data = {"image": f"data:image/png;base64,{PIXEL}"}
    pk = api.prediction(project, data, [{**said, "score": 0.9}], model_version="v1", score=0.5)
    task = api.get(f"predictions/{pk}/")["task"]
    body = {"result": [truth], "ground_truth": True}
    old = api.post(f"tasks/{task}/annotations/", body)["id"]
    page = open_page(review(pk, "?min=0.2"))
    page.get_by_role("button", name="Accept as ground truth…").click()
    expect(page.get_by_role("heading", name="Only in the prediction: 1")).to_be_visible()
    expect(page.locator(".desk-window")).to_have_count(2)
    expect(page.locator(".desk-region.desk-ground_truth")).to_have_count(1)
    expect(page.locator(".desk-region.desk-prediction")).to_have_count(1)
    check_accessibility(page)
    screenshot(page, "accept")
    page.set_viewport_size(NARROW)
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.get_by_role("link", name=f"Keep annotation {old}").click()
    page.wait_for_url(f"**{review(pk, '?min=0.2')}")
    assert len(api.get(f"tasks/{task}/annotations/")) == 1
    page.get_by_role("button", name="Accept as ground truth…").click()
    page.get_by_role("button", name="Accept as ground truth").click()
    expect(page.get_by_text("Accepted as ground truth: annotation")).to_be_visible()
    kept, made = api.get(f"tasks/{task}/annotations/")
    assert (kept["id"], kept["result"], made["result"]) == (old, [truth], [said])
    page.get_by_role("button", name="Undo acceptance").click()
    expect(page.get_by_role("link", name=f"Annotation {old}")).to_be_visible()
    assert [one["id"] for one in api.get(f"tasks/{task}/annotations/")] == [old]


def test_marks_ground_truth_in_bulk(open_page: OpenPage, api: Api) -> None:
    project = api.project("Marked here", CONFIG)
    tasks = [api.post("tasks/", {"project": project, "data": {"image": ""}})["id"] for _ in "ab"]
    for task in tasks:
        api.post(f"tasks/{task}/annotations/", {"result": []})
    page = open_page("/admin/predictions/project/?q=Marked")
    page.locator("input[name=_selected_action]").first.check()
    page.locator("select[name=action]").select_option("mark_annotations")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("2 annotations will be marked, 0 are already.")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "mark")
    page.get_by_role("button", name="Mark as ground truth").click()
    expect(page.get_by_text("2 annotations marked as ground truth.")).to_be_visible()
    for task in tasks:
        (annotation,) = api.get(f"tasks/{task}/annotations/")
        assert annotation["ground_truth"]


def test_compares_versions(open_page: OpenPage, api: Api) -> None:
    shown = demo_predictions(api)[0]
    page = open_page(review(shown["id"]))
    page.get_by_role("link", name="Compare versions").click()
    expect(page.locator(".desk-window")).to_have_count(2)
    expect(page.get_by_role("heading", name="digits-small, prediction")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "compare")


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_can_be_read_by_everybody(open_page: OpenPage, api: Api, dark: bool, size: str) -> None:
    more = {"size": NARROW} if size == "narrow" else {}
    page = open_page(review(demo_predictions(api)[-1]["id"]), dark=dark, **more)
    page.wait_for_selector(".desk-overlay")
    check_accessibility(page)
    # Nothing sticks out to the side.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"prediction-{size}-{'dark' if dark else 'light'}")
    page.goto("/admin/")
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"dashboard-{size}-{'dark' if dark else 'light'}")


def test_every_shape(open_page: OpenPage, api: Api) -> None:
    project = api.project("Every shape", CONFIG)
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[5:15, 10:30] = 255
    # The vendor's own encoder, over the four channels of each pixel.
    rle = encode_rle(np.repeat(mask.ravel(), 4))
    size = {"original_width": 40, "original_height": 30, "image_rotation": 0, "to_name": "image"}
    turned = {"x": 50, "y": 50, "width": 20, "height": 10, "rotation": 90, "rectanglelabels": ["a"]}
    corners = [[0, 0], [20, 0], [20, 20]]
    shapes: list[tuple[str, dict[str, Any]]] = [
        ("rectanglelabels", turned),
        ("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "ellipselabels": ["a"]}),
        ("polygonlabels", {"points": corners, "closed": True, "polygonlabels": ["a"]}),
        ("keypointlabels", {"x": 70, "y": 70, "width": 2, "keypointlabels": ["a"]}),
        ("brushlabels", {"format": "rle", "rle": rle, "brushlabels": ["a"]}),
        # Nonsense is passed over, whatever its kind.
        ("brushlabels", {"format": "rle", "rle": [1, 2, 3], "brushlabels": ["a"]}),
        ("polygonlabels", {"points": "none", "polygonlabels": ["a"]}),
        ("rectanglelabels", {"x": "1", "y": None, "width": [], "height": {}}),
    ]
    result = [{"from_name": "box", "type": kind, "value": v, **size} for kind, v in shapes]
    pk = api.prediction(project, {"image": f"data:image/png;base64,{PIXEL}"}, result)
    page = open_page(review(pk))
    page.wait_for_selector(".desk-overlay")
    drawn = page.locator(".desk-line").evaluate_all("all => all.map((e) => e.tagName)")
    assert drawn == ["rect", "ellipse", "polygon", "circle", "image", "polygon", "rect"]
    # Which pixels the browser painted, against the mask that was encoded.
    painted = page.locator("image.desk-line").evaluate(
        """async (node) => {
            const picture = new Image();
            picture.src = node.getAttribute("href");
            await picture.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [picture.width, picture.height];
            const context = canvas.getContext("2d");
            context.drawImage(picture, 0, 0);
            const { data } = context.getImageData(0, 0, picture.width, picture.height);
            return [...data].filter((_, at) => at % 4 === 3);
        }"""
    )
    assert np.array_equal(np.array(painted).reshape(30, 40) > 0, mask > 0)
    screenshot(page, "every-shape")


def test_texts_and_choices(open_page: OpenPage, api: Api) -> None:
    project = api.project("Moods", TEXT)
    said = [
        {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}},
        {"from_name": "what", "to_name": "text", "type": "labels",
         "value": {"start": 3, "end": 9, "text": "Berlin", "labels": ["City"]}},
    ]  # fmt: skip
    pk = api.prediction(project, {"text": "In Berlin it rains."}, said, score=0.75)
    task = api.get(f"predictions/{pk}/")["task"]
    truth = [{**said[0], "value": {"choices": ["bad"]}}]
    api.post(f"tasks/{task}/annotations/", {"result": truth, "ground_truth": True})
    page = open_page(review(pk))
    expect(page.locator("#texts mark")).to_have_text("Berlin")
    expect(page.get_by_role("row", name="mood good (0.75) bad differs")).to_be_visible()
    assert page.locator(".desk-window").count() == 0
    check_accessibility(page)
    screenshot(page, "texts")


HOSTILE_ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    SVG,
    'data:image/png;base64,AA==" onerror="alert(1)',
    "vbscript:x",
    "file:///etc/passwd",
    "blob:null/1",
    EVIL,
]
ALLOWED = re.compile(r"(?:[#?/]|https?://|data:image/(?:png|jpeg|gif|webp);base64,)")


def test_hostile_data_neither_runs_nor_loads(
    open_page: OpenPage, api: Api, expected: list[str]
) -> None:
    # What is no address of another kind is a path here, where nothing is.
    expected += ["404 (Not Found)"]
    project = api.project("<img src=x onerror=alert(1)>", CONFIG)
    said = {
        "from_name": EVIL, "to_name": "image", "type": "rectanglelabels", "id": EVIL,
        "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rectanglelabels": [EVIL]},
    }  # fmt: skip
    made = [
        api.prediction(project, {"image": text, "note": EVIL}, [said], model_version=EVIL)
        for text in HOSTILE_ADDRESSES
    ]
    task = api.get(f"predictions/{made[0]}/")["task"]
    page = open_page("/admin/")
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    for path in (
        *map(review, made),
        f"/admin/predictions/task/{task}/compare/",
        f"/admin/predictions/task/{task}/change/",
        f"/admin/predictions/prediction/?project={project}",
        "/admin/",
    ):
        page.goto(path)
        if "review" in path or "compare" in path:
            page.wait_for_selector(".desk-overlay")
            expect(page.get_by_text("<img src=x").first).to_be_visible()
        # No element came of the data, and no address but those that were looked at.
        assert page.locator("[onerror], [onload], #content script:not([src], [type])").count() == 0
        addresses = page.evaluate(
            "[...document.querySelectorAll('[src], [href], [action]')].flatMap((e) =>"
            " ['src', 'href', 'action'].map((n) => e.getAttribute(n)).filter(Boolean))"
        )
        assert [text for text in addresses if not ALLOWED.match(text)] == []
