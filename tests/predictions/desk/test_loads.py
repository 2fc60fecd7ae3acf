"""The page "Load files": who sees it, what it offers; loads as `POST /api/load` does them."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Membership, User
from evals.models import ModelEval
from predictions.models import Project, Task
from tests.conftest import Caller, MakeProject, desk_of, make_caller
from tests.predictions.api.test_load import (
    RESULTS,
    TRUTH,
    assert_loaded,
    file,
    form,
    imported,
    without_duration,
)

PROJECTS = "/admin/predictions/project/"
PAGE = f"{PROJECTS}load-files/"
SEND = f"{PAGE}lab/"
BAD = {**TRUTH, "annotations": [{**TRUTH["annotations"][0], "category_id": 5}]}
ADDRESS = {"image_root": "https://x.y/p/"}


@pytest.fixture
def desks(ada: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    mia = make_caller("mia@example.com", "lab", Membership.Role.MEMBER)
    staff = {"member": mia, "reader": rita, "stranger": olga}
    return {**{name: desk_of(caller) for name, caller in staff.items()}, "root": root}


def untitled(**more: Any) -> dict[str, Any]:
    plain = form()
    del plain["title"]
    return {**plain, **more}


def test_a_new_project_and_its_evaluation(desks: dict[str, Client]) -> None:
    answer = desks["member"].post(f"{SEND}?format=coco", form(evaluate="true", **ADDRESS))
    assert answer.status_code == 201, answer.content
    document = answer.json()
    project, evaluation = Project.objects.get(), ModelEval.objects.get()
    assert without_duration(document["import"]) == imported()
    assert document["project"]["id"] == project.pk
    assert document["evaluation"] == {
        "evalId": evaluation.eval_id,
        "url": f"/admin/evals/modeleval/{evaluation.eval_id}/",
    }
    assert (project.title, project.workspace.slug) == ("Cars of May", "lab")
    assert_loaded(project)
    entry = AuditEntry.objects.get(action="dataset.loaded")
    assert (entry.actor, entry.via, entry.workspace_id, entry.target) == (
        "mia@example.com",
        AuditEntry.Via.SESSION,
        project.workspace_id,
        f"project {project.pk}",
    )


def test_into_the_chosen_project_whatever_its_title(desks: dict[str, Client]) -> None:
    desks["member"].post(SEND, form(**ADDRESS))
    first = Project.objects.get()
    # Two of one title: by its id there is no doubt.
    Project.objects.create(workspace=first.workspace, title=first.title, slug="other")
    again = untitled(project=first.pk, evaluate="true", **ADDRESS)
    answer = desks["root"].post(SEND, again)
    assert answer.status_code == 201, answer.content
    assert answer.json()["project"]["id"] == first.pk
    assert answer.json()["import"]["task_count"] == 0
    assert ModelEval.objects.get().project_id == first.pk
    assert_loaded(first)


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({}, {"title": ["A new project needs a title."]}),
        ({"project": 987654}, {"project": ["There is no such project in this workspace."]}),
        ({"project": "x"}, {"project": ["A valid integer is required."]}),
        ({"title": "ab"}, {"title": ["Ensure this field has at least 3 characters."]}),
        (
            {"title": "Cars", "predictions": file(RESULTS), "ground_truth": file(BAD)},
            {"non_field_errors": ["annotations[0].category_id: 5 is not among the categories."]},
        ),
    ],
)
def test_refusals_change_nothing(
    desks: dict[str, Client], given: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = desks["member"].post(SEND, untitled(**given))
    assert (answer.status_code, answer.json()["validation_errors"]) == (400, errors)
    assert not Project.objects.exists()


def test_another_workspaces_project_is_none(
    desks: dict[str, Client], olga: Caller, make_project: MakeProject
) -> None:
    theirs = make_project(olga, title="Theirs")
    answer = desks["root"].post(SEND, untitled(project=theirs.pk))
    assert answer.status_code == 400
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("who", "page", "sent"),
    [("member", 200, 201), ("root", 200, 201), ("reader", 403, 403), ("stranger", 200, 404)],
)
def test_who_may(desks: dict[str, Client], who: str, page: int, sent: int) -> None:
    assert desks[who].get(PAGE).status_code == page
    assert desks[who].post(SEND, form(**ADDRESS)).status_code == sent
    assert Project.objects.count() == (sent == 201)


def test_needs_a_login_and_the_token_of_the_page(desks: dict[str, Client], ada: Caller) -> None:
    assert Client().post(SEND, form()).status_code == 302
    key = Client(headers={"Authorization": f"Token {ada.key}"})
    assert key.post(SEND, form()).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = desks["member"].cookies
    answer = strict.post(SEND, form())
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "CSRF Failed: CSRF cookie not set.",
    )
    assert not Project.objects.exists()
    strict.get(PAGE)
    token = strict.cookies["csrftoken"].value
    answer = strict.post(SEND, form(**ADDRESS), headers={"X-CSRFToken": token})
    assert answer.status_code == 201, answer.content


def test_too_large_says_what_to_do(desks: dict[str, Client]) -> None:
    with override_settings(MAX_BODY_BYTES=100):
        answer = desks["member"].post(SEND, form())
    assert answer.status_code == 413
    assert "manage.py load" in answer.json()["detail"]


def test_offers_what_one_may_write_to(
    desks: dict[str, Client], project: Project, olga: Caller, make_project: MakeProject
) -> None:
    theirs = make_project(olga, title="Theirs")
    with CaptureQueriesContext(connection) as counted:
        text = desks["member"].get(PAGE).content.decode()
    assert len(counted) <= 8
    assert f'data-address="{SEND}">New project in lab</option>' in text
    assert f'<option value="{project.pk}" data-address="{SEND}">' in text
    assert f'value="{theirs.pk}"' not in text
    assert "New project in elsewhere" not in text

    into = desks["member"].get(f"{PROJECTS}{project.pk}/load-files/").content.decode()
    assert f'<option value="{project.pk}" data-address="{SEND}" selected>' in into
    for path, status in ((f"{theirs.pk}", 404), ("x", 404), ("9" * 30, 404)):
        assert desks["member"].get(f"{PROJECTS}{path}/load-files/").status_code == status


def test_buttons_lead_to_it(desks: dict[str, Client], project: Project) -> None:
    listing = desks["member"].get(PROJECTS).content.decode()
    assert f'href="{PAGE}"' in listing
    changing = desks["member"].get(f"{PROJECTS}{project.pk}/change/").content.decode()
    assert f'href="{PROJECTS}{project.pk}/load-files/"' in changing
    assert PAGE not in desks["reader"].get(PROJECTS).content.decode()
    shown = desks["reader"].get(f"{PROJECTS}{project.pk}/change/").content.decode()
    assert "load-files" not in shown
