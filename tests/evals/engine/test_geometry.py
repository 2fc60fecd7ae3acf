import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_studio_sdk.converter import brush as sdk_brush
from label_studio_sdk.converter.utils import convert_annotation_to_yolo_obb
from pycocotools import mask as coco_mask

from evals.engine.matching import Definition, Detections, Objects, box_pairs
from evals.engine.overlaps.shapes import box_iou, rectangle_iou, rle_iou, shape_iou
from predictions.regions.brush import decode_brush
from predictions.regions.errors import (
    CoordinateOutOfRange,
    CorruptRle,
    GeometryError,
    MaskTooLarge,
    MissingCoordinate,
    MissingImageSize,
    TooFewPoints,
    UnsupportedRegion,
)
from predictions.regions.geometry import (
    inside_runs,
    mask_rle,
    pixel_boxes,
    polygon_rle,
    rle_area,
    rle_mask,
    rotated_corners,
    run_lengths,
    shape_rle,
)
from predictions.regions.shapes import region_shape

GOLDEN = json.loads((Path(__file__).parents[1] / "golden_matching.json").read_text())

sides = st.floats(0.01, 200)
boxes = st.lists(st.tuples(sides, sides, sides, sides), min_size=1, max_size=6)


def region(kind="rectanglelabels", size=(200, 100), **value):
    return {"type": kind, "original_width": size[0], "original_height": size[1], "value": value}


def brush_rle(mask):
    """A brush stream written by Label Studio's own encoder, colour differing from alpha."""
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[mask] = (12, 200, 7, 255)
    return sdk_brush.encode_rle(rgba.ravel())


def test_percent_becomes_pixels_to_the_billionth():
    pixels = pixel_boxes([[10, 20, 33.3, 1 / 3]], (640, 480))
    assert pixels.tolist() == [[64.0, 96.0, 213.12, 1.6]]
    assert pixel_boxes([], (640, 480)).shape == (0, 4)
    own_sizes = pixel_boxes([[50, 50, 10, 10]] * 2, [(100, 200), (10, 20)])
    assert own_sizes.tolist() == [[50, 100, 10, 20], [5, 10, 1, 2]]


@pytest.mark.parametrize("size", [(640, 480), (1000, 1000), (1920, 1080), (100, 100), (4000, 6)])
@pytest.mark.parametrize("part", [3, 6, 7, 9, 11, 13])
def test_half_of_a_part_of_the_picture_overlaps_it_by_a_half(size, part):
    width = 100 / part
    whole, half = pixel_boxes([[10, 10, width, 20], [10, 10, width / 2, 20]], size)[:, None]
    objects = Objects(image=np.array([0]), label=np.array([0]))
    detections = Detections(image=np.array([0]), label=np.array([0]), score=np.array([0.9]))
    iou = box_pairs(objects, whole, detections, half).iou
    assert Definition(inclusive=True).admits(iou).tolist() == [True]
    assert Definition(inclusive=False).admits(iou).tolist() == [False]


def test_rectangle_region():
    shape = region_shape(region(x=10, y=20, width=5, height=50, rectanglelabels=["cat"]))
    assert shape.box_xywh_px == (20.0, 20.0, 10.0, 50.0)
    assert shape.rle is None
    assert shape.points_px is None
    assert (shape.width_px, shape.height_px) == (200, 100)


@given(st.tuples(*[st.integers(0, 2000)] * 4), st.tuples(*[st.integers(1, 5000)] * 2))
def test_whole_pixels_survive_the_way_through_per_cent(box, size):
    percent = np.array(box) / np.tile(size, 2) * 100
    assert pixel_boxes(percent, size).tolist() == [list(box)]


@given(st.floats(-360, 360), sides, sides)
def test_rotation_is_the_sdk_s(rotation, width, height):
    value = {"x": 30.0, "y": 40.0, "width": width, "height": height, "rotation": rotation}
    theirs = convert_annotation_to_yolo_obb(
        {**value, "original_width": 640, "original_height": 480}, normalize=False
    )
    box = pixel_boxes([30.0, 40.0, width, height], (640, 480))[0]
    # Pixels are rounded to the billionth, and sides turn with the angle.
    assert np.allclose(rotated_corners(box, rotation), theirs, rtol=0, atol=2e-9)


def test_rotated_rectangle_becomes_a_mask_where_masks_are_compared():
    shape = region_shape(region(x=50, y=50, width=10, height=10, rotation=30))
    assert shape.rle is None
    assert shape.is_turned
    mask = rle_mask(shape_rle(shape))
    assert mask.shape == (100, 200)
    assert shape.points_px[0].tolist() == [100, 50]
    assert mask.sum() == pytest.approx(200, abs=5)


@pytest.mark.parametrize(
    ("rotation", "box"),
    [
        # 20 x 10 pixels at (100, 50), turned clockwise about that corner.
        (90, (90, 50, 10, 20)),
        (-270, (90, 50, 10, 20)),
        (180, (80, 40, 20, 10)),
        (270.0000001, (100, 30, 10, 20)),
    ],
)
def test_a_box_turned_by_quarters_is_a_box(rotation, box):
    shape = region_shape(region(x=50, y=50, width=10, height=10, rotation=rotation))
    assert shape.rle is None
    assert shape.box_xywh_px == box


@pytest.mark.parametrize(
    "rotation", [0, None, 0.0, -0.0, 360, -360, 720, 5e-14, -1e-9, 359.9999999, 360.0001]
)
def test_no_rotation_stays_a_box(rotation):
    shape = region_shape(region(x=1, y=1, width=1, height=1, rotation=rotation))
    assert shape.rle is None
    assert shape.box_xywh_px == (2, 1, 2, 1)


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [(10, 20, 30, 40), (40, 20, -30, 40), (10, 60, 30, -40), (40, 60, -30, -40)],
)
def test_boxes_drawn_upwards_or_to_the_left(x, y, width, height):
    shape = region_shape(region(x=x, y=y, width=width, height=height, rotation=360))
    assert shape.box_xywh_px == (20, 20, 60, 40)


def test_shapes_are_of_the_image_not_of_what_they_tell():
    points = [[10, 10], [60, 10], [60, 60], [10, 60]]
    told = [
        region_shape(region("polygon", size, points=points), (128, 72))
        for size in ((64, 36), (128, 72), (None, 7))
    ]
    assert [shape.box_xywh_px for shape in told] == [told[0].box_xywh_px] * 3
    assert [shape.rle for shape in told] == [told[0].rle] * 3
    assert (told[0].width_px, told[0].height_px) == (128, 72)


@settings(deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 6))), st.integers(1, 4))
def test_a_mask_of_another_raster_is_resampled_by_the_nearest_pixel(mask, times):
    height, width = mask.shape
    painted = region("brush", (width, height), rle=brush_rle(mask))
    larger = np.repeat(np.repeat(mask, times, axis=0), times, axis=1)
    grown = region_shape(painted, (width * times, height * times))
    assert np.array_equal(rle_mask(grown.rle), larger)
    shrunk = region_shape(
        region("brush", larger.shape[::-1], rle=brush_rle(larger)), (width, height)
    )
    assert np.array_equal(rle_mask(shrunk.rle), mask)


@pytest.mark.parametrize(
    "nothing",
    [
        region("polygon", points=[[10, 10], [20, 20]]),
        region("polygon", points=[[10, 10]]),
        region("polygon", points=[]),
        region("brush", rle=[]),
        region("brush", rle=sdk_brush.encode_rle(np.zeros(4 * 200 * 100, np.uint8))),
    ],
)
def test_what_covers_nothing_overlaps_nothing(nothing):
    shape = region_shape(nothing)
    whole = region_shape(region(x=0, y=0, width=100, height=100))
    assert rle_area(shape.rle) == 0
    assert shape_iou([shape], [whole, shape]).tolist() == [[0, 0]]


@pytest.mark.parametrize("rotation", [0, 25, -140])
def test_an_ellipse_covers_what_an_ellipse_covers(rotation):
    value = {"x": 50, "y": 50, "radiusX": 30, "radiusY": 20, "rotation": rotation}
    shape = region_shape(region("ellipselabels", (400, 300), **value))
    down, across = np.mgrid[:300, :400] + 0.5
    angle = math.radians(rotation)
    right, below = across - 200, down - 150
    along = right * math.cos(angle) + below * math.sin(angle)
    beside = below * math.cos(angle) - right * math.sin(angle)
    inside = (along / 120) ** 2 + (beside / 60) ** 2 <= 1
    assert rle_iou([shape.rle], [mask_rle(inside)])[0, 0] > 0.985


def test_polygon_region():
    shape = region_shape(
        region("polygonlabels", points=[[0, 0], [5, 0], [5, 20], [0, 20]], polygonlabels=["a"])
    )
    assert shape.box_xywh_px == (0.0, 0.0, 10.0, 20.0)
    assert shape.points_px.tolist() == [[0, 0], [10, 0], [10, 20], [0, 20]]
    assert rle_area(shape.rle) == 200


def test_golden_triangle_overlaps_its_box_by_pixels():
    case = next(c for c in GOLDEN["extras"] if c["id"] == "x04")
    height, width = case["size"]
    points = np.array(case["polygon"]).reshape(-1, 2)
    percent = (points / [width, height] * 100).tolist()
    x, y, w, h = case["box"]
    triangle = region_shape(region("polygon", (width, height), points=percent))
    square = region_shape(
        region("rectangle", (width, height), x=x, y=y, width=w * 10, height=h * 10)
    )
    expected = case["expect"]["raster_iou"]
    assert shape_iou([triangle], [square])[0, 0] == pytest.approx(expected, abs=1e-12)


MASKS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 40)))


@settings(deadline=None)
@given(MASKS)
def test_brush_decodes_as_the_sdk_decodes(mask):
    height, width = mask.shape
    rle = brush_rle(mask)
    theirs = sdk_brush.decode_rle(rle).reshape(height, width, 4)[:, :, 3] > 0
    ours = decode_brush(rle, width_px=width, height_px=height)
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours, mask)


def bits(*fields):
    text = "".join(f"{value:0{size}b}" for value, size in fields)
    return [int(text[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8)]


HEADER = [(7, 5), (2, 4), (3, 4), (7, 4), (15, 4)]


def test_brush_literal_runs_decode_as_the_sdk_decodes():
    # The encoder above never writes a literal run longer than one; Label Studio's front end does.
    values = [0, 0, 0, 9, 1, 2, 3, 0, 255, 255, 255, 128]
    literal = [(0, 1), (1, 2), (len(values) - 1, 4), *((v, 8) for v in values)]
    repeat = [(1, 1), (0, 2), (3, 3), (5, 8)]
    rle = bits((16, 32), *HEADER, *literal, *repeat)
    theirs = sdk_brush.decode_rle(rle).reshape(2, 2, 4)[:, :, 3] > 0
    ours = decode_brush(rle, width_px=2, height_px=2)
    assert np.array_equal(ours, theirs)
    assert ours.tolist() == [[True, False], [True, True]]


def test_brush_region_becomes_a_mask():
    mask = np.zeros((100, 200), bool)
    mask[30:50, 60:61] = True
    shape = region_shape(region("brushlabels", rle=brush_rle(mask), brushlabels=["a"]))
    assert shape.box_xywh_px == (60.0, 30.0, 1.0, 20.0)
    assert np.array_equal(rle_mask(shape.rle), mask)


def test_brush_length_is_checked_before_allocating():
    promises_four_billion = bits((2**32 - 1, 32), *HEADER)
    tracemalloc.start()
    with pytest.raises(CorruptRle, match="4294967295 values for 2 x 2"):
        decode_brush(promises_four_billion, width_px=2, height_px=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    with pytest.raises(MaskTooLarge, match="100000 x 100000"):
        decode_brush(promises_four_billion, width_px=100_000, height_px=100_000)


@pytest.mark.parametrize(
    ("rle", "fragment"),
    [
        ([], "0 bytes"),
        ([1, 2, 3], "3 bytes"),
        ([1, 256, *[0] * 9], "bytes 0..255"),
        (["a"], "bytes 0..255"),
        (bits((16, 32), *HEADER), "value 0 of 16"),
        (bits((16, 32), *HEADER, (1, 1), (0, 2), (7, 3), (1, 8)), "value 8 of 16"),
        (bits((16, 32), *HEADER, (1, 1), (3, 2), (16, 16), (1, 8)), "value 0 of 16"),
        (bits((16, 32), *HEADER, (0, 1), (1, 2), (15, 4), (1, 8)), "value 0 of 16"),
    ],
)
def test_corrupt_brush_streams_are_named(rle, fragment):
    with pytest.raises(CorruptRle, match=fragment):
        decode_brush(rle, width_px=2, height_px=2)


@pytest.mark.parametrize(
    ("broken", "error", "fragment"),
    [
        (region("polygon", points=[[0, 0], [1, 1], [2]]), MissingCoordinate, "pair"),
        (region("polygon"), MissingCoordinate, "list of points"),
        (region("polygon", points=[[0, 0], [1, 1], [2, math.nan]]), MissingCoordinate, "nan"),
        (region("polygon", points=[[0, 0], [1, 1], [1e9, 2]]), CoordinateOutOfRange, "1000000000"),
        (
            region("polygon", (10**9, 9), points=[[0, 0], [1, 1], [1, 2]]),
            MaskTooLarge,
            "1000000000",
        ),
        (region(x=1, y=1, width=1), MissingCoordinate, "height is None"),
        (region(x=1, y="2", width=1, height=1), MissingCoordinate, "y is '2'"),
        (region(size=(None, 100)), MissingImageSize, "None x 100"),
        (region(size=(200, 0)), MissingImageSize, "200 x 0"),
        ({"type": "rectangle", "value": {}}, MissingImageSize, "None x None"),
        ({**region(), "value": None}, MissingCoordinate, "no value"),
        (region("ellipselabels", x=1, y=1), MissingCoordinate, "radiusX is None"),
        (region("keypointlabels", x=1, y=1), UnsupportedRegion, "keypointlabels"),
        (region("brush"), MissingCoordinate, "no rle"),
        (region("brush", rle=[1]), CorruptRle, "1 bytes"),
    ],
)
def test_broken_regions_are_named(broken, error, fragment):
    with pytest.raises(error, match=fragment) as caught:
        region_shape(broken)
    assert isinstance(caught.value, GeometryError)
    assert fragment in caught.value.detail
    assert str(caught.value).startswith(error.__doc__.rstrip("."))


def test_an_error_without_detail_says_its_docstring():
    assert str(TooFewPoints()) == "A polygon needs at least three points."
    assert issubclass(TooFewPoints, GeometryError)


def test_a_polygon_of_two_points_has_no_raster():
    with pytest.raises(TooFewPoints, match="got 2"):
        polygon_rle([[0, 0], [1, 1]], width_px=10, height_px=10)


@given(boxes, boxes)
def test_box_iou_equals_pycocotools(some, others):
    theirs = coco_mask.iou(np.array(some), np.array(others), [0] * len(others))
    assert np.allclose(box_iou(some, others), theirs, rtol=0, atol=1e-11)


@given(boxes)
def test_box_iou_is_symmetric_in_range_and_one_on_itself(some):
    iou = box_iou(some, some)
    assert np.array_equal(iou, iou.T)
    assert (iou >= 0).all()
    assert (iou <= 1).all()
    assert (iou.diagonal() == 1).all()


def test_box_iou_of_nothing():
    assert box_iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert box_iou([[0, 0, 1, 1]], []).shape == (1, 0)
    assert box_iou([[0, 0, 0, 0]], [[0, 0, 0, 0]]).tolist() == [[0]]
    assert box_iou([[0, 0, 1, 1]], [[1, 0, 1, 1]]).tolist() == [[0]]


SAME_SIZE = arrays(np.bool_, st.tuples(st.integers(1, 4), st.just(7), st.just(5)))


@settings(deadline=None)
@given(SAME_SIZE, SAME_SIZE)
def test_rle_iou_equals_counting_pixels(some, others):
    shared = (some[:, None] & others[None]).sum(axis=(2, 3))
    either = (some[:, None] | others[None]).sum(axis=(2, 3))
    expected = np.divide(shared, either, out=np.zeros(shared.shape), where=either > 0)
    rles, their_rles = [mask_rle(m) for m in some], [mask_rle(m) for m in others]
    ours = rle_iou(rles, their_rles)
    assert np.allclose(ours, expected, rtol=0, atol=1e-15)
    assert np.array_equal(ours, rle_iou(their_rles, rles).T)


@settings(deadline=None)
@given(MASKS)
def test_masks_survive_coco_encoding(mask):
    rle = mask_rle(mask)
    assert np.array_equal(rle_mask(rle), mask)
    assert rle == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert rle_area(rle) == mask.sum()


def test_large_masks_survive_coco_encoding():
    mask = np.random.default_rng(4).random((70, 50)) < 0.01
    mask[20:60, 10:49] = True
    assert np.array_equal(rle_mask(mask_rle(mask)), mask)


SOME_MASKS = st.lists(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9))), max_size=5)


@given(SOME_MASKS)
def test_runs_of_many_masks_are_where_each_is_painted(masks):
    starts, ends, mask_of = inside_runs([mask_rle(mask) for mask in masks])
    assert (starts < ends).all()
    found = [np.zeros(mask.size, dtype=bool) for mask in masks]
    for start, end, at in zip(starts.tolist(), ends.tolist(), mask_of.tolist(), strict=True):
        assert not found[at][start:end].any()
        found[at][start:end] = True
    for mask, painted in zip(masks, found, strict=True):
        assert np.array_equal(painted.reshape(mask.shape[::-1]).T, mask)


def test_long_runs_are_read_as_pycocotools_writes_them():
    counts = [3, 100_000, 2, 31, 15, 16, 17, 1_000_000, 1, 5_000, 70_000]
    rle = coco_mask.frPyObjects({"size": [sum(counts), 1], "counts": counts}, sum(counts), 1)
    assert run_lengths(rle["counts"]).tolist() == counts
    starts, ends, _ = inside_runs([rle, rle])
    turns = np.cumsum(counts)[:-1].tolist()
    assert starts.tolist() == 2 * turns[0::2]
    assert ends.tolist() == 2 * turns[1::2]


def test_rle_iou_of_nothing():
    assert rle_iou([], [mask_rle(np.ones((2, 2), bool))]).shape == (0, 1)


def test_mixed_shapes_compare_boxes_exactly_and_the_rest_by_pixels():
    box = region_shape(region(x=0, y=0, width=50, height=50))
    thin = region_shape(region(x=0, y=0, width=50.2, height=50.3))
    turned = region_shape(region(x=50, y=0, width=15, height=100, rotation=89))
    leaf = region_shape(region("polygon", points=[[20, 0], [60, 10], [20, 90]]))
    far = region_shape(region("polygon", points=[[90, 90], [99, 90], [99, 99]]))
    iou = shape_iou([box, turned, leaf, far], [thin, turned])
    assert iou[0, 0] == box_iou([box.box_xywh_px], [thin.box_xywh_px])[0, 0]
    assert 0 < iou[1, 0] == pytest.approx(polygon_overlap(turned, thin), abs=1e-9)
    assert 0 < iou[0, 1] == pytest.approx(polygon_overlap(box, turned), abs=1e-9)
    assert iou[1, 1] == pytest.approx(1, abs=1e-12)
    assert iou[2, 0] == rle_iou([leaf.rle], [shape_rle(thin)])[0, 0] > 0
    assert iou[2, 1] == rle_iou([leaf.rle], [shape_rle(turned)])[0, 0] > 0
    assert iou[3].tolist() == [0, 0]
    assert shape_iou([], [box]).shape == (0, 1)


def polygon_overlap(shape, other):
    """IoU of two boxes by shapely, which knows polygons of any kind."""
    some, theirs = (
        shapely.Polygon(
            rotated_corners(one.box_xywh_px, 0) if one.points_px is None else one.points_px
        )
        for one in (shape, other)
    )
    return some.intersection(theirs).area / some.union(theirs).area


percents = st.floats(0, 90)
small_boxes = st.builds(
    lambda x, y, w, h, rotation: region_shape(
        region(size=(40, 30), x=x, y=y, width=w, height=h, rotation=rotation)
    ),
    percents,
    percents,
    st.floats(0.5, 30),
    st.floats(0.5, 30),
    st.sampled_from([0, 0, 30, -75]),
) | st.builds(
    lambda x, y, w, h: region_shape(
        region("polygon", size=(40, 30), points=[[x, y], [x + w, y], [x, y + h]])
    ),
    percents,
    percents,
    st.floats(0.5, 30),
    st.floats(0.5, 30),
)


@settings(deadline=None)
@given(st.lists(small_boxes, min_size=1, max_size=4), st.lists(small_boxes, min_size=1, max_size=4))
def test_skipping_distant_shapes_changes_no_overlap(some, others):
    pixels = rle_iou([shape_rle(s) for s in some], [shape_rle(s) for s in others])
    exact = rectangle_iou(some, others)
    iou = shape_iou(some, others)
    for i, one in enumerate(some):
        for j, other in enumerate(others):
            are_boxes = one.rle is None and other.rle is None
            assert iou[i, j] == (exact if are_boxes else pixels)[i, j]


def test_polygons_are_cut_at_the_edge_of_the_image():
    rle = polygon_rle([[-50, -50], [5, -50], [5, 5], [-50, 5]], width_px=10, height_px=10)
    assert rle_area(rle) == 25
