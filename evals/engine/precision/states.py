"""The engines of average precision: what each keeps of the images it has seen."""

import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from evals.engine.matching import AT_THRESHOLD
from evals.engine.overlaps.turned import turned_overlaps
from evals.engine.precision.batch import Batch, join_batches, read_batch, write_batch
from evals.engine.precision.measures import IouType, Measure
from evals.engine.precision.parts import parts_of
from evals.engine.precision.tables import Accumulated, PrecisionTable, table_of
from predictions.regions.geometry import Floats

#: Engine letter, number of classes, length of the measure that follows.
HEADER = struct.Struct("<cII")


class PrecisionState(ABC):
    """What average precision needs to know of the images seen so far."""

    letter: ClassVar[bytes]

    def __init__(self, n_classes: int, measure: Measure) -> None:
        self.n_classes = n_classes
        self.measure = measure

    @abstractmethod
    def add(self, batch: Batch) -> None:
        """Take a batch of images in; an image id seen before is an error of the caller."""

    @abstractmethod
    def merge(self, others: Iterable[Self]) -> Self:
        """A state that has seen this state's images and those of the others."""

    @abstractmethod
    def accumulated(self, *, in_parts: bool) -> Accumulated:
        """COCO's interpolated precision and its recall; with `in_parts`, precision of parts of the
        images, too. Ends the state.
        """

    @abstractmethod
    def body(self) -> bytes:
        """The state without its header; neither engine's format is for keeping beyond a release."""

    @classmethod
    @abstractmethod
    def from_body(cls, body: bytes, n_classes: int, measure: Measure) -> Self:
        """The state of `body`."""

    def to_bytes(self) -> bytes:
        """The state for `read_state`: some 0.3 kB an image."""
        measure = self.measure.to_bytes()
        header = HEADER.pack(self.letter, self.n_classes, len(measure))
        return header + measure + zlib.compress(self.body(), 1)

    def table(self) -> PrecisionTable:
        """The result. Ends the state: it can be neither added to nor asked again."""
        return table_of(self.accumulated(in_parts=True), self.measure)


class HotcocoState(PrecisionState):
    """Matches each batch when it is added, so merging and finishing cost little."""

    letter = b"h"

    def __init__(self, n_classes: int, measure: Measure, *, stream: Any = None) -> None:
        import hotcoco

        super().__init__(n_classes, measure)
        parameters = hotcoco.Params(measure.iou_type.value)
        parameters.max_dets = list(measure.max_detections)
        if measure.sigmas:
            parameters.kpt_oks_sigmas = list(measure.sigmas)
        if measure.iou_type == IouType.TURNED:
            parameters.iou_thrs = _without_noise(parameters.iou_thrs)
        self._stream = stream or hotcoco.StreamingEval(
            _categories(n_classes), iou_type=measure.iou_type.value, params=parameters
        )

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, self.measure)
        given = batch.image_dicts(), batch.object_dicts()
        if self.measure.iou_type in {IouType.BOXES, IouType.MASKS}:
            masks: Any = None if batch.detection_rles is None else list(batch.detection_rles)
            self._stream.update(*given, batch.detection_table(), segmentation=masks)
        else:
            self._stream.update(*given, batch.detection_results())

    def merge(self, others: Iterable[Self]) -> Self:
        streams = (other._stream for other in (self, *others))
        merged = type(self._stream).merge(streams)
        return type(self)(self.n_classes, self.measure, stream=merged)

    def accumulated(self, *, in_parts: bool) -> Accumulated:
        result: Any = self._stream.finalize()
        result.accumulate()
        return _accumulated(result.eval, _left_out(result) if in_parts else None)

    def body(self) -> bytes:
        return bytes(self._stream.to_bytes())

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, measure: Measure) -> Self:
        import hotcoco

        return cls(n_classes, measure, stream=hotcoco.StreamingEval.from_bytes(body))


class PycocotoolsState(PrecisionState):
    """Keeps the batches as they are and evaluates them all at the end."""

    letter = b"p"

    def __init__(self, n_classes: int, measure: Measure) -> None:
        super().__init__(n_classes, measure)
        self._batches: list[Batch] = []

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, self.measure)
        self._batches.append(batch)

    def merge(self, others: Iterable[Self]) -> Self:
        merged = type(self)(self.n_classes, self.measure)
        merged._batches = [batch for state in (self, *others) for batch in state._batches]
        return merged

    def accumulated(self, *, in_parts: bool) -> Accumulated:
        from contextlib import redirect_stdout
        from io import StringIO

        from pycocotools.coco import COCO

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
            evaluation = _pycocotools_evaluation(sides, self.measure)
            evaluation.evaluate()
            evaluation.accumulate()
        left_out = None
        if in_parts:
            # Of ten parts of the images pycocotools would take ten times as long.
            other = HotcocoState(self.n_classes, self.measure)
            other.add(batch)
            left_out = other.accumulated(in_parts=True).left_out
        return _accumulated(evaluation.eval, left_out)

    def body(self) -> bytes:
        return write_batch(join_batches(self._batches))

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, measure: Measure) -> Self:
        state = cls(n_classes, measure)
        state._batches = [read_batch(body)]
        return state


def _pycocotools_evaluation(sides: list[Any], measure: Measure) -> Any:
    from pycocotools.cocoeval import COCOeval

    class TurnedEval(COCOeval):  # type: ignore[misc]
        """COCO's rules over the overlaps of turned boxes, which pycocotools does not know."""

        def computeIoU(self, imgId: int, catId: int) -> Any:
            truths, predicted = self._gts[imgId, catId], self._dts[imgId, catId]
            if not truths or not predicted:
                return []
            order = np.argsort([-one["score"] for one in predicted], kind="mergesort")
            predicted = [predicted[at] for at in order[: self.params.maxDets[-1]]]
            return turned_overlaps(
                np.array([one["obb"] for one in predicted]),
                np.array([one["obb"] for one in truths]),
                np.array([bool(one["iscrowd"]) for one in truths]),
            )

    is_turned = measure.iou_type == IouType.TURNED
    evaluator = TurnedEval if is_turned else COCOeval
    evaluation = evaluator(*sides, "bbox" if is_turned else measure.iou_type.value)
    evaluation.params.maxDets = list(measure.max_detections)
    if measure.sigmas:
        evaluation.params.kpt_oks_sigmas = np.array(measure.sigmas)
    if is_turned:
        evaluation.params.iouThrs = np.array(_without_noise(evaluation.params.iouThrs))
    return evaluation


def _without_noise(thresholds: Iterable[float]) -> list[float]:
    """The limits of turned boxes, of which an overlap of exactly a half is a little more or less:
    sine and cosine are rounded. Counts take the same for equal.
    """
    return [float(one) - AT_THRESHOLD for one in thresholds]


def _left_out(result: Any) -> Sequence[float] | None:
    """As `PrecisionTable.left_out`, of hotcoco's evaluator, which is of no other use afterwards.

    None where there are no parts, and where in one of them there is nothing to find.
    """
    parameters = result.params
    parts = parts_of(parameters.img_ids)
    # Average precision needs no more of COCO's tables, which take most of the time.
    parameters.area_rng = parameters.area_rng[:1]
    parameters.area_rng_lbl = parameters.area_rng_lbl[:1]
    parameters.max_dets = parameters.max_dets[-1:]
    found = result.slice_by({str(at): part for at, part in enumerate(parts)}) if parts else {}
    means = [float(found[str(at)]["AP"]) for at in range(len(parts))]
    return means if means and min(means) >= 0 else None


def _accumulated(result: Any, left_out: Sequence[float] | None) -> Accumulated:
    # The last of the numbers of detections is the largest.
    precision: Floats = np.asarray(result["precision"], dtype=np.float64)[..., -1]
    recall: Floats = np.asarray(result["recall"], dtype=np.float64)[:, :, 0]
    return Accumulated(precision, recall, left_out)


def _categories(n_classes: int) -> list[dict[str, Any]]:
    return [{"id": label + 1, "name": str(label)} for label in range(n_classes)]
