"""Columns of tasks that rooms above this one know: an evaluation's counts, for one."""

from dataclasses import dataclass, field
from typing import Any, Protocol

#: As `task_columns.Clause`: SQL over `predictions_task t`, and its parameters.
Numbers = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Scope:
    """The project whose tasks one query is about."""

    project_id: int
    #: What a provider has looked up for this query, by names of its own.
    known: dict[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """Knows numbers of the tasks of a project by the name of their column."""

    def __call__(self, name: str, scope: Scope) -> Numbers | None:
        """The number of each task as SQL, null for tasks without; None for a name that is not one
        of its own. Refused for one that is, but stands for nothing.
        """


_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """From now on asked, after those that were registered before."""
    if provider not in _providers:
        _providers.append(provider)


def numbers(name: str, scope: Scope) -> Numbers | None:
    """The column of that name; None where nobody knows it."""
    found = (provider(name, scope) for provider in _providers)
    return next((column for column in found if column is not None), None)
