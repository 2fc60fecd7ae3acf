"""The pages of evaluations in a real browser, on the demo and on a project with embeddings.

What a page shows is compared with what the API answers to a key, read here and not by the page.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NARROW, WIDE, OpenPage, check_accessibility, screenshot
from tests.evals.conftest import box, task
from tests.house.quickstarting import Quickstart

pytestmark = pytest.mark.slow

LIST = "/admin/evals/modeleval/"
HOSTILE = "<img src=x onerror=alert(1)>"
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="&lt;img src=x onerror=alert(1)&gt;"/></RectangleLabels>'
    "</View>"
)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
# Where the map's first point is in the window.
A_POINT = """() => {
  const chart = document.querySelector(".ev-points");
  const { left, top } = chart.getBoundingClientRect();
  const { xaxis, yaxis } = chart._fullLayout;
  const [{ x, y }] = chart.data;
  return [
    left + xaxis._offset + xaxis.d2p(x[0]),
    top + yaxis._offset + yaxis.d2p(y[0]),
  ];
}"""
N_IMAGES = 40
PAGES = [
    *("", "metrics/?curve=1", "matrix/", "images/?sort=f1", "class/?class=1"),
    *("recommendations/", "diff/"),
]


@dataclass(frozen=True)
class Api:
    """The server's API, with a key."""

    url: str
    session: requests.Session

    def get(self, path: str, **query: Any) -> Any:
        answer = self.session.get(f"{self.url}{path}", params=query)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = self.session.post(f"{self.url}{path}", json=body)
        assert answer.ok, answer.text
        return answer.json()

    def header(self, evaluation: str) -> Any:
        return self.get(f"/default/model-evals/{evaluation}")

    def of(self, evaluation: str, panel: str, **query: Any) -> Any:
        return self.get(f"/default/model-evals/{evaluation}/{panel}", **query)


@pytest.fixture(scope="module")
def api(desk: Quickstart, address: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-Api-Key"] = desk.fact("Token").split()[0]
        yield Api(address, session)


Evaluated = Callable[[str], str]


@pytest.fixture(scope="module")
def evaluated(browser: Browser, address: str, login: Any) -> Evaluated:
    """Waits until an evaluation is done, as a person does: in front of its page."""

    def wait(evaluation: str) -> str:
        with browser.new_context(base_url=address, storage_state=login) as context:
            page = context.new_page()
            page.goto(f"{LIST}{evaluation}/")
            expect(page.locator("[data-numbers]")).to_be_visible()
        return evaluation

    return wait


@pytest.fixture(scope="module")
def digits(api: Api, evaluated: Evaluated) -> dict[str, str]:
    """The demo's evaluations by model version."""
    found = api.get("/default/model-evals")["evals"]
    models = {one["modelId"]: one["evalId"] for one in found if one["modelId"]}
    return {name: evaluated(models[f"digits/{name}"]) for name in ("digits-small", "digits-large")}


@pytest.fixture(scope="module")
def street(api: Api, evaluated: Evaluated) -> str:
    """An evaluation of images in four groups, with a label that is markup."""
    project = api.post("/api/projects/", {"title": "Street", "label_config": CONFIG})["id"]
    items = [
        {
            **task(
                f"street-{n}",
                truth=[box("Car", 10, 10, 20, 20), box(HOSTILE, 50, 50, 20, 20)],
                said={
                    "v1": [box("Car", 10 + n % 8, 10, 20, 20, 0.9), box(HOSTILE, 0, 0, 9, 9, 0.4)],
                    "v2": [box("Car", 10, 10, 20, 20, 0.9)] if n % 2 else [],
                },
                embedding=[5.0 * (n % 2) + 0.01 * n, 5.0 * (n % 4 // 2), 0.1 * n],
                camera=HOSTILE if n % 4 else "gate",
                night=n < 3,
            ),
            "data": {"image": PIXEL},
        }
        for n in range(N_IMAGES)
    ]
    api.post(f"/api/projects/{project}/import", items)
    made = api.post("/default/model-evals", {"project": project, "modelVersion": "v1"})
    return evaluated(made["evalId"])


def settled(page: Page) -> None:
    """Waits until every panel shows what it shall."""
    # Plotly is large, and two cores are shared.
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=30_000)
    page.wait_for_load_state("networkidle")


def with_intervals(page: Page) -> str:
    """The numbers' text once their intervals, which the page asks for by themselves, are there."""
    settled(page)
    expect(page.locator("[data-interval=f1]")).not_to_be_empty(timeout=30_000)
    return page.locator("[data-numbers]").inner_text()


#: Tables of few rows that have to be scrolled sideways.
CUT = """
[...document.querySelectorAll("table.ev-images, table.ev-objects, .ev-panel table.ev-stacked")]
    .filter((one) => one.scrollWidth > one.parentElement.clientWidth + 1)
    .map((one) => one.caption.textContent)
"""


def rows(page: Page, within: str) -> list[list[str]]:
    """The texts of a table's rows."""
    return [
        row.locator("th, td").all_inner_texts() for row in page.locator(f"{within} tbody tr").all()
    ]


def number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.3f}"


def test_from_the_list_to_the_overview(open_page: OpenPage, digits: dict[str, str]) -> None:
    page = open_page(LIST)
    check_accessibility(page)
    screenshot(page, "evaluations")
    page.get_by_role("link", name="digits/digits-small").click()
    # At the confidence that the figures of the list are at.
    expect(page).to_have_url(re.compile(rf"{LIST}{digits['digits-small']}/\?confidence=\d+$"))


def test_the_slider_moves_all_panels(open_page: OpenPage, api: Api, digits: dict[str, str]) -> None:
    small = digits["digits-small"]
    page = open_page(f"{LIST}{small}/")
    settled(page)
    page.locator("input[name=confidence]").fill("55")
    expect(page.locator("[data-numbers]")).to_have_attribute("data-shown", "test 55")
    settled(page)
    assert "confidence=55" in page.url

    swept = api.of(small, "confidence-sweep")["splits"]["test"]
    tiles = {
        name: page.locator(f"[data-number={name}]").inner_text()
        for name in ("precision", "recall", "f1")
    }
    assert tiles == {name: number(value) for name, value in swept["perThreshold"]["0.55"].items()}
    measured = api.of(small, "map-results")["splits"]["test"]
    expect(page.locator("[data-number='averagePrecision.map50']")).to_have_text(
        number(measured["map50"])
    )
    assert [row[:6] for row in rows(page, "[data-panel=classes]")] == [
        [
            name,
            *(number(measured["perClass"][name][of]) for of in ("map50_95", "map50")),
            *(number(curve["perThreshold"]["0.55"][n]) for n in ("precision", "recall", "f1")),
        ]
        for name, curve in swept["perClass"].items()
    ]
    matrix = api.of(small, "confusion-matrix", split="test", confidence=55)
    assert [row[1:] for row in rows(page, ".ev-matrix")] == [
        [str(n) for n in row] for row in matrix["matrix"]
    ]
    worst = api.of(
        small, "image-predictions", split="test", confidence=55, sort="-errors", limit=10
    )
    assert page.locator("[data-panel=worst] strong").all_inner_texts() == [
        image["imageName"] for image in worst["images"]
    ]
    page.locator("select[name=split]").select_option("all")
    expect(page.locator("[data-numbers]")).to_have_attribute("data-shown", "all 55")
    # The address alone brings the same back, and goes along to the other pages.
    shown = with_intervals(page)
    page.reload()
    assert with_intervals(page) == shown
    page.get_by_role("link", name="Confusion matrix").click()
    assert page.url.endswith("/matrix/?split=all&confidence=55")


def test_the_worst_images(open_page: OpenPage, api: Api, digits: dict[str, str]) -> None:
    small = digits["digits-small"]
    page = open_page(f"{LIST}{small}/images/?split=all")
    page.get_by_role("button", name="False positives").click()
    settled(page)
    listed = api.of(small, "image-predictions", split="all", sort="-falsePositives", limit=25)
    assert [[row[0], *row[2:9]] for row in rows(page, ".ev-images")] == [
        [
            image["imageName"],
            image["split"],
            *(
                str(image["stats"][n])
                for n in ("truePositives", "falsePositives", "falseNegatives")
            ),
            *(number(image["stats"][n]) for n in ("precision", "recall", "f1")),
        ]
        for image in listed["images"]
    ]
    expect(page.locator(".ev-images svg.desk-overlay")).to_have_count(25)
    screenshot(page, "worst-images")
    page.get_by_role("button", name="Next").first.click()
    expect(page.locator("output[data-total]").first).to_have_text("26 to 50 of 60")
    page.get_by_role("button", name="Previous").first.click()
    expect(page.locator("output[data-total]").first).to_have_text("1 to 25 of 60")

    worst = listed["images"][0]
    page.get_by_role("link", name=worst["imageName"]).click()
    settled(page)
    check_accessibility(page)
    screenshot(page, "evaluated-image")
    found = api.of(small, f"image-predictions/{worst['imageId']}")
    kept = [one for one in found["predictions"] if one["verdict"] is not None]
    regions = page.locator("[data-panel=image] svg.desk-overlay > g")
    expect(regions).to_have_count(len(found["groundTruth"]) + len(kept))
    words = {"tp": "right", "fp": "false positive", "fn": "missed", "wrong_class": "wrong class"}
    said = rows(page, "[aria-label=Predictions]")
    assert [[row[1], row[2], row[3]] for row in said] == [
        [one["class"], number(one["score"]), words.get(one["verdict"], "below the confidence")]
        for one in found["predictions"]
    ]
    page.get_by_role("link", name="To the prediction").click()
    assert f"evaluation={small}" in page.url
    assert f"/prediction/{found['predictionId']}/" in page.url


def test_a_matrix_cell_opens_its_images(
    open_page: OpenPage, api: Api, digits: dict[str, str]
) -> None:
    """By the keyboard: a cell is a link."""
    small = digits["digits-small"]
    page = open_page(f"{LIST}{small}/matrix/?split=all&confidence=10")
    settled(page)
    matrix = api.of(small, "confusion-matrix", split="all", confidence=10)["matrix"]
    actual, predicted = max(
        ((a, p) for a in range(10) for p in range(10) if a != p),
        key=lambda at: matrix[at[0]][at[1]],
    )
    page.locator(f".ev-matrix [data-cell='{actual},{predicted}']").focus()
    page.keyboard.press("Enter")
    settled(page)
    cell = f"{actual},{predicted}"
    listed = api.of(small, "image-predictions", split="all", confidence=10, cell=cell, limit=25)
    names = [image["imageName"] for image in listed["images"]]
    assert [row[0] for row in rows(page, ".ev-images")] == names
    expect(page.locator("select[name=actual]")).to_have_value(str(actual))
    page.locator("select[name=predicted]").select_option("")
    total = api.of(small, "image-predictions", split="all", limit=1)["totalImages"]
    expect(page.locator("output[data-total]").first).to_have_attribute("data-total", str(total))


def test_cells_of_classes_that_are_called_by_other_numbers(
    open_page: OpenPage, api: Api, evaluated: Evaluated
) -> None:
    """The first class is called 1, the second 0: 1 is twice taken for 0, 0 once for 1."""
    labels = '<Label value="1"/><Label value="0"/>'
    config = CONFIG.partition("<Label ")[0] + labels + "</RectangleLabels></View>"
    project = api.post("/api/projects/", {"title": "Numbers", "label_config": config})["id"]
    place = (10, 10, 20, 20)
    items = [
        task(f"n{n}", truth=[box(true, *place)], said={"v1": [box(said, *place, 0.9)]})
        for n, (true, said) in enumerate([("1", "0"), ("1", "0"), ("0", "1")])
    ]
    api.post(
        f"/api/projects/{project}/import", [{**one, "data": {"image": PIXEL}} for one in items]
    )
    made = api.post("/default/model-evals", {"project": project, "modelVersion": "v1"})
    address = f"{LIST}{evaluated(made['evalId'])}/"
    for path in ("matrix/", "class/?class=1"):
        page = open_page(address + path)
        settled(page)
        link = "[data-cell='0,1']" if path == "matrix/" else "a[href*='cell=']"
        page.locator(link).first.click()
        settled(page)
        expect(page.locator("output[data-total]").first).to_have_attribute("data-total", "2")
        expect(page.locator("select[name=actual]")).to_have_value("0")
        expect(page.locator("select[name=predicted]")).to_have_value("1")


def test_the_map(open_page: OpenPage, api: Api, street: str) -> None:
    page = open_page(f"{LIST}{street}/vectors/")
    settled(page)
    stage = page.locator(".ev-map")
    area = stage.bounding_box()
    assert area
    left, top, wide, high = area["x"], area["y"], area["width"], area["height"]
    page.mouse.move(left + 2, top + 2)
    page.mouse.down()
    for x, y in ((wide - 2, 2), (wide - 2, high - 2), (2, high - 2)):
        page.mouse.move(left + x, top + y, steps=5)
    page.mouse.up()
    everything = page.locator(f"[data-selected='{N_IMAGES}']")
    expect(everything).to_be_visible()
    expect(page.locator("[data-panel=selected] figure")).to_have_count(N_IMAGES)
    assert "lasso=" in page.url
    page.reload()
    expect(everything).to_be_visible()
    # Upper left alone: every image is on one side of each line.
    listed = api.of(street, "image-predictions", limit=N_IMAGES)["images"]
    points = [image["cluster"]["embedding2D"] for image in listed]
    middle = sorted(x for x, _ in points)[N_IMAGES // 2]
    edge = max(x for x, _ in points if x < middle) / 2 + middle / 2
    corners = f"-99,-99,{edge:.5g},-99,{edge:.5g},99,-99,99"
    page.goto(f"{LIST}{street}/vectors/?lasso={corners}")
    inside = [image["imageName"] for image in listed if image["cluster"]["embedding2D"][0] < edge]
    expect(page.locator(f"[data-selected='{len(inside)}']")).to_be_visible()
    settled(page)
    assert page.locator("[data-panel=selected] strong").all_inner_texts() == inside
    screenshot(page, "map")
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.get_by_text("Nothing is selected.")).to_be_visible()
    # The same without a mouse.
    stage.focus()
    page.keyboard.press("+")
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(everything).to_be_visible()
    page.locator("select[name=colour]").select_option("f1")
    expect(page.locator(".ev-legend").get_by_text("F1 0.5")).to_be_visible()
    settled(page)
    check_accessibility(page)
    stage.scroll_into_view_if_needed()
    page.mouse.click(*page.evaluate(A_POINT))
    page.wait_for_url(f"**{LIST}{street}/images/*/?*")


def test_evaluating_again(open_page: OpenPage, api: Api, street: str) -> None:
    page = open_page(f"{LIST}{street}/")
    before, header = with_intervals(page), api.header(street)
    with page.expect_response("**/rerun/") as posted:
        page.get_by_role("button", name="Re-evaluate").click()
    assert posted.value.status == 302
    # Whether or not it is done by now, the page shows the numbers when it is.
    assert with_intervals(page) == before
    made = page.url.split(LIST)[1].split("/")[0]
    assert made != street
    after = api.header(made)
    assert (after["status"], after["supersedes"]) == ("done", street)
    assert api.header(street) == {**header, "supersededBy": made}
    assert page.locator("img[src=x]").count() == 0
    expect(page.locator("[data-panel=classes]").get_by_text(HOSTILE)).to_be_visible()
    page.get_by_role("link", name=street).click()
    expect(page.get_by_role("link", name=made)).to_be_visible()
    assert with_intervals(page) == before


def test_accepting_and_deleting(open_page: OpenPage, api: Api, street: str) -> None:
    made = api.post(f"/default/model-evals/{street}/rerun", {})["evalId"]
    page = open_page(f"{LIST}{made}/")
    expect(page.locator("[data-numbers]")).to_be_visible()
    page.get_by_role("button", name="Accept as baseline").click()
    expect(page.locator(".ev-accepted")).to_have_text("Accepted")
    assert api.header(made)["accepted"] is True
    page.get_by_text("Delete…").click()
    expect(page.get_by_text("It is the accepted one")).to_be_visible()
    check_accessibility(page)
    screenshot(page, "evaluation-delete")
    page.set_viewport_size(NARROW)
    page.reload()
    settled(page)
    page.get_by_text("Delete…").click()
    form = page.locator(".ev-actions .desk-confirm form").bounding_box()
    assert form
    assert form["x"] >= 0
    assert form["x"] + form["width"] <= NARROW["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.get_by_role("button", name="Take acceptance back").click()
    expect(page.get_by_role("button", name="Accept as baseline")).to_be_visible()
    assert api.header(made)["accepted"] is False
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete this evaluation").click()
    expect(page.get_by_text(f"Evaluation {made} is deleted.")).to_be_visible()
    assert api.header(street)["supersededBy"] != made


def test_two_evaluations_side_by_side(
    open_page: OpenPage, api: Api, digits: dict[str, str]
) -> None:
    small, large = digits["digits-small"], digits["digits-large"]
    page = open_page(f"{LIST}{large}/diff/")
    settled(page)
    # Nothing is accepted: the version before is the baseline.
    expect(page.locator("select[name=baseline]")).to_have_value(small)
    scores = [api.header(one)["summary"]["primary"]["value"] for one in (small, large)]
    word = "better" if scores[1] > scores[0] else "worse"
    expect(page.locator(".ev-said")).to_contain_text(
        f"digits/digits-large against digits/digits-small: mAP50-95 {word} by "
        f"{abs(scores[1] - scores[0]):.3f} ({scores[0]:.3f} to {scores[1]:.3f})."
    )
    table = page.get_by_role("table", name="All versions")
    for at, score in enumerate(scores[::-1]):
        expect(table.locator("tbody tr").nth(at)).to_contain_text(number(score))
        expect(table.locator("tbody tr").nth(at)).to_contain_text(re.compile(r"\d\d:\d\d UTC"))
    expect(page.locator("[data-panel=versions] .js-plotly-plot")).to_be_visible()
    page.locator("[data-swap]").click()
    page.wait_for_url(f"**/{small}/diff/?*")
    settled(page)
    found = api.of(large, f"diff/{small}", split="test", limit=12)
    names = ("images", "fixedImages", "brokenImages", "unchangedImages", "fixed", "broken")
    tiles = page.locator("[data-panel=diff] dd").all_inner_texts()
    assert tiles[:6] == [str(found["totals"][name]) for name in names]
    assert page.locator(".ev-pair h4").all_inner_texts() == [
        f"{one['imageName']}: {one['fixed']} errors fixed, {one['broken']} new"
        for one in found["images"]
    ]
    expect(page.locator(".ev-pair svg.desk-overlay")).to_have_count(2 * len(found["images"]))
    screenshot(page, "compared")
    assert f"baseline={large}" in page.url


def test_errors_by_kind_and_a_class(open_page: OpenPage, api: Api, digits: dict[str, str]) -> None:
    """A kind of error leads to its images, a class to its page."""
    small = digits["digits-small"]
    page = open_page(f"{LIST}{small}/?split=test")
    settled(page)
    found = api.of(small, "error-types")["splits"]["test"]["errors"]
    assert [row[1:] for row in rows(page, "[data-panel=error-types]")] == [
        [str(one["count"]), str(one["images"]), number(one["cost"])] for one in found.values()
    ]
    by_size = api.of(small, "map-results")["splits"]["test"]["byObjectSize"]
    expect(page.locator("[data-number='bySize.large']")).to_have_text(
        number((by_size["large"] or {}).get("map50_95"))
    )
    kind = max(found, key=lambda word: found[word]["count"])
    page.locator(f"[data-error={kind}]").click()
    settled(page)
    expect(page.locator("[data-total]").first).to_have_attribute(
        "data-total", str(found[kind]["images"])
    )
    expect(page.locator("select[name=errorType]")).to_have_value(kind)

    page = open_page(f"{LIST}{small}/?split=test&confidence=30")
    settled(page)
    page.locator("[data-panel=classes] tbody a").first.click()
    settled(page)
    name = api.header(small)["classes"][0]
    expect(page.locator("#class-title")).to_have_text(f"Class {name}")
    of_class = api.of(small, "error-types")["splits"]["test"]["perClass"].get(name, {})
    shown = {row[0].split()[0]: row[1] for row in rows(page, "[data-panel=error-types]")}
    assert shown == {word: str(of_class.get(word, 0)) for word in shown}
    worst = api.of(
        small,
        "image-predictions",
        split="test",
        confidence=30,
        sort="-errors",
        limit=10,
        **{"class": name},
    )
    assert page.locator("[data-panel=worst] strong").all_inner_texts() == [
        one["imageName"] for one in worst["images"]
    ]
    check_accessibility(page)
    screenshot(page, "class")


def test_intervals_and_slices(open_page: OpenPage, api: Api, street: str) -> None:
    """Intervals beside the headline; a slice leads to its images and its matrix."""
    page = open_page(f"{LIST}{street}/?split=test&confidence=30")
    settled(page)
    found = api.of(street, "intervals", split="test", confidence=30)
    for name in ("precision", "recall", "f1", "map50_95"):
        text = f"{number(found[name]['low'])} to {number(found[name]['high'])}"
        expect(page.locator(f"[data-interval={name}]")).to_have_text(text)
    page.locator("select[name=by]").select_option("meta.camera")
    settled(page)
    sliced = api.of(street, "slices", by="meta.camera", split="test", confidence=30)["slices"]
    assert [row[:-1] for row in rows(page, "[data-panel=slices]")] == [
        [
            one["value"],
            str(one["images"]),
            *(number(one[name]) for name in ("precision", "recall", "f1")),
            f"{number(one['f1Low'])} to {number(one['f1High'])}",
            str(one["falsePositives"]),
            str(one["falseNegatives"]),
        ]
        for one in sliced
    ]
    assert [one["value"] for one in sliced] == [HOSTILE, "gate"]
    check_accessibility(page)
    screenshot(page, "slices")

    page.locator("[data-panel=slices] a[data-slice=gate]").click()
    settled(page)
    expect(page.locator("select[name=slice]")).to_have_value("meta.camera:gate")
    expect(page.locator("[data-total]").first).to_have_attribute("data-total", "10")
    page.locator("select[name=slice]").select_option("meta.night:true")
    expect(page.locator("[data-total]").first).to_have_attribute("data-total", "3")
    address = f"{LIST}{street}/matrix/?split=test&confidence=30&slice=meta.night:true"
    page = open_page(address)
    settled(page)
    matrix = api.of(
        street, "confusion-matrix", split="test", confidence=30, slice="meta.night:true"
    )
    assert [row[1:] for row in rows(page, ".ev-matrix")] == [
        [str(n) for n in row] for row in matrix["matrix"]
    ]
    page.locator(".ev-matrix [data-cell='0,0']").click()
    settled(page)
    expect(page.locator("[data-total]").first).to_have_attribute("data-total", "3")


def test_whether_a_difference_is_chance(
    open_page: OpenPage, api: Api, street: str, evaluated: Evaluated
) -> None:
    header = api.header(street)
    asked = {"project": header["project"], "modelVersion": "v2"}
    other = evaluated(api.post("/default/model-evals", asked)["evalId"])
    page = open_page(f"{LIST}{other}/diff/?split=all&confidence=30&baseline={street}")
    settled(page)
    for query in ({}, {"slice": "meta.camera:gate"}):
        if query:
            page.locator("select[name=slice]").select_option(query["slice"])
            settled(page)
        found = api.of(street, f"diff/{other}", split="all", confidence=30, **query)
        table = page.locator("table", has_text="Significance")
        minus = "\N{MINUS SIGN}"
        for row, one in enumerate(found["significance"].values()):
            cells = table.locator("tbody tr").nth(row).locator("td")
            interval = f"{one['low']:.3f} to {one['high']:.3f}".replace("-", minus)
            expect(cells.nth(1)).to_have_text(interval)
            expect(cells.nth(2)).to_have_text(f"{one['pValue']:.4f}")
        expect(table.locator("tbody tr").nth(1).locator("td").nth(3)).to_have_text("worse")
        assert page.get_by_role("table", name="Headline of both").count() == (0 if query else 1)
    check_accessibility(page)
    screenshot(page, "significance")


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_pages_for_everybody(open_page: OpenPage, digits: dict[str, str], path: str) -> None:
    """Light and wide, dark and narrow: readable, and no wider than the window."""
    query = f"baseline={digits['digits-large']}" if path == "diff/" else ""
    name = path.partition("/")[0] or "overview"
    for dark, size in ((False, WIDE), (True, NARROW)):
        address = f"{LIST}{digits['digits-small']}/{path}"
        page = open_page(f"{address}{'&' if '?' in path else '?'}{query}", dark=dark, size=size)
        settled(page)
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(CUT) == []
        screenshot(page, f"evaluation-{name}-{'dark' if dark else 'light'}")
