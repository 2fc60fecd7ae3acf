"""What a run asks about its tasks, fixed when an executor begins."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from predictions_api.http.storable import Refused, json_value
from prompts.asking import messages
from prompts.asking.messages import Example
from prompts.asking.providers import RunError
from prompts.db import budgets
from prompts.db.examples import examples_of
from prompts.models import ModelRun, PromptVersion, ProviderConnection

#: What a run keeps of its version: workers that take it up later ask the same.
CONNECTION = "model_provider_connection_id"
WORDING = (
    "prompt", "provider_model_id", CONNECTION, "max_few_shot_examples", "few_shot_task_ids",
)  # fmt: skip


def version_of(run: ModelRun) -> PromptVersion:
    """The run's version as it was when the run was made, not to be saved; without a connection
    where that was deleted. A statement where the version has another connection by now.
    """
    version, asked = copy(run.model_version), dict(run.asked or {})
    connection = asked.get(CONNECTION, version.model_provider_connection_id)
    if connection != version.model_provider_connection_id:
        known = ProviderConnection.objects.filter(pk=connection or 0)
        asked[CONNECTION] = known.values_list("pk", flat=True).first()
    for name, value in asked.items():
        setattr(version, name, value)
    return version


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
    version, config = version_of(run), run.project.label_config
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


def data_of(data_text: str) -> dict[str, Any]:
    """A task's data from its JSON text. Unpromptable for what is no object."""
    data = json_value(data_text)
    if not isinstance(data, dict):
        raise messages.Unpromptable("The task's data is not an object.")
    return data


def messages_for(plan: Plan, task_id: int, data: Mapping[str, Any]) -> list[messages.Message]:
    """The conversation for a task with that data. Unpromptable for one that it cannot be made
    from.
    """
    examples = [example for other_id, example in plan.examples if other_id != task_id]
    return messages.messages(plan.prompt, data, plan.label_config, examples=examples)
