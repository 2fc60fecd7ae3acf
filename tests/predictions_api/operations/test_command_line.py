"""`manage.py`: what an operator can mend is one line, not a traceback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from django.conf import settings as django_settings
from django.db import connection

from predictions_api.postgres import base

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def empty_database(transactional_db: None) -> Iterator[str]:
    """DATABASE_URL of a database without tables."""
    parameters = connection.get_connection_params()
    place = {name: parameters.get(name) or "" for name in ("user", "password", "host", "port")}
    with closing(psycopg2.connect(**place, dbname="postgres")) as raw:
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute("CREATE DATABASE without_tables")
        yield "postgres://{user}:{password}@/without_tables?host={host}&port={port}".format(**place)
        with raw.cursor() as cursor:
            cursor.execute("DROP DATABASE without_tables WITH (FORCE)")


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "list"],
        ["token", "create", "--email=a@example.com", "--workspace=w"],
        ["worker", "--once"],
        ["export_predictions", "-", "--project=1"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.slow
def test_a_database_without_migrations(empty_database: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": empty_database,
            "SECRET_KEY": django_settings.SECRET_KEY,
            "DJANGO_SETTINGS_MODULE": "predictions_api.settings",
            "ALLOWED_HOSTS": "localhost",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("The database ", "CommandError: The database "))
    assert "/without_tables lacks " in last
    assert last.endswith("run `manage.py migrate` first.")


@pytest.mark.django_db
def test_a_postgres_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "OLDEST", 99)
    with pytest.raises(base.UnsupportedPostgres, match=r"^This is Postgres 18\.\d+; 99 to 18 work"):
        connection.check_database_version_supported()
