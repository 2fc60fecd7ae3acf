"""The browser's memory stays flat while somebody pages through many images: the images of an
evaluation, which are one document, and the grid and the pages of tasks, which are many.

`BROWSER_IMAGES=10000` looks at ten thousand; the suite at some hundred. The pictures are of another
host, as the tasks' own media often are: a thread of this process.
"""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


def picture(n: int) -> bytes:
    """The n-th: no two are alike."""
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (40, 30), (n % 256, n // 256 % 256, 90)).save(file, "PNG")
    return file.getvalue()


class Pictures(BaseHTTPRequestHandler):
    """Answers `/17.png`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = picture(int(self.path.strip("/").partition(".")[0]))
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing of it."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """The address of their host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def theirs(pictures: str, expected: list[str]) -> None:
    """Pages may ask that host."""
    expected.append(f"foreign host: {pictures}/")


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
def project(api: Api, pictures: str) -> int:
    """N_IMAGES tasks, each with ground truth and a prediction that is partly right."""
    made = api.project("Many images", CONFIG)
    for first in range(0, N_IMAGES, 1000):
        tasks = [
            {
                "data": {"image": f"{pictures}/{n}.png"},
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


def drawn(page: Page, cards: str, n: int) -> None:
    """Waits until as many cards have their regions drawn, over pictures that are loaded."""
    page.locator(f"{cards} svg.desk-overlay").nth(n - 1).wait_for(state="attached")
    assert page.locator(f"{cards} svg.desk-overlay").count() == n


def check_flat(
    page: Page, shows: Callable[[int], None], turn: Callable[[int], None], pages: int
) -> None:
    """After the first eighth of the pages, which fill caches, nothing grows with them. `shows`
    waits until the n-th is drawn, `turn` asks for it.
    """
    warm = max(4, pages // 8)
    before = after = Used(0, 0)
    for n in range(pages):
        if n > 0:
            turn(n)
        shows(n)
        if n == warm:
            before = used(page)
        # Of the last one there may be less than of a whole page.
        if n == pages - 2:
            after = used(page)
    print(f"{pages} pages: {before} after {warm}, {after} at the end")
    assert after.bytes - before.bytes < MOST_MORE_BYTES, (before, after)
    assert after.nodes - before.nodes < MOST_MORE_NODES, (before, after)


def test_images_of_an_evaluation(open_page: OpenPage, evaluation: str) -> None:
    page = open_page(evaluation)
    expect(page.locator("[data-numbers]")).to_be_visible()
    page.goto(f"{evaluation}images/?split=all")
    shown = page.locator("output[data-total]").first

    def shows(n: int) -> None:
        first, last = 25 * n + 1, min(25 * (n + 1), N_IMAGES)
        expect(shown).to_contain_text(f"{first:,} to {last:,} of")
        drawn(page, ".ev-images", last - first + 1)

    def turn(n: int) -> None:
        page.get_by_role("button", name="Next").first.click()

    check_flat(page, shows, turn, -(-N_IMAGES // 25))


def test_grid(open_page: OpenPage, project: int) -> None:
    page = open_page(f"/admin/predictions/project/{project}/tasks/")

    def shows(n: int) -> None:
        first, last = 24 * n + 1, min(24 * (n + 1), N_IMAGES)
        expect(page.locator(".grid-count")).to_contain_text(f"{first:,} to {last:,} of")
        drawn(page, ".grid-card", last - first + 1)

    def turn(n: int) -> None:
        page.locator("a[rel=next]").click()

    check_flat(page, shows, turn, -(-N_IMAGES // 24))


def test_side_by_side_hidden_and_shown_again(open_page: OpenPage, api: Api, project: int) -> None:
    """Of a task's page: pictures that were hidden are not kept."""
    task = api.get(f"tasks/?project={project}&page_size=1")["tasks"][0]["id"]
    page = open_page(f"/admin/predictions/task/{task}/review/?layout=side")
    toggle = page.get_by_label("v1")

    def shows(n: int) -> None:
        expect(page.locator(".desk-window")).to_have_count(1 + n % 2)

    def turn(n: int) -> None:
        toggle.set_checked(n % 2 == 1)

    toggle.uncheck()
    # Both are measured at an even step, with one window.
    check_flat(page, shows, turn, 64)
