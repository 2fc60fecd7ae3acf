"""Names the slot in a statement: beside every table that is spread, so that one node answers.

Rooms write their statements as for one node. On a cluster `slot = %(slot)s` is added for every
mention of such a table: in the WHERE of its query or, where there is none or the table is the
optional side of a join, in a sub-select in its place. Where the database is not spread a statement
stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?P<quoted>[^"]+)" | --[^\n]* | %\(\w+\)s | %s | %%
    | (?P<word>[A-Za-z_][\w$]*) | (?P<mark>[(),.;])""",
    re.VERBOSE,
)
# Words after a table that are no alias of it.
NOT_ALIASES = frozenset(
    {"WHERE", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "ON", "USING", "ORDER"}
    | {"GROUP", "HAVING", "LIMIT", "OFFSET", "FETCH", "SET", "FOR", "RETURNING", "UNION", "DO"}
    | {"INTERSECT", "EXCEPT", "WINDOW", "VALUES", "SELECT", "TABLESAMPLE"}
)
# Ends of a query at its own depth.
ENDS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
# Ends of a WHERE.
AFTER_WHERE = ENDS | {"ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET", "FOR", "RETURNING", "WINDOW"}
OPTIONAL = frozenset({"LEFT", "FULL"})


class CannotName(ValueError):
    """A statement of a shape that has no place for the slot."""


class Token(NamedTuple):
    """A word of a statement, in capitals unless quoted, or a mark; how deep in parentheses."""

    text: str
    begin: int
    end: int
    depth: int


def _tokens(sql: str) -> list[Token]:
    depth, found = 0, []
    for match in TOKEN.finditer(sql):
        text = match["quoted"] or match["word"] or match["mark"]
        if not text:
            continue
        if text == ")" and match["mark"]:
            depth -= 1
        found.append(Token(text, match.start(), match.end(), depth))
        if text == "(" and match["mark"]:
            depth += 1
    return found


def _is(tokens: Sequence[Token], at: int, *words: str) -> bool:
    return 0 <= at < len(tokens) and tokens[at].text.upper() in words


@lru_cache(maxsize=4096)
def keyed(sql: str, tables: frozenset[str]) -> str:
    """The statement with its slot, `%(slot)s`, beside each of the tables. CannotName otherwise."""
    tokens = _tokens(sql)
    changes: list[tuple[int, int, str]] = []
    for n, token in enumerate(tokens):
        if token.text not in tables or _is(tokens, n + 1, "."):
            continue
        if _is(tokens, n - 1, "UPDATE") or (
            _is(tokens, n - 1, "FROM") and _is(tokens, n - 2, "DELETE")
        ):
            changes.append(_in_where(sql, tokens, n, must=True))
        elif _is(tokens, n - 1, "FROM", "JOIN", "USING", ","):
            changes.append(_in_where(sql, tokens, n, must=False))
    for begin, end, text in sorted(changes, reverse=True):
        sql = sql[:begin] + text + sql[end:]
    return sql


def _in_where(sql: str, tokens: Sequence[Token], n: int, *, must: bool) -> tuple[int, int, str]:
    """Where the slot of the table that is token n goes: begin, end, and the text in between."""
    table = tokens[n]
    after = n + 1
    if _is(tokens, after, "AS"):
        after += 1
    alias, end = sql[table.begin : table.end], table.end
    named = tokens[after] if after < len(tokens) else None
    if (
        named
        and named.depth == table.depth
        and re.match(r"\w", named.text)
        and named.text.upper() not in NOT_ALIASES
    ):
        alias, end = sql[named.begin : named.end], named.end
    where = None if _is_optional(tokens, n) else _where_of(tokens, n)
    if where is not None:
        return (where.end, where.end, f" {alias}.slot = %(slot)s AND")
    if must:
        raise CannotName(f"No WHERE for {table.text} in: {sql}")
    text = f"(SELECT * FROM {sql[table.begin : table.end]} WHERE slot = %(slot)s) AS {alias}"  # noqa: S608
    return (table.begin, end, text)


def _is_optional(tokens: Sequence[Token], n: int) -> bool:
    before = n - 2 if not _is(tokens, n - 2, "OUTER") else n - 3
    return _is(tokens, n - 1, "JOIN") and _is(tokens, before, *OPTIONAL)


def _where_of(tokens: Sequence[Token], n: int) -> Token | None:
    """The WHERE of the query that token n stands in; None where there is none, or it has an OR."""
    depth, where, cases = tokens[n].depth, None, 0
    for token in tokens[n + 1 :]:
        word = token.text.upper()
        if token.depth < depth or (token.depth == depth and (word in ENDS or word == ";")):
            break
        if token.depth != depth:
            continue
        if where is None:
            where = token if word == "WHERE" else None
        elif word in {"CASE", "END"}:
            cases += 1 if word == "CASE" else -1
        elif word in AFTER_WHERE:
            break
        elif word == "OR" and not cases:
            return None
    return where


@lru_cache(maxsize=256)
def with_id(sql: str, table: str) -> str:
    """An `INSERT INTO table (...) SELECT|VALUES (...)` with `%(new_id)s` as the id of its row."""
    columns = re.compile(
        rf"(INSERT INTO {table}(?: AS \w+)?\s*\()([^)]*\)\s*(?:SELECT |VALUES \())"
    )
    text, n = columns.subn(r"\1id, \2%(new_id)s, ", sql)
    if n != 1:
        raise CannotName(f"No INSERT of one row of {table} in: {sql}")
    return text


@lru_cache(maxsize=4096)
def by_name(sql: str) -> str:
    """The statement with `%(0)s`, `%(1)s`, ... in place of each `%s`."""
    parts = re.split(r"(?<!%)((?:%%)*)%s", sql)
    text = parts[0]
    for n, (percents, rest) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        text += f"{percents}%({n})s{rest}"
    return text


def named(
    sql: str, params: Sequence[Any] | Mapping[str, Any], slot: int, tables: frozenset[str]
) -> tuple[str, dict[str, Any]]:
    """The statement that names the slot, and its parameters."""
    if isinstance(params, Mapping):
        return keyed(sql, tables), {**params, "slot": slot}
    text = keyed(by_name(sql), tables)
    return text, {**{str(n): value for n, value in enumerate(params)}, "slot": slot}
