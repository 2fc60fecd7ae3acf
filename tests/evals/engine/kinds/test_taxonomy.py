"""Paths against scikit-learn on the matrix of nodes, and by hand."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, precision_recall_fscore_support

from evals.engine.class_events import set_events
from evals.engine.errors import UnknownLabels, UnreadableState
from evals.engine.events import Events, total_counts
from evals.engine.kinds.taxonomy import TAXONOMY, read_paths
from evals.engine.measures.trees import Nodes, overlaps_of, read_sums, sums_of, tree_metrics
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.labels import Reason
from tests.evals.engine.kinds.stored import cells_of, job_for, tally_of, task

TREE = ["Animal", "Animal / Dog", "Animal / Cat", "Animal / Cat / Manx", "Plant"]


def node_events(truth: Nodes, said: Nodes, *, n_classes: int) -> Events:
    sides = (truth.task, truth.label), (said.task, said.label, said.score)
    return set_events(*sides, n_classes=n_classes)


def test_the_documented_example() -> None:
    tasks = [task("taxonomy", [[["Animal", "Dog"]]], [[["Animal", "Cat"]]])]
    tally = tally_of(TAXONOMY, tasks, job_for(TAXONOMY, TREE))
    counts = total_counts(tally.events, n_classes=5)
    assert (counts.tp[0], counts.fp[0], counts.fn[0]) == (1, 1, 1)
    assert cells_of(tally.events, 1) == [[[0, 0, 1], [1, 5, 1], [5, 2, 1]]]
    assert tally.metrics == [{"jaccard": 1 / 3}]
    sides = read_paths(tasks, TREE)
    overlaps = overlaps_of(*sides, n_tasks=1, n_classes=5)
    assert overlaps.jaccard().tolist() == [1 / 3]
    assert tree_metrics(sums_of(overlaps)) == {
        "accuracy": 0.0,
        "jaccard": 1 / 3,
        "hierarchicalPrecision": 0.5,
        "hierarchicalRecall": 0.5,
        "hierarchicalF1": 0.5,
    }


def random_side(r: np.random.Generator, parents: list[int], n_tasks: int) -> Nodes:
    """Up to three paths a task in a tree whose nodes have these parents (-1: none)."""
    rows = []
    for number in range(n_tasks):
        for chosen in r.integers(0, len(parents), r.integers(0, 4)).tolist():
            score, node = float(r.choice([0.2, 0.29, 0.57, 1.0])), chosen
            while node >= 0:
                rows.append((number, node, score, node == chosen))
                node = parents[node]
    table = np.array(rows).reshape(-1, 4)
    return Nodes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2], table[:, 3] > 0)


@pytest.mark.parametrize("seed", range(6))
def test_equals_scikit_learn_whatever_the_chunks(seed: int) -> None:
    r = np.random.default_rng(seed)
    n_classes, n_tasks = 30, 400
    parents = [int(r.integers(-1, node)) if node else -1 for node in range(n_classes)]
    truth, said = (random_side(r, parents, n_tasks) for _ in range(2))
    overlaps = overlaps_of(truth, said, n_tasks=n_tasks, n_classes=n_classes)
    found = tree_metrics(sums_of(overlaps))
    true, called = (matrix(one, n_tasks, n_classes) for one in (truth, said))
    micro = precision_recall_fscore_support(true, called, average="micro")
    chosen = [
        [set(one.label[one.is_chosen & (one.task == at)]) for at in range(n_tasks)]
        for one in (truth, said)
    ]
    expected = {
        "accuracy": np.mean([a == b for a, b in zip(*chosen, strict=True)]),
        "jaccard": jaccard_score(true, called, average="samples", zero_division=1),
        "hierarchicalPrecision": micro[0],
        "hierarchicalRecall": micro[1],
        "hierarchicalF1": micro[2],
    }
    assert found == pytest.approx(expected, abs=1e-12)
    counts = total_counts(node_events(truth, said, n_classes=n_classes), n_classes=n_classes)
    for percent in (0, 29, 30, 57, 100):
        kept = matrix(said, n_tasks, n_classes, percent / 100)
        assert counts.tp[percent] == (true & kept).sum()
        assert counts.kept[percent] == kept.sum()
        assert counts.objects[percent] == true.sum()
    parts = [
        read_sums(sums_of(overlaps, places).to_bytes())
        for places in np.array_split(r.permutation(n_tasks), 7)
    ]
    merged = parts[0]
    for one in parts[1:]:
        merged = one + merged
    assert tree_metrics(merged) == found


def matrix(side: Nodes, n_tasks: int, n_classes: int, confidence: float = 0.0) -> np.ndarray:
    kept = side.score >= confidence
    found = np.zeros((n_tasks, n_classes), dtype=bool)
    found[side.task[kept], side.label[kept]] = True
    return found


def test_a_node_is_as_sure_as_the_surest_path_through_it() -> None:
    said = [([["Animal", "Dog"]], 0.4), ([["Animal", "Cat"]], 0.8)]
    sides = read_paths([task("taxonomy", [[["Animal", "Dog"]]], said)], TREE)
    cells = [cells_of(node_events(*sides, n_classes=5), 1, percent)[0] for percent in (40, 41, 81)]
    assert cells == [
        [[0, 0, 1], [1, 1, 1], [5, 2, 1]],
        [[0, 0, 1], [1, 5, 1], [5, 2, 1]],
        [[0, 5, 1], [1, 5, 1]],
    ]


@pytest.mark.parametrize(
    ("truth", "said", "accuracy", "jaccard"),
    [
        ([], [], 1.0, 1.0),
        ([[["Animal", "Dog"]]], [], 0.0, 0.0),
        # What is chosen beside what is above it.
        ([[["Animal", "Dog"]]], [[["Animal", "Dog"], ["Animal"]]], 0.0, 1.0),
        ([[["Animal", "Dog"], ["Plant"]]], [[["Plant"]], [["Animal", "Dog"]]], 1.0, 1.0),
    ],
)
def test_small_cases(truth: list, said: list, accuracy: float, jaccard: float) -> None:
    sides = read_paths([task("taxonomy", truth, said)], TREE)
    metrics = tree_metrics(sums_of(overlaps_of(*sides, n_tasks=1, n_classes=5)))
    assert (metrics["accuracy"], metrics["jaccard"]) == (accuracy, jaccard)


def test_without_any_node_there_is_nothing_to_measure() -> None:
    sides = read_paths([task("taxonomy", [], [])], TREE)
    assert tree_metrics(sums_of(overlaps_of(*sides, n_tasks=1, n_classes=5))) == {
        "accuracy": 1.0,
        "jaccard": 1.0,
        "hierarchicalPrecision": None,
        "hierarchicalRecall": None,
        "hierarchicalF1": None,
    }
    nobody = read_paths([], TREE)
    none = tree_metrics(sums_of(overlaps_of(*nobody, n_tasks=0, n_classes=5)))
    assert none["accuracy"] is None
    assert none["jaccard"] is None


def test_unknown_paths_are_named_with_all_that_is_above_them() -> None:
    tasks = [task("taxonomy", [[["Animal", "Owl"]]], [[["Stone", "Ruby"]]])]
    with pytest.raises(UnknownLabels) as error:
        read_paths(tasks, TREE)
    assert error.value.labels == {"Animal / Owl", "Stone", "Stone / Ruby"}


def test_a_shown_path_is_read_as_its_alias_and_a_name_alone_as_a_root() -> None:
    reading = Reading(aliases={"Beast": "Animal", "Beast / Hound": "Animal / Dog"})
    tasks = [task("taxonomy", [[["Animal", "Dog"]]], [[["Beast", "Hound"]]])]
    tasks += [task("taxonomy", ["Plant"], [["Plant"]])]
    truth, said = read_paths(tasks, TREE, reading=reading)
    assert truth.label.tolist() == said.label.tolist() == [0, 1, 4]


def test_what_is_no_path_is_passed_over() -> None:
    notes = Notes()
    values: list[Any] = [None, 7, [[]], [["Animal", 3]], [["Animal", ""]], [["Plant"]]]
    said = [(one, None) for one in values]
    _, found = read_paths([task("taxonomy", [], said)], TREE, notes=notes)
    assert found.label.tolist() == [4]
    assert {key: one.regions for key, one in notes.ignored.items()} == {
        (Reason.NO_LABEL, False): 1,
        (Reason.INVALID_LABEL, False): 4,
    }


@pytest.mark.parametrize("packed", [b"", bytes(24), bytes(33)])
def test_a_broken_state_is_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableState):
        read_sums(packed)
