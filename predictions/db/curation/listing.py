"""Ids of a project's tasks in the order of a filter, a page of them."""

from typing import Any

from predictions.filters.task_columns import Clause
from predictions.filters.tasks import TaskFilter

# By project; without an order but that of the ids, its index ends it at the limit.
IDS_SQL = """
SELECT t.id FROM predictions_task t WHERE t.project_id = %s AND {where}
ORDER BY {order} LIMIT %s OFFSET %s
"""
# Of what is on tasks all numbers are made at once: of many tasks by one pass over the index of its
# rows, side by side with that of the tasks; of few by a probe each.
CHILDREN_SQL = """
SELECT t.id FROM predictions_task t LEFT JOIN {table} ON {task} = t.id AND {on}
WHERE t.project_id = %s AND {where}
GROUP BY t.id ORDER BY {number}{down} NULLS LAST, t.id{down} LIMIT %s OFFSET %s
"""
# Where the numbers that tasks are ordered by stand in a table, an index of it begins and ends the
# list. Tasks without a number come last, and nobody looks for them before they are reached.
ROWS_SQL = """
WITH numbered AS MATERIALIZED (
    SELECT t.id, row_number() OVER () AS n FROM (
        SELECT {task} AS id FROM {table} JOIN predictions_task t ON t.id = {task}
        WHERE {own} AND t.project_id = %s AND {where}
        ORDER BY {number}{down}, {task}{down} LIMIT %s
    ) AS t
), others AS MATERIALIZED (
    SELECT t.id, row_number() OVER () AS n FROM (
        SELECT t.id FROM predictions_task t
        WHERE (SELECT count(*) FROM numbered) < %s AND t.project_id = %s AND {where}
          AND NOT EXISTS (SELECT 1 FROM {table} WHERE {own} AND {task} = t.id)
        ORDER BY t.id{down} LIMIT %s
    ) AS t
)
SELECT listed.id FROM (
    SELECT 0 AS part, n, id FROM numbered UNION ALL SELECT 1, n, id FROM others
) AS listed ORDER BY listed.part, listed.n LIMIT %s OFFSET %s
"""


def ids(wanted: TaskFilter, *, project_id: int, limit: int, offset: int = 0) -> Clause:
    """The statement, and its parameters. It gives no row past the last task."""
    where, where_params = wanted.where
    rows, children = wanted.rows, wanted.children
    down = " DESC" if wanted.is_falling else ""
    if children is not None:
        sql = CHILDREN_SQL.format(
            table=children.table,
            task=children.task,
            on=children.where,
            number=children.number,
            where=where,
            down=down,
        )
        return sql, [project_id, *where_params, limit, offset]
    if rows is None:
        order, order_params = wanted.order
        sql = IDS_SQL.format(where=where, order=order)
        return sql, [project_id, *where_params, *order_params, limit, offset]
    sql = ROWS_SQL.format(
        task=rows.task,
        table=rows.table,
        own=rows.where,
        number=rows.number,
        where=where,
        down=down,
    )
    last = limit + offset
    params: list[Any] = [*rows.params, project_id, *where_params, last]
    params += [last, project_id, *where_params, *rows.params, last, limit, offset]
    return sql, params
