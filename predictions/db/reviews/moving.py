"""Predictions that change their project, with what people say of them."""

from predictions.db.places import Target
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute

# A cluster does not change the slot of a row: it is written anew, under the id it has.
PREDICTION = (
    "id, result, model_version, score, cluster, neighbors, mislabeling, model_id, model_run_id,"
    " created_at, updated_at"
)
COPIES_SQL = [
    f"""
    INSERT INTO {table} (slot, project_id, task_id, {columns})
    SELECT %(new)s, %(project)s, %(task)s, {columns} FROM {table}
    WHERE slot = %(old)s AND {key} = %(id)s
    """  # noqa: S608
    for table, key, columns in (
        ("predictions_prediction", "id", PREDICTION),
        (
            "predictions_predictioncomment",
            "prediction_id",
            "id, prediction_id, author_id, text, created_at",
        ),
        (
            "predictions_predictionreview",
            "prediction_id",
            "id, prediction_id, reviewer_id, created_at",
        ),
    )
]
DELETE_SQL = "DELETE FROM predictions_prediction WHERE slot = %(old)s AND id = %(id)s"
TOUCH_SQL = """
UPDATE predictions_task SET updated_at = now(), updated_by_id = %(user)s
WHERE slot = %(old)s AND id = %(task)s
"""


def move(prediction_id: int, user_id: int | None, *, old: Target, new: Target) -> None:
    """Moves a prediction to a task of a project with another slot. What it took in its run stays
    with neither. Five statements, in the caller's transaction.
    """
    places = {"old": slots.of_project(old.project_id), "new": slots.of_project(new.project_id)}
    row = {"id": prediction_id, "project": new.project_id, "task": new.task_id}
    for sql in COPIES_SQL:
        execute(sql, {**places, **row})
    execute(DELETE_SQL, {**places, **row})
    execute(TOUCH_SQL, {**places, "task": old.task_id, "user": user_id})
