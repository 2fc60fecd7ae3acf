"""What the address of a grid asks for: the Data Manager's query, and the form that writes it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from predictions.filters.task_columns import COMPARISONS, PREFIXES
from predictions.filters.tasks import MAX_FILTERS, TaskFilter, of_document, of_query
from predictions_api.http.fields import MAX_BIGINT

#: What the form offers: the query's operator, its value where it has just one, and words.
OPERATORS = (
    ("equal", "is"),
    ("not_equal", "is not"),
    ("contains", "contains"),
    ("not_contains", "does not contain"),
    ("greater", "is more than"),
    ("greater_or_equal", "is at least"),
    ("less", "is less than"),
    ("less_or_equal", "is at most"),
    ("regex", "matches the expression"),
    ("empty:true", "is empty"),
    ("empty:false", "is not empty"),
)
FLAGS = {"empty:true": True, "empty:false": False}
#: Their values are lists or ranges: JSON in the form.
OF_JSON = frozenset({"in", "not_in", "in_list", "not_in_list"})
FORM = ("column", "operator", "value", "conjunction", "sort", "direction")


class Row(NamedTuple):
    """One filter as the form shows it."""

    column: str
    operator: str
    value: str
    #: As what it compares a field of data or meta: the query's type.
    kind: str = ""


@dataclass(slots=True)
class Asked:
    """What a grid shows."""

    query: dict[str, Any] = field(default_factory=dict)
    wanted: TaskFilter = field(default_factory=TaskFilter)
    #: The saved view it came from.
    view: int | None = None
    #: Whose predictions are drawn; None for the newest of each task.
    version: str | None = None
    page: int = 1
    #: What could not be understood.
    problem: str = ""
    #: Whether the query is another one than the view's.
    is_changed: bool = False

    @property
    def rows(self) -> list[Row]:
        """The filters for the form."""
        items = _group(self.query).get("items")
        return [_row(item) for item in items or () if isinstance(item, Mapping)]

    @property
    def conjunction(self) -> str:
        """How they are joined: `and` or `or`."""
        return str(_group(self.query).get("conjunction", "and"))

    @property
    def sort(self) -> tuple[str, bool]:
        """The column that tasks are ordered by, and whether it is falling."""
        ordering = self.query.get("ordering")
        first = ordering[0] if isinstance(ordering, list) and ordering else "id"
        return plain(str(first).removeprefix("-")), str(first).startswith("-")

    @property
    def n_selected(self) -> int | None:
        """How many tasks the query names one by one; None where it does not."""
        selected = self.query.get("selectedItems")
        if not isinstance(selected, Mapping) or selected.get("all", True):
            return None
        return len(selected.get("included") or ())

    def address(self, *, page: int = 1, **changed: Any) -> str:
        """This grid's address, the part after its path, at a page or with something changed."""
        given: dict[str, Any] = {"view": self.view, "version": self.version}
        if self.view is None or self.is_changed:
            given["query"] = compact(self.query) if self.query else None
        given |= {"page": page if page > 1 else None, **changed}
        kept = {name: value for name, value in given.items() if value is not None}
        return f"?{urlencode(kept)}" if kept else "?"


def compact(query: Mapping[str, Any]) -> str:
    """A query as it stands in an address."""
    return json.dumps(query, ensure_ascii=False, separators=(",", ":"))


def plain(name: str) -> str:
    """A column's name without the Data Manager's prefixes."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _group(query: Mapping[str, Any]) -> Mapping[str, Any]:
    group = query.get("filters")
    return group if isinstance(group, Mapping) else {}


def _row(item: Mapping[str, Any]) -> Row:
    operator, value = str(item.get("operator", "")), item.get("value")
    column, kind = plain(str(item.get("filter", ""))), str(item.get("type") or "")
    if operator == "empty":
        flag = str(value).lower()
        return Row(column, f"empty:{flag}", "", kind)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Row(column, operator, text, kind)


def read(
    given: QueryDict, *, project_id: int, views: Sequence[tuple[int, Mapping[str, Any]]]
) -> Asked:
    """What the address asks for. `problem` says what of it is not understood; then nothing is
    shown, rather than everything.
    """
    asked = Asked(version=given.get("version", "").replace("\0", "") or None)
    number = given.get("page", "1")
    asked.page = int(number) if number.isdecimal() and 0 < int(number[:6]) <= 10_000 else 1
    try:
        asked.view, of_view = _view(given.get("view"), views)
        text = given.get("query")
        if text is None:
            asked.query = of_view
            asked.wanted = of_document(of_view, project_id=project_id)
        else:
            asked.is_changed = True
            loaded = _loaded(text)
            asked.query = loaded if isinstance(loaded, dict) else {}
            asked.wanted = of_query(text, project_id=project_id)
    except ValidationError as refused:
        asked.problem = " ".join(_texts(refused.detail))
    return asked


def _view(
    text: str | None, views: Sequence[tuple[int, Mapping[str, Any]]]
) -> tuple[int | None, dict[str, Any]]:
    """The view's id and query; nothing for none. ValidationError for one that is not there."""
    if not text:
        return None, {}
    for pk, data in views:
        if str(pk) == text:
            known = ("filters", "ordering")
            return pk, {name: data[name] for name in known if data.get(name) is not None}
    raise ValidationError([f"There is no saved view {text[:20]} in this project."])


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _texts(detail: Any) -> list[str]:
    if isinstance(detail, Mapping):
        return [text for one in detail.values() for text in _texts(one)]
    if isinstance(detail, list):
        return [text for one in detail for text in _texts(one)]
    return [str(detail)]


def is_form(given: QueryDict) -> bool:
    """Whether the address is what the form sends, and not yet a query."""
    return "column" in given


def of_form(given: QueryDict) -> str:
    """The grid's address, after its path, that a sent form means."""
    columns, operators, values = (given.getlist(name) for name in FORM[:3])
    # Of a row that came from a query: its column and its type.
    kinds = [*given.getlist("kind"), *[""] * len(columns)]
    items = [
        _item(column, operator, value, _kept_kind(column, kind))
        for column, operator, value, kind in zip(columns, operators, values, kinds, strict=False)
        if column
    ][:MAX_FILTERS]
    query: dict[str, Any] = {}
    if items:
        query["filters"] = {"conjunction": given.get("conjunction") or "and", "items": items}
    sort, falls = given.get("sort") or "id", given.get("direction") == "down"
    if sort != "id" or falls:
        query["ordering"] = [f"{'-' * falls}tasks:{sort}"]
    selected = _loaded(given.get("selected") or "null")
    if selected is not None:
        query["selectedItems"] = selected
    kept = {name: given[name] for name in ("view", "version") if given.get(name)}
    return f"?{urlencode({**kept, 'query': compact(query)})}"


def _kept_kind(column: str, told: str) -> str:
    """The type that the row had, unless it is about another column now."""
    of, _, kind = told.rpartition(":")
    return kind if of == column and kind else "String"


def _item(column: str, operator: str, text: str, kind: str = "String") -> dict[str, Any]:
    value: Any = text
    if operator in FLAGS:
        operator, value = "empty", FLAGS[operator]
    elif operator in OF_JSON:
        value = _loaded(text)
        value = text if value is None else value
    elif operator in COMPARISONS and operator not in {"equal", "not_equal"} and _is_number(text):
        kind = "Number"
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) <= MAX_BIGINT
    except ValueError:
        return False
