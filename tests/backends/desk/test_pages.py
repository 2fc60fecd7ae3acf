"""The pages of ML backends and prediction jobs."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from backends.jobs import executor
from backends.models import Endpoint, PredictionJob, Training
from predictions.models import MLBackend, Project
from tests.backends.conftest import MakeBackend, MakeTasks
from tests.backends.scripted import Scripted
from tests.conftest import Caller, desk_of

BACKENDS = "/admin/predictions/mlbackend"
JOBS = "/admin/backends/predictionjob"


@pytest.fixture
def desks(ada: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    staff = {"owner": ada, "reader": rita, "stranger": olga}
    return {name: desk_of(caller) for name, caller in staff.items()}


def form(project: Project, url: str, **more: Any) -> dict[str, Any]:
    return {
        "project": project.pk,
        "url": url,
        "title": "Moods",
        "description": "",
        "auth_method": "NONE",
        "basic_auth_user": "",
        "basic_auth_pass": "",
        "extra_params": "null",
        "auto_update": "on",
        "model_version": "",
        "timeout": "100",
        "batch_size": "",
        "max_concurrency": "1",
        **more,
    }


def test_a_backend_is_asked_before_it_is_stored(
    desks: dict[str, Client], text_project: Project, scripted: Scripted, url: str
) -> None:
    desk = desks["owner"]
    scripted.on("/health", lambda _: (500, b"no"))
    refused = desk.post(f"{BACKENDS}/add/", form(text_project, url))
    assert "does not answer as an ML backend does" in refused.content.decode()
    assert not MLBackend.objects.exists()
    scripted.reset()
    guarded = {"auth_method": "BASIC_AUTH", "basic_auth_user": "u", "basic_auth_pass": "s3cret"}
    made = desk.post(f"{BACKENDS}/add/", form(text_project, url, **guarded, batch_size="5"))
    assert made.status_code == 302, made.content.decode()
    backend = MLBackend.objects.get()
    endpoint = Endpoint.objects.get()
    assert (backend.title, backend.model_version, endpoint.batch_size) == ("Moods", "v1", 5)
    assert scripted.sent[0].headers["Authorization"] == "Basic dTpzM2NyZXQ="
    change = f"{BACKENDS}/{backend.pk}/change/"
    page = desk.get(change).content.decode()
    assert "s3cret" not in page
    changed = desk.post(change, form(text_project, url, **{**guarded, "basic_auth_pass": ""}))
    assert changed.status_code == 302, changed.content.decode()
    endpoint.refresh_from_db()
    assert (endpoint.batch_size, endpoint.encrypted_secrets != "") == (None, True)
    bad = desk.post(change, form(text_project, "javascript:alert(1)"))
    assert "http:// or https://" in bad.content.decode()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["backend.created", "backend.changed"]


@pytest.mark.django_db(transaction=True)
def test_jobs_are_made_shown_canceled_and_retried(
    desks: dict[str, Client],
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
    scripted: Scripted,
) -> None:
    make_tasks(text_project, "good", "<b>bad</b>")
    backend = make_backend(title="<i>Moods</i>")
    desk, page = desks["owner"], f"{BACKENDS}/{backend.pk}/jobs/"
    assert "It has not been asked yet" in desk.get(page).content.decode()
    assert desks["stranger"].get(page).status_code == 404
    reader = desks["reader"].get(page).content.decode()
    assert "Ask about all tasks</button>" not in reader
    for action in ("predict", "train"):
        path = f"{BACKENDS}/{backend.pk}/{action}/"
        assert desk.get(path).status_code == 405
        assert desks["reader"].post(path).status_code == 403
        assert desks["stranger"].post(path).status_code == 404
        assert desk.post(path).status_code == 302
    assert Training.objects.count() == 1
    job = PredictionJob.objects.get()
    scripted.on("/predict", lambda _: (200, {"results": [{"result": []}, None]}))
    executor.execute(job.pk)
    shown = desk.get(f"{JOBS}/{job.pk}/").content.decode()
    assert "2 of 2 tasks" in shown
    assert "InvalidAnswer" in shown
    assert "<i>Moods</i>" not in shown
    assert "Ask again about what failed" in shown
    listed = desk.get(f"{JOBS}/?backend={backend.pk}").content.decode()
    assert "2 of 2, 1 failed" in listed
    assert desks["stranger"].get(f"{JOBS}/{job.pk}/").status_code == 404
    assert desks["reader"].post(f"{JOBS}/{job.pk}/retry/").status_code == 403
    assert desk.post(f"{JOBS}/{job.pk}/retry/").status_code == 302
    again = PredictionJob.objects.latest("id")
    assert (again.retry_of_id, again.total_tasks) == (job.pk, 1)
    assert desk.post(f"{JOBS}/{again.pk}/cancel/").status_code == 302
    again.refresh_from_db()
    assert again.status == "Canceled"
    assert f"Job {again.pk}" in desk.get(page).content.decode()


def test_a_projects_page_asks_its_only_backend(
    desks: dict[str, Client],
    text_project: Project,
    make_backend: MakeBackend,
    make_tasks: MakeTasks,
) -> None:
    make_tasks(text_project, "good", "bad")

    def ask(name: str) -> tuple[str, Any] | None:
        page: Any = desks[name].get(f"/admin/predictions/project/{text_project.pk}/")
        steps = [one for one in page.context_data["steps"] if one.title == "Ask an ML backend"]
        return (steps[0].url, steps[0].form) if steps else None

    listed = (f"{BACKENDS}/?project={text_project.pk}", None)
    assert ask("owner") == listed
    only = make_backend()
    assert ask("owner") == (f"{BACKENDS}/{only.pk}/predict/", {})
    assert ask("reader") is None
    made = desks["owner"].post(f"{BACKENDS}/{only.pk}/predict/")
    assert made["Location"] == f"{JOBS}/{PredictionJob.objects.get().pk}/"
    make_backend(title="second")
    assert ask("owner") == listed
