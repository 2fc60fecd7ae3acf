"""Images by what went wrong in them: filters and orders over counts at any confidence.

A page without filters never comes here. The worst images at the canonical confidence are an index
scan; every other selection passes over the evaluation's images once.
"""

from dataclasses import dataclass

import numpy as np

from evals.db.evaluations import count_images
from evals.db.images import Scanned, scan, worst
from evals.db.panels import error_images
from evals.documents.slices import Slice
from evals.engine.error_types.assignment import ErrorType
from evals.engine.events import Cells, Ints, image_cells, image_counts
from evals.engine.metrics import image_scores
from evals.models import ModelEval
from predictions.regions.geometry import Bools, Floats

#: Orders of images; errors are false positives and false negatives together. The four counts are of
#: a class if one is asked for; each may be reversed with a minus. The measure is the first of the
#: metrics that a kind has of single images; those without stand last.
SORTS = (
    "truePositives", "falsePositives", "falseNegatives", "errors", "precision", "recall", "f1",
    "measure",
)  # fmt: skip


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
    slice: Slice | None = None
    #: Of this kind, and of `label` if that is given.
    error_type: ErrorType | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()


#: Orders at the canonical confidence that an index has.
INDEXED = {"falsePositives": "fp", "falseNegatives": "fn"}


@dataclass(frozen=True, slots=True)
class Selected:
    """How many images fit, and the positions of those wanted, in order."""

    total: int
    positions: list[int]


def select(
    evaluation: ModelEval,
    wanted: Selection,
    *,
    split: int | None,
    confidence: int,
    limit: int | None = None,
    offset: int = 0,
) -> Selected:
    """The images of a page, or with no limit all."""
    if _is_indexed(evaluation, wanted, split, confidence):
        return _worst(evaluation, wanted, limit, offset)
    positions, keys = [], []
    erring = _erring(evaluation, wanted, split)
    for block in scan(evaluation, count_images(evaluation, None)):
        some, key = _matching(evaluation, block, wanted, split, confidence, erring)
        positions.append(some)
        keys.append(key)
    everywhere = np.concatenate([np.zeros(0, np.int64), *positions])
    if wanted.sort is not None:
        order = np.concatenate([np.zeros(0), *keys])
        everywhere = everywhere[np.lexsort((everywhere, order))]
    end = None if limit is None else offset + limit
    return Selected(len(everywhere), everywhere[offset:end].tolist())


def _erring(evaluation: ModelEval, wanted: Selection, split: int | None) -> Ints | None:
    """Positions of the images with the wanted kind of error, rising; None where none is wanted."""
    if wanted.error_type is None:
        return None
    stored = error_images(evaluation, split)
    found = [one.images_with(wanted.error_type, wanted.label) for one in stored]
    positions: Ints = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
    return positions


def _is_indexed(
    evaluation: ModelEval, wanted: Selection, split: int | None, confidence: int
) -> bool:
    plain = Selection(sort=wanted.sort, is_falling=True)
    return (
        split is None
        and confidence == evaluation.confidence
        and wanted == plain
        and wanted.sort in INDEXED
    )


def _worst(evaluation: ModelEval, wanted: Selection, limit: int | None, offset: int) -> Selected:
    positions = worst(evaluation, INDEXED[wanted.sort or ""], limit, offset)
    return Selected(count_images(evaluation, None), positions)


def _matching(
    evaluation: ModelEval,
    block: Scanned,
    wanted: Selection,
    split: int | None,
    confidence: int,
    erring: Ints | None,
) -> tuple[Ints, Floats]:
    """Positions of those in a block that fit, and what they are ordered by."""
    n_images = len(block.positions)
    counts = image_counts(
        block.events, confidence, n_images=n_images, n_classes=len(evaluation.classes)
    )
    cells = image_cells(block.events, confidence)
    tp, fp, fn = (np.asarray(n, dtype=np.float64) for n in (counts.tp, counts.fp, counts.fn))
    if wanted.label is not None:
        tp, fp, fn = _counts_of_class(cells, wanted.label, n_images)
    fits = (fp >= wanted.least_fp) & (fn >= wanted.least_fn)
    if split is not None:
        fits &= block.splits == split
    if wanted.cluster is not None:
        fits &= np.array([one == wanted.cluster for one in block.clusters], dtype=np.bool_)
    if wanted.slice is not None:
        fits &= wanted.slice.has(block.slices)
    label = wanted.label
    if erring is not None:
        fits &= np.isin(block.positions, erring)
        # The errors are of that class, at whatever confidence.
        label = None
    if wanted.cell is not None or label is not None:
        fits &= _has_cell(cells, wanted.cell, label, n_images)
    keys = {
        None: np.zeros(n_images),
        "truePositives": tp,
        "falsePositives": fp,
        "falseNegatives": fn,
        "errors": fp + fn,
        "measure": block.measures,
    }
    if wanted.sort in keys:
        key = np.asarray(keys[wanted.sort], dtype=np.float64)
    else:
        key = getattr(image_scores(counts), wanted.sort or "f1")
    return block.positions[fits], (-key if wanted.is_falling else key)[fits]


def _counts_of_class(cells: Cells, label: int, n_images: int) -> tuple[Floats, Floats, Floats]:
    """True positives, false positives and false negatives of one class in each image, (n_images,)
    each.
    """
    is_true, is_said = cells.actual == label, cells.predicted == label

    def count(which: Bools) -> Floats:
        found = np.bincount(cells.image[which], weights=cells.count[which], minlength=n_images)
        return found.astype(np.float64)

    return count(is_true & is_said), count(is_said & ~is_true), count(is_true & ~is_said)


def _has_cell(
    cells: Cells, cell: tuple[int, int] | None, label: int | None, n_images: int
) -> Bools:
    """Which images have this cell, and one of this class on either side: bool (n_images,)."""
    has = np.ones(n_images, dtype=np.bool_)
    if cell is not None:
        has &= _shown(cells, (cells.actual == cell[0]) & (cells.predicted == cell[1]), n_images)
    if label is not None:
        has &= _shown(cells, (cells.actual == label) | (cells.predicted == label), n_images)
    return has


def _shown(cells: Cells, which: Bools, n_images: int) -> Bools:
    shows = np.zeros(n_images, dtype=np.bool_)
    shows[cells.image[which]] = True
    return shows
