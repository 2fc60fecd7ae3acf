"""Every state of a run against every verb: what is taken, what is refused, what it leads to."""

from collections.abc import Callable
from uuid import UUID

import pytest

from predictions.models import Prediction, Project
from predictions_api.jobs.leases import Holder
from prompts.asking.outcome import Outcome
from prompts.db import items
from prompts.models import ModelRun, PromptVersion, RunItem
from prompts.runs import leases, outcomes, tasks
from prompts.runs import state as runs
from tests.prompts.conftest import MakeRun, MakeTasks

pytestmark = pytest.mark.django_db

PREDICTED = '[{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": {}}]'
STATES = list(ModelRun.Status.values)


def a_holder() -> Holder:
    return Holder(60.0)


@pytest.fixture
def run(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> ModelRun:
    make_tasks(text_project, "good", "bad", "ugly")
    return make_run(our_version)


def verbs(run: ModelRun) -> dict[str, Callable[[], object]]:
    first = run.items.order_by("task_id")[0].task_id
    return {
        "begin": lambda: runs.begin(run.pk),
        "claim": lambda: items.claim(run.pk, a_holder(), 1),
        "store": lambda: outcomes.store(run.pk, [Outcome(first, result=PREDICTED)]).accepted,
        "fail": lambda: runs.fail(run.pk, "No such model."),
        "cancel": lambda: runs.cancel(run.pk),
        "finish": lambda: runs.finish_if_done(run.pk),
    }


# Verb: the states that take it, and the state it leads to while tasks are left.
TAKEN = {
    "begin": ({"Pending", "InProgress"}, "InProgress"),
    "claim": ({"InProgress"}, "InProgress"),
    "store": ({"Pending", "InProgress"}, "InProgress"),
    "fail": ({"Pending", "InProgress"}, "Failed"),
    "cancel": ({"Pending", "InProgress", "Canceled"}, "Canceled"),
    "finish": (set(), ""),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", TAKEN)
def test_every_state_and_verb(run: ModelRun, state: str, verb: str) -> None:
    ModelRun.objects.filter(pk=run.pk).update(status=state)
    states, leads_to = TAKEN[verb]
    done = verbs(run)[verb]()
    run.refresh_from_db()
    assert bool(done) == (state in states)
    assert run.status == (leads_to if state in states else state)
    if state not in states:
        assert Prediction.objects.count() == 0
        assert not RunItem.objects.exclude(status="Pending").exists()


def test_the_table_is_whole() -> None:
    assert {state for moves in runs.TRANSITIONS.values() for state in moves} <= set(STATES)
    ended = {"Completed", "Failed"}
    assert not [verb for verb, moves in runs.TRANSITIONS.items() if ended & set(moves)]


@pytest.mark.parametrize(
    ("results", "status", "reason"),
    [
        ([True, True, True], "Completed", ""),
        ([True, False, True], "Completed", "1 of 3 tasks failed."),
        ([False, False, False], "Failed", "No task has a prediction; the failures say why."),
    ],
)
def test_ends_with_its_last_outcome(
    run: ModelRun, results: list[bool], status: str, reason: str
) -> None:
    ids = list(run.items.order_by("task_id").values_list("task_id", flat=True))
    for task_id, is_good in zip(ids, results, strict=True):
        run.refresh_from_db()
        assert run.completed_at is None
        outcome = Outcome(task_id, result=PREDICTED) if is_good else Outcome(task_id, message="x")
        assert outcomes.store(run.pk, [outcome]).accepted == {task_id}
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (status, reason)
    assert (run.total_predictions, run.total_failed) == (sum(results), 3 - sum(results))
    assert run.completed_at is not None


def test_two_claimers_never_share_a_task(run: ModelRun) -> None:
    runs.begin(run.pk)
    one, two = a_holder(), a_holder()
    first = {claim.task_id for claim in items.claim(run.pk, one, 2)}
    second = {claim.task_id for claim in items.claim(run.pk, two, 2)}
    assert (len(first), len(second)) == (2, 1)
    assert not first & second
    stored = outcomes.store(
        run.pk, [Outcome(task, result=PREDICTED) for task in first], owner=two.id
    )
    assert stored.accepted == frozenset()


def test_an_abandoned_claim_is_claimed_once_again(run: ModelRun, settings: object) -> None:
    runs.begin(run.pk)
    dead, heir = a_holder(), a_holder()
    lost = {claim.task_id for claim in items.claim(run.pk, dead, 3)}
    assert items.claim(run.pk, heir, 3) == []
    RunItem.objects.update(lease_until="2020-01-01T00:00:00Z")
    again = items.claim(run.pk, heir, 3)
    assert ({claim.task_id for claim in again}, {claim.attempts for claim in again}) == (lost, {2})
    assert items.claim(run.pk, dead, 3) == []
    late = [Outcome(task, result=PREDICTED) for task in lost]
    assert outcomes.store(run.pk, late, owner=dead.id).accepted == frozenset()
    assert outcomes.store(run.pk, late, owner=heir.id).accepted == lost


def test_what_is_released_was_never_tried(run: ModelRun) -> None:
    runs.begin(run.pk)
    owner = a_holder()
    items.claim(run.pk, owner, 3)
    leases.release(run.pk, owner)
    assert set(run.items.values_list("status", "attempts", "lease_owner")) == {("Pending", 0, None)}


def test_stalled_runs_are_queued_and_ever_more_seldom(run: ModelRun) -> None:
    assert tasks.requeue_stalled() == []
    waits = []
    for _ in range(3):
        ModelRun.objects.update(lease_until="2020-01-01T00:00:00Z")
        assert tasks.requeue_stalled() == [run.pk]
        found = ModelRun.objects.get()
        assert found.lease_until is not None
        waits.append(found.lease_until)
    assert waits[0] < waits[1] < waits[2]
    runs.cancel(run.pk)
    ModelRun.objects.update(lease_until="2020-01-01T00:00:00Z")
    assert tasks.requeue_stalled() == []


def test_shares_never_add_up_to_more_than_the_connection_allows(
    run: ModelRun, our_version: PromptVersion
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    type(row).objects.update(max_concurrency=10)
    owners = [a_holder() for _ in range(3)]
    held: dict[UUID, int] = {}
    runs.begin(run.pk)
    for owner in [owners[0], *owners[:2], *owners[:2], *owners, *owners, *owners]:
        held[owner.id] = leases.heartbeat(run.pk, owner, row.pk).slots
        assert sum(held.values()) <= 10
    assert sorted(held.values()) == [3, 3, 4]


def test_a_rerun_takes_the_place_of_what_the_version_said(
    run: ModelRun, our_version: PromptVersion, make_run: MakeRun, text_project: Project
) -> None:
    ids = list(run.items.order_by("task_id").values_list("task_id", flat=True))
    outcomes.store(run.pk, [Outcome(task, result=PREDICTED) for task in ids])
    again = make_run(our_version)
    outcomes.store(again.pk, [Outcome(ids[0], result="[]"), Outcome(ids[1], message="no")])
    by_task = dict(Prediction.objects.values_list("task_id", "model_run_id"))
    assert by_task == {ids[0]: again.pk, ids[1]: run.pk, ids[2]: run.pk}
    missing = make_run(our_version, only_missing_predictions=True)
    assert (missing.status, missing.total_tasks) == ("Completed", 0)
