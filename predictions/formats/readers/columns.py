"""Upright boxes of a large file as columns of numbers, 50 bytes each."""

from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from predictions.formats.content import Box, Boxes, Region

#: The area of an object that tells none.
NO_AREA = -1.0


class Columns:
    """The boxes of a file in its order, detections where `is_result`.

    Whole only where each entry of the file was kept: one that has no box, or a score where there
    should be none, is left out, and who reads the columns asks `has`.
    """

    def __init__(self, names: Sequence[str], *, is_result: bool) -> None:
        self.names = names
        self.is_result = is_result
        self._boxes = array("d")
        #: Scores of detections, areas of objects.
        self.facts = array("d")
        self._classes, self._crowds = array("l"), bytearray()

    def keep(self, name: int, box: Sequence[float], fact: float, is_crowd: bool) -> None:
        """One more, of the class whose place among the names is `name`; `fact` is the score of a
        detection, the area of an object.
        """
        self._classes.append(name)
        self._boxes.extend(box)
        self.facts.append(fact)
        self._crowds.append(is_crowd)

    def keep_all(self, names: Sequence[int], boxes: Any, facts: Any, crowds: bytes) -> None:
        """More of them: float64 (n, 4) and (n,), and a byte each."""
        self._classes.extend(names)
        self._boxes.frombytes(boxes.tobytes())
        self.facts.frombytes(facts.tobytes())
        self._crowds += crowds

    def classes(self) -> set[int]:
        """The places of all classes that any has."""
        return set(self._classes)

    def has(self, n: int) -> bool:
        """Whether the columns hold n boxes."""
        return len(self._classes) == n

    @cached_property
    def _read(self) -> tuple[Any, Any, Any, Any]:
        """Boxes, facts, classes and crowds, once all are kept: float64 (n, 4) and (n,), int64 (n,),
        uint8 (n,).
        """
        boxes = np.asarray(self._boxes).reshape(-1, 4)
        crowds = np.frombuffer(self._crowds, dtype=np.uint8) if self._crowds else np.zeros(0)
        return boxes, np.asarray(self.facts), np.asarray(self._classes), crowds

    def of(self, numbers: Sequence[int], divisor: float) -> Boxes:
        """Those of one image; scores are divided by `divisor`. From then on no more are kept."""
        boxes, facts, classes, crowds = self._read
        at = np.asarray(numbers, dtype=np.int64)
        told, crowd = facts[at], crowds[at]
        names = self.names
        tells = not self.is_result or crowd.any()
        metas = zip(crowd.tolist(), told.tolist(), strict=True) if tells else ()
        return Boxes(
            labels=[names[n] for n in classes[at].tolist()],
            xywh_px=boxes[at],
            scores=(told / divisor).tolist() if self.is_result else None,
            metas=[self._meta(*each) for each in metas],
        )

    def regions(self, numbers: Sequence[int], divisor: float, place: str) -> list[Region]:
        """The same as regions, whose places are entries of the list at `place`."""
        found = self.of(numbers, divisor)
        scores: Sequence[float | None] = found.scores or [None] * len(numbers)
        shapes = [Box(*box) for box in found.xywh_px.tolist()]
        metas = found.metas or [None] * len(numbers)
        rows = zip(numbers, found.labels, shapes, scores, metas, strict=True)
        return [
            Region((label,), shape, score, meta, f"{place}[{n}]")
            for n, label, shape, score, meta in rows
        ]

    def _meta(self, is_crowd: int, fact: float) -> dict[str, Any] | None:
        meta: dict[str, Any] = {}
        if is_crowd:
            meta["iscrowd"] = 1
        if not self.is_result and fact != NO_AREA:
            meta["area"] = fact
        return meta or None
