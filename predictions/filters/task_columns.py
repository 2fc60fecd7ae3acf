"""Conditions on one column of tasks, or on what is on them, as SQL over `predictions_task t`.

No client text stands in any clause. Refused says what is not understood.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from predictions.filters import children, keys, registered
from predictions.filters.children import Children
from predictions.filters.registered import Rows, Scope
from predictions_api.http.parameters import moment_of
from predictions_api.http.storable import Refused, encodes, finite_number

Clause = tuple[str, list[Any]]
PREFIXES = ("filter:", "tasks:")
# What a task that counts an annotation has.
ANNOTATED = (
    "EXISTS (SELECT 1 FROM predictions_annotation a WHERE a.task_id = t.id AND NOT a.was_cancelled)"
)
HAS_GT = (
    "EXISTS (SELECT 1 FROM predictions_annotation a WHERE a.task_id = t.id AND a.ground_truth"
    " AND NOT a.was_cancelled)"
)
NUMBERS = {
    "id": "t.id",
    "inner_id": "t.inner_id",
    **{name: of.of_task for name, of in children.NUMBERS.items()},
}
# Of these, empty means none: a count is never null.
COUNTERS = frozenset({"total_annotations", "cancelled_annotations", "total_predictions"})
# Tasks are not kept with the file they came in.
TEXTS = {"file_upload": "NULL::text"}
#: Columns whose fields are columns, too: `data.city`, `meta.camera`.
JSON_COLUMNS = frozenset({"data", "meta"})
# What is looked for in the text of results, and in which of them.
RESULTS = {
    "annotations_results": "predictions_annotation",
    "predictions_results": "predictions_prediction",
}
MOMENTS = {
    "created_at": "t.created_at",
    "updated_at": "t.updated_at",
    **{name: of.of_task for name, of in children.MOMENTS.items()},
}
COMPARISONS = {
    "equal": "=",
    "not_equal": "<>",
    "less": "<",
    "greater": ">",
    "less_or_equal": "<=",
    "greater_or_equal": ">=",
}
# A negated operator means: no child of the task for which its opposite holds.
OPPOSITES = {
    "not_equal": "equal",
    "not_contains": "contains",
    "not_in_list": "in_list",
}
# A number in text, and of how many characters at most: short enough for `numeric`, and long enough
# for each float64 written out.
NUMBER_TEXT = r"^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*$"
MOST_NUMBER_TEXT = 1000
WHOLE_TEXT = re.compile(r"\s*[-+]?[0-9]+\s*")
# Postgres matches in time that grows with pattern and text alone, but for back references.
MAX_PATTERN = 200
MAX_MATCHED = 10_000
BACK_REFERENCE = re.compile(r"\\[1-9]")


def _number(value: Any) -> float | int:
    number = finite_number(value)
    if number is None or isinstance(value, bool):
        raise Refused(f"{value!r:.100} is not a number.")
    if isinstance(value, str) and WHOLE_TEXT.fullmatch(value):
        # With all its digits.
        return int(value)
    return value if isinstance(value, int) else number


def _is_storable(text: str) -> bool:
    """Whether Postgres can be asked for it."""
    return "\0" not in text and encodes(text)


def _text(value: Any) -> str:
    if isinstance(value, bool | dict | list) or value is None or not _is_storable(str(value)):
        raise Refused(f"{value!r:.100} is not text.")
    return str(value)


def _pattern(value: Any) -> str:
    """A regular expression whose matching is bounded in time, as Postgres reads them."""
    pattern = _text(value)
    if len(pattern) > MAX_PATTERN:
        raise Refused(f"A regular expression has {MAX_PATTERN} characters at most.")
    if BACK_REFERENCE.search(pattern):
        raise Refused("A regular expression may not refer back to its groups.")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise Refused(f"{value!r:.100} is not a regular expression.") from None
    return pattern


def _flag(value: Any) -> bool:
    if value in (True, "true", "True"):
        return True
    if value in (False, "false", "False"):
        return False
    raise Refused(f"{value!r:.100} is neither true nor false.")


def _list(value: Any) -> list[Any]:
    found = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(found, list):
        raise Refused(f"{value!r:.100} is not a list.")
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
    if operator == "empty":
        return f"{column} IS {'NOT ' * (not _flag(value))}NULL", []
    raise Refused(f"The operator {operator!r:.50} does not go with numbers.")


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
        case "regex":
            return f"left({column}, {MAX_MATCHED}) ~ %s", [_pattern(value)]
        case "empty":
            empty = f"coalesce({column}, '') = ''"
            return (empty if _flag(value) else f"NOT ({empty})"), []
    raise Refused(f"The operator {operator!r:.50} does not go with text.")


def _moment(value: Any) -> datetime:
    moment = moment_of(value) if isinstance(value, str) else None
    if moment is None:
        raise Refused(f"{value!r:.100} is not a time.")
    return moment


def _moment_clause(column: str, operator: str, value: Any) -> Clause:
    if operator in COMPARISONS:
        return f"{column} {COMPARISONS[operator]} %s", [_moment(value)]
    if operator in {"in", "not_in"}:
        bounds = value if isinstance(value, Mapping) else {}
        low, high = _moment(bounds.get("min")), _moment(bounds.get("max"))
        return f"{column} {'NOT ' * (operator == 'not_in')}BETWEEN %s AND %s", [low, high]
    if operator == "empty":
        return f"{column} IS {'NOT ' * (not _flag(value))}NULL", []
    raise Refused(f"The operator {operator!r:.50} does not go with times.")


def _of_predictions(clause: Clause) -> Clause:
    sql, params = clause
    some = "EXISTS (SELECT 1 FROM predictions_prediction q WHERE q.task_id = t.id"
    return f"{some} AND {sql})", params


def _version_clause(operator: str, value: Any) -> Clause:
    if operator in OPPOSITES:
        sql, params = _version_clause(OPPOSITES[operator], value)
        return f"NOT {sql}", params
    if operator == "empty":
        none = "NOT EXISTS (SELECT 1 FROM predictions_prediction q WHERE q.task_id = t.id)"
        return (none if _flag(value) else f"NOT ({none})"), []
    # The column is a list: one that names several asks for any of them.
    if isinstance(value, list) and operator in {"contains", "equal"}:
        operator = "in_list"
    if operator == "equal" and isinstance(value, str):
        value = value.strip()  # as versions are stored
    return _of_predictions(_text_clause("q.model_version", operator, value))


def _results_clause(table: str, operator: str, value: Any) -> Clause:
    if operator in OPPOSITES:
        sql, params = _results_clause(table, OPPOSITES[operator], value)
        return f"NOT {sql}", params
    exists = f"EXISTS (SELECT 1 FROM {table} r WHERE r.task_id = t.id"  # noqa: S608
    if operator == "empty":
        some = f"{exists} AND r.result <> '[]')"
        return (f"NOT {some}" if _flag(value) else some), []
    sql, params = _text_clause("r.result::text", operator, value)
    return f"{exists} AND {sql})", params


def _annotators_clause(operator: str, value: Any) -> Clause:
    """Annotations count by who completed them; of several people named, any."""
    if operator in OPPOSITES:
        sql, params = _annotators_clause(OPPOSITES[operator], value)
        return f"NOT {sql}", params
    one = "(SELECT 1 FROM predictions_annotation a WHERE a.task_id = t.id AND {})"
    if operator == "empty":
        some = f"EXISTS {one.format('a.completed_by_id IS NOT NULL')}"
        return (f"NOT {some}" if _flag(value) else some), []
    if operator not in {"equal", "contains", "in_list"}:
        raise Refused(f"The operator {operator!r:.50} does not go with lists.")
    named = _list(value) if isinstance(value, list | str) else [value]
    people = [_number(entry) for entry in named]
    return f"EXISTS {one.format('a.completed_by_id = ANY(%s::numeric[])')}", [people]


def _tags_clause(operator: str, value: Any) -> Clause:
    """The column is a list: `contains` and `equal` name a tag, or several: any of them."""
    if operator in OPPOSITES:
        sql, params = _tags_clause(OPPOSITES[operator], value)
        return f"NOT {sql}", params
    # By the primary key, or by (project, name, task).
    tagged = (
        "EXISTS (SELECT 1 FROM predictions_tasktag g WHERE g.project_id = t.project_id"
        " AND g.task_id = t.id"
    )
    if operator == "empty":
        return f"{'NOT ' * _flag(value)}{tagged})", []
    if operator not in {"equal", "contains", "in_list"}:
        raise Refused(f"The operator {operator!r:.50} does not go with tags.")
    named = value if isinstance(value, list) else [value]
    if operator == "in_list":
        named = _list(value)
    return f"{tagged} AND g.name = ANY(%s))", [[_text(one) for one in named]]


def _field(column: str, path: str, operator: str) -> Clause:
    """A field of `data` or `meta`, as text with `->>` and as JSON with `->`: the key of that name
    or, where there is none, what the path leads to.
    """
    if "." not in path:
        return f"(t.{column} {operator} %s)", [path]
    by_path = operator.replace("-", "#")
    by_name, deeper = f"t.{column} {operator} %s", f"t.{column} {by_path} %s"
    sql = f"(CASE WHEN t.{column} ? %s THEN {by_name} ELSE {deeper} END)"
    return sql, [path, path, path.split(".")]


def _in_json(name: str) -> tuple[str, str] | None:
    """Of `data.<path>` and `meta.<path>` the column and the path; None of other names."""
    column, dot, path = name.partition(".")
    return (column, path) if column in JSON_COLUMNS and dot and path else None


def _field_clause(field: tuple[str, str], operator: str, value: Any, kind: str) -> Clause:
    keys.refuse_other_number(kind)
    column, given = _field(*field, "->>")
    if kind == "Number" and operator not in {"empty", "contains", "not_contains", "regex"}:
        stored, of_stored = _field(*field, "->")
        number = (
            f"(CASE jsonb_typeof({stored}) WHEN 'number' THEN {stored}::numeric WHEN 'string' THEN"
            f" CASE WHEN length({column}) <= {MOST_NUMBER_TEXT} AND {column} ~ %s"
            f" THEN {column}::numeric END END)"
        )
        sql, params = _number_clause(number, operator, value)
        return sql, [*of_stored, *of_stored, *given, *given, NUMBER_TEXT, *given, *params]
    if kind == "Boolean" and operator in {"equal", "not_equal"}:
        wanted = str(_flag(value)).lower()
        sql, params = _text_clause(f"lower({column})", operator, wanted)
        return sql, [*given, *params]
    sql, params = _text_clause(column, operator, value)
    return sql, [*given, *params]


def _column(name: str) -> str:
    """The column's name without Label Studio's prefixes."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    if not _is_storable(name):
        raise Refused(f"No column is called {name!r:.100}.")
    return name


def filter_clause(item: Any, scope: Scope) -> Clause:
    """One filter. Without a project, columns that need to know it are refused."""
    if not isinstance(item, Mapping):
        raise Refused("A filter is an object with filter, operator, type and value.")
    if any(item.get(name) for name in keys.OF_CHILDREN):
        raise Refused("A filter inside a filter is not understood.")
    said = {name: value for name, value in item.items() if name not in keys.OF_CHILDREN}
    keys.refuse_unread(said, keys.OF_FILTER, "A filter")
    name = _column(str(item.get("filter", "")))
    operator, value = str(item.get("operator", "")), item.get("value")
    if (field := _in_json(name)) is not None:
        return _field_clause(field, operator, value, str(item.get("type", "")))
    if name in COUNTERS and operator == "empty":
        return f"{NUMBERS[name]} {'=' if _flag(value) else '>'} 0", []
    if name in NUMBERS:
        return _number_clause(NUMBERS[name], operator, value)
    if name in TEXTS:
        return _text_clause(TEXTS[name], operator, value)
    if name in RESULTS:
        return _results_clause(RESULTS[name], operator, value)
    if name in MOMENTS:
        return _moment_clause(MOMENTS[name], operator, value)
    match name:
        case "model_version" | "predictions_model_versions":
            return _version_clause(operator, value)
        case "annotators":
            return _annotators_clause(operator, value)
        case "tags":
            return _tags_clause(operator, value)
        case "score" if operator == "empty":
            sql, params = _of_predictions(("q.score IS NOT NULL", []))
            return f"{'NOT ' * _flag(value)}{sql}", params
        case "score":
            return _of_predictions(_number_clause("q.score", operator, value))
        case "ground_truth" if operator == "equal":
            return (HAS_GT if _flag(value) else f"NOT {HAS_GT}"), []
    if operator != "empty" and (rows := registered.rows(name, scope)) is not None:
        condition, params = _number_clause(rows.number, operator, value)
        return f"t.id IN ({rows.tasks(condition)})", [*rows.params, *params]
    if (known := registered.numbers(name, scope)) is not None:
        sql, params = _number_clause(known[0], operator, value)
        return sql, [*known[1], *params]
    raise Refused(f"Unknown filter {name!r:.100} with the operator {operator!r:.50}.")


@dataclass(frozen=True, slots=True)
class Order:
    """The order of tasks, and what decides it first; None for the order of ids."""

    clause: Clause = ("t.id", [])
    by: Clause | None = None
    #: Where the numbers stand that decide it; None where they have to be computed.
    rows: Rows | None = None
    #: What on tasks they are computed from; None where they are not.
    children: Children | None = None
    is_falling: bool = False


def order_of(ordering: Any, scope: Scope) -> Order:
    """By the first column named, as Label Studio; tasks without a value come last. Without a
    project, columns that need to know it are refused.
    """
    if not isinstance(ordering, list) or not all(isinstance(name, str) for name in ordering):
        raise Refused("ordering is a list of columns.")
    if not ordering:
        return Order()
    first = ordering[0]
    down = " DESC" if first.startswith("-") else ""
    name = _column(first.removeprefix("-"))
    if name == "id":
        return Order((f"t.id{down}", []))
    column, params = by = _sorted_by(name, scope)
    clause = f"{column}{down} NULLS LAST, t.id{down}", params
    return Order(
        clause,
        by,
        rows=registered.rows(name, scope),
        children={**children.NUMBERS, **children.MOMENTS}.get(name),
        is_falling=bool(down),
    )


def _sorted_by(name: str, scope: Scope) -> Clause:
    if (field := _in_json(name)) is not None:
        column, params = _field(*field, "->")
        # JSON's null is no value either.
        return f"nullif({column}, 'null')", params
    known = {**NUMBERS, **MOMENTS, **TEXTS}.get(name)
    if known is not None:
        return known, []
    given = registered.numbers(name, scope)
    if given is None:
        raise Refused(f"Tasks cannot be ordered by {name!r:.100}.")
    return given
