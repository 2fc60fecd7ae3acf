"""The browser's memory stays flat while somebody pages through many images: the images of an
evaluation, which are one document, and the grid and the pages of tasks, which are many.

`BROWSER_IMAGES=10000` looks at ten thousand; the suite at some hundred.
"""

import base64
import os
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_review import Api
from tests.house.quickstarting import Quickstart

pytestmark = pytest.mark.slow

N_IMAGES = int(os.environ.get("BROWSER_IMAGES", "600"))
CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">
<Label value="Car"/><Label value="Person"/></RectangleLabels></View>"""
#: What may be kept besides: compiled scripts, the browser's own counters. A page of images whose
#: elements stay takes 2,000 nodes.
MOST_MORE_BYTES = 1_500_000
MOST_MORE_NODES = 1_000


class Used(NamedTuple):
    """Of a page, after the browser has thrown away what nothing leads to."""

    bytes: int
    nodes: int


def picture(n: int) -> str:
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (40, 30), (n % 256, n // 256 % 256, 90)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def box(label: str, x: float, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": 10, "width": 20, "height": 20, "rectanglelabels": [label]}
    return {
        "from_name": "box", "to_name": "image", "type": "rectanglelabels", "original_width": 40,
        "original_height": 30, "value": value, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def api(desk: Quickstart, address: str) -> Api:
    return Api(address, desk.fact("Token"))


@pytest.fixture(scope="module")
def project(api: Api) -> int:
    """N_IMAGES tasks, each with ground truth and a prediction that is partly right."""
    made = api.project("Many images", CONFIG)
    for first in range(0, N_IMAGES, 1000):
        tasks = [
            {
                "data": {"image": picture(n)},
                "annotations": [
                    {"ground_truth": True, "result": [box("Car", 5), box("Person", 40)]}
                ],
                "predictions": [
                    {
                        "model_version": "v1",
                        "result": [box("Car", 6, score=0.9), box("Car", n % 70, score=0.6)],
                    }
                ],
            }
            for n in range(first, min(first + 1000, N_IMAGES))
        ]
        api.post(f"projects/{made}/import", tasks)
    return made


@pytest.fixture(scope="module")
def evaluation(api: Api, project: int) -> str:
    """The address of its images."""
    body = {"project": str(project), "modelVersion": "v1"}
    answer = api.session.post(f"{api.address}/default/model-evals", json=body, timeout=60)
    return f"/admin/evals/modeleval/{answer.json()['evalId']}/"


def used(page: Page) -> Used:
    wire = page.context.new_cdp_session(page)
    wire.send("Performance.enable")
    for _ in range(2):
        wire.send("HeapProfiler.collectGarbage")
    told = {one["name"]: one["value"] for one in wire.send("Performance.getMetrics")["metrics"]}
    wire.detach()
    return Used(int(told["JSHeapUsedSize"]), int(told["Nodes"]))


def check_flat(page: Page, further: Callable[[int], None], pages: int) -> None:
    """After the first eighth of the pages, which fill caches, nothing grows with them."""
    warm = max(4, pages // 8)
    for n in range(warm):
        further(n)
    before = used(page)
    for n in range(warm, pages):
        further(n)
    after = used(page)
    print(f"{pages} pages: {before} after {warm}, {after} at the end")
    assert after.bytes - before.bytes < MOST_MORE_BYTES, (before, after)
    assert after.nodes - before.nodes < MOST_MORE_NODES, (before, after)


def test_images_of_an_evaluation(open_page: OpenPage, evaluation: str) -> None:
    page = open_page(evaluation)
    expect(page.locator("[data-numbers]")).to_be_visible()
    page.goto(f"{evaluation}images/?split=all")
    shown = page.locator("output[data-total]").first

    def further(n: int) -> None:
        first, last = 25 * n + 1, min(25 * (n + 1), N_IMAGES)
        expect(shown).to_contain_text(f"{first:,} to {last:,} of")
        expect(page.locator(".ev-images svg.desk-overlay")).to_have_count(last - first + 1)
        following = page.get_by_role("button", name="Next").first
        if following.is_enabled():
            following.click()

    check_flat(page, further, -(-N_IMAGES // 25))


def test_grid(open_page: OpenPage, project: int) -> None:
    page = open_page(f"/admin/predictions/project/{project}/tasks/")

    def further(n: int) -> None:
        first, last = 24 * n + 1, min(24 * (n + 1), N_IMAGES)
        expect(page.locator(".grid-count")).to_contain_text(f"{first:,} to {last:,} of")
        expect(page.locator(".grid-card svg.desk-overlay")).to_have_count(last - first + 1)
        following = page.get_by_role("link", name="Next", exact=True)
        if following.count():
            following.click()

    check_flat(page, further, -(-N_IMAGES // 24))


def test_side_by_side_hidden_and_shown_again(open_page: OpenPage, api: Api, project: int) -> None:
    """Of a task's page: pictures that were hidden are not kept."""
    task = api.get(f"tasks/?project={project}&page_size=1")["tasks"][0]["id"]
    page = open_page(f"/admin/predictions/task/{task}/review/?layout=side")
    toggle = page.get_by_label("v1")

    def further(n: int) -> None:
        toggle.set_checked(n % 2 == 1)
        expect(page.locator(".desk-window")).to_have_count(1 + n % 2)

    check_flat(page, further, 64)
