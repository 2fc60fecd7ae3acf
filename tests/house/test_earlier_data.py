"""`make run` on the data of an earlier version: it is migrated, or named with what to do."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.house.quickstarting import (
    DEADLINE_S,
    OWN_VARIABLES,
    PROJECT_DIR,
    Quickstart,
    await_nobody,
)

pytestmark = pytest.mark.slow

#: An earlier version had not this one.
LAST = ("evals", "0002_cascades")
BEFORE = ("evals", "0001_initial")
OPTIONS = ("--no-worker", "--no-demo")
CHANGE = (
    "from django.db import connection\n"
    "connection.cursor().execute('ALTER TABLE predictions_task RENAME COLUMN meta TO facts')"
)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="early-", dir="/tmp"))
    yield path
    await_nobody(path)
    shutil.rmtree(path)


def manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_DIR,
        env={**environment, "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def titles(started: Quickstart) -> list[str]:
    """Of the projects that the printed key sees."""
    answer = requests.get(
        f"{started.fact('Address').split()[0]}/api/projects/",
        headers={"Authorization": f"Token {started.fact('Token')}"},
        timeout=DEADLINE_S,
    )
    return [project["title"] for project in answer.json()["results"]]


def test_it_is_migrated(data_dir: Path) -> None:
    with Quickstart(data_dir, *OPTIONS) as started:
        requests.post(
            f"{started.fact('Address').split()[0]}/api/projects/",
            headers={"Authorization": f"Token {started.fact('Token')}"},
            json={"title": "Of before"},
            timeout=DEADLINE_S,
        ).raise_for_status()
        token, before = started.fact("Token"), titles(started)
        assert started.end() == 0
    done = manage(data_dir, "migrate", *BEFORE)
    assert done.returncode == 0, done.stderr
    assert manage(data_dir, "migrate", "--check").returncode == 1

    with Quickstart(data_dir, *OPTIONS) as again:
        assert again.fact("Token") == token
        assert titles(again) == before
        assert "Of before" in before
        assert again.end() == 0
    assert manage(data_dir, "migrate", "--check").returncode == 0
    assert f"[X] {LAST[1]}" in manage(data_dir, "showmigrations", LAST[0]).stdout


def test_it_is_named_where_no_migration_leads_on(data_dir: Path) -> None:
    assert manage(data_dir, "shell", "--command", CHANGE).returncode == 0
    with Quickstart(data_dir, *OPTIONS) as refused:
        assert refused.process.wait(DEADLINE_S) == 1
    assert "was made by a version from before 0.1.0" in refused.output
    assert (
        "predictions_task.meta is missing, predictions_task.facts is not in use" in refused.output
    )
    assert str(data_dir) in refused.output
    assert "docs/operating/upgrade.md has the commands." in refused.output
    assert "Traceback" not in refused.output
