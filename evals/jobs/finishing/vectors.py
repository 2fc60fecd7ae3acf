"""Vector analysis of an evaluation whose tasks carry embeddings, and what it writes back.

`meta.embedding` of a task is its vector. Images without one are on no map and in no cluster.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from evals.db.definition import job_of, kind_of
from evals.db.images import source_rows
from evals.db.snapshot.plan import CannotEvaluate
from evals.db.snapshot.stored import portions, read_all
from evals.db.vectors import AT_ONCE, WrittenBack, embeddings, images, nearest_tasks
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
    of_images: list[tuple[int, int, int, str]] = []
    embedded: list[Any] = []
    for some in images(evaluation):
        for place, vector in _embeddings([row[1] or 0 for row in some]):
            position, task_id, _, split, name = some[place]
            if embedded and len(vector) != len(embedded[0]):
                raise CannotEvaluate(
                    f"Task {task_id}: meta.embedding has {len(vector)} numbers, that of task "
                    f"{of_images[0][1]} has {len(embedded[0])}. All must come from one model."
                )
            of_images.append((position, task_id, split, name))
            embedded.append(vector)
    if not embedded:
        return None
    matrix: Any = np.array(embedded, dtype=np.float32)
    try:
        analysis = analyse_embeddings(matrix)
    except EmbeddingError as error:
        raise CannotEvaluate(str(error)) from error
    positions, task_ids, splits, names = zip(*of_images, strict=True)
    return Embedded(
        analysis=analysis,
        positions=list(positions),
        task_ids=list(task_ids),
        splits=[Split(split).label for split in splits],
        names=list(names),
        matrix=matrix,
        seconds=time.perf_counter() - started,
    )


def _embeddings(task_ids: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Places of the tasks with an embedding, and it, float32 (d,)."""
    for place, stored in embeddings(task_ids):
        task_id = task_ids[place]
        try:
            vector = np.asarray(stored, dtype=np.float64)
        except (TypeError, ValueError):
            vector = np.zeros((0, 0))
        if not isinstance(stored, list) or vector.ndim != 1 or not len(vector):
            raise CannotEvaluate(f"Task {task_id}: meta.embedding must be a list of numbers.")
        with np.errstate(over="ignore"):
            single = vector.astype(np.float32)
        if not np.isfinite(single).all():
            raise CannotEvaluate(f"Task {task_id}: meta.embedding holds a value that is no number.")
        yield place, single


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of images by their position, and of tasks."""

    suspicion: Floats
    clusters: Mapping[int, int]
    nearest: Mapping[int, list[int]]


def findings(evaluation: ModelEval, embedded: Embedded | None) -> Findings:
    """Cluster and ten nearest tasks where there are embeddings; a mislabeling score for all."""
    clusters: dict[int, int] = {}
    nearest: dict[int, list[int]] = {}
    if embedded is not None:
        ids = embedded.analysis.cluster_ids.tolist()
        clusters = dict(zip(embedded.positions, ids, strict=True))
        nearest = nearest_tasks(embedded.task_ids, embedded.matrix)
    return Findings(_mislabeling(evaluation), clusters, nearest)


def of_predictions(evaluation: ModelEval, found: Findings) -> Iterator[WrittenBack]:
    """What is written back, of some tens of thousands of predictions at a time."""
    # The images of one task are neighbours and have one prediction: the first of them has its
    # place, any may be mislabeled.
    rows = (row for some in images(evaluation) for row in some if row[2] is not None)
    neighbours = groupby(rows, key=itemgetter(2))
    told = (_told(list(of_one), found) for _, of_one in neighbours)
    while some := list(islice(told, AT_ONCE)):
        ids, clusters, nearest, worst = zip(*some, strict=True)
        yield WrittenBack(list(ids), list(clusters), list(nearest), list(worst))


def _told(rows: Sequence[Any], found: Findings) -> tuple[int, int | None, str | None, float]:
    """Of one prediction its id, cluster, neighbors and mislabeling score, from its images."""
    position, task_id, prediction_id, *_ = rows[0]
    nearest = found.nearest.get(task_id)
    return (
        prediction_id,
        found.clusters.get(position),
        None if nearest is None else orjson.dumps(nearest).decode(),
        max(float(found.suspicion[row[0]]) for row in rows),
    )


def _mislabeling(evaluation: ModelEval) -> Floats:
    """The score of every image, by position; 0 where single objects are not told apart.

    Of what is kept at the canonical confidence, as the images' own counts: a stray detection of a
    low score takes no match from a sure one.
    """
    n_images = sum(evaluation.image_counts.values())
    if not kind_of(evaluation).has_items:
        return np.zeros(n_images)
    claims = (claim for chunk in _claims(evaluation) for claim in chunk)
    return mislabeling_scores(claims, n_images=n_images, n_classes=len(evaluation.classes))


READ_AT_ONCE = 1000


def _claims(evaluation: ModelEval) -> Iterator[list[Claim]]:
    assert evaluation.planned_at is not None
    job, kind = job_of(evaluation), kind_of(evaluation)
    for first in range(0, sum(evaluation.image_counts.values()), READ_AT_ONCE):
        positions, rows = source_rows(evaluation, first, first + READ_AT_ONCE)
        places = iter(positions)
        for some in portions(rows):
            images = read_all(
                some,
                reading=job.reading,
                of_text=kind.needs_data,
                planned_at=evaluation.planned_at,
            )
            verdicts = kind.verdicts([image.stored for image in images], job, evaluation.confidence)
            yield [
                Claim(position, label, score, found.verdict == Verdict.TRUE_POSITIVE)
                for image, position in zip(verdicts, places, strict=False)
                for label, score, found in zip(
                    image.detected_labels, image.scores, image.found, strict=True
                )
                if found is not None
            ]
