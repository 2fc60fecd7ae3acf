"""What an image's shapes may cost: hostile ones are refused before they are drawn, real ones never.

Each hostile region here is a few kilobytes, and took seconds and gigabytes when it was drawn.
"""

import math
import tracemalloc

import numpy as np
import pytest

from evals.db.label_config import choose
from evals.db.snapshot.plan import CannotEvaluate, _of_task
from evals.documents.refusals import Refusal
from evals.engine.boxes import StoredImage
from evals.engine.counting import count_images
from evals.engine.errors import TooManyPairs, UnusableRegion
from evals.engine.kinds.classification import label_pairs, label_verdicts
from evals.engine.kinds.kind import Job
from evals.engine.kinds.spans import matched_spans
from evals.engine.matched.intervals import Track, overlapping_pairs
from evals.engine.matched.keypoints import keypoint_pairs
from evals.engine.matching import Definition, Detections, Objects, Verdict, box_pairs
from evals.engine.measures.spans import Spans
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from evals.engine.regions import read_shapes
from predictions.models import Project
from predictions.regions.brush import decode_brush
from predictions.regions.errors import MaskTooLarge, TooMuchToDraw
from predictions.regions.geometry import STEPS_OF_IMAGE, Allowance
from predictions.regions.labels import Reason
from predictions.regions.shapes import region_shape

LARGEST = 65_535


def region(kind, size, **value):
    return {"type": kind, "original_width": size[0], "original_height": size[1], "value": value}


def polygon(points, size, label="cat"):
    return region("polygonlabels", size, points=points, polygonlabels=[label])


def box(size, label="cat"):
    places = {"x": 0, "y": 0, "width": 100, "height": 100}
    return region("rectanglelabels", size, **places, rectanglelabels=[label])


def comb(n_teeth):
    """An outline that goes over the whole image again and again."""
    return [[at * 100 / n_teeth, at % 2 * 100] for at in range(n_teeth)]


def whole_brush(width, height, *, run=65_536):
    """A stream that paints everything, in runs of so many values."""
    n_values, bits = 4 * width * height, []
    for value, length in ((n_values, 32), (7, 5), (2, 4), (3, 4), (7, 4), (15, 4)):
        bits += [value >> at & 1 for at in reversed(range(length))]
    full = [1, 1, 1, *((run - 1) >> at & 1 for at in reversed(range(16))), *[1] * 8]
    runs = np.tile(np.array(full, dtype=np.uint8), n_values // run)
    return np.packbits(np.concatenate([np.array(bits, dtype=np.uint8), runs])).tolist()


HOSTILE = [
    (polygon([[-1000, -1000], [1000, 1000]] * 20, (LARGEST, LARGEST)), TooMuchToDraw),
    (polygon(comb(1000), (20_000, 20_000)), TooMuchToDraw),
    (
        region("ellipse", (LARGEST, LARGEST), x=0, y=0, radiusX=1000, radiusY=1000),
        TooMuchToDraw,
    ),
    (region("brush", (8193, 8193), rle=[0] * 40), MaskTooLarge),
    (polygon([[0, 0], [1, 1], [0, 1]], (LARGEST + 1, 10)), MaskTooLarge),
]


@pytest.mark.parametrize(
    ("hostile", "refusal"), HOSTILE, ids=["far", "comb", "ellipse", "pixels", "side"]
)
def test_hostile_shapes_are_refused_before_they_are_drawn(hostile, refusal):
    tracemalloc.start()
    with pytest.raises(refusal):
        region_shape(hostile)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


def test_a_brush_mask_has_only_so_many_runs():
    """Each a microsecond: a stream of ten megabytes would have kept a thread for half a minute."""
    stream = whole_brush(2048, 2048, run=16)
    with pytest.raises(MaskTooLarge, match="more than 1,000,000 runs"):
        decode_brush(stream, width_px=2048, height_px=2048)


def test_the_largest_brush_mask_is_read_in_little_memory():
    """67 megapixels, all of them painted."""
    painted = region("brush", (8192, 8192), rle=whole_brush(8192, 8192))
    tracemalloc.start()
    shape = region_shape(painted)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shape.box_xywh_px == (0, 0, 8192, 8192)
    assert peak < 350_000_000


def test_an_image_has_an_allowance_and_what_exceeds_it_is_named():
    """Each outline is short enough; a thousand of them are not."""
    teeth = polygon(comb(90), (10_000, 10_000))
    image = StoredImage([{**teeth, "id": str(n)} for n in range(100)], [], None)
    notes = Notes()
    truth, _ = read_shapes([image], ["cat"], all_shapes=True, notes=notes)
    n_read = STEPS_OF_IMAGE // (16 * (90 * 10_000 + 90))
    assert len(truth.image) == n_read
    ignored = notes.ignored[Reason.NO_GEOMETRY, True]
    assert (ignored.regions, ignored.region) == (100 - n_read, str(n_read))


def test_a_page_of_images_has_one_too():
    image = StoredImage([polygon(comb(9), (100, 100))], [], None)
    read_shapes([image] * 3, ["cat"], most_steps=3 * 16 * 1000)
    with pytest.raises(TooMuchToDraw, match="2 of 3 images"):
        read_shapes([image] * 3, ["cat"], most_steps=16 * 1000)


def test_real_images_are_far_below_the_bounds(coco_sample):
    """Every image of the COCO sample takes less than a hundredth of its allowance."""
    truth, _ = coco_sample
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    allowances = {image: Allowance() for image in sizes}
    n_read = 0
    for annotation in truth["annotations"]:
        if annotation["iscrowd"]:
            continue
        size = sizes[annotation["image_id"]]
        for outline in annotation["segmentation"]:
            points = 100 * np.array(outline).reshape(-1, 2) / size
            shape = polygon(points.tolist(), size)
            region_shape(shape, allowance=allowances[annotation["image_id"]])
            n_read += 1
    assert n_read > 800
    assert min(one.left for one in allowances.values()) > 0.99 * STEPS_OF_IMAGE


def test_images_as_full_as_lvis_has_them_are_read_and_compared():
    """800 outlines of 300 corners in 640 x 480, against 300 predicted ones."""
    angles = np.linspace(0, 2 * math.pi, 300, endpoint=False)
    ring = np.stack([3 * np.cos(angles), 4 * np.sin(angles)], axis=1)
    places = np.random.default_rng(1).uniform(5, 95, (800, 2))
    shapes = [polygon((ring + place).round(4).tolist(), (640, 480)) for place in places]
    said = [{**shape, "score": 0.9} for shape in shapes[:300]]
    job = job_of("instance-segmentation", uses_masks=True)
    counted = count_images([StoredImage(shapes, said, None)], [0], job)
    assert counted.canonical.tp.tolist() == [300]
    assert counted.notes.ignored == {}


def job_of(task_type, *, uses_masks=False, classes=("cat",)):
    return Job(
        task_type=task_type,
        classes=list(classes),
        confidence=50,
        definition=Definition(),
        iou_type="segm" if uses_masks else "bbox",
    )


def crowd(n):
    zeros = np.zeros(n, dtype=np.int64)
    boxes = np.tile([0.0, 0.0, 1.0, 1.0], (n, 1))
    return Objects(image=zeros, label=zeros), boxes


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (12_000, "12,000 detections, 12,000 objects"),
        (2100, "more than 4,194,304 pairs overlap"),
    ],
)
def test_an_image_has_only_so_many_pairs(n, message):
    objects, boxes = crowd(n)
    detections = Detections(image=objects.image, label=objects.label, score=np.ones(n))
    with pytest.raises(TooManyPairs, match=message) as refused:
        box_pairs(objects, boxes, detections, boxes)
    assert refused.value.detection < n


HOSTILE_IMAGES = [
    ("object-detection", box, 12_000, "12,000 detections, 12,000 objects"),
    ("instance-segmentation", box, 12_000, "12,000 detections, 12,000 objects"),
    (
        "instance-segmentation",
        lambda size: polygon([[y, x] for x, y in comb(60)], size),
        100,
        "of one image are too many",
    ),
]


@pytest.mark.parametrize(("task_type", "shape", "n", "message"), HOSTILE_IMAGES)
def test_an_image_that_cannot_be_compared_is_named(task_type, shape, n, message):
    good = StoredImage([box((64, 64))], [{**box((64, 64)), "score": 0.9}], None)
    one = shape((2000, 2000))
    hostile = StoredImage([one] * n, [{**one, "score": 0.9}] * n, None)
    job = job_of(task_type, uses_masks=task_type == "instance-segmentation")
    with pytest.raises(UnusableRegion, match=message) as refused:
        count_images([good, hostile], [0, 0], job)
    assert refused.value.image == 1


def test_pixels_of_a_large_image_are_compared_in_little_memory():
    """16 megapixels took 1.5 GB when the maps of the whole image were held."""
    size = (4096, 4096)
    left = [[0, 0], [50, 0], [50, 100], [0, 100]]
    image = StoredImage(
        [polygon(left, size)], [{**polygon(left, size), "score": 0.9}, box(size, "dog")], 0.5
    )
    tracemalloc.start()
    counted = count_images([image], [0], job_of("semantic-segmentation", classes=("cat", "dog")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    half = 4096 * 2048
    assert counted.canonical.tp.tolist() == [half]
    assert (counted.canonical.fp.tolist(), counted.canonical.fn.tolist()) == ([half], [0])
    assert peak < 200_000_000


def test_items_without_extent_have_only_so_many_pairs():
    """All of 3,000 instants, or empty spans, are equal to as many others."""
    n = 3000
    place, score = np.zeros(n, dtype=np.int64), np.ones(n)
    spans = Spans(place, place, place, place)
    with pytest.raises(UnusableRegion, match="pairs overlap"):
        matched_spans(spans, spans, score)
    track = Track(place, np.zeros(n), np.zeros(n), place)
    sides = Objects(image=place, label=place), Detections(image=place, label=place, score=score)
    with pytest.raises(TooManyPairs):
        overlapping_pairs(sides[0], track, sides[1], track)


def test_thousands_of_labels_of_an_image_are_compared_in_little_memory():
    labels = list(range(5000))
    said = [(label, 0.5) for label in reversed(labels)]
    tracemalloc.start()
    pairs = label_pairs(labels, said, is_multi_label=True)
    verdicts = label_verdicts(labels, said, pairs, 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {one.verdict for one in verdicts.truths} == {Verdict.TRUE_POSITIVE}
    assert peak < 20 * 2**20


def test_many_key_points_are_compared_in_little_memory():
    n, n_points = 150, 500
    image = np.zeros(n, dtype=np.int64)
    objects = Objects(image=image, label=image)
    detections = Detections(image=image, label=image, score=np.ones(n))
    points = np.ones((n, n_points, 3))
    tracemalloc.start()
    pairs = keypoint_pairs(objects, points, np.ones(n), detections, points, [0.05] * n_points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pairs.iou) == n * n
    assert peak < 150 * 2**20


def test_only_so_many_key_points_and_images_of_a_task():
    labels = "".join(f'<Label value="{n}"/>' for n in range(501))
    config = (
        '<View><Image name="i" value="$i"/><RectangleLabels name="b" toName="i">'
        f'<Label value="a"/></RectangleLabels><KeyPointLabels name="k" toName="i">{labels}'
        "</KeyPointLabels></View>"
    )
    with pytest.raises(Refusal, match="has 501 key points; up to 500 can be evaluated"):
        choose(Project(label_config=config), task_type="keypoint-detection")
    with pytest.raises(CannotEvaluate, match="Task 7 has 10,001 images, over 10,000"):
        _of_task(Reading(), [("pages",)], (7, 1, None, 0), [10_001], "")
