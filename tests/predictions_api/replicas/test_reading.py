"""Reads from a real streaming replica of the suite's server: never behind what was stored."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction

from evals.models import ModelEval
from predictions.exports.project import Wanted
from predictions.exports.start import start
from predictions.models import Project, ProjectExport, Task
from predictions_api.files import storage
from predictions_api.postgres import embedded
from predictions_api.postgres.settings import ALIAS
from predictions_api.postgres.sql import fetch_one
from predictions_api.replicas import reading
from tests.conftest import Caller
from tests.evals.conftest import computed, load, tasks

pytestmark = pytest.mark.slow

WITHIN_S = 60
PORT = "5499"
APPLIED = "Preference-Applied"


@pytest.fixture(scope="module")
def standby(django_db_setup: None, django_db_blocker: Any) -> Iterator[Path]:
    """A replica that streams; the folder of its socket."""
    with django_db_blocker.unblock():
        found = connection.get_connection_params()
    data_dir = connection.settings_dict.get("DATA_DIR")
    if not data_dir:
        pytest.skip("the database is not the embedded one, whose programs make the replica")
    owner = os.stat(Path(data_dir) / "postgres")
    folder = Path(tempfile.mkdtemp(prefix="replica-", dir="/tmp"))
    as_owner: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        os.chown(folder, owner.st_uid, owner.st_gid)
        as_owner |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    server = [f"--host={found['host']}", f"--port={found['port']}", "--username=postgres"]
    programs, copy = embedded.programs(), folder / "copy"
    how = ["--write-recovery-conf", "--checkpoint=fast", f"--pgdata={copy}"]
    subprocess.run([programs / "pg_basebackup", *server, *how], check=True, **as_owner)
    settings = ("listen_addresses=", f"unix_socket_directories={folder}", f"port={PORT}")
    options = [part for one in (*settings, "max_connections=200") for part in ("-c", one)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", copy, *options], stdout=log, stderr=log, **as_owner
        )
        try:
            deadline = time.monotonic() + WITHIN_S
            asks = [str(programs / "pg_isready"), "--quiet", f"--host={folder}", f"--port={PORT}"]
            while subprocess.run(asks, check=False).returncode:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            yield folder
        finally:
            process.terminate()
            process.wait(WITHIN_S)
            shutil.rmtree(folder)


@pytest.fixture
def named(transactional_db: None, standby: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The replica is the service's."""
    here = {k: v for k, v in connections.settings[DEFAULT_DB_ALIAS].items() if k != "DATA_DIR"}
    place = {**here, "HOST": str(standby), "PORT": PORT}
    monkeypatch.setitem(connections.settings, ALIAS, place)
    monkeypatch.setattr(reading, "_away_until", 0.0)
    # However busy the machine is, a replica that streams catches up within this.
    monkeypatch.setattr(reading, "PATIENCE_S", 20.0)
    wrapper = connections[ALIAS]

    def ensure_connection() -> None:
        if wrapper.connection is None:
            with wrapper.wrap_database_errors:
                wrapper.connect()

    # Tests may only use databases that were made for them.
    monkeypatch.setattr(wrapper, "ensure_connection", ensure_connection)
    yield
    connections[ALIAS].close()
    del connections[ALIAS]


def is_replica() -> bool:
    row = fetch_one("SELECT pg_is_in_recovery()", [])
    assert row is not None
    return bool(row[0])


def on_standby(standby: Path, sql: str) -> None:
    """A statement of its owner's, past the service."""
    name = connections.settings[DEFAULT_DB_ALIAS]["NAME"]
    raw = psycopg2.connect(host=str(standby), port=PORT, user="postgres", dbname=name)
    raw.autocommit = True
    with raw.cursor() as cursor:
        cursor.execute(sql)
    raw.close()


@pytest.fixture
def paused(standby: Path, named: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The replica stands still."""
    monkeypatch.setattr(reading, "PATIENCE_S", 0.0)
    with reading.reading():
        pass
    on_standby(standby, "SELECT pg_wal_replay_pause()")
    yield
    on_standby(standby, "SELECT pg_wal_replay_resume()")


def asked(caller: Caller, path: str, **query: Any) -> Any:
    return caller.client.get(path, query, HTTP_PREFER="respond-async, replica")


def test_a_block_is_read_there_and_its_writes_go_here(named: None) -> None:
    with reading.reading() as is_there:
        assert is_there
        assert is_replica()
        with reading.writing():
            assert not is_replica()
            with reading.writing():
                assert not is_replica()
        assert is_replica()
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("DELETE FROM predictions_task")
    assert not is_replica()


def test_a_transaction_stays_where_it_began(named: None) -> None:
    with transaction.atomic(), reading.reading() as is_there:
        assert not is_there
        assert not is_replica()


def test_a_caller_reads_what_it_has_just_written(
    ada: Caller, project: Project, named: None
) -> None:
    [task_id] = load(ada, project, tasks()[:1])
    for n in range(20):
        body = {"task": task_id, "result": [], "model_version": f"m{n}"}
        made = ada.client.post("/api/predictions/", body, format="json").json()["id"]
        found = asked(ada, "/api/predictions/", task=task_id)
        assert (found[APPLIED], found.json()[-1]["id"]) == ("replica", made)
        assert ada.client.get("/api/predictions/", {"task": task_id}).json() == found.json()
    assert APPLIED not in ada.client.get("/api/predictions/", {"task": task_id})


def test_one_that_is_behind_is_passed_over(ada: Caller, project: Project, paused: None) -> None:
    ids = load(ada, project, tasks())
    found = asked(ada, "/api/tasks/", project=project.pk)
    assert APPLIED not in found
    assert [task["id"] for task in found.json()["tasks"]] == ids


def test_a_list_is_streamed_from_there(ada: Caller, project: Project, named: None) -> None:
    load(ada, project, tasks())
    path = f"/api/projects/{project.pk}/export"
    plain = ada.client.get(path)
    there = asked(ada, path)
    assert APPLIED not in plain
    assert there[APPLIED] == "replica"
    assert b"".join(there) == b"".join(plain)
    assert not is_replica()


def test_evaluations_are_read_there_unasked(ada: Caller, project: Project, named: None) -> None:
    load(ada, project, tasks())
    found = computed(ada, project)
    for route in ("", "/confusion-matrix", "/image-predictions", "/map-results"):
        path = f"/lab/model-evals/{found.eval_id}{route}"
        answer = ada.client.get(path)
        assert (answer.status_code, answer[APPLIED]) == (200, "replica"), route
        with pytest.MonkeyPatch.context() as alone:
            alone.delitem(connections.settings, ALIAS)
            assert ada.client.get(path).content == answer.content
    assert ada.client.delete(f"/lab/model-evals/{found.eval_id}").status_code == 204
    assert ada.client.get(f"/lab/model-evals/{found.eval_id}").status_code == 404


def test_an_export_is_read_there(
    ada: Caller, project: Project, named: None, settings: Any, tmp_path: Path
) -> None:
    kept = storage(str(tmp_path), "exports", data_dir=tmp_path)
    settings.STORAGES = {**settings.STORAGES, "exports": kept}
    load(ada, project, tasks())
    seen: list[bool] = []

    def watched(execute: Any, sql: str, *more: Any) -> Any:
        seen.append("predictions_task" in sql)
        return execute(sql, *more)

    with connections[ALIAS].execute_wrapper(watched):
        start(project, Wanted("JSON", "predictions", all_tasks=True))
        call_command("worker", once=True, verbosity=0)
    job = ProjectExport.objects.get()
    assert (job.status, job.progress, any(seen)) == ("completed", 1.0, True)
    assert len((tmp_path / "exports" / job.file_name).read_bytes()) > 100


def test_one_that_is_away_is_passed_over(
    ada: Caller, project: Project, named: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections[ALIAS].settings_dict, "PORT", "1")
    connections[ALIAS].close()
    ids = load(ada, project, tasks())
    for _ in range(2):
        found = asked(ada, "/api/tasks/", project=project.pk)
        assert APPLIED not in found
        assert [task["id"] for task in found.json()["tasks"]] == ids
    assert Task.objects.count() == len(ids)
    assert not ModelEval.objects.exists()
