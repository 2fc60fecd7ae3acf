"""What must not make a run ask and pay for ever: absurd reports, and errors while storing.

The errors are real: for the length of a test the database gets a constraint that refuses what the
product stores.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from predictions.models import Prediction, Project
from predictions_api.jobs.leases import MOST_ATTEMPTS
from prompts.models import ModelRun, PredictionMeta, PromptVersion, Refinement
from prompts.refinement import tasks as refinement_tasks
from prompts.refinement import teacher
from prompts.runs import executor, state, tasks
from tests.conftest import Caller
from tests.prompts.conftest import MakeRun, MakeTasks, Model, path_of

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 2**31 - 1


@pytest.fixture
def refuse() -> Iterator[Callable[[str, str], None]]:
    """Has the database refuse rows of a table that do not meet a condition."""
    made: list[str] = []

    def add(table: str, condition: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK ({condition})")
        made.append(table)

    yield add
    with connection.cursor() as cursor:
        for table in made:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT refused")


def executed(run: ModelRun) -> ModelRun:
    executor.execute(run.pk)
    run.refresh_from_db()
    return run


# What a provider says a request took, and what is kept of it.
REPORTS: dict[str, tuple[Any, tuple[int | None, int | None, int | None]]] = {
    "most": ({"prompt_tokens": MOST, "completion_tokens": MOST}, (MOST, MOST, 2 * MOST)),
    "beyond": ({"prompt_tokens": MOST + 1, "completion_tokens": 1}, (None, 1, 1)),
    "huge": ({"prompt_tokens": 10**30, "completion_tokens": 10**300}, (None, None, None)),
    "negative": ({"prompt_tokens": -1, "completion_tokens": 0}, (None, 0, 0)),
    "fraction": ({"prompt_tokens": 1.5, "completion_tokens": 1e300}, (None, None, None)),
    "text": ({"prompt_tokens": "12", "completion_tokens": True}, (None, None, None)),
    "nested": ({"prompt_tokens": [1], "completion_tokens": {"n": 1}}, (None, None, None)),
    "nothing": ({}, (None, None, None)),
    "null": (None, (None, None, None)),
}


def test_absurd_reports_of_tokens_are_not_counted(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    ids = make_tasks(text_project, *REPORTS)
    model.control(usages={word: usage for word, (usage, _) in REPORTS.items()})
    run = executed(make_run(our_version))
    assert (run.status, run.total_predictions, run.total_failed) == ("Completed", len(ids), 0)
    assert model.counts()["requests"] == len(ids)
    task_of = dict(Prediction.objects.values_list("id", "task_id"))
    stored = {
        task_of[meta.prediction_id or 0]: (
            meta.prompt_tokens_count,
            meta.completion_tokens_count,
            meta.total_tokens_count,
        )
        for meta in PredictionMeta.objects.exclude(prediction=None)
    }
    expected = {task_id: kept for task_id, (_, kept) in zip(ids, REPORTS.values(), strict=True)}
    assert stored == expected
    assert (run.measures or {})["total_tokens"] == 2 * MOST + 1


@pytest.mark.parametrize("cost", [-1, 1e300, "1", True, [1]])
def test_absurd_reports_of_cost_are_not_counted(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    cost: Any,
) -> None:
    make_tasks(text_project, "good")
    model.control(usages={"good": {"prompt_tokens": 1, "completion_tokens": 1, "cost": cost}})
    run = executed(make_run(our_version))
    assert (run.status, run.cost_usd) == ("Completed", 0.0)


def test_what_a_provider_says_can_be_stored(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    make_tasks(text_project, "good")
    model.control(mode="status", status=400, message="No\0thing \ud83d here.")
    run = executed(make_run(our_version))
    assert run.status == "Failed"
    [failure] = run.failures.all()
    assert (failure.error_type, failure.message) == ("BadRequestError", "400: Nothing ? here.")


def test_an_answer_that_cannot_be_stored_is_a_failure_of_its_task(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    refuse: Callable[[str, str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids = make_tasks(text_project, *[f"good {n}" for n in range(7)])
    refuse("predictions_prediction", f"task_id <> {ids[3]}")
    run = executed(make_run(our_version))
    assert (run.status, run.total_predictions, run.total_failed) == ("Completed", 6, 1)
    assert [f.task_id for f in run.failures.all()] == [ids[3]]
    assert {f.error_type for f in run.failures.all()} == {"NotStored"}
    # What was paid for it counts.
    assert (run.measures or {})["total_tokens"] == 7 * 25
    assert model.counts()["requests"] == 7
    told = [r for r in caplog.records if "not stored" in r.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]


def test_a_run_whose_outcomes_cannot_be_stored_ends(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    refuse: Callable[[str, str], None],
) -> None:
    make_tasks(text_project, *[f"good {n}" for n in range(3)])
    run = make_run(our_version)
    refuse("prompts_modelrun", "total_predictions + total_failed = 0")
    for n in range(1, MOST_ATTEMPTS):
        assert executed(run).status == "InProgress"
        assert run.n_faults == n
        assert tasks.requeue_stalled() == [run.pk], "the next worker's turn is at once"
    assert executed(run).status == "Failed"
    assert run.status_reason == state.TOO_MANY_FAULTS
    assert model.counts()["requests"] == 3 * MOST_ATTEMPTS
    assert executed(run).status == "Failed"
    assert tasks.requeue_stalled() == []
    assert (model.counts()["requests"], Prediction.objects.count()) == (3 * MOST_ATTEMPTS, 0)


def test_a_run_with_its_faults_is_not_begun_again(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    """Its last worker died between counting the fault and ending the run."""
    make_tasks(text_project, "good")
    run = make_run(our_version)
    ModelRun.objects.update(n_faults=MOST_ATTEMPTS)
    assert executed(run).status == "Failed"
    assert model.counts()["requests"] == 0


def refinement_of(version: PromptVersion, project: Project) -> Refinement:
    return Refinement.objects.create(
        version=version,
        project=project,
        teacher_model_name="t",
        teacher_connection_id=version.model_provider_connection_id or 0,
    )


BETTER = {"prompt": "Is {text} kind?", "reasoning": "Shorter."}


def test_a_refinement_that_cannot_be_stored_ends(
    our_version: PromptVersion,
    text_project: Project,
    model: Model,
    refuse: Callable[[str, str], None],
) -> None:
    model.control(answer=BETTER)
    refuse("prompts_promptversion", "prompt NOT LIKE '%kind%'")
    made = refinement_of(our_version, text_project)
    for n in range(1, MOST_ATTEMPTS):
        teacher.carry_out(str(made.pk))
        made.refresh_from_db()
        assert (made.status, made.attempts) == ("InProgress", n)
        assert refinement_tasks.requeue_stalled() == [made.pk]
    teacher.carry_out(str(made.pk))
    made.refresh_from_db()
    assert (made.status, made.error) == (
        "Failed",
        "Something went wrong here; the server's log says what.",
    )
    assert refinement_tasks.requeue_stalled() == []
    teacher.carry_out(str(made.pk))
    assert model.counts()["requests"] == MOST_ATTEMPTS
    assert PromptVersion.objects.count() == 1


def test_a_refinement_that_kills_its_workers_is_given_up(
    our_version: PromptVersion, text_project: Project, model: Model
) -> None:
    made = refinement_of(our_version, text_project)
    Refinement.objects.update(attempts=MOST_ATTEMPTS)
    teacher.carry_out(str(made.pk))
    made.refresh_from_db()
    assert (made.status, made.error) == ("Failed", "5 workers ended on this refinement.")
    assert model.counts()["requests"] == 0


def test_a_refinement_that_somebody_waits_for_is_tried_once(
    ada: Caller,
    our_version: PromptVersion,
    text_project: Project,
    model: Model,
    refuse: Callable[[str, str], None],
) -> None:
    model.control(answer=BETTER)
    refuse("prompts_promptversion", "prompt NOT LIKE '%kind%'")
    body = {
        "project_id": text_project.pk,
        "teacher_model_name": "t",
        "teacher_model_provider_connection_id": our_version.model_provider_connection_id,
    }
    response = ada.client.post(f"{path_of(our_version)}/refine", body, format="json")
    assert response.status_code == 400
    assert Refinement.objects.get().status == "Failed"
    assert (refinement_tasks.requeue_stalled(), model.counts()["requests"]) == ([], 1)


def test_a_teacher_that_says_what_no_database_holds(
    our_version: PromptVersion, text_project: Project, model: Model
) -> None:
    model.control(answer={"prompt": "Is {text} kind?", "reasoning": "Short\0er \ud83d."})
    made = refinement_of(our_version, text_project)
    teacher.carry_out(str(made.pk))
    made.refresh_from_db()
    assert (made.status, made.reasoning) == ("Completed", "Shorter ?.")
    model.control(answer={"prompt": "{text} \ud83d"})
    other = refinement_of(our_version, text_project)
    teacher.carry_out(str(other.pk))
    other.refresh_from_db()
    assert (other.status, other.error) == ("Failed", "The teacher's answer holds no prompt.")
