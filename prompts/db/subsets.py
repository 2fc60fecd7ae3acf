"""Which tasks a run is about, as SQL over `predictions_task t`; no client text in any clause.

A Custom run names tasks, or filters them as `predictions.filters.tasks` can.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.filters import within
from predictions.filters.task_columns import HAS_GT as HAS_GT
from predictions.filters.task_columns import Clause as Clause
from predictions.filters.tasks import group_clause
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.http.storable import whole_within
from prompts.models import ModelRun

# Tasks that a version has a prediction of; served by the (task, id) index.
HAS_PREDICTION = (
    "EXISTS (SELECT 1 FROM predictions_prediction p JOIN prompts_modelrun r"
    " ON r.id = p.model_run_id WHERE p.task_id = t.id AND r.model_version_id = %s)"
)


def refused(message: str) -> ValidationError:
    return ValidationError({"filters_json": [message]})


def custom_task_ids(values: Mapping[str, Any]) -> list[int] | None:
    """The tasks a Custom run names, in `task_ids` or in `filters_json`; None if it filters."""
    filters = values.get("filters_json")
    named = values.get("task_ids")
    if named is None and isinstance(filters, Mapping):
        named = filters.get("task_ids")
    if named is None:
        return None
    if not isinstance(named, list) or any(
        whole_within(entry, 1, MAX_BIGINT) is None for entry in named
    ):
        raise ValidationError({"task_ids": ["Expected a list of task ids."]})
    return sorted(set(named))


def tasks_sql(values: Mapping[str, Any], *, project_id: int, sample_size: int) -> Clause:
    """A statement that selects the ids of a subset's tasks, in id order where it is a sample.

    `values` are a run's project_subset, filters_json and task_ids. ValidationError for a Custom
    subset that says nothing, or what cannot be read.
    """
    sql, params = "SELECT t.id FROM predictions_task t WHERE t.project_id = %s", [project_id]
    match values.get("project_subset", ModelRun.Subset.HAS_GT):
        case ModelRun.Subset.HAS_GT:
            return f"{sql} AND {HAS_GT}", params
        case ModelRun.Subset.SAMPLE:
            where, order = within.of_project("t"), within.by_id("t")
            return (
                f"SELECT t.id FROM predictions_task t WHERE {where} ORDER BY {order} LIMIT %s",  # noqa: S608
                [project_id, project_id, sample_size],
            )
        case ModelRun.Subset.CUSTOM:
            clause, more = _custom_clause(values, project_id)
            return f"{sql} AND {clause}", [*params, *more]
    return sql, params


def _custom_clause(values: Mapping[str, Any], project_id: int) -> Clause:
    if (task_ids := custom_task_ids(values)) is not None:
        return "t.id = ANY(%s)", [task_ids]
    filters = values.get("filters_json")
    if not isinstance(filters, Mapping):
        raise refused("A Custom run needs task_ids or a filter group.")
    return group_clause(filters, name="filters_json", project_id=project_id)


def missing_only(clause: Clause, *, version_id: int) -> Clause:
    """The tasks of a subset without a prediction of the version."""
    sql, params = clause
    return (
        f"SELECT t.id FROM ({sql}) t WHERE NOT {HAS_PREDICTION}",  # noqa: S608
        [*params, version_id],
    )
