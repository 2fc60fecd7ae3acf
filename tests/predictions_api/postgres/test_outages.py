"""Which database errors are outages: each is raised by the real database."""

from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from predictions_api.postgres.outages import is_outage, sqlstate
from tests.clustered import direct


def raised(act: Callable[[], object]) -> BaseException:
    with pytest.raises((DatabaseError, InterfaceError)) as caught, transaction.atomic():
        act()
    return caught.value


def statement(sql: str) -> Callable[[], None]:
    def act() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    return act


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sql", "code", "outage"),
    [
        ("SELECT 1/0", "22012", False),
        ("SELECT 2147483648::int", "22003", False),
        ("SELECT nothing", "42703", False),
        ("SELECT '(' ~ '('", "2201B", False),
        # An index entry over a third of a page.
        (
            "CREATE TEMP TABLE long (t text PRIMARY KEY);"
            " INSERT INTO long SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) n",
            "54000",
            False,
        ),
        ("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", "40P01", True),
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", "40001", True),
        ("DO $$ BEGIN RAISE SQLSTATE '57P01'; END $$", "57P01", True),
        ("DO $$ BEGIN RAISE SQLSTATE '08006'; END $$", "08006", True),
        ("DO $$ BEGIN RAISE SQLSTATE '53300'; END $$", "53300", True),
        ("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", "53100", True),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", "57014", True),
    ],
)
def test_by_code(sql: str, code: str, outage: bool) -> None:
    error = raised(statement(sql))
    assert (sqlstate(error), is_outage(error)) == (code, outage)


@direct
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_ended_in_the_middle() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    settings = connection.get_connection_params()
    settings.pop("cursor_factory", None)
    settings.pop("context", None)
    with closing(psycopg2.connect(**settings)) as other, other.cursor() as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises((OperationalError, InterfaceError)) as caught:
        statement("SELECT 1")()
    connection.close()
    assert is_outage(caught.value)


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (OperationalError("the server does not start"), True),
        (InterfaceError("connection already closed"), True),
        (DatabaseError("refused"), False),
        (ValueError("no database"), False),
    ],
    ids=repr,
)
def test_without_a_cause(error: Exception, outage: bool) -> None:
    assert is_outage(error) is outage


def test_an_answer_that_breaks_off_has_the_bare_class() -> None:
    error = DatabaseError("lost synchronization with server")
    error.__cause__ = psycopg2.DatabaseError("lost synchronization with server")
    assert is_outage(error)
