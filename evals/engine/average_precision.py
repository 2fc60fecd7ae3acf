"""COCO average precision behind one door: hotcoco by default, pycocotools as a drop-in.

Chunks of images are added to a state, states travel as bytes and merge in any order; the result is
the same to the last bit as that of one state over all images. All scores count, at most 100
detections per image and class, ten IoUs from 0.50 to 0.95, object sizes split at 32 and 96 pixels
squared. These are COCO's rules, not those of `evals.engine.matching`: a point of a sweep is not a
point of COCO's precision-recall curve.
"""

import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from evals.engine.coco_batch import (
    Batch,
    batch_of_classes,
    join_batches,
    read_batch,
    write_batch,
)
from evals.engine.errors import MisshapenArrays, UnreadableState
from predictions.regions.geometry import Floats

#: COCO counts at most so many detections of each class in an image.
MAX_DETECTIONS = 100

#: Object sizes by area in square pixels, as COCO names them: below 32**2, up to 96**2, above.
SIZES = ("small", "medium", "large")

#: Places of IoU 0.50 and 0.75 in COCO's ten thresholds.
AT_50, AT_75 = 0, 5

#: Classes evaluated together: the tables of so many take 150 MB. More than LVIS has.
BLOCK_CLASSES = 2048

#: Of a block within the state of many classes.
LENGTH = struct.Struct("<Q")

#: Engine letter, masks or boxes, number of classes.
HEADER = struct.Struct("<c?I")


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision in [0, 1], each None where there is nothing to find."""

    map50: float | None
    map50_95: float | None
    map75: float | None


@dataclass(frozen=True, slots=True)
class ClassPrecision(Precision):
    """A class, or the mean of all that have objects, with the same by object size."""

    #: By size name; None for a size without objects.
    by_size: dict[str, Precision | None]


@dataclass(frozen=True, slots=True)
class PrecisionTable:
    """Average precision of a split; `per_class` is in label order."""

    overall: ClassPrecision
    per_class: list[ClassPrecision]


class PrecisionState(ABC):
    """What average precision needs to know of the images seen so far."""

    letter: ClassVar[bytes]

    def __init__(self, n_classes: int, *, masks: bool = False) -> None:
        self.n_classes = n_classes
        self.masks = masks

    @abstractmethod
    def add(self, batch: Batch) -> None:
        """Take a batch of images in; an image id seen before is an error of the caller."""

    @abstractmethod
    def merge(self, others: Iterable[Self]) -> Self:
        """A state that has seen this state's images and those of the others."""

    @abstractmethod
    def precisions(self) -> Floats:
        """COCO's interpolated precision, (10 IoUs, 101 recalls, classes, all + 3 sizes); -1 = none.

        Ends the state.
        """

    @abstractmethod
    def body(self) -> bytes:
        """The state without its header; neither engine's format is for keeping beyond a release."""

    @classmethod
    @abstractmethod
    def from_body(cls, body: bytes, n_classes: int, *, masks: bool) -> Self:
        """The state of `body`."""

    def to_bytes(self) -> bytes:
        """The state for `read_state`: some 0.3 kB an image."""
        return HEADER.pack(self.letter, self.masks, self.n_classes) + zlib.compress(self.body(), 1)

    def table(self) -> PrecisionTable:
        """The result. Ends the state: it can be neither added to nor asked again."""
        precision = self.precisions()
        return PrecisionTable(
            overall=_class_precision(precision),
            per_class=[_class_precision(precision[:, :, [c]]) for c in range(self.n_classes)],
        )


class HotcocoState(PrecisionState):
    """Matches each batch when it is added, so merging and finishing cost little."""

    letter = b"h"

    def __init__(self, n_classes: int, *, masks: bool = False, stream: Any = None) -> None:
        import hotcoco

        super().__init__(n_classes, masks=masks)
        kind = "segm" if masks else "bbox"
        parameters = hotcoco.Params(kind)
        parameters.max_dets = [MAX_DETECTIONS]
        self._stream = stream or hotcoco.StreamingEval(
            _categories(n_classes), iou_type=kind, params=parameters
        )

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, masks=self.masks)
        detections = batch.detection_dicts() if self.masks else batch.detection_table()
        self._stream.update(batch.image_dicts(), batch.object_dicts(), detections)

    def merge(self, others: Iterable[Self]) -> Self:
        streams = (other._stream for other in (self, *others))
        merged = type(self._stream).merge(streams)
        return type(self)(self.n_classes, masks=self.masks, stream=merged)

    def precisions(self) -> Floats:
        result: Any = self._stream.finalize()
        result.accumulate()
        return np.asarray(result.eval["precision"], dtype=np.float64)[..., 0]

    def body(self) -> bytes:
        return bytes(self._stream.to_bytes())

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, *, masks: bool) -> Self:
        import hotcoco

        return cls(n_classes, masks=masks, stream=hotcoco.StreamingEval.from_bytes(body))


class PycocotoolsState(PrecisionState):
    """Keeps the batches as they are and evaluates them all at the end."""

    letter = b"p"

    def __init__(self, n_classes: int, *, masks: bool = False) -> None:
        super().__init__(n_classes, masks=masks)
        self._batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, masks=self.masks)
        self._batches.append(batch)

    def merge(self, others: Iterable[Self]) -> Self:
        merged = type(self)(self.n_classes, masks=self.masks)
        merged._batches = [batch for state in (self, *others) for batch in state._batches]
        return merged

    def precisions(self) -> Floats:
        from contextlib import redirect_stdout
        from io import StringIO

        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        batch = join_batches(self._batches)
        # pycocotools looks sizes up for every mask and uses them for polygons only.
        images = [{**image, "height": 0, "width": 0} for image in batch.image_dicts()]
        common = {"images": images, "categories": _categories(self.n_classes)}
        with redirect_stdout(StringIO()):
            sides = []
            for annotations in (batch.object_dicts(), batch.detection_dicts()):
                side = COCO()
                side.dataset = {**common, "annotations": annotations}
                side.createIndex()
                sides.append(side)
            evaluation = COCOeval(*sides, "segm" if self.masks else "bbox")
            evaluation.params.maxDets = [MAX_DETECTIONS]
            evaluation.evaluate()
            evaluation.accumulate()
        return np.asarray(evaluation.eval["precision"], dtype=np.float64)[..., 0]

    def body(self) -> bytes:
        return write_batch(join_batches(self._batches))

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, *, masks: bool) -> Self:
        state = cls(n_classes, masks=masks)
        state._batches = [read_batch(body)]
        return state


class BlockedState(PrecisionState):
    """Many classes, BLOCK_CLASSES at a time: the evaluators' tables have a place for each class.

    Classes do not meet in average precision, so a state for each block is the same; the overall
    numbers are means over the classes.
    """

    letter = b"b"

    def __init__(self, n_classes: int, *, masks: bool, blocks: Sequence[PrecisionState]) -> None:
        super().__init__(n_classes, masks=masks)
        self._blocks = list(blocks)

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, masks=self.masks)
        for block, classes in zip(self._blocks, _blocks(self.n_classes), strict=True):
            mine = batch_of_classes(batch, classes)
            if len(mine.image_ids):
                block.add(mine)

    def merge(self, others: Iterable[Self]) -> Self:
        everyone = zip(*(state._blocks for state in (self, *others)), strict=True)
        blocks = [merge_states(blocks) for blocks in everyone]
        return type(self)(self.n_classes, masks=self.masks, blocks=blocks)

    def precisions(self) -> Floats:
        return np.concatenate([block.precisions() for block in self._blocks], axis=2)

    def table(self) -> PrecisionTable:
        per_class: list[ClassPrecision] = []
        for place in range(len(self._blocks)):
            per_class += self._blocks[place].table().per_class
        by_size: dict[str, Precision | None] = {}
        for size in SIZES:
            known = [one.by_size[size] for one in per_class if one.by_size[size] is not None]
            by_size[size] = _mean_of(known) if known else None
        overall = _mean_of(per_class)
        return PrecisionTable(
            ClassPrecision(overall.map50, overall.map50_95, overall.map75, by_size), per_class
        )

    def body(self) -> bytes:
        written = [block.to_bytes() for block in self._blocks]
        return b"".join(LENGTH.pack(len(block)) + block for block in written)

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, *, masks: bool) -> Self:
        blocks, at = [], 0
        while at < len(body):
            (length,) = LENGTH.unpack_from(body, at)
            at += LENGTH.size + length
            blocks.append(read_state(body[at - length : at]))
        return cls(n_classes, masks=masks, blocks=blocks)


def _blocks(n_classes: int) -> list[range]:
    starts = range(0, n_classes, BLOCK_CLASSES)
    return [range(start, min(start + BLOCK_CLASSES, n_classes)) for start in starts]


def _mean_of(precisions: Sequence[Precision | None]) -> Precision:
    """The mean of each number over those that have it; None where none has."""
    means = []
    for name in ("map50", "map50_95", "map75"):
        values = [getattr(one, name) for one in precisions if one is not None]
        known = [value for value in values if value is not None]
        means.append(float(np.mean(known)) if known else None)
    return Precision(*means)


ENGINES: dict[str, type[PrecisionState]] = {
    "hotcoco": HotcocoState,
    "pycocotools": PycocotoolsState,
}


def new_state(n_classes: int, *, masks: bool = False, engine: str = "hotcoco") -> PrecisionState:
    """An empty state of the engine, for boxes or for masks."""
    if engine not in ENGINES:
        raise MisshapenArrays(f"no engine {engine!r}, known are {', '.join(ENGINES)}")
    if n_classes > BLOCK_CLASSES:
        blocks = [ENGINES[engine](len(block), masks=masks) for block in _blocks(n_classes)]
        return BlockedState(n_classes, masks=masks, blocks=blocks)
    return ENGINES[engine](n_classes, masks=masks)


def read_state(state: bytes) -> PrecisionState:
    """The state that `to_bytes` wrote; `UnreadableState` for anything else."""
    kinds: list[type[PrecisionState]] = [*ENGINES.values(), BlockedState]
    by_letter = {engine.letter: engine for engine in kinds}
    try:
        letter, masks, n_classes = HEADER.unpack_from(state)
        body = zlib.decompress(state[HEADER.size :])
        return by_letter[letter].from_body(body, n_classes, masks=masks)
    except (struct.error, zlib.error, KeyError, ValueError) as error:
        raise UnreadableState(str(error)) from error


def merge_states(states: Sequence[PrecisionState]) -> PrecisionState:
    """One state of all images; `UnreadableState` for none, or for states of different kinds."""
    kinds = {(type(state), state.n_classes, state.masks) for state in states}
    if len(kinds) != 1:
        raise UnreadableState(f"{len(kinds)} kinds of state to merge")
    return states[0].merge(states[1:])


def _categories(n_classes: int) -> list[dict[str, Any]]:
    return [{"id": label + 1, "name": str(label)} for label in range(n_classes)]


def _class_precision(precision: Floats) -> ClassPrecision:
    """The means over a (10, 101, classes, 4) array."""
    overall = _means(precision[..., 0])
    by_size: dict[str, Precision | None] = {}
    for place, size in enumerate(SIZES, start=1):
        means = _means(precision[..., place])
        by_size[size] = None if means.map50 is None else means
    return ClassPrecision(overall.map50, overall.map50_95, overall.map75, by_size)


def _means(precision: Floats) -> Precision:
    return Precision(
        map50=_mean(precision[AT_50]), map50_95=_mean(precision), map75=_mean(precision[AT_75])
    )


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else None
