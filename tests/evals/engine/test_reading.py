"""Which regions are read: images of a task, controls, labels and scores. No database."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from evals.engine.average_precision import new_state
from evals.engine.boxes import RegionText, StoredImage
from evals.engine.errors import UnknownLabels
from evals.engine.kinds.classification import read_choices
from evals.engine.matched.shapes import same_objects
from evals.engine.matching import Definition
from evals.engine.notes import Notes
from evals.engine.precision.batch import Batch
from evals.engine.precision.measures import MASKS
from evals.engine.reading import ObjectOf, Reading, reading_of
from evals.engine.regions import read_shapes
from predictions.regions.config import read_config
from predictions.regions.controls import BY_TYPE, LABEL_KEYS, SINGLE_VALUED, TAGS
from predictions.regions.labels import (
    Partners,
    PassedOver,
    read_names,
    region_labels,
    region_score,
)

Json = dict[str, Any]
PAGES = Reading(objects=(ObjectOf("image", ("pages",), is_list=True),))
SIDES = Reading(objects=(ObjectOf("front", ("front",)), ObjectOf("back", ("back",))))
ITEMS = Reading(
    objects=(ObjectOf("page_{{i}}", ("list", "{{i}}", "url"), flag="{{i}}", over=("list",)),)
)
MIXED = Reading(objects=(ObjectOf("front", ("front",)), ObjectOf("scan", ("scan",), is_list=True)))
LIST_FIRST = replace(MIXED, objects=MIXED.objects[::-1])


def box(label: Any = "Car", score: Any = None, **more: Any) -> Json:
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": 200,
        "original_height": 100,
        "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": [label]},
        **({} if score is None else {"score": score}),
        **more,
    }


@pytest.mark.parametrize(
    ("reading", "lengths", "items", "paths"),
    [
        (Reading(), [], [""], [()]),
        (Reading(objects=(ObjectOf("image", ("image",)),)), [1], [""], [("image",)]),
        (PAGES, [1], [""], [("pages", "0")]),
        (PAGES, [2], ["1", "2"], [("pages", "0"), ("pages", "1")]),
        (PAGES, [0], [""], [("pages", "0")]),
        (SIDES, [1, 1], ["front", "back"], [("front",), ("back",)]),
        (ITEMS, [1], [""], [("list", "0", "url")]),
        (
            ITEMS,
            [2],
            ["page_0.0", "page_1.1"],
            [("list", "0", "url"), ("list", "1", "url")],
        ),
        (
            MIXED,
            [1, 2],
            ["front", "scan.1", "scan.2"],
            [("front",), ("scan", "0"), ("scan", "1")],
        ),
        (MIXED, [1, 0], [""], [("front",)]),
        (LIST_FIRST, [0, 1], ["front"], [("front",)]),
        (LIST_FIRST, [1, 1], ["scan.1", "front"], [("scan", "0"), ("front",)]),
    ],
)
def test_images_of_a_task(
    reading: Reading, lengths: list[int], items: list[str], paths: list[tuple[str, ...]]
) -> None:
    assert reading.items(lengths) == items
    assert [reading.path(item) for item in items] == paths


@pytest.mark.parametrize(
    ("reading", "region", "items"),
    [
        (PAGES, {"item_index": 1}, ["2"]),
        (PAGES, {"item_index": 0, "to_name": "other"}, ["1"]),
        (PAGES, {}, ["1"]),
        (PAGES, {"item_index": 9}, []),
        (SIDES, {"to_name": "back"}, ["back"]),
        (SIDES, {"to_name": "back", "item_index": 3}, ["back"]),
        (SIDES, {}, []),
        (ITEMS, {"to_name": "page_1"}, ["page_1.1"]),
        (MIXED, {"to_name": "scan", "item_index": 1}, ["scan.2"]),
        (MIXED, {"to_name": "scan", "item_index": 2}, []),
    ],
)
def test_a_region_is_of_one_image(reading: Reading, region: Json, items: list[str]) -> None:
    lengths = [1 if one.counted() is None else 2 for one in reading.objects]
    places = {item: reading.place(item) for item in reading.items(lengths)}
    assert [item for item, place in places.items() if place and place.holds(region)] == items
    assert reading.is_nowhere(region, sum(lengths)) == (not items)
    assert not reading.is_nowhere(region, 0)


def test_a_reading_survives_as_json() -> None:
    reading = replace(
        ITEMS,
        controls=("a", "b"),
        others=frozenset({"c"}),
        is_strict=True,
        preferred=frozenset({"a"}),
        not_in_said=frozenset({"b"}),
        unlabelled=frozenset({"a"}),
        aliases={"Car": "c"},
    )
    assert reading_of(orjson.loads(orjson.dumps(reading.document()))) == reading
    assert reading_of({}) == Reading()


def test_controls_of_a_repeater_are_numbered() -> None:
    reading = Reading(controls=("box_{{i}}",), others=frozenset({"point_{{i}}"}))
    strict = replace(reading, is_strict=True)
    names = ["box_0", "box_12", "point_3", "other", "box_x", None]
    assert [reading.skips(name, is_truth=True) for name in names] == [False] * 2 + [True] + [
        False
    ] * 3
    assert [strict.skips(name, is_truth=True) for name in names] == [False] * 2 + [True] * 4


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        ("cat", ["cat"]),
        ([["Animal", "Dog"]], ["Animal / Dog"]),
        ([], []),
        (None, []),
        ("", []),
        ([""], []),
    ],
)
def test_labels(listed: Any, names: list[str]) -> None:
    assert read_names(listed) == names


@pytest.mark.parametrize("listed", [7, True, {}, [None], [7], ["cat", None], [[]], [["a", 1]]])
def test_what_is_no_label(listed: Any) -> None:
    with pytest.raises(PassedOver, match="invalid_label"):
        read_names(listed)


def test_a_label_of_its_own_stands_before_its_partner_s() -> None:
    bare = {"id": "r", "type": "rectangle", "from_name": "box", "value": {"x": 1}}
    named = {"id": "r", "type": "labels", "value": {"labels": ["Logo"]}}
    asked = {"id": "r", "type": "choices", "value": {"choices": ["big"]}}
    partners = Partners([asked, bare, named])

    assert region_labels(bare, partners.of(bare)) == ["Logo"]
    assert region_labels({**bare, "value": {"labels": ["Own"]}}, partners.of(bare)) == ["Own"]
    assert region_labels(bare, Partners([asked, bare]).of(bare)) == ["big"]
    without = {key: value for key, value in bare.items() if key != "id"}
    loose = {key: value for key, value in named.items() if key != "id"}
    assert Partners([without, loose]).of(without) == []
    with pytest.raises(PassedOver, match="no_label"):
        region_labels(bare)
    own = Reading(unlabelled=frozenset({"box"}))
    assert region_labels(bare, (), own.unlabelled) == ["box"]


@pytest.mark.parametrize(
    ("own", "partner", "score"),
    [(0.5, 0.7, 0.5), (None, 0.7, 0.7), (None, None, 0.25), ("0.5", None, 0.5), (" 1e-2", 0, 0.01)],
)
def test_scores(own: Any, partner: Any, score: float) -> None:
    assert region_score({"score": own}, [{"score": partner}], 0.25) == score


@pytest.mark.parametrize("score", ["high", "", "nan", "inf", "1_0", True, [], {}, 10**400, 1e300])
def test_what_is_no_score(score: Any) -> None:
    with pytest.raises(PassedOver, match="invalid_score"):
        region_score({"score": score}, [], 0.25)


NAMES = st.sampled_from(["label", "other", "front", None, ["label"], 7])
REGIONS = st.lists(
    st.builds(
        lambda label, name, to, page, size, more: {
            **box(label, from_name=name, to_name=to, item_index=page, **size),
            **more,
        },
        st.sampled_from(["Car", "Bus", "Tram"]),
        NAMES,
        st.sampled_from(["front", "back", None]),
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([{}, {"original_width": 50.5}, {"original_width": None}]),
        st.sampled_from(
            [
                {},
                {"type": "polygonlabels"},
                {"type": ["rectanglelabels"], "id": "a"},
                {"type": "labels", "id": "a"},
                {"score": 0.5},
                {"score": "0.5"},
            ]
        ),
    ),
    max_size=5,
)
READINGS = [
    Reading(),
    Reading(controls=("label",), is_strict=True),
    Reading(controls=("label", "other"), not_in_said=frozenset({"label"})),
    replace(SIDES, controls=("label",), others=frozenset({"other"})),
    PAGES,
]


def outcome(truth: Any, said: Any, reading: Reading, item: str) -> Any:
    """All that is read, and the notes."""
    notes = Notes()
    image = StoredImage(truth, said, 0.5, reading.place(item), n_of_task=2)
    sides = read_shapes([image], ["Car", "Bus", "Tram"], reading=reading, notes=notes)
    return notes, [
        [
            *(c.tolist() for c in (side.image, side.label, side.score, side.sizes_px)),
            side.boxes_px().tolist(),
            [side.region(at) for at in range(len(side.image))],
        ]
        for side in sides
    ]


@pytest.mark.parametrize("reading", READINGS)
@given(truth=REGIONS, said=REGIONS)
def test_the_quick_way_reads_what_the_way_for_everything_reads(
    reading: Reading, truth: list[Json], said: list[Json]
) -> None:
    texts = [RegionText(orjson.dumps(result).decode()) for result in (truth, said)]
    lengths = [1 if one.counted() is None else 2 for one in reading.objects]
    for item in reading.items(lengths):
        quick = outcome(texts[0], texts[1], reading, item)
        assert quick == outcome(truth, said, reading, item)


def test_all_shapes_of_an_image_are_of_one_size() -> None:
    first, second = box(original_width=640, original_height=360), box()
    bare = {k: v for k, v in box().items() if not k.startswith("original")}
    point = {"type": "keypointlabels", "original_width": 40, "original_height": 20, "value": {}}
    cases: list[tuple[list[Json], list[Json], tuple[float, float]]] = [
        ([first, second], [bare], (640, 360)),
        ([bare], [second], (200, 100)),
        ([bare, first], [second], (640, 360)),
        ([point], [second], (40, 20)),
        ([bare], [bare], (100, 100)),
        ([box(original_width=0)], [second], (200, 100)),
    ]
    for truth, said, size in cases:
        for wrap in (lambda r: r, lambda r: RegionText(orjson.dumps(r).decode())):
            sides = read_shapes([StoredImage(wrap(truth), wrap(said), None)], ["Car"])
            for side in sides:
                assert side.sizes_px.tolist() == [list(size)] * len(side.image)


def test_same_objects() -> None:
    places = [(10, 10), (50, 50), (70, 20)]

    def side(labels: list[str], shift: float) -> Any:
        regions = [
            box(label) | {"value": {"x": x + shift, "y": y, "width": 20, "height": 20,
                                    "rectanglelabels": [label]}}
            for label, (x, y) in zip(labels, places, strict=True)
        ]  # fmt: skip
        return read_shapes([StoredImage(regions, [], None)], ["Car", "Bus"])[0]

    cars = side(["Car", "Car", "Bus"], 0)
    assert same_objects(cars, side(["Car", "Car", "Bus"], 0)) == (3, 3)
    # 1.05 of 20 to the side: IoU 18.95 / 21.05 = 0.9002.
    assert same_objects(cars, side(["Car", "Bus", "Bus"], 1.05)) == (2, 2)
    assert same_objects(cars, side(["Car", "Car", "Bus"], 1.06)) == (0, 0)


GRID = st.tuples(*[st.integers(0, 24)] * 2, *[st.integers(1, 12)] * 2)


@given(st.lists(GRID, min_size=1, max_size=5), st.lists(GRID, min_size=1, max_size=5))
def test_whole_pixels_meet_the_threshold_as_they_do_in_the_file(
    truth: list[Any], said: list[Any]
) -> None:
    width, height = 37, 41

    def regions(boxes: list[Any]) -> list[Json]:
        return [
            box(original_width=width, original_height=height)
            | {
                "value": {
                    "x": x / width * 100,
                    "y": y / height * 100,
                    "width": w / width * 100,
                    "height": h / height * 100,
                    "rectanglelabels": ["Car"],
                }
            }
            for x, y, w, h in boxes
        ]

    sides = read_shapes([StoredImage(regions(truth), regions(said), 0.5)], ["Car"])
    assert [side.boxes_px().tolist() for side in sides] == [
        [list(map(float, one)) for one in boxes] for boxes in (truth, said)
    ]
    iou = coco_mask.iou(
        np.array(said, dtype=np.float64), np.array(truth, dtype=np.float64), [0] * len(truth)
    )
    exact = np.array(
        [[2 * _shared(a, b) > _area(a) + _area(b) - _shared(a, b) for b in truth] for a in said]
    )
    assert np.array_equal(Definition().admits(iou), exact)


def _area(box: Any) -> int:
    return int(box[2] * box[3])


def _shared(one: Any, other: Any) -> int:
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    tall = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, wide) * max(0, tall)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
def test_average_precision_of_masks_that_cover_nothing(engine: str) -> None:
    square = {"type": "polygonlabels", "original_width": 100, "original_height": 100}
    points = [[10, 10], [40, 10], [40, 40], [10, 40]]
    whole = {**square, "value": {"points": points, "polygonlabels": ["Car"]}}
    line = {**square, "value": {"points": points[:2], "polygonlabels": ["Car"]}}
    sides = read_shapes(
        [StoredImage([whole], [whole | {"score": 0.9}, line | {"score": 0.95}], None)], ["Car"]
    )
    truth, said = sides
    batch = Batch(
        image_ids=np.array([0]),
        objects=truth.objects(),
        object_boxes_xywh_px=truth.boxes_px(),
        detections=said.detections(),
        detection_boxes_xywh_px=said.boxes_px(),
        object_rles=[shape.rle for shape in truth.all_shapes(truth.boxes_px()) if shape.rle],
        detection_rles=[shape.rle for shape in said.all_shapes(said.boxes_px()) if shape.rle],
    )
    state = new_state(1, MASKS, engine=engine)
    state.add(batch)
    # What covers nothing is a false positive before the hit: precision 1/2 at every recall.
    assert state.table().overall.map50 == pytest.approx(0.5)


def test_the_table_of_control_tags_is_whole() -> None:
    from label_studio_sdk.label_interface.control_tags import ControlTag

    known = {one.__name__.removesuffix("Tag") for one in _subclasses(ControlTag)}
    assert {one.tag for one in TAGS} - known <= {"Relations", "Relation", "Vector", "VectorLabels",
                                                 "Bitmask", "BitmaskLabels", "Ranker"}  # fmt: skip
    assert len(BY_TYPE) == len(TAGS)
    assert LABEL_KEYS["ellipse"][0] == LABEL_KEYS["ellipselabels"][0] == "ellipselabels"
    assert SINGLE_VALUED["textarea"] == "text"


def _subclasses(kind: Any) -> list[Any]:
    return [one for direct in kind.__subclasses__() for one in (direct, *_subclasses(direct))]


def test_a_config_is_read_in_document_order() -> None:
    config = read_config(
        '<View><Choices name="z" toName="t,u" choice="multiple" perItem="true">'
        '<Choice value="A" alias="a"><Choice value="B"/></Choice></Choices>'
        '<Text name="t" value="$text"/><Image name="u" valueList="$a.b"/>'
        '<KeyPointLabels name="k" toName="u" value="$labels"/></View>'
    )
    assert [(one.name, one.tag.tag, one.to_names) for one in config.controls] == [
        ("z", "Choices", ("t", "u")),
        ("k", "KeyPointLabels", ("u",)),
    ]
    assert config.controls[0].labels == (("a", "A"), ("B", "B"))
    assert (config.controls[0].is_multiple, config.controls[0].is_per_item) == (True, True)
    assert config.controls[1].is_dynamic
    assert [(one.name, one.path, one.is_list) for one in config.objects] == [
        ("t", ("text",), False),
        ("u", ("a", "b"), True),
    ]
    assert read_config("<View").controls == ()


def test_a_taxonomy_is_a_tree_and_a_rating_says_how_many_stars() -> None:
    config = read_config(
        '<View><Text name="t" value="$text"/><Taxonomy name="x" toName="t">'
        '<Choice value="Animal" alias="a"><Choice value="Dog"/><Choice value="Cat">'
        '<Choice value="Manx"/></Choice></Choice><Choice value="Plant"/></Taxonomy>'
        '<Rating name="r" toName="t" maxRating=" 7 "/><Rating name="s" toName="t"/>'
        '<Rating name="u" toName="t" maxRating="many"/><Rating name="v" toName="t" maxRating="0"/>'
        "</View>"
    )
    assert config.controls[0].labels == (
        ("a", "Animal"),
        ("a / Dog", "Animal / Dog"),
        ("a / Cat", "Animal / Cat"),
        ("a / Cat / Manx", "Animal / Cat / Manx"),
        ("Plant", "Plant"),
    )
    assert [one.most_stars for one in config.controls[1:]] == [7, 5, 5, 5]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "7", "Car", "a", "rectangle", "labels", "choices", "brushlabels"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=4,
)
VALUE_KEYS = [
    "x",
    "y",
    "width",
    "height",
    "rotation",
    "points",
    "rle",
    "radiusX",
    "labels",
    "rectanglelabels",
    "choices",
]
ODD_REGIONS = st.lists(
    st.fixed_dictionaries(
        {"value": JSON | st.dictionaries(st.sampled_from(VALUE_KEYS), JSON)},
        optional={
            "id": JSON,
            "type": JSON | st.sampled_from([*LABEL_KEYS, "labels", "choices"]),
            "from_name": JSON,
            "to_name": JSON,
            "item_index": JSON,
            "score": JSON,
            "original_width": JSON,
            "original_height": JSON,
        },
    ),
    max_size=3,
)


@pytest.mark.parametrize("reading", READINGS)
@given(truth=ODD_REGIONS, said=ODD_REGIONS)
def test_no_region_ends_the_reading(reading: Reading, truth: list[Json], said: list[Json]) -> None:
    place = reading.place(reading.items([2 for _ in reading.objects])[0])
    image = StoredImage(truth, said, 0.5, place, n_of_task=2)
    for read in (read_shapes, read_choices):
        notes = Notes()
        try:
            read([image], ["Car", "a"], reading=reading, notes=notes)
        except UnknownLabels:
            continue
        counted = sum(one.regions for one in notes.ignored.values()) + sum(notes.read)
        assert counted <= 3 * (len(truth) + len(said))
