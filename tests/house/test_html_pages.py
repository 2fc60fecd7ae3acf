"""All HTML pages, without a browser: security policy, error pages, the icon, the dashboard."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiToken
from desk.packaged import folder_of
from evals.models import ModelEval, TaskType
from predictions.models import Project
from prompts.models import ModelRun, Prompt, PromptVersion
from tests.conftest import Caller, desk_of, make_caller

HTML = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def reader(rita: Caller) -> Client:
    return desk_of(rita)


@pytest.mark.parametrize(
    ("path", "scripts"),
    [
        ("/admin/", "'self' 'unsafe-eval'"),
        ("/admin/login/", "'self' 'unsafe-eval'"),
        ("/admin/predictions/project/", "'self' 'unsafe-eval'"),
        ("/admin/nowhere/", "'self' 'unsafe-eval'"),
        ("/docs/", "'self'"),
        ("/docs/swagger/", "'self'"),
        ("/docs/redoc/", "'self'"),
    ],
)
def test_scripts_come_from_here_alone(reader: Client, path: str, scripts: str) -> None:
    """Text becomes a script at the desk only, where the theme and the charts need it."""
    policy = reader.get(path, headers=HTML)["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["script-src"]) == ("'none'", scripts)
    assert (rules["base-uri"], rules["frame-ancestors"]) == ("'none'", "'none'")


def test_json_goes_without_a_policy(ada: Caller) -> None:
    assert "Content-Security-Policy" not in ada.client.get("/api/projects/")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/admin/nowhere/", 404, "Nothing is here"),
        ("/admin/predictions/project/add/", 403, "You may not do that"),
    ],
)
def test_errors_at_the_desk_are_pages_for_a_browser(
    reader: Client, path: str, status: int, text: str
) -> None:
    page = reader.get(path, headers=HTML)
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert text in page.content.decode()
    assert "Content-Security-Policy" in page
    document = reader.get(path, headers={"accept": "application/json"})
    assert (document.status_code, document["Content-Type"]) == (status, "application/json")


def test_an_unforeseen_error_is_a_page_that_needs_no_database(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ValueError("secret")

    monkeypatch.setattr("predictions.desk.projects.ProjectDesk.get_queryset", fail)
    reader.raise_request_exception = False
    page = reader.get("/admin/predictions/project/", headers=HTML)
    assert page.status_code == 500
    assert "Something went wrong" in page.content.decode()
    assert "secret" not in page.content.decode()


@pytest.mark.django_db
def test_the_icon_and_the_forgotten_slash() -> None:
    icon = Client().get("/favicon.ico", follow=True)
    assert (icon.status_code, icon["Content-Type"]) == (200, "image/svg+xml")
    assert b"".join(icon).startswith(b"<svg")
    icon.close()
    assert Client().get("/admin")["Location"] == "/admin/"


def test_plotly_comes_out_of_its_package_and_alone() -> None:
    found = finders.find("plotly/plotly.min.js")
    assert isinstance(found, str)
    assert Path(found).stat().st_size > 1_000_000
    assert finders.find("plotly/widgetbundle.js") is None
    assert finders.find("plotly/../plotly.min.js") is None


def test_the_theme_is_its_package_and_nothing_else() -> None:
    theme = folder_of("unfold") / "static" / "unfold"
    files = [path for path in theme.rglob("*") if path.is_file()]
    served = {
        path: finders.find(f"unfold/{path.relative_to(theme)}", find_all=True) for path in files
    }
    assert len(files) > 20
    assert served == {path: [str(path)] for path in files}


GZIP = {"accept-encoding": "gzip, deflate"}


def test_pages_are_compressed(reader: Client) -> None:
    plain = reader.get("/admin/predictions/project/")
    answer = reader.get("/admin/predictions/project/", headers=GZIP)

    assert "Content-Encoding" not in plain
    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    assert "Accept-Encoding" in plain["Vary"]
    assert int(answer["Content-Length"]) == len(answer.content) < len(plain.content) / 4
    assert len(gzip.decompress(answer.content)) == len(plain.content)


def rows_of(page: str) -> list[str]:
    """The titles of the dashboard's cards that have rows."""
    cards = page.split('<section class="desk-card"')[1:]
    return [title for title in TITLES if any(title in c and "<tbody>" in c for c in cards)]


TITLES = ("Projects", "Latest evaluations", "Runs in progress", "Keys about to expire")


def fill_dashboard(caller: Caller, make_project: Any, n: int) -> None:
    """n rows for each of its cards, and a run that is over."""
    prompt = Prompt.objects.create(workspace=caller.workspace, title="Sort")
    version = PromptVersion.objects.create(parent_model=prompt, title="Sort v1", prompt="Sort it")
    for number in range(n):
        project: Project = make_project(caller, title=f"Project {number}")
        ModelEval.objects.create(
            workspace=caller.workspace,
            project=project,
            version_id="1",
            task_type=TaskType.DETECTION,
            matching="iou-class-first/1",
        )
        for status in (ModelRun.Status.IN_PROGRESS, ModelRun.Status.COMPLETED):
            ModelRun.objects.create(project=project, model_version=version, status=status)
        soon = datetime.now(UTC) + timedelta(days=number / 10 + 1)
        make_caller(caller.user.email, caller.workspace.slug, name=f"key {number}", expires_at=soon)


def test_the_dashboard_shows_what_the_caller_sees(
    ada: Caller, rita: Caller, olga: Caller, make_project: Any
) -> None:
    fill_dashboard(ada, make_project, 1)
    far, gone = datetime.now(UTC) + timedelta(days=90), datetime.now(UTC) - timedelta(days=1)
    for number, end in enumerate((far, gone)):
        make_caller("ada@example.com", "lab", name=f"other{number}", expires_at=end)
    pages = {
        who: desk_of(caller).get("/admin/").content.decode()
        for who, caller in {"owner": ada, "reader": rita, "stranger": olga}.items()
    }
    assert rows_of(pages["owner"]) == list(TITLES)
    assert rows_of(pages["reader"]) == ["Projects", "Latest evaluations", "Runs in progress"]
    assert pages["reader"].count("Sort v1") == 1
    assert rows_of(pages["stranger"]) == []
    assert "key 0" in pages["owner"]
    assert "other0" not in pages["owner"]
    assert "other1" not in pages["owner"]
    # One's own key, in a workspace where one only reads.
    ApiToken.objects.filter(pk=rita.token.pk).update(
        expires_at=datetime.now(UTC) + timedelta(days=2)
    )
    page = desk_of(rita).get("/admin/").content.decode()
    assert rows_of(page)[-1] == "Keys about to expire"
    assert "key 0" not in page


def test_the_dashboard_asks_as_much_for_50_rows_as_for_1(ada: Caller, make_project: Any) -> None:
    desk = desk_of(ada)

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert desk.get("/admin/").status_code == 200
        return len(asked)

    fill_dashboard(ada, make_project, 1)
    few = ask()
    fill_dashboard(ada, make_project, 50)
    assert ask() == few <= 10


@pytest.mark.django_db
@pytest.mark.parametrize(
    "next_page", [None, "", "https://elsewhere.example/", "//elsewhere.example/", "javascript:1"]
)
def test_a_login_ends_at_the_desk(ada: Caller, client: Client, next_page: str | None) -> None:
    ada.user.set_password("correct horse")
    ada.user.is_staff = True
    ada.user.save()
    fields = {"username": ada.user.email, "password": "correct horse"}
    if next_page is not None:
        fields["next"] = next_page
    response = client.post("/admin/login/", fields)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
