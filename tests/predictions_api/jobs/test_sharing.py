"""Jobs that wait for others share a process; no workspace keeps another waiting."""

import threading
from collections.abc import Hashable

import pytest

from predictions_api.jobs import sharing
from predictions_api.jobs.sharing import Due, IsOver, Kind, Sharing

TIMEOUT_S = 30


class Jobs:
    """Jobs by workspace that last until they are let go, or are to hand over."""

    def __init__(self, *due: tuple[int, str]) -> None:
        self.waiting = [Due(*job) for job in due]
        self.begun: list[Hashable] = []
        self.handed_over: list[Hashable] = []
        self.let_go = threading.Event()
        self.enough = threading.Event()
        self.n_enough = 0

    def due(self, seconds: float) -> list[Due]:
        return list(self.waiting)

    def work(self, key: Hashable, is_over: IsOver) -> None:
        self.waiting = [job for job in self.waiting if job.key != key]
        self.begun.append(key)
        if len(self.begun) >= self.n_enough:
            self.enough.set()
        while not self.let_go.wait(0.01):
            if is_over():
                self.handed_over.append(key)
                return

    def run(self, n_enough: int) -> None:
        """Works on the first job until so many were begun."""
        self.n_enough = n_enough
        shared = Sharing({"job": Kind(self.due, self.work)})
        thread = threading.Thread(target=shared.work, args=["job", "first"])
        thread.start()
        try:
            assert self.enough.wait(TIMEOUT_S), self.begun
        finally:
            self.let_go.set()
            thread.join(TIMEOUT_S)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LOOK_S", 0.01)
    monkeypatch.setattr(sharing, "PLACES", 3)


def test_one_that_lasts_keeps_none_waiting() -> None:
    jobs = Jobs((1, "a"), (2, "b"))
    jobs.run(3)
    assert sorted(map(str, jobs.begun)) == ["a", "b", "first"]
    assert jobs.handed_over == []


def test_the_workspace_with_fewest_comes_next() -> None:
    jobs = Jobs((1, "a"), (1, "b"), (1, "c"), (2, "d"))
    jobs.run(3)
    assert sorted(map(str, jobs.begun[:3])) == ["a", "d", "first"]


def test_with_all_places_taken_the_longest_of_the_greediest_hands_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "TURN_S", 0.0)
    jobs = Jobs((1, "a"), (1, "b"))
    jobs.run(3)
    jobs = Jobs((1, "a"), (1, "b"), (2, "c"), (3, "d"))
    jobs.run(5)
    assert jobs.handed_over[:1] != []
    assert {"c", "d"} <= set(jobs.begun)


def test_a_job_that_fails_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    def work(key: Hashable, is_over: IsOver) -> None:
        raise ValueError("no good")

    Sharing({"job": Kind(lambda seconds: [], work)}).work("job", 1)
    assert "job 1 failed" in caplog.text
