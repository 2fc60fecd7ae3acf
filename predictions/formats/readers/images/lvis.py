"""LVIS: COCO whose detections are the best 300 of an image, as LVIS's own evaluation reads them.

What else its evaluation does differently is not applied, and said in a warning: `coco.py`.
"""

from predictions.formats.content import Ask, Content, Known
from predictions.formats.errors import Errors
from predictions.formats.readers.images import coco
from predictions.formats.readers.images.coco import truth, wanted
from predictions.formats.sources import Source

__all__ = ["predictions", "truth", "wanted"]

MOST_DETECTIONS = 300


def predictions(source: Source, ask: Ask, errors: Errors, known: Known) -> Content:
    """Detections as COCO's, MOST_DETECTIONS of an image at most."""
    return coco.predictions(source, ask, errors, known, most=MOST_DETECTIONS)
