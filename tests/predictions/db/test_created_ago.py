"""`created_ago`: Django's own timesince, cached for the rows of one answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timesince import timesince
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.db import documents
from predictions.models import Prediction
from tests.conftest import Caller

NOW = datetime(2026, 3, 1, 12, 30, 30, 500_000, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        (timedelta(), "0\xa0minutes"),
        (timedelta(seconds=59), "0\xa0minutes"),
        (MINUTE, "1\xa0minute"),
        (59 * MINUTE, "59\xa0minutes"),
        (HOUR + 5 * MINUTE, "1\xa0hour, 5\xa0minutes"),
        (DAY, "1\xa0day"),
        (7 * DAY + 3 * DAY, "1\xa0week, 3\xa0days"),
        (28 * DAY, "1\xa0month"),
        (27 * DAY, "3\xa0weeks, 6\xa0days"),
        (70 * DAY, "2\xa0months, 1\xa0week"),
        (365 * DAY, "1\xa0year"),
        (800 * DAY, "2\xa0years, 2\xa0months"),
        (-HOUR, "0\xa0minutes"),
    ],
    ids=str,
)
def test_says(passed: timedelta, expected: str) -> None:
    assert documents.ages(NOW)(NOW - passed) == expected == timesince(NOW - passed, NOW)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    passed=st.lists(
        st.timedeltas(timedelta(), timedelta(days=1500))
        # Around the ends of minutes, days, weeks and months.
        | st.builds(
            lambda days, minutes, micros: timedelta(days, minutes=minutes, microseconds=micros),
            st.sampled_from([*range(33), 59, 60, 61, 89, 365, 366, 730]),
            st.sampled_from([-1, 0, 1]),
            st.integers(-1_500_000, 1_500_000),
        ),
        min_size=1,
        max_size=30,
    ),
)
@settings(deadline=None)
def test_says_what_django_says(now: datetime, passed: list[timedelta]) -> None:
    moment = now.replace(tzinfo=UTC)
    age = documents.ages(moment)  # one for all, so that a wrong share of the cache is found

    for delta in passed:
        assert age(moment - delta) == timesince(moment - delta, moment)


def test_two_rows_of_one_minute_on_both_sides_of_a_months_end() -> None:
    age = documents.ages(NOW)

    earlier = datetime(2026, 2, 1, 12, 30, 30, 499_999, tzinfo=UTC)
    later = datetime(2026, 2, 1, 12, 30, 30, 500_001, tzinfo=UTC)
    assert (age(earlier), age(later)) == ("1\xa0month", "3\xa0weeks, 6\xa0days")


@pytest.mark.parametrize("passed", [3 * HOUR + MINUTE, 45 * DAY, 500 * DAY], ids=str)
def test_in_every_answer(
    ada: Caller, task: int, make_prediction: Any, make_annotation: Any, passed: timedelta
) -> None:
    pk = make_prediction(ada, task)["id"]
    drawn = make_annotation(ada, task)["id"]
    created = Prediction.objects.get(pk=pk).created_at
    now = created + passed

    with time_machine.travel(now, tick=False):
        expected = timesince(created, now)
        task_document = ada.client.get(f"/api/tasks/{task}/").json()
        told = [
            ada.client.get(f"/api/predictions/{pk}/").json(),
            *ada.client.get("/api/predictions/").json(),
            *task_document["predictions"],
            *task_document["annotations"],
            ada.client.get(f"/api/annotations/{drawn}/").json(),
        ]

    assert [document["created_ago"] for document in told] == [expected] * 5
    assert "\xa0" in expected
