"""The engine against a real server of the chat protocol: what it asks, and what it makes of it."""

import pytest

from predictions.models import Prediction, Project
from prompts import engine
from prompts.models import ModelRun, PredictionMeta, PromptVersion
from tests.prompts.conftest import MakeRun, MakeTasks, Model

pytestmark = pytest.mark.django_db(transaction=True)


def texts(n: int) -> list[str]:
    return [f"{'good' if i % 2 else 'bad'} {i}" for i in range(n)]


def executed(run: ModelRun) -> ModelRun:
    engine.execute(run.pk)
    run.refresh_from_db()
    return run


def test_a_run_predicts_every_task(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    ids = make_tasks(text_project, *texts(100))
    run = executed(make_run(our_version))
    assert (run.status, run.status_reason) == ("Completed", "")
    assert (run.total_tasks, run.total_predictions, run.total_failed) == (100, 100, 0)
    assert None not in (run.triggered_at, run.completed_at)
    stored = list(Prediction.objects.order_by("task_id"))
    assert [p.task_id for p in stored] == ids
    assert {(p.model_version, p.score, p.model_run_id) for p in stored} == {
        ("Moods__v1", 1.0, run.pk)
    }
    assert [p.result[0]["value"]["choices"] for p in stored[:2]] == [["neg"], ["pos"]]
    assert model.counts()["requests"] == 100
    meta = PredictionMeta.objects.first()
    assert meta is not None
    assert (meta.prompt_tokens_count, meta.total_tokens_count) == (20, 25)
