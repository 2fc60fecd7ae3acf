"""mAP50-95 without each tenth of the images, and its interval: pycocotools is the oracle, and what
the jackknife is of a mean.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evals.engine import average_precision
from evals.engine.average_precision import ENGINES, merge_states, new_state, read_state
from evals.engine.precision import parts
from evals.engine.precision.batch import Batch, batch_of_images
from evals.engine.precision.measures import BOXES, MASKS, TURNED, IouType, Measure
from evals.engine.precision.tables import PrecisionTable
from evals.engine.resampling.precision import jackknife
from predictions.regions.geometry import mask_rle
from tests.evals.draws import precision_left_out
from tests.evals.scenes import Scene, seeded_scene

engines = pytest.mark.parametrize("engine", ENGINES)
#: Of their two corners.
CORNERS = Measure(IouType.KEYPOINTS, (0.1, 0.1))


def batch_of(scene: Scene, measure: Measure = BOXES) -> Batch:
    """The scene's boxes as what is compared; image ids are multiples of ten."""
    boxes = scene.object_boxes, scene.detection_boxes
    shapes: dict[str, Any] = {}
    if measure == MASKS:
        shapes = {"rles": [[mask_rle(drawn(box)) for box in side] for side in boxes]}
    elif measure == TURNED:
        turned = [np.column_stack([b[:, :2] + b[:, 2:] / 2, b[:, 2:], b[:, 2] / 90]) for b in boxes]
        shapes = {"extents": turned}
    elif measure == CORNERS:
        shapes = {"extents": [corners(side) for side in boxes]}
    named = {f"{side}_{name}": two[at] for name, two in shapes.items()
             for at, side in enumerate(("object", "detection"))}  # fmt: skip
    return Batch(
        image_ids=10 * np.arange(scene.n_images),
        objects=scene.objects,
        object_boxes_xywh_px=boxes[0],
        detections=scene.detections,
        detection_boxes_xywh_px=boxes[1],
        **named,
    )


def drawn(box: np.ndarray) -> np.ndarray:
    x, y, width, height = box.astype(int).tolist()
    mask = np.zeros((120, 120), dtype=np.bool_)
    mask[y : y + height, x : x + width] = True
    return mask


def corners(boxes: np.ndarray) -> np.ndarray:
    there = np.full((len(boxes), 1), 2.0)
    return np.hstack([boxes[:, :2], there, boxes[:, :2] + boxes[:, 2:], there])


def table_of(batch: Batch, n_classes: int, engine: str, measure: Measure = BOXES) -> PrecisionTable:
    """Of two states together, each of half of the images."""
    first = np.arange(len(batch.image_ids)) < len(batch.image_ids) / 2
    written = []
    for mine in (~first, first):
        state = new_state(n_classes, measure, engine=engine)
        state.add(batch_of_images(batch, mine))
        written.append(state.to_bytes())
    return merge_states([read_state(one) for one in written]).table()


@engines
@pytest.mark.parametrize("n_images", [10, 47])
@pytest.mark.parametrize("kind", ["ordinary", "crowded", "tied"])
def test_parts_are_pycocotools_s(engine: str, kind: str, n_images: int) -> None:
    scene = seeded_scene(kind, seed=n_images, n_images=n_images)
    batch = batch_of(scene)
    found = table_of(batch, scene.n_classes, engine).left_out
    known = ("image_id", "category_id", "bbox", "score")
    results = [{name: one[name] for name in known} for one in batch.detection_dicts()]
    ids = batch.image_ids.tolist()
    expected = precision_left_out(batch.object_dicts(), results, ids)
    assert found == pytest.approx(expected, abs=1e-12)
    assert len(set(expected)) > 1


@engines
@pytest.mark.parametrize("measure", [MASKS, TURNED, CORNERS], ids=lambda one: one.iou_type)
def test_parts_are_what_their_images_have_alone(engine: str, measure: Measure) -> None:
    scene = seeded_scene("crowded", seed=5, n_images=23)
    batch = batch_of(scene, measure)
    found = table_of(batch, scene.n_classes, engine, measure)
    rest = [batch_of_images(batch, np.arange(23) % 10 != group) for group in range(10)]
    alone = [table_of(one, scene.n_classes, engine, measure) for one in rest]
    assert found.left_out == pytest.approx([one.overall.map50_95 for one in alone], abs=1e-12)
    assert found.overall.map50_95 not in (None, 0, 1)


@engines
def test_where_parts_are_not_known(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = seeded_scene("ordinary", seed=3, n_images=12)
    batch = batch_of(scene)

    def left_out(one: Batch, n_classes: int = scene.n_classes) -> Any:
        return table_of(one, n_classes, engine).left_out

    few = np.arange(12) < 9
    assert left_out(batch_of_images(batch, few)) is None
    # All objects in one image: without it there is nothing to find.
    lonely = replace(scene.objects, image=np.full(len(scene.objects), 4))
    assert left_out(replace(batch, objects=lonely)) is None
    assert len(left_out(batch)) == 10
    with monkeypatch.context() as patch:
        patch.setattr(parts, "MOST_IMAGES", 11)
        assert left_out(batch) is None
    monkeypatch.setattr(average_precision, "BLOCK_CLASSES", 2)
    assert left_out(batch) is None


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_of_a_mean_it_is_the_mean_s_own_interval(level: float) -> None:
    """The means of ten groups are ten independent numbers: Student's interval of their mean."""
    groups = np.random.default_rng(4).uniform(0.4, 0.6, (10, 7))
    left_out = [float(np.delete(groups, at, axis=0).mean()) for at in range(10)]
    found = jackknife(float(groups.mean()), left_out, level)
    means = groups.mean(axis=1)
    expected = stats.t.interval(level, 9, loc=means.mean(), scale=stats.sem(means))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_an_interval_stays_between_0_and_1() -> None:
    left_out = [0.0] * 5 + [1.0] * 5
    found = jackknife(0.5, left_out, 0.95)
    assert (found.low, found.high) == (0.0, 1.0)
    found = jackknife(0.25, [0.25] * 10, 0.95)
    assert (found.low, found.high) == (0.25, 0.25)
