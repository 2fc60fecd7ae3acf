"""Whether a cluster is as it should be: how tables lie, if copies agree, which nodes are away."""

from dataclasses import dataclass

from predictions_api.cluster import nodes, tables
from predictions_api.postgres.sql import fetch_all

LIE_SQL = """
SELECT table_name::text, CASE citus_table_type WHEN 'reference' THEN %s
    WHEN 'distributed' THEN distribution_column END FROM citus_tables
"""
COPY_SQL = "SELECT count(*) || '/' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {table} t"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the cluster found."""

    #: Each table that is to be spread or copied, and how it lies now.
    lying: dict[str, str]
    #: Tables that do not lie as they should.
    misplaced: list[str]
    #: Tables whose copies differ, with what each node has: rows and a sum over them.
    differing: dict[str, list[nodes.Answer]]
    away: list[str]

    @property
    def is_well(self) -> bool:
        """Whether nothing is amiss."""
        return not (self.misplaced or self.differing or self.away)


def check() -> Found:
    """Looks at every copied table whole, on every node. Outside a transaction."""
    there: dict[str, str | None] = dict(fetch_all(LIE_SQL, [tables.EVERYWHERE]))
    wanted = {table: way for table, way in tables.every().items() if way != tables.HERE}
    lying = {table: there.get(table) or tables.HERE for table in wanted}
    away = [answer.address for answer in nodes.ask_all("SELECT 1") if not answer.is_well]
    differing = {}
    for table in tables.lying(tables.EVERYWHERE):
        if lying[table] != tables.EVERYWHERE:
            continue
        said = [one for one in nodes.ask_all(COPY_SQL.format(table=table)) if one.is_well]
        if len({one.text for one in said}) > 1:
            differing[table] = said
    misplaced = [table for table, way in wanted.items() if lying[table] != way]
    return Found(lying, misplaced, differing, away)
