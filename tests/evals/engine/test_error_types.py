"""Kinds of errors: each as the published definition says, and the costs of a library."""

from typing import Any

import numpy as np
import pytest

from evals.engine.error_types.assignment import (
    RIGHT,
    Assignment,
    ErrorType,
    assign,
    read_assignments,
)
from evals.engine.error_types.costs import error_table
from evals.engine.error_types.images import ErrorImages, read_error_images
from evals.engine.matching import Detections, Objects, box_pairs
from evals.engine.overlaps.shapes import box_iou
from tests.evals.scenes import Scene, scene_of, seeded_scene

N_IMAGES, N_CLASSES = 40, 4
#: In the order of ErrorType, as hotcoco calls them.
NAMES = ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss")


def crowded_scene(seed: int) -> Scene:
    """More than a hundred detections of one class on an image, and an image without objects."""
    scene = seeded_scene("crowded", seed, n_images=3, n_classes=2)
    r = np.random.default_rng(seed)
    rows = [
        (np.r_[r.uniform(0, 60, 2), r.uniform(10, 50, 2)], 0, r.random(), 1) for _ in range(130)
    ]
    detections = [
        *zip(
            scene.detection_boxes,
            scene.detections.label,
            scene.detections.score,
            scene.detections.image,
            strict=True,
        ),
        *rows,
        ([0, 0, 5, 5], 1, 0.4, 3),
    ]
    objects = zip(scene.object_boxes, scene.objects.label, scene.objects.image, strict=True)
    ordered = sorted(detections, key=lambda row: row[3])
    return scene_of(list(objects), ordered, n_images=4, n_classes=2)


def assigned(scene: Scene, is_crowd: np.ndarray | None = None) -> Assignment:
    objects = Objects(image=scene.objects.image, label=scene.objects.label, is_ignored=is_crowd)
    detections = scene.detections
    if is_crowd is not None:
        detections = Detections(
            image=detections.image,
            label=detections.label,
            score=detections.score,
            is_ignored=held(scene, is_crowd),
        )
    pairs = box_pairs(objects, scene.object_boxes, detections, scene.detection_boxes)
    return assign(objects, detections, pairs, np.arange(scene.n_images), scene.n_classes)


def held(scene: Scene, is_crowd: np.ndarray) -> np.ndarray:
    """Which detections a crowd of their class holds by half or more."""
    crowds = np.flatnonzero(is_crowd)
    iou = box_iou(scene.detection_boxes, scene.object_boxes[crowds])
    area = scene.detection_boxes[:, 2] * scene.detection_boxes[:, 3]
    areas = scene.object_boxes[crowds, 2] * scene.object_boxes[crowds, 3]
    shared = iou * (area[:, None] + areas[None, :]) / (1 + iou)
    mine = (scene.detections.image[:, None] == scene.objects.image[crowds]) & (
        scene.detections.label[:, None] == scene.objects.label[crowds]
    )
    held: np.ndarray = (mine & (shared / area[:, None] >= 0.5)).any(axis=1)
    return held


def hotcoco_errors(scene: Scene) -> dict[str, Any]:
    import hotcoco

    common = {
        "images": [{"id": n} for n in range(scene.n_images)],
        "categories": [{"id": n + 1, "name": str(n)} for n in range(scene.n_classes)],
    }
    sides = [
        [
            {
                "id": n + 1,
                "image_id": int(side.image[n]),
                "category_id": int(side.label[n]) + 1,
                "bbox": boxes[n].tolist(),
                "area": float(boxes[n, 2] * boxes[n, 3]),
                **more(n),
            }
            for n in range(len(side))
        ]
        for side, boxes, more in (
            (scene.objects, scene.object_boxes, lambda n: {"iscrowd": 0}),
            (
                scene.detections,
                scene.detection_boxes,
                lambda n: {"score": float(scene.detections.score[n])},
            ),
        )
    ]
    truth = hotcoco.COCO({**common, "annotations": sides[0]})
    evaluation = hotcoco.COCOeval(truth, truth.load_res(sides[1]), "bbox")
    evaluation.evaluate()
    found: dict[str, Any] = evaluation.tide_errors(pos_thr=0.5, bg_thr=0.1)
    return found


SCENES = [
    *(
        pytest.param(seeded_scene(kind, seed, N_IMAGES, N_CLASSES), id=f"{kind}-{seed}")
        for kind in ("ordinary", "crowded", "tied")
        for seed in (1, 2, 3)
    ),
    pytest.param(crowded_scene(1), id="more-than-count"),
]


@pytest.mark.parametrize("scene", SCENES)
def test_counts_and_costs_are_hotcocos(scene: Scene) -> None:
    found = error_table(assigned(scene))
    expected = hotcoco_errors(scene)
    assert dict(zip(NAMES, found.counts.sum(axis=0).tolist(), strict=True)) == expected["counts"]
    assert found.average_precision == pytest.approx(expected["ap_base"], abs=1e-12)
    costs = dict(zip(NAMES, found.costs, strict=True))
    assert costs == pytest.approx({k: expected["delta_ap"][k] for k in NAMES}, abs=1e-12)


def published(
    scene: Scene, is_crowd: np.ndarray
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(Position, ErrorType or RIGHT) of the detections, (image, class) of what is missed.

    The definition of Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection
    Errors", written down image by image with whole matrices, as their tool does it.
    """
    errors, missed = [], []
    in_crowd = held(scene, is_crowd)
    for image in range(scene.n_images):
        mine = np.flatnonzero((scene.objects.image == image) & ~is_crowd)
        theirs = np.flatnonzero(scene.detections.image == image)
        theirs = theirs[np.argsort(-scene.detections.score[theirs], kind="stable")]
        iou = box_iou(scene.detection_boxes[theirs], scene.object_boxes[mine])
        same = scene.detections.label[theirs][:, None] == scene.objects.label[mine][None, :]
        own, other, free = iou * same, iou * ~same, iou * same
        used, usable = np.zeros(len(mine), bool), np.zeros(len(mine), bool)
        is_right = np.zeros(len(theirs), bool)
        for n in range(len(theirs) if len(mine) else 0):
            best = int(free[n].argmax())
            if free[n, best] >= 0.5:
                is_right[n] = used[best] = True
                free[:, best] = 0
        for n, at in enumerate(theirs.tolist()):
            if is_right[n]:
                errors.append((at, RIGHT))
                continue
            if in_crowd[at]:
                continue
            if not len(mine):
                errors.append((at, int(ErrorType.BACKGROUND)))
                continue
            if 0.1 <= own[n].max() <= 0.5:
                kind = ErrorType.LOCALIZATION
                usable[own[n].argmax()] = True
            elif other[n].max() >= 0.5:
                kind = ErrorType.CLASSIFICATION
                usable[other[n].argmax()] = True
            elif (own[n] * used).max() >= 0.5:
                kind = ErrorType.DUPLICATE
            elif iou[n].max() <= 0.1:
                kind = ErrorType.BACKGROUND
            else:
                kind = ErrorType.BOTH
            errors.append((at, int(kind)))
        missed += [(image, int(scene.objects.label[at])) for at in mine[~used & ~usable].tolist()]
    return sorted(errors), missed


@pytest.mark.parametrize("with_crowds", [False, True])
@pytest.mark.parametrize("kind", ["ordinary", "crowded"])
@pytest.mark.parametrize("seed", range(5, 9))
def test_every_error_is_what_the_published_definition_says(
    kind: str, seed: int, with_crowds: bool
) -> None:
    scene = seeded_scene(kind, seed, N_IMAGES, N_CLASSES)
    is_crowd = (np.arange(len(scene.objects)) % 9 == 1) & with_crowds
    found = assigned(scene, is_crowd)
    errors, missed = published(scene, is_crowd)
    images = scene.detections.image.tolist()
    assert sorted(zip(found.image.tolist(), found.kind.tolist(), strict=True)) == sorted(
        (images[at], kind) for at, kind in errors
    )
    assert sorted(zip(found.missed_image, found.missed_label, strict=True)) == sorted(missed)


def test_chunks_add_up_to_the_whole() -> None:
    scene = seeded_scene("ordinary", 9, N_IMAGES, N_CLASSES)
    whole = assigned(scene)
    parts = [
        whole.of_images(
            np.arange(N_IMAGES) % 3 == part, np.arange(N_IMAGES), scene.objects
        ).to_bytes()
        for part in range(3)
    ]
    joined, expected = error_table(read_assignments(parts, N_CLASSES)), error_table(whole)
    assert joined.costs == pytest.approx(expected.costs, abs=1e-12)
    assert (joined.counts == expected.counts).all()
    assert sorted(zip(joined.image, joined.kind, joined.label, strict=True)) == sorted(
        zip(expected.image, expected.kind, expected.label, strict=True)
    )
    images = ErrorImages(expected.image, expected.label, expected.kind)
    again = read_error_images(images.to_bytes())
    for error in ErrorType:
        assert (again.images_with(error, 1) == images.images_with(error, 1)).all()


def test_nothing_has_no_errors() -> None:
    found = error_table(read_assignments([], N_CLASSES))
    assert (found.average_precision, found.costs) == (None, [None] * len(ErrorType))
    assert not found.counts.any()
