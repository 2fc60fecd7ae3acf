"""Every page of the desk and of the documentation in a real browser: it loads from here alone,
breaks no rule of its policy, and can be read with a screen reader, in light and dark.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot

pytestmark = pytest.mark.slow

LISTS = [
    "predictions/project",
    "predictions/task",
    "predictions/prediction",
    "predictions/annotation",
    "predictions/importstorage",
    "predictions/exportstorage",
    "predictions/mlbackend",
    "accounts/workspace",
    "accounts/user",
    "accounts/apitoken",
]


@pytest.mark.parametrize("name", LISTS)
def test_lists_and_forms(open_page: OpenPage, name: str) -> None:
    page = open_page(f"/admin/{name}/")
    check_accessibility(page)
    page.goto(f"/admin/{name}/add/")
    check_accessibility(page)
    page.emulate_media(color_scheme="dark")
    page.goto(f"/admin/{name}/")
    expect(page.locator("html")).to_have_class("dark")
    check_accessibility(page)
    screenshot(page, f"list-{name.replace('/', '-')}-dark")


def test_an_error_is_a_page(open_page: OpenPage, expected: list[str]) -> None:
    expected.append("404 (Not Found)")
    page = open_page("/admin/predictions/prediction/987654/review/")
    expect(page.locator("#content").get_by_role("heading")).to_have_text("Nothing is here")
    check_accessibility(page)
    page.get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", name="Latest evaluations")).to_be_visible()


def test_the_theme_switches(open_page: OpenPage) -> None:
    page = open_page("/admin/predictions/project/")
    root = page.locator("html")
    expect(root).not_to_have_class("dark")
    page.keyboard.press("Control+e")
    expect(root).to_have_class("light")
    page.keyboard.press("Control+e")
    expect(root).to_have_class("dark")
    page.reload()
    expect(root).to_have_class("dark")


def test_the_search_finds_pages(open_page: OpenPage) -> None:
    page = open_page("/admin/")
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("projec")
    found = page.locator("#command-results-list").get_by_role("link")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Projects")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/predictions/project/")


def test_the_current_page_is_in_sight(open_page: OpenPage) -> None:
    page = open_page("/admin/accounts/user/", size={"width": 1280, "height": 500})
    expect(page.locator("#nav-sidebar-apps a.active")).to_be_in_viewport()


def test_the_sidebar_folds_and_stays_so(open_page: OpenPage) -> None:
    page = open_page("/admin/predictions/project/")
    sidebar = page.locator("#nav-sidebar-apps")
    expect(sidebar).to_be_visible()
    page.locator("span[x-on\\:click^='sidebarDesktopOpen = !sidebarDesktopOpen']").click()
    expect(sidebar).to_be_hidden()
    page.reload()
    expect(sidebar).to_be_hidden()


@pytest.mark.parametrize("path", ["/docs/swagger/", "/docs/redoc/"])
def test_documentation(open_page: OpenPage, path: str, expected: list[str]) -> None:
    # Its maker's logo, which the policy does not let the browser fetch.
    expected.append("cdn.redoc.ly/redoc/logo-mini.svg")
    page = open_page(path, as_admin=False)
    # Both bundles take seconds to draw so many operations.
    expect(page.get_by_text("/api/predictions/").first).to_be_visible()


def test_the_pages_of_the_documentation(open_page: OpenPage) -> None:
    """From the first page by search and links, in light and dark, wide and narrow."""
    page = open_page("/docs/", as_admin=False)
    check_accessibility(page)
    page.get_by_role("searchbox").fill("backup")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Back up and restore").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Back up and restore")
    page.get_by_role("navigation").get_by_role("link", name="Concepts").click()
    picture = page.get_by_role("img")
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 700
    screenshot(page, "docs")
    page.goto("/docs/reference/api/#filters-of-tasks")
    expect(page.get_by_role("heading", name="Filters of tasks")).to_be_in_viewport()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    page.get_by_role("link", name="All pages").click()
    expect(page.get_by_role("navigation")).to_be_in_viewport()
    screenshot(page, "docs-narrow-dark")
