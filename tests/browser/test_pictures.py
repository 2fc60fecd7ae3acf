"""Local pictures in a real browser: on the page of a prediction, in lists, and those that are not
there.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from predictions.pictures.addresses import address
from tests.browser.conftest import OpenPage, check_accessibility, screenshot
from tests.browser.test_evaluations import LIST, Evaluated
from tests.browser.test_evaluations import evaluated as evaluated
from tests.browser.test_review import CONFIG, Api, review
from tests.browser.test_review import api as api
from tests.house.quickstarting import OWN_VARIABLES, PROJECT_DIR, Quickstart

pytestmark = pytest.mark.slow

BOX = {
    "from_name": "box", "to_name": "image", "type": "rectanglelabels",
    "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rectanglelabels": ["a"]},
}  # fmt: skip
SHOWN = "img => img.complete && [img.naturalWidth, img.naturalHeight]"


@pytest.fixture(scope="module")
def root(desk: Quickstart, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a root with a picture, a photograph lying on its side, and a TIFF."""
    folder: Path = tmp_path_factory.mktemp("pictures")
    image = Image.new("RGB", (800, 400), "#2a6")
    image.save(folder / "a b.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "side.jpg", exif=exif.tobytes())
    image.save(folder / "c.tiff")
    (folder / "broken.png").write_bytes((folder / "a b.png").read_bytes()[:60])
    environment = {k: v for k, v in os.environ.items() if k not in OWN_VARIABLES}
    return subprocess.run(
        [sys.executable, "manage.py", "image_root", "add", str(folder)],
        cwd=PROJECT_DIR,
        env={**environment, "DATA_DIR": str(desk.data_dir)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()


@pytest.fixture(scope="module")
def made(api: Api, root: str) -> dict[str, int]:
    """Predictions by the name of their picture."""
    project = api.project("Local pictures", CONFIG)
    names = ["a b.png", "side.jpg", "c.tiff", "broken.png", "gone.png"]
    found = {
        name: api.prediction(project, {"image": address(root, name)}, [BOX], model_version="v1")
        for name in names
    }
    for pk in found.values():
        task = api.get(f"predictions/{pk}/")["task"]
        api.post(f"tasks/{task}/annotations/", {"result": [BOX], "ground_truth": True})
    return {**found, "project": project}


def size_of(picture: Locator) -> list[int]:
    expect(picture).to_be_visible()
    handle = picture.element_handle()
    picture.page.wait_for_function(SHOWN, arg=handle)
    return list(picture.evaluate(SHOWN))


@pytest.mark.parametrize(("name", "size"), [("a b.png", [800, 400]), ("side.jpg", [400, 800])])
def test_a_prediction_stands_on_its_picture(
    open_page: OpenPage, made: dict[str, int], name: str, size: list[int]
) -> None:
    page = open_page(review(made[name]))
    page.wait_for_selector(".desk-overlay")
    assert size_of(page.locator(".desk-picture")) == size
    frame = page.locator(".desk-picture").bounding_box()
    box = page.locator(".desk-line").first.bounding_box()
    assert frame
    assert box
    assert box["width"] / frame["width"] == pytest.approx(0.5, abs=0.02)
    check_accessibility(page)
    screenshot(page, f"local {name}")


def test_of_what_a_browser_cannot_show_a_smaller_one(
    open_page: OpenPage, made: dict[str, int]
) -> None:
    page = open_page(review(made["c.tiff"]))
    page.wait_for_selector(".desk-overlay")
    assert size_of(page.locator(".desk-picture")) == [800, 400]
    assert "thumbnail?size=1600" in str(page.locator(".desk-picture").get_attribute("src"))


def test_a_picture_that_cannot_be_loaded_is_named(
    open_page: OpenPage, made: dict[str, int], expected: list[str]
) -> None:
    expected += ["404 (Not Found)"]
    page = open_page(review(made["gone.png"]))
    expect(page.locator(".desk-missing")).to_contain_text("The image could not be loaded.")
    expect(page.locator(".desk-missing")).to_contain_text("gone.png")
    assert page.locator(".desk-line").count() == 2


@pytest.mark.parametrize("kind", ["task", "prediction"])
def test_lists_show_small_ones(
    open_page: OpenPage, made: dict[str, int], expected: list[str], kind: str
) -> None:
    expected += ["404 (Not Found)"]
    page = open_page(f"/admin/predictions/{kind}/?project={made['project']}")
    pictures = page.locator("#result_list img.desk-list-picture")
    expect(pictures).to_have_count(5)
    # The newest first.
    assert [size_of(pictures.nth(n)) for n in (2, 3, 4)] == [[160, 80], [80, 160], [160, 80]]
    heights = [box["height"] for one in pictures.all() if (box := one.bounding_box())]
    assert heights == [60] * 5
    screenshot(page, f"list of {kind}s with pictures")


def test_images_of_an_evaluation_are_small_ones(
    open_page: OpenPage,
    api: Api,
    evaluated: Evaluated,
    made: dict[str, int],
    expected: list[str],
) -> None:
    expected += ["404 (Not Found)"]
    body: Any = {"project": made["project"], "modelVersion": "v1"}
    started = api.session.post(f"{api.address}/default/model-evals", json=body, timeout=30)
    assert started.ok, started.text
    page = open_page(f"{LIST}{evaluated(started.json()['evalId'])}/images/")
    pictures = page.locator(".ev-images .desk-picture")
    missing = page.locator(".ev-images .desk-missing")
    expect(missing).to_have_count(2)
    expect(missing.first).to_have_text("no image")
    assert [size_of(one) for one in pictures.all()] == [[320, 160], [160, 320], [320, 160]]
    names = page.locator(".ev-images tbody tr > :first-child").all_inner_texts()
    assert names == ["a b.png", "side.jpg", "c.tiff", "broken.png", "gone.png"]
    screenshot(page, "evaluated local pictures")
