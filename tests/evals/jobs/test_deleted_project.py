"""A project that is deleted ends the evaluations that are computed of it."""

import pytest

from evals.jobs import requests, run, state, tasks
from evals.models import ModelEval
from predictions.models import Project
from predictions_api.jobs.leases import LeaseLost
from tests.conftest import Caller
from tests.evals.conftest import values

ENDED = ("failed", "The project was deleted.")


def shown(evaluation: ModelEval) -> tuple[str, str]:
    evaluation.refresh_from_db()
    return evaluation.status, evaluation.failure_reason


def test_running_ones_end_at_once(ada: Caller, project: Project, task_ids: list[int]) -> None:
    done, waiting, led = (
        requests.create(values(project), workspace_id=ada.access.workspace_id) for _ in range(3)
    )
    run.run(done.pk)
    mine = state.worker()
    assert state.claim(led.pk, mine) == 1

    assert ada.client.delete(f"/api/projects/{project.pk}/").status_code == 204

    assert [shown(one) for one in (done, waiting, led)] == [("done", ""), ENDED, ENDED]
    with pytest.raises(LeaseLost):
        state.keep(led.pk, mine)


def test_one_that_was_asked_for_meanwhile_ends_with_the_next_sweep(
    ada: Caller, project: Project, task_ids: list[int]
) -> None:
    found = requests.create(values(project), workspace_id=ada.access.workspace_id)
    ModelEval.objects.filter(pk=found.pk).update(project=None)
    tasks.requeue_stalled()
    assert shown(found) == ENDED
