"""Pages of a project's tasks, as the peer's Data Manager asks for them."""

from predictions.db.documents import Document
from predictions.db.queries import TASK_SQL, project_totals, task_document
from predictions.filters.tasks import TaskFilter
from predictions_api.postgres.sql import fetch_all, fetch_one

PAGE_SQL = f"{TASK_SQL} LIMIT %s OFFSET %s"


def page(
    wanted: TaskFilter, *, workspace_id: int, project_id: int, limit: int, offset: int
) -> list[Document]:
    """The tasks of a project that a filter lets through, in its order."""
    where, where_params = wanted.where
    order, order_params = wanted.order
    sql = PAGE_SQL.format(where=f"t.project_id = %s AND {where}", order=order)
    params = [workspace_id, project_id, *where_params, *order_params, limit, offset]
    return [task_document(row) for row in fetch_all(sql, params)]


def locked(wanted: TaskFilter, *, project_id: int) -> list[int]:
    """Ids of a project's tasks that a filter lets through, locked until the transaction ends."""
    where, params = wanted.where
    # By project; in one order, so that no two wait for each other.
    sql = (
        "SELECT t.id FROM predictions_task t"  # noqa: S608
        f" WHERE t.project_id = %s AND {where} ORDER BY t.id FOR NO KEY UPDATE OF t"
    )
    return [row[0] for row in fetch_all(sql, [project_id, *params])]


def totals(wanted: TaskFilter, *, project_id: int) -> dict[str, int]:
    """How many tasks of a project a filter lets through, and what is on them."""
    if wanted.is_everything:
        counted = project_totals(project_id)
        return {
            "total_annotations": counted["total_annotations_number"],
            "total_predictions": counted["total_predictions_number"],
            "total": counted["task_number"],
        }
    where, params = wanted.where
    row = fetch_one(
        "WITH t AS (SELECT t.id FROM predictions_task t"  # noqa: S608
        f" WHERE t.project_id = %s AND {where}) SELECT (SELECT count(*) FROM t),"
        " (SELECT count(*) FROM predictions_prediction WHERE task_id IN (SELECT id FROM t)),"
        " (SELECT count(*) FROM predictions_annotation"
        " WHERE task_id IN (SELECT id FROM t) AND NOT was_cancelled)",
        [project_id, *params],
    )
    tasks, predicted, annotated = row or (0, 0, 0)
    return {"total_annotations": annotated, "total_predictions": predicted, "total": tasks}
