"""What an outside engine sends about a run, as outcomes. See `outcomes` for what is stored.

Idempotent for each (run, task): while the run is open a prediction takes the place of an earlier
failure, for an engine that tries again; every other outcome of a task that has one changes nothing
and is named in the answer. Refused whole, with nothing stored: a batch for a run of our own worker,
and one for a run that has ended, unless it changes nothing that is stored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions_api.http.storable import Refused, json_text
from prompts.asking import answers
from prompts.asking.outcome import Outcome
from prompts.db import items
from prompts.models import ModelRun, RunItem
from prompts.runs import outcomes, state

Status = RunItem.Status
OURS = "This server's worker executes the run; it takes no batches."
UNKNOWN_TASK = "The run has no such task."
HAS_OUTCOME = "The task has an outcome in this run already."


def _outcome(label_config: str, item: Mapping[str, Any]) -> Outcome:
    """An answer as a prediction, or as a failure where the labelling config does not allow it."""
    took = _took(item)
    try:
        result = json_text(_regions(label_config, item["output"]))
    except (answers.InvalidAnswer, Refused) as exc:
        return Outcome(
            item["task_id"], error_type="InvalidAnswer", message=str(exc), score=None, **took
        )
    return Outcome(item["task_id"], result=result, **took)


def _took(item: Mapping[str, Any]) -> dict[str, Any]:
    """What was spent on a task, be it answered or failed, as fields of an `Outcome`."""
    took: dict[str, Any] = {
        "inference_time": item.get("inference_time"),
        "prompt_tokens": item.get("prompt_tokens"),
        "completion_tokens": item.get("completion_tokens"),
        "prompt_cost": item.get("prompt_cost_usd"),
        "completion_cost": item.get("completion_cost_usd"),
        "total_cost": _total_cost(item),
    }
    if item.get("message_counts") is not None:
        took["extra"] = {"message_counts": item["message_counts"]}
    return took


def _total_cost(item: Mapping[str, Any]) -> float | None:
    """The total as it was told, else that of the parts that were; None where nothing was."""
    told: float | None = item.get("total_cost_usd")
    parts = (item.get("prompt_cost_usd"), item.get("completion_cost_usd"))
    known = [part for part in parts if part is not None]
    return sum(known) if told is None and known else told


def _regions(label_config: str, output: Any) -> Any:
    if isinstance(output, dict):
        return answers.regions(label_config, output)
    if isinstance(output, list):
        return answers.checked_regions(label_config, output)
    raise answers.InvalidAnswer("The output is not an object keyed by control name.")


def store_answers(run: ModelRun, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stores answers; the items that changed nothing, with the reason."""
    _refuse_ours(run)
    return _store(run, [_outcome(run.project.label_config, item) for item in items])


def store_failures(run: ModelRun, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stores failures; the items that changed nothing, with the reason."""
    _refuse_ours(run)
    failures = [
        Outcome(
            item["task_id"],
            score=None,
            error_type=(item.get("error_type") or "Error").replace("\0", ""),
            message=(item.get("message") or "").replace("\0", ""),
            **_took(item),
        )
        for item in items
    ]
    return _store(run, failures)


def _refuse_ours(run: ModelRun) -> None:
    if run.is_ours:
        raise ValidationError([OURS])


def _store(run: ModelRun, batch: Sequence[Outcome]) -> list[dict[str, Any]]:
    stored = outcomes.store(run.pk, batch)
    if stored.spent:
        # As an executor of ours ends the run, once what was in flight is stored.
        state.fail(run.pk, stored.spent)
    left = [outcome for outcome in batch if outcome.task_id not in stored.accepted]
    known = items.with_outcome(run.pk, [outcome.task_id for outcome in left])
    if not stored.accepted and stored.status not in state.OPEN:
        is_replay = bool(left) and stored.status != ModelRun.Status.CANCELED
        if not is_replay or not all(_changes_nothing(outcome, known) for outcome in left):
            raise ValidationError([f"The run has ended: {stored.status}. Nothing is stored."])
    passed_over = {outcome.task_id for outcome in left} | stored.repeated
    have_one = known.keys() | stored.repeated
    return [
        {"task_id": task_id, "reason": HAS_OUTCOME if task_id in have_one else UNKNOWN_TASK}
        for task_id in dict.fromkeys(outcome.task_id for outcome in batch)
        if task_id in passed_over
    ]


def _changes_nothing(outcome: Outcome, known: Mapping[int, str]) -> bool:
    """Whether an open run would have kept what it has, too: no prediction in place of a failure."""
    status = known.get(outcome.task_id)
    return status is not None and (not outcome.is_prediction or status == Status.PREDICTED)
