"""Waits between tries, and calls that outlast the database."""

import pytest
from django.db import (
    DataError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)

from predictions_api.jobs import retries, stopping


def test_jitter_stays_within_its_bounds() -> None:
    waits = [retries.wait_s(3, 1.0, jitter=0.25) for _ in range(200)]
    assert 3.0 <= min(waits) < max(waits) <= 5.0


def test_a_great_number_of_failures_has_a_longest_wait() -> None:
    assert retries.wait_s(10**9, 1.0, most_s=60.0) == 60.0


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_call_outlasts_a_database_that_is_away(
    db: None, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(retries, "DATABASE_WAIT_S", 0.0)
    monkeypatch.setattr(connection, "close", lambda: None)
    faults = [error("away"), error("still away")]

    def call() -> str:
        if faults:
            raise faults.pop(0)
        return "stored"

    assert retries.while_database_is_away(call) == "stored"


def test_a_process_that_is_to_end_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping.requested, "is_set", lambda: True)

    def call() -> None:
        raise OperationalError("away")

    with pytest.raises(OperationalError):
        retries.while_database_is_away(call)


@pytest.mark.parametrize("error", [ValueError, DataError, ProgrammingError])
def test_what_stays_wrong_is_raised_at_once(error: type[Exception]) -> None:
    def call() -> None:
        raise error("wrong for ever")

    with pytest.raises(error, match="wrong for ever"):
        retries.while_database_is_away(call)
