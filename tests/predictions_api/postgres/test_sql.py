"""Parts of statements that are written for their parameters."""

import random

import pytest
from django.db import connection

from predictions_api.postgres.sql import one_of


@pytest.mark.django_db
@pytest.mark.parametrize(
    "numbers", [[], [7], [3, 1, 2], [2, 2, 3], [1, 3], [-1, 0, 1], [2**62, 2**62 - 1], [5, 900]]
)
def test_one_of_some_numbers_has_these_and_no_others(numbers: list[int]) -> None:
    around = sorted({n + step for n in [*numbers, 0] for step in (-1, 0, 1)})
    random.Random(0).shuffle(around)
    sql = f"SELECT id FROM unnest(%s::bigint[]) AS t (id) WHERE {one_of('t.id', numbers)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, [around])
        assert {row[0] for row in cursor.fetchall()} == set(numbers)
