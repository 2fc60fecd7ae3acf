"""Every link of the desk, followed from the dashboard on, leads to a page that is there."""

import re
from collections import deque
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.slow

#: Of links that differ in their ids and values alone one is followed. Filters of lists add to each
#: other: those of more names are combinations of these.
MOST_NAMES = 2
#: The addresses of all links, also of those that scripts and drawings made.
ADDRESSES = """
all => all.map((one) => typeof one.href == "string" ? one.href : one.href.baseVal)
    .map((address) => new URL(address, location.href).href)
"""


def shape(address: str) -> tuple[str, frozenset[str]]:
    """The page's path without ids, and the names that its address has values for."""
    path = re.sub(r"(?<=/)([A-Za-z0-9]{20}|\d+)(?=/|$)", "ID", urlsplit(address).path)
    return path, frozenset(name for name, _ in parse_qsl(urlsplit(address).query))


def test_each_link_leads_to_a_page(open_page: OpenPage, address: str) -> None:
    page = open_page("/admin/")
    wrong: list[tuple[str, int, str]] = []
    page.on(
        "response",
        lambda answer: (
            wrong.append((page.url, answer.status, answer.url)) if answer.status >= 400 else None
        ),
    )
    ways = {shape("/admin/"): "typed in"}
    left = deque([f"{address}/admin/"])
    while left:
        here = left.popleft()
        page.goto(here, wait_until="networkidle")
        for link in page.locator("a[href]").evaluate_all(ADDRESSES):
            is_desk = link.startswith(f"{address}/admin/")
            if not is_desk or shape(link) in ways or len(shape(link)[1]) > MOST_NAMES:
                continue
            ways[shape(link)] = here
            left.append(link.partition("#")[0])
    assert wrong == []
    assert len(ways) > 100
