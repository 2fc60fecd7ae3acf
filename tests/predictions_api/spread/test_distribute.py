"""`manage.py distribute` where there is no cluster: it says so and changes nothing."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from predictions_api.postgres.sql import is_spread


def said(*args: str) -> str:
    out = io.StringIO()
    call_command("distribute", *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize("args", [(), ("--check",)])
def test_one_node_has_nothing_to_do(args: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_available_extensions WHERE name = 'citus'")
        if cursor.rowcount:
            pytest.skip("this Postgres has the extension")
    assert said(*args) == (
        "This Postgres is one node, without the Citus extension: there is nothing to do.\n"
    )
    assert not is_spread()
