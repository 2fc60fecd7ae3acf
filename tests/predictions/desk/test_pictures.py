"""Thumbnails of local pictures in the desk's lists, and names of files made of local addresses."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.exports.types.given import plain_name
from predictions.models import Annotation, Prediction, Project, Task
from predictions.pictures.addresses import address, is_local, is_name, name_in, split
from tests.conftest import Caller, desk_of
from tests.predictions.desk.test_admin import fill

ROOT = "0123456789abcdef"
LOCAL = address(ROOT, 'cars/a "b" & <c>.jpg')
QUERY = "d=0123456789abcdef/cars/a%20%22b%22%20%26%20%3Cc%3E.jpg"


@pytest.fixture
def desk(rita: Caller) -> Client:
    return desk_of(rita)


@pytest.fixture
def rows(ada: Caller, project: Project) -> list[int]:
    """Tasks with a prediction and an annotation each, of any data."""
    return fill(project, ada, 6)


DATA: list[Any] = [
    {"image": LOCAL},
    {"deep": [{"photo": LOCAL}], "text": "other"},
    {"image": "https://example.com/a.jpg", "text": f"see {LOCAL}"},
    {"image": LOCAL, "long": "".join(chr(0x4E00 + n % 20_000) for n in range(60_000))},
    {"image": None, "n": 7, "list": [1, None, {}]},
    [],
]


def pictures(page: str) -> list[str]:
    return re.findall(r'<img class="desk-list-picture" src="([^"]*)"', page)


@pytest.mark.parametrize("model", [Task, Prediction, Annotation])
def test_lists_show_them(desk: Client, rows: list[int], model: Any) -> None:
    for pk, data in zip(rows, DATA, strict=True):
        Task.objects.filter(pk=pk).update(data=data)
    name = model._meta.model_name
    page = desk.get(f"/admin/predictions/{name}/").content.decode()
    small = f"/data/local-files/thumbnail?size=160&amp;{QUERY}"
    assert pictures(page) == [small] * 2
    # In place of one that cannot be loaded stands its text.
    assert f'alt="Picture of task {rows[0]}"' in page
    assert len(re.findall('name="_selected_action"|class="action-select"', page)) in {0, 6}


@pytest.mark.parametrize("model", ["task", "prediction", "annotation"])
def test_they_cost_no_statement(desk: Client, rows: list[int], model: str) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert desk.get(f"/admin/predictions/{model}/").status_code == 200
        return len(seen)

    before = statements()
    Task.objects.filter(pk__in=rows).update(data={"image": LOCAL})
    assert statements() == before


Names = Callable[[str], Any]
MADE = [
    ("a.jpg", f"/data/local-files/?d={ROOT}/a.jpg"),
    ("val/ä b.jpg", f"/data/local-files/?d={ROOT}/val/%C3%A4%20b.jpg"),
    ("a+b&c=d#e?f%20;g.jpg", f"/data/local-files/?d={ROOT}/a%2Bb%26c%3Dd%23e%3Ff%2520%3Bg.jpg"),
    ("..a", f"/data/local-files/?d={ROOT}/..a"),
]


@pytest.mark.parametrize(("name", "made"), MADE)
def test_addresses_go_both_ways(name: str, made: str) -> None:
    assert address(ROOT, name) == made
    assert (is_local(made), name_in(made)) == (True, name)
    assert name_in(made.replace("/?", "?")) == name
    assert split(f"{ROOT}/{name}") == (ROOT, name)


@pytest.mark.parametrize(
    "text",
    [
        "", "https://example.com/data/local-files/?d=0123456789abcdef/a", "/data/local-files/",
        "/data/local-files/?e=0123456789abcdef/a", "/data/local-files/?d=cars/a.jpg",
        "/data/local-files/?d=0123456789abcdef/../a", "/data/local-files/?d=0123456789abcdef",
    ],
)  # fmt: skip
def test_other_texts_name_no_file_of_a_root(text: str) -> None:
    assert name_in(text) is None


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("a", True), ("a/b", True), ("...", True), (" ", True), ("a" * 255, True),
        ("ä" * 127, True), ("", False), (".", False), ("..", False), ("a/", False),
        ("/a", False), ("a//b", False),
        ("a/../b", False), ("a\0", False), ("a\\b", False), ("a" * 256, False), ("ä" * 128, False),
        ("\udc80", False), ("/".join(["a" * 200] * 21), False),
    ],
)  # fmt: skip
def test_names(name: str, holds: bool) -> None:
    assert is_name(name) is holds


def test_files_of_an_export_have_their_names() -> None:
    assert plain_name(7, LOCAL) == "7-a_b_c_.jpg"
    assert plain_name(7, address(ROOT, "val/a?b.jpg")) == "7-a_b.jpg"
    assert plain_name(7, "https://example.com/a.jpg?d=b") == "7-a.jpg"
