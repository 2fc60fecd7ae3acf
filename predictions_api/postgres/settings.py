"""The DATABASES setting: the Postgres of DATABASE_URL, or else an embedded one in DATA_DIR.

Both are the same engine, so there is one SQL dialect and no second code path for newcomers and
tests.
"""

import os
import re
from pathlib import Path
from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from psycopg2.extensions import parse_dsn

#: Of the replica in DATABASES.
ALIAS = "replica"
# libpq's own names for what Django keeps outside OPTIONS.
LOCATION = {
    "dbname": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}
SHARED = {
    # A new connection for each request made endpoints 3.5 times slower (measured).
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
}
# An unreachable host would otherwise hold a request, and /ready, for minutes.
CONNECT_TIMEOUT_S = 5


def databases(*, data_dir: Path) -> dict[str, dict[str, Any]]:
    """The DATABASES setting, from DATABASE_URL and DATABASE_REPLICA_URL (empty means unset);
    connects to nothing.

    Raises ImproperlyConfigured when one of them cannot be understood.
    """
    found: dict[str, dict[str, Any]] = {
        "default": {
            **SHARED,
            "ENGINE": "predictions_api.postgres",
            "NAME": "predictions",
            "USER": "postgres",
            "DATA_DIR": data_dir,
        }
    }
    if url := os.environ.get("DATABASE_URL"):
        found["default"] = from_url(url)
    if url := os.environ.get("DATABASE_REPLICA_URL"):
        found[ALIAS] = from_url(url, name="DATABASE_REPLICA_URL")
    return found


def from_url(url: str, *, name: str = "DATABASE_URL") -> dict[str, Any]:
    """One entry of DATABASES, which the variable `name` gave, from `postgres://user:password@host:port/name?option=value`.

    libpq reads it, so percent-encoding, unix sockets (`?host=/run/postgresql`), several hosts and
    every option of its documentation work:
    https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS

    Raises ImproperlyConfigured, whose message never holds the password.
    """
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            f"{name} must begin with postgres://: no other database is supported."
        )
    try:
        options: dict[str, Any] = parse_dsn(url)
    except psycopg2.ProgrammingError as error:
        raise ImproperlyConfigured(f"{name}: {_without_secrets(str(error))}") from None
    if "dbname" not in options:
        raise ImproperlyConfigured(
            f"{name} names no database: postgres://user:password@host:port/NAME"
        )
    location = {theirs: options.pop(ours, "") for ours, theirs in LOCATION.items()}
    return {
        **SHARED,
        "ENGINE": "predictions_api.postgres",
        **location,
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT_S, **options},
    }


def _without_secrets(message: str) -> str:
    """libpq's message without quoted values, which may be secrets; names of options stay."""
    if "query parameter" in message:
        return message.strip()
    return re.sub(r'"[^"]*"', "…", message).strip()
