"""The engine against a real server of the chat protocol: what it asks, and what it makes of it."""

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from predictions.models import Prediction, Project
from predictions_api.jobs.leases import MOST_ATTEMPTS
from prompts.db import prompts
from prompts.models import (
    ModelRun,
    PredictionMeta,
    PromptVersion,
    ProviderConnection,
    Refinement,
)
from prompts.refinement import tasks, teacher
from prompts.runs import executor, state
from tests import clustered
from tests.conftest import Caller, MakeProject
from tests.prompts.conftest import MakeRun, MakeTasks, Model, path_of
from tests.prompts.crew import until

pytestmark = pytest.mark.django_db(transaction=True)


def texts(n: int) -> list[str]:
    return [f"{'good' if i % 2 else 'bad'} {i}" for i in range(n)]


def executed(run: ModelRun) -> ModelRun:
    executor.execute(run.pk)
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


def failures_of(run: ModelRun) -> set[tuple[str, str]]:
    return set(run.failures.values_list("error_type", "message"))


FAULTS = [
    ("garbage", "InvalidAnswer", "The answer is not JSON"),
    ("wrong-label", "InvalidAnswer", "'purple' is not one of"),
    ("refuse", "BadRequestError", "400: You get a 400."),
    ("drop", "APIConnectionError", "The connection failed"),
    ("hang", "APITimeoutError", "No answer within"),
]


def test_what_fails_is_a_failure_of_its_task(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    settings: Any,
) -> None:
    settings.PROVIDER_TIMEOUT_S = 0.3
    make_tasks(text_project, *[fault for fault, _, _ in FAULTS], "good")
    run = executed(make_run(our_version))
    assert (run.status, run.total_predictions, run.total_failed) == ("Completed", 1, 5)
    found = failures_of(run)
    for _, kind, message in FAULTS:
        assert [said for name, said in found if name == kind and message in said], kind
    # Only what may go better the next time is tried again.
    tried = {text.split()[-1]: n for text, n in model.counts()["messages"].items()}
    assert tried == {"garbage": 1, "wrong-label": 1, "refuse": 1, "drop": 5, "hang": 5, "good": 1}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_provider_is_asked_again(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    status: int,
) -> None:
    make_tasks(text_project, *texts(10))
    model.control(mode="status", status=status, for_requests=12)
    run = executed(make_run(our_version))
    assert (run.status, run.total_predictions, run.total_failed) == ("Completed", 10, 0)
    assert model.counts()["requests"] == 22


def test_retry_after_is_honoured_by_all(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    make_tasks(text_project, *texts(100))
    model.control(mode="status", status=429, retry_after=1.5, for_s=1.0)
    run = executed(make_run(our_version))
    assert (run.status, run.total_predictions) == ("Completed", 100)
    # Those in flight are refused once; nobody else asks before the time is up.
    assert model.counts()["requests"] <= 100 + 32


RUN_FAULTS = [
    (401, "The provider refuses the key"),
    (403, "The provider refuses the key"),
    (404, "The provider knows no such model"),
    (307, "The provider's address redirects"),
]


@pytest.mark.parametrize(("status", "reason"), RUN_FAULTS)
def test_a_fault_of_the_whole_run_ends_it(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    status: int,
    reason: str,
) -> None:
    make_tasks(text_project, *texts(200))
    model.control(mode="status", status=status, message="No: sk-secret-123 is wrong.")
    run = executed(make_run(our_version))
    assert (run.status, run.total_failed) == ("Failed", 0)
    assert run.status_reason.startswith(reason)
    assert "sk-secret" not in run.status_reason
    assert model.counts()["requests"] <= 32


def test_budgets_stop_a_run(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    row.prompt_price_usd_per_million = 1000.0
    row.completion_price_usd_per_million = 2000.0
    row.max_concurrency = 2
    row.save()
    make_tasks(text_project, *texts(100))
    model.control(latency_s=0.02)
    run = executed(make_run(our_version, budget_usd=0.3))
    assert run.status == "Failed"
    assert run.status_reason == f"The run's budget of $0.3 is spent (${run.cost_usd:.6f})."
    # 0.03 a task: ten of them, and what was in flight.
    assert 10 <= run.total_predictions <= 14
    assert run.cost_usd == pytest.approx(0.03 * run.total_predictions)
    row.refresh_from_db()
    assert row.budget_total_spent == pytest.approx(run.cost_usd)
    row.budget_limit = row.budget_total_spent
    row.save()
    spent = executed(make_run(our_version, only_missing_predictions=True))
    assert spent.status_reason.startswith("The provider connection's budget")
    assert model.counts()["requests"] == run.total_predictions


@pytest.mark.parametrize("period", ["Monthly", "Yearly", None])
@pytest.mark.parametrize("begun", ["2026-01-31", "2024-02-29", "2025-11-30", "2025-12-31"])
def test_what_was_spent_is_of_the_current_period(
    ada: Caller, our_version: PromptVersion, monkeypatch: Any, period: str | None, begun: str
) -> None:
    """Also before its first dollar; where a period ends is what Postgres says."""
    row = our_version.model_provider_connection
    assert row is not None
    began = datetime.fromisoformat(begun).replace(hour=13, tzinfo=UTC)
    row.budget_total_spent, row.budget_reset_period = 5.0, period
    row.budget_last_reset_date = began
    row.save()
    path = f"/api/model-provider-connections/{row.pk}/"
    with connection.cursor() as cursor:
        length = "1 month" if period == "Monthly" else "1 year"
        cursor.execute("SELECT %s::timestamptz + %s::interval", [began, length])
        (end,) = cursor.fetchone()
    for moment, expected in ((end - timedelta(seconds=1), 5.0), (end, 0.0 if period else 5.0)):
        monkeypatch.setattr("prompts.models.connections.timezone.now", lambda at=moment: at)
        assert row.spent_in_period == expected
    monkeypatch.undo()
    assert ada.client.get(path).json()["budget_total_spent"] == row.spent_in_period


def test_cancel_stops_the_requests(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    settings: Any,
) -> None:
    settings.RUN_LEASE_S = 1.0
    make_tasks(text_project, *texts(400))
    model.control(latency_s=0.05)
    run = make_run(our_version)
    seen: list[int] = []

    def cancel() -> None:
        try:
            until(lambda: model.counts()["answers"] > 40)
            state.cancel(run.pk)
            seen.append(model.counts()["requests"])
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    executor.execute(run.pk)
    thread.join()
    run.refresh_from_db()
    assert run.status == "Canceled"
    assert run.total_predictions == Prediction.objects.count() < 400
    assert model.counts()["requests"] <= seen[0] + 2 * 32


def test_cancel_does_not_wait_for_a_model_that_hangs(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    settings: Any,
) -> None:
    """The requests in flight are given up, and none follows them."""
    settings.PROVIDER_TIMEOUT_S = 600.0
    make_tasks(text_project, *texts(100))
    model.control(mode="hang", for_s=600)
    run = make_run(our_version)

    def cancel() -> None:
        try:
            until(lambda: model.counts()["in_flight"] == 32)
            state.cancel(run.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    executor.execute(run.pk)
    thread.join()
    run.refresh_from_db()
    assert (run.status, run.total_predictions, run.total_failed) == ("Canceled", 0, 0)
    assert model.counts()["requests"] == 32


def test_a_canceled_run_begins_at_most_one_more_request_each(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    """With one request at a time: what is in flight, and perhaps the one that was just begun."""
    row = our_version.model_provider_connection
    assert row is not None
    type(row).objects.update(max_concurrency=1)
    make_tasks(text_project, *texts(50))
    model.control(latency_s=0.2)
    run = make_run(our_version)
    seen: list[int] = []

    def cancel() -> None:
        try:
            until(lambda: model.counts()["requests"] == 3)
            state.cancel(run.pk)
            seen.append(model.counts()["requests"])
            seen.append(Prediction.objects.count())
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    executor.execute(run.pk)
    thread.join()
    assert model.counts()["requests"] <= seen[0] + 1
    assert Prediction.objects.count() == seen[1] < 50


def test_another_answer_format_can_be_asked_for(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    make_tasks(text_project, "good")
    for wanted in ({"type": "json_object"}, None):
        row.request_params = {"response_format": wanted}
        row.save()
        assert executed(make_run(our_version)).status == "Completed"
        assert model.counts()["last"].get("response_format") == wanted


def test_logprobs_of_a_single_choice_are_its_score(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    row.request_params = {"logprobs": True}
    row.save()
    make_tasks(text_project, "good")
    executed(make_run(our_version))
    assert Prediction.objects.get().score == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize(
    ("spelt", "score"),
    [
        # The letters of the choice stand in a later key, an earlier one, and a name.
        ('{"sentiment":"|~pos|","why":"|pos|sible"}', 0.5),
        ('{"why":"|pos|sible","sentiment":"|~pos|"}', 0.5),
        ('{"pos":1,"sentiment": |~"pos|"}', 0.5),
        ('{"why":{"sentiment":"|pos|"},"sentiment":["|~pos|"]}', 0.5),
        # Written otherwise than it is meant, and in several tokens.
        ('{"sentiment":"|~\\u0070|~os|"}', 0.25),
    ],
)
def test_the_score_is_of_the_tokens_that_spell_the_choice(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    spelt: str,
    score: float,
) -> None:
    row = our_version.model_provider_connection
    assert row is not None
    row.request_params = {"logprobs": True}
    row.save()
    # Tokens that begin with a tilde are half sure, others nine tenths.
    tokens = [
        (token.lstrip("~"), math.log(0.5 if token[0] == "~" else 0.9)) for token in spelt.split("|")
    ]
    model.control(tokens=tokens)
    make_tasks(text_project, "good")
    executed(make_run(our_version))
    assert Prediction.objects.get().score == pytest.approx(score)


def test_the_score_is_of_choices_whose_characters_are_cut_into_tokens(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    """As OpenAI reports them: the text of a token that is no text shows its bytes."""
    Project.objects.filter(pk=text_project.pk).update(
        label_config=text_project.label_config.replace('value="pos"', 'value="\N{POUTING FACE}喜"')
    )
    row = our_version.model_provider_connection
    assert row is not None
    row.request_params = {"logprobs": True}
    row.save()
    face, joy = "\N{POUTING FACE}".encode(), "喜".encode()
    cut = [face[:3], face[3:] + joy[:1], joy[1:]]
    parts = [["".join(f"\\x{byte:02x}" for byte in part), -0.25, list(part)] for part in cut]
    model.control(tokens=[['{"sentiment": "', -1.0], *parts, ['"}', -1.0]])
    make_tasks(text_project, "good")
    executed(make_run(our_version))
    assert Prediction.objects.get().score == pytest.approx(math.exp(-0.75))


def test_images_are_sent_as_addresses(
    ada: Caller,
    our_version: PromptVersion,
    make_project: MakeProject,
    make_task: Any,
    make_run: MakeRun,
    model: Model,
) -> None:
    project = make_project(ada)
    make_task(ada, project, data={"image": "data:image/png;base64,AAAA"})
    our_version.prompt = "Cars in {image}, please."
    our_version.save()
    box = {"x": 0, "y": 100, "width": 10, "height": 10, "rectanglelabels": ["Car"]}
    model.control(answer={"label": [box, {**box, "x": 50}]})
    run = executed(make_run(our_version, project_id=project.pk))
    assert (run.status, len(Prediction.objects.get().result)) == ("Completed", 2)
    system, user = model.counts()["last"]["messages"]
    assert "rectanglelabels" in system["content"]
    assert user["content"] == [
        {"type": "text", "text": "Cars in "},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": ", please."},
    ]


def test_examples_are_shown_but_never_of_the_task_itself(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    truth: Any,
    model: Model,
) -> None:
    one, two = make_tasks(text_project, "good one", "bad two")
    truth(one, "pos")
    truth(two, "neg")
    our_version.max_few_shot_examples = 5
    our_version.save()
    run = executed(make_run(our_version, project_subset="HasGT"))
    assert (run.total_correct_predictions, run.total_compared) == (2, 2)
    sent = [message["content"] for message in model.counts()["last"]["messages"]]
    assert len(sent) == 4
    assert sent[2] in {'{"sentiment": "pos"}', '{"sentiment": "neg"}'}


def test_workers_that_take_it_up_later_ask_what_the_run_was_made_with(
    ada: Caller,
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    desks: dict[str, Client],
    model: Model,
) -> None:
    make_tasks(text_project, "good one")
    run, again = make_run(our_version), make_run(our_version)
    edited = {
        "prompt": "Rate it: {text}",
        "provider_model_id": "dearer",
        "title": "v1b",
        "model_provider_connection": None,
    }
    path = path_of(our_version)
    assert ada.client.patch(path, edited, format="json").status_code == 200
    ModelRun.objects.filter(pk=again.pk).update(asked=None)
    assert executed(run).status == "Completed"
    sent = model.counts()["last"]
    assert (sent["model"], sent["messages"][-1]["content"]) == (
        "stand-in",
        "Which mood has this review? good one",
    )
    page = desks["reader"].get(reverse("admin:prompts_modelrun_page", args=[run.pk]))
    assert "stand-in" in page.content.decode()
    assert "dearer" not in page.content.decode()
    # One that an earlier release made asks what its version says.
    failed = executed(again)
    assert failed.status_reason == "The version's provider connection was deleted."


def test_a_connection_that_the_version_left_may_be_deleted(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    make_tasks(text_project, "good one")
    run = make_run(our_version)
    PromptVersion.objects.update(model_provider_connection=None)
    ProviderConnection.objects.all().delete()
    assert executed(run).status_reason == "The version's provider connection was deleted."


def test_the_key_is_sent_and_told_nobody(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
    caplog: Any,
) -> None:
    caplog.set_level("DEBUG")
    make_tasks(text_project, "drop sk-secret-123", "good")
    run = executed(make_run(our_version))
    assert model.counts()["keys"].keys() == {"sk-secret-123"}
    assert "sk-secret" not in str(failures_of(run))
    assert "Bearer sk-secret" not in caplog.text


def priced(version: PromptVersion) -> ProviderConnection:
    """Its connection, at a dollar for each token of the prompt and two of the answer."""
    row = version.model_provider_connection
    assert row is not None
    row.prompt_price_usd_per_million, row.completion_price_usd_per_million = 1e6, 2e6
    row.save()
    return row


def spent(row: ProviderConnection) -> float:
    row.refresh_from_db()
    return row.budget_total_spent


def test_answers_of_no_use_are_paid_for(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> None:
    row = priced(our_version)
    make_tasks(text_project, "silent", "chatter", "garbage", "void", "good")
    run = executed(make_run(our_version))
    kinds = sorted(kind for kind, _ in failures_of(run))
    assert kinds == ["AnswerTooLong", "EmptyAnswer", "InvalidAnswer", "InvalidResponse"]
    assert (run.cost_usd, spent(row)) == (5 * 30.0, 5 * 30.0)
    found = run.measures or {}
    assert (found["prompt_tokens"], found["completion_tokens"]) == (5 * 20, 5 * 5)
    assert (found["prompt_cost"], found["completion_cost"]) == (5 * 20.0, 5 * 10.0)


def test_what_a_model_thinks_is_counted_and_paid_for(
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    """Gemini and xAI tell it in the total alone; others count it as answered, or have no total."""
    row = priced(our_version)
    counts = {"prompt_tokens": 20, "completion_tokens": 5}
    usages = {
        "total": {**counts, "total_tokens": 905},
        "within": {**counts, "total_tokens": 25, "completion_tokens_details": {"a": 4}},
        "none": counts,
        "less": {**counts, "total_tokens": 7},
    }
    model.control(usages=usages)
    ids = make_tasks(text_project, *usages)
    run = executed(make_run(our_version))
    columns = ("prediction_id", "completion_tokens_count", "total_tokens_count", "total_cost")
    took = {pk: counted for pk, *counted in PredictionMeta.objects.values_list(*columns)}
    found = [took[Prediction.objects.get(task=pk).pk] for pk in ids]
    assert found == [[885, 905, 1790.0], *[[5, 25, 30.0]] * 3]
    assert (run.cost_usd, spent(row)) == (1880.0, 1880.0)


@clustered.at_once
def test_who_was_asked_is_paid_though_the_version_moves_to_another_connection(
    ada: Caller,
    our_version: PromptVersion,
    make_run: MakeRun,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    row = priced(our_version)
    other = ProviderConnection.objects.create(
        workspace=ada.workspace, provider="Custom", endpoint=model.endpoint
    )
    make_tasks(text_project, *texts(60))
    model.control(latency_s=0.05)
    ProviderConnection.objects.filter(pk=row.pk).update(max_concurrency=2)
    run = make_run(our_version)

    def move() -> None:
        try:
            until(lambda: model.counts()["answers"] > 4)
            values = {"model_provider_connection_id": other.pk}
            prompts.update_version(PromptVersion.objects.get(pk=our_version.pk), values)
        finally:
            connection.close()

    thread = threading.Thread(target=move)
    thread.start()
    run = executed(run)
    thread.join()
    assert PromptVersion.objects.get().model_provider_connection_id == other.pk
    assert (run.status, run.cost_usd) == ("Completed", 60 * 30.0)
    assert (spent(row), spent(other)) == (60 * 30.0, 0.0)


def test_trials_and_refinements_spend_of_the_budget(
    ada: Caller,
    our_version: PromptVersion,
    make_tasks: MakeTasks,
    text_project: Project,
    model: Model,
) -> None:
    row = priced(our_version)
    path = path_of(our_version)
    told = []
    for task_id in make_tasks(text_project, "good", "silent"):
        answer = ada.client.post(f"{path}/try-task", {"task": task_id}, format="json").json()
        told.append((answer["error_type"], answer["prompt_tokens"], answer["total_cost_usd"]))
    assert told == [("", 20, 30.0), ("EmptyAnswer", 20, 30.0)]
    assert spent(row) == 60.0

    body = {
        "project_id": text_project.pk,
        "teacher_model_name": "t",
        "teacher_model_provider_connection_id": row.pk,
    }
    model.control(mode="silent")
    assert ada.client.post(f"{path}/refine", body, format="json").status_code == 400
    assert Refinement.objects.get().total_cost == 30.0
    assert spent(row) == 90.0

    ProviderConnection.objects.update(budget_limit=90.0)
    model.control(reset=True)
    tried = ada.client.post(f"{path}/try-task", {"task": task_id}, format="json").json()
    reason = "The provider connection's budget of $90 is spent ($90.000000)."
    assert (tried["error_type"], tried["message"]) == ("RunError", reason)
    ada.client.post(f"{path}/refine", body, format="json")
    assert Refinement.objects.latest("created_at").error == reason
    assert (model.counts()["requests"], spent(row)) == (0, 90.0)


def test_a_refinement_that_its_worker_lost_is_made_by_the_next(
    our_version: PromptVersion, text_project: Project, model: Model
) -> None:
    model.control(answer={"prompt": "Is {text} kind?", "reasoning": "Shorter."})
    our_version.max_few_shot_examples, our_version.few_shot_task_ids = 3, [8, 7]
    our_version.save()
    made = Refinement.objects.create(
        version=our_version,
        project=text_project,
        teacher_model_name="t",
        teacher_connection_id=our_version.model_provider_connection_id or 0,
        status="InProgress",
        lease_until="2020-01-01T00:00:00Z",
    )
    teacher.carry_out(str(made.pk))
    assert model.counts()["requests"] == 0, "another has it in hand, for all one knows"
    assert tasks.requeue_stalled() == [made.pk]
    assert tasks.requeue_stalled() == []
    for _ in range(2):
        teacher.carry_out(str(made.pk))
    made.refresh_from_db()
    assert (made.status, model.counts()["requests"]) == ("Completed", 1)
    assert PromptVersion.objects.count() == 2
    better = PromptVersion.objects.latest("pk")
    assert (better.prompt, better.max_few_shot_examples) == ("Is {text} kind?", 3)
    assert better.few_shot_task_ids == [8, 7], "else it is compared with other examples"
    assert tasks.requeue_stalled() == []


def test_a_task_that_kills_its_workers_is_given_up(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> None:
    make_tasks(text_project, "good")
    run = make_run(our_version)
    run.items.update(attempts=MOST_ATTEMPTS)
    assert executed(run).status == "Failed"
    assert failures_of(run) == {("WorkerLost", "5 workers ended on this task.")}


def test_a_run_without_its_connection_says_so(
    our_version: PromptVersion, make_run: MakeRun, make_tasks: MakeTasks, text_project: Project
) -> None:
    make_tasks(text_project, "good")
    run = make_run(our_version)
    prompts.delete("prompts_providerconnection", our_version.model_provider_connection_id or 0)
    assert executed(run).status_reason == "The version's provider connection was deleted."


def test_missing_fields_are_failures_before_any_request(
    ada: Caller,
    our_version: PromptVersion,
    make_run: MakeRun,
    make_task: Any,
    text_project: Project,
    model: Model,
) -> None:
    make_task(ada, text_project, data={"text": None})
    make_task(ada, text_project, data={"text": "x" * 1_000_001})
    run = executed(make_run(our_version))
    assert {kind for kind, _ in failures_of(run)} == {"InvalidTask"}
    assert model.counts()["requests"] == 0
