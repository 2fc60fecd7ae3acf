"""Intervals and probabilities: the contract's own loops are the oracle, scipy's the second one."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evals.engine.events import Counts
from evals.engine.resampling import scores
from evals.engine.resampling.scores import (
    bootstrap,
    bootstrap_together,
    images_by_counts,
    significance,
    total_of,
    wilson,
)
from tests.evals.draws import NAMES, plain_bootstrap, plain_significance


def counts_of(seed: int, n_images: int, quality: float = 0.8) -> Counts:
    """Images of up to seven objects; some have none, some detections are stray."""
    random = np.random.default_rng(seed)
    objects = random.integers(0, 8, n_images)
    tp = random.binomial(objects, quality)
    return Counts(tp=tp, kept=tp + random.integers(0, 3, n_images), objects=objects)


@pytest.mark.parametrize(
    ("n_images", "level"), [(1, 0.95), (2, 0.95), (57, 0.95), (57, 0.5), (700, 0.99), (40_000, 0.9)]
)
def test_intervals_are_of_the_draws_that_are_named(n_images: int, level: float) -> None:
    counts = counts_of(n_images, n_images)
    found = bootstrap(counts, level)
    for name, (low, high) in plain_bootstrap(counts, level).items():
        interval = getattr(found, name)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("quality", [0.3, 0.8])
def test_images_drawn_together_are_as_likely(quality: float) -> None:
    counts = counts_of(3, 40_000, quality)
    images = images_by_counts(counts)
    assert (int(images.n_images.sum()), len(images.counts) < 150) == (40_000, True)
    found, alone = bootstrap_together(images, 0.95), bootstrap(counts, 0.95).f1
    assert alone is not None
    width = alone.high - alone.low
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.1 * width)
    assert found == bootstrap_together(images, 0.95)


def test_images_drawn_together_of_nothing_are_zero() -> None:
    nothing = np.zeros(5, dtype=np.int64)
    found = bootstrap_together(images_by_counts(Counts(nothing, nothing, nothing)), 0.95)
    assert (found.low, found.high) == (0.0, 0.0)


def test_nothing_to_find_and_nothing_found_is_zero() -> None:
    nothing = np.zeros(5, dtype=np.int64)
    found = bootstrap(Counts(nothing, nothing, nothing), 0.95)
    assert [(getattr(found, n).low, getattr(found, n).high) for n in NAMES] == [(0.0, 0.0)] * 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_are_scipys(seed: int) -> None:
    counts = counts_of(seed, 300)

    def theirs_of(name: str) -> Any:
        parts = {
            "precision": (counts.tp, counts.kept),
            "recall": (counts.tp, counts.objects),
            "f1": (2 * counts.tp, counts.kept + counts.objects),
        }[name]
        return stats.bootstrap(
            parts,
            lambda over, under, axis: over.sum(axis=axis) / under.sum(axis=axis),
            paired=True,
            method="percentile",
            n_resamples=4000,
            rng=np.random.default_rng(seed),
        )

    found = bootstrap(counts, 0.95)
    for name in NAMES:
        theirs = theirs_of(name).confidence_interval
        ours = getattr(found, name)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("n_images", [1, 3, 300])
def test_significance_is_of_the_draws_that_are_named(n_images: int, seed: int) -> None:
    base, other = counts_of(seed, n_images), counts_of(seed, n_images, 0.75)
    found = significance(base, other, 0.95)
    for name, expected in plain_significance(base, other).items():
        change = getattr(found, name)
        given = (change.difference, change.interval.low, change.interval.high, change.p_value)
        assert given == pytest.approx(expected, abs=1e-12)


def test_probabilities_are_scipys() -> None:
    base, other = counts_of(4, 200), counts_of(4, 200, 0.77)

    def recall(one: np.ndarray, two: np.ndarray, axis: int) -> np.ndarray:
        return (two.sum(axis=axis) - one.sum(axis=axis)) / base.objects.sum()

    theirs = stats.permutation_test(
        (base.tp, other.tp), recall, permutation_type="samples", rng=np.random.default_rng(7)
    )
    assert significance(base, other, 0.95).recall.p_value == pytest.approx(theirs.pvalue, abs=0.02)


def test_the_same_twice_is_no_difference() -> None:
    counts = counts_of(5, 80)
    found = significance(counts, counts, 0.95)
    for name in NAMES:
        change = getattr(found, name)
        assert (change.difference, change.p_value) == (0.0, 1.0)
        assert (change.interval.low, change.interval.high) == (0.0, 0.0)


def test_the_other_way_round_is_the_negative() -> None:
    base, other = counts_of(6, 80), counts_of(7, 80, 0.6)
    one, two = significance(base, other, 0.95), significance(other, base, 0.95)
    for name in NAMES:
        there, back = getattr(one, name), getattr(two, name)
        assert there.difference == -back.difference
        assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-12)
        assert there.p_value == back.p_value


@pytest.mark.parametrize(("hits", "kept", "objects"), [(0, 10, 7), (7, 10, 7), (40, 90, 55)])
def test_wilson_is_scipys(hits: int, kept: int, objects: int) -> None:
    total = total_of(Counts(*(np.array([n]) for n in (hits, kept, objects))))
    found = wilson(total, 0.9)
    assert found.f1 is None
    for interval, n in ((found.precision, kept), (found.recall, objects)):
        theirs = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
        assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_without_anything_knows_nothing() -> None:
    found = wilson(total_of(Counts(*(np.zeros(0, dtype=np.int64),) * 3)), 0.95)
    assert (found.precision.low, found.precision.high) == (0.0, 1.0)


def test_memory_does_not_grow_with_the_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    """All draws at once would be 800 MB for the bootstrap, and 8 GB for the rounds."""
    counts = counts_of(8, scores.MOST_IMAGES)
    monkeypatch.setattr(scores, "ROUNDS", 100)
    monkeypatch.setattr(scores, "REPLICATES", 200)
    tracemalloc.start()
    significance(counts, counts_of(8, scores.MOST_IMAGES, 0.7), 0.95)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000
