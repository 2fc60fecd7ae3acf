"""What a run asks about a task, and what an answer means for it."""

from dataclasses import dataclass
from typing import Any

import orjson

from predictions_api.http.storable import Refused, json_text
from prompts.asking import budgets, messages
from prompts.asking.messages import Example
from prompts.asking.providers import Answer, RunError
from prompts.db.examples import examples_of
from prompts.models import ModelRun, ProviderConnection
from prompts.runs.leases import Claim
from prompts.runs.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """What an executor needs to know of a run; a change made meanwhile does not reach it."""

    run_id: int
    prompt: str
    model: str
    label_config: str
    row: ProviderConnection
    examples: list[tuple[int, Example]]


def plan_of(run_id: int) -> Plan:
    """The run's plan. RunError where its connection is gone or may spend nothing."""
    run = ModelRun.objects.select_related(
        "project", "model_version__model_provider_connection"
    ).get(pk=run_id)
    version, config = run.model_version, run.project.label_config
    row = version.model_provider_connection
    if row is None:
        raise RunError("The version's provider connection was deleted.")
    if spent := budgets.budget_left(row.pk):
        raise RunError(spent)
    try:
        messages.check_config(config)
    except Refused as error:
        raise RunError(str(error)) from None
    examples = examples_of(version, run.project)
    return Plan(run_id, version.prompt, version.provider_model_id, config, row, examples)


def messages_for(plan: Plan, claim: Claim) -> list[messages.Message]:
    """The conversation for a task. Unpromptable for one that it cannot be made from."""
    data = orjson.loads(claim.data)
    if not isinstance(data, dict):
        raise messages.Unpromptable("The task's data is not an object.")
    examples = [example for task_id, example in plan.examples if task_id != claim.task_id]
    return messages.messages(plan.prompt, data, plan.label_config, examples=examples)


def outcome_of(
    label_config: str, choice: str | None, task_id: int, answer: Answer, took: dict[str, Any]
) -> Outcome:
    """What an answer means for a task: regions, or why it means none."""
    try:
        given = messages.parse_answer(answer.text)
        result = json_text(messages.regions(label_config, given))
    except (messages.InvalidAnswer, Refused) as error:
        message = str(error).replace("\0", "")
        return Outcome(task_id, score=None, error_type="InvalidAnswer", message=message, **took)
    score = 1.0
    if choice is not None and answer.logprobs and isinstance(given.get(choice), str):
        probability = messages.choice_probability(given[choice], answer.logprobs)
        score = 1.0 if probability is None else probability
    return Outcome(task_id, result=result, score=score, **took)


def failure(
    claim: Claim, kind: str, message: str, *, tries: int = 0, seconds: float | None = None
) -> Outcome:
    """A task without a prediction, and why."""
    return Outcome(
        claim.task_id,
        score=None,
        error_type=kind,
        message=message.replace("\0", ""),
        inference_time=seconds,
        extra={"tries": tries} if tries > 1 else None,
    )
