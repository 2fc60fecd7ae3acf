"""The camelCase shapes of images. Pure: numbers and names in, dictionaries or JSON text out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from evals.documents.panels import SPLITS, Document
from evals.engine.events import Cells, Counts, Ints
from evals.engine.geometry import Floats
from evals.engine.metrics import image_scores


class ImageRow(NamedTuple):
    """An image without its counts."""

    image_id: str
    name: str
    split: int
    augmentations: int
    cluster: int | None
    x: float | None
    y: float | None
    is_flagged: bool = False


def image_records(rows: Sequence[ImageRow], cells: Cells, *, n_classes: int) -> list[Document]:
    """The images of a page; `cells.image` is the place among `rows`."""
    counts = cells.counts(n_images=len(rows), n_classes=n_classes)
    scores = image_scores(counts)
    columns = zip(
        rows,
        *_counted(counts),
        scores.precision.tolist(),
        scores.recall.tolist(),
        scores.f1.tolist(),
        cells.triples(len(rows)),
        strict=True,
    )
    return [
        _image(
            row.image_id,
            row.name,
            SPLITS[row.split],
            row.augmentations,
            _cluster(row.cluster, row.x, row.y),
            *numbers,
            is_flagged=row.is_flagged,
        )
        for row, *numbers in columns
    ]


def image_texts(rows: Sequence[Sequence[Any]], cells: Cells, *, n_classes: int) -> list[bytes]:
    """`image_records` as JSON text, each image put into the text of an empty one.

    A row begins with the columns of ImageRow. The same bytes that encoding the records gives, in a
    third of the time: what a page spends its time on is making lists of the cells and then reading
    them again.
    """
    if not rows:
        return []
    counts = cells.counts(n_images=len(rows), n_classes=n_classes)
    scores = image_scores(counts)
    ids, names, splits, augmentations, clusters, xs, ys, flags, *_ = zip(*rows, strict=True)
    values = zip(
        map(orjson.dumps, ids),
        map(orjson.dumps, names),
        map(SPLIT_TEXTS.__getitem__, splits),
        augmentations,
        map(_cluster_text, clusters, xs, ys),
        *_counted(counts),
        _thousandths(scores.precision),
        _thousandths(scores.recall),
        _thousandths(scores.f1),
        cells.texts(len(rows)),
        strict=True,
    )
    patterns = [FLAGGED_TEXT if is_flagged else TEXT for is_flagged in flags]
    return [pattern % one for pattern, one in zip(patterns, values, strict=True)]


def _counted(counts: Counts) -> tuple[list[int], list[int], list[int]]:
    tp: list[int] = counts.tp.tolist()
    fp: list[int] = counts.fp.tolist()
    fn: list[int] = counts.fn.tolist()
    return tp, fp, fn


def _cluster(cluster: int | None, x: float | None, y: float | None) -> Document | None:
    if cluster is None:
        return None
    return {"id": cluster, "embedding2D": None if x is None else [x, y]}


def _cluster_text(cluster: int | None, x: float | None, y: float | None) -> bytes:
    return b"null" if cluster is None else orjson.dumps(_cluster(cluster, x, y))


def _image(
    image_id: Any,
    name: Any,
    split: Any,
    augmentations: Any,
    cluster: Any,
    tp: Any,
    fp: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    f1: Any,
    cells: Any,
    *,
    is_flagged: bool = False,
) -> Document:
    """Values, or the places of their texts: see TEXT."""
    record = {
        "imageId": image_id,
        "imageName": name,
        "split": split,
        "augmentations": augmentations,
        "cluster": cluster,
        "stats": {
            "truePositives": tp,
            "falsePositives": fp,
            "falseNegatives": fn,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        },
        "confusion": cells,
    }
    if is_flagged:
        record["flagged"] = True
    return record


# An image's text with places for its values, in the order `_image` takes them.
_SPELLING = [orjson.Fragment(b"%" + kind) for kind in (b"b", b"d")]
_PLACES = [_SPELLING[kind == "d"] for kind in "bbbdbdddbbbb"]
TEXT = orjson.dumps(_image(*_PLACES))
FLAGGED_TEXT = orjson.dumps(_image(*_PLACES, is_flagged=True))
SPLIT_TEXTS = [orjson.dumps(name) for name in SPLITS]
THOUSANDTHS = [orjson.dumps(n / 1000) for n in range(1001)]


def _thousandths(rounded: Floats) -> list[bytes]:
    """JSON texts of shares that are rounded to three decimals."""
    places: Ints = np.rint(rounded * 1000).astype(np.int64)
    return [THOUSANDTHS[at] for at in places.tolist()]


def image_page(
    *, split: str, confidence: int, total: int, offset: int, limit: int, images: Sequence[bytes]
) -> Document:
    """A page of images' texts; `totalImages` counts what split and filters leave."""
    return {
        "split": split,
        "confidenceThreshold": confidence / 100,
        "totalImages": total,
        "offset": offset,
        "limit": limit,
        "images": orjson.Fragment(b"[%b]" % b",".join(images)),
    }
