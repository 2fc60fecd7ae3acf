"""Which tasks a filter of Label Studio's Data Manager means, as SQL over `predictions_task t`.

`{"conjunction": "and", "items": [{"filter": "filter:tasks:data.text", "operator": "contains",
"value": "refund", "type": "String"}]}` over the columns of `task_columns`, `data.<field>`,
`meta.<field>` and those that other rooms registered. What is not understood is refused, never
ignored; no client text stands in any clause.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

from predictions.filters import keys
from predictions.filters.children import Children
from predictions.filters.registered import Rows, Scope
from predictions.filters.task_columns import ANNOTATED, Clause, filter_clause, order_of
from predictions.filters.within import by_id, of_project
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.http.storable import Refused, whole_within

MAX_FILTERS = 50


@dataclass(slots=True)
class TaskFilter:
    """Clauses over `t`, and an order; each part may be empty."""

    where: Clause = ("true", [])
    order: Clause = ("t.id", [])
    # What the order goes by first; None for ids.
    sorted_by: Clause | None = None
    # Where the numbers stand that it goes by, or what they are computed from; and whether the
    # highest come first.
    rows: Rows | None = None
    children: Children | None = None
    is_falling: bool = False
    # Whether `where` lets through what the project has.
    is_everything: bool = field(default=True)

    def within(self, project_id: int) -> Clause:
        """The condition on the tasks of a project, for a list in `order_within`."""
        where, params = self.where
        if self.sorted_by is None:
            return f"{of_project('t')} AND {where}", [project_id, project_id, *params]
        return f"t.project_id = %s AND {where}", [project_id, *params]

    @property
    def order_within(self) -> Clause:
        """The order within one project: by id in that of its index."""
        is_falling = self.order[0] == "t.id DESC"
        return self.order if self.sorted_by else (by_id("t", is_falling=is_falling), [])


def named(clause: Clause, prefix: str) -> tuple[str, dict[str, Any]]:
    """A clause with `%(<prefix><n>)s` for each `%s`: one that may stand in a statement more than
    once, or beside others.
    """
    sql, params = clause
    names = [f"{prefix}{n}" for n in range(len(params))]
    first, *rest = sql.split("%s")
    pieces = (f"%({name})s{piece}" for name, piece in zip(names, rest, strict=True))
    return "".join([first, *pieces]), dict(zip(names, params, strict=True))


def _group_clause(group: Mapping[str, Any], scope: Scope) -> Clause:
    items = group.get("items")
    conjunction = str(group.get("conjunction", "and")).lower()
    if not isinstance(items, list) or not items or len(items) > MAX_FILTERS:
        raise Refused(f"A filter group has 1 to {MAX_FILTERS} items.")
    if conjunction not in {"and", "or"}:
        raise Refused('The conjunction is "and" or "or".')
    clauses = [filter_clause(item, scope) for item in items]
    joined = f" {conjunction.upper()} ".join(f"({sql})" for sql, _ in clauses)
    return f"({joined})", [value for _, params in clauses for value in params]


def group_clause(group: Mapping[str, Any], *, name: str, project_id: int) -> Clause:
    """A filter group as one clause. ValidationError under `name` says what cannot be read."""
    try:
        keys.refuse_unread(group, keys.OF_GROUP, "A filter group")
        return _group_clause(group, Scope(project_id))
    except Refused as exc:
        raise ValidationError({name: [str(exc)]}) from None


def of_query(
    text: str | None,
    *,
    project_id: int,
    known: Mapping[str, Any] | None = None,
    view: Mapping[str, Any] | None = None,
) -> TaskFilter:
    """The filter in the parameter `query`: JSON with `filters`, `selectedItems` and `ordering`, any
    of which may be missing; everything for None. ValidationError for what cannot be read. `known`
    is what a provider of columns has looked up already (see `Scope`). With the `data` of a saved
    view only tasks of the view, in its order unless the query has one.
    """
    if text is None:
        return TaskFilter() if view is None else of_view(view, project_id=project_id)
    try:
        document = _json_object(text)
        keys.refuse_unread(document, keys.OF_QUERY, "A query")
        return _task_filter(document, Scope(project_id, dict(known or {})), view or {})
    except Refused as exc:
        raise ValidationError({"query": [str(exc)]}) from None


def of_list(
    query: str | None,
    *,
    project_id: int,
    view: Mapping[str, Any] | None = None,
    selected: str | None = None,
    only_annotated: bool = False,
) -> TaskFilter:
    """The filter of a list of tasks: `query` as above, narrowed to the tasks that the JSON in
    `selected` chooses, and to those that have an annotation which was not cancelled.
    ValidationError for what cannot be read.
    """
    wanted = of_query(query, project_id=project_id, view=view)
    try:
        chosen = None if selected is None else _selected(_json_object(selected))
    except Refused as exc:
        raise ValidationError({"selectedItems": [str(exc)]}) from None
    annotated: Clause | None = (ANNOTATED, []) if only_annotated else None
    return _narrowed(wanted, [clause for clause in (chosen, annotated) if clause is not None])


def of_document(document: Any, *, project_id: int, name: str = "query") -> TaskFilter:
    """The same of the JSON itself. ValidationError under `name` for what cannot be read."""
    try:
        if not isinstance(document, Mapping):
            raise Refused("Enter a JSON object.")
        keys.refuse_unread(document, keys.OF_QUERY, "A query")
        return _task_filter(document, Scope(project_id))
    except Refused as exc:
        raise ValidationError({name: [str(exc)]}) from None


def of_view(data: Mapping[str, Any], *, project_id: int) -> TaskFilter:
    """The filters and the order that the `data` of a saved view holds. ValidationError under `data`
    for what cannot be read.
    """
    known = {name: data[name] for name in ("filters", "ordering") if data.get(name) is not None}
    return of_document(known, project_id=project_id, name="data")


def of_selection(
    document: Any, *, project_id: int, view: Mapping[str, Any] | None = None
) -> TaskFilter:
    """The filter in a body with `selectedItems`, and if given `filters`; with the `data` of a saved
    view only tasks of the view. ValidationError for what cannot be read, and without a selection:
    nobody means all tasks by saying nothing.
    """
    if not isinstance(document, Mapping):
        raise ValidationError([f"Expected an object, got {type(document).__name__}."])
    selected = document.get("selectedItems")
    if not isinstance(selected, Mapping) or "all" not in selected:
        raise ValidationError({"selectedItems": ["An object with all, and included or excluded."]})
    try:
        return _task_filter(document, Scope(project_id), view or {})
    except Refused as exc:
        raise ValidationError([str(exc)]) from None


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("The query is not JSON.") from None
    if not isinstance(document, dict):
        raise Refused("The query is not a JSON object.")
    return document


def _task_filter(
    document: Mapping[str, Any], scope: Scope, view: Mapping[str, Any] | None = None
) -> TaskFilter:
    """What the document lets through, of the tasks that the view shows where there is one."""
    shown = view or {}
    clauses = [
        _selected({} if (chosen := document.get("selectedItems")) is None else chosen),
        _filters(document, scope),
        _filters(shown, scope),
    ]
    order = order_of(document.get("ordering") or shown.get("ordering") or [], scope)
    wanted = TaskFilter(
        order=order.clause,
        sorted_by=order.by,
        rows=order.rows,
        children=order.children,
        is_falling=order.is_falling,
    )
    return _narrowed(wanted, [clause for clause in clauses if clause is not None])


def _filters(document: Mapping[str, Any], scope: Scope) -> Clause | None:
    """The clause of `filters`; None where there are none."""
    group = document.get("filters") or {}
    if not isinstance(group, Mapping):
        raise Refused("filters is an object with conjunction and items.")
    keys.refuse_unread(group, keys.OF_GROUP, "A filter group")
    return _group_clause(group, scope) if group.get("items") else None


def _narrowed(wanted: TaskFilter, further: Sequence[Clause]) -> TaskFilter:
    """The same filter, which lets through only what fulfils these clauses, too."""
    if further:
        clauses = further if wanted.is_everything else [wanted.where, *further]
        wanted.where = (
            " AND ".join(sql for sql, _ in clauses),
            [value for _, params in clauses for value in params],
        )
        wanted.is_everything = False
    return wanted


def _selected(selected: Any) -> Clause | None:
    """All but those excluded, or only those included; None for simply all."""
    if not isinstance(selected, Mapping) or not isinstance(selected.get("all", True), bool):
        raise Refused("selectedItems is an object with all, included and excluded.")
    keys.refuse_unread(selected, keys.OF_SELECTED, "selectedItems")
    is_all = selected.get("all", True)
    other = "included" if is_all else "excluded"
    if selected.get(other):
        raise Refused(f'{other} goes with "all": {"false" if is_all else "true"}.')
    if not is_all:
        return "t.id = ANY(%s)", [_ids(selected.get("included") or [])]
    excluded = _ids(selected.get("excluded") or [])
    return ("t.id <> ALL(%s)", [excluded]) if excluded else None


def _ids(value: Any) -> list[int]:
    if not isinstance(value, list) or any(
        whole_within(entry, 1, MAX_BIGINT) is None for entry in value
    ):
        raise Refused("Expected a list of task ids.")
    return value
