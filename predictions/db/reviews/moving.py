"""Predictions that change their task, with what people say of them and what they took."""

from dataclasses import dataclass

from predictions.db.places import Target
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_one


@dataclass(frozen=True, slots=True)
class Follower:
    """A table whose rows belong to a prediction, which their `prediction_id` names."""

    table: str
    #: All columns but the slot and the ids of project and task.
    columns: str
    has_task: bool = True

    @property
    def copying(self) -> str:
        """The statement that writes the rows of one prediction anew, in another slot."""
        return _copying(self.table, "prediction_id", self.columns, has_task=self.has_task)

    @property
    def removing(self) -> str:
        """The statement that removes the rows of one prediction from its old slot."""
        return f"DELETE FROM {self.table} WHERE slot = %(old)s AND prediction_id = %(id)s"  # noqa: S608

    @property
    def changing(self) -> str:
        """The statement that names the new place in the rows of one prediction."""
        task = ", task_id = %(task)s" if self.has_task else ""
        return (
            f"UPDATE {self.table} SET project_id = %(project)s{task}"  # noqa: S608
            " WHERE slot = %(old)s AND prediction_id = %(id)s"
        )


def _copying(table: str, key: str, columns: str, *, has_task: bool) -> str:
    name, value = ("task_id, ", "%(task)s, ") if has_task else ("", "")
    return (
        f"INSERT INTO {table} (slot, project_id, {name}{columns})"  # noqa: S608
        f" SELECT %(new)s, %(project)s, {value}{columns} FROM {table}"
        f" WHERE slot = %(old)s AND {key} = %(id)s"
    )


# A cluster does not change the slot of a row: it is written anew, under the id it has.
COPY_SQL = _copying(
    "predictions_prediction",
    "id",
    "id, result, model_version, score, cluster, neighbors, mislabeling, model_id, model_run_id,"
    " created_at, updated_at",
    has_task=True,
)
COPIED_SQL = f"{COPY_SQL} RETURNING model_id"
# Its backend may be deleted while it is written: that waits now, or has happened (`places`).
HOLD_SQL = "SELECT id FROM predictions_mlbackend WHERE id = %s FOR KEY SHARE"
UNNAME_SQL = (
    "UPDATE predictions_prediction SET model_id = NULL WHERE slot = %(new)s AND id = %(id)s"
)
DELETE_SQL = "DELETE FROM predictions_prediction WHERE slot = %(old)s AND id = %(id)s"
TOUCH_SQL = """
UPDATE predictions_task SET updated_at = now(), updated_by_id = %(user)s
WHERE slot = %(old)s AND id = %(task)s
"""
_followers = [
    Follower("predictions_predictioncomment", "id, prediction_id, author_id, text, created_at"),
    Follower("predictions_predictionreview", "id, prediction_id, reviewer_id, created_at"),
]


def register(follower: Follower) -> None:
    """From now on its rows go with their prediction: tables of rooms above this one."""
    if follower not in _followers:
        _followers.append(follower)


def move(prediction_id: int, user_id: int | None, *, old: Target, new: Target) -> None:
    """Moves what belongs to a prediction to another task; to a project of another slot also the
    prediction itself, which else is the caller's to write, and touches the old task there. One
    statement for each follower; between slots two, and three more, or four if it names an ML
    backend. In the caller's transaction.
    """
    places = {"old": slots.of_project(old.project_id), "new": slots.of_project(new.project_id)}
    row = {**places, "id": prediction_id, "project": new.project_id, "task": new.task_id}
    if places["old"] == places["new"]:
        for follower in _followers:
            execute(follower.changing, row)
        return
    (model_id,) = fetch_one(COPIED_SQL, row) or (None,)
    if model_id is not None and fetch_one(HOLD_SQL, [model_id]) is None:
        execute(UNNAME_SQL, row)
    for follower in _followers:
        execute(follower.copying, row)
        execute(follower.removing, row)
    execute(DELETE_SQL, row)
    execute(TOUCH_SQL, {**places, "task": old.task_id, "user": user_id})
