"""What a query string asks of a list. `task`, `project` and `task__project` are the peer's; the
others do nothing there, so a client that never heard of them is answered as before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.db import queries
from predictions_api.http.query import (
    INVALID_CHOICE,
    a_flag,
    a_limit,
    a_moment,
    a_number,
    an_id,
    given,
)

ORDERINGS = {
    "id": "p.id",
    "-id": "p.id DESC",
    "created_at": "p.created_at, p.id",
    "-created_at": "p.created_at DESC, p.id DESC",
    "updated_at": "p.updated_at, p.id",
    "-updated_at": "p.updated_at DESC, p.id DESC",
    "score": "p.score, p.id",
    "-score": "p.score DESC NULLS LAST, p.id DESC",
}


@dataclass(slots=True)
class PredictionFilter:
    """Clauses over `p` with their parameters, and how much of the list is wanted."""

    clauses: list[str]
    params: list[Any]
    ordering: str = "id"
    limit: int | None = None
    after: int | None = None
    wants_count: bool = False
    # Ids that an empty list has to prove: unknown ones are refused, not answered with nothing.
    named: dict[str, int] = field(default_factory=dict)

    @property
    def is_whole_project(self) -> bool:
        """Whether the list may be long enough to be streamed."""
        return self.limit is None and "task" not in self.named

    @property
    def is_of_task(self) -> bool:
        """Whether all that is asked for is what was predicted on one task."""
        return self.named.keys() == {"task"} and len(self.clauses) == 2 and self.after is None

    def sql(self) -> tuple[str, list[Any]]:
        """The statement and its parameters; one row more than `limit` tells if a page follows."""
        more = None if self.limit is None else self.limit + 1
        clauses, params = list(self.clauses), list(self.params)
        if self.after is not None:
            clauses.append("p.id > %s" if self.ordering == "id" else "p.id < %s")
            params.append(self.after)
        return queries.predictions_where(
            clauses, params, order=ORDERINGS[self.ordering], limit=more
        )


# Parameter, its reader, the clause it adds.
COMPARISONS = (
    ("score_gte", a_number, "p.score >= %s"),
    ("score_lte", a_number, "p.score <= %s"),
    ("created_after", a_moment, "p.created_at > %s"),
    ("created_before", a_moment, "p.created_at < %s"),
)
ID_CLAUSES = (
    ("task", "p.task_id = %s"),
    ("project", "p.project_id = %s"),
    # The task's project is the prediction's.
    ("task__project", "p.project_id = %s"),
)


def predictions(query: Mapping[str, str], *, workspace_id: int) -> PredictionFilter:
    """The filter a query string describes. ValidationError names each parameter it cannot read."""
    found = PredictionFilter(
        clauses=["p.project_id IN (SELECT id FROM predictions_project WHERE workspace_id = %s)"],
        params=[workspace_id],
    )
    for name, clause in ID_CLAUSES:
        value = an_id(query, name)
        if value is not None:
            found.named[name] = value
            found.clauses.append(clause)
            found.params.append(value)
    if "model_version" in query:
        _by_version(found, given(query, "model_version") or "")
    if a_flag(query, "model_version__isnull"):
        found.clauses.append("left(p.model_version, 200) IS NULL AND p.model_version IS NULL")
    for name, read, clause in COMPARISONS:
        bound = read(query, name)
        if bound is not None:
            found.clauses.append(clause)
            found.params.append(bound)
    _page(found, query)
    return found


def _by_version(found: PredictionFilter, version: str) -> None:
    # The index has the first 200 characters.
    found.clauses.append("left(p.model_version, 200) = left(%s, 200) AND p.model_version = %s")
    found.params += [version, version]


def _page(found: PredictionFilter, query: Mapping[str, str]) -> None:
    found.ordering = given(query, "ordering") or "id"
    if found.ordering not in ORDERINGS:
        raise ValidationError({"ordering": [INVALID_CHOICE]})
    found.limit = a_limit(query)
    found.wants_count = a_flag(query, "count")
    found.after = an_id(query, "after")
    if found.after is not None and found.ordering not in {"id", "-id"}:
        raise ValidationError({"after": ["Goes with the orderings id and -id only."]})


def refuse_unknown(found: PredictionFilter, *, workspace_id: int) -> None:
    """For an empty list: ValidationError if it is empty because an id names nothing here."""
    for name, value in found.named.items():
        exists = queries.task_exists if name == "task" else queries.project_exists
        if not exists(value, workspace_id=workspace_id):
            raise ValidationError({name: [INVALID_CHOICE]})
