"""Match events of scenes whose shapes are axis-aligned boxes."""

from evals.engine.events import Events
from evals.engine.matching import Definition, Detections, Objects, box_pairs, match_events
from predictions.regions.geometry import Floats


def box_match_events(
    objects: Objects,
    object_boxes_xywh_px: Floats,
    detections: Detections,
    detection_boxes_xywh_px: Floats,
    *,
    n_classes: int,
    definition: Definition | None = None,
) -> Events:
    """The events of a chunk of images whose shapes are axis-aligned boxes: see `match_events`."""
    pairs = box_pairs(objects, object_boxes_xywh_px, detections, detection_boxes_xywh_px)
    return match_events(objects, detections, pairs, n_classes=n_classes, definition=definition)
