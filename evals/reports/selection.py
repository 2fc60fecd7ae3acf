"""Images by what went wrong in them: filters and orders over counts at any confidence.

A page without filters never comes here. The worst images at the canonical confidence are an index
scan; every other selection passes over the evaluation's images once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.db.queries import count_images
from evals.engine.events import Ints, image_cells, image_counts, unpack_events
from evals.engine.geometry import Bools, Floats
from evals.engine.metrics import image_scores
from evals.models import ModelEval
from predictions_api.postgres.sql import fetch_all

SORTS = ("truePositives", "falsePositives", "falseNegatives", "precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images, and in which order; without any of it, all in their own order."""

    sort: str | None = None
    is_falling: bool = False
    least_fp: int = 0
    least_fn: int = 0
    cell: tuple[int, int] | None = None
    label: int | None = None
    cluster: int | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()


BLOCK = 5000

INDEXED = {"falsePositives": "fp", "falseNegatives": "fn"}
# Served by the index of the same columns.
WORST_SQL = """
SELECT position FROM evals_evalimage WHERE evaluation_id = %s
ORDER BY {column} DESC, position LIMIT %s OFFSET %s
"""
# The primary key.
SCAN_SQL = """
SELECT position, split, cluster, events FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Selected:
    """How many images fit, and the positions of those wanted, in order."""

    total: int
    positions: list[int]


def select(
    found: ModelEval,
    wanted: Selection,
    *,
    split: int | None,
    confidence: int,
    limit: int | None = None,
    offset: int = 0,
) -> Selected:
    """The images of a page, or with no limit all."""
    if _is_indexed(found, wanted, split, confidence):
        return _worst(found, wanted, limit, offset)
    positions, keys = [], []
    for first in range(0, count_images(found, None), BLOCK):
        some, key = _scan(found, wanted, split, confidence, first)
        positions.append(some)
        keys.append(key)
    everywhere = np.concatenate([np.zeros(0, np.int64), *positions])
    if wanted.sort is not None:
        order = np.concatenate([np.zeros(0), *keys])
        everywhere = everywhere[np.lexsort((everywhere, order))]
    end = None if limit is None else offset + limit
    return Selected(len(everywhere), everywhere[offset:end].tolist())


def _is_indexed(found: ModelEval, wanted: Selection, split: int | None, confidence: int) -> bool:
    plain = Selection(sort=wanted.sort, is_falling=True)
    return (
        split is None
        and confidence == found.confidence
        and wanted == plain
        and wanted.sort in INDEXED
    )


def _worst(found: ModelEval, wanted: Selection, limit: int | None, offset: int) -> Selected:
    sql = WORST_SQL.format(column=INDEXED[wanted.sort or ""])
    rows = fetch_all(sql, [found.pk, limit, offset])
    return Selected(count_images(found, None), [position for (position,) in rows])


def _scan(
    found: ModelEval, wanted: Selection, split: int | None, confidence: int, first: int
) -> tuple[Ints, Floats]:
    """Positions that fit in one block, and what they are ordered by."""
    rows = fetch_all(SCAN_SQL, [found.pk, first, first + BLOCK])
    positions = np.array([row[0] for row in rows], dtype=np.int64)
    events = unpack_events([row[3] for row in rows])
    counts = image_counts(events, confidence, n_images=len(rows), n_classes=len(found.classes))
    cells = image_cells(events, confidence)
    fp: Any = counts.fp
    fn: Any = counts.fn
    if wanted.label is not None:
        # Asked for a class, what is wrong is told of that class.
        is_wrong = cells.actual != cells.predicted
        fp, fn = (
            np.bincount(
                cells.image[is_wrong & (side == wanted.label)],
                weights=cells.count[is_wrong & (side == wanted.label)],
                minlength=len(rows),
            )
            for side in (cells.predicted, cells.actual)
        )
    fits = (fp >= wanted.least_fp) & (fn >= wanted.least_fn)
    if split is not None:
        fits &= np.array([row[1] == split for row in rows], dtype=np.bool_)
    if wanted.cluster is not None:
        fits &= np.array([row[2] == wanted.cluster for row in rows], dtype=np.bool_)
    if wanted.cell is not None or wanted.label is not None:
        fits &= _has_cell(cells.image, cells.actual, cells.predicted, wanted, len(rows))
    keys = {
        None: np.zeros(len(rows)),
        "truePositives": counts.tp,
        "falsePositives": counts.fp,
        "falseNegatives": counts.fn,
    }
    if wanted.sort in keys:
        key = np.asarray(keys[wanted.sort], dtype=np.float64)
    else:
        key = getattr(image_scores(counts), wanted.sort or "f1")
    return positions[fits], (-key if wanted.is_falling else key)[fits]


def _has_cell(
    image: Ints, actual: Ints, predicted: Ints, wanted: Selection, n_images: int
) -> Bools:
    hit = np.ones(len(image), dtype=np.bool_)
    if wanted.cell is not None:
        hit &= (actual == wanted.cell[0]) & (predicted == wanted.cell[1])
    has = np.zeros(n_images, dtype=np.bool_)
    has[image[hit]] = True
    if wanted.label is not None:
        shows = np.zeros(n_images, dtype=np.bool_)
        shows[image[(actual == wanted.label) | (predicted == wanted.label)]] = True
        has &= shows
    return has


#: Orders of images; each may be reversed with a minus.
