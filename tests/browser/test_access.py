"""The audit trail, leaving a workspace, and a login that is locked and unlocked, in a browser."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, log_in, screenshot
from tests.house.quickstarting import OWN_VARIABLES, PROJECT_DIR, Quickstart

pytestmark = pytest.mark.slow

PASSWORD = "a long good one"
MEMBER = """
from accounts.models import Membership, User, Workspace
user = User.objects.create_user("{email}", "{password}", is_staff=True)
Membership.objects.create(
    user=user, workspace=Workspace.objects.get(slug="default"), role="member",
    added_by=User.objects.get(email="admin@example.com"),
)
"""
Hire = Callable[[str], str]


@pytest.fixture
def hire(desk: Quickstart) -> Hire:
    """Makes a member whom the admin added; the address to log in with."""

    def make(name: str) -> str:
        email = f"{name}@example.com"
        code = MEMBER.format(email=email, password=PASSWORD)
        environment = {k: v for k, v in os.environ.items() if k not in OWN_VARIABLES}
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", code],
            cwd=PROJECT_DIR,
            env={**environment, "DATA_DIR": str(desk.data_dir)},
            check=True,
        )
        return email

    return make


def test_owners_read_the_audit_trail(open_page: OpenPage) -> None:
    page = open_page("/admin/")
    page.get_by_role("link", name="Audit trail").click()
    page.wait_for_url("**/admin/accounts/auditentry/")
    rows = page.locator("#result_list tbody tr")
    expect(rows.filter(has_text="login.succeeded").first).to_contain_text("admin@example.com")
    check_accessibility(page)
    screenshot(page, "audit")

    page.goto("/admin/accounts/auditentry/?subject=login")
    expect(rows.filter(has_text="login.").first).to_be_visible()
    expect(rows.filter(has_text="token.created")).to_have_count(0)
    rows.get_by_role("link").first.click()
    expect(page.get_by_text("login.succeeded").first).to_be_visible()
    expect(page.get_by_text("127.0.0.1").first).to_be_visible()
    # It is for reading: nothing here saves or deletes.
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("link", name="Delete")).to_have_count(0)
    check_accessibility(page)
    screenshot(page, "audit-entry")


LONG = "maximiliana.featherstonehaugh-cholmondeley.of-the-detectors"
CUT = """
[...document.querySelectorAll("#result_list :is(th, td), .desk-table :is(th, td)")]
    .filter((cell) => cell.scrollHeight > cell.clientHeight + 2
        || cell.scrollWidth > cell.clientWidth + 2)
    .map((cell) => cell.textContent.trim())
"""


@pytest.mark.parametrize("path", ["user/", "auditentry/", "workspace/1/change/"])
def test_long_addresses_on_a_narrow_screen(
    browser: Browser, address: str, open_page: OpenPage, hire: Hire, path: str
) -> None:
    email = hire(f"{LONG}-{path.partition('/')[0]}")
    log_in(browser, address, email, PASSWORD)
    page = open_page(f"/admin/accounts/{path}", size=NARROW)
    shown = page.locator("#result_list, .desk-table").get_by_text(email)
    expect(shown.first).to_be_visible()
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    check_accessibility(page)


def test_a_member_sees_who_added_them_and_leaves(
    open_page: OpenPage, browser: Browser, address: str, hire: Hire
) -> None:
    storage = log_in(browser, address, hire("mia"), PASSWORD)
    page = open_page("/admin/", storage=storage)
    card = page.locator("section, div").filter(
        has=page.get_by_role("heading", name="Your workspaces")
    )
    expect(card.last).to_contain_text("admin@example.com")
    check_accessibility(page)

    page.get_by_role("link", name="Leave").click()
    expect(page.get_by_text("added by admin@example.com")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "leave")
    page.get_by_role("button", name="Leave").click()

    page.wait_for_url("**/admin/")
    expect(page.get_by_text("You left ")).to_be_visible()
    expect(page.get_by_text("None: an owner adds you to theirs.")).to_be_visible()
    expect(page.get_by_role("link", name="Leave")).to_have_count(0)


def fill_in(page: Page, email: str, password: str) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_locked_login_says_so_and_an_owner_unlocks_it(
    open_page: OpenPage, expected: list[str], hire: Hire
) -> None:
    email = hire("leo")
    expected.append("429 (Too Many Requests)")
    page = open_page("/admin/login/", as_admin=False)
    for _ in range(4):
        fill_in(page, email, "a guess")
        expect(page.get_by_text("do not belong together")).to_be_visible()
    fill_in(page, email, "a guess")
    expect(page.get_by_role("heading", name="Too many failed logins")).to_be_visible()
    expect(page.get_by_text("An owner of your workspace can unlock you")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "locked")
    # Not even with the right one.
    fill_in(page, email, PASSWORD)
    expect(page.get_by_role("heading", name="Too many failed logins")).to_be_visible()

    owner = open_page("/admin/accounts/user/?q=leo")
    owner.locator("#result_list tbody input[type=checkbox]").check()
    owner.locator("select[name=action]").select_option("unlock")
    owner.get_by_role("button", name="Run").click()
    expect(owner.get_by_text(f"May log in again: {email}")).to_be_visible()

    fill_in(page, email, PASSWORD)
    page.wait_for_url("**/admin/")
    page.goto("/admin/")
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()
