"""Prepared statements return the same rows as others, and end with their connection."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from predictions_api.postgres.prepared import numbered, prepared
from tests.clustered import direct, one_node
from tests.conftest import Caller

TWICE = "SELECT %s::int + 1, '100%%'"


def known() -> int:
    """How many prepared statements of that text this connection has."""
    with connection.cursor() as cursor:
        sql = "SELECT count(*) FROM pg_prepared_statements WHERE position(%s in statement) > 0"
        cursor.execute(sql, [numbered(TWICE)[0]])
        return int(cursor.fetchone()[0])


def answer(number: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(prepared(TWICE), [number])
        return cursor.fetchone()


@pytest.mark.parametrize(
    ("sql", "text", "places"),
    [
        ("SELECT 1", "SELECT 1", []),
        ("SELECT %s, %s, '5%%'", "SELECT $1, $2, '5%'", ["%s", "%s"]),
        (
            "SELECT %(b)s, %(a)s, %(b)s::text",
            "SELECT $1, $2, $1::text",
            ["%(b)s", "%(a)s"],
        ),
    ],
)
def test_numbers_places(sql: str, text: str, places: list[str]) -> None:
    assert numbered(sql) == (text, places)


@direct
@pytest.mark.django_db
def test_is_prepared_once_a_connection_whatever_its_transactions_do() -> None:
    with transaction.atomic():
        assert answer(1) == (2, "100%")
        transaction.set_rollback(True)
    assert answer(2) == (3, "100%")
    assert known() == 1


@direct
@pytest.mark.django_db(transaction=True)
def test_a_new_connection_prepares_anew() -> None:
    assert answer(1) == (2, "100%")
    connection.close()
    assert known() == 0
    assert answer(4) == (5, "100%")
    assert known() == 1


@direct
@pytest.mark.django_db
def test_preparing_is_no_statement_of_the_request() -> None:
    with CaptureQueriesContext(connection) as captured:
        answer(1)
    assert len(captured) == 1
    assert captured[0]["sql"].startswith("EXECUTE prepared_")


@one_node
@pytest.mark.parametrize("is_on", [True, False])
def test_may_be_off_behind_a_pooler_of_transactions(
    ada: Caller, task: int, settings: Any, is_on: bool
) -> None:
    settings.PREPARED_STATEMENTS = is_on
    body = {"task": task, "result": [], "score": 0.5}
    with CaptureQueriesContext(connection) as captured:
        made = ada.client.post("/api/predictions/", body, content_type="application/json")
        url = f"/api/predictions/{made.json()['id']}/"
        read, gone, missing = (getattr(ada.client, verb)(url) for verb in ("get", "delete", "get"))
    answers = (made, read, gone, missing)
    assert [response.status_code for response in answers] == [201, 200, 204, 404]
    assert read.json() == made.json()
    assert [q["sql"].startswith("EXECUTE ") for q in captured] == [is_on] * 8
