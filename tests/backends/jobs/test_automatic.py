"""Jobs about new tasks of projects that evaluate predictions automatically."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backends.db import endpoints
from backends.jobs import automatic, executor
from backends.models import Endpoint, PredictionJob
from predictions.models import Prediction, Project, Task
from tests.backends.conftest import MakeBackend, MakeTasks
from tests.backends.scripted import Scripted

pytestmark = pytest.mark.django_db(transaction=True)


def jobs() -> list[list[int]]:
    """The tasks of each job that are not done."""
    return [
        list(job.items.order_by("task_id").values_list("task_id", flat=True))
        for job in PredictionJob.objects.order_by("id")
    ]


def test_new_tasks_get_a_job(
    text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks, scripted: Scripted
) -> None:
    make_tasks(text_project, "old")
    backend = make_backend()
    assert automatic.start_jobs() == 0
    Project.objects.update(evaluate_predictions_automatically=True)
    assert automatic.start_jobs() == 0
    first = make_tasks(text_project, "good", "bad")
    assert automatic.start_jobs() == 2
    assert automatic.start_jobs() == 0
    # Those that come before it has begun join it.
    second = make_tasks(text_project, "good")
    assert automatic.start_jobs() == 1
    assert jobs() == [[*first, *second]]
    job = PredictionJob.objects.get()
    assert (job.total_tasks, job.is_automatic, job.created_by_id) == (3, True, None)
    executor.execute(job.pk)
    assert Prediction.objects.filter(model=backend).count() == 3
    third = make_tasks(text_project, "good")
    assert automatic.start_jobs() == 1
    assert jobs() == [[], third]


def test_what_has_settled_is_old(
    text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks
) -> None:
    Project.objects.update(evaluate_predictions_automatically=True)
    backend = make_backend()
    ids = make_tasks(text_project, "good", "bad")
    Task.objects.filter(pk=ids[0]).update(created_at=timezone.now() - timedelta(hours=1))
    assert automatic.start_jobs() == 2
    assert Endpoint.objects.get(pk=backend.pk).last_task_id == ids[0]
    PredictionJob.objects.all().delete()
    assert automatic.start_jobs() == 1


def test_a_backend_that_is_away_for_a_day_is_not_asked(
    text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks
) -> None:
    Project.objects.update(evaluate_predictions_automatically=True)
    backend = make_backend()
    endpoints.note(backend.pk, Endpoint.State.DISCONNECTED)
    make_tasks(text_project, "good")
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=2))
    assert automatic.start_jobs() == 0
    endpoints.note(backend.pk, Endpoint.State.CONNECTED)
    assert automatic.start_jobs() == 1


def test_each_backend_has_its_own(
    text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks, settings: Any
) -> None:
    Project.objects.update(evaluate_predictions_automatically=True)
    make_backend(title="A")
    make_backend(title="B")
    ids = make_tasks(text_project, "good")
    assert automatic.start_jobs() == 2
    assert jobs() == [ids, ids]
