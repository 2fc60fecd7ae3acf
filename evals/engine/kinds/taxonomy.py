"""Paths in a tree: a chosen path stands for itself and everything above it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.engine.boxes import StoredImage
from evals.engine.errors import UnreadableState
from evals.engine.events import Events, Ints
from evals.engine.kinds.answers import Answer, read_answers
from evals.engine.kinds.class_events import set_events
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.regions import UnknownLabels
from predictions.regions.config import PATH_SEPARATOR
from predictions.regions.geometry import Bools, Floats
from predictions.regions.labels import PassedOver, Reason

Path = tuple[str, ...]


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
    said: Ints
    #: Whether the chosen paths are the same.
    is_equal: Bools

    def jaccard(self) -> Floats:
        """Nodes in common / nodes of either, 1 where both sides are empty."""
        either = self.true + self.said - self.common
        return np.where(either > 0, self.common / np.maximum(either, 1), 1.0)


@dataclass(frozen=True, slots=True)
class TreeSums:
    """What adds up over tasks."""

    #: Tasks whose chosen paths are the same.
    equal: int
    common: int
    true: int
    said: int
    #: The overlap of each task, float64 (n_tasks,).
    jaccard: Floats

    def __add__(self, other: "TreeSums") -> "TreeSums":
        return TreeSums(
            self.equal + other.equal,
            self.common + other.common,
            self.true + other.true,
            self.said + other.said,
            np.concatenate([self.jaccard, other.jaccard]),
        )

    def to_bytes(self) -> bytes:
        """Four int64 and the overlaps, little-endian."""
        head = np.array([self.equal, self.common, self.true, self.said], dtype="<i8")
        return head.tobytes() + self.jaccard.astype("<f8").tobytes()


def read_sums(packed: bytes) -> TreeSums:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    if len(packed) < 32 or len(packed) % 8:
        raise UnreadableState(f"{len(packed)} bytes are no sums of a tree")
    equal, common, true, said = np.frombuffer(packed[:32], dtype="<i8").tolist()
    return TreeSums(equal, common, true, said, np.frombuffer(packed[32:], dtype="<f8"))


def read_paths(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> tuple[Nodes, Nodes]:
    """The nodes of both sides, truth first; `UnknownLabels` names those not in `classes`."""
    index = (reading or Reading()).index(classes)
    sides = _Gathered(index), _Gathered(index)
    answers = read_answers(images, "taxonomy", _paths, reading=reading, notes=notes)
    for number, one in enumerate(answers):
        sides[0].take(number, one.truth)
        sides[1].take(number, one.said)
    unknown = sides[0].unknown | sides[1].unknown
    if unknown:
        raise UnknownLabels(unknown)
    return sides[0].nodes(), sides[1].nodes()


def _paths(value: Any) -> list[Path]:
    """Chosen paths: a list of paths, or of names without anything above them."""
    if value is None:
        raise PassedOver(Reason.NO_LABEL)
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise PassedOver(Reason.INVALID_LABEL)
    paths = []
    for one in listed:
        path = one if isinstance(one, list) and one else [one]
        if not all(isinstance(step, str) and step for step in path):
            raise PassedOver(Reason.INVALID_LABEL)
        paths.append(tuple(path))
    return paths


class _Gathered:
    """One side while it is read."""

    def __init__(self, index: dict[str, int]) -> None:
        self.index = index
        self.unknown: set[str] = set()
        self._rows: list[tuple[int, int, float, bool]] = []
        #: The nodes of each path that was met, from the root.
        self._known: dict[Path, list[int]] = {}

    def take(self, number: int, answers: Iterable[Answer[list[Path]]]) -> None:
        """The answers to one task."""
        for answer in answers:
            for path in answer.value:
                labels = self._known.get(path)
                if labels is None:
                    labels = self._known[path] = self._labels(path)
                last = len(labels) - 1
                self._rows += [
                    (number, label, answer.score, at == last) for at, label in enumerate(labels)
                ]

    def _labels(self, path: Path) -> list[int]:
        names = [PATH_SEPARATOR.join(path[: end + 1]) for end in range(len(path))]
        self.unknown.update(name for name in names if name not in self.index)
        return [self.index.get(name, -1) for name in names]

    def nodes(self) -> Nodes:
        """What was taken."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, 4).T
        task, label, is_chosen = table[0], table[1], table[3]
        return Nodes(
            task.astype(np.int64), label.astype(np.int64), table[2], is_chosen.astype(np.bool_)
        )


def node_events(truth: Nodes, said: Nodes, *, n_classes: int) -> Events:
    """Each node of a task is decided alone: a hit, only said, or only true."""
    return set_events(
        (truth.task, truth.label), (said.task, said.label, said.score), n_classes=n_classes
    )


def overlaps_of(truth: Nodes, said: Nodes, *, n_tasks: int, n_classes: int) -> Overlaps:
    """How far the sides agree on each task, whatever the score."""
    true, called, common = _sizes(truth, said, n_tasks=n_tasks, n_classes=n_classes)
    chosen = _sizes(_chosen(truth), _chosen(said), n_tasks=n_tasks, n_classes=n_classes)
    is_equal = (chosen[0] == chosen[2]) & (chosen[1] == chosen[2])
    return Overlaps(common, true, called, is_equal)


def _chosen(nodes: Nodes) -> Nodes:
    at = nodes.is_chosen
    return Nodes(nodes.task[at], nodes.label[at], nodes.score[at], at[at])


def _sizes(truth: Nodes, said: Nodes, *, n_tasks: int, n_classes: int) -> tuple[Ints, Ints, Ints]:
    """How many different nodes of each task are true, said, and both: (n_tasks,) each."""
    width = n_classes + 1
    true, called = (np.unique(one.task * width + one.label) for one in (truth, said))
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
        said=int(overlaps.said[chosen].sum()),
        jaccard=overlaps.jaccard()[chosen],
    )


def tree_metrics(sums: TreeSums) -> dict[str, float | None]:
    """The metrics of a split, None for what there is nothing to measure of."""
    n = len(sums.jaccard)
    nodes = sums.true + sums.said
    return {
        "accuracy": sums.equal / n if n else None,
        "jaccard": math.fsum(sums.jaccard.tolist()) / n if n else None,
        "hierarchicalPrecision": _share(sums.common, sums.said) if nodes else None,
        "hierarchicalRecall": _share(sums.common, sums.true) if nodes else None,
        "hierarchicalF1": _share(2 * sums.common, nodes) if nodes else None,
    }


def _share(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0
