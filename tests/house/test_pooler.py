"""Through PgBouncer in transaction mode: each transaction may have another connection."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections

from evals.jobs import requests
from predictions.models import Project
from predictions_api.postgres.base import DatabaseWrapper
from tests.conftest import Caller
from tests.evals.conftest import computed, load, tasks, values
from tests.evals.jobs.test_jobs import results, wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 10
PART_WITHIN_S = 1200
PORT = 6499
DATABASE = "pooled"
CONFIG = """
[databases]
* = host={host} port={port} user=postgres

[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = any
max_client_conn = 200
default_pool_size = 10
ignore_startup_parameters = extra_float_digits,options
"""
#: Lists, streams, imports, evaluations by many workers, runs, keys, webhooks: what holds on to a
#: connection longest.
PART = (
    "tests/evals/jobs/test_jobs.py",
    "tests/evals/jobs/test_many_workers.py",
    "tests/evals/jobs/test_vectors.py",
    "tests/bulk/test_project_export.py",
    "tests/bulk/test_list_streams.py",
    "tests/bulk/test_import_lines.py",
    "tests/predictions_api/jobs",
    "tests/prompts/runs/test_engine.py",
    "tests/predictions/api/test_create_prediction.py",
    "tests/predictions/api/test_list_predictions.py",
    "tests/backends/jobs/test_engine.py",
)


@pytest.fixture(scope="module")
def folder(django_db_setup: None, django_db_blocker: Any) -> Iterator[Path]:
    """A pooler before the suite's server; the folder of its socket."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    with django_db_blocker.unblock():
        found = connection.get_connection_params()
    made = Path(tempfile.mkdtemp(prefix="pooler-", dir="/tmp"))
    config = made / "pgbouncer.ini"
    config.write_text(
        CONFIG.format(host=found["host"], port=found["port"], own_port=PORT, folder=made)
    )
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        # It refuses to be root, and the socket is its owner's.
        owner = os.stat(found["host"])
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        for path in (made, config):
            os.chown(path, owner.st_uid, owner.st_gid)
    with (made / "log").open("w") as log:
        process = subprocess.Popen([program, config], stdout=log, stderr=log, cwd=made, **as_owner)
        try:
            deadline = time.monotonic() + WITHIN_S
            while not (made / f".s.PGSQL.{PORT}").exists():
                assert time.monotonic() < deadline, (made / "log").read_text()
                time.sleep(0.05)
            yield made
        finally:
            process.terminate()
            process.wait(WITHIN_S)
            shutil.rmtree(made)


def url_of(folder: Path, name: str) -> str:
    return f"postgres://postgres@/{name}?host={quote(str(folder), '')}&port={PORT}"


def test_a_connection_knows_that_it_is_pooled(transactional_db: None, folder: Path) -> None:
    here = connections.settings[DEFAULT_DB_ALIAS]
    direct = {key: value for key, value in here.items() if key != "DATA_DIR"}
    through = {**direct, "HOST": str(folder), "PORT": str(PORT)}
    known = []
    for place in (direct, through):
        wrapper = DatabaseWrapper(dict(place), "other")
        wrapper.ensure_connection()
        is_off = wrapper.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
        known.append((wrapper.statements.is_pooled, is_off, wrapper.statements.call("SELECT 1")))
        wrapper.close()
    assert known == [(False, False, "EXECUTE prepared_0 ()"), (True, True, "SELECT 1")]


@pytest.mark.django_db(transaction=True)
def test_workers_compute_an_evaluation_through_it(
    ada: Caller, project: Project, folder: Path, tmp_path: Path
) -> None:
    load(ada, project, [one for _ in range(10) for one in tasks()])
    whole = results(computed(ada, project))
    asked = values(project)
    found = requests.create(asked, workspace_id=ada.access.workspace_id)
    environment = {
        **os.environ,
        "DATABASE_URL": url_of(folder, connection.settings_dict["NAME"]),
        "SECRET_KEY": settings.SECRET_KEY,
        "EVALUATION_CHUNK": "2",
    }
    command = [sys.executable, "manage.py", "worker", "--interval=0.1", "--concurrency=2"]
    log = tmp_path / "worker.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            wait_until(found, lambda: found.status != "running", log)
        finally:
            process.terminate()
            process.wait(60)
    assert results(found) == whole
    assert "Traceback" not in log.read_text()


def test_a_part_of_the_suite_passes_through_it(transactional_db: None, folder: Path) -> None:
    """As another run, on a database of its own, which the pooler's connections keep open."""

    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS test_{DATABASE} WITH (FORCE)")

    drop()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "TEST_"))}
    environment["DATABASE_URL"] = url_of(folder, DATABASE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--reuse-db", *PART]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PART_WITHIN_S,
        )
    finally:
        drop()
    assert done.returncode == 0, done.stdout[-4000:]
    found = re.search(r"(\d+) passed", done.stdout)
    assert found is not None
    assert int(found[1]) > 100
