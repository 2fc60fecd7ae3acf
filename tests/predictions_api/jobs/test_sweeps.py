"""The sweep: every part of it has its turn, and what was lost is queued again."""

from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from evals.models import ModelEval
from predictions_api.jobs import sweeps
from tests.clustered import at_once
from tests.predictions_api.jobs.conftest import InAnotherConnection

LONG_AGO = "2020-01-01T00:00:00Z"
LEASE_S = 1000.0


def test_what_the_rooms_register() -> None:
    names = {f"{call.__module__}.{call.__qualname__}" for call in sweeps.registered()}
    assert names == {
        "accounts.audit.purge",
        "predictions.exports.tasks.requeue_stalled",
        "predictions.exports.state.purge",
        "predictions.exports.storages.tasks.requeue_stalled",
        "predictions.imports.folders.tasks.requeue_stalled",
        "predictions.db.idempotency.purge",
        "prompts.runs.tasks.requeue_stalled",
        "prompts.runs.state.end_emptied",
        "prompts.refinement.tasks.requeue_stalled",
        "evals.jobs.tasks.call_idle",
        "evals.jobs.tasks.requeue_stalled",
        "backends.delivery.tasks.purge",
        "backends.delivery.tasks.requeue_left_behind",
        "backends.db.jobs.purge",
        "backends.jobs.automatic.start_jobs",
        "backends.jobs.tasks.requeue_stalled",
        "backends.jobs.training.requeue_stalled",
    }


@pytest.mark.parametrize(
    ("error", "called"),
    [(ValueError("a fault"), ["first", "second"]), (OperationalError("away"), ["first"])],
)
def test_one_that_fails_does_not_keep_the_others_from_their_turn(
    db: None, monkeypatch: pytest.MonkeyPatch, error: Exception, called: list[str]
) -> None:
    calls: list[str] = []

    def first() -> None:
        calls.append("first")
        raise error

    monkeypatch.setattr(sweeps, "_sweeps", [])
    monkeypatch.setattr(connections, "close_all", lambda: None)
    for call in (first, lambda: calls.append("second")):
        sweeps.register(call)
    sweeps.sweep()
    assert calls == called


def requeued(rows: QuerySet[ModelEval], queue: Any, **marks: Any) -> list[Any]:
    return sweeps.requeue(rows, queue, lease_s=LEASE_S, **marks)


def test_only_what_is_due_is_queued(rows: QuerySet[ModelEval]) -> None:
    queued: list[int] = []
    assert requeued(rows, queued.append) == []
    due = rows[1]
    ModelEval.objects.filter(pk=due.pk).update(lease_until=LONG_AGO)
    assert requeued(rows, queued.append) == [due.pk] == queued
    assert requeued(rows, queued.append) == [], "the queue has it now"
    ModelEval.objects.update(lease_until=LONG_AGO, status="done")
    assert requeued(rows, queued.append) == []


def test_the_longest_due_come_first_and_marks_are_written(rows: QuerySet[ModelEval]) -> None:
    ids = [row.pk for row in rows]
    for pk, year in zip(ids, (2022, 2020, 2021), strict=True):
        ModelEval.objects.filter(pk=pk).update(lease_until=f"{year}-01-01T00:00:00Z")
    assert requeued(rows, lambda key: None, progress=0.0, failure_reason="again") == [
        ids[1],
        ids[2],
        ids[0],
    ]
    assert set(rows.values_list("failure_reason", flat=True)) == {"again"}


@pytest.mark.parametrize(
    ("n_queued", "leases", "then"),
    [(0, 1, 1), (1, 2, 2), (8, 256, 9), (9, 256, 10), (100, 256, 100)],
)
def test_each_time_in_vain_waits_twice_as_long(
    rows: QuerySet[ModelEval], n_queued: int, leases: int, then: int
) -> None:
    ModelEval.objects.update(lease_until=LONG_AGO, n_queued=n_queued)
    requeued(rows, lambda key: None)
    found = rows[0]
    assert found.lease_until is not None
    waits_s = (found.lease_until - timezone.now()).total_seconds()
    assert waits_s == pytest.approx(leases * LEASE_S, abs=LEASE_S / 4)
    assert found.n_queued == then


@at_once
def test_two_sweeps_at_once_queue_a_row_once(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    ModelEval.objects.update(lease_until=LONG_AGO)
    ids = [row.pk for row in rows]
    with transaction.atomic():
        assert sorted(requeued(rows, lambda key: None)) == ids
        assert in_another_connection(lambda: requeued(rows, lambda key: None)) == []
    assert in_another_connection(lambda: requeued(rows, lambda key: None)) == []
