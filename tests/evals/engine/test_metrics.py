import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from evals.engine.errors import MisshapenArrays
from evals.engine.events import (
    Counts,
    class_counts,
    image_cells,
    image_counts,
    image_counts_by_confidence,
    join_events,
    pack_events,
    total_counts,
    total_events,
    unpack_events,
)
from evals.engine.kinds.classification import multi_label_events, single_label_events
from evals.engine.kinds.segmentation import (
    intersection_over_union,
    layers,
    mean_iou,
    paint,
    pixel_events,
)
from evals.engine.metrics import (
    SWEEP_KEYS,
    Score,
    class_rows,
    image_scores,
    scores_of,
    sweep,
)
from evals.engine.precision.tables import ClassPrecision
from predictions.regions.geometry import mask_rle
from tests.evals.engine.box_events import box_match_events
from tests.evals.engine.matrices import confusion_matrix, sparse

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_matching.json").read_text())
CASES = {case["id"]: case for case in (*GOLDEN["cases"], *GOLDEN["extras"])}


def counts(tp, kept, objects):
    return Counts(np.array(tp), np.array(kept), np.array(objects))


def golden_events(case, scene_from_rows):
    objects, detections = [], []
    for index, image in enumerate(case["images"]):
        objects += [(t["bbox"], t["class"], index) for t in image["ground_truth"]]
        detections += [(d["bbox"], d["class"], d["score"], index) for d in image["detections"]]
    scene = scene_from_rows(objects, detections, n_images=len(case["images"]), n_classes=2)
    return box_match_events(*scene.arrays, n_classes=2)


def sweep_of(events, n_classes):
    return sweep(
        total_counts(events, n_classes=n_classes), class_counts(events, n_classes=n_classes)
    )


def approximately(precision, recall, f1):
    return Score(*(pytest.approx(value, abs=1e-12) for value in (precision, recall, f1)))


def test_golden_empty_images_score_one_only_when_silent(scene_from_rows):
    case = CASES["g10"]
    events = golden_events(case, scene_from_rows)
    scores = image_scores(image_counts(events, 50, n_images=4, n_classes=2))
    for index, image in enumerate(case["images"]):
        expected = case["expect_image_metrics"]["0.50"][image["id"]]
        assert scores.at(index) == Score(*(expected[n] for n in ("precision", "recall", "f1")))
    overall = scores_of(total_counts(events, n_classes=2)).at(50)
    assert overall == Score(**case["expect_metrics"]["0.50"])


def test_golden_sweep_and_optimum(scene_from_rows):
    case = CASES["g12"]
    result = sweep_of(golden_events(case, scene_from_rows), 2)
    for key, expected in case["expect_sweep"].items():
        assert result.micro.scores.at(SWEEP_KEYS.index(key)) == Score(**expected)
    optimal = case["expect_optimal"]
    assert result.micro.optimal_threshold == optimal["threshold"]
    assert result.micro.optimal.f1 == optimal["f1"]
    assert list(result.micro.plateau) == optimal["plateau"]
    cat, dog = result.per_class
    assert cat.optimal_threshold == optimal["per_class"]["cat"]["threshold"]
    assert cat.optimal.f1 == optimal["per_class"]["cat"]["f1"]
    assert dog.optimal_threshold == optimal["per_class"]["dog"]["threshold"]
    assert dog.optimal == Score(0, 0, 0)
    # Only cat has objects, so the macro curve is cat's.
    assert np.array_equal(result.macro.scores.f1, cat.scores.f1)


def test_sweep_has_a_hundred_keys(make_scene):
    assert (len(SWEEP_KEYS), SWEEP_KEYS[0], SWEEP_KEYS[57], SWEEP_KEYS[-1]) == (
        100,
        "0.00",
        "0.57",
        "0.99",
    )
    scene = make_scene("ordinary", seed=2)
    result = sweep_of(box_match_events(*scene.arrays, n_classes=4), 4)
    assert result.micro.scores.f1.shape == (100,)
    assert len(result.per_class) == 4


def test_optimum_ignores_full_confidence():
    # Clients read 100 keys; an F1 that only 1.00 reaches is on none of them.
    tp = np.zeros(101, int)
    tp[100] = 1
    result = sweep(
        counts(tp, tp, np.ones(101, int)), counts(tp[:, None], tp[:, None], np.ones((101, 1), int))
    )
    assert result.micro.optimal_threshold == 0.5


def test_macro_is_the_mean_over_classes_with_objects(make_scene):
    scene = make_scene("crowded", seed=12, n_classes=3)
    # A fourth class is never annotated and a fifth nowhere at all.
    events = box_match_events(*scene.arrays, n_classes=5)
    result = sweep_of(events, 5)
    for k in (0, 31, 64):
        matrix = confusion_matrix(events, k, n_classes=5)
        f1 = []
        for c in range(3):
            tp, kept, objects = matrix[c, c], matrix[:, c].sum(), matrix[c].sum()
            f1.append(2 * tp / (kept + objects))
        assert result.macro.scores.f1[k] == pytest.approx(np.mean(f1), abs=1e-12)
    assert result.per_class[4].optimal_threshold == 0.5
    assert result.per_class[4].optimal == Score(0, 0, 0)


def test_micro_sweep_adds_up_with_images_and_matrix(make_scene):
    scene = make_scene("crowded", seed=13)
    events = box_match_events(*scene.arrays, n_classes=4)
    micro = sweep_of(events, 4).micro.scores
    images = image_counts_by_confidence(events, n_images=scene.n_images, n_classes=4)
    for k in (0, 20, 57, 99):
        matrix = confusion_matrix(events, k, n_classes=4)
        tp, kept = matrix.diagonal()[:-1].sum(), matrix[:, :-1].sum()
        assert micro.precision[k] == tp / kept
        assert micro.recall[k] == tp / matrix[:-1].sum()
        assert (images.tp[k].sum(), images.kept[k].sum()) == (tp, kept)


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=8))
def test_f1_is_the_harmonic_mean(rows):
    tp, fp, fn = np.array(rows).T
    scores = scores_of(Counts(tp, tp + fp, tp + fn))
    total = scores.precision + scores.recall
    harmonic = np.divide(
        2 * scores.precision * scores.recall, total, out=np.zeros(len(rows)), where=total > 0
    )
    assert np.allclose(scores.f1, harmonic, atol=1e-12)
    assert ((scores.f1 >= 0) & (scores.f1 <= 1)).all()


def test_image_scores_are_rounded_to_three_decimals():
    # The published example: 2 true positives and 7 false positives.
    assert image_scores(counts([2], [9], [2])).at(0) == Score(0.222, 1.0, 0.364)


def test_equal_f1_is_exactly_equal_along_a_plateau():
    # 2/3 and 4/6 and 14/21: the same F1 from other counts must not win by its last bit.
    tp = np.zeros(101, int)
    tp[[10, 20, 30]] = [7, 2, 1]
    kept = np.zeros(101, int)
    kept[[10, 20, 30]] = [11, 2, 1]
    objects = np.full(101, 0)
    objects[[10, 20, 30]] = [10, 4, 2]
    one = sweep(counts(tp, kept, objects), counts(tp[:, None], kept[:, None], objects[:, None]))
    assert one.micro.optimal_threshold == 0.1


def test_class_rows_join_ap_and_optimum(scene_from_rows):
    curves = sweep_of(golden_events(CASES["g12"], scene_from_rows), 2).per_class
    absent = {"small": None, "medium": None, "large": None}
    precisions = [ClassPrecision(0.8, 0.7, 0.75, absent), ClassPrecision(None, None, None, absent)]
    cat, dog = class_rows(curves, precisions)
    assert (cat.label, cat.map50, cat.map50_95, cat.map75) == (0, 0.8, 0.7, 0.75)
    assert (cat.optimal_threshold, cat.score.recall) == (0.0, 1.0)
    assert (dog.map50, dog.score, dog.optimal_threshold) == (None, Score(0, 0, 0), 0.5)


# Classification


def golden_single_label():
    images = CASES["x01"]["images"]
    columns = ([image[key] for image in images] for key in ("label", "pred", "score"))
    return single_label_events(*columns, n_classes=3)


@pytest.mark.parametrize("confidence", CASES["x01"]["expect"])
def test_golden_single_label(confidence):
    assert_golden_labels(golden_single_label(), CASES["x01"]["expect"][confidence], confidence)


@pytest.mark.parametrize("confidence", CASES["x02"]["expect"])
def test_golden_multi_label(confidence):
    images = CASES["x02"]["images"]
    events = multi_label_events(
        [i["labels"] for i in images], [i["preds"] for i in images], n_classes=3
    )
    assert_golden_labels(events, CASES["x02"]["expect"][confidence], confidence)


def assert_golden_labels(events, expected, confidence):
    percent = round(100 * float(confidence))
    totals = total_counts(events, n_classes=3)
    assert totals.tp[percent] == expected["tp"]
    assert totals.fp[percent] == expected["fp"]
    assert totals.fn[percent] == expected["fn"]
    assert image_cells(total_events(events), percent).triples(1) == [expected["confusion"]]


def test_single_label_equals_scikit_learn():
    r = np.random.default_rng(3)
    truth, called, score = r.integers(0, 5, 400), r.integers(0, 5, 400), r.random(400).round(2)
    called = np.where(r.random(400) < 0.6, truth, called)
    events = single_label_events(truth, called, score, n_classes=5)
    images = image_counts_by_confidence(events, n_images=400, n_classes=5)
    curves = sweep_of(events, 5)
    for k in range(0, 100, 9):
        seen = np.where(score >= k / 100, called, 5)
        matrix = confusion_matrix(events, k, n_classes=5)
        assert np.array_equal(matrix, sk.confusion_matrix(truth, seen, labels=range(6)))
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, seen, labels=range(5), average="macro", zero_division=0
        )
        assert curves.macro.scores.at(k) == approximately(precision, recall, f1)
        assert (images.fp[k] + images.fn[k] == 0).mean() == sk.accuracy_score(truth, seen)


def test_multi_label_equals_scikit_learn():
    r = np.random.default_rng(5)
    truth = r.random((150, 4)) < 0.3
    scores = np.where(r.random((150, 4)) < 0.6, r.random((150, 4)).round(2), np.nan)
    events = multi_label_events(
        [np.flatnonzero(row).tolist() for row in truth],
        [[(c, s) for c, s in enumerate(row) if s == s] for row in scores.tolist()],
        n_classes=4,
    )
    images = image_counts_by_confidence(events, n_images=150, n_classes=4)
    micro = sweep_of(events, 4).micro.scores
    for k in range(0, 100, 9):
        seen = np.nan_to_num(scores, nan=-1) >= k / 100
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, seen, average="micro", zero_division=0
        )
        assert micro.at(k) == approximately(precision, recall, f1)
        assert (images.fp[k] + images.fn[k] == 0).mean() == sk.accuracy_score(truth, seen)
        matrix = confusion_matrix(events, k, n_classes=4)
        for c, ((_, fp), (fn, tp)) in enumerate(sk.multilabel_confusion_matrix(truth, seen)):
            assert (matrix[c, c], matrix[4, c], matrix[c, 4]) == (tp, fp, fn)


def test_images_without_labels():
    events = single_label_events([-1, 0, -1], [1, -1, -1], [0.4, 0.9, 0.9], n_classes=2)
    assert image_cells(events, 20).triples(3) == [[[2, 1, 1]], [[0, 2, 1]], []]
    assert image_cells(events, 50).triples(3) == [[], [[0, 2, 1]], []]
    assert len(single_label_events([], [], [], n_classes=2)) == 0
    assert len(multi_label_events([[]], [[]], n_classes=2)) == 0


def test_a_label_predicted_twice_counts_once_with_its_highest_score():
    events = multi_label_events([[1]], [[(1, 0.8), (1, 0.3)]], n_classes=2)
    assert image_cells(events, 80).triples(1) == [[[1, 1, 1]]]
    assert image_cells(events, 20).triples(1) == [[[1, 1, 1]]]


def test_misshapen_labels_are_refused():
    with pytest.raises(MisshapenArrays, match=r"0\.\.1"):
        single_label_events([2], [0], [1.0], n_classes=2)
    with pytest.raises(MisshapenArrays, match="1 labels, 2 predictions"):
        single_label_events([0], [0, 1], [1.0, 1.0], n_classes=2)
    with pytest.raises(MisshapenArrays, match=r"0\.\.1"):
        multi_label_events([[0]], [[(-1, 0.5)]], n_classes=2)
    with pytest.raises(MisshapenArrays, match="1 images with labels, 0"):
        multi_label_events([[0]], [], n_classes=2)


# Semantic segmentation


def test_golden_pixels():
    case = CASES["x03"]
    events = pixel_events(case["gt"], case["pred"], n_classes=2)
    matrix = confusion_matrix(events, 50, n_classes=2)
    expected = case["expect"]
    assert matrix.tolist() == expected["matrix"]
    assert intersection_over_union(sparse(matrix)) == list(expected["iou"].values())
    assert mean_iou(intersection_over_union(sparse(matrix))) == pytest.approx(
        expected["mIoU"], abs=1e-12
    )
    scores = scores_of(class_counts(events, n_classes=2))
    assert scores.precision[50].tolist() == list(expected["pixel_precision"].values())
    assert scores.recall[50].tolist() == list(expected["pixel_recall"].values())


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.int64, (6, 7), elements=st.integers(0, 3)),
    arrays(np.int64, (6, 7), elements=st.integers(0, 3)),
    arrays(np.float64, (6, 7), elements=st.floats(-0.1, 1.1)),
)
def test_pixels_equal_counting_them_at_each_confidence(truth, predicted, scores):
    events = pixel_events(truth, predicted, scores, n_classes=3)
    for k in (0, 29, 50, 100):
        seen = np.where(scores >= k / 100, predicted, 3)
        expected = sk.confusion_matrix(truth.ravel(), seen.ravel(), labels=range(4))
        assert np.array_equal(confusion_matrix(events, k, n_classes=3), expected)
    (blob,) = pack_events(events, 1)
    assert np.array_equal(
        confusion_matrix(unpack_events([blob]), 50, n_classes=3),
        confusion_matrix(events, 50, n_classes=3),
    )


def test_pixels_of_very_many_classes_are_counted_alike(monkeypatch):
    r = np.random.default_rng(8)
    truth, predicted = r.integers(0, 4, (2, 30, 20))
    scores = r.random((30, 20))
    by_table = pixel_events(truth, predicted, scores, n_classes=3)
    monkeypatch.setattr("evals.engine.kinds.segmentation.LARGEST_TABLE", 1)
    by_sorting = pixel_events(truth, predicted, scores, n_classes=3)
    assert pack_events(by_sorting, 1) == pack_events(by_table, 1)


def test_pixel_sums_run_over_the_split():
    maps = [np.zeros((300, 200), int), np.ones((300, 200), int)]
    parts = [pixel_events(m, maps[0], n_classes=2, image=i) for i, m in enumerate(maps)]
    both = total_events(join_events(parts))
    matrix = confusion_matrix(both, 0, n_classes=2)
    assert matrix.tolist() == [[60_000, 0, 0], [60_000, 0, 0], [0, 0, 0]]
    assert intersection_over_union(sparse(matrix)) == [0.5, 0.0]
    assert mean_iou(intersection_over_union(sparse(matrix))) == 0.25


def test_a_class_on_neither_side_has_no_iou():
    matrix = np.array([[3, 0, 0], [0, 0, 0], [0, 0, 9]])
    assert intersection_over_union(sparse(matrix)) == [1.0, None]
    assert mean_iou(intersection_over_union(sparse(matrix))) == 1.0
    assert mean_iou(intersection_over_union(sparse(np.zeros((3, 3), int)))) is None


def test_misshapen_label_maps_are_refused():
    with pytest.raises(MisshapenArrays, match=r"\(1, 2\)"):
        pixel_events([[0, 0]], [[0]], n_classes=1)
    with pytest.raises(MisshapenArrays, match=r"0\.\.1"):
        pixel_events([[0]], [[2]], n_classes=1)


def test_painting_gives_each_pixel_its_highest_scored_region():
    left, middle = np.zeros((1, 4), bool), np.zeros((1, 4), bool)
    left[0, :2] = middle[0, 1:3] = True
    rles = [mask_rle(left), mask_rle(middle)]
    size = {"width_px": 4, "height_px": 1}
    raster = {"n_classes": 7, "height_px": 1}
    scored = layers(rles, [5, 6], [0.9, 0.4], **size)
    label_map, score_map = paint(scored, range(4), **raster)
    assert label_map.tolist() == [[5, 5, 6, 7]]
    assert score_map.tolist() == [[0.9, 0.9, 0.4, 1.0]]
    later_wins, _ = paint(layers(rles, [5, 6], **size), range(4), **raster)
    assert later_wins.tolist() == [[5, 6, 6, 7]]
    nothing, _ = paint([], range(4), **raster)
    assert nothing.tolist() == [[7, 7, 7, 7]]
    with pytest.raises(MisshapenArrays, match=r"\[1, 4\]"):
        layers(rles, [5, 6], width_px=5, height_px=1)


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.booleans()))
def test_painting_stripe_by_stripe_is_painting_at_once(mask):
    height, width = mask.shape
    regions = layers([mask_rle(mask)], [0], width_px=width, height_px=height)
    raster = {"n_classes": 1, "height_px": height}
    columns = [paint(regions, range(n, n + 1), **raster)[0] for n in range(width)]
    assert np.array_equal(np.concatenate(columns, axis=1), np.where(mask, 0, 1))
    assert np.array_equal(paint(regions, range(width), **raster)[0], np.where(mask, 0, 1))
