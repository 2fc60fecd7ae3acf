"""What rooms above this one add to the grid: columns to filter and to order by, and what is done
with many tasks at once. They register it in `AppConfig.ready()`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponseBase

from predictions.db.curation.cards import Held
from predictions.filters.tasks import TaskFilter
from predictions.models import Project


class Column(NamedTuple):
    """A column as the Data Manager's query names it, without its prefix, and in words."""

    name: str
    title: str


class Columns(NamedTuple):
    """Some columns under one heading."""

    title: str
    columns: Sequence[Column]


class Field(NamedTuple):
    """What an act has to know: a choice, or text where there are no choices."""

    name: str
    title: str
    #: Value and word of each; None for text.
    choices: Sequence[tuple[str, str]] | None = None
    #: Texts that are offered, not required.
    offered: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tasks that something is done with."""

    project: Project
    #: The Data Manager's query that names them.
    query: Mapping[str, Any]
    wanted: TaskFilter
    held: Held


Answer = HttpResponseBase | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that is done with many tasks, after a page that says what."""

    name: str
    #: On the button of the grid.
    title: str
    #: On the button that does it.
    verb: str
    #: What will happen, in sentences.
    says: Callable[[Chosen], Sequence[str]]
    fields: Callable[[Chosen], Sequence[Field]] = lambda chosen: ()
    #: Does it with the values of the fields. What happened in a sentence, or another answer.
    #: ValidationError says what is wrong with a value.
    run: Callable[[HttpRequest, Chosen, Mapping[str, str]], Answer]
    is_danger: bool = False
    #: Whether readers may do it, too.
    reads: bool = False
    #: What the audit trail calls it; empty for what records itself.
    audited: str = field(default="")


ColumnsOf = Callable[[int], Sequence[Columns]]

_columns: list[ColumnsOf] = []
_acts: dict[str, Act] = {}


def register_columns(of_project: ColumnsOf) -> None:
    """From now on asked for each page: at most one statement."""
    if of_project not in _columns:
        _columns.append(of_project)


def register_act(act: Act) -> None:
    """From now on on each grid, in the order of registration."""
    _acts[act.name] = act


def columns_of(project_id: int) -> list[Columns]:
    """What was registered, of a project."""
    return [columns for of_project in _columns for columns in of_project(project_id)]


def acts() -> list[Act]:
    """What was registered, what cannot be undone last."""
    return sorted(_acts.values(), key=lambda act: act.is_danger)
