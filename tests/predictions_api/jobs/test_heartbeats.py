"""Signs of life while the work goes on."""

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError

from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import LeaseLost

WITHIN_S = 30.0


def beating(errors: list[Exception], *, beats: int) -> tuple[Callable[[], None], threading.Event]:
    """A beat that raises these errors first, and the event of its nth call."""
    reached, calls = threading.Event(), list[int]()

    def beat() -> None:
        calls.append(1)
        if len(calls) == beats:
            reached.set()
        if errors:
            raise errors.pop(0)

    return beat, reached


@pytest.mark.parametrize("errors", [[], [OperationalError("gone")], [ValueError(), ValueError()]])
def test_beats_again_and_again_whatever_fails(errors: list[Exception]) -> None:
    beat, reached = beating(list(errors), beats=4)
    with Heartbeat(beat, every_s=0.001):
        assert reached.wait(WITHIN_S)


def test_stops_beating_once_the_lease_is_lost() -> None:
    before = set(threading.enumerate())
    beat, again = beating([LeaseLost()], beats=2)
    with Heartbeat(beat, every_s=0.001):
        for thread in set(threading.enumerate()) - before:
            thread.join(WITHIN_S)
            assert not thread.is_alive()
        assert not again.is_set()


def test_ends_with_the_work() -> None:
    before = set(threading.enumerate())
    with Heartbeat(lambda: None, every_s=3600):
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) == before
