"""Workspaces take turns at a worker, and a long evaluation gives way after its own."""

import pytest
from pytest_django.fixtures import Settings

from evals.jobs import requests, tasks, turns
from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load, numbers, values
from tests.evals.conftest import tasks as tasks_of_scene


def test_no_workspace_waits_for_all_of_anothers(
    ada: Caller,
    olga: Caller,
    project: Project,
    task_ids: list[int],
    make_project: MakeProject,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EVALUATION_CHUNK = 1
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    other = make_project(olga)
    load(olga, other, tasks_of_scene())
    mine = [
        requests.create(values(project), workspace_id=ada.access.workspace_id) for _ in range(3)
    ]
    hers = requests.create(values(other), workspace_id=olga.access.workspace_id)
    queued = [found.pk for found in (*mine, hers)]
    monkeypatch.setattr(tasks, "queue", queued.append)
    ended = []
    n_turns = 0
    while queued:
        tasks.compute.func(queued.pop(0))
        n_turns += 1
        done = ModelEval.objects.filter(status=ModelEval.Status.DONE).order_by("finished_at")
        ended = list(done.values_list("pk", flat=True))
    # His ends first, though it came last: every other turn was hers workspace's.
    assert ended[0] == hers.pk
    assert sorted(ended) == sorted(found.pk for found in (*mine, hers))
    assert n_turns > 8
    one, other_one = (numbers(ModelEval.objects.get(pk=found.pk)) for found in (hers, mine[0]))
    assert one == other_one
