"""What a query string asks of a list. `task`, `project` and `task__project` are Label Studio's;
the others do nothing there, so a client that never heard of them is answered as before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.filters.within import OWNED
from predictions_api.http.parameters import (
    ChoiceParameter,
    FlagParameter,
    IdParameter,
    LimitParameter,
    MomentParameter,
    NumberParameter,
    Parameters,
    TextParameter,
)
from predictions_api.postgres.spread import slots

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
    """Clauses over `p` with their parameters, and how much of the list is wanted; `within` names
    the project that they leave to the list.
    """

    clauses: list[str]
    params: list[Any]
    ordering: str = "id"
    limit: int | None = None
    after: int | None = None
    wants_count: bool = False
    # The project whose list by id it is.
    within: int | None = None
    # Ids that an empty list has to prove: unknown ones are refused, not answered with nothing.
    named: dict[str, int] = field(default_factory=dict)

    @property
    def slot(self) -> int | None:
        """Where all that it lets through is; None where nothing tells."""
        project_id = self.named.get("project", self.named.get("task__project"))
        if project_id is not None:
            return slots.of_project(project_id)
        return slots.of_id(self.named["task"]) if "task" in self.named else None

    @property
    def is_whole_project(self) -> bool:
        """Whether the list may be long enough to be streamed."""
        return self.limit is None and "task" not in self.named

    @property
    def is_of_task(self) -> bool:
        """Whether all that is asked for is what was predicted on one task."""
        return self.named.keys() == {"task"} and len(self.clauses) == 2 and self.after is None


# What a parameter adds to the conditions.
CLAUSES = {
    "task": "p.task_id = %s",
    "project": "p.project_id = %s",
    # The task's project is the prediction's.
    "task__project": "p.project_id = %s",
    "score_gte": "p.score >= %s",
    "score_lte": "p.score <= %s",
    "created_after": "p.created_at > %s",
    "created_before": "p.created_at < %s",
}
IDS = ("task", "project", "task__project")


class PredictionParameters(Parameters):
    """Which predictions, and how many of them."""

    task = IdParameter(help_text="Of this task.")
    project = IdParameter(help_text="Of this project.")
    task__project = IdParameter(help_text="Of this project's tasks.")
    model_version = TextParameter(
        empty_counts=True, help_text='Of exactly this version; empty for `""`.'
    )
    model_version__isnull = FlagParameter(
        default=None, help_text="`true`: of the null version; `false`: of any other."
    )
    score_gte = NumberParameter(help_text="Score at least this.")
    score_lte = NumberParameter(help_text="Score at most this.")
    created_after = MomentParameter(help_text="Created after this time.")
    created_before = MomentParameter(help_text="Created before this time.")
    ordering = ChoiceParameter(ORDERINGS, default="id", help_text="Order; by id unless given.")
    limit = LimitParameter(help_text="At most this many.")
    after = IdParameter(help_text="Continue after this id; with the orderings id and -id.")


class PredictionListParameters(PredictionParameters):
    """The same, and whether they are counted."""

    count = FlagParameter(help_text="Answer the full count in X-Total-Count.")


def filter_of(query: Mapping[str, str], *, workspace_id: int) -> PredictionFilter:
    """The filter a query string describes. ValidationError names each parameter it cannot read."""
    values = PredictionListParameters.read(query)
    within = _within(values)
    wanted = PredictionFilter(
        clauses=["p.project_id IN (SELECT id FROM predictions_project WHERE workspace_id = %s)"],
        params=[workspace_id],
        within=within,
        ordering=values["ordering"],
        limit=values["limit"],
        after=values["after"],
        wants_count=values["count"],
        named={name: values[name] for name in IDS if values[name] is not None},
    )
    if within is not None:
        wanted.clauses = [OWNED]
        wanted.params = [within, workspace_id]
    for name, clause in CLAUSES.items():
        if values[name] is not None and (within is None or name not in IDS):
            wanted.clauses.append(clause)
            wanted.params.append(values[name])
    if (version := values["model_version"]) is not None:
        # The index has the first 200 characters.
        wanted.clauses.append("left(p.model_version, 200) = left(%s, 200) AND p.model_version = %s")
        wanted.params += [version.strip()] * 2
    if values["model_version__isnull"]:
        wanted.clauses.append("left(p.model_version, 200) IS NULL AND p.model_version IS NULL")
    elif values["model_version__isnull"] is False:
        wanted.clauses.append("p.model_version IS NOT NULL")
    if wanted.after is not None and wanted.ordering not in {"id", "-id"}:
        raise ValidationError({"after": ["Goes with the orderings id and -id only."]})
    return wanted


def _within(values: Mapping[str, Any]) -> int | None:
    """The project whose list by id is asked for; None where another index has less to read."""
    projects = {values["project"], values["task__project"]} - {None}
    others = ("task", "model_version", "model_version__isnull")
    if len(projects) != 1 or values["ordering"] not in {"id", "-id"}:
        return None
    return None if any(values[name] not in {None, False} for name in others) else projects.pop()
