"""The oracles of the kinds of evaluation, on the benchmarks' tasks.

Each takes both sides of all tasks, makes what its library reads, and answers with what is measured:
the library's own work on arrays or lists that are ready.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from benchmarks.evaluated import HEIGHT, WIDTH

Json = dict[str, Any]
#: [ground truth, predictions] of each task.
Sides = list[list[list[Json]]]
LABELS = tuple(f"c{n}" for n in range(10))


def average_precision(iou_type: str, entry: Callable[[Json, list[Json]], Json | None]) -> Any:
    """pycocotools' average precision; `entry` makes an annotation of a region."""

    def prepared(sides: Sides) -> Callable[[], object]:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        rows: list[list[Json]] = [[], []]
        for image, both in enumerate(sides, start=1):
            for into, regions in zip(rows, both, strict=True):
                for one in regions:
                    if (made := entry(one, regions)) is not None:
                        known = {"id": len(into) + 1, "image_id": image, "iscrowd": 0}
                        into.append({**known, "score": one.get("score", 1.0), **made})
        common = {
            "images": [{"id": n + 1, "height": HEIGHT, "width": WIDTH} for n in range(len(sides))],
            "categories": [{"id": n + 1, "name": name} for n, name in enumerate(LABELS)],
        }

        def measure() -> object:
            with redirect_stdout(io.StringIO()):
                made = []
                for annotations in rows:
                    coco = COCO()
                    coco.dataset = {**common, "annotations": annotations}
                    coco.createIndex()
                    made.append(coco)
                evaluation = COCOeval(*made, iou_type)
                evaluation.evaluate()
                evaluation.accumulate()
                evaluation.summarize()
            return evaluation.stats[0]

        return measure

    return prepared


def coco_box(region: Json, side: list[Json]) -> Json:
    value = region["value"]
    x, y, w, h = (
        value[name] * size / 100
        for name, size in (("x", WIDTH), ("y", HEIGHT), ("width", WIDTH), ("height", HEIGHT))
    )
    label = LABELS.index(value["rectanglelabels"][0]) + 1
    return {"category_id": label, "bbox": [x, y, w, h], "area": w * h}


def coco_outline(region: Json, side: list[Json]) -> Json:
    value = region["value"]
    if "points" in value:
        points = np.array(value["points"])
    else:
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        points = np.column_stack(
            [
                value["x"] + value["radiusX"] * np.cos(angles),
                value["y"] + value["radiusY"] * np.sin(angles),
            ]
        )
    flat = (points * (WIDTH / 100, HEIGHT / 100)).ravel().tolist()
    names = value.get("polygonlabels") or value["ellipselabels"]
    x, y = flat[0::2], flat[1::2]
    area = (max(x) - min(x)) * (max(y) - min(y))
    return {"category_id": LABELS.index(names[0]) + 1, "segmentation": [flat], "area": area}


def rasters(sides: Sides) -> Callable[[], object]:
    """The masks of all outlines, those of an image at once."""
    from pycocotools import mask

    images = [
        [np.array(coco_outline(one, side)["segmentation"][0]) for side in both for one in side]
        for both in sides
    ]
    return lambda: [mask.frPyObjects(outlines, HEIGHT, WIDTH) for outlines in images if outlines]


def pixel_matrix(sides: Sides) -> Callable[[], object]:
    """The confusion matrix of all pixels, of masks that pycocotools paints; the last one on top."""
    from pycocotools import mask

    background = len(LABELS)
    outlined = [
        [[coco_outline(region, side) for region in side] for side in both] for both in sides
    ]

    def painted(side: list[Json]) -> Any:
        pixels = np.full((HEIGHT, WIDTH), background)
        for one in side:
            rle = mask.frPyObjects(one["segmentation"], HEIGHT, WIDTH)[0]
            pixels[mask.decode(rle) > 0] = one["category_id"] - 1
        return pixels

    def measure() -> object:
        cells = np.zeros((background + 1) ** 2, dtype=np.int64)
        for truth, said in outlined:
            pairs = painted(truth) * (background + 1) + painted(said)
            cells += np.bincount(pairs.ravel(), minlength=len(cells))
        matrix = cells.reshape(background + 1, -1)
        shared = np.diag(matrix)
        return shared / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1) - shared, 1)

    return measure


def coco_pose(region: Json, side: list[Json]) -> Json | None:
    if region["type"] != "rectanglelabels":
        return None
    flat: list[float] = []
    for one in side:
        if one.get("parentID") == region["id"]:
            x, y = one["value"]["x"] * WIDTH / 100, one["value"]["y"] * HEIGHT / 100
            flat += [x, y, 2]
    return {**coco_box(region, side), "keypoints": flat, "num_keypoints": len(flat) // 3}


def coco_stretch(region: Json, side: list[Json]) -> Json:
    value = region["value"]
    length = value["end"] - value["start"]
    label = LABELS.index(value["labels"][0]) + 1
    return {"category_id": label, "bbox": [value["start"], 0, length, 1], "area": length}


def shapely_overlaps(sides: Sides) -> Callable[[], object]:
    """The overlaps of all pairs of turned boxes whose bounds overlap."""
    import shapely

    from predictions.regions.geometry import rotated_corners

    def polygons(regions: list[Json]) -> Any:
        boxes = [
            (coco_box(one, regions)["bbox"], float(one["value"]["rotation"])) for one in regions
        ]
        return shapely.polygons(np.array([rotated_corners(*box) for box in boxes]))

    images = [(polygons(truth), polygons(said)) for truth, said in sides]

    def measure() -> object:
        total = 0.0
        for truth, said in images:
            at, its = shapely.STRtree(truth).query(said)
            shared = shapely.area(shapely.intersection(said[at], truth[its]))
            either = shapely.area(said[at]) + shapely.area(truth[its]) - shared
            total += float((shared / either).sum())
        return total

    return measure


def nervaluate_schemes(sides: Sides) -> Callable[[], object]:
    """seqeval's strict counts and nervaluate's four schemes."""
    from nervaluate import Evaluator
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    def spans(regions: list[Json]) -> list[Json]:
        values = [one["value"] for one in regions]
        return [
            {"label": one["labels"][0], "start": one["start"], "end": one["end"] - 1}
            for one in values
        ]

    def tags(regions: list[Json]) -> list[str]:
        tagged = ["O"] * 220
        for one in spans(regions):
            start, end = one["start"], one["end"] + 1
            tagged[start:end] = [f"I-{one['label']}"] * (end - start)
            tagged[start] = f"B-{one['label']}"
        return tagged

    listed = [[spans(both[side]) for both in sides] for side in (0, 1)]
    tagged = [[tags(both[side]) for both in sides] for side in (0, 1)]

    def measure() -> object:
        precision_recall_fscore_support(*tagged, scheme=IOB2, average="micro")
        return Evaluator(*listed, tags=list(LABELS), loader="dict").evaluate()["overall"]

    return measure


def _values(sides: Sides, key: str) -> tuple[list[Any], list[Any]]:
    truth, said = ([both[side][0]["value"][key] for both in sides] for side in (0, 1))
    return truth, said


def accuracy(sides: Sides) -> Callable[[], object]:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, said = (np.array(side).ravel() for side in _values(sides, "choices"))
    return lambda: (accuracy_score(truth, said), precision_recall_fscore_support(truth, said))


def kappas(sides: Sides) -> Callable[[], object]:
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    truth, said = (np.array(side) for side in _values(sides, "rating"))
    return lambda: (
        accuracy_score(truth, said),
        [cohen_kappa_score(truth, said, labels=range(1, 6), weights=w)
         for w in (None, "linear", "quadratic")],
    )  # fmt: skip


def errors(sides: Sides) -> Callable[[], object]:
    from sklearn import metrics

    truth, said = (np.array(side) for side in _values(sides, "number"))
    return lambda: [
        measure(truth, said)
        for measure in (
            metrics.mean_absolute_error, metrics.root_mean_squared_error,
            metrics.median_absolute_error, metrics.r2_score,
        )
    ]  # fmt: skip


def error_rates(sides: Sides) -> Callable[[], object]:
    import jiwer

    truth, said = ([lines[0] for lines in side] for side in _values(sides, "text"))
    return lambda: (jiwer.cer(truth, said), jiwer.wer(truth, said))


def jaccard(sides: Sides) -> Callable[[], object]:
    from sklearn.metrics import jaccard_score, precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    both = [
        [{node for path in paths for node in path} for paths in side]
        for side in _values(sides, "taxonomy")
    ]
    binarizer = MultiLabelBinarizer().fit(both[0] + both[1])
    truth, said = map(binarizer.transform, both)
    return lambda: (
        jaccard_score(truth, said, average="samples", zero_division=1),
        precision_recall_fscore_support(truth, said, average="micro"),
    )
