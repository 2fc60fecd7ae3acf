import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.engine.class_events import report_events
from evals.engine.errors import MisshapenArrays, UnknownRule, UnreadableEvents
from evals.engine.events import (
    CONFIDENCES,
    Cells,
    class_counts,
    confidence_bins,
    image_cells,
    image_counts,
    image_counts_by_confidence,
    join_events,
    make_events,
    pack_events,
    total_counts,
    total_events,
    unpack_events,
)
from evals.engine.kinds.classification import image_verdicts
from evals.engine.matching import (
    Definition,
    Detections,
    Objects,
    Rule,
    Verdict,
    box_pairs,
    join_pairs,
    match_events,
    matrix_pairs,
    object_verdicts,
)
from evals.engine.overlaps.shapes import box_iou, rle_iou
from predictions.regions.geometry import mask_rle
from tests.evals.engine.box_events import box_match_events
from tests.evals.engine.matrices import confusion_matrix

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_matching.json").read_text())
KINDS = ["ordinary", "crowded", "tied"]

# Which column of the golden file each definition stands for; COCO and FiftyOne include IoU 0.5.
GOLDEN_DEFINITIONS = {
    "supervision": Definition(),
    "coco": Definition(rule=Rule.SCORE_CLASS_AWARE, inclusive=True),
    "class_agnostic_by_score": Definition(rule=Rule.SCORE_CLASS_AGNOSTIC, inclusive=True),
}


def events_of(scene, definition=None):
    return box_match_events(*scene.arrays, n_classes=scene.n_classes, definition=definition)


def golden_scene(case, scene_from_rows, *, step=1):
    objects, detections = [], []
    for index, image in enumerate(case["images"]):
        objects += [(t["bbox"], t["class"], index) for t in image["ground_truth"]]
        rows = [(d["bbox"], d["class"], d["score"], index) for d in image["detections"]]
        detections += rows[::step]
    n_images, n_classes = len(case["images"]), len(case["classes"])
    return scene_from_rows(objects, detections, n_images=n_images, n_classes=n_classes)


def golden_cases():
    for case in GOLDEN["cases"]:
        for key, step in (("expect", 1), ("expect_reversed", -1)):
            for confidence, columns in case.get(key, {}).items():
                for column in GOLDEN_DEFINITIONS:
                    yield pytest.param(
                        case, step, confidence, column, columns[column],
                        id=f"{case['id']}-{key}-{confidence}-{column}",
                    )  # fmt: skip


@pytest.mark.parametrize(("case", "step", "confidence", "column", "expected"), list(golden_cases()))
def test_golden_case(case, step, confidence, column, expected, scene_from_rows):
    scene = golden_scene(case, scene_from_rows, step=step)
    percent = round(100 * float(confidence))
    events = events_of(scene, GOLDEN_DEFINITIONS[column])

    counts = total_counts(events, n_classes=scene.n_classes)
    assert (counts.tp[percent], counts.fp[percent], counts.fn[percent]) == (
        expected["tp"],
        expected["fp"],
        expected["fn"],
    )
    assert image_cells(total_events(events), percent).triples(1) == [expected["confusion"]]


def test_golden_images_are_counted_one_by_one(scene_from_rows):
    case = next(c for c in GOLDEN["cases"] if c["id"] == "g10")
    events = events_of(golden_scene(case, scene_from_rows))
    for confidence, images in case["expect_images"].items():
        percent = round(100 * float(confidence))
        counts = image_counts(events, percent, n_images=4, n_classes=2)
        triples = image_cells(events, percent).triples(4)
        for index, image in enumerate(case["images"]):
            expected = images[image["id"]]
            assert triples[index] == expected["confusion"]
            assert counts.tp[index] == expected["tp"]
            assert counts.fp[index] == expected["fp"]
            assert counts.fn[index] == expected["fn"]


@pytest.mark.parametrize("confidence", ["0.50", "0.70"])
@pytest.mark.parametrize("column", GOLDEN_DEFINITIONS)
def test_golden_duplicate_names_the_true_positive(column, confidence, scene_from_rows):
    case = next(c for c in GOLDEN["cases"] if c["id"] == "g04")
    scene = golden_scene(case, scene_from_rows)
    truths, _ = image_verdicts(
        scene.objects.label,
        scene.detections.label,
        scene.detections.score,
        box_iou(scene.detection_boxes, scene.object_boxes),
        round(100 * float(confidence)),
        definition=GOLDEN_DEFINITIONS[column],
    )
    assert truths[0].matched == case["tp_detection_index"][confidence][column]


@pytest.mark.parametrize("kind", KINDS)
def test_equals_supervision_at_every_confidence(kind, make_scene):
    sv = pytest.importorskip("supervision")
    scene = make_scene(kind, seed=11, n_images=25)
    events = events_of(scene)
    objects = np.column_stack([xyxy(scene.object_boxes), scene.objects.label])
    detections = np.column_stack(
        [xyxy(scene.detection_boxes), scene.detections.label, scene.detections.score]
    )
    for percent in range(101):
        expected = sum(
            sv.ConfusionMatrix.evaluate_detection_batch(
                predictions=detections[scene.detections.image == image],
                targets=objects[scene.objects.image == image],
                num_classes=scene.n_classes,
                conf_threshold=percent / 100,
                iou_threshold=0.5,
            )
            for image in range(scene.n_images)
        )
        ours = confusion_matrix(events, percent, n_classes=scene.n_classes)
        assert np.array_equal(ours, expected), percent


def xyxy(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def test_masks_equal_supervision():
    sv = pytest.importorskip("supervision")
    from supervision.metrics import MetricTarget

    r = np.random.default_rng(17)
    masks = np.zeros((9, 40, 50), bool)
    for mask in masks:
        x, y = r.integers(0, 20, 2)
        mask[y : y + r.integers(8, 20), x : x + r.integers(8, 25)] = True
    found = np.concatenate([np.roll(masks, shift, axis=2) for shift in (0, 1, 3)])
    labels, called = np.arange(9) % 3, np.concatenate([np.arange(9) % 3, r.integers(0, 3, 18)])
    scores = r.random(27)
    iou = rle_iou([mask_rle(m) for m in found], [mask_rle(m) for m in masks])
    objects = Objects(image=np.zeros(9, int), label=labels)
    detections = Detections(image=np.zeros(27, int), label=called, score=scores)
    events = match_events(objects, detections, matrix_pairs(iou), n_classes=3)
    for percent in range(0, 101, 4):
        expected = sv.ConfusionMatrix.from_detections(
            predictions=[
                sv.Detections(
                    xyxy=sv.mask_to_xyxy(found), mask=found, class_id=called, confidence=scores
                )
            ],
            targets=[sv.Detections(xyxy=sv.mask_to_xyxy(masks), mask=masks, class_id=labels)],
            classes=["a", "b", "c"],
            conf_threshold=percent / 100,
            metric_target=MetricTarget.MASKS,
        )
        assert np.array_equal(confusion_matrix(events, percent, n_classes=3), expected.matrix)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("inclusive", [False, True])
def test_equals_the_greedy_matching_of_every_confidence(kind, rule, inclusive, make_scene):
    scene = make_scene(kind, seed=3, n_images=12)
    definition = Definition(rule=rule, inclusive=inclusive)
    events = events_of(scene, definition)
    for percent in range(0, 101, 3):
        expected = sum(
            greedy_matrix(scene.image(image), percent / 100, rule, inclusive)
            for image in range(scene.n_images)
        )
        ours = confusion_matrix(events, percent, n_classes=scene.n_classes)
        assert np.array_equal(ours, expected), percent


def greedy_matrix(scene, confidence, rule, inclusive):
    """The definition word by word: filter, list all pairs, sort, take the best free pair."""
    iou = box_iou(scene.detection_boxes, scene.object_boxes)
    truth, label, score = scene.objects.label, scene.detections.label, scene.detections.score
    kept = [d for d in range(len(label)) if score[d] >= confidence]
    pairs = [
        (d, t)
        for d in kept
        for t in range(len(truth))
        if (iou[d, t] >= 0.5 if inclusive else iou[d, t] > 0.5)
    ]
    keys = {
        Rule.IOU_CLASS_FIRST: lambda d, t: (truth[t] != label[d], -iou[d, t], t, d),
        Rule.SCORE_CLASS_AWARE: lambda d, t: (-score[d], d, -iou[d, t], -t),
        Rule.SCORE_CLASS_AGNOSTIC: lambda d, t: (-score[d], d, -iou[d, t], t),
    }
    matrix = np.zeros((scene.n_classes + 1,) * 2, int)
    free, waiting = set(range(len(truth))), set(kept)
    for d, t in sorted(pairs, key=lambda pair: keys[rule](*pair)):
        allowed = rule != Rule.SCORE_CLASS_AWARE or truth[t] == label[d]
        if d in waiting and t in free and allowed:
            matrix[truth[t], label[d]] += 1
            waiting.remove(d)
            free.remove(t)
    for t in free:
        matrix[truth[t], -1] += 1
    for d in waiting:
        matrix[-1, label[d]] += 1
    return matrix


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_add_up_to_the_counts(kind, make_scene):
    scene = make_scene(kind, seed=5, n_images=10)
    events = events_of(scene)
    for percent in (0, 20, 29, 57, 90, 100):
        counts = image_counts(events, percent, n_images=10, n_classes=scene.n_classes)
        triples = image_cells(events, percent).triples(10)
        for index in range(10):
            one = scene.image(index)
            iou = box_iou(one.detection_boxes, one.object_boxes)
            truths, found = image_verdicts(
                one.objects.label, one.detections.label, one.detections.score, iou, percent
            )
            kept = [v for v in found if v is not None]
            tp = sum(v.verdict is Verdict.TRUE_POSITIVE for v in kept)
            wrong = sum(v.verdict is Verdict.WRONG_CLASS for v in kept)
            assert tp == counts.tp[index]
            assert len(kept) == counts.kept[index]
            assert len(truths) == counts.objects[index]
            crossed = [n for a, p, n in triples[index] if a != p and max(a, p) < scene.n_classes]
            assert wrong == sum(crossed)
            for t, truth in enumerate(truths):
                if truth.matched is not None:
                    assert found[truth.matched].matched == t
                    assert found[truth.matched].iou == truth.iou == iou[truth.matched, t]


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("kind", KINDS)
def test_images_together_have_the_verdicts_of_each_alone(kind, rule, make_scene):
    scene = make_scene(kind, seed=6, n_images=10)
    definition = Definition(rule=rule)
    pairs = box_pairs(scene.objects, scene.object_boxes, scene.detections, scene.detection_boxes)
    together = object_verdicts(scene.objects, scene.detections, pairs, 29, definition=definition)
    alone = [], []
    for one in map(scene.image, range(10)):
        iou = box_iou(one.detection_boxes, one.object_boxes)
        labels, detected, scores = one.objects.label, one.detections.label, one.detections.score
        sides = image_verdicts(labels, detected, scores, iou, 29, definition=definition)
        for mine, side in zip(alone, sides, strict=True):
            mine.extend(side)
    assert together == alone


def test_verdicts_of_a_wrong_class_and_a_detection_below_the_confidence():
    truths, found = image_verdicts([0, 1], [1, 1, 0], [0.9, 0.1, 0.8], np.eye(3, 2) * 0.8, 50)
    assert [t.verdict for t in truths] == [Verdict.WRONG_CLASS, Verdict.FALSE_NEGATIVE]
    assert truths[0].matched == 0
    assert truths[0].iou == 0.8
    assert found[0].verdict is Verdict.WRONG_CLASS
    assert found[1] is None
    assert found[2].verdict is Verdict.FALSE_POSITIVE
    assert found[2].matched is None


@pytest.mark.parametrize(
    ("rule", "matched"),
    [(Rule.SCORE_CLASS_AWARE, 1), (Rule.SCORE_CLASS_AGNOSTIC, 0), (Rule.IOU_CLASS_FIRST, 0)],
)
def test_equal_overlaps_go_to_the_object_the_rule_says(rule, matched):
    # pycocotools lets a later object of equal IoU replace an earlier one.
    iou = np.array([[0.8, 0.8]])
    _, found = image_verdicts([0, 0], [0], [0.9], iou, 0, definition=Definition(rule=rule))
    assert found[0].matched == matched


scenes: st.SearchStrategy[dict] = st.builds(
    dict,
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10_000),
    n_images=st.integers(1, 5),
)


@settings(max_examples=60, deadline=None)
@given(which=scenes, rule=st.sampled_from(list(Rule)))
def test_counts_add_up_and_never_fall_with_the_threshold(make_scene, which, rule):
    scene = make_scene(**which)
    events = events_of(scene, Definition(rule=rule))
    counts = image_counts_by_confidence(events, n_images=scene.n_images, n_classes=scene.n_classes)
    bins = np.arange(101)[:, None] / 100
    for image in range(scene.n_images):
        scores = scene.detections.score[scene.detections.image == image]
        n_objects = (scene.objects.image == image).sum()
        assert np.array_equal(counts.tp[:, image] + counts.fp[:, image], (scores >= bins).sum(1))
        assert (counts.tp[:, image] + counts.fn[:, image] == n_objects).all()
    assert (np.diff(counts.tp, axis=0) <= 0).all()

    cubes = np.array([confusion_matrix(events, k, n_classes=scene.n_classes) for k in range(101)])
    matches = cubes[:, :-1, :-1].sum(axis=(1, 2))
    assert (np.diff(matches) <= 0).all()
    assert (np.diff(cubes.diagonal(axis1=1, axis2=2), axis=0) <= 0).all()
    assert (cubes >= 0).all()


@settings(max_examples=40, deadline=None)
@given(which=scenes, order=st.randoms(use_true_random=False))
def test_permuting_images_permutes_the_counts(make_scene, scene_from_rows, which, order):
    scene = make_scene(**which)
    places = list(range(scene.n_images))
    order.shuffle(places)
    ones = [scene.image(old) for old in places]
    shuffled = join_events(
        [
            make_events(new, e.bin, e.actual, e.predicted, e.delta)
            for new, e in enumerate(map(events_of, ones))
        ]
    )
    whole = events_of(scene)
    assert same(total_events(shuffled), total_events(whole))
    before = pack_events(whole, scene.n_images)
    assert pack_events(shuffled, scene.n_images) == [before[old] for old in places]


def same(events, others):
    names = ("image", "bin", "actual", "predicted", "delta")
    return all(np.array_equal(getattr(events, n), getattr(others, n)) for n in names)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 100),
            st.one_of(st.integers(0, 3), st.integers(0, 65535)),
            st.one_of(st.integers(0, 255), st.integers(0, 65535)),
            st.one_of(st.integers(-200, 200), st.integers(-(2**40), 2**40)),
        )
    )
)
def test_pack_and_unpack_are_inverse(rows):
    events = make_events(*(np.array(rows, int).reshape(-1, 5).T))
    blobs = pack_events(events, 5)
    assert same(unpack_events(blobs), events)
    sums = {}
    for *cell, delta in rows:
        sums[tuple(cell)] = sums.get(tuple(cell), 0) + delta
    kept = {cell: n for cell, n in sums.items() if n}
    usual = 4 if all(max(classes) <= 255 for _, _, *classes in kept) else 6
    for image, blob in enumerate(blobs):
        mine = [n for cell, n in kept.items() if cell[0] == image]
        small = all(-128 <= n <= 127 for n in mine)
        assert len(blob) == 1 + len(mine) * (usual if small else 13)


def test_packed_bytes_are_the_documented_ones():
    events = make_events([0, 2], [37, 100], [1, 258], [3, 2], [-1, 300])
    assert pack_events(events, 3) == [
        bytes([1, 37, 1, 0, 3, 0, 255]),
        bytes([1]),
        bytes([2, 100, 2, 1, 2, 0, 44, 1, 0, 0, 0, 0, 0, 0]),
    ]


@pytest.mark.parametrize("blob", [b"", b"\x07", b"\x01\x00\x00", b"\x02" + bytes(6)])
def test_unreadable_blobs_are_named(blob):
    with pytest.raises(UnreadableEvents, match="blob 1"):
        unpack_events([b"\x01", memoryview(blob)])


def test_classes_beyond_the_format_are_refused():
    with pytest.raises(MisshapenArrays, match="65535"):
        pack_events(make_events(0, 1, 65536, 0, 1), 1)


def test_events_of_an_image_outside_the_page_are_refused():
    with pytest.raises(MisshapenArrays, match=r"0\.\.1"):
        pack_events(make_events(2, 1, 0, 0, 1), 2)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 100),
        st.dictionaries(
            st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)),
            st.integers(1, 10**6),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_imported_reports_are_read_back_exactly(reports):
    cells = {k: cells_of(report) for k, report in reports.items()}
    events = unpack_events(pack_events(report_events(cells), 3))
    for confidence, report in reports.items():
        triples = image_cells(events, confidence).triples(3)
        assert triples == [
            [[a, p, n] for (i, a, p), n in sorted(report.items()) if i == image]
            for image in range(3)
        ]


def cells_of(report):
    rows = [(*cell, count) for cell, count in sorted(report.items())]
    return Cells(*np.array(rows, int).reshape(-1, 4).T)


def test_reports_beyond_a_percent_are_refused():
    with pytest.raises(MisshapenArrays, match="101"):
        report_events({101: cells_of({})})


@pytest.mark.parametrize("percent", range(101))
def test_a_score_equal_to_the_confidence_is_kept(percent):
    score = float(f"0.{percent:02d}") if percent < 100 else 1.0
    assert confidence_bins([score, np.nextafter(score, -1)]).tolist() == [percent, percent - 1]
    assert CONFIDENCES[percent] == score


def test_scores_outside_the_range():
    assert confidence_bins([-0.5, 1.5]).tolist() == [-1, 100]
    with pytest.raises(MisshapenArrays, match="not a number"):
        confidence_bins([np.nan])


def test_detections_below_every_confidence_change_nothing(scene_from_rows):
    box = (0, 0, 10, 10)
    with_it = scene_from_rows([(box, 0, 0)], [(box, 0, -0.1, 0)], n_images=1, n_classes=1)
    without = scene_from_rows([(box, 0, 0)], [], n_images=1, n_classes=1)
    assert same(events_of(with_it), events_of(without))


def test_chunks_add_up_in_any_order(make_scene):
    parts = [make_scene("crowded", seed=seed, n_images=4) for seed in range(3)]
    totals = [total_events(events_of(part)) for part in parts]
    assert same(join_events(totals), join_events(totals[::-1]))
    matrix = sum(confusion_matrix(events_of(p), 30, n_classes=4) for p in parts)
    assert np.array_equal(confusion_matrix(join_events(totals), 30, n_classes=4), matrix)


def test_class_counts_are_rows_and_columns_of_the_matrix(make_scene):
    events = events_of(make_scene("crowded", seed=9))
    counts = class_counts(events, n_classes=4)
    for percent in (0, 33, 100):
        matrix = confusion_matrix(events, percent, n_classes=4)
        assert np.array_equal(counts.tp[percent], matrix.diagonal()[:4])
        assert np.array_equal(counts.kept[percent], matrix[:, :4].sum(axis=0))
        assert np.array_equal(counts.objects[percent], matrix[:4].sum(axis=1))


def test_pairs_in_blocks_are_the_same_pairs(make_scene, monkeypatch):
    scene = make_scene("crowded", seed=2)
    whole = box_pairs(*scene.arrays)
    monkeypatch.setattr("evals.engine.matching.PAIRS_AT_ONCE", 7)
    blocks = box_pairs(*scene.arrays)
    assert np.array_equal(whole.detection, blocks.detection)
    assert np.array_equal(whole.object, blocks.object)
    assert np.array_equal(whole.iou, blocks.iou)


def test_pairs_from_matrices_match_as_pairs_from_boxes(make_scene):
    scene = make_scene("crowded", seed=8, n_images=6)
    parts, first_detection, first_object = [], 0, 0
    for index in range(6):
        one = scene.image(index)
        iou = box_iou(one.detection_boxes, one.object_boxes)
        parts.append(matrix_pairs(iou, first_detection=first_detection, first_object=first_object))
        first_detection += len(one.detections)
        first_object += len(one.objects)
    events = match_events(scene.objects, scene.detections, join_pairs(parts), n_classes=4)
    assert same(events, events_of(scene))


def test_nothing_gives_no_events(scene_from_rows):
    events = events_of(scene_from_rows([], [], n_images=3, n_classes=2))
    assert len(events) == 0
    assert pack_events(events, 3) == [b"\x03"] * 3
    assert image_cells(unpack_events([b"\x01"] * 3), 20).triples(3) == [[], [], []]
    assert len(unpack_events([])) == 0
    assert confusion_matrix(events, 20, n_classes=2).sum() == 0


@pytest.mark.parametrize(
    ("images", "labels", "fragment"),
    [([1, 0], [0, 0], "sorted"), ([0, 0], [0, 2], r"0\.\.1"), ([0], [0, 1], "1 images for 2")],
)
def test_disordered_objects_are_refused(images, labels, fragment):
    objects = Objects(image=np.array(images), label=np.array(labels))
    nothing = np.zeros(0, int)
    detections = Detections(image=nothing, label=nothing, score=np.zeros(0))
    with pytest.raises(MisshapenArrays, match=fragment):
        match_events(objects, detections, join_pairs([]), n_classes=2)


def test_unknown_rules_and_limits_are_refused():
    with pytest.raises(UnknownRule, match="best-first"):
        Definition(rule="best-first")
    with pytest.raises(MisshapenArrays, match=r"1\.5"):
        Definition(iou_threshold=1.5)


@pytest.mark.parametrize(
    ("label", "delta", "size"),
    [(255, 127, 1 + 4), (256, -128, 1 + 6), (0, 128, 1 + 13), (65535, 10**12, 1 + 13)],
)
def test_records_are_as_wide_as_they_must(label, delta, size):
    events = make_events([0, 1], [20, 100], [label, 0], [0, label], [delta, 1])
    blobs = pack_events(events, 2)
    assert len(blobs[0]) == size
    back = unpack_events(blobs)
    for name in ("image", "bin", "actual", "predicted", "delta"):
        assert (getattr(back, name) == getattr(events, name)).all()
