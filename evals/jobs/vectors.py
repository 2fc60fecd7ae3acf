"""Vector analysis of an evaluation whose tasks carry embeddings, and what it writes back.

`meta.embedding` of a task is its vector. Images without one are on no map and in no cluster.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from evals.db import snapshot
from evals.db.definition import job_of, kind_of
from evals.db.images import source_rows
from evals.db.snapshot import CannotEvaluate
from evals.db.vectors import WrittenBack, embeddings, nearest_tasks
from evals.engine.clusters import analyse as analyse_embeddings
from evals.engine.errors import EmbeddingError
from evals.engine.matching import Verdict
from evals.engine.mislabeling import Claim, mislabeling_scores
from evals.models import ModelEval, Split
from evals.panels.counted import Embedded
from predictions.regions.geometry import Floats


def analyse(evaluation: ModelEval) -> Embedded | None:
    """The images that have embeddings, their map and clusters; None without embeddings.

    `CannotEvaluate` names the first task whose embedding is not like the others.
    """
    started = time.perf_counter()
    columns = ("position", "task_id", "split", "name")
    images = list(evaluation.images.order_by("position").values_list(*columns))
    places, matrix = _embeddings([task_id or 0 for _, task_id, _, _ in images])
    if not places:
        return None
    try:
        analysis = analyse_embeddings(matrix)
    except EmbeddingError as error:
        raise CannotEvaluate(str(error)) from error
    positions, task_ids, splits, names = zip(*(images[place] for place in places), strict=True)
    return Embedded(
        analysis=analysis,
        positions=list(positions),
        task_ids=list(task_ids),
        splits=[Split(split).label for split in splits],
        names=list(names),
        matrix=matrix,
        seconds=time.perf_counter() - started,
    )


def _embeddings(task_ids: Sequence[int]) -> tuple[list[int], Any]:
    """Places of the tasks with an embedding, and float32 (n, d)."""
    places: list[int] = []
    vectors: list[Any] = []
    for place, stored in embeddings(task_ids):
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


def findings(evaluation: ModelEval, embedded: Embedded | None) -> WrittenBack:
    """Cluster and ten nearest tasks where there are embeddings; a mislabeling score for all."""
    images = list(
        evaluation.images.order_by("position").values_list("position", "prediction_id", "task_id")
    )
    clusters: dict[int, int] = {}
    nearest: dict[int, list[int]] = {}
    if embedded is not None:
        ids = embedded.analysis.cluster_ids.tolist()
        clusters = dict(zip(embedded.positions, ids, strict=True))
        nearest = nearest_tasks(embedded.task_ids, embedded.matrix)
    suspicion = _mislabeling(evaluation)
    # The images of one task have one prediction: the first has its place, any may be mislabeled.
    worst: dict[int, float] = {}
    for position, prediction, _ in images:
        if prediction is not None:
            worst[prediction] = max(worst.get(prediction, 0.0), float(suspicion[position]))
    of_prediction = {
        prediction: (position, prediction, task)
        for position, prediction, task in reversed(images)
        if prediction is not None
    }
    predicted = sorted(of_prediction.values())
    return WrittenBack(
        prediction_ids=[prediction for _, prediction, _ in predicted],
        clusters=[clusters.get(position) for position, _, _ in predicted],
        neighbors=[
            orjson.dumps(nearest[task]).decode() if task in nearest else None
            for _, _, task in predicted
        ],
        mislabeling=[worst[prediction] for _, prediction, _ in predicted],
    )


def _mislabeling(evaluation: ModelEval) -> Floats:
    """The score of every image, by position; 0 where single objects are not told apart.

    Of what is kept at the canonical confidence, as the images' own counts: a stray detection of a
    low score takes no match from a sure one.
    """
    n_images = sum(evaluation.image_counts.values())
    if not kind_of(evaluation).has_items:
        return np.zeros(n_images)
    claims = [claim for chunk in _claims(evaluation) for claim in chunk]
    return mislabeling_scores(claims, n_images=n_images, n_classes=len(evaluation.classes))


READ_AT_ONCE = 1000


def _claims(evaluation: ModelEval) -> Iterator[list[Claim]]:
    assert evaluation.planned_at is not None
    job, kind = job_of(evaluation), kind_of(evaluation)
    for first in range(0, sum(evaluation.image_counts.values()), READ_AT_ONCE):
        positions, rows = source_rows(evaluation, first, first + READ_AT_ONCE)
        places = iter(positions)
        for some in snapshot.portions(rows):
            images = snapshot.read_all(some, reading=job.reading, planned_at=evaluation.planned_at)
            verdicts = kind.verdicts([image.stored for image in images], job, evaluation.confidence)
            yield [
                Claim(position, label, score, found.verdict == Verdict.TRUE_POSITIVE)
                for image, position in zip(verdicts, places, strict=False)
                for label, score, found in zip(
                    image.detected_labels, image.scores, image.found, strict=True
                )
                if found is not None
            ]
