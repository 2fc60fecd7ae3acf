"""The pages of evaluations of answers about whole tasks in a browser: texts, numbers, trees."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, OpenPage, check_accessibility, screenshot
from tests.browser.test_evaluations import LIST, Api, Evaluated, rows, settled
from tests.browser.test_evaluations import api as api
from tests.browser.test_evaluations import evaluated as evaluated
from tests.evals.kinds.answered import region, task

pytestmark = pytest.mark.slow

CONFIG = '<View><Text name="text" value="$text"/>{}</View>'
TREE = (
    '<Taxonomy name="answer" toName="text"><Choice value="Animal"><Choice value="Dog"/>'
    '<Choice value="Cat"/></Choice></Taxonomy>'
)


def ask(api: Api, evaluated: Evaluated, control: str, items: list[Any]) -> str:
    project = api.post(
        "/api/projects/", {"title": "Answers", "label_config": CONFIG.format(control)}
    )["id"]
    api.post(f"/api/projects/{project}/import", items)
    asked = {"project": project, "modelVersion": "v1"}
    return evaluated(api.post("/default/model-evals", asked)["evalId"])


@pytest.fixture(scope="module")
def texts(api: Api, evaluated: Evaluated) -> str:
    """An evaluation of two texts with an error, which may look like markup, and a right one."""
    pairs = [("the cat sat", "the cat sit"), ("<b>x</b>", "<i>x</i>"), ("a dog", "a dog")]
    items = [
        task(f"text-{n}", [region("textarea", [truth])], [region("textarea", [said], 0.9)])
        for n, (truth, said) in enumerate(pairs)
    ]
    return ask(api, evaluated, '<TextArea name="answer" toName="text"/>', items)


@pytest.fixture(scope="module")
def numbers(api: Api, evaluated: Evaluated) -> str:
    """An evaluation of twenty numbers."""
    items = [
        task(f"number-{n}", [region("number", n)], [region("number", n + (n % 5) / 4, 0.05 * n)])
        for n in range(20)
    ]
    return ask(api, evaluated, '<Number name="answer" toName="text"/>', items)


@pytest.fixture(scope="module")
def trees(api: Api, evaluated: Evaluated) -> str:
    """An evaluation of a near miss."""
    items = [
        task(
            "near",
            [region("taxonomy", [["Animal", "Dog"]])],
            [region("taxonomy", [["Animal", "Cat"]], 0.9)],
        )
    ]
    return ask(api, evaluated, TREE, items)


TEXT = "Ada Lovelace met <b>Charles</b> in London"


def span(label: str, start: int, end: int, score: float | None = None) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [label]}
    found = {"from_name": "label", "to_name": "text", "type": "labels", "value": value}
    return found if score is None else {**found, "score": score}


@pytest.fixture(scope="module")
def spans(api: Api, evaluated: Evaluated) -> str:
    """An evaluation of one text, which may look like markup: one name is right, one is wrong."""
    truth = [span("PER", 0, 12), span("LOC", 35, 41)]
    said = [span("PER", 0, 12, 0.9), span("ORG", 35, 41, 0.8)]
    item = {
        "data": {"text": TEXT},
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": [{"result": said, "model_version": "v1"}],
    }
    labels = "".join(f'<Label value="{name}"/>' for name in ("PER", "LOC", "ORG"))
    return ask(api, evaluated, f'<Labels name="label" toName="text">{labels}</Labels>', [item])


def test_spans_are_shown_in_their_text(open_page: OpenPage, spans: str) -> None:
    page = open_page(f"{LIST}{spans}/")
    settled(page)
    expect(page.locator("[data-number='primary.value']")).to_have_text("0.500")
    card = page.locator("[data-panel=worst] .ev-answer").first
    texts = card.locator("p.ev-edits").all_inner_texts()
    assert texts == [
        "Ada Lovelace PER met <b>Charles</b> in London LOC",
        "Ada Lovelace PER met <b>Charles</b> in London ORG",
    ]
    assert card.locator(".ev-right").count() == card.locator(".ev-wrong").count() == 2
    title = card.locator(".ev-wrong").last.get_attribute("title")
    assert title == "ORG: wrong class, score 0.800"
    check_accessibility(page)
    screenshot(page, "answers-spans")


def test_texts_show_their_edits(open_page: OpenPage, texts: str) -> None:
    page = open_page(f"{LIST}{texts}/")
    settled(page)
    expect(page.locator("[data-number='primary.value']")).to_have_text("0.125")
    assert [row[0] for row in rows(page, "[data-panel=measures]")][:3] == [
        "Exact match",
        "Character error rate",
        "Word error rate",
    ]
    assert page.locator("[data-panel=worst] .ev-edits del").all_inner_texts() == ["b", "b", "a"]
    assert page.locator("[data-panel=worst] .ev-edits ins").all_inner_texts() == ["i", "i", "i"]
    check_accessibility(page)
    screenshot(page, "answers-texts")


def test_the_list_and_the_page_of_a_text(open_page: OpenPage, texts: str) -> None:
    page = open_page(f"{LIST}{texts}/images/?sort=-measure", dark=True, size=NARROW)
    settled(page)
    assert page.locator("[data-panel=images] .ev-edits").count() == 3
    check_accessibility(page)
    page.get_by_role("link", name="text-0").first.click()
    settled(page)
    expect(page.locator("[data-panel=image] .ev-edits del")).to_have_text("a")
    check_accessibility(page)
    screenshot(page, "answers-text")


def test_numbers_show_a_scatter(open_page: OpenPage, numbers: str) -> None:
    page = open_page(f"{LIST}{numbers}/")
    settled(page)
    expect(page.locator("[data-panel=scatter] .points path")).to_have_count(20)
    check_accessibility(page)
    page.locator("[data-panel=scatter]").scroll_into_view_if_needed()
    screenshot(page, "answers-numbers")
    page.get_by_role("link", name="The furthest off first").click()
    settled(page)
    assert "off by 1" in page.locator("[data-panel=images] .ev-answer").first.inner_text()
    check_accessibility(page)
    screenshot(page, "answers-numbers-images")


def test_a_tree_shows_its_nodes_below_each_other(open_page: OpenPage, trees: str) -> None:
    page = open_page(f"{LIST}{trees}/")
    settled(page)
    names = [row[0] for row in rows(page, "[data-panel=classes]")]
    assert names == ["Animal", "Dog", "Cat"]
    steps = page.locator("[data-panel=classes] tbody a").evaluate_all(
        "(links) => links.map((link) => link.style.marginLeft)"
    )
    assert steps == ["0rem", "1rem", "1rem"]
    check_accessibility(page)
    screenshot(page, "answers-tree")


@pytest.mark.parametrize("scene", ["texts", "numbers", "trees", "spans"])
def test_tasks_without_images_are_called_tasks(
    open_page: OpenPage, expected: list[str], request: pytest.FixtureRequest, scene: str
) -> None:
    # Where there is nothing to draw a map or a curve of.
    expected.append("404 (Not Found)")
    evaluation = f"{LIST}{request.getfixturevalue(scene)}/"
    page = open_page(evaluation)
    tabs = page.get_by_role("navigation", name="Pages of this evaluation").get_by_role("link")
    found = {one.get_attribute("href") or "" for one in tabs.all()}
    assert len(found) >= 4
    wrong: dict[str, list[str]] = {}
    for address in sorted(found):
        page.goto(address)
        settled(page)
        said = page.locator("main, #content").last.inner_text()
        wrong[address] = re.findall(r"(?i).*\bimages?\b.*", said)
    assert not any(wrong.values()), wrong
    page.goto(f"{evaluation}images/?split=all")
    settled(page)
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
