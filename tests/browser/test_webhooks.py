"""The pages of webhooks: one is made, tried, seen to fail, and listed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.backends.scripted import Scripted, running
from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot

pytestmark = pytest.mark.slow

LIST = "/admin/backends/webhook/"
BROAD: ViewportSize = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[Scripted, str]]:
    scripted = Scripted()
    scripted.on("/hook", lambda _: (410, b"gone"))
    with running(scripted) as url:
        yield scripted, f"{url}/hook"


def check_both(page: Page, name: str) -> None:
    """Accessible and as broad as the window, light on a broad one and dark on a narrow one."""
    check_accessibility(page)
    screenshot(page, name)
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    page.reload()
    expect(page.locator("html.dark")).to_be_attached()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, f"{name}-narrow-dark")
    page.set_viewport_size(BROAD)
    page.emulate_media(color_scheme="light")
    page.reload()


def test_a_webhook_is_made_and_tried_at_the_desk(
    open_page: OpenPage, address: str, receiver: tuple[Scripted, str]
) -> None:
    page = open_page(LIST, size=BROAD)
    check_both(page, "webhooks-none")
    page.goto(f"{address}{LIST}add/")
    check_both(page, "webhook-add")
    page.locator("#id_url").fill(receiver[1])
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Its signing secret, shown only now: whsec_")).to_be_visible()
    check_both(page, "webhooks")
    page.locator(".action-select").first.check()
    page.locator("select[name=action]").select_option("send_test")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("A test is on its way")).to_be_visible()
    page.get_by_role("link", name=receiver[1]).first.click()
    listed = page.locator("li", has_text=re.compile("TEST"))
    while "pending" in listed.first.inner_text():
        page.reload()
    # The state was read before the deliveries, perhaps while they were being written.
    page.reload()
    expect(listed).to_contain_text("Answered 410.")
    expect(page.get_by_text("switched off: its receiver said that it is gone")).to_be_visible()
    check_both(page, "webhook")
