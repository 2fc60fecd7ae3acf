"""Numbers against scikit-learn, and by hand."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from evals.engine.boxes import StoredImage
from evals.engine.errors import UnreadableState
from evals.engine.events import total_counts
from evals.engine.kinds.regression import REGRESSION, read_numbers
from evals.engine.measures.numbers import Numbers, number_metrics, pairs_of, read_pairs, within
from evals.engine.notes import Notes
from predictions.regions.labels import Reason
from tests.evals.engine.kinds.stored import cells_of, job_for, tally_of, task

CLASSES = ["answer"]


def example() -> list[StoredImage]:
    """The example of the documentation: true 10, 20, 30; said 12, 27 and nothing."""
    return [task("number", [10], [12]), task("number", [20], [27]), task("number", [30], [])]


def test_the_documented_example() -> None:
    assert number_metrics(pairs_of(read_numbers(example(), CLASSES)), tolerance=5) == {
        "pairs": 2,
        "missing": 1,
        "unexpected": 0,
        "meanAbsoluteError": 4.5,
        "rootMeanSquaredError": pytest.approx(5.147815, abs=1e-6),
        "medianAbsoluteError": 4.5,
        "meanError": 4.5,
        "r2": pytest.approx(-0.06, abs=1e-12),
        "withinTolerance": 0.5,
    }
    tally = tally_of(REGRESSION, example(), job_for(REGRESSION, tolerance=5))
    counts = total_counts(tally.events, n_classes=1)
    assert (counts.tp[0], counts.fp[0], counts.fn[0]) == (1, 1, 2)
    assert cells_of(tally.events, 3) == [[[0, 0, 1]], [[0, 1, 1], [1, 0, 1]], [[0, 1, 1]]]
    errors: list[float | None] = [2, 7, None]
    assert tally.metrics == [{"absoluteError": error} for error in errors]


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn_whatever_the_chunks(seed: int) -> None:
    r = np.random.default_rng(seed)
    n, tolerance = 1000, 0.7
    truth = r.normal(50, 10 ** r.uniform(-3, 6), n)
    said = truth + r.normal(0.3, 1, n)
    truth[r.random(n) < 0.1], said[r.random(n) < 0.2] = np.nan, np.nan
    numbers = Numbers(truth, said, r.random(n))
    found = number_metrics(pairs_of(numbers), tolerance=tolerance)
    both = ~np.isnan(truth) & ~np.isnan(said)
    true, called = truth[both], said[both]
    assert found == {
        "pairs": both.sum(),
        "missing": (~np.isnan(truth) & np.isnan(said)).sum(),
        "unexpected": (np.isnan(truth) & ~np.isnan(said)).sum(),
        "meanAbsoluteError": _near(oracle.mean_absolute_error(true, called)),
        "rootMeanSquaredError": _near(oracle.root_mean_squared_error(true, called)),
        "medianAbsoluteError": _near(oracle.median_absolute_error(true, called)),
        "meanError": _near((called - true).mean()),
        "r2": _near(oracle.r2_score(true, called)),
        "withinTolerance": _near((abs(called - true) <= tolerance).mean()),
    }
    cuts = np.sort(r.integers(0, n, 6))
    parts = [
        read_pairs(pairs_of(Numbers(*one)).to_bytes())
        for one in zip(*(np.split(c, cuts) for c in (truth, said, numbers.score)), strict=True)
    ]
    merged = parts[3]
    for at in (6, 0, 2, 5, 1, 4):
        merged = merged + parts[at]
    assert number_metrics(merged, tolerance=tolerance) == found


@pytest.mark.parametrize(
    ("truth", "said", "tolerance", "is_within"),
    [
        (50.02, 55.02, 5, True),  # 5.000000000000007 apart
        (55.02, 50.02, 5, True),
        (0.3, 0.1 + 0.2, 0, True),
        (1.1e9, 1.1e9 + 0.7, 0.7, True),
        (50.02, 55.03, 5, False),
        (50.02, 55.0200001, 5, False),
        (1e15, 1e15 + 1, 0, False),
        (1e16, 1e16 + 2, 0, False),
        (1e16, 1e16 + 2, 2, True),
        (1_700_000_000_000_000_000, 1_700_000_000_000_001_024, 0.2, False),
        (-1e149, -1e149 + 1e133, 0.2, False),
        (1e12, 1e12 + 3, 3, True),
        (1e150, 1e150, 0, True),
        (0.0, 1e-300, 0, False),
        (1e150, -1e150, 1, False),
        (np.nan, 1.0, 5, False),
    ],
)
def test_decimals_that_are_just_within(
    truth: float, said: float, tolerance: float, is_within: bool
) -> None:
    assert bool(within(np.array(truth), np.array(said), tolerance)) is is_within
    if not np.isnan(truth):
        image = task("number", [truth], [said])
        verdicts = REGRESSION.verdicts([image], job_for(REGRESSION, tolerance=tolerance), 0)[0]
        (verdict,) = verdicts.truths
        assert verdict is not None
        assert (verdict.verdict.value == "tp") is is_within
        tally = tally_of(REGRESSION, [image], job_for(REGRESSION, tolerance=tolerance))
        assert total_counts(tally.events, n_classes=1).tp[0] == is_within


def _near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("truth", "said", "r2"),
    [
        ([5.0, 5.0], [5.0, 6.0], None),
        ([5.0], [5.0], None),
        ([1.0, 3.0], [1.0, 3.0], 1.0),
        ([1e150, -1e150], [-1e150, 1e150], -3.0),
        ([1e150, -1e150, 3.0], [1e150, -1e150, 3.0], 1.0),
        ([0.0, 1e-300], [1e150, 0.0], None),
    ],
)
def test_variance_explained(truth: list[float], said: list[float], r2: float | None) -> None:
    numbers = Numbers(np.array(truth), np.array(said), np.ones(len(truth)))
    assert number_metrics(pairs_of(numbers))["r2"] == r2


@pytest.mark.parametrize(
    ("factor", "offset"), [(1.0, 0.0), (2.0**-600, 0.0), (2.0**400, 0.0), (1.0, 2.0**48)]
)
def test_numbers_of_any_size_are_measured_alike(factor: float, offset: float) -> None:
    truth, said = np.array([[1, 3, 10, 4, 0, 8], [2, 5, 7, 4, 1, 8.5]]) * factor + offset
    found = number_metrics(pairs_of(Numbers(truth, said, np.ones(6))))
    assert found == {
        "pairs": 6,
        "missing": 0,
        "unexpected": 0,
        "meanAbsoluteError": 1.25 * factor,
        "rootMeanSquaredError": pytest.approx((15.25 / 6) ** 0.5 * factor, rel=1e-14, abs=0),
        "medianAbsoluteError": factor,
        "meanError": 0.25 * factor,
        "r2": pytest.approx(1 - 15.25 / (190 - 26**2 / 6), abs=1e-14),
        "withinTolerance": 1 / 6,
    }


def test_nothing_to_measure_is_none() -> None:
    alone = read_numbers(
        [task("number", [1], []), task("number", [], [2]), task("number", [], [])], CLASSES
    )
    names = ["meanAbsoluteError", "rootMeanSquaredError", "medianAbsoluteError", "meanError"]
    assert number_metrics(pairs_of(alone)) == {
        "pairs": 0,
        "missing": 1,
        "unexpected": 1,
        **dict.fromkeys([*names, "r2", "withinTolerance"]),
    }
    assert pairs_of(read_numbers([], CLASSES)).to_bytes() == bytes(16)


def test_the_surest_number_counts_and_below_the_confidence_there_is_none() -> None:
    tasks = [task("number", [1, 9], [(7, 0.4), (1.5, 0.6), (3, 0.6)], score=0.9)]
    numbers = read_numbers(tasks, CLASSES)
    assert (numbers.truth[0], numbers.predicted[0], numbers.score[0]) == (1, 1.5, 0.6)
    events = tally_of(REGRESSION, tasks, job_for(REGRESSION, tolerance=0.5)).events
    assert cells_of(events, 1, confidence=60) == [[[0, 0, 1]]]
    assert cells_of(events, 1, confidence=61) == [[[0, 1, 1]]]


def test_what_is_no_number_is_passed_over() -> None:
    notes = Notes()
    values = [True, None, "seven", "nan", 1e151, [3], "1_0", "4.5"]
    numbers = read_numbers(
        [task("number", [], [(one, None) for one in values])], CLASSES, notes=notes
    )
    assert numbers.predicted[0] == 4.5
    assert {key: one.regions for key, one in notes.ignored.items()} == {
        (Reason.INVALID_VALUE, False): 7
    }
    assert (notes.read, notes.unusable) == ([0, 1], [0, 7])


@pytest.mark.parametrize("packed", [b"", bytes(8), bytes(24), bytes(17)])
def test_a_broken_state_is_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableState):
        read_pairs(packed)
