"""Leases on rows, with two workers on connections of their own."""

from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import QuerySet

from evals.models import ModelEval
from predictions_api.jobs.leases import NOBODY, Holder, LeaseLost
from tests.clustered import at_once
from tests.predictions_api.jobs.conftest import InAnotherConnection

LONG_AGO = "2020-01-01T00:00:00Z"
COLUMNS = ("version_id", "attempts")


def claimed(mine: Holder, rows: QuerySet[ModelEval], n: int = 10) -> list[tuple[str, int]]:
    return sorted((name, attempts) for name, attempts in mine.claim(rows, n, columns=COLUMNS))


def held(rows: QuerySet[ModelEval]) -> list[tuple[str, UUID | None, int]]:
    return list(rows.values_list("version_id", "lease_owner", "attempts"))


def test_claims_as_many_as_asked_in_the_order_of_the_rows(rows: QuerySet[ModelEval]) -> None:
    mine = Holder(60)
    assert claimed(mine, rows.order_by("-id"), 2) == [("three", 1), ("two", 1)]
    assert held(rows) == [("one", None, 0), ("two", mine.id, 1), ("three", mine.id, 1)]


def test_claims_only_what_the_rows_are_narrowed_to(rows: QuerySet[ModelEval]) -> None:
    ModelEval.objects.filter(version_id="one").update(status="done")
    mine = Holder(60)
    assert claimed(mine, rows) == [("three", 1), ("two", 1)]
    assert claimed(mine, rows) == []


def test_claims_nothing_of_no_rows(rows: QuerySet[ModelEval]) -> None:
    assert Holder(60).claim(rows.none(), 3) == []
    assert Holder(60).claim(rows, 0) == []


def test_a_claim_writes_marks(rows: QuerySet[ModelEval]) -> None:
    ModelEval.objects.update(n_queued=7)
    Holder(60).claim(rows, 1, n_queued=0, failure_reason="it's 100 %")
    marks = list(rows.values_list("n_queued", "failure_reason"))
    assert marks == [(0, "it's 100 %"), (7, ""), (7, "")]


@at_once
def test_two_claims_at_once_share_the_rows_and_neither_waits(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    one, two = Holder(60), Holder(60)
    with transaction.atomic():
        assert claimed(one, rows, 2) == [("one", 1), ("two", 1)]
        assert in_another_connection(lambda: claimed(two, rows)) == [("three", 1)]
    assert in_another_connection(lambda: claimed(two, rows)) == []
    assert held(rows) == [("one", one.id, 1), ("two", one.id, 1), ("three", two.id, 1)]


@at_once
def test_a_claim_that_is_rolled_back_was_none(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    two = Holder(60)
    with transaction.atomic():
        Holder(60).claim(rows, 3)
        assert in_another_connection(lambda: claimed(two, rows)) == []
        transaction.set_rollback(True)
    assert in_another_connection(lambda: claimed(two, rows, 1)) == [("one", 1)]


def test_a_lapsed_lease_is_the_next_workers(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    dead, heir = Holder(60), Holder(60)
    dead.claim(rows, 3)
    ModelEval.objects.filter(version_id="two").update(lease_until=LONG_AGO)

    assert in_another_connection(lambda: claimed(heir, rows)) == [("two", 2)]
    lost = rows.filter(version_id="two")
    with pytest.raises(LeaseLost):
        dead.keep(lost)
    assert (dead.extend(rows), dead.release(lost)) == (2, 0)
    assert held(lost) == [("two", heir.id, 2)]


@at_once
def test_a_fresh_lease_keeps_others_out_until_the_commit(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    one, two = Holder(60), Holder(60)
    one.claim(rows, 1)
    ModelEval.objects.update(lease_until=LONG_AGO)
    first = rows.filter(version_id="one")
    with transaction.atomic():
        one.keep(first, progress=0.5)
        assert in_another_connection(lambda: claimed(two, first)) == []
    assert in_another_connection(lambda: claimed(two, first)) == []
    assert first.get().progress == 0.5


def test_what_is_released_was_never_tried_and_is_free(
    rows: QuerySet[ModelEval], in_another_connection: InAnotherConnection
) -> None:
    one, two = Holder(60), Holder(60)
    one.claim(rows, 2)
    assert one.release(rows, progress=0.0) == 2
    assert held(rows) == [("one", None, 0), ("two", None, 0), ("three", None, 0)]
    assert in_another_connection(lambda: claimed(two, rows, 1)) == [("one", 1)]


def test_what_is_ended_is_nobodys(rows: QuerySet[ModelEval]) -> None:
    mine = Holder(60)
    mine.claim(rows, 1)
    ModelEval.objects.filter(version_id="one").update(status="done", **NOBODY)
    with pytest.raises(LeaseLost):
        mine.keep(rows)


def test_a_row_that_was_deleted_is_lost(rows: QuerySet[ModelEval]) -> None:
    mine = Holder(60)
    mine.claim(rows, 3)
    ModelEval.objects.all().delete()
    with pytest.raises(LeaseLost):
        mine.keep(rows)
    assert mine.claim(rows, 3) == []
