"""The pages of evaluations of poses, masks and stretches of time in a browser."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, check_accessibility, screenshot
from tests.browser.test_evaluations import LIST, Api, Evaluated, settled
from tests.browser.test_evaluations import api as api
from tests.browser.test_evaluations import evaluated as evaluated
from tests.evals.engine.test_outlined import HEIGHT, WIDTH, bitmask, blob, png
from tests.evals.kinds.test_pose_and_time import POSE, SOUND, bird, sound, task

pytestmark = pytest.mark.slow

MASKS = (
    '<View><Image name="image" value="$image"/><BitmaskLabels name="mask" toName="image">'
    '<Label value="cat"/></BitmaskLabels></View>'
)
PICTURE = png(blob(1))


def ask(api: Api, evaluated: Evaluated, config: str, item: Any, **more: Any) -> str:
    project = api.post("/api/projects/", {"title": "Places", "label_config": config})["id"]
    api.post(f"/api/projects/{project}/import", [item])
    asked = {"project": project, "modelVersion": "v1", **more}
    return evaluated(api.post("/default/model-evals", asked)["evalId"])


@pytest.fixture(scope="module")
def pose(api: Api, evaluated: Evaluated) -> str:
    """One bird that is found, and one within a crowd."""
    crowd = {**bird({})[0], "id": "c", "meta": {"iscrowd": 1}}
    truth = [*bird({"nose": (10, 10), "left_eye": (20, 10)}), crowd]
    stray = [{**one, "id": f"{one['id']}2"} for one in bird({}, 0.8)]
    said = [*bird({"nose": (11, 10), "left_eye": (20, 11)}, 0.9), *stray]
    more = {"taskType": "keypoint-detection", "keypointSigmas": {"nose": 0.1, "left_eye": 0.1}}
    return ask(api, evaluated, POSE, task(truth, said, image=PICTURE), **more)


@pytest.fixture(scope="module")
def speech(api: Api, evaluated: Evaluated) -> str:
    """A stretch that is found, one that is missed, one too many."""
    truth = [sound(2, 6), sound(10, 12)]
    said = [sound(2, 6.5, 0.9), sound(20, 24, 0.8)]
    return ask(api, evaluated, SOUND, task(truth, said, audio="/a.wav"))


@pytest.fixture(scope="module")
def masks(api: Api, evaluated: Evaluated) -> str:
    """One bitmask that is found."""
    names = {"from_name": "mask", "to_name": "image"}
    truth, said = bitmask(PICTURE, **names), bitmask(PICTURE, score=0.9, **names)
    return ask(api, evaluated, MASKS, task([truth], [said], image=PICTURE))


def test_poses_are_drawn_on_their_picture(open_page: OpenPage, pose: str) -> None:
    page = open_page(f"{LIST}{pose}/images/")
    settled(page)
    images = page.locator("[data-panel=images]")
    expect(images.locator("g.desk-line circle")).to_have_count(4)
    titles = images.locator("g.desk-line circle title").all_text_contents()
    assert sorted(titles) == ["left_eye", "left_eye", "nose", "nose"]
    images.locator("a[href*='/images/']").first.click()
    settled(page)
    words = page.locator("[data-panel=image]").inner_text()
    assert "crowd" in words
    check_accessibility(page)
    screenshot(page, "places-pose")


def test_stretches_of_time_stand_above_each_other(open_page: OpenPage, speech: str) -> None:
    page = open_page(f"{LIST}{speech}/images/")
    settled(page)
    lanes = page.locator("[data-panel=images] .ev-lane")
    expect(lanes).to_have_count(2)
    titles = [
        lanes.nth(n).locator(".ev-stretch").evaluate_all("all => all.map(one => one.title)")
        for n in (0, 1)
    ]
    assert titles == [
        ["speech 2 to 6, right", "speech 10 to 12, missed"],
        ["speech 2 to 6.5, right, score 0.900", "speech 20 to 24, false positive, score 0.800"],
    ]
    check_accessibility(page)
    screenshot(page, "places-time")


def test_bitmasks_are_painted(open_page: OpenPage, masks: str) -> None:
    page = open_page(f"{LIST}{masks}/images/")
    settled(page)
    painted = page.locator("[data-panel=images] image.desk-mask")
    expect(painted).to_have_count(2)
    inside = painted.first.evaluate(
        """async (mask) => {
            const image = new Image();
            image.src = mask.getAttribute("href");
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const { data } = context.getImageData(0, 0, image.width, image.height);
            const inside = data.filter((alpha, at) => at % 4 === 3 && alpha > 0).length;
            return [image.width, image.height, inside];
        }"""
    )
    assert inside == [WIDTH, HEIGHT, int(blob(1).sum())]
    check_accessibility(page)
