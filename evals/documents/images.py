"""Documents of images: their records, pages of them, and one image object by object."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from msgspec import UNSET, Meta, UnsetType, field

from evals.documents.document import Document, decode, encode, spliced
from evals.documents.names import SPLITS
from evals.engine.events import Cells, Counts, Ints
from evals.engine.metrics import image_scores
from predictions.regions.geometry import Floats


class ImageCluster(Document):
    """The cluster an image is in, and its place on the map of images."""

    id: int
    embedding_2d: list[float] | None = field(name="embedding2D")


class ImageStats(Document):
    """Counts of one image at one confidence; the scores are rounded to three decimals."""

    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float


class ImageRecord(Document):
    """What was right and wrong in one image."""

    image_id: str
    image_name: str
    split: str
    augmentations: int
    cluster: ImageCluster | None
    stats: ImageStats
    confusion: Annotated[
        list[list[int]],
        Meta(description="[actual, predicted, count] by index in the matrix's classes."),
    ]
    flagged: Annotated[bool | UnsetType, Meta(description="The file disagrees with itself.")] = (
        UNSET
    )
    metrics: Annotated[
        dict[str, float | None] | UnsetType,
        Meta(description="Of kinds that measure single images."),
    ] = UNSET


class ImagePage(Document):
    """A page of images; `totalImages` counts what split and filters leave."""

    split: str
    confidence_threshold: float
    total_images: int
    offset: int
    limit: int
    images: list[ImageRecord]


Box = Annotated[list[float] | None, Meta(description="x, y, width, height, px.")]
Verdict = Literal["tp", "fp", "fn", "wrong_class"]


class ImageObject(Document):
    """A ground-truth object of an image: where it is, by its kind, and what became of it."""

    index: int
    class_name: str = field(name="class")
    box: Box
    polygon: list[list[float]] | None
    verdict: Verdict | None
    matched: Annotated[int | None, Meta(description="Index on the other side.")]
    iou: float | None
    span: Annotated[
        list[int] | UnsetType, Meta(description="First character, and the one after the last.")
    ] = UNSET
    interval: Annotated[
        list[float] | UnsetType, Meta(description="Start and end in seconds or frames.")
    ] = UNSET
    keypoints: Annotated[
        dict[str, list[float]] | UnsetType, Meta(description="x, y by name, px.")
    ] = UNSET
    corners: Annotated[
        list[list[float]] | UnsetType,
        Meta(description="Of a turned box: x and y of each, px, from the stored one clockwise."),
    ] = UNSET
    crowd: Annotated[
        bool | UnsetType,
        Meta(
            description="Ground truth that stands for many objects, or a detection within such, "
            "which counts for nothing."
        ),
    ] = UNSET
    text: str | UnsetType = UNSET
    number: float | UnsetType = UNSET


class ImageDetection(ImageObject, kw_only=True):
    """A detection at or above the confidence."""

    score: float


class ImageWithObjects(ImageRecord, kw_only=True):
    """One image with every object, its score, its match and its overlap."""

    confidence_threshold: float
    iou_threshold: float
    task_id: int
    annotation_id: int
    prediction_id: int | None
    ground_truth: list[ImageObject]
    predictions: list[ImageDetection]


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
    #: JSON text, where its kind measures single images.
    metrics: str | None = None


def image_records(rows: Sequence[ImageRow], cells: Cells, *, n_classes: int) -> list[ImageRecord]:
    """The records of images; `cells.image` is the place among `rows`."""
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
        _record(
            row.image_id,
            row.name,
            SPLITS[row.split],
            row.augmentations,
            _cluster(row.cluster, row.x, row.y),
            *numbers,
            is_flagged=row.is_flagged,
            metrics=UNSET if row.metrics is None else decode(row.metrics),
        )
        for row, *numbers in columns
    ]


def image_texts(rows: Sequence[Sequence[Any]], cells: Cells, *, n_classes: int) -> list[bytes]:
    """`image_records` as JSON text, each image put into the text of an empty one.

    A row begins with the columns of ImageRow. The same bytes that encoding the records gives, in a
    third of the time: what a page spends its time on is making lists of the cells and then reading
    them again. [] for no rows.
    """
    if not rows:
        return []
    counts = cells.counts(n_images=len(rows), n_classes=n_classes)
    scores = image_scores(counts)
    ids, names, splits, augmentations, clusters, xs, ys, flags, metrics, *_ = zip(
        *rows, strict=True
    )
    values = zip(
        map(encode, ids),
        map(encode, names),
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
    texts = [pattern % one for pattern, one in zip(patterns, values, strict=True)]
    if not any(metrics):
        return texts
    return [_with_metrics(*both) for both in zip(texts, metrics, strict=True)]


def _with_metrics(text: bytes, metrics: str | None) -> bytes:
    """The text of an image with its metrics at the end, their text as it is stored."""
    return text if metrics is None else b'%b,"metrics":%b}' % (text[:-1], metrics.encode())


def _counted(counts: Counts) -> tuple[list[int], list[int], list[int]]:
    tp: list[int] = counts.tp.tolist()
    fp: list[int] = counts.fp.tolist()
    fn: list[int] = counts.fn.tolist()
    return tp, fp, fn


def _cluster(cluster: int | None, x: float | None, y: float | None) -> ImageCluster | None:
    if cluster is None:
        return None
    return ImageCluster(id=cluster, embedding_2d=None if x is None or y is None else [x, y])


def _cluster_text(cluster: int | None, x: float | None, y: float | None) -> bytes:
    return b"null" if cluster is None else encode(_cluster(cluster, x, y))


def _record(
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
    confusion: Any,
    *,
    is_flagged: bool = False,
    metrics: Any = UNSET,
) -> ImageRecord:
    """Of values, or of the places of their texts: see TEXT."""
    return ImageRecord(
        image_id=image_id,
        image_name=name,
        split=split,
        augmentations=augmentations,
        cluster=cluster,
        stats=ImageStats(
            true_positives=tp,
            false_positives=fp,
            false_negatives=fn,
            precision=precision,
            recall=recall,
            f1=f1,
        ),
        confusion=confusion,
        flagged=True if is_flagged else UNSET,
        metrics=metrics,
    )


# An image's text with places for its values, in the order `_record` takes them: %d for whole
# numbers, %b for texts of any other value.
_PLACES = [spliced(b"%" + kind.encode()) for kind in "bbbdbdddbbbb"]
TEXT = encode(_record(*_PLACES))
FLAGGED_TEXT = encode(_record(*_PLACES, is_flagged=True))
SPLIT_TEXTS = [encode(name) for name in SPLITS]
THOUSANDTHS = [encode(n / 1000) for n in range(1001)]


def _thousandths(rounded: Floats) -> list[bytes]:
    """JSON texts of shares that are rounded to three decimals."""
    places: Ints = np.rint(rounded * 1000).astype(np.int64)
    return [THOUSANDTHS[at] for at in places.tolist()]


def image_page(
    *, split: str, confidence: int, total: int, offset: int, limit: int, images: Sequence[bytes]
) -> ImagePage:
    """A page of images, of which the JSON texts are there already; confidence in percent."""
    return ImagePage(
        split=split,
        confidence_threshold=confidence / 100,
        total_images=total,
        offset=offset,
        limit=limit,
        images=spliced(b"[%b]" % b",".join(images)),
    )
