import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.engine import average_precision
from evals.engine.average_precision import ENGINES, merge_states, new_state, read_state
from evals.engine.errors import MisshapenArrays, UnreadableState
from evals.engine.matching import Detections, Objects
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import BOXES, MASKS
from predictions.regions.geometry import mask_rle

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_matching.json").read_text())

engines = pytest.mark.parametrize("engine", ENGINES)


def batch_of(scene, *, first_id=1, **given):
    return Batch(
        image_ids=np.arange(first_id, first_id + scene.n_images),
        objects=scene.objects,
        object_boxes_xywh_px=scene.object_boxes,
        detections=scene.detections,
        detection_boxes_xywh_px=scene.detection_boxes,
        **given,
    )


def coco_batch(truth, detections):
    """The batch of a COCO ground-truth file and result list, in image and file order."""
    ids = sorted(image["id"] for image in truth["images"])
    labels = {c: i for i, c in enumerate(sorted(c["id"] for c in truth["categories"]))}
    places = {image: place for place, image in enumerate(ids)}
    objects = sorted(truth["annotations"], key=lambda a: a["image_id"])
    found = sorted(detections, key=lambda a: a["image_id"])

    def columns(rows):
        return {
            "image": np.array([places[a["image_id"]] for a in rows]),
            "label": np.array([labels[a["category_id"]] for a in rows]),
        }

    return Batch(
        image_ids=np.array(ids),
        objects=Objects(**columns(objects)),
        object_boxes_xywh_px=np.array([a["bbox"] for a in objects], float),
        object_areas_px=np.array([a["area"] for a in objects], float),
        is_crowd=np.array([a["iscrowd"] for a in objects], bool),
        detections=Detections(**columns(found), score=np.array([a["score"] for a in found])),
        detection_boxes_xywh_px=np.array([a["bbox"] for a in found], float),
    )


def part_of(batch, first, last):
    """The images first..last-1 of a batch as a batch of their own."""
    mine = (batch.objects.image >= first) & (batch.objects.image < last)
    theirs = (batch.detections.image >= first) & (batch.detections.image < last)

    def chosen(values, where):
        if values is None or isinstance(values, np.ndarray):
            return None if values is None else values[where]
        return [value for value, taken in zip(values, where, strict=True) if taken]

    return Batch(
        image_ids=batch.image_ids[first:last],
        objects=Objects(image=batch.objects.image[mine] - first, label=batch.objects.label[mine]),
        object_boxes_xywh_px=batch.object_boxes_xywh_px[mine],
        object_areas_px=chosen(batch.object_areas_px, mine),
        is_crowd=chosen(batch.is_crowd, mine),
        object_rles=chosen(batch.object_rles, mine),
        detections=Detections(
            image=batch.detections.image[theirs] - first,
            label=batch.detections.label[theirs],
            score=batch.detections.score[theirs],
        ),
        detection_boxes_xywh_px=batch.detection_boxes_xywh_px[theirs],
        detection_rles=chosen(batch.detection_rles, theirs),
    )


def table_of(batch, n_classes, engine, measure=BOXES):
    state = new_state(n_classes, measure, engine=engine)
    state.add(batch)
    return state.table()


def pycocotools_stats(truth, detections, *, kind="bbox", category=None):
    """The twelve published numbers by pycocotools itself, over all classes or one."""
    with redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = truth
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(detections), kind)
        if category is not None:
            evaluation.params.catIds = [category]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@engines
def test_published_numbers_of_coco(engine, coco_sample):
    truth, detections = coco_sample
    table = table_of(coco_batch(truth, detections), 80, engine)
    overall, sizes = table.overall, table.overall.by_size
    assert round(overall.map50_95, 3) == 0.505
    assert round(overall.map50, 3) == 0.697
    assert round(overall.map75, 3) == 0.573
    assert [round(sizes[s].map50_95, 3) for s in ("small", "medium", "large")] == [
        0.586,
        0.519,
        0.501,
    ]


@engines
def test_equals_pycocotools_on_coco(engine, coco_sample):
    truth, detections = coco_sample
    table = table_of(coco_batch(truth, detections), 80, engine)
    assert_equal(table.overall, pycocotools_stats(truth, detections))
    assert_recalls(table, pycocotools_stats(truth, detections))
    categories = sorted(c["id"] for c in truth["categories"])
    for label in (0, 2, 56, 79):
        stats = pycocotools_stats(truth, detections, category=categories[label])
        assert_equal(table.per_class[label], stats)


def assert_equal(precision, stats):
    """Equal to pycocotools' AP, AP50, AP75, APs, APm, APl; its -1 is our None."""
    sizes = [precision.by_size[s] for s in ("small", "medium", "large")]
    ours = [precision.map50_95, precision.map50, precision.map75]
    ours += [size and size.map50_95 for size in sizes]
    for mine, theirs in zip(ours, stats[:6], strict=True):
        assert (mine is None) == (theirs == -1)
        assert mine is None or mine == pytest.approx(theirs, abs=1e-12)


def assert_recalls(table, stats):
    """Equal to pycocotools' AR at 1, 10 and 100 detections to the last bit."""
    assert table.recalls == dict(zip((1, 10, 100), stats[6:9].tolist(), strict=True))


@engines
@pytest.mark.parametrize("kind", ["ordinary", "crowded", "tied"])
def test_equals_pycocotools_on_seeded_boxes(engine, kind, make_scene):
    scene = make_scene(kind, seed=21)
    batch = batch_of(scene)
    truth = {
        "images": [{"id": i} for i in batch.image_ids.tolist()],
        "categories": [{"id": c + 1} for c in range(scene.n_classes)],
        "annotations": [
            {
                "id": n + 1,
                "image_id": int(scene.objects.image[n]) + 1,
                "category_id": int(scene.objects.label[n]) + 1,
                "bbox": box.tolist(),
                "area": float(box[2] * box[3]),
                "iscrowd": 0,
            }
            for n, box in enumerate(scene.object_boxes)
        ],
    }
    detections = [
        {
            "image_id": int(scene.detections.image[n]) + 1,
            "category_id": int(scene.detections.label[n]) + 1,
            "bbox": box.tolist(),
            "score": float(scene.detections.score[n]),
        }
        for n, box in enumerate(scene.detection_boxes)
    ]
    table = table_of(batch, scene.n_classes, engine)
    assert_equal(table.overall, pycocotools_stats(truth, detections))
    assert_recalls(table, pycocotools_stats(truth, detections))
    assert_equal(table.per_class[3], pycocotools_stats(truth, detections, category=4))


def masks_scene():
    """Two classes of random blobs in three images, as a batch of masks."""
    r = np.random.default_rng(7)
    masks = np.zeros((12, 60, 80), bool)
    for mask in masks:
        x, y = r.integers(0, 40, 2)
        mask[y : y + r.integers(8, 20), x : x + r.integers(8, 40)] = True
        mask &= r.random(mask.shape) < 0.9
    found = [np.roll(mask, r.integers(0, 4), axis=1) for mask in masks]
    boxes = [coco_mask.toBbox(mask_rle(m)) for m in (*masks, *found)]
    return Batch(
        image_ids=np.array([5, 6, 9]),
        objects=Objects(image=np.repeat([0, 1, 2], 4), label=np.tile([0, 1], 6)),
        object_boxes_xywh_px=np.array(boxes[:12]),
        object_rles=[mask_rle(m) for m in masks],
        detections=Detections(
            image=np.repeat([0, 1, 2], 4), label=np.tile([0, 1, 0, 0], 3), score=r.random(12)
        ),
        detection_boxes_xywh_px=np.array(boxes[12:]),
        detection_rles=[mask_rle(m) for m in found],
    )


@engines
def test_equals_pycocotools_on_masks(engine):
    batch = masks_scene()
    truth = {
        "images": [{"id": i, "height": 60, "width": 80} for i in (5, 6, 9)],
        "categories": [{"id": 1}, {"id": 2}],
        "annotations": [
            {
                "id": n + 1,
                "image_id": (5, 6, 9)[n // 4],
                "category_id": n % 2 + 1,
                "segmentation": rle,
                "area": float(coco_mask.area(rle)),
                "iscrowd": 0,
            }
            for n, rle in enumerate(batch.object_rles)
        ],
    }
    detections = [
        {
            "image_id": (5, 6, 9)[n // 4],
            "category_id": (1, 2, 1, 1)[n % 4],
            "segmentation": rle,
            "score": float(batch.detections.score[n]),
        }
        for n, rle in enumerate(batch.detection_rles)
    ]
    table = table_of(batch, 2, engine, MASKS)
    assert 0 < table.overall.map50_95 < 1
    stats = pycocotools_stats(truth, detections, kind="segm")
    assert_equal(table.overall, stats)
    assert_recalls(table, stats)


@engines
def test_golden_ap(engine, scene_from_rows):
    case = next(c for c in GOLDEN["cases"] if c["id"] == "g12")
    objects, detections = [], []
    for index, image in enumerate(case["images"]):
        objects += [(t["bbox"], t["class"], index) for t in image["ground_truth"]]
        detections += [(d["bbox"], d["class"], d["score"], index) for d in image["detections"]]
    scene = scene_from_rows(objects, detections, n_images=2, n_classes=2)
    table = table_of(batch_of(scene), 2, engine)
    expected = case["expect_ap"]
    cat, dog = table.per_class
    for name in ("map50", "map75", "map50_95"):
        assert getattr(cat, name) == pytest.approx(expected["cat"][name], abs=expected["tolerance"])
        assert getattr(dog, name) is None
    assert table.overall.map50 == pytest.approx(expected["map50"], abs=expected["tolerance"])
    assert table.overall.map50_95 == cat.map50_95
    assert cat.by_size["small"].map50 == cat.map50
    assert cat.by_size["medium"] is None
    assert dog.by_size == {"small": None, "medium": None, "large": None}


@engines
@pytest.mark.parametrize("masks", [False, True])
def test_chunks_merge_to_the_last_bit_in_any_order(engine, masks, make_scene):
    scene = make_scene("tied", seed=4, n_images=9, n_classes=2)
    batch = masks_scene() if masks else batch_of(scene)
    whole = table_of(batch, 2, engine, MASKS if masks else BOXES)
    assert 0 < whole.overall.map50 < 1
    n_images = len(batch.image_ids)
    ends = np.linspace(0, n_images, 4, dtype=int)
    written = []
    for first, last in pairwise(ends):
        state = new_state(2, MASKS if masks else BOXES, engine=engine)
        state.add(part_of(batch, first, last))
        written.append(state.to_bytes())
    for order in ([0, 1, 2], [2, 0, 1]):
        assert merge_states([read_state(written[i]) for i in order]).table() == whole
    together = new_state(2, MASKS if masks else BOXES, engine=engine)
    for first, last in pairwise(ends):
        together.add(part_of(batch, first, last))
    assert together.table() == whole


@engines
@pytest.mark.parametrize("masks", [False, True])
def test_classes_are_evaluated_a_block_at_a_time(engine, masks, make_scene, monkeypatch):
    """As of more classes than are evaluated together: the same, class by class and overall."""
    n_classes = 2 if masks else 5
    batch = masks_scene() if masks else batch_of(make_scene("crowded", seed=6, n_classes=5))
    whole = table_of(batch, n_classes, engine, MASKS if masks else BOXES)
    monkeypatch.setattr(average_precision, "BLOCK_CLASSES", 1 if masks else 2)
    half, written = len(batch.image_ids) // 2, []
    for first, last in ((0, half), (half, len(batch.image_ids))):
        state = new_state(n_classes, MASKS if masks else BOXES, engine=engine)
        state.add(part_of(batch, first, last))
        written.append(state.to_bytes())
    blocks = merge_states([read_state(one) for one in written]).table()
    assert blocks.per_class == whole.per_class
    assert blocks.recalls == whole.recalls
    for name in ("map50", "map50_95", "map75"):
        for size in (None, *whole.overall.by_size):
            ours, theirs = (
                one.overall if size is None else one.overall.by_size[size]
                for one in (blocks, whole)
            )
            assert getattr(ours, name, None) == pytest.approx(
                getattr(theirs, name, None), abs=1e-12
            )


@pytest.mark.parametrize("masks", [False, True])
def test_engines_agree_to_the_last_bit(masks, make_scene):
    batch = masks_scene() if masks else batch_of(make_scene("crowded", seed=6))
    tables = [table_of(batch, 4, engine, MASKS if masks else BOXES) for engine in ENGINES]
    assert tables[0] == tables[1]
    assert tables[0].overall.map75 is not None


@engines
def test_no_images_and_no_objects_give_none(engine, scene_from_rows):
    empty = new_state(2, engine=engine)
    assert empty.table().overall.map50 is None
    stray = scene_from_rows([], [((0, 0, 9, 9), 0, 0.5, 0)], n_images=1, n_classes=2)
    table = table_of(batch_of(stray), 2, engine)
    assert table.overall.map50_95 is None
    assert [row.map50 for row in table.per_class] == [None, None]
    assert table.recalls == {1: None, 10: None, 100: None}
    assert merge_states([read_state(new_state(2, engine=engine).to_bytes())]).table() == table


@engines
def test_missed_objects_give_zero(engine, scene_from_rows):
    missed = scene_from_rows([((0, 0, 9, 9), 0, 0)], [], n_images=1, n_classes=1)
    assert table_of(batch_of(missed), 1, engine).overall.map50 == 0


def test_unreadable_states_are_named():
    good = new_state(2).to_bytes()
    for bad in (b"", b"x" + good[1:], good[:-4], good[:6] + b"junk"):
        with pytest.raises(UnreadableState):
            read_state(bad)
    other_classes = read_state(new_state(3).to_bytes())
    other_engine = new_state(2, engine="pycocotools")
    for other in (other_classes, other_engine, new_state(2, MASKS)):
        with pytest.raises(UnreadableState, match="2 kinds"):
            merge_states([read_state(good), other])
    with pytest.raises(UnreadableState, match="0 kinds"):
        merge_states([])


@engines
def test_misshapen_batches_are_refused(engine, make_scene):
    batch = batch_of(make_scene("ordinary", seed=1, n_images=5))
    bad_score = batch.detections.score.copy()
    bad_score[0] = np.nan
    d = batch.detections
    for bad, fragment in (
        (replace(batch, object_boxes_xywh_px=batch.object_boxes_xywh_px[1:]), "boxes for"),
        (replace(batch, image_ids=batch.image_ids[:1]), r"0\.\.0"),
        (replace(batch, detections=Detections(image=d.image, label=d.label + 4, score=d.score)),
         r"0\.\.3"),
        (replace(batch, detections=Detections(image=d.image, label=d.label, score=bad_score)),
         "finite"),
        (replace(batch, object_rles=[]), "both sides"),
    ):  # fmt: skip
        with pytest.raises(MisshapenArrays, match=fragment):
            new_state(4, engine=engine).add(bad)
    with pytest.raises(MisshapenArrays, match="no engine 'coco'"):
        new_state(4, engine="coco")
