"""The page "Load files" in a real browser: two files are dropped, and an evaluation comes out."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.predictions.api.test_load import RESULTS, TRUTH

pytestmark = pytest.mark.slow

PAGE = "/admin/predictions/project/load-files/"
#: Lets go of a file over an element, as a hand would.
DROP = """
([selector, name, text]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], name, { type: "application/json" }));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  for (const kind of ["dragover", "drop"]) {
    document.querySelector(selector).dispatchEvent(new DragEvent(kind, options));
  }
}
"""
TYPED = {
    "Title": "Dropped cars",
    "Model version": "v1",
    "Split": "valid",
    "Pictures": "https://x.y/p/",
}


def drop(page: Page, side: str, document: Any) -> None:
    page.evaluate(DROP, [f"[data-drop={side}]", f"{side}.json", json.dumps(document)])


def chosen(page: Page, side: str) -> Any:
    return page.evaluate(f"[...document.getElementById('{side}').files].map((file) => file.name)")


def test_two_files_are_dropped_and_an_evaluation_comes_out(
    open_page: OpenPage, expected: list[str]
) -> None:
    expected += ["400 (Bad Request)", "https://x.y/p/", "ERR_NAME_NOT_RESOLVED"]
    page = open_page("/admin/")
    page.get_by_role("link", name="Load files").click()
    page.wait_for_url(f"**{PAGE}")
    check_accessibility(page)
    bad = {**TRUTH, "annotations": [{**TRUTH["annotations"][0], "category_id": 5}]}
    drop(page, "ground_truth", bad)
    drop(page, "predictions", RESULTS)
    for label, text in TYPED.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Load", exact=True).click()

    errors = page.get_by_role("alert")
    expect(errors).to_contain_text("annotations[0].category_id: 5 is not among the categories.")
    expect(errors).to_be_focused()
    check_accessibility(page)
    screenshot(page, "load-refused")
    # Nothing of what was typed or chosen is lost.
    for label, text in TYPED.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(text)
    assert chosen(page, "predictions") == ["predictions.json"]

    drop(page, "ground_truth", TRUTH)
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url("**/admin/evals/modeleval/*/")
    expect(page.get_by_role("heading", name="v1").first).to_be_visible()


def test_by_keyboard_on_a_narrow_screen_into_a_project(
    open_page: OpenPage, expected: list[str]
) -> None:
    expected.append("400 (Bad Request)")
    page = open_page(PAGE, size=NARROW, dark=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    check_accessibility(page)
    title = page.get_by_label("Title", exact=True)
    expect(title).to_be_visible()
    into = page.get_by_label("Into")
    into.focus()
    page.keyboard.type("Handwritten")
    expect(title).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Model version", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    # No file at all: the server says so, by the keyboard alone.
    expect(page.get_by_role("alert")).to_be_focused()
    screenshot(page, "load-narrow")


def test_warnings_are_read_before_one_goes_on(open_page: OpenPage, expected: list[str]) -> None:
    # The pictures' own address, which nobody has: asked for where the evaluation is done already.
    expected += ["https://x.y/p/", "ERR_NAME_NOT_RESOLVED"]
    page = open_page(PAGE)
    drop(page, "ground_truth", TRUTH)
    drop(page, "predictions", [{**RESULTS[0], "score": 50}])
    page.get_by_label("Title", exact=True).fill("Warned cars")
    page.get_by_label("Model version", exact=True).fill("v1")
    page.get_by_label("Pictures", exact=True).fill("https://x.y/p/")
    page.get_by_role("button", name="Load", exact=True).click()
    done = page.locator("#done")
    expect(done).to_contain_text("Loaded: 2 new tasks, 2 ground truths, 2 predictions")
    # The format was looked for: beside a warning stands which one was recognised.
    expect(done.get_by_role("listitem")).to_have_count(2)
    expect(done).to_contain_text("is taken for COCO")
    check_accessibility(page)
    done.get_by_role("link", name="To the evaluation").click()
    page.wait_for_url("**/admin/evals/modeleval/*/")


def test_from_two_files_to_a_baseline_by_buttons_alone(
    open_page: OpenPage, expected: list[str]
) -> None:
    """As somebody who has read nothing: worst images, a correction, a second version."""
    # Nobody says where the pictures are.
    expected.append("404 (Not Found)")
    page = open_page("/admin/")
    page.get_by_role("link", name="Load files").click()
    page.wait_for_url(f"**{PAGE}")
    drop(page, "ground_truth", TRUTH)
    drop(page, "predictions", RESULTS)
    # Both are named after their files, and what a person types stays.
    expect(page.get_by_label("Title", exact=True)).to_have_value("ground_truth")
    expect(page.get_by_label("Model version", exact=True)).to_have_value("predictions")
    page.get_by_label("Title", exact=True).fill("Walked cars")
    page.get_by_label("Model version", exact=True).fill("v1")
    drop(page, "predictions", RESULTS)
    expect(page.get_by_label("Model version", exact=True)).to_have_value("v1")
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url("**/admin/evals/modeleval/*/")

    worst = page.locator("[data-panel=worst] a").first
    expect(worst).to_be_visible()
    worst.click()
    page.get_by_role("link", name="Correct it on the task's page").click()
    page.get_by_role("link", name="Correct annotation").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing has changed")).to_be_visible()
    region = page.locator("#regions button").first
    region.click()
    expect(region).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(region).to_contain_text("Box changed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as annotation")).to_be_visible()
    page.get_by_role("link", name="Its images, the worst first").click()
    page.wait_for_url("**/images/?sort=-errors*")

    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    crumbs.get_by_role("link", name="Walked cars").click()
    page.get_by_role("link", name="Load files").first.click()
    page.wait_for_url("**/load-files/")
    drop(page, "predictions", [{**one, "score": 0.7} for one in RESULTS])
    page.get_by_label("Model version", exact=True).fill("v2")
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url("**/admin/evals/modeleval/*/")
    page.get_by_role("link", name="Compare").click()
    expect(page.locator("[data-panel=diff]")).to_contain_text("v2 against v1")
    page.get_by_role("button", name="Accept as baseline").click()
    expect(page.get_by_text("Accepted: later versions are measured by it.")).to_be_visible()
