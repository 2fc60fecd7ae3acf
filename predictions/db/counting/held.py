"""How many rows a project holds, and how much room their documents take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_one

#: Rows of a table whose sizes stand for all of its rows.
SAMPLE = 1_000

# Counts by the indexes that begin with the project; sizes of the newest rows, as they are stored
# (`filters/within.py`).
# The rest of a row, with its header and its entries in indexes, is some two hundred bytes.
HELD_SQL = f"""
SELECT
    (SELECT count(*) FROM predictions_task WHERE project_id = %(project)s),
    (SELECT avg(200 + pg_column_size(data) + pg_column_size(meta)) FROM (
        SELECT data, meta FROM predictions_task
        WHERE project_id BETWEEN %(project)s AND %(project)s
        ORDER BY project_id DESC, id DESC LIMIT {SAMPLE}) t),
    (SELECT count(*) FROM predictions_annotation WHERE project_id = %(project)s),
    (SELECT count(*) FROM predictions_annotation
     WHERE project_id = %(project)s AND ground_truth AND NOT was_cancelled),
    (SELECT avg(200 + pg_column_size(result)) FROM (
        SELECT result FROM predictions_annotation
        WHERE project_id BETWEEN %(project)s AND %(project)s
        ORDER BY project_id DESC, task_id DESC LIMIT {SAMPLE}) a),
    (SELECT count(*) FROM predictions_prediction WHERE project_id = %(project)s),
    (SELECT avg(200 + pg_column_size(result)) FROM (
        SELECT result FROM predictions_prediction
        WHERE project_id BETWEEN %(project)s AND %(project)s
        ORDER BY project_id DESC, id DESC LIMIT {SAMPLE}) p)
"""  # noqa: S608
# Index-only, by (project, version, id).
VERSIONS_SQL = """
SELECT coalesce(jsonb_object_agg(v.name, v.n), '{}') FROM (
    SELECT coalesce(left(model_version, 200), '') AS name, count(*) AS n FROM predictions_prediction
    WHERE project_id = %s GROUP BY 1 ORDER BY n DESC LIMIT 200) v
"""


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one kind, and about how many bytes they take in the database."""

    name: str
    rows: int
    n_bytes: int


_further: list[Callable[[int], Sequence[Held]]] = []


def register(held_of: Callable[[int], Sequence[Held]]) -> None:
    """From now on asked, too, for what a room above this one holds of a project."""
    if held_of not in _further:
        _further.append(held_of)


def held_by(project_id: int) -> tuple[list[Held], int]:
    """What a project holds, and how many of its annotations are ground truth. One statement, and
    those of other rooms; the time grows with the rows.
    """
    row = fetch_one(HELD_SQL, {"project": project_id}, slot=slots.of_project(project_id))
    assert row is not None
    tasks, task_size, annotations, truths, annotation_size, predictions, prediction_size = row
    held = [
        Held("tasks", tasks, round(tasks * (task_size or 0))),
        Held("annotations", annotations, round(annotations * (annotation_size or 0))),
        Held("predictions", predictions, round(predictions * (prediction_size or 0))),
    ]
    return [*held, *(more for held_of in _further for more in held_of(project_id))], truths


def held_by_versions(project_id: int) -> dict[str, int]:
    """Predictions by the first 200 characters of their version, "" for none; of the 200 versions
    that have most. One statement.
    """
    row = fetch_one(VERSIONS_SQL, [project_id], slot=slots.of_project(project_id))
    assert row is not None
    found: dict[str, int] = orjson.loads(row[0])
    return found
