"""What came of asking a model about one task: an answer read as regions, or why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictions_api.http.storable import Refused, json_text
from prompts.asking import answers, spans
from prompts.asking.probability import choice_probability
from prompts.asking.providers import Answer, Took


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one task: regions as JSON text, or an error; and what it took.

    Seconds, tokens and US dollars are None where nobody counted them.
    """

    task_id: int
    result: str | None = None
    score: float | None = 1.0
    error_type: str = ""
    message: str = ""
    inference_time: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_cost: float | None = None
    completion_cost: float | None = None
    total_cost: float | None = None
    extra: Any = None

    @property
    def is_prediction(self) -> bool:
        return self.result is not None

    @property
    def total_tokens(self) -> int | None:
        known = [n for n in (self.prompt_tokens, self.completion_tokens) if n is not None]
        return sum(known) if known else None


def outcome_of(
    label_config: str,
    choice: str | None,
    task_id: int,
    data: Mapping[str, Any],
    answer: Answer,
    took: Took,
) -> Outcome:
    """What an answer means for a task with that data: regions, or why it means none."""
    try:
        given = answers.filled(label_config, answers.parse_answer(answer.text))
        given = spans.placed(label_config, given, data)
        result = json_text(answers.regions(label_config, given))
    except (answers.InvalidAnswer, Refused) as error:
        message = str(error).replace("\0", "")
        return Outcome(task_id, score=None, error_type="InvalidAnswer", message=message, **took)
    score = 1.0
    if choice is not None and answer.logprobs and isinstance(given.get(choice), str):
        probability = choice_probability(choice, given[choice], answer.logprobs)
        score = 1.0 if probability is None else probability
    return Outcome(task_id, result=result, score=score, **took)


def failure(
    task_id: int, kind: str, message: str, *, tries: int = 0, took: Took | None = None
) -> Outcome:
    """A task without a prediction, why, and what was spent on it."""
    return Outcome(
        task_id,
        score=None,
        error_type=kind,
        message=message.replace("\0", ""),
        extra={"tries": tries} if tries > 1 else None,
        **took or {},
    )
