"""What a cluster asks of the code: each table's place on it, and what no statement may do."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.apps import apps

from predictions_api.cluster import tables
from predictions_api.postgres.spread.fields import SlotField, spread_tables
from predictions_api.postgres.spread.naming import CannotName, by_name, keyed
from tests.house.test_rules import ROOMS, docstrings, nodes, sources, tree

OURS = {*ROOMS, "jobs", "events"}


def models() -> dict[str, type]:
    return {
        model._meta.db_table: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in OURS and model._meta.managed
    }


def test_every_table_says_how_it_lies() -> None:
    assert sorted(tables.every()) == sorted(models())


def test_tables_by_slot_have_one() -> None:
    assert set(tables.lying(tables.SLOT)) == spread_tables()


def lies_well(way: str, parent: str) -> bool:
    """Whether a table that lies one way may have a key to one that lies another."""
    if parent == tables.EVERYWHERE:
        return True
    return way == parent


def test_keys_lead_to_the_same_node() -> None:
    every = tables.every()
    bad = [
        (table, field.column)
        for table, model in models().items()
        for field in model._meta.concrete_fields  # type: ignore[attr-defined]
        if field.is_relation
        and field.db_constraint
        and field.remote_field.model._meta.db_table in every
        and not lies_well(every[table], every[field.remote_field.model._meta.db_table])
    ]
    assert bad == []


def test_the_slot_is_never_asked_of_a_client() -> None:
    fields = [
        field
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SlotField)
    ]
    assert not any(field.editable for field in fields)


TIME = r"(?:now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)"
# What is refused of a table that is spread or copied, or done wrongly without a word.
FORBIDDEN = {
    "a time within CASE of an UPDATE": re.compile(
        rf"\bUPDATE\b.*\bCASE\b(?:(?!\bEND\b).)*\b{TIME}.*\bEND\b", re.S | re.I
    ),
    "a time within COALESCE of an UPDATE": re.compile(
        rf"\bUPDATE\b.*\bSET\b.*\bcoalesce\([^()]*{TIME}", re.S | re.I
    ),
    "a time in ON CONFLICT": re.compile(rf"\bDO UPDATE\b.*{TIME}", re.S | re.I),
    "a volatile time in an UPDATE": re.compile(
        r"\bUPDATE\b.*\bSET\b.*clock_timestamp\(\)", re.S | re.I
    ),
    "a time reckoned from a column in an UPDATE": re.compile(
        r"\bUPDATE\b.*\bSET\b.*[-+]\s*make_interval\(\w+ => [a-z_]+\.[a-z_]+", re.S | re.I
    ),
    "JSON made of columns in an UPDATE": re.compile(
        r"\bUPDATE\b.*\bSET\b(?:(?!\bFROM\b|\bWHERE\b).)*\bjsonb?_build_\w+\(", re.S | re.I
    ),
    "an id made in the list of an INSERT": re.compile(
        r"\bINSERT INTO\b.*\bSELECT\b.*\bnextval\(", re.S | re.I
    ),
}


def strings() -> Iterator[tuple[str, str]]:
    """Every text of the code, where it stands; of f-strings what is fixed."""
    for path in sources():
        ignored = docstrings(path)
        for node in nodes(path):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value for p in node.values if isinstance(p, ast.Constant)]
                yield f"{path}:{node.lineno}", " ".join(map(str, parts))
            elif isinstance(node, ast.Constant) and id(node) not in ignored:
                yield f"{path}:{node.lineno}", str(node.value)


def test_no_statement_does_what_a_cluster_forbids() -> None:
    found = [
        (where, what)
        for where, text in strings()
        for what, pattern in FORBIDDEN.items()
        if pattern.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "sql"),
    [
        ("a time within CASE of an UPDATE", "UPDATE a SET b = CASE WHEN c THEN now() END"),
        ("a time within COALESCE of an UPDATE", "UPDATE a SET b = coalesce(b, now())"),
        ("a time in ON CONFLICT", "INSERT INTO a ON CONFLICT (b) DO UPDATE SET c = now()"),
        ("a volatile time in an UPDATE", "UPDATE a SET b = clock_timestamp()"),
        (
            "a time reckoned from a column in an UPDATE",
            "UPDATE a SET b = %s + make_interval(secs => c.d)",
        ),
        (
            "JSON made of columns in an UPDATE",
            "UPDATE a SET b = jsonb_build_object('c', k.c) FROM k WHERE k.id = a.id",
        ),
        ("an id made in the list of an INSERT", "INSERT INTO a SELECT nextval('b')"),
    ],
)
def test_what_is_forbidden_would_be_found(what: str, sql: str) -> None:
    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(sql)] == [what]


def conditional_times(module: ast.Module) -> list[int]:
    """Lines where the object mapper's Now() stands inside a condition."""
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Coalesce", "Case", "When"}
        and any(
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Name)
            and inner.func.id == "Now"
            for inner in ast.walk(node)
        )
    ]


def test_the_object_mapper_is_not_asked_for_it_either() -> None:
    found = [(str(path), line) for path in sources() for line in conditional_times(tree(path))]
    assert found == []


WRITES = re.compile(r"\s*(?:WITH\b|UPDATE\b|DELETE\b|SELECT\b|INSERT\b)")


def test_every_statement_has_a_place_for_the_slot() -> None:
    """Of the constants that are whole statements: those put together elsewhere are run by tests."""
    refused = []
    for where, text in strings():
        if WRITES.match(text) and " WHERE" in text.upper().replace("\n", " "):
            try:
                keyed(by_name(text), spread_tables())
            except CannotName as error:
                refused.append((where, str(error)))
    assert refused == []
