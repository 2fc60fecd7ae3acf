"""One evaluation by many workers: who counts what, who leads, and the same result whoever did."""

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django_tasks_db.models import DBTaskResult
from pytest_django.fixtures import Settings

from evals.db import chunks
from evals.engine import counting
from evals.jobs import planning, run, state, tasks, turns
from evals.models import EvalChunk, EvalImage, ModelEval
from predictions.models import Project
from predictions_api.jobs import attendance, stopping
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder, LeaseLost
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import box, computed, load, task
from tests.evals.conftest import tasks as tasks_of_scene
from tests.evals.jobs.test_compute import POLYGONS, SQUARE, polygon
from tests.evals.jobs.test_jobs import request, results, wait_until, worker

LONG_AGO = "2020-01-01T00:00:00Z"


def at_the_first(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Does something while the leader counts its first chunk."""

    def count_images(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(run, "count_images", counting.count_images)
        act()
        return counting.count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", count_images)


@pytest.fixture
def counted_by(monkeypatch: pytest.MonkeyPatch) -> dict[int, Holder]:
    """Who stored each chunk, as it happens."""
    found: dict[int, Holder] = {}
    keep = chunks.keep

    def kept(evaluation_id: int, number: int, mine: Holder) -> None:
        keep(evaluation_id, number, mine)
        found[number] = mine

    monkeypatch.setattr(chunks, "keep", kept)
    return found


@pytest.fixture
def single(settings: Settings) -> None:
    """An image a chunk."""
    settings.EVALUATION_CHUNK = 1


def test_a_second_worker_counts_what_the_first_has_not_in_hand(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
    monkeypatch: pytest.MonkeyPatch,
    counted_by: dict[int, Holder],
) -> None:
    whole = results(computed(ada, project))
    counted_by.clear()
    found = request(ada, project)
    at_the_first(monkeypatch, lambda: helped.append(run.run(found.pk)))
    helped: list[bool] = []

    assert run.run(found.pk)
    assert helped == [True]
    assert results(found) == whole
    assert sorted(Counter(mine.id for mine in counted_by.values()).values()) == [1, 3]


def test_counting_begins_before_all_is_planned(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
    counted_by: dict[int, Holder],
) -> None:
    whole = results(computed(ada, project))
    counted_by.clear()
    found = request(ada, project)
    seen = []

    def call(n_chunks: int, *, is_again: bool = False) -> None:
        run.run(found.pk)
        planned_at = ModelEval.objects.values_list("planned_at", flat=True).get(pk=found.pk)
        seen.append((n_chunks, planned_at is None, len(counted_by)))

    assert run.run(found.pk, call=call)
    assert seen == [(1, True, 1), (2, True, 2), (4, True, 4), (0, False, 4)]
    assert results(found) == whole


@pytest.mark.django_db(transaction=True)
def test_others_see_the_first_chunks_while_the_last_are_planned(
    ada: Caller, project: Project, single: None
) -> None:
    """With a transaction of each statement, as in a worker; rows that come later do not count."""
    load(ada, project, tasks_of_scene())
    whole = results(computed(ada, project))
    found = request(ada, project)
    late: list[int] = []

    def call(n_chunks: int, *, is_again: bool = False) -> None:
        if not late:
            late.extend(load(ada, project, tasks_of_scene()))
        seen.append((n_chunks, EvalChunk.objects.filter(evaluation=found).count()))

    seen: list[tuple[int, int]] = []
    assert run.run(found.pk, call=call)
    assert seen == [(1, 1), (2, 2), (4, 4), (4, 4)]
    assert late
    assert results(found) == whole


def test_a_plan_that_broke_off_is_made_anew(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
) -> None:
    whole = results(computed(ada, project))
    found = request(ada, project)

    def breaks_off(n_chunks: int, *, is_again: bool = False) -> None:
        run.run(found.pk)
        if n_chunks == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        run.run(found.pk, call=breaks_off)
    assert EvalImage.objects.filter(evaluation=found).count() == 2
    assert run.run(found.pk)
    assert results(found) == whole


def test_labels_that_a_helper_meets_are_left_to_the_leader(
    ada: Caller, project: Project, single: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [box(name, 10, 10, 20, 20) for name in ("Zebra", "Ape")]
    said = [box(name, 10, 10, 20, 20, 0.9) for name in ("Owl", "Ape")]
    for truth, answer in zip(odd, said, strict=True):
        load(ada, project, [*tasks_of_scene(), task("odd", truth=[truth], said={"v1": [answer]})])
    whole = results(computed(ada, project))
    found = request(ada, project)
    at_the_first(monkeypatch, lambda: run.run(found.pk))

    assert run.run(found.pk)
    assert results(found) == whole
    assert found.classes == ["Car", "Person", "Ape", "Owl", "Zebra"]


def test_outlines_that_a_helper_meets_are_left_to_the_leader(
    ada: Caller, make_project: MakeProject, single: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_project(ada, POLYGONS, title="Outlines")
    square, said = polygon("Car", *SQUARE), polygon("Car", *SQUARE, score=0.9)
    load(ada, made, [task(f"t{n}", truth=[square], said={"v1": [said]}) for n in range(4)])
    whole = results(computed(ada, made))
    found = request(ada, made)
    at_the_first(monkeypatch, lambda: run.run(found.pk))

    assert run.run(found.pk)
    assert results(found) == whole


def test_what_was_counted_under_other_assumptions_is_not_stored(
    ada: Caller, project: Project, task_ids: list[int], single: None
) -> None:
    found = request(ada, project)
    leader, helper = state.worker(), state.worker()
    assert state.claim(found.pk, leader) == 1
    evaluation = ModelEval.objects.get(pk=found.pk)
    planning.plan(evaluation, leader, planning.alone)
    chunk = chunks.claim(found.pk, helper)
    assert chunk is not None
    run._start_over(evaluation, leader, iou_type="segm")

    with pytest.raises(LeaseLost):
        run._count(evaluation, chunk, helper)
    assert not EvalImage.objects.filter(evaluation=found).exists()
    again = chunks.claim(found.pk, leader)
    assert again is not None
    assert (again.number, again.attempts) == (chunk.number, 1)


@pytest.mark.parametrize(("most", "n_helped"), [(1, 0), (2, 3), (0, 3)])
def test_no_more_come_than_may(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    n_helped: int,
) -> None:
    settings.EVALUATION_EXECUTORS = most
    found = request(ada, project)

    def helps() -> None:
        run.run(found.pk)
        counted.append(EvalImage.objects.filter(evaluation=found).count())

    counted: list[int] = []
    at_the_first(monkeypatch, helps)
    assert run.run(found.pk)
    assert counted == [n_helped]


def test_a_chunk_that_workers_die_at_ends_the_evaluation(
    ada: Caller, project: Project, task_ids: list[int], single: None
) -> None:
    found = request(ada, project)
    leader = state.worker()
    state.claim(found.pk, leader)
    planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)
    EvalChunk.objects.filter(number=2).update(
        lease_owner=uuid4(), lease_until=LONG_AGO, attempts=MOST_ATTEMPTS
    )
    run.run(found.pk)

    found.refresh_from_db()
    assert (found.status, found.failure_reason) == ("failed", run.WORKERS_LOST)
    assert not EvalImage.objects.filter(evaluation=found).exists()


def test_the_last_helper_finishes_what_its_leader_left(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = results(computed(ada, project))
    found = request(ada, project)
    leader = state.worker()
    state.claim(found.pk, leader)
    planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)
    at_the_first(monkeypatch, lambda: state.release(found.pk, leader))

    assert run.run(found.pk)
    assert results(found) == whole


def test_a_helper_gives_way(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
) -> None:
    found = request(ada, project)
    leader = state.worker()
    state.claim(found.pk, leader)
    planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)

    assert run.run(found.pk, is_help_over=lambda: True)
    assert EvalImage.objects.filter(evaluation=found).count() == 1
    assert chunks.n_free(found.pk, most=9) == 3


@pytest.mark.django_db(transaction=True)
def test_a_turn_of_help_ends_where_a_job_waits(
    ada: Caller, project: Project, task_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELP_S", 0.0)
    turn = turns.Turn()
    assert not turn.is_help_over()
    request(ada, project)
    assert turn.is_help_over()
    DBTaskResult.objects.all().delete()
    assert not turn.is_help_over()
    monkeypatch.setattr(stopping, "requested", stopping.Wish())
    stopping.requested.set()
    assert turn.is_help_over()
    assert turn.is_over()


def queued() -> list[Any]:
    """What waits in the queue, and who is to be computed."""
    return [one.args_kwargs["args"] for one in DBTaskResult.objects.order_by("enqueued_at")]


@pytest.mark.django_db(transaction=True)
def test_as_many_are_called_as_are_there(
    ada: Caller, project: Project, task_ids: list[int], settings: Settings
) -> None:
    found = request(ada, project)
    DBTaskResult.objects.all().delete()
    alone = tasks.Helpers(found.pk)
    alone.call(8)
    assert queued() == []
    for _ in range(2):
        attendance.beat(uuid4(), processes=4)
    helpers = tasks.Helpers(found.pk)
    n = []
    for n_chunks, is_again in ((1, False), (2, False), (3, False), (8, False), (8, True)):
        helpers.call(n_chunks, is_again=is_again)
        n.append(len(queued()))
    assert n == [0, 1, 2, 3, 6]
    settings.EVALUATION_EXECUTORS = 2
    tasks.Helpers(found.pk).call(8)
    assert queued() == [[found.pk]] * 7


@pytest.mark.django_db(transaction=True)
def test_idle_workers_are_called_to_chunks_that_nobody_counts(
    ada: Caller, project: Project, single: None
) -> None:
    load(ada, project, tasks_of_scene())
    found = request(ada, project)
    tasks.call_idle()
    assert queued() == [[found.pk]], "nobody leads it, and a job waits"
    DBTaskResult.objects.all().delete()
    tasks.call_idle()
    assert queued() == [], "nobody leads it"
    leader = state.worker()
    state.claim(found.pk, leader)
    planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)
    tasks.call_idle()
    assert queued() == [], "no other worker is there"
    attendance.beat(uuid4(), processes=6)
    tasks.call_idle()
    assert queued() == [[found.pk]] * 2, "two beside the leader"
    tasks.call_idle()
    assert queued() == [[found.pk]] * 2, "they have not come yet"


def test_a_worker_helps_the_workspace_that_had_no_turn(
    ada: Caller,
    olga: Caller,
    project: Project,
    task_ids: list[int],
    make_project: MakeProject,
    single: None,
) -> None:
    other = make_project(olga)
    load(olga, other, tasks_of_scene())
    mine, hers = request(ada, project), request(olga, other)
    for found in (mine, hers):
        leader = state.worker()
        state.claim(found.pk, leader)
        planning.plan(ModelEval.objects.get(pk=found.pk), leader, planning.alone)
    chosen = [turns.next_up(mine.pk) for _ in range(4)]
    assert chosen == [mine.pk, hers.pk, mine.pk, hers.pk]
    EvalChunk.objects.filter(evaluation=hers).update(is_done=True)
    assert turns.next_up(hers.pk) == mine.pk


@pytest.mark.django_db(transaction=True)
def test_who_helps_another_leaves_the_one_named_in_the_queue(
    ada: Caller,
    olga: Caller,
    project: Project,
    make_project: MakeProject,
    single: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "HELP_S", 1000.0)
    other = make_project(olga)
    load(ada, project, tasks_of_scene())
    load(olga, other, tasks_of_scene())
    mine, hers = request(ada, project), request(olga, other)
    leader = state.worker()
    state.claim(hers.pk, leader)
    planning.plan(ModelEval.objects.get(pk=hers.pk), leader, planning.alone)
    DBTaskResult.objects.all().delete()
    # His workspace has just had its turn.
    assert turns.next_up(mine.pk) == mine.pk
    tasks.compute.func(mine.pk)
    assert EvalChunk.objects.filter(evaluation=hers, is_done=True).count() == 4
    assert queued() == [[mine.pk]]
    tasks.compute.func(mine.pk)
    mine.refresh_from_db()
    assert mine.status == "done"


def test_progress_is_what_all_have_counted(
    ada: Caller, project: Project, task_ids: list[int], single: None
) -> None:
    found = request(ada, project)
    leader, helper = state.worker(), state.worker()
    state.claim(found.pk, leader)
    evaluation = ModelEval.objects.get(pk=found.pk)
    planning.plan(evaluation, leader, planning.alone)
    for mine in (helper, leader, helper):
        chunk = chunks.claim(found.pk, mine)
        assert chunk is not None
        run._count(evaluation, chunk, mine)
    assert run._tell(evaluation, leader) == 0.95 * 3 / 4
    with pytest.raises(LeaseLost):
        run._tell(evaluation, helper)


def test_the_statements_of_a_chunk(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    single: None,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    found = request(ada, project)
    leader = state.worker()
    state.claim(found.pk, leader)
    evaluation = ModelEval.objects.get(pk=found.pk)
    planning.plan(evaluation, leader, planning.alone)
    with django_assert_num_queries(4):  # claim, and read it, in a savepoint
        chunk = run._claimed(found.pk, leader)
    assert chunk is not None
    # A savepoint; the rows, the locks of evaluation and chunk, its parts, and that it is counted.
    with django_assert_num_queries(8):
        run._count(evaluation, chunk, leader)


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_one_of_two_workers_is_killed(ada: Caller, project: Project, tmp_path: Path) -> None:
    load(ada, project, [one for _ in range(60) for one in tasks_of_scene()])
    whole = results(computed(ada, project))
    found = request(ada, project)
    log = tmp_path / "worker.log"
    slow = {"EVALUATION_LEASE_S": "2", "EVALUATION_CHUNK": "1", "EVALUATION_EXECUTORS": "2"}
    (tmp_path / "two").mkdir()

    def owners() -> set[Any]:
        busy = EvalChunk.objects.filter(evaluation=found, lease_owner__isnull=False)
        return set(busy.values_list("lease_owner", flat=True))

    with worker(tmp_path, **slow) as first, worker(tmp_path / "two", **slow):
        wait_until(found, lambda: len(owners()) == 2, log)
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_until(found, lambda: found.status != "running", log)
    assert results(found) == whole
