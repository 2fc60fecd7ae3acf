"""Vector analysis of an evaluation whose tasks carry embeddings, and what it writes back.

`meta.embedding` of a task is its vector. Images without one are on no map and in no cluster.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from django.db import connection, transaction

from evals.db import snapshot
from evals.db.blocks import blocks
from evals.db.definition import job_of
from evals.db.snapshot import CannotEvaluate, PlannedRow
from evals.db.writes import NewPanel
from evals.documents import panels as wire
from evals.engine.clusters import MIN_CLUSTER_SIZE, VectorAnalysis, cluster_statistics
from evals.engine.clusters import analyse as analyse_embeddings
from evals.engine.errors import EmbeddingError
from evals.engine.events import N_BINS, Ints, image_counts_by_confidence
from evals.engine.geometry import Floats
from evals.engine.matching import Verdict
from evals.engine.metrics import Scores, image_scores
from evals.engine.mislabeling import Claim, mislabeling_scores
from evals.engine.object_verdicts import examine
from evals.models import EvalPanel, ModelEval, Split
from predictions_api.postgres.sql import fetch_all

NEIGHBORS = 10
#: Above so many tasks the nearest are found by an index, nearly always the same ones.
EXACT_UP_TO = 2000
#: pgvector's index takes no longer vectors.
LONGEST_INDEXED = 2000


@dataclass(frozen=True, slots=True)
class Analysis:
    """The map of the images that have embeddings; `positions` says which those are."""

    found: VectorAnalysis
    positions: list[int]
    task_ids: list[int]
    matrix: Any
    panels: list[NewPanel]


def analyse(evaluation: ModelEval) -> Analysis | None:
    """The map, the clusters and their statistics at every percent; None without embeddings.

    `CannotEvaluate` names the first task whose embedding is not like the others.
    """
    started = time.perf_counter()
    images = _images(evaluation)
    places, matrix = _embeddings([task_id for _, task_id, _, _ in images])
    if not places:
        return None
    try:
        found = analyse_embeddings(matrix)
    except EmbeddingError as error:
        raise CannotEvaluate(str(error)) from error
    mine = [images[place] for place in places]
    parameters = {
        "min_cluster_size": MIN_CLUSTER_SIZE,
        "min_samples": MIN_CLUSTER_SIZE,
        "cluster_selection_method": "eom",
        "metric": "euclidean",
    }
    seconds = time.perf_counter() - started
    body = wire.clustering(found, seconds=seconds, parameters=parameters)
    panels = [NewPanel(EvalPanel.Kind.CLUSTERING, orjson.dumps(body))]
    panels += _cluster_panels(evaluation, found.cluster_ids, mine)
    return Analysis(found, [m[0] for m in mine], [m[1] for m in mine], matrix, panels)


def _images(evaluation: ModelEval) -> list[tuple[int, int, int, str]]:
    """(position, task, split, name) of every image, in order."""
    columns = ("position", "task_id", "split", "name")
    found = evaluation.images.order_by("position").values_list(*columns)
    return [(position, task_id or 0, split, name) for position, task_id, split, name in found]


def _embeddings(task_ids: Sequence[int]) -> tuple[list[int], Any]:
    """Places of the tasks with an embedding, and float32 (n, d)."""
    places: list[int] = []
    vectors: list[Any] = []
    for place, stored in snapshot.embeddings(task_ids):
        task_id = task_ids[place]
        try:
            vector = np.asarray(stored, dtype=np.float64)
        except (TypeError, ValueError):
            vector = np.zeros((0, 0))
        if not isinstance(stored, list) or vector.ndim != 1 or not len(vector):
            raise CannotEvaluate(f"Task {task_id}: meta.embedding must be a list of numbers.")
        if vectors and len(vector) != len(vectors[0]):
            raise CannotEvaluate(
                f"Task {task_id}: meta.embedding has {len(vector)} numbers, that of task "
                f"{task_ids[places[0]]} has {len(vectors[0])}. All must come from one model."
            )
        with np.errstate(over="ignore"):
            single = vector.astype(np.float32)
        if not np.isfinite(single).all():
            raise CannotEvaluate(f"Task {task_id}: meta.embedding holds a value that is no number.")
        places.append(place)
        vectors.append(single)
    return places, np.array(vectors, dtype=np.float32)


def _cluster_panels(
    evaluation: ModelEval, cluster_ids: Ints, mine: Sequence[tuple[int, int, int, str]]
) -> Iterator[NewPanel]:
    names = [name for _, _, _, name in mine]
    splits = [Split(split).label for _, _, split, _ in mine]
    thousandths = _image_thousandths(evaluation, [position for position, _, _, _ in mine])
    for confidence in range(N_BINS):
        scores = Scores(*(column[confidence] / 1000 for column in thousandths))
        statistics = cluster_statistics(cluster_ids, splits, scores)
        yield NewPanel(
            EvalPanel.Kind.CLUSTERS,
            orjson.dumps(wire.clusters(statistics, names)),
            confidence=confidence,
        )


def _image_thousandths(evaluation: ModelEval, positions: Sequence[int]) -> list[Any]:
    """Precision, recall and F1 of the images at every percent, int16 (101, n): they have three
    decimals, and a hundred thousand images must fit.
    """
    columns: list[list[Any]] = [[], [], []]
    wanted = np.asarray(positions)
    for block in blocks(evaluation):
        counts = image_counts_by_confidence(
            block.events, n_images=len(block.ids), n_classes=len(evaluation.classes)
        )
        scores = image_scores(counts)
        chosen = np.isin(block.positions, wanted)
        for column, values in zip(
            columns, (scores.precision, scores.recall, scores.f1), strict=True
        ):
            column.append(np.rint(values[:, chosen] * 1000).astype(np.int16))
    return [np.concatenate(column, axis=1) for column in columns]


PLACE_SQL = """
UPDATE evals_evalimage i SET cluster = v.cluster, x = v.x, y = v.y
FROM unnest(%s::int[], %s::int[], %s::float8[], %s::float8[]) AS v(position, cluster, x, y)
WHERE i.evaluation_id = %s AND i.position = v.position
"""


def place_images(evaluation: ModelEval, analysis: Analysis) -> None:
    """Writes cluster and point to the images. In the transaction that finishes the evaluation."""
    with connection.cursor() as cursor:
        cursor.execute(
            PLACE_SQL,
            [
                analysis.positions,
                analysis.found.cluster_ids.tolist(),
                analysis.found.points[:, 0].tolist(),
                analysis.found.points[:, 1].tolist(),
                evaluation.pk,
            ],
        )


# updated_at stays: what the model said is unchanged, and evaluations go by it.
WRITE_BACK_SQL = """
UPDATE predictions_prediction p
SET cluster = v.cluster, neighbors = v.neighbors::jsonb, mislabeling = v.mislabeling
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::float8[])
     AS v(id, cluster, neighbors, mislabeling)
WHERE p.id = v.id AND p.project_id = %s AND p.updated_at <= %s
"""


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """What the evaluated predictions are given."""

    prediction_ids: list[int]
    clusters: list[int | None]
    neighbors: list[str | None]
    mislabeling: list[float]


def findings(evaluation: ModelEval, analysis: Analysis | None) -> WrittenBack:
    """Cluster and ten nearest tasks where there are embeddings; a mislabeling score for all."""
    images = list(
        evaluation.images.order_by("position").values_list("position", "prediction_id", "task_id")
    )
    clusters: dict[int, int] = {}
    near: dict[int, list[int]] = {}
    if analysis is not None:
        ids = analysis.found.cluster_ids.tolist()
        clusters = dict(zip(analysis.positions, ids, strict=True))
        near = nearest_tasks(analysis.task_ids, analysis.matrix)
    suspicion = _mislabeling(evaluation)
    # The images of one task have one prediction: its first image speaks for it.
    of_prediction = {
        prediction: (position, prediction, task)
        for position, prediction, task in reversed(images)
        if prediction is not None
    }
    mine = sorted(of_prediction.values())
    return WrittenBack(
        prediction_ids=[prediction for _, prediction, _ in mine],
        clusters=[clusters.get(position) for position, _, _ in mine],
        neighbors=[
            orjson.dumps(near[task]).decode() if task in near else None for _, _, task in mine
        ],
        mislabeling=[float(suspicion[position]) for position, _, _ in mine],
    )


def write_back(evaluation: ModelEval, found: WrittenBack) -> None:
    """Stores the findings on the predictions they are about. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE_BACK_SQL,
            [
                found.prediction_ids,
                found.clusters,
                found.neighbors,
                found.mislabeling,
                evaluation.project_id,
                evaluation.planned_at,
            ],
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
        _copy_vectors(cursor, lines)
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
        found = dict(cursor.fetchall())
        cursor.execute("DROP TABLE evals_embedding")
    return found


def _copy_vectors(cursor: Any, lines: bytes) -> None:
    import io

    cursor.copy_expert("COPY evals_embedding FROM STDIN", io.BytesIO(lines))


def _mislabeling(evaluation: ModelEval) -> Floats:
    """The score of every image, by position; 0 where single objects are not told apart."""
    n_images = sum(evaluation.image_counts.values())
    if evaluation.task_type == "semantic-segmentation":
        return np.zeros(n_images)
    claims = [claim for chunk in _claims(evaluation) for claim in chunk]
    return mislabeling_scores(claims, n_images=n_images, n_classes=len(evaluation.classes))


READ_AT_ONCE = 1000
ROWS_SQL = """
SELECT position, task_id, annotation_id, prediction_id, split, item FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""


def _claims(evaluation: ModelEval) -> Iterator[list[Claim]]:
    assert evaluation.planned_at is not None
    job = job_of(evaluation)
    for first in range(0, sum(evaluation.image_counts.values()), READ_AT_ONCE):
        rows = fetch_all(ROWS_SQL, [evaluation.pk, first, first + READ_AT_ONCE])
        images = snapshot.read_all(
            [PlannedRow(*row[1:]) for row in rows],
            reading=job.reading,
            planned_at=evaluation.planned_at,
        )
        yield [
            Claim(row[0], label, score, found.verdict == Verdict.TRUE_POSITIVE)
            for row, examined in zip(
                rows, examine([image.stored for image in images], job, 0), strict=True
            )
            for label, score, found in zip(
                examined.detected_labels, examined.scores, examined.found, strict=True
            )
            if found is not None
        ]
