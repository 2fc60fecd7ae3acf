"""Debian's Chromium on a desk with the demo in it, as `make run` starts it.

Every page fails its test for what a person should not have to see in the console: an error, a
violation of the content security policy, a request to another host, an address that answers 500.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.house.quickstarting import Quickstart, temporary

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SCREENSHOTS_DIR = Path(os.environ.get("SCREENSHOTS_DIR") or "build/screenshots")
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 390, "height": 844}
GRAVE = {"serious", "critical"}
UNDRAWN_ICONS = """
[...document.querySelectorAll(".material-symbols-outlined")]
    .filter((icon) => icon.scrollWidth > 1.5 * parseFloat(getComputedStyle(icon).fontSize))
    .map((icon) => icon.textContent.trim())
"""
# A page that will not come is rare; a machine with other work to do is not.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def desk() -> Iterator[Quickstart]:
    """Web server, worker and demo project, with both versions' evaluations asked for."""
    # A stand-in model on this machine executes prompt runs.
    with temporary("desk-", ALLOW_PRIVATE_URLS="true") as started:
        yield started


@pytest.fixture(scope="session")
def address(desk: Quickstart) -> str:
    """Of the desk's server, without a slash at the end."""
    return desk.fact("Address").split()[0]


def chromium(playwright: Playwright) -> Browser:
    """Debian's, without a window."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)


def log_in(browser: Browser, address: str, email: str, password: str) -> Any:
    """Cookies of a person who typed both into the form."""
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.goto("/admin/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return context.storage_state()


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser. Where none is installed, the test is skipped."""
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = chromium(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its file: Playwright keeps an event loop running, in which Django asks nothing."""
    with browsing() as started:
        yield started


@pytest.fixture(scope="module")
def login(browser: Browser, desk: Quickstart, address: str) -> Any:
    """Cookies of the admin, who typed the password that quickstart printed."""
    return log_in(browser, address, *desk.fact("Admin").split()[1:])


@dataclass
class Watched:
    """A page, and everything that went wrong on it."""

    page: Page
    host: str
    wrong: list[str] = field(default_factory=list)
    #: Texts that a test expects among what went wrong.
    expected: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", lambda request: self._ask(request.url))
        self.page.on("response", lambda answer: self._answer(answer.status, answer.url))
        # Some violations are reported to nobody but the document.
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"
        )

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" or "Content Security Policy" in text or "Alpine" in text:
            self.wrong.append(f"{kind}: {text}")

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws"} and parts.netloc != self.host:
            self.wrong.append(f"foreign host: {url}")

    def _answer(self, status: int, url: str) -> None:
        if status >= 500:
            self.wrong.append(f"{status}: {url}")

    def check(self) -> None:
        """Fails for what went wrong and was not expected."""
        unexpected = [w for w in self.wrong if not any(text in w for text in self.expected)]
        assert unexpected == []


OpenPage = Callable[..., Page]


@contextmanager
def _context(browser: Browser, address: str, **options: Any) -> Iterator[BrowserContext]:
    with browser.new_context(base_url=address, reduced_motion="reduce", **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def expected() -> list[str]:
    """Texts of console messages that a test provokes; it appends them."""
    return []


@pytest.fixture
def open_page(
    browser: Browser, address: str, login: Any, expected: list[str]
) -> Iterator[OpenPage]:
    """Opens a path, logged in: `open_page("/admin/", dark=True, size=NARROW)`.

    What goes wrong on it by the end of the test fails the test. `as_admin=False` is nobody.
    """
    watched: list[Watched] = []
    contexts: list[Any] = []

    def open_(
        path: str,
        *,
        dark: bool = False,
        size: ViewportSize = WIDE,
        as_admin: bool = True,
        storage: Any = None,
    ) -> Page:
        opened = _context(
            browser,
            address,
            viewport=size,
            color_scheme="dark" if dark else "light",
            storage_state=storage or (login if as_admin else None),
        )
        context = opened.__enter__()
        contexts.append(opened)
        page = context.new_page()
        seen = Watched(page, urlsplit(address).netloc, expected=expected)
        seen.listen()
        watched.append(seen)
        page.goto(path)
        return page

    yield open_
    for opened in contexts:
        opened.__exit__(None, None, None)
    for seen in watched:
        seen.check()


def check_accessibility(page: Page, within: str | None = None) -> None:
    """Fails for what axe-core finds serious or critical: contrast, labels, roles, order."""
    found = Axe().run(page, context=within).response["violations"]
    grave = {
        f"{violation['id']}: {violation['help']}": [
            (node["target"], node["html"][:160], node.get("failureSummary", "")[:300])
            for node in violation["nodes"][:5]
        ]
        for violation in found
        if violation["impact"] in GRAVE
    }
    assert grave == {}
    # An icon that the font does not have is read, and seen, as its name.
    assert page.evaluate(UNDRAWN_ICONS) == []


def screenshot(page: Page, name: str) -> Path:
    """Writes what is seen to SCREENSHOTS_DIR, for a person to look at."""
    path = SCREENSHOTS_DIR / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    return path
