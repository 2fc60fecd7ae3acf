"""Single columns over all images of an evaluation, and the pictures behind images: for the desk."""

from collections.abc import Sequence

import numpy as np

from evals.db.evaluations import image_key_of
from evals.db.snapshot import LONGEST_URL
from evals.engine.events import Counts
from evals.models import ModelEval
from predictions_api.postgres.sql import fetch_all, fetch_one

# The primary key, in its order. Big-endian, as Postgres sends numbers.
POINTS_SQL = """
SELECT string_agg(int4send(position), ''), string_agg(float4send(x::real), ''),
       string_agg(float4send(y::real), ''), string_agg(int4send(coalesce(cluster, -1)), ''),
       string_agg(int2send(split::smallint), '')
FROM (
    SELECT position, x, y, cluster, split FROM evals_evalimage
    WHERE evaluation_id = %s AND x IS NOT NULL ORDER BY position
) placed
"""
POINT_TYPES = (">i4", ">f4", ">f4", ">i4", ">i2")


def points(evaluation: ModelEval) -> bytes | None:
    """The map of the images in columns: little-endian int32 positions, float32 x, float32 y, int32
    clusters (-1 for noise) and int16 splits, one after the other, 18 bytes an image.

    None without a map. One statement.
    """
    row = fetch_one(POINTS_SQL, [evaluation.pk])
    if row is None or row[0] is None:
        return None
    columns = (np.frombuffer(c, dtype=kind) for c, kind in zip(row, POINT_TYPES, strict=True))
    return b"".join(c.astype(c.dtype.newbyteorder("<")).tobytes() for c in columns)


CANONICAL_SQL = """
SELECT string_agg(int4send(tp), ''), string_agg(int4send(fp), ''), string_agg(int4send(fn), '')
FROM (SELECT tp, fp, fn FROM evals_evalimage WHERE evaluation_id = %s ORDER BY position) counted
"""


def canonical_counts(evaluation: ModelEval) -> Counts:
    """Counts of every image at the canonical confidence, by position, arrays of (n_images,).

    One statement.
    """
    row = fetch_one(CANONICAL_SQL, [evaluation.pk])
    assert row is not None
    tp, fp, fn = (np.frombuffer(c or b"", dtype=">i4").astype(np.int64) for c in row)
    return Counts(tp=tp, kept=tp + fp, objects=tp + fn)


# By primary key.
ADDRESSES_SQL = """
SELECT id, left(data ->> %s, %s) FROM predictions_task WHERE id = ANY(%s)
"""
PICTURE_SQL = """
SELECT t.data ->> %s FROM predictions_task t JOIN evals_evalimage i ON i.task_id = t.id
WHERE i.evaluation_id = %s AND i.position = %s
"""


def image_addresses(evaluation: ModelEval, task_ids: Sequence[int]) -> dict[int | None, str | None]:
    """The first LONGEST_URL characters of the tasks' image addresses, by task; deleted ones are
    left out. One statement, none for no tasks.
    """
    if not task_ids:
        return {}
    key = image_key_of(evaluation)
    return dict(fetch_all(ADDRESSES_SQL, [key, LONGEST_URL, list(task_ids)]))


def image_address(evaluation: ModelEval, position: int) -> str | None:
    """The whole image address of the task behind an image; None where there is none."""
    row = fetch_one(PICTURE_SQL, [image_key_of(evaluation), evaluation.pk, position])
    return None if row is None else row[0]
