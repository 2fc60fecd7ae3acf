"""Paths in a tree: a chosen path stands for itself and everything above it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import islice
from operator import add
from typing import Any

import numpy as np

from evals.engine.answers import Answer, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.class_events import set_events
from evals.engine.kinds.classification import label_pairs, label_verdicts
from evals.engine.kinds.kind import Chunk, Gathered, ImageVerdicts, Job, Kind, Primary, Tally, Total
from evals.engine.measures.trees import Nodes, overlaps_of, read_sums, sums_of, tree_metrics
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import PATH_SEPARATOR, Control
from predictions.regions.labels import PassedOver, Reason

#: Nodes of the chosen paths of a region, by name; and whether the path itself ends there.
Named = list[tuple[str, bool]]


def read_paths(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> tuple[Nodes, Nodes]:
    """The nodes of both sides, truth first; `UnknownLabels` names those not in `classes`."""
    truths, predictions = _answers(images, classes, reading or Reading(), notes or Notes())
    return _nodes(truths), _nodes(predictions)


def _answers(
    images: Sequence[StoredImage], classes: Sequence[str], reading: Reading, notes: Notes
) -> tuple[list[list[Answer[bool]]], list[list[Answer[bool]]]]:
    #: By the path, which stands in many tasks.
    known: dict[tuple[str, ...], Named] = {}

    def read(region: Region, image: StoredImage) -> Named:
        if region.get("type") != "taxonomy":
            raise PassedOver(Reason.OTHER_CONTROL)
        named: Named = []
        paths = _paths(value_of(region).get("taxonomy"), reading)
        for path in paths:
            if path not in known:
                called = reading.called_path(path) or ()
                known[path] = _path_and_above(called)
                above = {name for name, _ in _path_and_above(path)}
                notes.mapped |= above & reading.label_map.keys()
                notes.own_separators |= _own_separators(called)
            named += known[path]
        if paths and not named:
            raise PassedOver(Reason.OTHER_CLASS)
        return named

    # What is above a node follows from what the node is called.
    as_called = replace(reading, label_map={}, aliases={})
    return read_answers(images, classes, read, reading=as_called, notes=notes)


def _path_and_above(path: tuple[str, ...]) -> Named:
    """The nodes of a path, none of one that is not read."""
    ends = range(1, len(path) + 1)
    return [(PATH_SEPARATOR.join(path[:end]), end == len(path)) for end in ends]


def _own_separators(path: tuple[str, ...]) -> set[str]:
    """The first node of a path whose name reads as another path, as a step holds the separator."""
    names = ((name, path[:end]) for end, (name, _) in enumerate(_path_and_above(path), 1))
    return set(
        islice((name for name, steps in names if tuple(name.split(PATH_SEPARATOR)) != steps), 1)
    )


def _paths(value: Any, reading: Reading) -> list[tuple[str, ...]]:
    """Chosen paths: a list of paths, or of names as `steps` reads them."""
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
        paths.append(tuple(path) if path is one else reading.steps(one))
    return paths


def _nodes(tasks: Iterable[Sequence[Answer[bool]]]) -> Nodes:
    rows = [
        (number, one.label, one.score, one.value)
        for number, answers in enumerate(tasks)
        for one in answers
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    task, label, is_chosen = table[0], table[1], table[3]
    return Nodes(task.astype(np.int64), label.astype(np.int64), table[2], is_chosen > 0)


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    truth, predicted = read_paths(chunk.images, job.classes, reading=job.reading, notes=notes)
    n_classes = len(job.classes)
    overlaps = overlaps_of(truth, predicted, n_tasks=len(chunk.images), n_classes=n_classes)
    sides = (truth.task, truth.label), (predicted.task, predicted.label, predicted.score)
    return Tally(
        set_events(*sides, n_classes=n_classes),
        state=lambda is_mine: sums_of(overlaps, is_mine).to_bytes(),
        metrics=[{"jaccard": share} for share in overlaps.jaccard().tolist()],
    )


def _total(gathered: Gathered, job: Job) -> Total:
    nobody = _nodes([])
    none = sums_of(overlaps_of(nobody, nobody, n_tasks=0, n_classes=len(job.classes)))
    metrics = tree_metrics(reduce(add, (read_sums(one) for one in gathered.states), none))
    return Total(metrics=metrics, primary=metrics[TAXONOMY.primary.name])


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    sides = _answers(images, job.classes, job.reading, Notes())
    by_image = []
    for truth, predicted in zip(*sides, strict=True):
        labels = list(dict.fromkeys(one.label for one in truth))
        scored = list(_scores(predicted).items())
        overlap = label_pairs(labels, scored, is_multi_label=True)
        by_image.append(label_verdicts(labels, scored, overlap, confidence))
    return by_image


def _scores(answers: Iterable[Answer[bool]]) -> dict[int, float]:
    """The highest score of each node, in the order in which they first stand there."""
    found: dict[int, float] = {}
    for one in answers:
        found[one.label] = max(one.score, found.get(one.label, one.score))
    return found


def reads_trees(control: Control, objects: frozenset[str]) -> bool:
    """Taxonomies about the whole object."""
    return control.tag.tag == "Taxonomy" and not control.is_per_region


TAXONOMY = Kind(
    task_type="taxonomy",
    reads=reads_trees,
    asks_for="Taxonomy",
    is_of_one_control=True,
    is_tree=True,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("label", "labels"),
    primary=Primary("hierarchicalF1"),
    measure="jaccard",
    drawing="tree",
)
