"""Outlines that are not rasterised: bounds of what they cover, and masks that stand in for them."""

import numpy as np
import orjson
import pytest

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.kinds.kind import Tally
from evals.engine.matched import shapes
from evals.engine.matched.shapes import shape_pairs
from evals.engine.overlaps import drawn
from evals.engine.precision.tables import PrecisionTable
from evals.engine.regions import read_shapes
from evals.engine.sides import Side
from predictions.regions.geometry import polygon_rles, rle_areas
from tests.evals.engine.tasks import Json, counted, job

CLASSES = ("cat", "dog")
SIZES = ((640, 480), (200, 300))


def region(r: np.random.Generator, size: tuple[int, int], score: float | None) -> Json:
    """An outline that runs round, crosses itself, runs round twice or leaves the image."""
    centre, half = r.uniform(0, 100, 2), r.uniform(0.2, 25, 2)
    n = int(r.integers(3, 20))
    angles = np.sort(r.uniform(0, 2 * np.pi, n)) * r.choice([1, -1, 2])
    reach = r.uniform(0.3, 1, n) if r.random() < 0.5 else np.ones(n)
    ring = centre + half * np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    if r.random() < 0.2:
        r.shuffle(ring)
    kind = "polygonlabels"
    value: Json = {"points": ring.round(3).tolist()}
    if r.random() < 0.3:
        kind = "ellipselabels"
        (x, y), (across, down) = centre.tolist(), half.tolist()
        value = {"x": x, "y": y, "radiusX": across, "radiusY": down}
        value["rotation"] = float(r.choice([0, 30]))
    value[kind] = [CLASSES[int(r.integers(0, 2))]]
    told = {"original_width": size[0], "original_height": size[1], "type": kind, "value": value}
    if score is not None:
        return {**told, "score": score}
    return {**told, "meta": {"iscrowd": 1}} if r.random() < 0.1 else told


def images(seed: int, n: int = 60) -> list[StoredImage]:
    r = np.random.default_rng(seed)
    found = []
    for number in range(n):
        size = SIZES[number % 2]
        truth = [region(r, size, None) for _ in range(r.integers(0, 8))]
        said = [region(r, size, float(r.random())) for _ in range(r.integers(0, 12))]
        # Half are near an object.
        said += [{**one, "score": float(r.random())} for one in truth[::2]]
        found.append(StoredImage(text(truth), text(said), None))
    return found


def text(regions: list[Json]) -> RegionText:
    return RegionText(orjson.dumps(regions).decode())


def read(seed: int) -> tuple[Side, Side]:
    return read_shapes(images(seed), CLASSES, all_shapes=True)


def test_outlines_cover_what_their_bounds_say() -> None:
    known = 0
    for seed in range(20):
        outlined = read(seed)[1].shapes.outlined
        areas = rle_areas(outlined.rles(np.arange(len(outlined.at))))
        low, high = outlined.covered_px.T
        assert (low <= areas).all()
        assert (areas <= high).all()
        known += (low > 0).sum()
    assert known > 500


@pytest.mark.parametrize("least_iou", [0.1, 0.9])
def test_only_pairs_that_cannot_reach_the_least_overlap_are_left_out(least_iou: float) -> None:
    truth, said = read(1)
    boxes = truth.boxes_px(), said.boxes_px()
    every, some = (shape_pairs(truth, said, boxes, least_iou=least) for least in (0.0, least_iou))
    overlaps, kept = (
        dict(zip(zip(one.detection.tolist(), one.object.tolist(), strict=True),
                 one.iou.tolist(), strict=True))
        for one in (every, some)
    )  # fmt: skip
    assert kept.items() <= overlaps.items()
    needed = {pair for pair, iou in overlaps.items() if iou >= least_iou or pair[1] in truth.crowds}
    assert needed <= kept.keys()
    assert len(kept) < len(overlaps)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
def test_average_precision_is_that_of_all_masks(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    n_painted = 0

    def counting(points: list[np.ndarray], **size: int) -> list[object]:
        nonlocal n_painted
        n_painted += len(points)
        return list(polygon_rles(points, **size))

    def tables() -> tuple[Tally, PrecisionTable, int]:
        nonlocal n_painted
        n_painted = 0
        of = job("instance-segmentation", classes=CLASSES, engine=engine)
        tally, total = counted(images(2), of)
        return tally, total.table, n_painted

    monkeypatch.setattr(drawn, "polygon_rles", counting)
    tally, table, n_needed = tables()
    monkeypatch.setattr(
        shapes,
        "compared_masks",
        lambda side, boxes, may_match: (masks := side.rles(boxes), rle_areas(masks)),
    )
    of_all, table_of_all, n_all = tables()
    assert n_needed < n_all
    assert table == table_of_all
    assert (tally.events.delta == of_all.events.delta).all()
