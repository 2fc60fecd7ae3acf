"""What is matched one to one beside boxes and masks: engines beside the library that is the oracle.

    python -m benchmarks.bench_places [tasks]

Arrays in, counts at 101 confidences and average precision out; the oracle gives its average
precision alone, that of turned boxes their overlaps alone. Prints times and ratios; the best of
several runs counts.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.bench_answers import best_ms
from evals.engine.average_precision import new_state
from evals.engine.matched.intervals import Track, coco_boxes, of_one_channel, overlapping_pairs
from evals.engine.matched.keypoints import coco_points, keypoint_pairs
from evals.engine.matching import Detections, Objects, Pairs, box_pairs, match_events
from evals.engine.overlaps.turned import clipped_areas, corners_of, polygon_areas
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import BOXES, TURNED, IouType, Measure

N_CLASSES, N_POINTS = 3, 17

Work = Callable[[], object]


class Scene:
    """Tasks with up to five objects and eight detections each, seeded."""

    def __init__(self, n_tasks: int) -> None:
        r = self.random = np.random.default_rng(0)
        self.n_tasks = n_tasks
        image, other = (np.repeat(np.arange(n_tasks), r.integers(1, n, n_tasks)) for n in (6, 9))
        self.objects = Objects(image=image, label=r.integers(0, N_CLASSES, len(image)))
        labels, scores = r.integers(0, N_CLASSES, len(other)), r.random(len(other))
        self.detections = Detections(image=other, label=labels, score=scores)
        self.boxes, self.their_boxes = (self._boxes(len(one)) for one in (image, other))

    def _boxes(self, n: int) -> Any:
        return np.column_stack(
            [self.random.uniform(0, 300, (n, 2)), self.random.uniform(10, 120, (n, 2))]
        )

    def batch(self, boxes: Any, their_boxes: Any, **more: Any) -> Batch:
        return Batch(
            image_ids=np.arange(1, self.n_tasks + 1),
            objects=self.objects,
            object_boxes_xywh_px=boxes,
            detections=self.detections,
            detection_boxes_xywh_px=their_boxes,
            **more,
        )

    def events(self, pairs: Pairs) -> object:
        return match_events(self.objects, self.detections, pairs, n_classes=N_CLASSES)


def table(batch: Batch, measure: Measure, engine: str = "hotcoco") -> object:
    state = new_state(N_CLASSES, measure, engine=engine)
    state.add(batch)
    return state.table()


def keypoints(scene: Scene) -> tuple[Work, Work]:
    """Poses of 17 points, one of five missing in the truth; oracle: pycocotools."""
    r = scene.random
    points, theirs = (
        np.concatenate([r.uniform(0, 300, (n, N_POINTS, 2)), r.random((n, N_POINTS, 1)) < share], 2)
        for n, share in ((len(scene.objects), 0.8), (len(scene.detections), 1.0))
    )
    areas, sigmas = scene.boxes[:, 2] * scene.boxes[:, 3], (0.05,) * N_POINTS
    measure = Measure(IouType.KEYPOINTS, sigmas)
    batch = scene.batch(
        scene.boxes,
        scene.their_boxes,
        object_extents=coco_points(points, is_truth=True),
        detection_extents=coco_points(theirs, is_truth=False),
        object_areas_px=areas,
    )

    def engine() -> object:
        sides = (scene.objects, points, areas, scene.detections, theirs)
        return scene.events(keypoint_pairs(*sides, sigmas)), table(batch, measure)

    return engine, lambda: table(batch, measure, "pycocotools")


def time(scene: Scene) -> tuple[Work, Work]:
    """Stretches of time without channels; oracle: pycocotools on boxes of height 1."""
    truth, said = (
        Track(side.image, boxes[:, 0], boxes[:, 0] + boxes[:, 2], np.full(len(side), -1))
        for side, boxes in (
            (scene.objects, scene.boxes),
            (scene.detections, scene.their_boxes),
        )
    )

    def engine() -> object:
        pairs = overlapping_pairs(*sides)
        events = scene.events(of_one_channel(pairs, truth, said))
        return events, table(scene.batch(*coco_boxes(*sides, pairs)), BOXES)

    sides = (scene.objects, truth, scene.detections, said)
    batch = scene.batch(*coco_boxes(*sides, overlapping_pairs(*sides)))
    return engine, lambda: table(batch, BOXES, "pycocotools")


def turned(scene: Scene) -> tuple[Work, Work]:
    """Turned boxes; oracle: shapely's overlaps of the pairs whose bounding boxes meet."""
    import shapely

    boxes, theirs = (
        np.column_stack([one, scene.random.uniform(-3, 3, len(one))])
        for one in (scene.boxes, scene.their_boxes)
    )
    corners, their_corners = corners_of(boxes), corners_of(theirs)
    around, their_around = (
        np.concatenate([one.min(axis=1), one.max(axis=1) - one.min(axis=1)], axis=1)
        for one in (corners, their_corners)
    )
    extents = {"object_extents": boxes, "detection_extents": theirs}
    batch = scene.batch(around, their_around, **extents)
    met = box_pairs(scene.objects, around, scene.detections, their_around)

    def engine() -> object:
        pairs = box_pairs(scene.objects, around, scene.detections, their_around)
        mine, its = their_corners[pairs.detection], corners[pairs.object]
        shared = clipped_areas(mine, its)
        iou = shared / (polygon_areas(mine) + polygon_areas(its) - shared)
        overlapping = iou > 0
        admitted = Pairs(pairs.detection[overlapping], pairs.object[overlapping], iou[overlapping])
        return scene.events(admitted), table(batch, TURNED)

    def oracle() -> object:
        some, others = shapely.polygons(their_corners), shapely.polygons(corners)
        both = shapely.intersection(some[met.detection], others[met.object])
        return shapely.area(both)

    return engine, oracle


def main() -> None:
    """Prints a line for each kind."""
    n_tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"{n_tasks:,} tasks            engine ms   oracle ms   ratio")
    for kind in (keypoints, time, turned):
        engine, oracle = kind(Scene(n_tasks))
        mine, theirs = best_ms(engine, 3), best_ms(oracle, 3)
        print(f"{kind.__name__:20}{mine:10.1f}{theirs:12.1f}{mine / theirs:8.2f}")


if __name__ == "__main__":
    main()
