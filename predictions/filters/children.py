"""Numbers of tasks that are made of what is on them: predictions or annotations."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Children:
    """The rows of a table that stand on tasks, and what of a task's rows makes its number."""

    #: `table alias`, the alias's column of the task, and which of the rows.
    table: str
    task: str
    where: str
    #: An aggregate of them: of a task without any, null, or 0 for a count.
    number: str
    #: What the number is the mean of, a column that an index has beside the task; None of others.
    mean_of: str | None = None

    @property
    def of_task(self) -> str:
        """The number of one task as SQL over `predictions_task t`, by the index on its rows."""
        return f"(SELECT {self.number} FROM {self.table} WHERE {self.task} = t.id AND {self.where})"  # noqa: S608


def _annotations(number: str, where: str) -> Children:
    return Children("predictions_annotation a", "a.task_id", where, number)


def _predictions(number: str, mean_of: str | None = None) -> Children:
    return Children("predictions_prediction q", "q.task_id", "true", number, mean_of)


NUMBERS = {
    "total_annotations": _annotations("count(a.id)", "NOT a.was_cancelled"),
    "cancelled_annotations": _annotations("count(a.id)", "a.was_cancelled"),
    "total_predictions": _predictions("count(q.id)"),
    "predictions_score": _predictions("avg(q.score)", "q.score"),
}
MOMENTS = {"completed_at": _annotations("max(a.created_at)", "NOT a.was_cancelled")}
