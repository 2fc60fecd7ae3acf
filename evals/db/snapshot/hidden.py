"""Tasks of which only older rows hold what is evaluated: the newest one is about something else."""

import re

from evals.db.definition import of_version
from evals.engine.reading import reading_of
from evals.models import EvalImage, GroundTruth, ModelEval
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all

#: Images that are asked for at once.
AT_ONCE = 10_000
# By the indexes on (project, task) and (project, model version, id). Results are read of those
# tasks alone that have several rows. What is no list of regions has none.
HIDDEN_SQL = """
WITH several AS (
    SELECT task_id, max(id) AS newest FROM {table} WHERE project_id = %(project)s AND {counts}
    GROUP BY task_id HAVING count(*) > 1
), told AS (
    SELECT r.task_id, r.id = several.newest AS is_newest, r.result NOT IN ('[]', 'null') AS says,
        several.newest, EXISTS (
            SELECT 1 FROM jsonb_array_elements(
                CASE WHEN jsonb_typeof(r.result) = 'array' THEN r.result ELSE '[]' END) AS e
            WHERE e ->> 'from_name' ~ %(names)s) AS holds
    FROM {table} r JOIN several ON several.task_id = r.task_id
    WHERE r.project_id = %(project)s AND {counts}
)
SELECT task_id, max(newest) FROM told GROUP BY task_id
HAVING bool_or(is_newest AND says AND NOT holds) AND bool_or(holds AND NOT is_newest)
"""


def count_hidden(evaluation: ModelEval, *, is_truth: bool) -> int:
    """Of how many counted tasks the row of a side holds regions of other controls alone, and an
    older one, which does not count, regions of those that are evaluated. 0 where a newer row has
    come since.
    """
    names = "|".join(map(_pattern, reading_of(evaluation.reading).controls))
    if not names:
        return 0
    if is_truth:
        table, counts = "predictions_annotation", "(ground_truth OR %(all)s) AND NOT was_cancelled"
    else:
        table, counts = "predictions_prediction", of_version(evaluation)
    scope = {
        "project": evaluation.project_id,
        "version": evaluation.model_version,
        "all": evaluation.ground_truth == GroundTruth.ALL,
        "names": f"^(?:{names})$",
    }
    sql = HIDDEN_SQL.format(table=table, counts=counts)
    slot = slots.of_project(evaluation.project_id or 0)
    newest: dict[int, int] = dict(fetch_all(sql, scope, slot=slot))
    column = "annotation_id" if is_truth else "prediction_id"
    tasks, n = list(newest), 0
    for start in range(0, len(tasks), AT_ONCE):
        some = tasks[start : start + AT_ONCE]
        images = EvalImage.objects.filter(evaluation=evaluation, task_id__in=some)
        rows = images.values_list("task_id", column).distinct()
        n += sum(newest[task_id] == row_id for task_id, row_id in rows)
    return n


def _pattern(name: str) -> str:
    """A control's name, those of a Repeater with any number in the place of its index."""
    return r"\d+".join(map(re.escape, re.split(r"\{\{.*?\}\}", name)))
