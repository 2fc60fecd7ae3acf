"""A project's page in a real browser: from two versions side by side to a new evaluation of one."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot

pytestmark = pytest.mark.slow

IS_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_from_the_list_to_a_new_evaluation(open_page: OpenPage, expected: list[str]) -> None:
    expected.append("400 (Bad Request)")
    page = open_page("/admin/predictions/project/")
    page.get_by_role("link", name="Handwritten digits (demo)").first.click()
    page.wait_for_url(re.compile(r"/admin/predictions/project/\d+/$"))
    versions = page.locator(".hub-versions")
    expect(versions.get_by_role("columnheader", name="mAP50-95")).to_be_visible()
    # With its interval, as F1 has one: the script asks for those that nobody has asked for.
    ends = re.compile(r"^[01]\.\d{3} \([01]\.\d{3} to [01]\.\d{3}\)$")
    for name in ("mAP50-95", "F1"):
        expect(versions.locator(f"td[data-label='{name}']").first).to_have_text(ends)
    # Its buttons are seen without scrolling aside.
    assert not versions.evaluate(
        "({ parentElement }) => parentElement.scrollWidth > parentElement.clientWidth"
    )
    # Rows and bytes come from the script.
    held = page.get_by_role("region", name="What it holds")
    expect(held.get_by_role("rowheader")).to_have_text(
        ["tasks", "annotations", "predictions", "images and tasks of evaluations", "all together"]
    )
    check_accessibility(page)
    screenshot(page, "project-light-1280")
    versions.get_by_role("link", name="Evaluate").first.click()
    expect(page.get_by_label("Model version")).not_to_have_value("")
    check_accessibility(page)
    screenshot(page, "new-evaluation-light-1280")
    # By keyboard: a field that its kind does not read is refused, and what to do is said.
    page.get_by_text("All other settings").press("Enter")
    page.get_by_label("tolerance", exact=True).fill("1")
    page.get_by_label("tolerance", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("tolerance means nothing to object-detection")
    check_accessibility(page)
    page.get_by_label("tolerance", exact=True).fill("")
    page.get_by_label("confidence", exact=True).fill("35")
    page.get_by_role("button", name="Evaluate").click()
    page.wait_for_url("**/admin/evals/modeleval/*/")
    expect(page.locator("[data-numbers]")).to_be_visible()


@pytest.mark.parametrize("path", ["predictions/project", "evals/modeleval/new"])
def test_on_a_narrow_screen_in_the_dark(open_page: OpenPage, path: str) -> None:
    page = open_page("/admin/predictions/project/", size=NARROW, dark=True)
    address = page.get_by_role("link", name="Handwritten digits (demo)").first.get_attribute("href")
    assert address is not None
    pk = address.rstrip("/").rpartition("/")[2]
    page.goto(address if path.endswith("project") else f"/admin/{path}/?project={pk}")
    expect(page.get_by_role("main")).to_be_visible()
    assert not page.evaluate(IS_WIDER)
    check_accessibility(page)
    screenshot(page, f"{path.replace('/', '-')}-dark-390")
