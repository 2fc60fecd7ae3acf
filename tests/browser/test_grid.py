"""The grid of a project's tasks in a real browser: what is drawn, filtered, chosen and tagged."""

import base64
import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.browser.test_review import CONFIG, EVIL, Api
from tests.browser.test_review import api as api

pytestmark = pytest.mark.slow

BOX = {
    "from_name": "box", "to_name": "image", "type": "rectanglelabels",
    "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rectanglelabels": ["a"]},
}  # fmt: skip
N_TASKS = 60
ELEMENTS = "document.querySelectorAll('.grid-cards *').length"


@pytest.fixture(scope="module")
def grid(api: Api) -> str:
    """The address of a grid of pictures that stand in their tasks, one of them hostile."""
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "#2a6").save(picture, "PNG")
    inline = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    project = api.project("Gridded", CONFIG)
    tasks = [
        {
            "data": {"image": inline, "place": "Oslo" if n < 3 else EVIL},
            "predictions": [{"result": [BOX], "model_version": "v1", "score": n / 100}],
            "annotations": [{"result": [BOX], "ground_truth": True}],
        }
        for n in range(N_TASKS)
    ]
    api.post(f"projects/{project}/import", tasks)
    return f"/admin/predictions/project/{project}/tasks/"


def drawn(page: Page) -> None:
    """Waits for every thumbnail of the page and its regions."""
    expect(page.locator(".grid-card .desk-overlay")).to_have_count(24)
    expect(page.locator(".grid-card .desk-region")).to_have_count(48)


def test_filters_chooses_and_tags(open_page: OpenPage, grid: str) -> None:
    page = open_page(grid)
    drawn(page)
    expect(page.get_by_text("1 to 24 of 60")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "grid")

    page.get_by_text("Filter and order").click()
    page.get_by_label("Column").first.select_option("data.place")
    page.get_by_label("Value").first.fill("Oslo")
    page.get_by_label("Order by").select_option("predictions_score")
    page.get_by_label("Direction").select_option("down")
    check_accessibility(page)
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("query="))
    expect(page.locator(".grid-card")).to_have_count(3)
    scores = page.locator(".grid-sorted").all_inner_texts()
    assert scores == ["0.02", "0.01", "0"]

    page.get_by_label("Choose these 3").check()
    expect(page.get_by_text("3 chosen.")).to_be_visible()
    page.locator("input[name=task]").first.uncheck()
    page.get_by_role("button", name="Tag…", exact=True).click()
    expect(page.get_by_role("heading", name="Tag: 2 tasks of Gridded")).to_be_visible()
    check_accessibility(page)
    page.get_by_label("Tag", exact=True).fill(EVIL[:100])
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.locator(".grid-tags li")).to_have_count(2)
    expect(page.locator(".grid-tags li").first).to_have_text(EVIL[:100])
    expect(page.locator(".grid-card")).to_have_count(3)

    page.get_by_label("Save as a view").fill("Oslo first")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"\?view=\d+$"))
    expect(page.get_by_role("link", name="Oslo first")).to_have_attribute("aria-current", "page")
    expect(page.locator(".grid-card")).to_have_count(3)


def test_a_page_is_all_a_browser_holds(open_page: OpenPage, grid: str) -> None:
    page = open_page(grid, size=NARROW, dark=True)
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    check_accessibility(page)
    screenshot(page, "grid-narrow")
    first = page.evaluate(ELEMENTS)
    page.get_by_role("link", name="Next").press("Enter")
    page.wait_for_url("**page=2")
    drawn(page)
    assert page.evaluate(ELEMENTS) <= first
    expect(page.get_by_text("25 to 48 of 60")).to_be_visible()


def test_what_is_not_understood_is_said(
    open_page: OpenPage, grid: str, expected: list[str]
) -> None:
    expected.append("400 (Bad Request)")
    query = {"filters": {"conjunction": "and", "items": [{"filter": "moon", "operator": "equal"}]}}
    page = open_page(f"{grid}?query={json.dumps(query)}")
    expect(page.get_by_role("alert")).to_contain_text("Unknown filter 'moon'")
    expect(page.locator(".grid-card")).to_have_count(0)
    check_accessibility(page)
    page.get_by_role("link", name="all tasks", exact=True).click()
    drawn(page)
