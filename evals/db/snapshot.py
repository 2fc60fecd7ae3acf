"""Which rows of the store an evaluation counts, and reading them chunk by chunk.

A task counts when it has a ground-truth annotation, the newest one; beside it stands the newest
prediction of the version, if there is any. What is planned is what is counted: a row that changes
or vanishes before it is read ends the evaluation instead of being counted half old, half new.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from django.db import connection, transaction

from evals.engine.boxes import RegionText
from evals.engine.errors import EvaluationError
from evals.engine.regions import StoredImage
from evals.models import ModelEval, Split
from predictions_api.postgres.sql import fetch_all, fetch_one

SPLIT_NUMBERS = {split.label: split.value for split in Split}
DEFAULT_SPLIT = Split.TEST
LONGEST_URL = 4096


class CannotEvaluate(EvaluationError):
    """What is stored cannot be evaluated; the text says what to do about it."""

    def __init__(self, reason: str) -> None:
        self.detail = reason
        ValueError.__init__(self, reason)


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One image to count: the rows it is made of."""

    task_id: int
    annotation_id: int
    prediction_id: int | None
    split: int


# Served by the indexes on (project, task) and on (project, model version, id).
PLAN_SQL = """
WITH truth AS (
    SELECT DISTINCT ON (task_id) task_id, id FROM predictions_annotation
    WHERE project_id = %(project)s AND ground_truth AND NOT was_cancelled
    ORDER BY task_id, id DESC
), said AS (
    SELECT DISTINCT ON (task_id) task_id, id FROM predictions_prediction
    WHERE project_id = %(project)s AND left(model_version, 200) = left(%(version)s, 200)
      AND model_version = %(version)s
    ORDER BY task_id, id DESC
)
SELECT t.id, truth.id, said.id, t.meta -> 'split'
FROM truth
JOIN predictions_task t ON t.id = truth.task_id AND t.project_id = %(project)s
LEFT JOIN said ON said.task_id = truth.task_id
ORDER BY t.id
"""
FACTS_SQL = """
SELECT clock_timestamp(),
    (SELECT max(updated_at) FROM predictions_annotation
     WHERE project_id = %(project)s AND ground_truth AND NOT was_cancelled),
    (SELECT max(updated_at) FROM predictions_prediction
     WHERE project_id = %(project)s AND left(model_version, 200) = left(%(version)s, 200)
       AND model_version = %(version)s)
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """When the plan was made, and the newest rows it can have seen."""

    planned_at: datetime
    newest_ground_truth_at: datetime | None
    newest_prediction_at: datetime | None


def facts(evaluation: ModelEval) -> Facts:
    """Asked after `planned_rows`, in its transaction."""
    row = fetch_one(FACTS_SQL, _scope(evaluation))
    assert row is not None
    return Facts(*row)


def planned_rows(evaluation: ModelEval, *, chunk: int) -> Iterator[list[PlannedRow]]:
    """The images that count, in task order, `chunk` at a time. In a transaction: a cursor's."""
    assert connection.connection is not None
    with closing(connection.connection.cursor(name=f"plan_{evaluation.pk}")) as cursor:
        cursor.itersize = chunk
        cursor.execute(PLAN_SQL, _scope(evaluation))
        while rows := cursor.fetchmany(chunk):
            yield [PlannedRow(t, a, p, _split(t, split)) for t, a, p, split in rows]


def _scope(evaluation: ModelEval) -> dict[str, Any]:
    return {"project": evaluation.project_id, "version": evaluation.model_version}


def _split(task_id: int, stored: Any) -> int:
    value = orjson.loads(stored) if isinstance(stored, str) and stored[:1] == '"' else stored
    if value is None or value == "null":
        return DEFAULT_SPLIT.value
    if not isinstance(value, str) or value not in SPLIT_NUMBERS:
        raise CannotEvaluate(
            f"Task {task_id}: meta.split is {value!r}. Set it to train, valid or test, "
            "or leave it out for test."
        )
    return SPLIT_NUMBERS[value]


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image with what identifies it and what was stored about it."""

    row: PlannedRow
    image_id: str
    name: str
    augmentations: int
    #: The beginning of the image's address.
    url: str | None
    stored: StoredImage


# By primary keys; rows written after the plan was made do not match.
READ_SQL = """
SELECT t.id, t.meta -> 'image_name', t.meta -> 'image_id', t.meta -> 'augmentations',
       left(t.data ->> %(image)s, %(longest)s), a.result::text, p.result::text, p.score
FROM unnest(%(tasks)s::bigint[], %(annotations)s::bigint[], %(predictions)s::bigint[])
     WITH ORDINALITY AS c(task_id, annotation_id, prediction_id, n)
JOIN predictions_task t ON t.id = c.task_id
LEFT JOIN predictions_annotation a ON a.id = c.annotation_id AND a.updated_at <= %(at)s
LEFT JOIN predictions_prediction p ON p.id = c.prediction_id AND p.updated_at <= %(at)s
ORDER BY c.n
"""


def read(
    rows: Sequence[PlannedRow], *, image_key: str, planned_at: datetime
) -> list[ReadImage | None]:
    """The images of planned rows, None for one that is no longer as planned. One statement."""
    found = fetch_all(
        READ_SQL,
        {
            "image": image_key,
            "longest": LONGEST_URL,
            "tasks": [row.task_id for row in rows],
            "annotations": [row.annotation_id for row in rows],
            "predictions": [row.prediction_id for row in rows],
            "at": planned_at,
        },
    )
    by_task = {values[0]: values for values in found}
    return [_read_image(row, by_task.get(row.task_id)) for row in rows]


def read_all(
    rows: Sequence[PlannedRow], *, image_key: str, planned_at: datetime
) -> list[ReadImage]:
    """As `read`. `CannotEvaluate` names the first row that changed since the plan was made."""
    images = read(rows, image_key=image_key, planned_at=planned_at)
    for row, image in zip(rows, images, strict=True):
        if image is None:
            raise CannotEvaluate(
                f"Task {row.task_id}, its annotation {row.annotation_id} or its prediction "
                f"{row.prediction_id} was changed or deleted while it was being evaluated. "
                "Run the evaluation again."
            )
    return [image for image in images if image is not None]


def _read_image(row: PlannedRow, values: Sequence[Any] | None) -> ReadImage | None:
    if values is None:
        return None
    _, name, image_id, augmentations, url, truth, said, score = values
    if truth is None or (row.prediction_id is not None and said is None):
        return None
    return ReadImage(
        row=row,
        image_id=_text(image_id) or str(row.task_id),
        name=_text(name) or _last_part(url) or str(row.task_id),
        augmentations=_whole(augmentations),
        url=url,
        stored=StoredImage(RegionText(truth), [] if said is None else RegionText(said), score),
    )


def _text(stored: Any) -> str:
    """A jsonb text or number as text, '' for anything else."""
    value = orjson.loads(stored) if isinstance(stored, str) else stored
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _whole(stored: Any) -> int:
    value = orjson.loads(stored) if isinstance(stored, str) else stored
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count else 0


def _last_part(url: str | None) -> str:
    """The file name in an address; '' for data addresses and where there is none."""
    if not url or url.startswith("data:"):
        return ""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = url
    return unquote(path.rstrip("/").rpartition("/")[2])


# Streamed in task order.
EMBEDDINGS_SQL = """
SELECT c.n - 1, t.meta -> 'embedding'
FROM unnest(%(tasks)s::bigint[]) WITH ORDINALITY AS c(task_id, n)
JOIN predictions_task t ON t.id = c.task_id AND t.meta ? 'embedding'
ORDER BY c.n
"""


def embeddings(task_ids: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """(place in `task_ids`, embedding as stored) of the tasks that have one, in order."""
    with transaction.atomic():
        assert connection.connection is not None
        with closing(connection.connection.cursor(name="embeddings")) as cursor:
            cursor.execute(EMBEDDINGS_SQL, {"tasks": list(task_ids)})
            for place, stored in cursor:
                yield place, orjson.loads(stored) if isinstance(stored, str) else stored
