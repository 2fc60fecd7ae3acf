"""Databases of their own on a real cluster, for tests of what spreads one; skipped without one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.errors
import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests import clustered

NO_CLUSTER = "needs a cluster: TEST_DATABASE_URL its coordinator, TEST_CLUSTER_NODES its nodes"
TRIES = 5


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what is marked `cluster` where there is none."""
    if item.get_closest_marker("cluster") and not clustered.NODES:
        pytest.skip(NO_CLUSTER)


@contextmanager
def connected_to(name: str, **more: Any) -> Iterator[None]:
    """Within the block the service's connection is to that database."""
    settings = connection.settings_dict
    before = {key: settings[key] for key in ("NAME", "USER")}
    connection.close()
    settings.update(NAME=name, **more)
    try:
        yield
    finally:
        connection.close()
        settings.update(before)


def dropped(name: str) -> None:
    """Removes the database from the coordinator, and then from the nodes. Postgres waits some
    seconds for the sessions that it ends; Citus begins new ones meanwhile, so it is tried again.
    """
    statement = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    for address in (clustered.coordinator(), *clustered.NODES):
        for n in range(1, TRIES + 1):
            try:
                clustered.run(address, "postgres", statement)
                break
            except psycopg2.errors.ObjectInUse:
                if n == TRIES:
                    raise


@pytest.fixture(scope="session")
def template(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of a migrated database that knows of no cluster."""
    name = f"{connection.settings_dict['NAME']}_bare"
    with django_db_blocker.unblock():
        dropped(name)
        clustered.run(clustered.coordinator(), "postgres", f'CREATE DATABASE "{name}"')
        with connected_to(name):
            call_command("migrate", verbosity=0)
        yield name
        dropped(name)


@contextmanager
def copied(template: str, suffix: str) -> Iterator[str]:
    """Within the block connected to a copy of the template on the coordinator; its name."""
    name = template.removesuffix("_bare") + suffix
    dropped(name)
    made = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
    clustered.run(clustered.coordinator(), "postgres", made)
    with connected_to(name):
        yield name
    dropped(name)


@pytest.fixture
def bare(template: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Connected to a migrated database of its own on the coordinator; its name."""
    with django_db_blocker.unblock(), copied(template, "_one") as name:
        yield name


@pytest.fixture
def joined(bare: str) -> str:
    """The same, whose nodes know each other; nothing is spread."""
    clustered.join_all()
    return bare


@pytest.fixture(scope="module")
def spread(template: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Connected to a database that is spread over all nodes, the same for the tests of a module."""
    with django_db_blocker.unblock(), copied(template, "_spread"):
        clustered.join_all()
        call_command("distribute", shards=clustered.SHARDS, verbosity=0)
        yield


@pytest.fixture
def ask() -> Callable[..., list[Any]]:
    """Rows of a statement."""

    def asked(sql: str, *params: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    return asked
