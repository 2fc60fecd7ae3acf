"""The tasks before and after one in a list that a query of the Data Manager orders."""

from predictions.filters.tasks import TaskFilter
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_one

#: Tasks at the beginning of the list that are looked through.
MOST_RANKED = 10_000

# By project. Without an order but that of the ids, the index ends it at the limit.
NEIGHBOURS_SQL = """
SELECT before, after FROM (
    SELECT id, lag(id) OVER (ORDER BY n) AS before, lead(id) OVER (ORDER BY n) AS after FROM (
        SELECT id, row_number() OVER () AS n FROM (
            SELECT t.id FROM predictions_task t WHERE t.project_id = %s AND {where}
            ORDER BY {order} LIMIT %s
        ) listed
    ) ranked
) beside WHERE id = %s
"""


def neighbours(
    wanted: TaskFilter, task_id: int, *, project_id: int
) -> tuple[int | None, int | None]:
    """Ids of the tasks before and after one of the project; None at either end, and both where the
    task is not among the first MOST_RANKED of the list.
    """
    where, where_params = wanted.where
    order, order_params = wanted.order
    sql = NEIGHBOURS_SQL.format(where=where, order=order)
    params = [project_id, *where_params, *order_params, MOST_RANKED, task_id]
    row = fetch_one(sql, params, slot=slots.of_project(project_id))
    return (None, None) if row is None else (row[0], row[1])
