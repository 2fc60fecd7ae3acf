"""What COCO's rules measure the overlap of a detection and an object by."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from evals.engine.errors import MisshapenArrays


class IouType(StrEnum):
    """COCO's word for the kind of extent that is compared."""

    BOXES = "bbox"
    #: Boxes of which any is turned: their polygons, exactly.
    TURNED = "obb"
    MASKS = "segm"
    KEYPOINTS = "keypoints"


#: What is needed of more than boxes: each can compare all that those before it can.
WIDENING = (IouType.BOXES, IouType.TURNED, IouType.MASKS)


@dataclass(frozen=True, slots=True)
class Measure:
    """How pairs are compared, and what of an image counts."""

    iou_type: IouType = IouType.BOXES
    #: Of each keypoint, in their order; empty for everything else.
    sigmas: tuple[float, ...] = ()

    @property
    def max_detections(self) -> tuple[int, ...]:
        """Detections of an image and class: average precision is at the last, recall at each."""
        return (20,) if self.iou_type == IouType.KEYPOINTS else (1, 10, 100)

    @property
    def sizes(self) -> tuple[str, ...]:
        """Object sizes that are told apart, as COCO names them."""
        return SIZES[1:] if self.iou_type == IouType.KEYPOINTS else SIZES

    def to_bytes(self) -> bytes:
        """For `read_measure`."""
        return json.dumps(asdict(self)).encode()


#: Object sizes by area in square pixels: below 32**2, up to 96**2, above.
SIZES = ("small", "medium", "large")
SIZE_LIMITS_PX = (32**2, 96**2)
#: The lowest of COCO's ten limits of a match.
LEAST_IOU = 0.5

BOXES = Measure()
MASKS = Measure(IouType.MASKS)
TURNED = Measure(IouType.TURNED)


def read_measure(written: bytes) -> Measure:
    """The measure that `to_bytes` wrote; ValueError for anything else."""
    try:
        document = json.loads(written)
        return Measure(IouType(document["iou_type"]), tuple(document["sigmas"]))
    except (TypeError, KeyError) as error:
        raise ValueError(f"no measure: {error}") from None


def measure_of(iou_type: str, sigmas: tuple[float, ...] = ()) -> Measure:
    """The measure of COCO's word for it; `MisshapenArrays` for keypoints without sigmas."""
    measure = Measure(IouType(iou_type), sigmas)
    if (measure.iou_type == IouType.KEYPOINTS) != bool(sigmas):
        raise MisshapenArrays(f"{len(sigmas)} sigmas for {iou_type}")
    return measure
