"""COCO average precision behind one door: hotcoco by default, pycocotools as a drop-in.

Chunks of images are added to a state, states travel as bytes and merge in any order; the result is
the same to the last bit as that of one state over all images. All scores count, at most 100
detections per image and class (20 of keypoints), ten IoUs from 0.50 to 0.95, object sizes split at
32 and 96 pixels squared. These are COCO's rules, not those of `evals.engine.matching`: a point of a
sweep is not a point of COCO's precision-recall curve.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from evals.engine.errors import MisshapenArrays, UnreadableState
from evals.engine.precision.batch import Batch, batch_of_classes
from evals.engine.precision.measures import BOXES, Measure, read_measure
from evals.engine.precision.states import HEADER, HotcocoState, PrecisionState, PycocotoolsState
from evals.engine.precision.tables import Accumulated, PrecisionTable, joined, table_of

#: Classes evaluated together: the tables of so many take 250 MB. More than LVIS has.
BLOCK_CLASSES = 1280

#: Of a block within the state of many classes.
LENGTH = struct.Struct("<Q")


class BlockedState(PrecisionState):
    """Many classes, BLOCK_CLASSES at a time: the evaluators' tables have a place for each class.

    Classes do not meet in average precision, so a state for each block is the same; the overall
    numbers are means over the classes.
    """

    letter = b"b"

    def __init__(self, n_classes: int, measure: Measure, blocks: Sequence[PrecisionState]) -> None:
        super().__init__(n_classes, measure)
        self._blocks = list(blocks)

    def add(self, batch: Batch) -> None:
        batch.check(self.n_classes, self.measure)
        for block, classes in zip(self._blocks, _blocks(self.n_classes), strict=True):
            mine = batch_of_classes(batch, classes)
            if len(mine.image_ids):
                block.add(mine)

    def merge(self, others: Iterable[Self]) -> Self:
        everyone = zip(*(state._blocks for state in (self, *others)), strict=True)
        blocks = [merge_states(blocks) for blocks in everyone]
        return type(self)(self.n_classes, self.measure, blocks)

    def accumulated(self, *, in_parts: bool) -> Accumulated:
        # The mean over all classes of a part is not known from the blocks' means.
        parts = [block.accumulated(in_parts=False) for block in self._blocks]
        return Accumulated(
            np.concatenate([part.precision for part in parts], axis=2),
            np.concatenate([part.recall for part in parts], axis=1),
        )

    def table(self) -> PrecisionTable:
        tables, recalls = [], []
        for block in self._blocks:
            part = block.accumulated(in_parts=False)
            tables.append(table_of(part, self.measure))
            recalls.append(part.recall)
        return joined(tables, np.concatenate(recalls, axis=1), self.measure)

    def body(self) -> bytes:
        written = [block.to_bytes() for block in self._blocks]
        return b"".join(LENGTH.pack(len(block)) + block for block in written)

    @classmethod
    def from_body(cls, body: bytes, n_classes: int, measure: Measure) -> Self:
        blocks, at = [], 0
        while at < len(body):
            (length,) = LENGTH.unpack_from(body, at)
            at += LENGTH.size + length
            blocks.append(read_state(body[at - length : at]))
        return cls(n_classes, measure, blocks)


def _blocks(n_classes: int) -> list[range]:
    starts = range(0, n_classes, BLOCK_CLASSES)
    return [range(start, min(start + BLOCK_CLASSES, n_classes)) for start in starts]


ENGINES: dict[str, type[PrecisionState]] = {
    "hotcoco": HotcocoState,
    "pycocotools": PycocotoolsState,
}


def new_state(
    n_classes: int, measure: Measure = BOXES, *, engine: str = "hotcoco"
) -> PrecisionState:
    """An empty state of the engine."""
    if engine not in ENGINES:
        raise MisshapenArrays(f"no engine {engine!r}, known are {', '.join(ENGINES)}")
    if n_classes > BLOCK_CLASSES:
        blocks = [ENGINES[engine](len(block), measure) for block in _blocks(n_classes)]
        return BlockedState(n_classes, measure, blocks)
    return ENGINES[engine](n_classes, measure)


def read_state(state: bytes) -> PrecisionState:
    """The state that `to_bytes` wrote; `UnreadableState` for anything else."""
    kinds: list[type[PrecisionState]] = [*ENGINES.values(), BlockedState]
    by_letter = {engine.letter: engine for engine in kinds}
    try:
        letter, n_classes, length = HEADER.unpack_from(state)
        end = HEADER.size + length
        measure = read_measure(state[HEADER.size : end])
        body = zlib.decompress(state[end:])
        return by_letter[letter].from_body(body, n_classes, measure)
    except (struct.error, zlib.error, KeyError, ValueError) as error:
        raise UnreadableState(str(error)) from error


def merge_states(states: Sequence[PrecisionState]) -> PrecisionState:
    """One state of all images; `UnreadableState` for none, or for states of different kinds."""
    kinds = {(type(state), state.n_classes, state.measure) for state in states}
    if len(kinds) != 1:
        raise UnreadableState(f"{len(kinds)} kinds of state to merge")
    return states[0].merge(states[1:])
