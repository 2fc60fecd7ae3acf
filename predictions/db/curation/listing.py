"""Ids of a project's tasks in the order of a filter, a page of them."""

from typing import Any

from predictions.filters.children import Children
from predictions.filters.task_columns import Clause
from predictions.filters.tasks import TaskFilter
from predictions_api.http.fields import MAX_BIGINT

# By project; without an order but that of the ids, its index ends it at the limit.
IDS_SQL = """
SELECT t.id FROM predictions_task t WHERE {where} ORDER BY {order} LIMIT %s OFFSET %s
"""
# Of what is on tasks all numbers are made at once: of many tasks by one pass over the index of its
# rows, side by side with that of the tasks; of few by a probe each.
CHILDREN_SQL = """
SELECT t.id FROM predictions_task t LEFT JOIN {table} ON {task} = t.id AND {on}
WHERE t.project_id = %s AND {where}
GROUP BY t.id ORDER BY {number}{down} NULLS LAST, t.id{down} LIMIT %s OFFSET %s
"""
# The same of means, without a mean of every task. No mean is below the lowest of its rows: where a
# sample of the means says below which number the first tasks are, only tasks with a row below it
# are looked at, and if enough of their means are below it, nobody else comes before them. The
# sample is of the project's first to last id: where half of it is other projects' tasks or nothing,
# or it is a small project or a late page, each task's mean is made.
MEANS_SQL = """
WITH reach AS MATERIALIZED (
    SELECT f.id AS first, l.id AS last FROM (
        SELECT t.id FROM predictions_task t WHERE (t.project_id, t.id) >= (%s, 0)
        ORDER BY t.project_id, t.id LIMIT 1
    ) AS f, (
        SELECT t.id FROM predictions_task t WHERE (t.project_id, t.id) <= (%s, {most_id})
        ORDER BY t.project_id DESC, t.id DESC LIMIT 1
    ) AS l
), sampled AS MATERIALIZED (
    SELECT (SELECT {number} FROM {table} WHERE {task} = s.id AND {on}) AS number
    FROM reach, LATERAL (
        SELECT t.id FROM generate_series(0, {samples} - 1) AS g(n) JOIN predictions_task t
        ON t.id = reach.first + g.n * (reach.last - reach.first) / ({samples} - 1)
        WHERE t.project_id = %s
    ) AS s WHERE reach.last - reach.first >= %s
), bound AS MATERIALIZED (
    SELECT percentile_disc((
        SELECT {share} FROM reach
    )) WITHIN GROUP (ORDER BY s.number) AS number
    FROM sampled s WHERE s.number IS NOT NULL HAVING count(*) > {samples} / 2
), likely AS MATERIALIZED (
    SELECT t.id, {number} AS number FROM (
        SELECT DISTINCT {task} FROM {table}
        WHERE (SELECT number FROM bound) IS NOT NULL AND {on}
          AND {task} BETWEEN (SELECT first FROM reach) AND (SELECT last FROM reach)
          AND {mean_of} {within}= (SELECT number FROM bound)
    ) AS c JOIN predictions_task t ON t.id = c.task_id JOIN {table} ON {task} = t.id AND {on}
    WHERE t.project_id = %s AND {where}
    GROUP BY t.id HAVING {number} {within} (SELECT number FROM bound)
)
SELECT listed.id FROM (
    SELECT l.id, l.number FROM likely l WHERE (SELECT count(*) FROM likely) >= %s
    UNION ALL
    SELECT e.id, e.number FROM (
        SELECT t.id, {number} AS number
        FROM predictions_task t LEFT JOIN {table} ON {task} = t.id AND {on}
        WHERE (SELECT count(*) FROM likely) < %s AND t.project_id = %s AND {where} GROUP BY t.id
    ) AS e
) AS listed ORDER BY listed.number{down} NULLS LAST, listed.id{down} LIMIT %s OFFSET %s
"""
#: Tasks whose means are the sample.
SAMPLES = 500
#: The share of all tasks that its bound lets through: twice those up to the page's last, and no
#: less than a sample can tell.
SHARE = "least(0.5, greatest(0.01, 2.0 * %s / nullif(reach.last - reach.first, 0)))"
#: Ids from a project's first to its last where this is worth its time, and for each task up to the
#: page's last.
LEAST_REACH, REACH_EACH = 10_000, 20
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
        if children.mean_of is not None:
            return _means(wanted, children, project_id=project_id, limit=limit, offset=offset)
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
        where, where_params = wanted.within(project_id)
        order, order_params = wanted.order_within
        sql = IDS_SQL.format(where=where, order=order)
        return sql, [*where_params, *order_params, limit, offset]
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


def _means(
    wanted: TaskFilter, children: Children, *, project_id: int, limit: int, offset: int
) -> Clause:
    where, where_params = wanted.where
    sql = MEANS_SQL.format(
        table=children.table,
        task=children.task,
        on=children.where,
        number=children.number,
        mean_of=children.mean_of,
        where=where,
        down=" DESC" if wanted.is_falling else "",
        within=">" if wanted.is_falling else "<",
        share=f"1 - {SHARE}" if wanted.is_falling else SHARE,
        samples=SAMPLES,
        most_id=MAX_BIGINT,
    )
    last = limit + offset
    reach = max(LEAST_REACH, REACH_EACH * last)
    params: list[Any] = [project_id, project_id, project_id, reach, last]
    params += [project_id, *where_params, last]
    params += [last, project_id, *where_params, limit, offset]
    return sql, params
