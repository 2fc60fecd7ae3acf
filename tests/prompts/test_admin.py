"""The desk's pages of prompts and runs: one's own, without keys, and only to look at."""

from typing import Any

import pytest
from django.test import Client

from predictions.models import Project
from prompts.models import ModelRun, PromptVersion
from tests.conftest import Caller
from tests.prompts.conftest import MakeRun, MakeTasks

pytestmark = pytest.mark.django_db
PAGES = ["prompt", "promptversion", "providerconnection", "modelrun", "failedprediction"]


@pytest.fixture
def run(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> ModelRun:
    make_tasks(text_project, "good")
    return make_run(our_version)


def desk_of(caller: Caller) -> Client:
    caller.user.is_staff = True
    caller.user.save()
    client = Client()
    client.force_login(caller.user)
    return client


@pytest.mark.parametrize("page", PAGES)
def test_pages_open_for_their_owners_alone(
    page: str, ada: Caller, olga: Caller, run: ModelRun
) -> None:
    for caller, sees in ((ada, True), (olga, False)):
        client = desk_of(caller)
        listed = client.get(f"/admin/prompts/{page}/")
        assert listed.status_code == 200
        assert "sk-secret" not in listed.content.decode()
        if page == "modelrun":
            assert ("Moods" in listed.content.decode() or "v1" in listed.content.decode()) == sees
            shown: Any = client.get(f"/admin/prompts/{page}/{run.pk}/change/")
            assert (shown.status_code == 200) == sees
        assert client.get(f"/admin/prompts/{page}/add/").status_code == 403


def test_runs_are_canceled_there(ada: Caller, rita: Caller, run: ModelRun) -> None:
    body = {"action": "cancel", "_selected_action": [run.pk]}
    for caller, status in ((rita, "Pending"), (ada, "Canceled")):
        desk_of(caller).post("/admin/prompts/modelrun/", body)
        run.refresh_from_db()
        assert run.status == status
