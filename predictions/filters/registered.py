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


@dataclass(frozen=True, slots=True)
class Rows:
    """A table with one row for each task that has a number, where an index knows their order."""

    #: `table alias`, and which of its rows: a condition with its parameters.
    table: str
    where: str
    params: list[Any]
    #: Of a row: the task, and the number, which is never null.
    task: str
    number: str

    def tasks(self, condition: str) -> str:
        """The ids of the tasks whose number fulfils a condition on it."""
        return f"SELECT {self.task} FROM {self.table} WHERE {self.where} AND {condition}"  # noqa: S608


class Provider(Protocol):
    """Knows numbers of the tasks of a project by the name of their column."""

    def __call__(self, name: str, scope: Scope) -> Numbers | None:
        """The number of each task as SQL, null for tasks without; None for a name that is not one
        of its own. Refused for one that is, but stands for nothing.
        """


class RowsProvider(Protocol):
    """Knows the table in which the numbers of a column stand."""

    def __call__(self, name: str, scope: Scope) -> Rows | None:
        """None for a name that is not one of its own, and where there is no such table."""


_providers: list[Provider] = []
_rows: list[RowsProvider] = []


def register(provider: Provider) -> None:
    """From now on asked, after those that were registered before."""
    if provider not in _providers:
        _providers.append(provider)


def register_rows(provider: RowsProvider) -> None:
    """From now on asked, after those that were registered before."""
    if provider not in _rows:
        _rows.append(provider)


def rows(name: str, scope: Scope) -> Rows | None:
    """Where the numbers of that column stand; None where nobody knows."""
    found = (provider(name, scope) for provider in _rows)
    return next((one for one in found if one is not None), None)


def numbers(name: str, scope: Scope) -> Numbers | None:
    """The column of that name; None where nobody knows it."""
    found = (provider(name, scope) for provider in _providers)
    return next((column for column in found if column is not None), None)
