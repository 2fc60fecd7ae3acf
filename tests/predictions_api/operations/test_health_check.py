"""The connection's check at the start of a request: no statement; reconnects if it was closed."""

import pytest
from django.db import close_old_connections, connection, connections
from pytest_django import DjangoAssertNumQueries

from tests.clustered import direct


@pytest.mark.django_db(transaction=True)
def test_a_standing_connection_costs_no_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert connection.is_usable()


@direct
@pytest.mark.django_db(transaction=True)
def test_a_terminated_connection_is_replaced() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ended = cursor.fetchone()[0]
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
            assert cursor.fetchone()[0]
    finally:
        other.close()
    assert not connection.is_usable()
    close_old_connections()  # as each request begins
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] != ended
