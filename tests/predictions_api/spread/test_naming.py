"""The slot beside every table that is spread, whatever the shape of the statement."""

import pytest

from predictions_api.postgres.spread import naming

TABLES = frozenset({"hot", "warm"})
SLOT = "%(slot)s"


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT 1 FROM cold WHERE a", "SELECT 1 FROM cold WHERE a"),
        ("SELECT 1 FROM hot WHERE a", f"SELECT 1 FROM hot WHERE hot.slot = {SLOT} AND a"),
        ("SELECT 1 FROM hot h WHERE a", f"SELECT 1 FROM hot h WHERE h.slot = {SLOT} AND a"),
        ("SELECT 1 FROM hot AS h WHERE a", f"SELECT 1 FROM hot AS h WHERE h.slot = {SLOT} AND a"),
        (
            'SELECT 1 FROM "hot" WHERE "hot"."a" FOR UPDATE OF "hot"',
            f'SELECT 1 FROM "hot" WHERE "hot".slot = {SLOT} AND "hot"."a" FOR UPDATE OF "hot"',
        ),
        (
            "SELECT count(*) FROM hot",
            f"SELECT count(*) FROM (SELECT * FROM hot WHERE slot = {SLOT}) AS hot",
        ),
        (
            "SELECT 1 FROM hot h ORDER BY a LIMIT 3",
            f"SELECT 1 FROM (SELECT * FROM hot WHERE slot = {SLOT}) AS h ORDER BY a LIMIT 3",
        ),
        (
            "SELECT 1 FROM hot h, warm w WHERE h.a = w.a",
            f"SELECT 1 FROM hot h, warm w WHERE h.slot = {SLOT} AND w.slot = {SLOT} AND h.a = w.a",
        ),
        (
            "SELECT 1 FROM hot h LEFT JOIN warm w ON w.a = h.a WHERE b",
            f"SELECT 1 FROM hot h LEFT JOIN (SELECT * FROM warm WHERE slot = {SLOT}) AS w"
            f" ON w.a = h.a WHERE h.slot = {SLOT} AND b",
        ),
        (
            "SELECT 1 FROM hot h WHERE a OR b",
            f"SELECT 1 FROM (SELECT * FROM hot WHERE slot = {SLOT}) AS h WHERE a OR b",
        ),
        (
            "SELECT 1 FROM hot h WHERE (a OR b) AND EXISTS (SELECT 1 FROM warm w WHERE w.a = h.a)",
            f"SELECT 1 FROM hot h WHERE h.slot = {SLOT} AND (a OR b)"
            f" AND EXISTS (SELECT 1 FROM warm w WHERE w.slot = {SLOT} AND w.a = h.a)",
        ),
        (
            "SELECT 1 FROM hot WHERE a UNION ALL SELECT 2 FROM warm",
            f"SELECT 1 FROM hot WHERE hot.slot = {SLOT} AND a"
            f" UNION ALL SELECT 2 FROM (SELECT * FROM warm WHERE slot = {SLOT}) AS warm",
        ),
        (
            "SELECT count(*) FILTER (WHERE b) FROM hot h WHERE a = 'WHERE x FROM warm'",
            f"SELECT count(*) FILTER (WHERE b) FROM hot h WHERE h.slot = {SLOT}"
            " AND a = 'WHERE x FROM warm'",
        ),
        (
            "WITH g AS (DELETE FROM hot h USING cold c WHERE h.a = c.a RETURNING h.id)"
            " UPDATE warm w SET a = (SELECT 1 FROM cold WHERE b) FROM g WHERE w.id = g.id",
            f"WITH g AS (DELETE FROM hot h USING cold c WHERE h.slot = {SLOT} AND h.a = c.a"
            " RETURNING h.id)"
            " UPDATE warm w SET a = (SELECT 1 FROM cold WHERE b)"
            f" FROM g WHERE w.slot = {SLOT} AND w.id = g.id",
        ),
        (
            "INSERT INTO hot (a, slot) SELECT a, %(slot)s FROM warm w WHERE b",
            f"INSERT INTO hot (a, slot) SELECT a, %(slot)s FROM warm w WHERE w.slot = {SLOT} AND b",
        ),
        (
            "DELETE FROM hot WHERE a; DELETE FROM warm WHERE b",
            f"DELETE FROM hot WHERE hot.slot = {SLOT} AND a;"
            f" DELETE FROM warm WHERE warm.slot = {SLOT} AND b",
        ),
    ],
)
def test_every_table_that_is_spread_has_its_slot(sql: str, named: str) -> None:
    assert naming.keyed(sql, TABLES) == named


@pytest.mark.parametrize("sql", ["DELETE FROM hot", "UPDATE hot SET a = 1 WHERE a OR b"])
def test_a_write_without_a_place_for_it_is_refused(sql: str) -> None:
    with pytest.raises(naming.CannotName, match="hot"):
        naming.keyed(sql, TABLES)


def test_parameters_by_place_become_named() -> None:
    sql, params = naming.named(
        "SELECT %s FROM hot WHERE a LIKE '%%s' AND b = %s", [1, 2], 7, TABLES
    )
    assert sql == (f"SELECT %(0)s FROM hot WHERE hot.slot = {SLOT} AND a LIKE '%%s' AND b = %(1)s")
    assert params == {"0": 1, "1": 2, "slot": 7}


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (
            "INSERT INTO hot (a, b) VALUES (1, now()) RETURNING id",
            "INSERT INTO hot (id, a, b) VALUES (%(new_id)s, 1, now()) RETURNING id",
        ),
        (
            "WITH t AS (SELECT 1) INSERT INTO hot AS h\n    (a)\nSELECT a FROM t",
            "WITH t AS (SELECT 1) INSERT INTO hot AS h\n    (id, a)\nSELECT %(new_id)s, a FROM t",
        ),
    ],
)
def test_a_new_row_is_given_its_id(sql: str, named: str) -> None:
    assert naming.with_id(sql, "hot") == named


def test_a_statement_that_makes_no_row_has_no_place_for_an_id() -> None:
    with pytest.raises(naming.CannotName, match="hot"):
        naming.with_id("INSERT INTO warm (a) VALUES (1)", "hot")
