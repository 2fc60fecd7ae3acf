"""Rows that change between the plan of an evaluation and their counting: it is planned anew."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from evals.engine import counting
from evals.jobs import planning, run
from evals.models import EvalChunk, EvalImage, ModelEval
from predictions.models import Prediction, Project
from tests.conftest import Caller
from tests.evals.conftest import computed
from tests.evals.jobs.test_jobs import Killed, request, results

EDIT_SQL = """
UPDATE predictions_prediction SET result = '[]', updated_at = statement_timestamp()
WHERE task_id = %s AND model_version = 'v1'
"""


def edit(task_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(EDIT_SQL, [task_id])


def delete(task_id: int) -> None:
    Prediction.objects.filter(task_id=task_id, model_version="v1").delete()


@pytest.fixture
def found(ada: Caller, project: Project, task_ids: list[int], settings: Settings) -> ModelEval:
    """A requested evaluation, which reads its second task after it has counted the first one."""
    settings.EVALUATION_CHUNK = 1
    return request(ada, project)


@pytest.fixture
def before_each_count(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], object]], None]:
    """Calls something before each chunk is counted, with how many were before it."""

    def before(act: Callable[[int], object]) -> None:
        count_images, n_calls = counting.count_images, 0

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal n_calls
            act(n_calls)
            n_calls += 1
            return count_images(*args, **kwargs)

        monkeypatch.setattr(run, "count_images", counted)

    return before


@pytest.mark.parametrize("change", [edit, delete])
def test_is_counted_as_it_is_then(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    found: ModelEval,
    before_each_count: Any,
    change: Callable[[int], None],
) -> None:
    before_each_count(lambda n: change(task_ids[1]) if n == 0 else None)
    run.run(found.pk)
    counted = results(found)
    assert found.status == "done"
    assert counted == results(computed(ada, project))


def test_ends_what_changes_all_the_time(
    found: ModelEval, task_ids: list[int], before_each_count: Any
) -> None:
    n_counts = 0

    def edits(n: int) -> None:
        nonlocal n_counts
        n_counts = n + 1
        edit(task_ids[1])

    before_each_count(edits)
    run.run(found.pk)
    found.refresh_from_db()
    assert found.status == "failed"
    assert f"Task {task_ids[1]}" in found.failure_reason
    assert "Run the evaluation again" in found.failure_reason
    assert n_counts == run.MOST_PLANS
    assert not EvalImage.objects.exists()
    assert not EvalChunk.objects.exists()


def test_a_worker_killed_while_it_plans_anew(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    found: ModelEval,
    before_each_count: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it left of the new plan is no plan."""
    before_each_count(lambda n: edit(task_ids[1]) if n == 0 else None)
    plan, store, n_plans = planning.plan, planning._store, 0

    def counts(*args: Any) -> None:
        nonlocal n_plans
        n_plans += 1
        plan(*args)

    def dies(*args: Any) -> None:
        store(*args)
        if n_plans == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(planning, "plan", counts)
        patched.setattr(planning, "_store", dies)
        with pytest.raises(Killed):
            run.run(found.pk)
    assert EvalChunk.objects.filter(evaluation=found).count() == 1
    run.run(found.pk)
    assert results(found) == results(computed(ada, project))
