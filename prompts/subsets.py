"""Which tasks a run is about, as SQL over `predictions_task t`; no client text in any clause.

A Custom run names tasks, or filters them with the documented part of the peer's Data Manager
filter groups: `{"conjunction": "and", "items": [{"filter": "filter:tasks:data.text", "operator":
"contains", "value": "refund", "type": "String"}]}` over `id`, `data.<field>`, `model_version`,
`score` and `ground_truth`. Anything else is refused, never ignored.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.serializers import MAX_BIGINT
from prompts.models import ModelRun

Clause = tuple[str, list[Any]]

PREFIX = "filter:tasks:"
HAS_GT = (
    "EXISTS (SELECT 1 FROM predictions_annotation a WHERE a.task_id = t.id AND a.ground_truth"
    " AND NOT a.was_cancelled)"
)
# Tasks that a version has a prediction of; served by the (task, id) index.
HAS_PREDICTION = (
    "EXISTS (SELECT 1 FROM predictions_prediction p JOIN prompts_modelrun r"
    " ON r.id = p.model_run_id WHERE p.task_id = t.id AND r.model_version_id = %s)"
)
COMPARISONS = {
    "equal": "=",
    "not_equal": "<>",
    "less": "<",
    "greater": ">",
    "less_or_equal": "<=",
    "greater_or_equal": ">=",
}
MAX_FILTERS = 50


def refused(message: str) -> ValidationError:
    return ValidationError({"filters_json": [message]})


def _number(value: Any) -> float | int:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_BIGINT:
        raise refused(f"{value!r:.100} is not a number.")
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool | dict | list) or value is None or "\0" in str(value):
        raise refused(f"{value!r:.100} is not text.")
    return str(value)


def _flag(value: Any) -> bool:
    if value in (True, "true", "True"):
        return True
    if value in (False, "false", "False"):
        return False
    raise refused(f"{value!r:.100} is neither true nor false.")


def _list(value: Any) -> list[Any]:
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list):
        raise refused(f"{value!r:.100} is not a list.")
    return found


def _number_clause(column: str, operator: str, value: Any) -> Clause:
    if operator in COMPARISONS:
        return f"{column} {COMPARISONS[operator]} %s", [_number(value)]
    if operator in {"in", "not_in"}:
        bounds = value if isinstance(value, Mapping) else {}
        low, high = _number(bounds.get("min")), _number(bounds.get("max"))
        return f"{column} {'NOT ' * (operator == 'not_in')}BETWEEN %s AND %s", [low, high]
    if operator in {"in_list", "not_in_list"}:
        numbers = [_number(entry) for entry in _list(value)]
        negation = "NOT " * (operator == "not_in_list")
        return f"{negation}({column} = ANY(%s::numeric[]))", [numbers]
    raise refused(f"The operator {operator!r:.50} does not go with numbers.")


def _text_clause(column: str, operator: str, value: Any) -> Clause:
    match operator:
        case "equal":
            return f"{column} = %s", [_text(value)]
        case "not_equal":
            return f"{column} IS DISTINCT FROM %s", [_text(value)]
        case "contains":
            return f"strpos(lower({column}), lower(%s)) > 0", [_text(value)]
        case "not_contains":
            return f"coalesce(strpos(lower({column}), lower(%s)), 0) = 0", [_text(value)]
        case "in_list":
            return f"{column} = ANY(%s)", [[_text(entry) for entry in _list(value)]]
        case "not_in_list":
            texts = [_text(entry) for entry in _list(value)]
            return f"NOT coalesce({column} = ANY(%s), false)", [texts]
        case "empty":
            empty = f"coalesce({column}, '') = ''"
            return (empty if _flag(value) else f"NOT ({empty})"), []
    raise refused(f"The operator {operator!r:.50} does not go with text.")


def _of_predictions(clause: Clause) -> Clause:
    sql, params = clause
    one = f"SELECT 1 FROM predictions_prediction q WHERE q.task_id = t.id AND {sql}"  # noqa: S608
    return f"EXISTS ({one})", params


def _version_clause(operator: str, value: Any) -> Clause:
    positive = {
        "not_equal": "equal",
        "not_contains": "contains",
        "not_in_list": "in_list",
    }.get(operator)
    if positive:
        sql, params = _of_predictions(_text_clause("q.model_version", positive, value))
        return f"NOT {sql}", params
    if operator == "empty":
        none = "NOT EXISTS (SELECT 1 FROM predictions_prediction q WHERE q.task_id = t.id)"
        return (none if _flag(value) else f"NOT ({none})"), []
    return _of_predictions(_text_clause("q.model_version", operator, value))


def _data_clause(path: str, operator: str, value: Any, kind: str) -> Clause:
    steps = path.split(".")
    if kind == "Number" and operator not in {"empty", "contains", "not_contains"}:
        column = (
            "(CASE WHEN jsonb_typeof(t.data #> %s) = 'number' THEN (t.data #>> %s)::numeric END)"
        )
        sql, params = _number_clause(column, operator, value)
        return sql, [steps, steps, *params]
    sql, params = _text_clause("(t.data #>> %s)", operator, value)
    return sql, [steps, *params]


def _filter_clause(item: Any) -> Clause:
    if not isinstance(item, Mapping):
        raise refused("A filter is an object with filter, operator, type and value.")
    name = str(item.get("filter", "")).removeprefix(PREFIX).removeprefix("tasks:")
    operator, value = str(item.get("operator", "")), item.get("value")
    if "\0" in name:
        raise refused("Null characters are not allowed.")
    if name.startswith("data.") and len(name) > len("data."):
        return _data_clause(name[len("data.") :], operator, value, str(item.get("type", "")))
    match name:
        case "id":
            return _number_clause("t.id", operator, value)
        case "model_version" | "predictions_model_versions":
            return _version_clause(operator, value)
        case "score":
            return _of_predictions(_number_clause("q.score", operator, value))
        case "ground_truth" if operator == "equal":
            return (HAS_GT if _flag(value) else f"NOT {HAS_GT}"), []
    raise refused(f"Unknown filter {name!r:.100} with the operator {operator!r:.50}.")


def group_clause(group: Mapping[str, Any]) -> Clause:
    """A filter group as one clause. ValidationError names what it cannot read."""
    items = group.get("items")
    conjunction = str(group.get("conjunction", "and")).lower()
    if not isinstance(items, list) or not items or len(items) > MAX_FILTERS:
        raise refused(f"A filter group has 1 to {MAX_FILTERS} items.")
    if conjunction not in {"and", "or"}:
        raise refused('The conjunction is "and" or "or".')
    clauses = [_filter_clause(item) for item in items]
    joined = f" {conjunction.upper()} ".join(f"({sql})" for sql, _ in clauses)
    return f"({joined})", [value for _, params in clauses for value in params]


def custom_task_ids(values: Mapping[str, Any]) -> list[int] | None:
    """The tasks a Custom run names, in `task_ids` or in `filters_json`; None if it filters."""
    filters = values.get("filters_json")
    named = values.get("task_ids")
    if named is None and isinstance(filters, Mapping):
        named = filters.get("task_ids")
    if named is None:
        return None
    if not isinstance(named, list) or not all(
        type(entry) is int and 0 < entry <= MAX_BIGINT for entry in named
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
            return f"{sql} ORDER BY t.id LIMIT %s", [*params, sample_size]
        case ModelRun.Subset.CUSTOM:
            clause, more = _custom_clause(values)
            return f"{sql} AND {clause}", [*params, *more]
    return sql, params


def _custom_clause(values: Mapping[str, Any]) -> Clause:
    if (task_ids := custom_task_ids(values)) is not None:
        return "t.id = ANY(%s)", [task_ids]
    filters = values.get("filters_json")
    if not isinstance(filters, Mapping):
        raise refused("A Custom run needs task_ids or a filter group.")
    return group_clause(filters)


def missing_only(clause: Clause, *, version_id: int) -> Clause:
    """The tasks of a subset without a prediction of the version."""
    sql, params = clause
    return (
        f"SELECT t.id FROM ({sql}) t WHERE NOT {HAS_PREDICTION}",  # noqa: S608
        [*params, version_id],
    )
