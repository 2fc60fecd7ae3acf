"""The page of a run: it moves while the run does, says what failed, and lets one act on it."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE, OpenPage, check_accessibility, screenshot
from tests.conftest import TEXT_CONFIG
from tests.house.quickstarting import Quickstart
from tests.prompts.conftest import Model, start_model

pytestmark = pytest.mark.slow

FAULTY = ["garbage <script>alert(1)</script>", "wrong-label", "refuse", "garbage <b>again</b>"]
RUN = "/admin/prompts/modelrun/{}/"
Post = Callable[..., Any]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    process, started = start_model(100)
    yield started
    process.terminate()
    process.communicate()


@pytest.fixture(scope="module")
def post(desk: Quickstart, address: str) -> Post:
    """Sends a document to the API; what it answers."""

    def send(path: str, body: Any) -> Any:
        headers = {
            "Authorization": f"Token {desk.fact('Token').split()[0]}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    return send


@pytest.fixture(scope="module")
def version(post: Post, model: Model) -> dict[str, Any]:
    """A version on the stand-in model, whose project holds 40 tasks, four of which fail."""
    project = post("/api/projects/", {"title": "Reviews", "label_config": TEXT_CONFIG})["id"]
    texts = [*FAULTY, *(f"good {n}" for n in range(36))]
    post(f"/api/projects/{project}/import", [{"text": text} for text in texts])
    connection = post(
        "/api/model-provider-connections/",
        {
            "provider": "Custom",
            "endpoint": model.endpoint,
            "max_concurrency": 2,
            "prompt_price_usd_per_million": 2.5,
            "completion_price_usd_per_million": 10,
        },
    )["id"]
    prompt = post("/api/prompts/", {"title": "Moods", "associated_projects": [project]})["id"]
    made = post(
        f"/api/prompts/{prompt}/versions",
        {
            "title": "v1",
            "prompt": "Which mood has this review? {text}",
            "provider": "Custom",
            "provider_model_id": "stand-in",
            "model_provider_connection": connection,
        },
    )
    return {"project": project, "prompt": prompt, "version": made["id"], "connection": connection}


@pytest.fixture
def begin(post: Post, version: dict[str, Any]) -> Callable[[], int]:
    """Makes a run of all tasks; its id."""

    def make() -> int:
        path = f"/api/prompts/{version['prompt']}/versions/{version['version']}/inference-runs"
        run = post(path, {"project": version["project"], "project_subset": "All"})
        return int(run["id"])

    return make


def status(page: Page) -> Any:
    return page.locator("[data-run=status]")


def test_a_run_from_its_start_to_its_retry(
    open_page: OpenPage, begin: Callable[[], int], model: Model
) -> None:
    model.control(reset=True, latency_s=0.1)
    page = open_page(RUN.format(begin()))
    looks: list[str] = []
    page.on("request", lambda asked: looks.append(asked.url) if "/progress/" in asked.url else None)
    expect(status(page)).to_have_text(re.compile("waiting|running"))
    expect(page.locator("[data-run=counts]")).not_to_contain_text(re.compile("^0 of"))
    screenshot(page, "run-in-progress")
    expect(status(page)).to_have_text("completed")
    expect(page.locator("[data-run=counts]")).to_have_text("40 of 40 tasks: 36 predicted, 4 failed")
    expect(page.locator("[data-run=reason]")).to_have_text("4 of 40 tasks failed.")
    expect(page.locator("[data-run=spoken]")).to_have_text("The run is completed.")
    assert len(looks) > 1
    n_looks = len(looks)
    groups = page.locator(".run-failures details")
    expect(groups.locator("summary")).to_have_text(["InvalidAnswer3", "BadRequestError1"])
    expect(groups.nth(0)).to_have_attribute("open", "")
    expect(groups.nth(0).locator("li")).to_have_count(3)
    expect(groups.nth(0)).to_contain_text("The answer is not JSON")
    expect(page.locator("[data-run=measures]")).to_contain_text("$0.0")
    check_accessibility(page)
    screenshot(page, "run-completed")
    assert len(looks) == n_looks, "it asks no more once the run has ended"
    page.get_by_role("link", name="All failures of the run").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
    check_accessibility(page)
    page.go_back()
    page.get_by_role("button", name="Retry 4 tasks without a prediction").click()
    expect(page.get_by_text("This run retries 4 tasks")).to_be_visible()
    expect(status(page)).to_have_text("failed")
    expect(page.locator("[data-run=reason]")).to_have_text(
        "No task has a prediction; the failures say why."
    )
    screenshot(page, "run-failed")


def test_a_run_is_canceled(open_page: OpenPage, begin: Callable[[], int], model: Model) -> None:
    model.control(reset=True, latency_s=2.0)
    page = open_page(RUN.format(begin()))
    expect(status(page)).to_have_text("running")
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(status(page)).to_have_text("canceled")
    expect(page.get_by_role("button", name="Cancel the run")).to_be_hidden()
    expect(page.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()
    check_accessibility(page)
    screenshot(page, "run-canceled")


@pytest.mark.slow
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_look_of_it(
    open_page: OpenPage, begin: Callable[[], int], model: Model, dark: bool, size: dict[str, int]
) -> None:
    model.control(reset=True, latency_s=0.0)
    page = open_page(RUN.format(begin()), dark=dark, size=size)
    expect(status(page)).to_have_text("completed")
    check_accessibility(page)
    is_wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(is_wider)
    name = f"{'dark' if dark else 'light'}-{size['width']}"
    screenshot(page, f"run-{name}")
    page.goto("/admin/prompts/modelrun/")
    check_accessibility(page)
    screenshot(page, f"runs-{name}")


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["prompt", "promptversion", "providerconnection"])
def test_lists_and_forms(
    open_page: OpenPage, version: dict[str, Any], name: str, dark: bool
) -> None:
    page = open_page(f"/admin/prompts/{name}/", dark=dark)
    check_accessibility(page)
    page.locator("#result_list tbody a").first.click()
    check_accessibility(page)
    page.goto(f"/admin/prompts/{name}/add/")
    check_accessibility(page)
    screenshot(page, f"add-{name}-{'dark' if dark else 'light'}")
