"""The stored numbers agree with each other and with others' programs, through the whole service."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evals.db import panels
from evals.db.images import images_at
from evals.db.panels import panel
from evals.models import EvalPanel, ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import Json, computed, load

SIDE = 200
NAMES = ["a", "b", "c", "d"]


def matrix(evaluation: ModelEval, *, split: int | None, confidence: int) -> Any:
    """The whole square, int64 (n_classes + 1, n_classes + 1)."""
    return panels.matrix(evaluation, split=split, confidence=confidence).square()


def config(names: list[str]) -> str:
    labels = "".join(f'<Label value="{name}"/>' for name in names)
    return (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )


def region(
    box_px: Any, label: str, score: float | None = None, *, width: int = SIDE, height: int = SIDE
) -> Json:
    x, y, w, h = (float(v) for v in box_px)
    found: Json = {
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "value": {
            "x": 100 * x / width,
            "y": 100 * y / height,
            "width": 100 * w / width,
            "height": 100 * h / height,
            "rotation": 0,
            "rectanglelabels": [label],
        },
    }
    return found if score is None else {**found, "score": float(score)}


def scene_tasks(scene: Any) -> list[Json]:
    """The images of a scene as tasks, spread over the splits."""
    items = []
    for image in range(scene.n_images):
        truth = [
            region(box, NAMES[label])
            for box, label, at in zip(
                scene.object_boxes, scene.objects.label, scene.objects.image, strict=True
            )
            if at == image
        ]
        said = [
            region(box, NAMES[label], score)
            for box, label, score, at in zip(
                scene.detection_boxes,
                scene.detections.label,
                scene.detections.score,
                scene.detections.image,
                strict=True,
            )
            if at == image
        ]
        items.append(
            {
                "data": {"image": f"{image}.png"},
                "meta": {"split": ("test", "valid", "train")[image % 3]},
                "annotations": [{"result": truth, "ground_truth": True}],
                "predictions": [{"result": said, "model_version": "v1"}],
            }
        )
    return items


MakeScene = Callable[..., Any]


@pytest.fixture
def found(ada: Caller, make_project: MakeProject, make_scene: MakeScene) -> ModelEval:
    """A crowded evaluation of four classes over three splits."""
    made = make_project(ada, config(NAMES))
    load(ada, made, scene_tasks(make_scene("crowded", 11, n_images=45)))
    done = computed(ada, made)
    assert done.status == "done", done.failure_reason
    return done


def test_images_matrix_and_sweep_are_one(found: ModelEval) -> None:
    import orjson

    swept = orjson.loads(panel(found, EvalPanel.Kind.SWEEP) or b"")["splits"]
    for split, name in enumerate(("train", "valid", "test")):
        mine = found.images.filter(split=split).order_by("split_position")
        images = images_at(found, list(mine.values_list("position", flat=True)))
        for confidence in range(101):
            cells = images.cells(confidence)
            summed = np.zeros((5, 5), dtype=np.int64)
            np.add.at(summed, (cells.actual, cells.predicted), cells.count)
            stored = matrix(found, split=split, confidence=confidence)
            assert (stored == summed).all()
            counts = images.counts(confidence, 4)
            tp, fp, fn = counts.tp.sum(), counts.fp.sum(), counts.fn.sum()
            assert tp == stored.diagonal()[:4].sum()
            assert tp + fp == stored[:, :4].sum()
            assert tp + fn == stored[:4].sum()
            if confidence < 100:
                point = swept[name]["perThreshold"][f"{confidence / 100:.2f}"]
                assert point["precision"] == (tp / (tp + fp) if tp + fp else 0)
                assert point["recall"] == tp / (tp + fn)
                assert point["f1"] == 2 * tp / (2 * tp + fp + fn)


def test_all_is_the_sum_of_the_splits(found: ModelEval) -> None:
    for confidence in (0, 20, 57, 100):
        parts = [matrix(found, split=split, confidence=confidence) for split in range(3)]
        assert (matrix(found, split=None, confidence=confidence) == sum(parts)).all()


@pytest.mark.parametrize("kind", ["ordinary", "crowded", "tied"])
def test_supervision_counts_the_same(
    ada: Caller, make_project: MakeProject, make_scene: MakeScene, kind: str
) -> None:
    import supervision as sv

    scene = make_scene(kind, 5, n_images=12)
    made = make_project(ada, config(NAMES))
    load(ada, made, scene_tasks(scene))
    done = computed(ada, made)

    def side(boxes: Any, side_of: Any, image: int, scores: Any = None) -> Any:
        mine = side_of.image == image
        xyxy = np.concatenate([boxes[mine, :2], boxes[mine, :2] + boxes[mine, 2:]], axis=1)
        confidence = None if scores is None else scores[mine]
        return sv.Detections(
            xyxy=xyxy.reshape(-1, 4), class_id=side_of.label[mine], confidence=confidence
        )

    images = range(scene.n_images)
    targets = [side(scene.object_boxes, scene.objects, i) for i in images]
    detections = [
        side(scene.detection_boxes, scene.detections, i, scene.detections.score) for i in images
    ]
    for confidence in (0, 20, 29, 50, 57, 58, 90):
        theirs = sv.ConfusionMatrix.from_detections(
            detections, targets, NAMES, conf_threshold=confidence / 100, iou_threshold=0.5
        ).matrix
        assert (matrix(done, split=None, confidence=confidence) == theirs).all(), confidence


def test_pycocotools_finds_the_same_precision(
    ada: Caller,
    make_project: MakeProject,
    coco_sample: tuple[Json, list[Json]],
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, said = coco_sample
    boxes = [a for a in said if "bbox" in a]
    names = {category["id"]: category["name"] for category in truth["categories"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    image_ids = sorted(sizes)

    def regions(rows: list[Json], image: int) -> list[Json]:
        width, height = sizes[image]
        return [
            region(
                row["bbox"],
                names[row["category_id"]],
                row.get("score"),
                width=width,
                height=height,
            )
            for row in rows
            if row["image_id"] == image
        ]

    plain = [a for a in truth["annotations"] if not a["iscrowd"]]
    made = make_project(ada, config(list(names.values())))
    load(
        ada,
        made,
        [
            {
                "data": {"image": f"{image}.jpg"},
                "annotations": [{"result": regions(plain, image), "ground_truth": True}],
                "predictions": [{"result": regions(boxes, image), "model_version": "v1"}],
            }
            for image in image_ids
        ],
    )
    done = computed(ada, made)

    with contextlib.redirect_stdout(io.StringIO()):
        theirs = COCO()
        boxed = [{**a, "area": a["bbox"][2] * a["bbox"][3]} for a in plain]
        theirs.dataset = {**truth, "annotations": boxed}
        theirs.createIndex()
        evaluation = COCOeval(theirs, theirs.loadRes(boxes), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert done.summary is not None
    metrics = done.summary["metrics"]
    assert metrics["mAP5095"] == pytest.approx(evaluation.stats[0], abs=1e-12)
    assert metrics["mAP"] == pytest.approx(evaluation.stats[1], abs=1e-12)
    assert metrics["mAP75"] == pytest.approx(evaluation.stats[2], abs=1e-12)


def golden_cases(golden: Json) -> list[Json]:
    return [case for case in golden["cases"] if case["task"] == "detection"]


def test_golden_cases(ada: Caller, make_project: MakeProject, golden: Json) -> None:
    """Each hand-checked case through import, worker and panel."""
    checked = 0
    for case in golden_cases(golden):
        made = make_project(ada, config(case["classes"]), title=case["id"])
        load(ada, made, [golden_task(image, case["classes"]) for image in case["images"]])
        done = computed(ada, made, iouThreshold=case["iou_threshold"])
        assert done.status == "done", done.failure_reason
        for threshold, expected in case["expect"].items():
            stored = matrix(done, split=None, confidence=round(100 * float(threshold)))
            actual, predicted = np.nonzero(stored)
            triples = np.stack([actual, predicted, stored[actual, predicted]], axis=1)
            assert triples.tolist() == expected["supervision"]["confusion"], case["id"]
            checked += 1
    assert checked >= 12


def golden_task(image: Json, classes: list[str]) -> Json:
    size = {"width": image["width"], "height": image["height"]}

    def side(rows: list[Json]) -> list[Json]:
        return [
            region(row["bbox"], label_of(row, classes), row.get("score"), **size) for row in rows
        ]

    return {
        "data": {"image": f"{image['id']}.png"},
        "annotations": [{"result": side(image["ground_truth"]), "ground_truth": True}],
        "predictions": [{"result": side(image["detections"]), "model_version": "v1"}],
    }


def label_of(row: Json, classes: list[str]) -> str:
    return classes[row["class"]]


def test_one_project_several_evaluations_at_once(
    ada: Caller, project: Project, task_ids: list[int]
) -> None:
    from evals.jobs import requests, run
    from evals.models import EvalChunk
    from tests.evals.conftest import values

    workspace_id = ada.access.workspace_id
    pair = [requests.create(values(project, v), workspace_id=workspace_id) for v in ("v1", "v2")]
    for one in reversed(pair):
        run.run(one.pk)
    first, second = (matrix(one, split=None, confidence=20).tolist() for one in refreshed(pair))

    assert first == [[1, 1, 1], [0, 1, 0], [0, 1, 0]]
    assert second == [[3, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert not EvalChunk.objects.exists()


def refreshed(pair: list[ModelEval]) -> list[ModelEval]:
    for one in pair:
        one.refresh_from_db()
    return pair
