"""`make screenshots`: the pictures of the README, taken of the demo as a newcomer sees it.

Which pages they show stands in PICTURES alone. Each is written to docs/images as a PNG of 128
colors, under MOST_BYTES.
"""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import WIDE, chromium, log_in
from tests.house.quickstarting import PROJECT_DIR, temporary

FOLDER = PROJECT_DIR / "docs" / "images"
MOST_BYTES = 150_000
COLORS = 128
DONE_WITHIN_S = 60


class Demo(NamedTuple):
    """What addresses are made of."""

    prediction: int
    evaluation: str


class Picture(NamedTuple):
    """A page, and what is there once it is drawn."""

    name: str
    address: Callable[[Demo], str]
    drawn: str


PICTURES = [
    Picture(
        "prediction",
        lambda demo: (
            f"/admin/predictions/prediction/{demo.prediction}/review/?evaluation={demo.evaluation}"
        ),
        ".desk-overlay",
    ),
    Picture(
        "evaluation",
        lambda demo: f"/admin/evals/modeleval/{demo.evaluation}/",
        ".js-plotly-plot",
    ),
    Picture(
        "matrix",
        lambda demo: f"/admin/evals/modeleval/{demo.evaluation}/matrix/",
        "[data-panel=matrix] td",
    ),
]


def main() -> int:
    """Takes all of them, or those named on the command line."""
    wanted = set(sys.argv[1:])
    with temporary("shots-") as started, sync_playwright() as playwright:
        address = started.fact("Address").split()[0]
        demo = _demo(address, started.fact("Workspace"), started.fact("Token"))
        browser = chromium(playwright)
        login = log_in(browser, address, *started.fact("Admin").split()[1:])
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                print(_take(browser, address, login, picture, demo))
        browser.close()
    return 0


def _demo(address: str, workspace: str, token: str) -> Demo:
    """The evaluation of the better version, once the worker has it, and its busiest prediction."""
    deadline = time.monotonic() + DONE_WITHIN_S
    key = {"api_key": token}
    while True:
        listed = requests.get(f"{address}/{workspace}/model-evals", params=key, timeout=30)
        done = [e for e in listed.json()["evals"] if e["status"] == "done" and "large" in str(e)]
        if done:
            break
        assert time.monotonic() < deadline, "the evaluation is not done"
        time.sleep(0.2)
    header = {"Authorization": f"Token {token}"}
    rows = requests.get(f"{address}/api/predictions/", headers=header, timeout=30).json()
    large = [row for row in rows if row["model_version"] == "digits-large"]
    return Demo(max(large, key=lambda row: len(row["result"]))["id"], done[0]["evalId"])


def _take(browser: Browser, address: str, login: Any, picture: Picture, demo: Demo) -> str:
    with browser.new_context(
        base_url=address, storage_state=login, viewport=WIDE, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(picture.address(demo))
        page.wait_for_selector(picture.drawn)
        page.wait_for_load_state("networkidle")
        return _write(page, FOLDER / f"{picture.name}.png")


def _write(page: Page, path: Path) -> str:
    """The page as it stands, and how large the file became."""
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    seen.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    n_bytes = path.stat().st_size
    assert n_bytes < MOST_BYTES, f"{path} has {n_bytes:,} bytes"
    return f"{path.relative_to(PROJECT_DIR)}  {n_bytes:,} bytes"


if __name__ == "__main__":
    sys.exit(main())
