"""`manage.py worker` runs what is queued."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_tasks import task
from pytest_django import Settings

from tests.evals.jobs.test_jobs import ROOT, environment_here


@task
def shout(word: str) -> str:
    return word.upper()


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The worker takes over Ctrl-C, and this process wants it back."""
    kept: dict[signal.Signals, Any] = {
        name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    }
    yield
    for name, handler in kept.items():
        signal.signal(name, handler)


@pytest.mark.django_db(transaction=True)
def test_runs_every_queued_job_and_ends_when_asked_to_do_so_once() -> None:
    queued = [shout.enqueue(word) for word in ("first", "second")]
    call_command("worker", once=True, verbosity=0)
    for result in queued:
        result.refresh()
    assert [result.return_value for result in queued] == ["FIRST", "SECOND"]


def test_leaves_another_queue_to_its_own_worker(settings: Settings) -> None:
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    with pytest.raises(CommandError, match="brings a worker of its own"):
        call_command("worker")


ASK = """
import gc, os, signal, sys
import django

django.setup()
from predictions_api.operations import workers

def serve(queues):
    print("hotcoco" in sys.modules, gc.get_freeze_count() > 100_000, flush=True)
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()

workers.Team(serve, size=1).work()
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_its_processes_begin_with_all_loaded_which_they_do_not_search_for_garbage() -> None:
    environment = {**environment_here(), "DJANGO_SETTINGS_MODULE": "predictions_api.settings"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert set(asked.stdout.splitlines()) == {"True True"}, asked.stderr
