"""What is left once all images are counted: shared out among workers, the same whoever does it."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from evals.db import chunks
from evals.engine.errors import UnreadableState
from evals.engine.totals import read_total
from evals.jobs import planning, run, state
from evals.jobs.finishing import shares
from evals.models import EvalChunk, EvalPanel, EvalPart, ModelEval
from predictions.models import Project
from predictions_api.jobs import stopping
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder, LeaseLost
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import computed
from tests.evals.jobs.test_jobs import Killed, request, results
from tests.evals.jobs.test_many_workers import LONG_AGO
from tests.evals.kinds import answered

#: Two of panels, two measures of each of three splits.
N_SHARES = 8
CHOICES = (
    '<View><Text name="text" value="$text"/><Choices name="answer" toName="text">'
    '<Choice value="yes"/><Choice value="no"/></Choices></View>'
)


@pytest.fixture
def shared(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image a chunk, and shares of four images."""
    settings.EVALUATION_CHUNK = 1
    monkeypatch.setattr(shares, "SHARED_FROM", 4)


def everything(found: ModelEval) -> dict[str, Any]:
    """As `results`, with the recommendations."""
    panel = EvalPanel.objects.get(evaluation=found, kind=EvalPanel.Kind.RECOMMENDATIONS)
    return {**results(found), "recommendations": bytes(panel.body)}


def led(found: ModelEval, project: Project) -> Holder:
    """A leader that has planned the evaluation."""
    leader = state.worker()
    assert state.claim(found.pk, leader) == 1
    planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)
    return leader


def count_images(found: ModelEval, mine: Holder) -> None:
    """Counts all chunks of images."""
    evaluation = ModelEval.objects.get(pk=found.pk)
    while (chunk := chunks.claim(found.pk, mine)) and chunks.share_of(chunk) is None:
        run._count(evaluation, chunk, mine)
    chunks.release(found.pk, mine)


@pytest.fixture
def worked_out_by(monkeypatch: pytest.MonkeyPatch) -> dict[int, Holder]:
    """Who worked out each share, as it happens."""
    found: dict[int, Holder] = {}
    work_out = shares.work_out

    def worked_out(evaluation: ModelEval, chunk: EvalChunk, mine: Holder) -> None:
        work_out(evaluation, chunk, mine)
        found[chunk.number - chunks.SHARES_FROM] = mine

    monkeypatch.setattr(shares, "work_out", worked_out)
    return found


def test_one_worker_alone_works_out_all_shares(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    worked_out_by: dict[int, Holder],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shares, "SHARED_FROM", 5)
        whole = everything(computed(ada, project))
    assert worked_out_by == {}
    found = computed(ada, project)

    assert len(worked_out_by) == N_SHARES
    assert everything(found) == whole
    assert not EvalChunk.objects.exists()
    assert not EvalPart.objects.exists()


def test_a_kind_with_one_measure_is_shared_too(
    ada: Caller,
    make_project: MakeProject,
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    worked_out_by: dict[int, Holder],
) -> None:
    def choice(value: str, score: float | None = None) -> dict[str, Any]:
        region = {"from_name": "answer", "to_name": "text", "type": "choices"}
        given = {} if score is None else {"score": score}
        return {**region, "value": {"choices": [value]}, **given}

    items = [
        answered.task(f"t{n}", [choice("yes")], [choice(said, 0.9)], split)
        for n, (said, split) in enumerate(
            [("yes", "test"), ("no", "test"), ("yes", "valid"), ("yes", "test")]
        )
    ]
    found = answered.evaluated(ada, make_project, CHOICES, items)
    assert len(worked_out_by) == 4, "two of panels, one measure of two splits"
    shared_out = everything(found)
    worked_out_by.clear()
    monkeypatch.setattr(shares, "SHARED_FROM", 5)
    assert found.project is not None
    answer = answered.ask(ada, found.project)
    again = ModelEval.objects.get(eval_id=answer.json()["evalId"])
    run.run(again.pk)
    assert worked_out_by == {}
    assert everything(again) == shared_out


def test_two_workers_share_what_is_left(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    worked_out_by: dict[int, Holder],
) -> None:
    whole = everything(computed(ada, project))
    worked_out_by.clear()
    found = request(ada, project)
    work_out, helped = shares.work_out, []

    def first(*args: Any) -> None:
        """Another comes while the leader has the first share in hand."""
        monkeypatch.setattr(shares, "work_out", work_out)
        helped.append(run.run(found.pk))
        work_out(*args)

    monkeypatch.setattr(shares, "work_out", first)
    assert run.run(found.pk)
    assert helped == [True]
    assert sorted(Counter(mine.id for mine in worked_out_by.values()).values()) == [1, 7]
    assert everything(found) == whole


def test_shares_wait_for_all_images(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    found = request(ada, project)
    leader, helper = led(found, project), state.worker()
    evaluation = ModelEval.objects.get(pk=found.pk)
    in_hand = [chunks.claim(found.pk, leader) for _ in range(4)]
    assert [chunk.number for chunk in in_hand if chunk] == [0, 1, 2, 3]

    assert chunks.claim(found.pk, helper) is None
    assert chunks.n_free(found.pk, most=99) == 0
    assert chunks.do_shares_wait(found.pk)
    for chunk in in_hand:
        assert chunk is not None
        assert chunks.claim(found.pk, helper) is None
        run._count(evaluation, chunk, leader)
    assert chunks.share_done(found.pk) == 1.0, "of images"
    assert chunks.n_free(found.pk, most=99) == N_SHARES
    shared_out = [chunks.claim(found.pk, helper) for _ in range(N_SHARES)]
    assert [chunks.share_of(chunk) for chunk in shared_out if chunk] == [
        *(0, 1),
        *(100, 101, 102),
        *(103, 104, 105),
    ]
    assert not chunks.do_shares_wait(found.pk), "somebody has them in hand"
    assert chunks.claim(found.pk, leader) is None


def test_a_helper_waits_for_the_last_images(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    worked_out_by: dict[int, Holder],
) -> None:
    """It has counted some; then the leader counts the last one while it waits."""
    whole = everything(computed(ada, project))
    worked_out_by.clear()
    found = request(ada, project)
    leader = led(found, project)
    last = chunks.claim(found.pk, leader)
    assert last is not None
    evaluation = ModelEval.objects.get(pk=found.pk)

    def leader_counts(seconds: float) -> None:
        """Waiting takes as long as the leader."""
        if chunks.uncounted(found.pk).filter(number=last.number).exists():
            run._count(evaluation, last, leader)

    monkeypatch.setattr(stopping.requested, "wait", leader_counts)
    assert run.run(found.pk)
    assert len(worked_out_by) == N_SHARES
    assert leader not in worked_out_by.values()
    state.release(found.pk, leader)
    assert run.run(found.pk)
    assert everything(found) == whole


@pytest.mark.parametrize("why", ["its time is over", "a job waits"])
def test_a_helper_does_not_wait_for_ever(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    found = request(ada, project)
    assert chunks.claim(found.pk, led(found, project)) is not None
    if why == "a job waits":
        monkeypatch.setattr(run, "WAIT_S", 1000.0)
        answers = iter([False, False, False, True])
        assert run.run(found.pk, is_help_over=lambda: next(answers))
        assert next(answers, None) is None
    else:
        monkeypatch.setattr(run, "WAIT_S", 0.0)
        assert run.run(found.pk)
    assert chunks.share_done(found.pk) == 0.75


def test_who_has_not_helped_does_not_wait(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    found = request(ada, project)
    leader = led(found, project)
    for _ in range(4):
        chunks.claim(found.pk, leader)
    assert run.run(found.pk)
    assert chunks.share_done(found.pk) == 0.0


@pytest.mark.parametrize("at", range(N_SHARES))
def test_goes_on_where_a_worker_was_killed(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    shared: None,
    monkeypatch: pytest.MonkeyPatch,
    worked_out_by: dict[int, Holder],
    at: int,
) -> None:
    whole = everything(computed(ada, project))
    worked_out_by.clear()
    found = request(ada, project)
    add_share = chunks.add_share

    def dies(chunk: EvalChunk, state: bytes) -> None:
        if len(worked_out_by) == at:
            raise Killed
        add_share(chunk, state)

    with monkeypatch.context() as patch:
        patch.setattr(chunks, "add_share", dies)
        with pytest.raises(Killed):
            run.run(found.pk)
    assert len(chunks.done_shares(found.pk)) == at
    assert run.run(found.pk)
    assert len(worked_out_by) == N_SHARES
    assert everything(found) == whole


def test_a_share_whose_lease_was_lost_is_not_stored(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    found = request(ada, project)
    leader, other = led(found, project), state.worker()
    count_images(found, leader)
    evaluation = ModelEval.objects.get(pk=found.pk)
    share = chunks.claim(found.pk, leader)
    assert share is not None
    EvalChunk.objects.filter(number=share.number).update(lease_until=LONG_AGO)
    again = chunks.claim(found.pk, other)
    assert again is not None
    assert again.number == share.number
    shares.work_out(evaluation, again, other)

    with pytest.raises(LeaseLost):
        shares.work_out(evaluation, share, leader)
    matrices = EvalPanel.objects.filter(evaluation=found, kind=EvalPanel.Kind.MATRIX)
    assert matrices.count() == 3 * 101


def test_a_share_that_workers_die_at_ends_the_evaluation(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    found = request(ada, project)
    leader = led(found, project)
    count_images(found, leader)
    share = chunks.claim(found.pk, leader)
    assert share is not None
    shares.work_out(ModelEval.objects.get(pk=found.pk), share, leader)
    state.release(found.pk, leader)
    EvalChunk.objects.filter(number=chunks.SHARES_FROM + 100).update(
        lease_owner=uuid4(), lease_until=LONG_AGO, attempts=MOST_ATTEMPTS
    )
    run.run(found.pk)

    found.refresh_from_db()
    assert (found.status, found.failure_reason) == ("failed", run.WORKERS_LOST)
    assert not EvalPanel.objects.filter(evaluation=found).exists()
    assert not EvalPart.objects.exists()


def test_what_a_worker_of_an_earlier_release_passed_over_is_worked_out_at_the_end(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    """It takes shares for chunks without images, and stores nothing of them but that it is done."""
    whole = everything(computed(ada, project))
    found = request(ada, project)
    leader = led(found, project)
    count_images(found, leader)
    evaluation = ModelEval.objects.get(pk=found.pk)
    for _ in range(N_SHARES - 1):
        chunk = chunks.claim(found.pk, leader)
        assert chunk is not None
        run._count(evaluation, chunk, leader)
    assert chunks.done_shares(found.pk) == {}
    state.release(found.pk, leader)

    assert run.run(found.pk)
    assert everything(found) == whole


def test_an_evaluation_that_was_planned_without_shares_is_finished(
    ada: Caller, project: Project, task_ids: list[int], shared: None
) -> None:
    whole = everything(computed(ada, project))
    found = request(ada, project)
    leader = led(found, project)
    EvalChunk.objects.filter(number__gte=chunks.SHARES_FROM).delete()
    state.release(found.pk, leader)

    assert run.run(found.pk)
    assert everything(found) == whole


def test_unreadable_bytes_are_no_total() -> None:
    with pytest.raises(UnreadableState):
        read_total(b"\xc1")
