"""Before a run: what it would cost, what a model would be sent, and what it says of one task.

Nothing here stores anything.
"""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import NotFound, ValidationError

from predictions.db.tasks import NO_TASK
from predictions.models import Project
from predictions_api.http.storable import json_value
from predictions_api.wording import usd
from prompts.asking import answers as reading
from prompts.asking import messages as prompting
from prompts.asking import outcome as outcomes
from prompts.asking import providers
from prompts.db import examples as db_examples
from prompts.db import prompts, queries, subsets, trials
from prompts.models import PromptVersion
from prompts.runs import single

# About what an answer of a few labels takes.
ANSWER_TOKENS = 30
NO_PRICE = (
    "The provider connection has no prices: set prompt_price_usd_per_million and"
    " completion_price_usd_per_million."
)


def cost_estimate(
    version: PromptVersion, project: Project, subset: subsets.Clause
) -> dict[str, Any]:
    """The cost of a run over a subset, in USD as text: four bytes a token, 30 tokens an answer.
    The examples that the version shows are sent with each task. Pictures are not counted.
    """
    own_bytes, fields = prompting.own_bytes(version.prompt, project.label_config)
    n_tasks, data_bytes = queries.subset_size(subset, project_id=project.pk, fields=fields)
    row = version.model_provider_connection
    prices = (
        (None, None)
        if row is None
        else (row.prompt_price_usd_per_million, row.completion_price_usd_per_million)
    )
    prompt_price, answer_price = prices
    if prompt_price is None or answer_price is None:
        return _estimate(None, None, error=NO_PRICE)
    overhead = prompting.instructions_bytes(project.label_config)
    shown = [example for _, example in db_examples.examples_of(version, project)]
    overhead += prompting.examples_bytes(version.prompt, project.label_config, shown)
    sent = own_bytes + overhead + int(data_bytes)
    prompt_usd = n_tasks * prompting.n_tokens(sent) * prompt_price / 1e6
    return _estimate(prompt_usd, n_tasks * ANSWER_TOKENS * answer_price / 1e6)


def _estimate(prompt: float | None, answer: float | None, *, error: str = "") -> dict[str, Any]:
    known = prompt is not None and answer is not None
    return {
        "prompt_cost_usd": usd(prompt, digits=6) if prompt is not None else None,
        "completion_cost_usd": usd(answer, digits=6) if answer is not None else None,
        "total_cost_usd": usd((prompt or 0) + (answer or 0), digits=6) if known else None,
        "is_error": not known,
        "error_type": "PriceUnknown" if error else None,
        "error_message": error or None,
    }


def _task(version: PromptVersion, task_id: int) -> tuple[Project, dict[str, Any]]:
    """The task's project and data. NotFound where the prompt's workspace has no such task."""
    workspace_id = version.parent_model.workspace_id
    found = queries.task_data(task_id, workspace_id=workspace_id)
    if found is None:
        raise NotFound(NO_TASK)
    return Project.objects.get(pk=found[0]), found[1]


def _messages(
    version: PromptVersion, project: Project, task_id: int, data: Any
) -> list[prompting.Message]:
    """What a run would send for the task, its examples included."""
    try:
        prompting.check_config(project.label_config)
        shown = db_examples.examples_of(version, project)
        examples = [example for task, example in shown if task != task_id]
        return prompting.messages(version.prompt, data, project.label_config, examples=examples)
    except ValueError as exc:  # Refused, Unpromptable: the text is for the caller
        raise ValidationError({"task": [str(exc)]}) from None


def preview(version: PromptVersion, task_id: int) -> dict[str, Any]:
    """The conversation a model would be sent."""
    project, data = _task(version, task_id)
    messages = _messages(version, project, task_id, data)
    size = sum(len(str(message["content"]).encode()) for message in messages)
    return {"task": task_id, "messages": messages, "n_tokens": prompting.n_tokens(size)}


def try_task(
    version: PromptVersion, task_id: int, *, is_unwanted: providers.IsUnwanted | None = None
) -> dict[str, Any]:
    """Asks the version's model about one task, once, for at most TRIAL_TIMEOUT_S seconds.

    ValidationError without a connection, TooManyTrials with too many such calls at once. Ends once
    `is_unwanted` says that nobody waits.
    """
    row = version.model_provider_connection
    if row is None:
        message = "The version has no provider connection to ask."
        raise ValidationError({"model_provider_connection": [message]})
    project, data = _task(version, task_id)
    messages = _messages(version, project, task_id, data)
    try:
        with trials.one_more(version.parent_model.workspace_id):
            answer, took = single.ask(
                row,
                model=version.provider_model_id,
                messages=messages,
                response_format=prompting.response_format(project.label_config),
                within_s=settings.TRIAL_TIMEOUT_S,
                is_unwanted=is_unwanted,
            )
    except providers.Refusal as error:
        outcome = outcomes.failure(task_id, error.kind, str(error), took=error.took)
    except providers.Temporary as error:
        outcome = outcomes.failure(task_id, error.kind, str(error))
    except providers.RunError as error:
        outcome = outcomes.failure(task_id, "RunError", str(error))
    else:
        choice = reading.single_choice(project.label_config)
        outcome = outcomes.outcome_of(project.label_config, choice, task_id, data, answer, took)
    return {
        "task": task_id,
        "result": None if outcome.result is None else json_value(outcome.result),
        "score": outcome.score,
        "error_type": outcome.error_type,
        "message": outcome.message,
        "inference_time": outcome.inference_time,
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "total_cost_usd": outcome.total_cost,
    }


def few_shot_examples(version: PromptVersion, project: Project) -> list[dict[str, Any]]:
    """The examples that a run over the project shows the model, in order."""
    prompts.check_config(project)
    return [
        {"task": task, "data": data, "answer": answer}
        for task, (data, answer) in db_examples.examples_of(version, project)
    ]
