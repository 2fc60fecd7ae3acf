"""The tasks before and after one in a list that a query of the Data Manager orders."""

from predictions.db.curation.listing import ids
from predictions.filters.tasks import TaskFilter
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_one

#: Tasks at the beginning of the list that are looked through.
MOST_RANKED = 10_000

NEIGHBOURS_SQL = """
SELECT before, after FROM (
    SELECT id, lag(id) OVER (ORDER BY n) AS before, lead(id) OVER (ORDER BY n) AS after
    FROM unnest(ARRAY({listed})) WITH ORDINALITY AS ranked(id, n)
) beside WHERE id = %s
"""


def neighbours(
    wanted: TaskFilter, task_id: int, *, project_id: int
) -> tuple[int | None, int | None]:
    """Ids of the tasks before and after one of the project; None at either end, and both where the
    task is not among the first MOST_RANKED of the list.
    """
    listed, params = ids(wanted, project_id=project_id, limit=MOST_RANKED)
    sql = NEIGHBOURS_SQL.format(listed=listed)
    row = fetch_one(sql, [*params, task_id], slot=slots.of_project(project_id))
    return (None, None) if row is None else (row[0], row[1])
