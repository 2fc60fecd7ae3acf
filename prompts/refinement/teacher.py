"""A model that writes a better version of a prompt."""

import logging

from django.conf import settings
from django.db import transaction

from predictions_api.http.storable import encodes
from predictions_api.postgres.outages import is_outage
from prompts.asking import answers, messages, providers
from prompts.asking.examples import example_of
from prompts.db import prompts, queries
from prompts.models import Refinement
from prompts.refinement import state
from prompts.refinement.state import Status
from prompts.runs import single

TEACHING = (
    "You improve prompts that ask a model to label data. Keep every placeholder in braces exactly"
    " as it is, and add none. The labels are described by this JSON schema:\n{schema}\nAnswer with"
    ' one JSON object: {{"prompt": the better prompt, "reasoning": why it is better}}.'
)
EXAMPLES = 10

log = logging.getLogger(__name__)


def carry_out(
    refinement_id: str,
    *,
    last: bool = False,
    within_s: float | None = None,
    is_unwanted: providers.IsUnwanted | None = None,
) -> None:
    """Asks the teacher once and keeps what it says. Nothing happens a second time.

    An error of ours is logged and the next worker tries again, MOST_ATTEMPTS times in all; with
    `last` it ends the refinement. Raises where the database is away. `within_s` and `is_unwanted`
    as `providers.ask_once` has them.
    """
    lease_s = settings.PROVIDER_TIMEOUT_S + settings.RUN_LEASE_S
    refinement = state.claim(refinement_id, lease_s=lease_s)
    if refinement is None:
        return
    try:
        _ask(refinement, within_s, is_unwanted)
    except (ValueError, providers.RunError, providers.Temporary, providers.Refusal) as error:
        if isinstance(error, providers.Refusal):
            refinement.total_cost = error.took.get("total_cost")
        state.end(refinement, Status.FAILED, error=str(error))
    except Exception as error:
        if is_outage(error):
            raise
        log.exception("refinement %s", refinement_id)
        state.fault(refinement, last=last)


def _ask(
    refinement: Refinement, within_s: float | None, is_unwanted: providers.IsUnwanted | None
) -> None:
    """Completes the refinement. ValueError for an answer that is no better prompt."""
    version = refinement.version
    system = TEACHING.format(schema=answers.answer_schema(refinement.project.label_config))
    shown = queries.examples(refinement.project_id, EXAMPLES)
    examples = "\n".join(
        f"{data} -> {true}"
        for _, data, result in shown
        if (true := example_of(refinement.project.label_config, result)) is not None
    )
    user = f"The prompt:\n{version.prompt}\n\nTasks and their true labels:\n{examples or 'none'}"
    answer, took = single.ask(
        refinement.teacher_connection,
        model=refinement.teacher_model_name,
        messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
        response_format={"type": "json_object"},
        within_s=within_s,
        is_unwanted=is_unwanted,
    )
    refinement.total_cost = took["total_cost"]
    better = answers.parse_answer(answer.text)
    text = better.get("prompt")
    if not isinstance(text, str) or not text.strip() or "\0" in text or not encodes(text):
        raise ValueError("The teacher's answer holds no prompt.")
    known = messages.placeholders(version.prompt)
    if misspelt := messages.misspelt_placeholders(text, known):
        raise ValueError(f"The teacher's prompt would send {misspelt[0]} as it stands.")
    if unknown := messages.unknown_placeholders(text, known):
        raise ValueError(f"The teacher made up placeholders: {', '.join(unknown)}.")
    reasoning = str(better.get("reasoning", "")).replace("\0", "")
    refinement.reasoning = reasoning.encode(errors="replace").decode()
    with transaction.atomic():
        refinement.new_version = prompts.reworded(version, text, user_id=refinement.created_by_id)
        state.end(refinement, Status.COMPLETED)
