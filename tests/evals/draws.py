"""Intervals and significance as they are defined: one draw, one round after another."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy import stats

from evals.engine.events import Counts

NAMES = ("precision", "recall", "f1")
Json = dict[str, Any]


def counted(*images: tuple[int, int, int]) -> Counts:
    """Images with these true positives, false positives and misses."""
    tp, fp, fn = np.array(images).T
    return Counts(tp=tp, kept=tp + fp, objects=tp + fn)


def ratios(tp: float, kept: float, objects: float) -> dict[str, float]:
    """0/0 is 0."""
    return {
        "precision": tp / kept if kept else 0.0,
        "recall": tp / objects if objects else 0.0,
        "f1": 2 * tp / (kept + objects) if kept + objects else 0.0,
    }


def summed(counts: Counts, chosen: np.ndarray) -> dict[str, float]:
    return ratios(counts.tp[chosen].sum(), counts.kept[chosen].sum(), counts.objects[chosen].sum())


def plain_bootstrap(counts: Counts, level: float) -> dict[str, tuple[float, float]]:
    """One draw after another."""
    n = len(counts.tp)
    random = np.random.default_rng(0)
    found = [summed(counts, random.integers(0, n, n)) for _ in range(1000)]
    return {name: ends([one[name] for one in found], level) for name in NAMES}


def ends(values: list[float], level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def plain_significance(base: Counts, other: Counts) -> dict[str, tuple[float, ...]]:
    """Difference, interval and probability: one draw, one round after another."""
    n = len(base.tp)
    everything = np.arange(n)
    random = np.random.default_rng(0)
    drawn: list[dict[str, float]] = []
    for _ in range(1000):
        chosen = random.integers(0, n, n)
        one, two = summed(base, chosen), summed(other, chosen)
        drawn.append({name: two[name] - one[name] for name in NAMES})
    one, two = summed(base, everything), summed(other, everything)
    real = {name: two[name] - one[name] for name in NAMES}
    random = np.random.default_rng(1)
    as_large = dict.fromkeys(NAMES, 0)
    columns = [(getattr(base, c), getattr(other, c)) for c in ("tp", "kept", "objects")]
    for _ in range(9999):
        swap = random.random(n) < 0.5
        first = ratios(*(np.where(swap, b, a).sum() for a, b in columns))
        second = ratios(*(np.where(swap, a, b).sum() for a, b in columns))
        for name in NAMES:
            as_large[name] += abs(second[name] - first[name]) >= abs(real[name]) - 1e-12
    return {
        name: (
            real[name],
            *ends([one[name] for one in drawn], 0.95),
            (1 + as_large[name]) / 10_000,
        )
        for name in NAMES
    }


def significance(base: Counts, other: Counts) -> dict[str, Any]:
    """As `diff` answers it."""
    keys = ("difference", "low", "high", "pValue")
    return {
        name: dict(zip(keys, (pytest.approx(n, abs=1e-12) for n in numbers), strict=True))
        for name, numbers in plain_significance(base, other).items()
    }


def precision_left_out(truth: list[Json], found: list[Json], ids: list[int]) -> list[float]:
    """mAP50-95 by pycocotools without each tenth of the images, which are dealt out in order.

    `truth` and `found` are COCO's annotations and results, of boxes, of classes 1 to 9.
    """
    means = []
    for group in range(10):
        with redirect_stdout(io.StringIO()):
            ground = COCO()
            ground.dataset = {
                "images": [{"id": one} for one in ids],
                "categories": [{"id": one} for one in range(1, 10)],
                "annotations": [{"iscrowd": 0, "id": n, **one} for n, one in enumerate(truth, 1)],
            }
            ground.createIndex()
            evaluation = COCOeval(ground, ground.loadRes(found), "bbox")
            evaluation.params.imgIds = [one for at, one in enumerate(ids) if at % 10 != group]
            evaluation.evaluate()
            evaluation.accumulate()
        precision = evaluation.eval["precision"][..., 0, -1]
        means.append(float(precision[precision > -1].mean()))
    return means


def plain_jackknife(value: float, left_out: list[float], level: float) -> tuple[float, float]:
    """The interval, between 0 and 1: scipy's t about the value."""
    spread = (0.9 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2)) ** 0.5
    low, high = value + spread * np.array(stats.t.interval(level, 9))
    return max(low, 0.0), min(high, 1.0)
