"""Scenes for the tests of matching: hand-checked and seeded ones."""

from dataclasses import dataclass

import numpy as np

from evals.engine.matching import Detections, Objects


@dataclass
class Scene:
    """Images with axis-aligned boxes, as the arrays of a chunk."""

    objects: Objects
    object_boxes: np.ndarray
    detections: Detections
    detection_boxes: np.ndarray
    n_images: int
    n_classes: int

    @property
    def arrays(self) -> tuple[Objects, np.ndarray, Detections, np.ndarray]:
        return self.objects, self.object_boxes, self.detections, self.detection_boxes

    def image(self, index: int) -> "Scene":
        """One image of the scene, at position 0."""
        mine, theirs = self.objects.image == index, self.detections.image == index
        return Scene(
            objects=Objects(
                image=np.zeros(mine.sum(), int),
                label=self.objects.label[mine],
            ),
            object_boxes=self.object_boxes[mine],
            detections=Detections(
                image=np.zeros(theirs.sum(), int),
                label=self.detections.label[theirs],
                score=self.detections.score[theirs],
            ),
            detection_boxes=self.detection_boxes[theirs],
            n_images=1,
            n_classes=self.n_classes,
        )


def scene_of(objects: list, detections: list, *, n_images: int, n_classes: int) -> Scene:
    """A scene from (box, label, image) and (box, label, score, image) rows, sorted by image."""
    boxes, labels, images = zip(*objects, strict=True) if objects else ((), (), ())
    their_boxes, their_labels, scores, their_images = (
        zip(*detections, strict=True) if detections else ((), (), (), ())
    )
    return Scene(
        objects=Objects(image=np.array(images, int), label=np.array(labels, int)),
        object_boxes=np.array(boxes, float).reshape(-1, 4),
        detections=Detections(
            image=np.array(their_images, int),
            label=np.array(their_labels, int),
            score=np.array(scores, float),
        ),
        detection_boxes=np.array(their_boxes, float).reshape(-1, 4),
        n_images=n_images,
        n_classes=n_classes,
    )


def seeded_scene(kind: str, seed: int, n_images: int = 40, n_classes: int = 4) -> Scene:
    """An `ordinary`, `crowded` or `tied` (integer grid, few scores) scene; some images empty."""
    r = np.random.default_rng(seed)
    span, most = {"ordinary": (400, 8), "crowded": (60, 14), "tied": (14, 7)}[kind]
    objects, detections = [], []
    for image in range(n_images):
        boxes = [_box(r, kind, span) for _ in range(r.integers(0, most))]
        labels = r.integers(0, n_classes, len(boxes))
        objects += [(b, c, image) for b, c in zip(boxes, labels, strict=True)]
        for box, label in zip(boxes, labels, strict=True):
            for _ in range(r.integers(0, 4)):
                near = np.maximum(box + _jitter(r, kind, box), [0, 0, 1, 1])
                other = r.random() < 0.25
                detections.append(
                    (near, r.integers(0, n_classes) if other else label, _score(r, kind), image)
                )
        for _ in range(r.integers(0, 4)):
            stray = (_box(r, kind, span), r.integers(0, n_classes), _score(r, kind), image)
            detections.append(stray)
    return scene_of(objects, detections, n_images=n_images, n_classes=n_classes)


def _box(r: np.random.Generator, kind: str, span: int) -> np.ndarray:
    if kind == "tied":
        return np.concatenate([r.integers(0, span, 2), r.integers(4, 11, 2)]).astype(float)
    return np.concatenate([r.uniform(0, span, 2), r.uniform(15, 50, 2)])


def _jitter(r: np.random.Generator, kind: str, box: np.ndarray) -> np.ndarray:
    if kind == "tied":
        return r.integers(-2, 3, 4)
    return r.normal(0, 0.12, 4) * np.tile(box[2:], 2)


def _score(r: np.random.Generator, kind: str) -> float:
    return float(r.choice([0.2, 0.29, 0.5, 0.57, 0.58, 0.9])) if kind == "tied" else r.random()
