"""What became of one task of a run."""

from dataclasses import dataclass
from typing import Any


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
