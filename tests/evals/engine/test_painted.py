"""Pixels by the masks on top of them, told from runs: what painting and counting them tells."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix as sk_confusion_matrix

from evals.engine.events import image_cells
from evals.engine.kinds.table import KINDS
from evals.engine.matched.painted import Painted, shared_pixels
from predictions.regions.geometry import mask_rle, rle_mask, shape_rle
from tests.evals.engine.tasks import Json, box, counted, job, stored

SIZES = ((5, 7), (1, 9), (8, 1))
LIMITS = ("MOST_BYTES", "MOST_PAIRS", "MOST_STRETCHES")


def masks(size: tuple[int, int]) -> Any:
    raster = arrays(bool, size, elements=st.booleans())
    return st.tuples(*[st.lists(raster, max_size=4)] * 2)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[masks(size) for size in SIZES]))
def test_pixels_are_those_that_painting_gives(images: Any) -> None:
    truth, said = (
        Painted(
            np.repeat(np.arange(3), [len(both[which]) for both in images]),
            [mask_rle(mask) for both in images for mask in both[which]],
        )
        for which in (0, 1)
    )
    found = shared_pixels(truth, said, np.array([height * width for height, width in SIZES]))
    assert found is not None
    expected: Counter[tuple[int, int, int]] = Counter()
    first = [0, 0]
    for image, (size, both) in enumerate(zip(SIZES, images, strict=True)):
        tops = []
        for which, side in enumerate(both):
            top = np.full(size, -1)
            for at, mask in enumerate(side):
                top[mask] = first[which] + at
            first[which] += len(side)
            tops.append(top.ravel().tolist())
        expected.update((image, *pair) for pair in zip(*tops, strict=True) if pair != (-1, -1))
    columns = (found.image, found.actual, found.called, found.count)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert {row[:3]: row[3] for row in rows} == expected
    assert len(rows) == len(expected)


def scene(seed: int) -> list[tuple[list[Json], list[Json]]]:
    """Images of outlines and boxes over each other, some without any on a side."""
    r = np.random.default_rng(seed)

    def region(score: float | None) -> Json:
        places = [*r.uniform(-20, 80, 2), *r.uniform(1, 60, 2)]
        shape = box(places, "ab"[int(r.integers(0, 2))], score)
        if r.random() < 0.5:
            return shape
        points = (r.uniform(0, 90, 2) + r.uniform(-9, 40, (int(r.integers(3, 9)), 2))).tolist()
        names = shape["value"]["rectanglelabels"]
        return {
            **shape,
            "type": "polygonlabels",
            "value": {"points": points, "polygonlabels": names},
        }

    return [
        (
            [region(None) for _ in range(r.integers(0, 5))],
            # Some scores are the same, where the later one lies on top; one is below all.
            [
                region(float(r.choice([-0.5, 0.29, 0.5, r.random()])))
                for _ in range(r.integers(0, 5))
            ],
        )
        for _ in range(20)
    ]


def painted(side: list[Json], score_of: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of the pixels, each shape painted over those before it."""
    of = job("semantic-segmentation", classes=("a", "b"))
    shapes = KINDS["semantic-segmentation"].verdicts([stored(side, [])], of, 0)[0].shapes
    labels, scores = np.full((100, 100), 2), np.ones((100, 100))
    for shape, region in sorted(zip(shapes, side, strict=True), key=lambda one: score_of(one[1])):
        value = region["value"]
        (name,) = value.get("rectanglelabels") or value["polygonlabels"]
        assert shape is not None
        mask = rle_mask(shape_rle(shape))
        labels[mask], scores[mask] = "ab".index(name), score_of(region)
    return labels, scores


def test_counts_equal_scikit_learn_s_of_painted_maps() -> None:
    tasks = scene(1)
    of = job("semantic-segmentation", classes=("a", "b"))
    tally, _ = counted([stored(*task) for task in tasks], of)
    for percent in (0, 29, 50, 70):
        triples = image_cells(tally.events, percent).triples(len(tasks))
        for (truth, said), found in zip(tasks, triples, strict=True):
            if not truth and not said:
                # Nobody knows how many pixels it has.
                assert found == []
                continue
            actual, _ = painted(truth, lambda region: 1)
            called, scores = painted(said, lambda region: region["score"])
            seen = np.where(scores >= percent / 100, called, 2)
            matrix = sk_confusion_matrix(actual.ravel(), seen.ravel(), labels=range(3))
            assert found == [[*cell, matrix[*cell]] for cell in np.argwhere(matrix).tolist()]


@pytest.mark.parametrize("limit", LIMITS)
def test_ragged_masks_are_painted_to_the_same_counts(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    images = [stored(*task) for task in scene(2)]
    of = job("semantic-segmentation", classes=("a", "b"))
    by_runs, _ = counted(images, of)
    monkeypatch.setattr(f"evals.engine.matched.painted.{limit}", 0)
    by_painting, _ = counted(images, of)
    for name in ("image", "bin", "actual", "predicted", "delta"):
        assert getattr(by_runs.events, name).tolist() == getattr(by_painting.events, name).tolist()


def test_images_are_the_same_however_many_are_compared_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = [stored(*task) for task in scene(3)]
    of = job("semantic-segmentation", classes=("a", "b"))
    at_once, _ = counted(images, of)
    monkeypatch.setattr("evals.engine.kinds.segmentation.RUNS_AT_ONCE", 1)
    alone, _ = counted(images, of)
    assert at_once.events.delta.tolist() == alone.events.delta.tolist()
    assert at_once.events.image.tolist() == alone.events.image.tolist()
