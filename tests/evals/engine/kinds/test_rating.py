"""Stars against scikit-learn, and by hand."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score

from evals.engine.errors import UnreadableState
from evals.engine.kinds.rating import RATING, read_ratings
from evals.engine.measures.stars import Ratings, StarTable, rating_metrics, read_table, table_of
from evals.engine.notes import Notes
from predictions.regions.labels import Reason
from tests.evals.engine.kinds.stored import cells_of, job_for, tally_of, task

CLASSES = ["1", "2", "3", "4", "5"]


def test_the_documented_example() -> None:
    pairs = [(1, 1), (2, 3), (3, 3), (5, 4)]
    tasks = [task("rating", [a], [b]) for a, b in pairs]
    ratings = read_ratings(tasks, CLASSES)
    metrics = rating_metrics(table_of(ratings, stars=5))
    assert metrics == {
        "accuracy": 0.5,
        "kappa": pytest.approx(5 / 13, abs=1e-12),
        "linearKappa": pytest.approx(2 / 3, abs=1e-12),
        "quadraticKappa": pytest.approx(1 - 2 / 13.5, abs=1e-12),
        "meanAbsoluteError": 0.5,
    }
    events = tally_of(RATING, tasks, job_for(RATING, CLASSES)).events
    assert cells_of(events, 4) == [[[0, 0, 1]], [[1, 2, 1]], [[2, 2, 1]], [[4, 3, 1]]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stars", [2, 5, 10])
def test_equals_scikit_learn_whatever_the_chunks(seed: int, stars: int) -> None:
    r = np.random.default_rng(seed)
    n = 500
    # Not all stars are in use: their weights must not change for that.
    truth = r.integers(-1, max(1, stars - seed % 3), n)
    said = np.clip(truth + r.integers(-2, 3, n), -1, stars - 1)
    ratings = Ratings(truth, said, r.random(n))
    found = rating_metrics(table_of(ratings, stars=stars))
    both = (truth >= 0) & (said >= 0)
    pair = truth[both], said[both]
    labels = range(stars)
    assert found == {
        "accuracy": pytest.approx(accuracy_score(*pair), abs=1e-12),
        "kappa": pytest.approx(cohen_kappa_score(*pair, labels=labels), abs=1e-12),
        "linearKappa": pytest.approx(
            cohen_kappa_score(*pair, labels=labels, weights="linear"), abs=1e-12
        ),
        "quadraticKappa": pytest.approx(
            cohen_kappa_score(*pair, labels=labels, weights="quadratic"), abs=1e-12
        ),
        "meanAbsoluteError": pytest.approx(np.abs(pair[0] - pair[1]).mean(), abs=1e-12),
    }
    merged = StarTable(np.zeros((stars, stars), dtype=np.int64))
    for places in np.array_split(r.permutation(n), 7):
        part = Ratings(truth[places], said[places], ratings.score[places])
        merged = read_table(table_of(part, stars=stars).to_bytes()) + merged
    assert rating_metrics(merged) == found


def test_undefined_kappas_are_none() -> None:
    same = rating_metrics(StarTable(np.diag([0, 0, 4, 0, 0])))
    assert same == {
        "accuracy": 1.0,
        "kappa": None,
        "linearKappa": None,
        "quadraticKappa": None,
        "meanAbsoluteError": 0.0,
    }
    assert rating_metrics(StarTable(np.zeros((5, 5), dtype=np.int64))) == dict.fromkeys(same)


def test_who_does_not_rate_is_in_no_metric_but_in_the_counts() -> None:
    tasks = [task("rating", [2], []), task("rating", [], [4]), task("rating", [], [])]
    ratings = read_ratings(tasks, CLASSES)
    assert table_of(ratings, stars=5).counts.sum() == 0
    events = tally_of(RATING, tasks, job_for(RATING, CLASSES)).events
    assert cells_of(events, 3) == [[[1, 5, 1]], [[5, 3, 1]], []]


def test_what_is_no_star_is_passed_over() -> None:
    notes = Notes()
    said = [(one, None) for one in (0, 6, 2.5, "many", None, True, float("nan"), 4.0)]
    ratings = read_ratings([task("rating", ["3"], said)], CLASSES, notes=notes)
    assert (ratings.truth.tolist(), ratings.predicted.tolist()) == ([2], [3])
    assert {key: one.regions for key, one in notes.ignored.items()} == {
        (Reason.INVALID_VALUE, False): 7
    }


@pytest.mark.parametrize("packed", [bytes(8 * 3), bytes(7), bytes(8 * 26)])
def test_a_broken_state_is_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableState):
        read_table(packed)
