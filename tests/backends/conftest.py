"""A scripted model server, and a project of Ada's whose backend it is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backends.db import endpoints
from backends.db import jobs as job_rows
from backends.delivery.signatures import new_secret
from backends.jobs import executor, start
from backends.models import PredictionJob
from predictions.imports import tasks as task_import
from predictions.models import MLBackend, Project
from tests.backends.scripted import Scripted, running
from tests.conftest import TEXT_CONFIG, Caller, MakeProject


@pytest.fixture(scope="session")
def scripted_server() -> Iterator[tuple[Scripted, str]]:
    scripted = Scripted()
    with running(scripted) as url:
        yield scripted, url


@pytest.fixture
def scripted(scripted_server: tuple[Scripted, str], settings: Any) -> Scripted:
    """The model server, as new; it may be called, and nobody waits long for it."""
    settings.ALLOW_PRIVATE_URLS = True
    settings.ML_BACKOFF_S = 0.01
    settings.ML_OUTAGE_S = 0.3
    scripted_server[0].reset()
    return scripted_server[0]


@pytest.fixture
def url(scripted_server: tuple[Scripted, str], scripted: Scripted) -> str:
    return scripted_server[1]


@pytest.fixture
def text_project(ada: Caller, make_project: MakeProject) -> Project:
    """Ada's project of texts with a sentiment."""
    return make_project(ada, TEXT_CONFIG, title="Reviews")


MakeTasks = Callable[..., list[int]]


@pytest.fixture
def make_tasks(ada: Caller) -> MakeTasks:
    def make(project: Project, *texts: str) -> list[int]:
        items = [{"data": {"text": text}} for text in texts]
        ids: list[int] = task_import.store(project, items, ada.access)["task_ids"]
        return ids

    return make


MakeBackend = Callable[..., MLBackend]


@pytest.fixture
def make_backend(ada: Caller, text_project: Project, url: str) -> MakeBackend:
    """Stores a backend without asking it."""

    def make(project: Project | None = None, **values: Any) -> MLBackend:
        given = {"url": url, "title": "default", "model_version": "v1", **values}
        made = endpoints.create(project or text_project, given, ada.access, secret=new_secret())
        return MLBackend.objects.select_related("project", "endpoint").get(pk=made.pk)

    return make


Executed = Callable[..., PredictionJob]


@pytest.fixture
def executed(ada: Caller) -> Executed:
    """A job of a backend, after a worker of this process has executed it."""

    def run(backend: MLBackend, task_ids: list[int] | None = None, **more: Any) -> PredictionJob:
        every = job_rows.every_task(backend.project_id)
        tasks = every if task_ids is None else job_rows.tasks_of(backend.project_id, task_ids)
        job = start.create(backend, tasks, user_id=ada.user.pk, **more)
        executor.execute(job.pk)
        job.refresh_from_db()
        return job

    return run
