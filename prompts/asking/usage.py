"""What an answer took, as its provider tells it: what cannot be right is not known. Pure."""

from collections.abc import Mapping
from typing import Any

from predictions_api.http.storable import as_whole, number_within, whole_within
from prompts.models import MAX_INT32, MAX_USD


def a_count(value: Any) -> int | None:
    """A number of tokens, also as 10.0, else None: what a provider makes up is not counted."""
    return whole_within(as_whole(value), 0, MAX_INT32)


def token_counts(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the answer, as a provider reports them; None for what it does
    not.

    What its total is more than both is of the answer: Gemini and xAI count there alone what a
    model thinks, and bill it as what it writes.

    >>> token_counts({"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 40})
    (8, 32)
    """
    prompt, completion, total = (
        a_count(usage.get(f"{name}_tokens")) for name in ("prompt", "completion", "total")
    )
    if prompt is not None and total is not None and total - prompt > (completion or 0):
        completion = total - prompt
    return prompt, completion


def a_cost(value: Any) -> float | None:
    """A cost in USD, as some gateways report it, else None."""
    cost = number_within(value, 0, MAX_USD)
    return None if cost is None else float(cost)
