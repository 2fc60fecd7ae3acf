"""Verdicts on regions, from whoever registers them: evaluations are a room above this one."""

from collections.abc import Sequence
from typing import Any, Protocol

from django.http import HttpRequest

from desk.workspace_admin import is_superuser, roles_of
from predictions.models import Task


class Provider(Protocol):
    """Tells what one evaluation makes of the regions of one task."""

    def __call__(
        self,
        eval_id: str,
        *,
        workspaces: Sequence[int] | None,
        task_id: int,
        confidence: str,
    ) -> dict[str, Any] | None: ...


class Finder(Protocol):
    """Names the newest finished evaluations of a project: (id, title), the newest first."""

    def __call__(self, project_id: int) -> list[tuple[str, str]]: ...


_providers: list[Provider] = []
_finders: list[Finder] = []


def register(provider: Provider) -> None:
    """From now on asked, after those that were registered before."""
    if provider not in _providers:
        _providers.append(provider)


def register_finder(finder: Finder) -> None:
    """From now on asked for the evaluations of a project."""
    if finder not in _finders:
        _finders.append(finder)


def evaluations_of(project_id: int) -> list[tuple[str, str]]:
    """Evaluations whose verdicts a page may show, of a project that the caller sees."""
    return [one for finder in _finders for one in finder(project_id)]


def verdicts_of(eval_id: str, **task: Any) -> dict[str, Any] | None:
    """What the first provider that knows the evaluation says of the task (see `Provider`).

    None where nobody knows the evaluation, or it did not see the task.
    """
    answers = (provider(eval_id, **task) for provider in _providers)
    return next((answer for answer in answers if answer is not None), None)


def verdicts_on(request: HttpRequest, task: Task) -> dict[str, Any] | None:
    """What the evaluation named in the address says of the task; None without one."""
    eval_id = request.GET.get("evaluation", "")
    if not eval_id or "\0" in eval_id:
        return None
    return verdicts_of(
        eval_id,
        workspaces=None if is_superuser(request) else list(roles_of(request)),
        task_id=task.pk,
        confidence=request.GET.get("confidence", ""),
    )
