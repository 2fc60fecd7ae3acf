"""How far two sides agree on paths in a tree, each of which stands for all that is above it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints
from predictions.regions.geometry import Bools, Floats


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one side of tasks: of each chosen path itself and all above it.

    Arrays of one length; a node may be there more than once.
    """

    task: Ints
    label: Ints
    score: Floats
    #: Whether the path itself was chosen.
    is_chosen: Bools


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How far the two sides agree on each task, int64 (n_tasks,) each."""

    #: Nodes that both sides, that the truth, that the answer has.
    common: Ints
    true: Ints
    predicted: Ints
    #: Whether the chosen paths are the same.
    is_equal: Bools

    def jaccard(self) -> Floats:
        """Nodes in common / nodes of either, 1 where both sides are empty."""
        either = self.true + self.predicted - self.common
        return np.where(either > 0, self.common / np.maximum(either, 1), 1.0)


@dataclass(frozen=True, slots=True)
class TreeSums:
    """What adds up over tasks."""

    #: Tasks whose chosen paths are the same.
    equal: int
    common: int
    true: int
    predicted: int
    #: The overlap of each task, float64 (n_tasks,).
    jaccard: Floats

    def __add__(self, other: "TreeSums") -> "TreeSums":
        return TreeSums(
            self.equal + other.equal,
            self.common + other.common,
            self.true + other.true,
            self.predicted + other.predicted,
            np.concatenate([self.jaccard, other.jaccard]),
        )

    def to_bytes(self) -> bytes:
        """Four int64 and the overlaps, little-endian."""
        head = np.array([self.equal, self.common, self.true, self.predicted], dtype="<i8")
        return head.tobytes() + self.jaccard.astype("<f8").tobytes()


def read_sums(packed: bytes) -> TreeSums:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    if len(packed) < 32 or len(packed) % 8:
        raise UnreadableState(f"{len(packed)} bytes are no sums of a tree")
    equal, common, true, predicted = np.frombuffer(packed[:32], dtype="<i8").tolist()
    return TreeSums(equal, common, true, predicted, np.frombuffer(packed[32:], dtype="<f8"))


def overlaps_of(truth: Nodes, predicted: Nodes, *, n_tasks: int, n_classes: int) -> Overlaps:
    """How far the sides agree on each task, whatever the score."""
    true, called, common = _sizes(truth, predicted, n_tasks=n_tasks, n_classes=n_classes)
    chosen = _sizes(_chosen(truth), _chosen(predicted), n_tasks=n_tasks, n_classes=n_classes)
    is_equal = (chosen[0] == chosen[2]) & (chosen[1] == chosen[2])
    return Overlaps(common, true, called, is_equal)


def _chosen(nodes: Nodes) -> Nodes:
    at = nodes.is_chosen
    return Nodes(nodes.task[at], nodes.label[at], nodes.score[at], at[at])


def _sizes(
    truth: Nodes, predicted: Nodes, *, n_tasks: int, n_classes: int
) -> tuple[Ints, Ints, Ints]:
    """How many different nodes of each task are true, predicted, and both: (n_tasks,) each."""
    width = n_classes + 1
    true, called = (np.unique(one.task * width + one.label) for one in (truth, predicted))
    common = np.intersect1d(true, called, assume_unique=True)
    counts = (np.bincount(keys // width, minlength=n_tasks) for keys in (true, called, common))
    mine, theirs, both = counts
    return mine, theirs, both


def sums_of(overlaps: Overlaps, chosen: Any = slice(None)) -> TreeSums:
    """The additive state of the chosen tasks of a chunk."""
    return TreeSums(
        equal=int(overlaps.is_equal[chosen].sum()),
        common=int(overlaps.common[chosen].sum()),
        true=int(overlaps.true[chosen].sum()),
        predicted=int(overlaps.predicted[chosen].sum()),
        jaccard=overlaps.jaccard()[chosen],
    )


def tree_metrics(sums: TreeSums) -> dict[str, float | None]:
    """The metrics of a split, None for what there is nothing to measure of."""
    n = len(sums.jaccard)
    nodes = sums.true + sums.predicted
    return {
        "accuracy": sums.equal / n if n else None,
        "jaccard": math.fsum(sums.jaccard.tolist()) / n if n else None,
        "hierarchicalPrecision": _share(sums.common, sums.predicted) if nodes else None,
        "hierarchicalRecall": _share(sums.common, sums.true) if nodes else None,
        "hierarchicalF1": _share(2 * sums.common, nodes) if nodes else None,
    }


def _share(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0
