"""What is drawn on images: their objects, and the detections that are kept.

In columns, a place for each shape: making and writing a dictionary for each of a thousand boxes
took longer than matching them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from evals.engine.boxes import Region, Regions, StoredImage
from evals.engine.events import Ints
from evals.engine.kinds.kind import Job, ShapeVerdicts
from evals.engine.kinds.table import KINDS
from evals.engine.matching import ObjectVerdict, Verdict
from evals.engine.sides import Side
from predictions.regions.geometry import STEPS_OF_IMAGE, Bools, Floats, Rle, Shape, run_lengths
from predictions.regions.shapes import own_size

Document = dict[str, Any]

#: What rasterising the images of one page may take, a hundred of LVIS a tenth of it.
STEPS_OF_PAGE = 2 * STEPS_OF_IMAGE
#: A match of two classes counts as both: a false positive of the one, a miss of the other.
TRUTH_WORDS = {verdict: verdict.value for verdict in Verdict} | {Verdict.WRONG_CLASS: "fn"}
#: What is nothing as it stands for many objects, or is within such.
CROWD = "crowd"
SAID_WORDS = TRUTH_WORDS | {Verdict.WRONG_CLASS: "fp"}


def drawings(images: Sequence[StoredImage], job: Job, confidence: int) -> Iterator[Document]:
    """`regions` of each image at one percent.

    Both sides have a place for each shape in `labels`, `verdicts` ("tp", "fp", "fn", "crowd" for
    crowds and for what counts for nothing within one, or null where pixels are compared) and, four
    numbers each, `boxes`: x, y, width and height in per cent of the image. `shapes` has what is no
    box, by its place. Detections have `scores`. Where whole images
    are labelled all are empty. Numbers are rounded to a thousandth: they are for the eye.
    `EvaluationError` where drawing all of them together takes too long.
    """
    chunk = KINDS[job.task_type].shape_verdicts(images, job, confidence, STEPS_OF_PAGE)
    kept = np.flatnonzero(chunk.predicted.score >= confidence / 100)
    truths = _columns(
        chunk.truth,
        np.arange(len(chunk.truth.image)),
        boxes_px=chunk.boxes_px[0],
        classes=job.classes,
        verdicts=chunk.truths,
        words=TRUTH_WORDS,
        is_crowd=chunk.in_crowds[0],
        stored=[image.truth for image in images],
        keypoints=_keypoints(chunk, 0, job),
    )
    detections = _columns(
        chunk.predicted,
        kept,
        boxes_px=chunk.boxes_px[1],
        classes=job.classes,
        verdicts=chunk.found,
        words=SAID_WORDS,
        is_crowd=chunk.in_crowds[1],
        stored=[image.predicted for image in images],
        keypoints=_keypoints(chunk, 1, job),
    )
    for truth, predicted in zip(truths, detections, strict=True):
        # Objects have no score.
        del truth["scores"]
        yield {"groundTruth": truth, "predictions": predicted}


def _keypoints(chunk: ShapeVerdicts, side: int, job: Job) -> tuple[Floats, Sequence[str]] | None:
    """The key points of a side and their names; None for kinds without any."""
    if chunk.points is None:
        return None
    return chunk.points[side], [called for called, _ in job.reading.keypoints]


def _columns(
    side: Side,
    kept: Ints,
    *,
    boxes_px: Floats,
    classes: Sequence[str],
    verdicts: Sequence[ObjectVerdict | None],
    words: Mapping[Verdict, str],
    is_crowd: Bools | None,
    stored: Sequence[Regions],
    keypoints: tuple[Floats, Sequence[str]] | None,
) -> Iterator[Document]:
    """The kept shapes of a side, image by image."""
    places = kept.tolist()
    labels = [classes[label] for label in side.label[kept].tolist()]
    became = [verdicts[at] for at in places]
    names = [None if verdict is None else words[verdict.verdict] for verdict in became]
    if is_crowd is not None:
        for n in np.flatnonzero(is_crowd[kept]).tolist():
            names[n] = CROWD
    scores = side.score[kept].tolist()
    boxes = (100 * boxes_px / np.tile(side.sizes_px, 2))[kept].round(3).ravel().tolist()
    outlines = _outlines(side, stored)
    if keypoints is not None:
        outlines = _poses(side, 100 * boxes_px / np.tile(side.sizes_px, 2), *keypoints)
    ends = np.searchsorted(side.image[kept], np.arange(len(stored) + 1)).tolist()
    for first, end in pairwise(ends):
        yield {
            "labels": labels[first:end],
            "verdicts": names[first:end],
            "scores": scores[first:end],
            "boxes": boxes[4 * first : 4 * end],
            "shapes": {
                str(n): outlines[at] for n, at in enumerate(places[first:end]) if at in outlines
            },
        }


def _outlines(side: Side, stored: Sequence[Regions]) -> dict[int, Document]:
    """What is no box, by its position: kind and geometry as the desk's module draws them."""
    outlines: dict[int, Document] = {}
    for at, shape in side.shapes.items():
        if shape.points_px is not None:
            scaled = shape.points_px * [100 / shape.width_px, 100 / shape.height_px]
            outlines[at] = {"kind": "polygon", "geometry": {"points": scaled.round(3).tolist()}}
        elif shape.rle is not None:
            region = stored[int(side.image[at])][side.region(at)]
            outlines[at] = {"kind": "brush", "geometry": _mask(shape, shape.rle, region)}
    return outlines


def _mask(shape: Shape, rle: Rle, region: Region) -> Document:
    """A brush's stream as it is stored; of other masks the runs."""
    stream = region["value"].get("rle")
    if stream is None:
        runs = run_lengths(rle["counts"]).tolist()
        return {"runs": runs, "width": shape.width_px, "height": shape.height_px}
    # The raster of the mask as it is stored: of the region's size, not of the image's.
    width, height = own_size(region) or (shape.width_px, shape.height_px)
    return {"rle": stream, "width": int(width), "height": int(height)}


def _poses(
    side: Side, boxes_pct: Floats, points_px: Floats, names: Sequence[str]
) -> dict[int, Document]:
    """Boxes with their key points in per cent of the image, by position."""
    told = (100 * points_px[..., :2] / side.sizes_px[:, None]).round(3)
    poses: dict[int, Document] = {}
    for at, box in enumerate(boxes_pct.round(3).tolist()):
        points = {name: told[at, n].tolist() for n, name in enumerate(names) if points_px[at, n, 2]}
        geometry = dict(zip(("x", "y", "width", "height"), box, strict=True))
        poses[at] = {"kind": "pose", "geometry": {**geometry, "points": points}}
    return poses
