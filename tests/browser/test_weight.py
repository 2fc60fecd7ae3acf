"""A first visit to any page of an evaluation loads less than 1.05 MB besides Plotly: the desk's
theme with its fonts, and less than 80 kB of the page's own.

Static files are those of the container image: compressed, and kept by the browser for good.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import log_in
from tests.browser.weighing import DJANGO, PAGES, PLOTLY, THEME, besides, packaged_files, weigh
from tests.house.quickstarting import Quickstart, temporary

pytestmark = pytest.mark.slow

MOST_BYTES = 1_050_000
MOST_OWN_BYTES = 80_000


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    """The demo, with the static files of the container image."""
    files = packaged_files(tmp_path_factory.mktemp("packaged") / "static")
    with temporary("desk-", **files) as started:
        yield started


@pytest.fixture(scope="module")
def served(packaged: Quickstart) -> str:
    """Its address."""
    return packaged.fact("Address").split()[0]


@pytest.fixture(scope="module")
def cookies(browser: Browser, packaged: Quickstart, served: str) -> Any:
    """Those of its admin."""
    return log_in(browser, served, *packaged.fact("Admin").split()[1:])


@pytest.fixture(scope="module")
def evaluation(browser: Browser, packaged: Quickstart, served: str, cookies: Any) -> str:
    """The path of one that is done."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["X-Api-Key"] = packaged.fact("Token").split()[0]
        listed = session.get(f"{served}/default/model-evals").json()["evals"]
    path = f"/admin/evals/modeleval/{listed[0]['evalId']}/"
    with browser.new_context(base_url=served, storage_state=cookies) as context:
        page = context.new_page()
        page.goto(path)
        expect(page.locator("[data-numbers]")).to_be_visible()
    return path


@pytest.mark.parametrize("page", PAGES)
def test_a_first_visit_is_light(
    browser: Browser, served: str, cookies: Any, evaluation: str, page: str
) -> None:
    weights = weigh(browser, served, cookies, evaluation + page)
    assert weights[evaluation + page] > 0
    assert besides(weights, PLOTLY) < MOST_BYTES, weights
    assert besides(weights, PLOTLY, THEME, DJANGO) < MOST_OWN_BYTES, weights


def test_files_of_the_theme_are_compressed_and_kept(packaged: Quickstart, served: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(f"{served}/admin/login/").text
        files = re.findall(r"/static/unfold/[^\"']+\.(?:js|css)", page)
        assert len(files) > 5
        for file in files:
            answer = session.get(f"{served}{file}", headers={"Accept-Encoding": "gzip"})
            size = len(answer.content)
            assert "immutable" in answer.headers["Cache-Control"], file
            assert size < 500 or answer.headers["Content-Encoding"] == "gzip", file


def test_plotly_is_loaded_where_it_draws(
    browser: Browser, served: str, cookies: Any, evaluation: str
) -> None:
    loads = {
        page: any("plotly" in path for path in weigh(browser, served, cookies, evaluation + page))
        for page in ("metrics/", "images/")
    }
    assert loads == {"metrics/": True, "images/": False}
