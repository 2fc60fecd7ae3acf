"""`manage.py distribute` where a database cannot be spread yet: it says what to call."""

from collections.abc import Callable
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from predictions.models import Project, Task
from predictions_api.cluster import distributing
from predictions_api.postgres.sql import is_spread
from tests import clustered
from tests.conftest import make_caller
from tests.predictions_api.cluster.conftest import connected_to

pytestmark = pytest.mark.cluster


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def nothing() -> None:
    """Not even the extension."""


def extension() -> None:
    clustered.create_extension()


def alone() -> None:
    extension()
    clustered.name_coordinator()


def complete() -> None:
    clustered.join_all()


def behind() -> None:
    complete()
    execute("DELETE FROM django_migrations WHERE app = 'predictions'")


def away() -> None:
    complete()
    execute("UPDATE pg_dist_node SET nodename = '127.0.0.1', nodeport = 9 WHERE groupid = 1")


REFUSALS = [
    (nothing, "The extension is missing. On every node: CREATE EXTENSION citus;"),
    (
        extension,
        "The coordinator does not know its own address. Here:"
        " SELECT citus_set_coordinator_host('HOST', PORT);",
    ),
    (alone, "There is no other node. Here: SELECT citus_add_node('HOST', PORT);"),
    (behind, "There are migrations to apply. Here: manage.py migrate"),
    (
        away,
        "127.0.0.1:9 does not answer. Start it, or here: SELECT citus_remove_node('HOST', PORT);",
    ),
]


def refused() -> str:
    with pytest.raises(CommandError) as error:
        call_command("distribute", shards=clustered.SHARDS, verbosity=0)
    return str(error.value)


@pytest.mark.parametrize(("prepare", "reason"), REFUSALS, ids=[one.__name__ for one, _ in REFUSALS])
def test_names_the_call_that_mends_it(bare: str, prepare: Callable[[], None], reason: str) -> None:
    prepare()

    assert refused() == reason
    assert not is_spread()


def test_rows_cannot_be_moved_without_a_log_of_them(
    joined: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributing, "MOVES_ROWS", "more than these servers write")
    assert distributing.refusal() is None, "nothing has rows"
    ada = make_caller("ada@example.com", "lab")
    project = Project.objects.create(workspace=ada.workspace, title="Cars")
    Task.objects.create(project=project, data={})

    addresses = ", ".join([clustered.coordinator(), *clustered.NODES])
    assert refused() == (
        f"Tables with rows cannot be moved: {addresses} runs without wal_level = more than these"
        " servers write. Set it in its postgresql.conf and start it anew."
    )
    assert not is_spread()


def test_a_second_call_is_refused_while_one_is_at_work(joined: str) -> None:
    with closing(clustered.at(clustered.coordinator(), joined)) as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [distributing.LOCK])
        reason = "Another call is at work. When it has ended, call it again if need be."

        assert refused() == reason
    assert not is_spread()


def test_a_role_that_does_not_own_the_tables_is_refused(joined: str) -> None:
    owner = connection.settings_dict["USER"]
    execute("DROP ROLE IF EXISTS spreads_nothing")
    execute("CREATE ROLE spreads_nothing LOGIN")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO spreads_nothing")
    try:
        with connected_to(joined, USER="spreads_nothing"):
            reason = refused()
    finally:
        execute("DROP OWNED BY spreads_nothing")
        execute("DROP ROLE spreads_nothing")

    assert reason == (
        f"spreads_nothing does not own the tables. Call it with a DATABASE_URL of their owner,"
        f" {owner}."
    )
    assert not is_spread()
