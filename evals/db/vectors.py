"""What vector analysis reads and writes, and the search for nearest tasks, by pgvector."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from evals.models import ModelEval
from predictions.db.places import slot_of_task
from predictions.regions.geometry import Floats
from predictions_api.http.storable import float_value
from predictions_api.postgres.copying import copy
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, of_slot, server_cursor

NEIGHBORS = 10
#: Above so many tasks the nearest are found by an index, nearly always the same ones.
EXACT_UP_TO = 2000
#: Rows written by one statement, or read by one.
AT_ONCE = 50_000
#: pgvector's index takes no longer vectors.
LONGEST_INDEXED = 2000

# Streamed in task order.
EMBEDDINGS_SQL = """
SELECT c.n - 1, t.meta -> 'embedding'
FROM unnest(%(tasks)s::bigint[]) WITH ORDINALITY AS c(task_id, n)
JOIN predictions_task t ON t.id = c.task_id AND t.meta -> 'embedding' <> 'null'
ORDER BY c.n
"""


def embeddings(task_ids: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """(place in `task_ids`, embedding as stored) of the tasks that have one, in order."""
    with transaction.atomic(), server_cursor("embeddings") as cursor:
        slot = slot_of_task(task_ids[0]) if task_ids else None
        cursor.execute(*of_slot(EMBEDDINGS_SQL, {"tasks": list(task_ids)}, slot))
        for place, stored in cursor:
            yield place, float_value(stored) if isinstance(stored, str) else stored


# A range of the primary key.
IMAGES_SQL = """
SELECT position, task_id, prediction_id, split, name FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""


def images(evaluation: ModelEval) -> Iterator[list[tuple[Any, ...]]]:
    """(position, task, prediction, split, name) of all images in their order, AT_ONCE at a time. A
    statement for each.
    """
    for first in range(0, sum(evaluation.image_counts.values()), AT_ONCE):
        yield fetch_all(IMAGES_SQL, [evaluation.pk, first, first + AT_ONCE])


PLACE_SQL = """
UPDATE evals_evalimage i SET cluster = v.cluster, x = v.x, y = v.y
FROM unnest(%s::int[], %s::int[], %s::float8[], %s::float8[]) AS v(position, cluster, x, y)
WHERE i.evaluation_id = %s AND i.position = v.position
"""


def place_images(
    evaluation: ModelEval, positions: Sequence[int], clusters: Any, points: Floats
) -> None:
    """Writes cluster (n,) and point (n, 2) to the images at these positions, AT_ONCE at a time. A
    statement for each.
    """
    with connection.cursor() as cursor:
        for first in range(0, len(positions), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            cursor.execute(
                PLACE_SQL,
                [
                    list(positions[some]),
                    clusters[some].tolist(),
                    points[some, 0].tolist(),
                    points[some, 1].tolist(),
                    evaluation.pk,
                ],
            )


# updated_at stays: the model's result is unchanged, and evaluations go by it.
WRITE_BACK_SQL = """
UPDATE predictions_prediction p
SET cluster = v.cluster, neighbors = v.neighbors::jsonb, mislabeling = v.mislabeling
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::float8[])
     AS v(id, cluster, neighbors, mislabeling)
WHERE p.id = v.id AND p.project_id = %s AND p.updated_at <= %s
"""


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """What some evaluated predictions are given, an entry a prediction."""

    prediction_ids: list[int]
    clusters: list[int | None]
    #: JSON lists of task ids.
    neighbors: list[str | None]
    mislabeling: list[float]


def write_back(evaluation: ModelEval, findings: Iterable[WrittenBack]) -> None:
    """Stores the findings on predictions that have not changed since. A statement for each."""
    for some in findings:
        execute(
            WRITE_BACK_SQL,
            [
                some.prediction_ids,
                some.clusters,
                some.neighbors,
                some.mislabeling,
                evaluation.project_id,
                evaluation.planned_at,
            ],
            slot=slots.of_project(evaluation.project_id or 0),
        )


def nearest_tasks(task_ids: Sequence[int], matrix: Floats) -> dict[int, list[int]]:
    """The ten nearest other tasks of each, nearest first, by euclidean distance. By pgvector."""
    dimensions = int(matrix.shape[1])
    lines = b"".join(
        b"%d\t[%b]\n" % (task_id, ",".join(map(repr, vector.tolist())).encode())
        for task_id, vector in dict(zip(task_ids, matrix, strict=True)).items()
    )
    uses_index = len(task_ids) > EXACT_UP_TO and dimensions <= LONGEST_INDEXED
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute(
            "CREATE TEMP TABLE evals_embedding (task_id bigint, "
            f"embedding vector({dimensions})) ON COMMIT DROP"
        )
        copy("evals_embedding", "task_id, embedding", [lines])
        if uses_index:
            cursor.execute("CREATE INDEX ON evals_embedding USING hnsw (embedding vector_l2_ops)")
        cursor.execute("ANALYZE evals_embedding")
        order = "b.embedding <-> a.embedding" + ("" if uses_index else ", b.task_id")
        cursor.execute(
            f"""
            SELECT a.task_id, ARRAY(
                SELECT b.task_id FROM evals_embedding b WHERE b.task_id <> a.task_id
                ORDER BY {order} LIMIT {NEIGHBORS})
            FROM evals_embedding a
            """  # noqa: S608 - numbers and columns of ours
        )
        nearest: dict[int, list[int]] = dict(cursor.fetchall())
        cursor.execute("DROP TABLE evals_embedding")
    return nearest
