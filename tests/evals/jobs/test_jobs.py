"""Evaluations as jobs: leases, killed workers, and the same result whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import Settings

from evals.engine import counting
from evals.jobs import requests, run, state
from evals.jobs import tasks as tasks_of_queue
from evals.models import EvalChunk, EvalImage, EvalPanel, EvalPart, ModelEval
from predictions.models import Project
from predictions_api.jobs.leases import MOST_ATTEMPTS, LeaseLost
from tests.conftest import Caller
from tests.evals.conftest import box, computed, load, task, tasks, values

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 60


def request(ada: Caller, project: Project) -> ModelEval:
    return requests.create(values(project), workspace_id=ada.access.workspace_id)


def results(found: ModelEval) -> dict[str, Any]:
    """All an evaluation has found, but for its moments."""
    found.refresh_from_db()
    own = {"pk", "evaluation_id"}
    columns = [f.attname for f in EvalImage._meta.fields if f.attname not in own]
    images = [
        [bytes(v) if isinstance(v, memoryview) else v for v in row]
        for row in EvalImage.objects.filter(evaluation=found)
        .order_by("position")
        .values_list(*columns)
    ]
    panels = {
        (panel.kind, panel.split, panel.confidence): bytes(panel.body)
        for panel in EvalPanel.objects.filter(evaluation=found)
        if panel.kind != EvalPanel.Kind.RECOMMENDATIONS
    }
    facts = (found.status, found.summary, found.classes, found.image_counts, found.n_predictions)
    return {"images": images, "panels": panels, "facts": facts}


class Killed(BaseException):
    """Stands for a worker that is gone."""


@pytest.mark.parametrize("chunk", [1, 2, 3, 500])
def test_chunks_change_nothing(
    ada: Caller, project: Project, task_ids: list[int], settings: Settings, chunk: int
) -> None:
    whole = results(computed(ada, project))
    settings.EVALUATION_CHUNK = chunk

    assert results(computed(ada, project)) == whole


def test_the_engines_agree(
    ada: Caller, project: Project, task_ids: list[int], settings: Settings
) -> None:
    hotcoco = results(computed(ada, project))
    settings.EVALUATION_ENGINE, settings.EVALUATION_CHUNK = "pycocotools", 2

    assert results(computed(ada, project)) == hotcoco


@pytest.mark.parametrize("at", [0, 1, 3])
def test_goes_on_where_another_stopped(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    settings.EVALUATION_CHUNK = 1
    whole = results(computed(ada, project))
    found = request(ada, project)
    counted: list[int] = []
    count_images = counting.count_images

    def dies_at_third(*args: Any, **kwargs: Any) -> Any:
        if len(counted) == at:
            raise Killed
        counted.append(1)
        return count_images(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(run, "count_images", dies_at_third)
        with pytest.raises(Killed):
            run.run(found.pk)
    assert EvalImage.objects.filter(evaluation=found).count() == at

    run.run(found.pk)
    assert results(found) == whole
    assert not EvalChunk.objects.filter(evaluation=found).exists()
    assert not EvalPart.objects.filter(evaluation=found).exists()


def test_running_it_twice_changes_nothing(ada: Caller, evaluation: ModelEval) -> None:
    before = results(evaluation)
    run.run(evaluation.pk)

    assert results(evaluation) == before


def test_one_worker_at_a_time(ada: Caller, project: Project, task_ids: list[int]) -> None:
    found = request(ada, project)
    first, second = state.worker(), state.worker()

    assert state.claim(found.pk, first) == 1
    assert state.claim(found.pk, second) is None
    state.keep(found.pk, first)
    with pytest.raises(LeaseLost):
        state.keep(found.pk, second)
    state.release(found.pk, first)
    assert state.claim(found.pk, second) == 1


def test_a_lease_runs_out(
    ada: Caller, project: Project, task_ids: list[int], settings: Settings
) -> None:
    settings.EVALUATION_LEASE_S = 0
    found = request(ada, project)
    first, second = state.worker(), state.worker()

    assert state.claim(found.pk, first) == 1
    assert state.claim(found.pk, second) == 2
    with pytest.raises(LeaseLost):
        state.keep(found.pk, first)


def test_whoever_lost_the_lease_writes_nothing(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EVALUATION_CHUNK = 2
    whole = results(computed(ada, project))
    found = request(ada, project)
    count_images = counting.count_images

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(run, "count_images", count_images)
        ModelEval.objects.filter(pk=found.pk).update(lease_owner=None)
        EvalChunk.objects.filter(evaluation=found).update(lease_owner=None)
        run.run(found.pk)
        return count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", overtaken)
    run.run(found.pk)
    assert results(found) == whole


def test_workers_that_die_again_and_again(
    ada: Caller, project: Project, task_ids: list[int]
) -> None:
    found = request(ada, project)
    ModelEval.objects.filter(pk=found.pk).update(attempts=MOST_ATTEMPTS)
    run.run(found.pk)

    found.refresh_from_db()
    assert found.status == "failed"
    assert "EVALUATION_CHUNK" in found.failure_reason


def test_cancelled_in_the_middle(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EVALUATION_CHUNK = 1
    found = request(ada, project)
    count_images = counting.count_images

    def cancels(*args: Any, **kwargs: Any) -> Any:
        state.cancel(found)
        return count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", cancels)
    run.run(found.pk)
    found.refresh_from_db()
    assert (found.status, found.failure_reason) == ("failed", state.CANCELLED)
    assert not EvalImage.objects.filter(evaluation=found).exists()


def test_deleted_in_the_middle(
    ada: Caller, project: Project, task_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = request(ada, project)
    count_images = counting.count_images

    def deletes(*args: Any, **kwargs: Any) -> Any:
        state.delete(found)
        return count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", deletes)
    run.run(found.pk)
    assert not ModelEval.objects.exists()
    assert not EvalImage.objects.exists()


def test_command(
    ada: Caller, project: Project, task_ids: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("evaluate", project="cars", model_version="v1", version_id="7")

    found = ModelEval.objects.get()
    assert capsys.readouterr().out.splitlines()[-1] == found.eval_id
    assert (found.status, found.version_id) == ("done", "7")


def test_command_only_queues(
    ada: Caller, project: Project, task_ids: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("evaluate", project=str(project.pk), model_version="v1", no_wait=True)

    assert ModelEval.objects.get().status == "running"
    assert capsys.readouterr().out.strip() == ModelEval.objects.get().eval_id


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"project": "nobody", "model_version": "v1"}, "There is no project 'nobody'"),
        ({"project": "cars", "model_version": "v9"}, "no predictions of version 'v9'"),
        ({"project": "cars", "model_version": "v1", "confidence": 200}, "100"),
    ],
)
def test_command_refuses(task_ids: list[int], options: dict[str, Any], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("evaluate", **options)


def test_command_takes_a_project_of_the_workspace_alone(
    project: Project, task_ids: list[int]
) -> None:
    asked = {"project": str(project.pk), "model_version": "v1", "no_wait": True}
    with pytest.raises(CommandError, match=f"There is no project '{project.pk}'"):
        call_command("evaluate", workspace="elsewhere", **asked)
    call_command("evaluate", workspace="lab", **asked)
    assert ModelEval.objects.get().project_id == project.pk


def test_command_says_why_it_failed(ada: Caller, project: Project) -> None:
    load(ada, project, [task("x", truth=[box("Car", 1, 1, 2, 2)]), task("y", said={"v1": []})])

    with pytest.raises(CommandError, match="No task with ground truth has a prediction"):
        call_command("evaluate", project="cars", model_version="v1")


QUEUE_LOST: dict[str, Any] = {"lease_owner": None, "attempts": 0}
WORKER_LOST: dict[str, Any] = {"lease_owner": UUID(int=1), "attempts": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lost", [QUEUE_LOST, WORKER_LOST], ids=["queue", "worker"])
def test_what_the_queue_or_a_worker_lost_is_finished_by_the_sweep(
    ada: Caller, project: Project, task_ids: list[int], lost: dict[str, Any]
) -> None:
    found = request(ada, project)
    DBTaskResult.objects.all().delete()
    call_command("worker", once=True, verbosity=0)
    found.refresh_from_db()
    assert found.status == "running", "its lease is not over"

    ModelEval.objects.update(**lost, lease_until="2020-01-01T00:00:00Z")
    call_command("worker", once=True, verbosity=0)
    found.refresh_from_db()
    assert (found.status, found.lease_owner, found.lease_until) == ("done", None, None)


@pytest.mark.django_db(transaction=True)
def test_a_finished_evaluation_leaves_nothing_in_the_queue(
    ada: Caller, project: Project, task_ids: list[int]
) -> None:
    request(ada, project)
    call_command("worker", once=True, verbosity=0)
    assert list(DBTaskResult.objects.values_list("status", flat=True)) == ["SUCCESSFUL"]


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_away_costs_no_evaluation(
    ada: Caller, project: Project, task_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def enqueue(*args: Any) -> None:
        raise ConnectionError("no queue here")

    with monkeypatch.context() as patch:
        patch.setattr("django_tasks_db.DatabaseBackend.enqueue", enqueue)
        found = request(ada, project)
    ModelEval.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert tasks_of_queue.requeue_stalled() == [found.pk]


def environment_here() -> dict[str, str]:
    """What a process of its own needs to work on the test's database."""
    database = connection.settings_dict
    parameters = connection.get_connection_params()
    host, port = parameters.get("host") or "", parameters.get("port") or ""
    url = (
        f"postgres://{parameters['user']}:{parameters.get('password') or ''}@/"
        f"{database['NAME']}?host={host}&port={port}"
    )
    return {**os.environ, "DATABASE_URL": url, "SECRET_KEY": django_settings.SECRET_KEY}


@contextmanager
def worker(tmp_path: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A real worker on the test's database, killed with the block, and its children with it."""
    with (tmp_path / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker", "--interval=0.1"],
            cwd=ROOT,
            env={**environment_here(), **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            # A test may have killed it itself.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(found: ModelEval, is_so: Any, log: Path) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
        found.refresh_from_db()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_killed_worker_is_taken_over(ada: Caller, project: Project, tmp_path: Path) -> None:
    load(ada, project, [one for _ in range(30) for one in tasks()])
    whole = results(computed(ada, project))
    found = request(ada, project)
    log = tmp_path / "worker.log"
    # A second a lease; one image at a time, so that there is time to be killed.
    slow = {"EVALUATION_LEASE_S": "1", "EVALUATION_CHUNK": "1"}

    with worker(tmp_path, **slow) as first:
        wait_until(found, lambda: found.progress > 0, log)
        first.send_signal(signal.SIGKILL)
        first.wait()
    found.refresh_from_db()
    assert found.status == "running"
    counted = EvalImage.objects.filter(evaluation=found).count()
    assert 0 < counted < 120

    with worker(tmp_path, **slow):
        wait_until(found, lambda: found.status != "running", log)
    assert results(found) == whole
