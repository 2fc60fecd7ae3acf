"""Key points of boxes, matched by COCO's object keypoint similarity; no database."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.engine.boxes import RegionText, StoredImage
from evals.engine.events import image_counts
from evals.engine.kinds.kind import Chunk
from evals.engine.kinds.table import KINDS
from evals.engine.matched.keypoints import COCO_SIGMAS, sigmas_of, similarities
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.labels import Reason
from tests.evals.engine.tasks import Json, box, cells, counted, job, stored

KIND: Any = KINDS["keypoint-detection"]
NAMES = ("nose", "left_eye", "wing")
#: As they are called, and as they are shown.
NAMED = [(name, name) for name in NAMES]
SIDE = 200


def poses(names: Any = NAMES, classes: Any = ("cat",), **more: Any) -> Any:
    reading = Reading(
        shapes=KIND.shapes, has_keypoints=True, keypoints=tuple((name, name) for name in names)
    )
    return job("keypoint-detection", classes, reading=reading, **more)


def posed(
    id_: str, xywh: Any, points: dict[str, Any], score: float | None = None, **more: Any
) -> list[Json]:
    """A box with its key points, in pixels."""
    label = more.pop("label", "cat")
    regions = [box(xywh, label, score, SIDE, id=id_, **more)]
    return regions + [point(id_, name, *at) for name, at in points.items()]


def point(parent: Any, name: Any, x: float, y: float) -> Json:
    value = {"x": float(x) / SIDE * 100, "y": float(y) / SIDE * 100, "keypointlabels": [name]}
    return {"type": "keypointlabels", "from_name": "kp", "to_name": "image", "parentID": parent,
            "original_width": SIDE, "original_height": SIDE, "value": value}  # fmt: skip


TRUTH = posed("a", [0, 0, 50, 100], {"nose": (10, 10), "left_eye": (20, 10)})


def test_the_worked_example() -> None:
    said = posed("b", [0, 0, 50, 100], {"nose": (13, 14)}, 0.9)
    of = poses(iou_threshold=0.1)
    verdicts = KIND.verdicts([stored(TRUTH, said)], of, 0)[0]
    assert verdicts.found[0].iou == pytest.approx(0.198354, abs=1e-6)
    assert verdicts.truths[0].matched == 0
    assert verdicts.facts == (
        [{"keypoints": {"nose": [10.0, 10.0], "left_eye": [20.0, 10.0]}}],
        [{"keypoints": {"nose": [13.0, 14.0]}}],
    )
    tally, total = counted([stored(TRUTH, said)], of)
    assert cells(tally) == [[0, 0, 1]]
    assert cells(counted([stored(TRUTH, said)], poses())[0]) == [[0, 1, 1], [1, 0, 1]]
    assert total.table.overall.map50 == 0
    assert total.metrics == {"averageRecall20": 0.0}
    assert total.table.overall.by_size["small"] is None


def test_points_that_the_truth_lacks_do_not_count() -> None:
    said = posed(
        "b", [0, 0, 50, 100], {"nose": (10, 10), "left_eye": (20, 10), "wing": (9, 9)}, 0.9
    )
    tally, total = counted([stored(TRUTH, said)], poses())
    assert cells(tally) == [[0, 0, 1]]
    assert total.primary == pytest.approx(1)


def test_sigmas() -> None:
    assert sigmas_of(NAMED, {"left_eye": 0.5}) == (0.026, 0.5, 0.05)
    shown = [("0", "nose"), ("1", "left_eye"), ("2", "wing")]
    assert sigmas_of(shown, {"left_eye": 0.5, "2": 0.1}) == (0.026, 0.5, 0.1)
    assert len(COCO_SIGMAS) == 17
    of = poses(options={"keypointSigmas": {"nose": 10.0, "left_eye": 10.0}})
    said = posed("b", [0, 0, 50, 100], {"nose": (13, 14), "left_eye": (25, 15)}, 0.9)
    assert cells(counted([stored(TRUTH, said)], of)[0]) == [[0, 0, 1]]


def test_the_area_that_the_data_tells_is_taken() -> None:
    said = posed("b", [0, 0, 50, 100], {"nose": (13, 14), "left_eye": (20, 10)}, 0.9)
    (told, *rest) = TRUTH
    for area in (50, 5000, 1):
        image = stored([{**told, "meta": {"area": area}}, *rest], said)
        found = KIND.verdicts([image], poses(iou_threshold=0.4), 0)[0].found[0]
        expected = (np.exp(-25 / (0.052**2) / area / 2) + 1) / 2
        assert found.iou == pytest.approx(expected, abs=1e-12)


def test_a_box_without_points_is_no_object() -> None:
    bare = box([100, 100, 50, 50], id="c")
    said = posed("b", [0, 0, 50, 100], {"nose": (10, 10), "left_eye": (20, 10)}, 0.9)
    near = posed("d", [100, 100, 50, 50], {"nose": (110, 110)}, 0.8)
    tally, total = counted([stored([*TRUTH, bare], [*said, *near])], poses())
    assert cells(tally) == [[0, 0, 1], [1, 0, 1]]
    # COCO takes the one near the box for nothing.
    assert total.table.overall.map50 == pytest.approx(1)
    notes = Notes()
    KIND.count(Chunk([stored([*TRUTH, bare], said)], np.array([1])), poses(), notes)
    assert {key: one.region for key, one in notes.ignored.items()} == {
        (Reason.NO_KEYPOINTS, True): "c"
    }
    assert notes.read == [1, 1]


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (point("a", "tail", 1, 1), Reason.INVALID_LABEL),
        (point("a", 5, 1, 1), Reason.INVALID_LABEL),
        ({**point("a", "wing", 1, 1), "value": {"keypointlabels": ["wing"]}}, Reason.NO_GEOMETRY),
        ({**point("a", "wing", 1, 1), "value": {"x": 1, "y": 1}}, Reason.NO_LABEL),
        ({**point("a", "wing", 1, 1), "value": 5}, Reason.NO_LABEL),
        # Of no box.
        (point("z", "wing", 1, 1), Reason.NO_RECTANGLE),
        (point(None, "wing", 1, 1), Reason.NO_RECTANGLE),
        (point([], "wing", 1, 1), Reason.NO_RECTANGLE),
    ],
)
def test_what_is_passed_over(region: Json, reason: Reason) -> None:
    notes = Notes()
    image = StoredImage([*TRUTH, region], [], None)
    KIND.count(Chunk([image], np.array([1])), poses(), notes)
    assert list(notes.ignored) == [(reason, True)]
    facts = KIND.verdicts([image], poses(), 0)[0].facts[0]
    assert list(facts[0]["keypoints"]) == ["nose", "left_eye"]


@pytest.mark.parametrize("parent", [None, "z"])
def test_points_of_no_box_are_counted_as_stored_text(parent: Any) -> None:
    alone = [point(parent, "nose", 10, 10), point(parent, "left_eye", 20, 10)]
    for said, read in ((alone, 0), ([box([0, 0, 50, 100], score=0.9, id="b"), *alone], 1)):
        notes = Notes()
        image = StoredImage(text_of(TRUTH), text_of(said), None)
        KIND.count(Chunk([image], np.array([1])), poses(), notes)
        (ignored,) = notes.ignored.items()
        assert ignored[0] == (Reason.NO_RECTANGLE, False)
        assert (ignored[1].regions, notes.read, notes.unusable) == (2, [1, read], [0, 2])


def test_points_of_a_box_of_another_class_go_with_it() -> None:
    other = posed("o", [0, 0, 9, 9], {"nose": (1, 1)}, label="dog")
    notes = Notes()
    image = StoredImage(text_of([*TRUTH, *other]), [], None)
    left_out = replace(poses(), reading=replace(poses().reading, label_map={"dog": None}))
    KIND.count(Chunk([image], np.array([1])), left_out, notes)
    assert {key: one.regions for key, one in notes.ignored.items()} == {
        (Reason.OTHER_CLASS, True): 1
    }


def text_of(regions: list[Json]) -> RegionText:
    return RegionText(json.dumps(regions))


def test_crowds_take_what_is_within_them() -> None:
    crowd = box([100, 100, 80, 80], id="c", side=SIDE, meta={"iscrowd": 1})
    near = posed("d", [110, 110, 50, 50], {"nose": (120, 120)}, 0.8)
    tally, _ = counted([stored([*TRUTH, crowd], near)], poses())
    assert cells(tally) == [[0, 1, 1]]


def scene(seed: int) -> list[tuple[list[Json], list[Json]]]:
    """Tasks with poses, some of them crowds, some without points, some points missing."""
    r = np.random.default_rng(seed)
    tasks = []
    for _ in range(25):
        truth, said = [], []
        for n in range(r.integers(0, 5)):
            xywh = [*r.integers(0, 100, 2), *r.integers(20, 90, 2)]
            at = {name: r.integers(0, 100, 2) + xywh[:2] for name in NAMES if r.random() < 0.8}
            label = str(r.choice(["cat", "dog"]))
            meta = {"iscrowd": int(r.random() < 0.15), "area": float(xywh[2] * xywh[3]) * 0.6}
            truth += posed(f"t{n}", xywh, at, label=label, meta=meta)
            for m in range(r.integers(0, 3)):
                near = {
                    name: where + r.integers(-5, 6, 2)
                    for name, where in at.items()
                    if r.random() < 0.9
                }
                score = float(r.choice([0.3, 0.57, r.random()]))
                said += posed(f"s{n}-{m}", xywh, near, score, label=label)
        tasks.append((truth, said))
    return tasks


def coco_of(regions: list[Json], image: int, first: int) -> list[Json]:
    """COCO's annotations of a side of a task."""
    found: list[Json] = []
    for one in regions:
        if one["type"] != "rectanglelabels":
            continue
        flat: list[float] = []
        for name in NAMES:
            mine = [
                r for r in regions
                if r.get("parentID") == one["id"] and r["value"]["keypointlabels"] == [name]
            ]  # fmt: skip
            value = mine[0]["value"] if mine else None
            missing = [1e6, 1e6, 0] if "score" in one else [0, 0, 0]
            flat += [round(value[k] * 2, 6) for k in "xy"] + [2] if value else missing
        v = one["value"]
        xywh = [round(v[key] * 2, 6) for key in ("x", "y", "width", "height")]
        meta = one.get("meta", {})
        found.append(
            {"id": first + len(found) + 1, "image_id": image, "keypoints": flat, "bbox": xywh,
             "num_keypoints": sum(n > 0 for n in flat[2::3]), "iscrowd": meta.get("iscrowd", 0),
             "area": meta.get("area", xywh[2] * xywh[3]), "score": one.get("score", 1),
             "category_id": 1 + (v["rectanglelabels"] == ["dog"])}
        )  # fmt: skip
    return found


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_average_precision_is_pycocotools_s(engine: str, seed: int) -> None:
    tasks = scene(seed)
    of = poses(classes=("cat", "dog"), engine=engine)
    _, total = counted([stored(*task) for task in tasks], of)
    evaluation = pycocotools_on(tasks)
    overall = total.table.overall
    ours = [overall.map50_95, overall.map50, overall.map75]
    ours += [
        overall.by_size[size] and overall.by_size[size].map50_95 for size in ("medium", "large")
    ]
    ours += list(total.metrics.values())
    theirs = [None if one == -1 else one for one in evaluation.stats[:6].tolist()]
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert 0 < ours[0] < 1


def pycocotools_on(tasks: list[tuple[list[Json], list[Json]]]) -> COCOeval:
    sides: tuple[list[Json], list[Json]] = ([], [])
    for image, task in enumerate(tasks, start=1):
        for side, regions in zip(sides, task, strict=True):
            side += coco_of(regions, image, len(side))
    with redirect_stdout(io.StringIO()):
        truth, said = COCO(), COCO()
        for coco, annotations in ((truth, sides[0]), (said, sides[1])):
            coco.dataset = {
                "images": [{"id": n} for n in range(1, len(tasks) + 1)],
                "categories": [{"id": 1}, {"id": 2}],
                "annotations": annotations,
            }
            coco.createIndex()
        evaluation = COCOeval(truth, said, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas_of(NAMED, {}))
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def test_similarities_are_pycocotools_s() -> None:
    tasks = scene(5)
    evaluation = pycocotools_on(tasks)
    n_compared = 0
    for image, task in enumerate(tasks, start=1):
        truth, said = (coco_of(regions, image, 0) for regions in task)
        for category in (1, 2):
            theirs = evaluation.ious[image, category]
            true = [one for one in truth if one["category_id"] == category]
            called = sorted(
                (one for one in said if one["category_id"] == category),
                key=lambda one: -one["score"],
            )
            for d, one in enumerate(called):
                for t, other in enumerate(true):
                    if not other["num_keypoints"]:
                        continue
                    true_points, points = (
                        np.array(side["keypoints"], float).reshape(1, 3, 3) for side in (other, one)
                    )
                    area = np.array([other["area"]])
                    ours = similarities(true_points, points, area, sigmas_of(NAMED, {}))
                    assert ours[0] == pytest.approx(theirs[d][t], abs=1e-12)
                    n_compared += ours[0] > 0.01
    assert n_compared > 20


def test_counts_add_up_at_every_confidence() -> None:
    tasks = scene(6)
    of = poses(classes=("cat", "dog"))
    images = [stored(*task) for task in tasks]
    tally, _ = counted(images, of)
    for percent in range(0, 101, 10):
        counts = image_counts(tally.events, percent, n_images=len(tasks), n_classes=2)
        verdicts = KIND.verdicts(images, of, percent)
        verdicts = [
            [one.verdict.value for one in (*each.truths, *each.found) if one] for each in verdicts
        ]
        for image, words in enumerate(verdicts):
            wrong = words.count("wrong_class") // 2
            assert counts.tp[image] == words.count("tp") / 2
            assert counts.fp[image] == words.count("fp") + wrong
            assert counts.fn[image] == words.count("fn") + wrong
