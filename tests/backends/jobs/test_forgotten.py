"""Jobs that ended long ago: deleted with their items; what they did stays done."""

import pytest

from backends.db import jobs
from backends.models import AnsweredTasks, JobItem, PredictionJob
from predictions.models import Prediction, Project, Task
from tests.backends.conftest import Executed, MakeBackend, MakeTasks
from tests.backends.scripted import Scripted, sentiment

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_deleted_job_did_stays_done(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
) -> None:
    first, failing, deleted = make_tasks(text_project, "one", "two", "three")
    backend = make_backend()
    good = {"result": sentiment("pos"), "model_version": "other"}
    bad = {"result": None}
    scripted.on("/predict", lambda _: (200, {"results": [good, bad, good]}))
    old = executed(backend)
    young = executed(backend, [failing])
    assert (old.done_tasks, old.failed_tasks, young.failed_tasks) == (2, 1, 1)
    assert old.completed_at is not None
    PredictionJob.objects.filter(pk=old.pk).update(completed_at=old.completed_at - jobs.KEPT)
    Prediction.objects.all().delete()
    Task.objects.filter(pk=deleted).delete()

    assert jobs.purge() == 1
    assert jobs.purge() == 0
    assert list(PredictionJob.objects.values_list("pk", flat=True)) == [young.pk]
    assert list(JobItem.objects.values_list("job_id", "task_id")) == [(young.pk, failing)]
    marks = AnsweredTasks.objects.values_list("backend_id", "project_id", "version", "task_ids")
    assert list(marks) == [(backend.pk, text_project.pk, "v1", [first, deleted])]

    scripted.reset()
    again = executed(backend)
    assert (again.skipped_tasks, again.done_tasks, again.total_tasks) == (1, 1, 2)
    assert scripted.asked() == [[failing]]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_an_earlier_job_did_is_done_at_its_version(
    text_project: Project,
    make_tasks: MakeTasks,
    make_backend: MakeBackend,
    executed: Executed,
    scripted: Scripted,
    version: str,
) -> None:
    """Whatever its predictions name, also where they were deleted."""
    ids = make_tasks(text_project, "one", "two")
    named = [version]
    scripted.on("/setup", lambda _: (200, {"model_version": named[0]}))
    backend = make_backend()
    assert executed(backend, ids[:1]).model_version == version
    Prediction.objects.all().delete()
    executed(backend)
    named[0] = "v3"
    executed(backend)
    assert scripted.asked() == [ids[:1], ids[1:], ids]


def test_nothing_is_deleted_before_its_time(
    text_project: Project, make_tasks: MakeTasks, make_backend: MakeBackend, executed: Executed
) -> None:
    make_tasks(text_project, "one")
    job = executed(make_backend())
    assert jobs.purge() == 0
    PredictionJob.objects.filter(pk=job.pk).update(completed_at="2020-01-01T00:00:00Z")
    assert jobs.purge() == 1
