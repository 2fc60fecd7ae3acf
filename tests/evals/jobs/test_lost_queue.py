"""Redis is killed with work in it, and has nothing when it is back: nothing is lost."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evals.models import ModelEval
from predictions.models import Project, ProjectExport
from tests.conftest import Caller
from tests.evals.conftest import computed, load, tasks
from tests.evals.jobs.test_jobs import ROOT, environment_here, results, wait_until, worker

LONG_AGO = "2020-01-01T00:00:00Z"
WITHIN_S = 10
ASK = """
from evals.jobs import requests
from predictions.exports import start
from predictions.exports.project import Wanted
from predictions.models import Project

project = Project.objects.get(pk={project})
values = {{"project": project.slug, "modelVersion": "v1", "confidence": 20, "writeBack": False}}
requests.create(values, workspace_id=project.workspace_id)
start.start(project, Wanted("JSON", "predictions"))
"""


@contextmanager
def redis_at(socket: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real Redis that keeps nothing when it ends."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    socket.unlink(missing_ok=True)
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--daemonize", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + WITHIN_S
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_what_a_killed_redis_had_is_done(ada: Caller, project: Project, tmp_path: Path) -> None:
    load(ada, project, tasks())
    whole = results(computed(ada, project))
    socket = tmp_path / "redis.sock"
    queue = {"TASKS_BACKEND": "rq", "REDIS_URL": f"unix://{socket}"}
    with redis_at(socket) as redis:
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", ASK.format(project=project.pk)],
            cwd=ROOT,
            env={**environment_here(), **queue},
            check=True,
            timeout=120,
        )
        redis.send_signal(signal.SIGKILL)
        redis.wait()
    found, export = ModelEval.objects.latest("pk"), ProjectExport.objects.get()
    assert (found.status, found.lease_owner, export.status) == ("running", None, "queued")

    # The time that the queue has to find a worker is over.
    for model in (ModelEval, ProjectExport):
        model.objects.exclude(lease_until=None).update(lease_until=LONG_AGO)
    files = {"FILES_STORAGE": str(tmp_path / "files")}
    with redis_at(socket), worker(tmp_path, **queue, **files):
        log = tmp_path / "worker.log"
        wait_until(found, lambda: found.status != "running", log)
        wait_until(
            found,
            lambda: ProjectExport.objects.get().status not in ("queued", "running"),
            log,
        )
    assert results(found) == whole
    export.refresh_from_db()
    assert (export.status, export.error) == ("completed", "")
    assert (tmp_path / "files" / "exports" / export.file_name).exists()
