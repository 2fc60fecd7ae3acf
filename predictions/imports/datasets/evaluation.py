"""Evaluations of what was loaded, by whoever registers them: they are of a room above this one."""

from collections.abc import Callable
from typing import Any, Protocol

from predictions.models import Project


class Starter(Protocol):
    """Starts an evaluation of a version; queued, unless `watch` is given: then it is computed here,
    and told how far it is, 0 to 1. Answers with `evalId` and `url`.

    ValidationError for what cannot be evaluated.
    """

    def __call__(
        self, project: Project, model_version: str, *, watch: Callable[[float], object] | None
    ) -> dict[str, Any]: ...


_starters: list[Starter] = []


def register(starter: Starter) -> None:
    """From now on it starts evaluations."""
    _starters[:] = [starter]


def start(
    project: Project, model_version: str, *, watch: Callable[[float], object] | None = None
) -> dict[str, Any] | None:
    """What the registered one answers; None where nobody evaluates."""
    return _starters[0](project, model_version, watch=watch) if _starters else None
