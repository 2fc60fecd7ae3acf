"""Verdicts on regions, from whoever registers them: evaluations are a room above this one."""

from collections.abc import Sequence
from typing import Any, Protocol


class Provider(Protocol):
    """Tells what one evaluation makes of the regions of one task."""

    def __call__(
        self,
        eval_id: str,
        *,
        workspaces: Sequence[int] | None,
        image_id: str,
        task_id: int,
        confidence: str,
    ) -> dict[str, Any] | None: ...


_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """From now on asked, after those that were registered before."""
    if provider not in _providers:
        _providers.append(provider)


def verdicts_of(eval_id: str, **task: Any) -> dict[str, Any] | None:
    """What the first provider that knows the evaluation says of the task (see `Provider`).

    None where nobody knows the evaluation, or it did not see the task.
    """
    answers = (provider(eval_id, **task) for provider in _providers)
    return next((answer for answer in answers if answer is not None), None)
