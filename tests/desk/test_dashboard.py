"""The desk's first page, its sidebar and its empty lists: what a newcomer can do from there."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django_tasks_db.models import DBTaskResult

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, desk_of

pytestmark = pytest.mark.django_db

BUTTON = re.compile(r'<a class="desk-button[^"]*" href="([^"]*)">([^<]*)</a>')
FILES = ("/admin/predictions/project/load-files/", "Load files")
NEW = ("/admin/predictions/project/add/", "New project")


def shown(desk: Client, path: str) -> str:
    answer: Any = desk.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_whoever_may_write_loads_files_from_the_first_page(ada: Caller, rita: Caller) -> None:
    page = shown(desk_of(ada), "/admin/")
    assert BUTTON.findall(page) == [FILES, NEW]
    assert "No project yet: load files of ground truth and predictions, which make one." in page
    assert BUTTON.findall(shown(desk_of(rita), "/admin/")) == []


def test_the_sidebar_leads_to_the_documentation(rita: Caller) -> None:
    assert 'href="/docs"' in shown(desk_of(rita), "/admin/")


def test_an_empty_list_says_what_to_do_and_one_that_is_filtered_says_so(
    ada: Caller, project: Project
) -> None:
    desk = desk_of(ada)
    add = ("/admin/backends/webhook/add/", "Add webhook")
    page = shown(desk, "/admin/backends/webhook/")
    assert "<h2>No webhooks yet</h2>" in page
    assert "A webhook tells another program, by HTTP, what changes here" in page
    assert BUTTON.findall(page) == [add]

    page = shown(desk, "/admin/predictions/project/?q=no+such+title")
    assert "<h2>Nothing fits</h2>" in page
    assert "No projects fit what you searched and filtered for." in page
    assert ("?", "Reset filters") in BUTTON.findall(page)


def test_names_keep_their_case(ada: Caller, make_project: Any) -> None:
    project = make_project(ada, title="mixed Case")
    page = shown(desk_of(ada), f"/admin/predictions/project/{project.pk}/change/")
    assert re.search(r">\s*mixed Case\s*</a>", page)
    assert "Mixed Case" not in page
    # Of kinds the first letter is large.
    assert re.search(r">\s*Projects\s*</a>", page)


def test_no_page_asks_for_permissions_of_djangos() -> None:
    assert not admin.site.is_registered(DBTaskResult)
    assert admin.site.is_registered(ModelEval)
