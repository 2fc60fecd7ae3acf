"""The pages of an ML backend and of a job: they say how both are, and let one act on it."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.backends.scripted import Scripted, running
from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.conftest import TEXT_CONFIG
from tests.house.quickstarting import Quickstart

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[Scripted, str]]:
    scripted = Scripted()
    scripted.on(
        "/predict",
        lambda body: (200, {"results": [{"result": []}, *[None] * (len(body["tasks"]) - 1)]}),
    )
    with running(scripted) as url:
        yield scripted, url


def test_a_backend_is_asked_at_the_desk(
    open_page: OpenPage, desk: Quickstart, address: str, model: tuple[Scripted, str]
) -> None:
    def post(path: str, body: Any) -> Any:
        headers = {
            "Authorization": f"Token {desk.fact('Token').split()[0]}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    project = post("/api/projects/", {"title": "Moods", "label_config": TEXT_CONFIG})["id"]
    post(f"/api/projects/{project}/import", [{"text": "good"}, {"text": "bad"}])
    backend = post("/api/ml/", {"project": project, "url": model[1], "title": "moods"})["id"]
    page = open_page(f"/admin/predictions/mlbackend/{backend}/jobs/")
    expect(page.get_by_text("It has not been asked yet.")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("button", name="Ask about all tasks").click()
    expect(page.get_by_role("heading", name="Prediction job", exact=False).first).to_be_visible()
    badge = page.locator(".asked-badge")
    while badge.inner_text() in {"Pending", "InProgress"}:
        page.reload()
    expect(badge).to_have_text("Completed")
    expect(page.get_by_text("InvalidAnswer")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "prediction-job")
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    page.reload()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, "prediction-job-narrow-dark")
    page.get_by_role("button", name="Ask again about what failed").click()
    expect(page.get_by_text("This job asks again about 1 tasks.")).to_be_visible()
    page.goto(f"{address}/admin/predictions/mlbackend/{backend}/jobs/")
    expect(page.get_by_role("link", name="All jobs of this backend")).to_be_visible()
    screenshot(page, "ml-backend-narrow-dark")
    page.goto(f"{address}/admin/predictions/mlbackend/{backend}/change/")
    check_accessibility(page)
    screenshot(page, "ml-backend-form-narrow-dark")
