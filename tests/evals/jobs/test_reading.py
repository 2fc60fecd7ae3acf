"""Which regions of a project an evaluation reads: of one picture, of one control, and no others."""

import csv
import io
import json
import zipfile
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import encode_rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evals.jobs import requests, run
from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import box, computed, load, numbers, task, values

Json = dict[str, Any]
BOTH = (
    '<View><Image name="image" value="$image"/>'
    '<PolygonLabels name="outline" toName="image"><Label value="Car"/></PolygonLabels>'
    '<RectangleLabels name="label" toName="image"><Label value="Car"/></RectangleLabels></View>'
)
POLYGONS = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="outline" toName="image">'
    '<Label value="Car"/></PolygonLabels></View>'
)
SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def cells(caller: Caller, found: ModelEval, **query: Any) -> dict[tuple[str, str], int]:
    """The cells of the confusion matrix that are not 0, by class names."""
    assert found.status == "done", found.failure_reason
    path = f"/lab/model-evals/{found.eval_id}/confusion-matrix"
    matrix = caller.client.get(path, query).json()
    names = matrix["classes"]
    return {
        (names[actual], names[predicted]): count
        for actual, row in enumerate(matrix["matrix"])
        for predicted, count in enumerate(row)
        if count
    }


def header(caller: Caller, found: ModelEval) -> Any:
    return caller.client.get(f"/lab/model-evals/{found.eval_id}").json()


def sized(region: Json, width: Any, height: Any) -> Json:
    return {**region, "original_width": width, "original_height": height}


def unsized(region: Json) -> Json:
    return {key: value for key, value in region.items() if not key.startswith("original")}


def valued(region: Json, **changes: Any) -> Json:
    return {**region, "value": {**region["value"], **changes}}


def outline(points: Any, score: float | None = None, label: Any = "Car", **more: Any) -> Json:
    region: Json = {
        "id": f"p{points}",
        "from_name": "outline",
        "to_name": "image",
        "type": "polygonlabels",
        "original_width": 100,
        "original_height": 100,
        "value": {"points": points, "polygonlabels": [label]},
        **more,
    }
    return region if score is None else {**region, "score": score}


CAR = box("Car", 10, 10, 20, 20)
SAID = box("Car", 10, 10, 20, 20, 0.9)
KEYPOINT = {
    **CAR,
    "id": "k1",
    "from_name": "point",
    "type": "keypointlabels",
    "value": {"x": 3, "y": 3, "width": 1, "keypointlabels": ["Car"]},
}


def one(caller: Caller, project: Project, truth: list[Json], said: list[Json], **more: Any) -> Any:
    """The evaluation of one task."""
    load(caller, project, [task("a", truth=truth, said={"v1": said})])
    return computed(caller, project, **more)


# One image has one size.


@pytest.mark.parametrize("size", [(640, 360), (128, 72), (1280.0, 720.0), ("64", "36.0")])
@pytest.mark.parametrize("own", [(1280, 720), ("1280", " 720.0")])
def test_sides_that_tell_other_sizes(ada: Caller, project: Project, size: Any, own: Any) -> None:
    truth, said = sized(box("Car", 40, 40, 20, 20), *own), sized(SAID, *size)
    said["value"] = truth["value"]
    found = one(ada, project, [truth], [said])

    assert cells(ada, found) == {("Car", "Car"): 1}
    assert header(ada, found)["warnings"] == []
    image = ada.client.get(
        f"/lab/model-evals/{found.eval_id}/image-predictions/{first_id(ada, found)}"
    ).json()
    boxes = [image[side][0]["box"] for side in ("groundTruth", "predictions")]
    assert boxes == [[512, 288, 256, 144]] * 2
    assert image["predictions"][0]["iou"] == 1


def first_id(caller: Caller, found: ModelEval) -> str:
    return image_ids(caller, found)[0]


def image_ids(caller: Caller, found: ModelEval) -> list[str]:
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    return [image["imageId"] for image in caller.client.get(path).json()["images"]]


def test_another_ratio_is_compared_and_counted(ada: Caller, project: Project) -> None:
    found = one(ada, project, [sized(CAR, 1000, 500)], [sized(SAID, 640, 640)])

    assert cells(ada, found) == {("Car", "Car"): 1}
    [warning] = header(ada, found)["warnings"]
    assert (warning["reason"], warning["regions"]) == ("aspect_ratio_differs", 1)


def test_one_per_cent_is_no_other_ratio(ada: Caller, project: Project) -> None:
    found = one(ada, project, [sized(CAR, 100, 100)], [sized(SAID, 101, 100)])
    assert header(ada, found)["warnings"] == []


@pytest.mark.parametrize("kind", ["object-detection", "instance-segmentation"])
def test_masks_of_another_raster(ada: Caller, make_project: MakeProject, kind: str) -> None:
    made = make_project(ada, POLYGONS, title="Masks")

    def brush(width: int, height: int, **more: Any) -> Json:
        mask = np.zeros((height, width, 4), np.uint8)
        mask[height // 4 : height // 2, width // 4 : width // 2] = 255
        value = {"format": "rle", "rle": encode_rle(mask.ravel()), "brushlabels": ["Car"]}
        return {**sized(CAR, width, height), "type": "brushlabels", "value": value, **more}

    found = one(ada, made, [brush(128, 72)], [brush(64, 36, score=0.9)], taskType=kind)
    assert cells(ada, found) == {("Car", "Car"): 1}
    assert found.summary is not None
    assert found.summary["metrics"]["mAP5095"] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["instance-segmentation", "semantic-segmentation"])
def test_outlines_of_another_size(ada: Caller, make_project: MakeProject, kind: str) -> None:
    made = make_project(ada, POLYGONS, title="Outlines")
    truth, said = sized(outline(SQUARE), 128, 72), sized(outline(SQUARE, 0.9), 64, 36)
    found = one(ada, made, [truth], [said], taskType=kind)

    assert set(cells(ada, found)) <= {("Car", "Car"), ("background", "background")}
    archive = ada.client.get(f"/lab/model-evals/{found.eval_id}/coco").getvalue()
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        coco = json.loads(files.read("ground_truth.json"))
        detections = json.loads(files.read("detections.json"))
    assert [(i["width"], i["height"]) for i in coco["images"]] == [(128, 72)]
    assert coco["annotations"][0]["segmentation"] == detections[0]["segmentation"]


def test_files_of_masks_give_the_same_sizes(ada: Caller, make_project: MakeProject) -> None:
    """A detection whose box is medium and whose mask is small."""
    made = make_project(ada, POLYGONS, title="Outlines")
    large, half = [[10, 10], [50, 10], [50, 50], [10, 50]], [[55, 55], [95, 55], [55, 95]]
    said = [outline(large, 0.5), outline(half, 0.9)]
    found = one(ada, made, [outline(large), outline([[0, 60], [9, 60], [9, 69]])], said)
    panel = ada.client.get(f"/lab/model-evals/{found.eval_id}/map-results").json()
    sizes = panel["splits"]["test"]["byObjectSize"]
    assert (sizes["small"]["map50"], sizes["medium"]["map50"]) == (0, pytest.approx(1))

    archive = ada.client.get(f"/lab/model-evals/{found.eval_id}/coco").getvalue()
    with zipfile.ZipFile(io.BytesIO(archive)) as files, redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = json.loads(files.read("ground_truth.json"))
        coco.createIndex()
        detections = coco.loadRes(json.loads(files.read("detections.json")))
        oracle = COCOeval(coco, detections, "segm")
        oracle.evaluate()
        oracle.accumulate()
        oracle.summarize()
    by_size = [sizes[name]["map50_95"] for name in ("small", "medium")]
    assert by_size == pytest.approx(oracle.stats[3:5].tolist(), abs=1e-12)


OWN: Json = {"image_size": {"width": 400, "height": 200}}


@pytest.mark.parametrize("kind", ["box", "turned", "outline"])
@pytest.mark.parametrize("width", [40, None])
def test_a_task_tells_the_size_of_an_image_of_which_no_truth_does(
    ada: Caller, make_project: MakeProject, kind: str, width: int | None
) -> None:
    """Half of 400 x 200 is a large object, half of 40 x 20 a small one: the files agree."""
    made = make_project(ada, BOTH, title="Negatives")
    half = outline([[0, 0], [50, 0], [50, 100], [0, 100]], 0.9)
    if kind != "outline":
        half = box("Car", 0, 0, 50, 100, 0.9) | {"from_name": "label"}
    if kind == "turned":
        half = valued(half, x=50, y=100, rotation=180)
    told = unsized(half) if width is None else sized(half, width, 20)
    load(
        ada,
        made,
        [
            task("a", truth=[], said={"v1": [told]}, **OWN),
            task("b", truth=[], said={"v1": []}, **OWN),
            task("c", truth=[sized(half, 100, 50)], said={"v1": [told]}, **OWN),
        ],
    )
    found = computed(ada, made)

    assert header(ada, found)["warnings"] == []
    path = f"/lab/model-evals/{found.eval_id}"
    with zipfile.ZipFile(io.BytesIO(ada.client.get(f"{path}/coco").getvalue())) as files:
        images = json.loads(files.read("ground_truth.json"))["images"]
    sides = [(400, 200), (400, 200), (100, 50)]
    assert [(one["width"], one["height"]) for one in images] == sides
    shown = [
        ada.client.get(f"{path}/image-predictions/{one}").json()["predictions"]
        for one in image_ids(ada, found)
    ]
    boxes = [[one["box"] for one in some] for some in shown]
    assert boxes == [[pytest.approx([0, 0, 200, 200])], [], [pytest.approx([0, 0, 50, 50])]]


def test_without_any_size_boxes_are_compared_in_per_cent(ada: Caller, project: Project) -> None:
    load(
        ada,
        project,
        [
            task("a", truth=[unsized(CAR)], said={"v1": [unsized(SAID)]}),
            task("b", truth=[], said={"v1": [unsized(SAID)]}),
            task("c", split="valid", truth=[CAR], said={"v1": [unsized(SAID)]}),
        ],
    )
    found = computed(ada, project)

    assert cells(ada, found) == {("Car", "Car"): 1, ("background", "Car"): 1}
    assert header(ada, found)["warnings"] == [
        {
            "reason": "no_image_size",
            "regions": 3,
            "images": 2,
            "splits": ["test"],
            "message": "2 images have no size in any region (original_width, original_height): "
            "their boxes are compared in per cent, their outlines on a raster of 1000 x 1000.",
        }
    ]
    splits = ada.client.get(f"/lab/model-evals/{found.eval_id}/map-results").json()["splits"]
    assert splits["test"]["byObjectSize"] is None
    assert splits["test"]["perClass"]["Car"]["byObjectSize"] is None
    assert splits["valid"]["byObjectSize"]["small"]["map50"] == pytest.approx(1)


def test_without_any_size_outlines_are_on_a_raster_of_their_own(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, POLYGONS, title="Unsized")
    found = one(ada, made, [unsized(outline(SQUARE))], [unsized(outline(SQUARE, 0.9))])

    assert cells(ada, found) == {("Car", "Car"): 1}
    pixels = computed(ada, made, taskType="semantic-segmentation")
    counted = cells(ada, pixels)
    assert sum(counted.values()) == 1_000_000
    assert counted["Car", "Car"] == 40_000


# A region belongs to a picture.

PAGES = (
    '<View><Image name="image" valueList="$pages"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels></View>'
)
SIDES = (
    '<View><Image name="front" value="$front"/><Image name="back" value="$back"/>'
    '<RectangleLabels name="on_front" toName="front"><Label value="Car"/></RectangleLabels>'
    '<RectangleLabels name="on_back" toName="back"><Label value="Car"/></RectangleLabels></View>'
)
REPEATED = (
    '<View><Repeater on="$images" indexFlag="{{idx}}"><Image name="page_{{idx}}" '
    'value="$images[{{idx}}].url"/><RectangleLabels name="label_{{idx}}" toName="page_{{idx}}">'
    '<Label value="Car"/></RectangleLabels></Repeater></View>'
)
URLS = ["http://images.test/1.jpg", "http://images.test/2.jpg", "http://images.test/3.jpg"]


def with_data(data: Json, truth: list[Json], said: list[Json], **meta: Any) -> Json:
    return {**task("a", truth=truth, said={"v1": said}, **meta), "data": data}


@pytest.mark.parametrize(
    ("key", "data"),
    [("pages", {"pages": URLS}), ("a.b", {"a.b": URLS})],
)
def test_pages_are_images_of_their_own(
    ada: Caller, make_project: MakeProject, key: str, data: Json
) -> None:
    made = make_project(ada, PAGES.replace("$pages", f"${key}"), title="Pages")
    [task_id] = load(
        ada,
        made,
        [
            with_data(
                data,
                [{**CAR, "item_index": 0}, {**CAR, "item_index": 1}],
                [{**SAID, "item_index": 1}, {**SAID, "item_index": 7}],
            )
        ],
    )
    found = computed(ada, made)

    assert cells(ada, found) == {("Car", "Car"): 1, ("Car", "background"): 1}
    assert image_ids(ada, found) == [f"{task_id}#1", f"{task_id}#2", f"{task_id}#3"]
    document = header(ada, found)
    assert document["images"] == {"train": 0, "valid": 0, "test": 3}
    assert document["snapshot"]["groundTruths"] == document["snapshot"]["predictions"] == 1
    assert document["ignored"] == [
        {
            "reason": "other_control",
            "side": "predictions",
            "regions": 1,
            "example": {"task": task_id, "region": SAID["id"]},
        }
    ]
    path = f"/lab/model-evals/{found.eval_id}/image-predictions/{task_id}%232"
    image = ada.client.get(path).json()
    assert image["imageName"] == "2.jpg"
    assert [one["verdict"] for one in image["predictions"]] == ["tp"]
    archive = ada.client.get(f"/lab/model-evals/{found.eval_id}/coco").getvalue()
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        coco = json.loads(files.read("ground_truth.json"))
        detections = json.loads(files.read("detections.json"))
    assert [i["id"] for i in coco["images"]] == [1, 2, 3]
    assert [a["image_id"] for a in coco["annotations"]] == [1, 2]
    assert len({a["id"] for a in coco["annotations"]}) == 2
    assert [d["image_id"] for d in detections] == [2]


def test_a_task_with_one_page_keeps_its_id(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, PAGES, title="Page")
    [task_id] = load(ada, made, [with_data({"pages": URLS[:1]}, [CAR], [SAID])])
    found = computed(ada, made)

    assert image_ids(ada, found) == [str(task_id)]
    assert cells(ada, found) == {("Car", "Car"): 1}


def test_objects_are_images_of_their_own(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, SIDES, title="Sides")
    data = {"front": URLS[0], "back": URLS[1]}
    front, back = ({"from_name": f"on_{name}", "to_name": name} for name in ("front", "back"))
    load(
        ada,
        made,
        [
            with_data(data, [{**CAR, **front}], [{**SAID, **back}], image_id="m1"),
            with_data(data, [{**CAR, **front}, {**CAR, **back}], [{**SAID, **back}], image_id="m2"),
        ],
    )
    found = computed(ada, made)

    assert image_ids(ada, found) == ["m1#front", "m1#back", "m2#front", "m2#back"]
    expected = {("Car", "background"): 2, ("background", "Car"): 1, ("Car", "Car"): 1}
    assert cells(ada, found) == expected
    assert header(ada, found)["control"] is None
    alone = computed(ada, made, control="on_back")
    assert cells(ada, alone) == {("background", "Car"): 1, ("Car", "Car"): 1}
    assert image_ids(ada, alone) == ["m1", "m2"]
    assert header(ada, alone)["control"] == "on_back"


@pytest.mark.parametrize("tag", ["RectangleLabels", "PolygonLabels"])
def test_one_of_two_pictures_has_a_size_of_its_own(
    ada: Caller, make_project: MakeProject, tag: str
) -> None:
    """With a control chosen, what was drawn on the other picture tells no size of this."""
    kind = tag.lower()

    def drawn(name: str, x: float, size: tuple[int, int], turn: float) -> Json:
        place: Json = {"x": x, "y": 10, "width": 20, "height": 20, "rotation": turn}
        if tag == "PolygonLabels":
            place = {"points": [[x, 10], [x + 20, 10], [x + 5, 30 + turn]]}
        region = {"from_name": f"on_{name}", "to_name": name, "type": kind}
        return sized({**region, "value": {**place, kind: ["Car"]}}, *size)

    def told(names: str) -> list[Any]:
        config = "".join(
            f'<Image name="{name}" value="${name}"/><{tag} name="on_{name}" toName="{name}">'
            f'<Label value="Car"/></{tag}>'
            for name in names
        )
        made = make_project(ada, f"<View>{config}</View>", title=names)
        truth, said = (
            [drawn(name, x + step, size, turn) for name, x, size, turn in sides if name in names]
            for step, sides in (
                (0, [("a", 10, (100, 100), 0), ("b", 10, (2000, 1000), 20)]),
                (2, [("a", 50, (100, 100), 0), ("b", 10, (2000, 1000), 30)]),
            )
        )
        data = {"a": URLS[0], "b": URLS[1]}
        load(ada, made, [with_data(data, truth, said, image_id="m", image_size=None)])
        path = f"/lab/model-evals/{computed(ada, made, control='on_b').eval_id}"
        detail = ada.client.get(f"{path}/image-predictions/m").json()
        places = [
            {name: one[name] for name in ("box", "iou")}
            for side in ("groundTruth", "predictions")
            for one in detail[side]
        ]
        return [ada.client.get(f"{path}/map-results").json()["splits"], *places]

    alone = told("b")
    assert len(alone) == 3
    assert told("ab") == alone


def test_items_of_a_repeater(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, REPEATED, title="Repeated")
    data = {"images": [{"url": url} for url in URLS[:2]]}
    first, second = ({"from_name": f"label_{n}", "to_name": f"page_{n}"} for n in (0, 1))
    [task_id] = load(ada, made, [with_data(data, [{**CAR, **first}], [{**SAID, **second}])])
    found = computed(ada, made)

    assert image_ids(ada, found) == [f"{task_id}#page_0.0", f"{task_id}#page_1.1"]
    assert cells(ada, found) == {("Car", "background"): 1, ("background", "Car"): 1}


# Labels and scores stay on their side.

LABELS = (
    '<View><Image name="image" value="$image"/><Labels name="name" toName="image">'
    '<Label value="Text"/><Label value="Logo"/></Labels><Rectangle name="box" toName="image"/>'
    "</View>"
)


def pair(x: float, label: str | None, identity: str | None, **score: float) -> list[Json]:
    """A box and its label as two entries."""
    place = {"x": x, "y": 10, "width": 20, "height": 10, "rotation": 0}
    entry: Json = {"to_name": "image", "original_width": 100, "original_height": 100}
    if identity is not None:
        entry["id"] = identity
    bare = {**entry, "from_name": "box", "type": "rectangle", "value": place}
    value = {**place, "labels": [label]}
    named = {**entry, "from_name": "name", "type": "labels", "value": value, **score}
    return [bare] if label is None else [bare, named]


def test_labels_are_of_their_own_side(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, LABELS, title="Labels")
    truth = [*pair(10, None, "r1"), *pair(60, "Text", "r2")]
    said = [*pair(10, "Logo", "r1", score=0.9), *pair(60, "Text", "r2", score=0.4)]
    [task_id] = load(ada, made, [task("a", truth=truth, said={"v1": said})])
    found = computed(ada, made)

    assert cells(ada, found) == {("Text", "Text"): 1, ("background", "Logo"): 1}
    # The score stands on the entry with the label.
    assert cells(ada, found, confidence=50) == {
        ("Text", "background"): 1,
        ("background", "Logo"): 1,
    }
    [ignored] = header(ada, found)["ignored"]
    assert ignored == {
        "reason": "no_label",
        "side": "groundTruth",
        "regions": 1,
        "example": {"task": task_id, "region": "r1"},
    }


def test_entries_without_ids_are_not_joined(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, LABELS, title="No ids")
    both = [*pair(10, "Text", None), *pair(60, "Logo", None)]
    found = one(ada, made, both, [])

    assert found.status == "failed"
    assert "No region of the ground truth can be evaluated (no_label: 2" in found.failure_reason


def test_per_region_choices_name_a_bare_box(ada: Caller, make_project: MakeProject) -> None:
    config = LABELS.replace("Labels", "Choices").replace("<Label", "<Choice")
    config = config.replace('name="name"', 'name="name" perRegion="true"')
    made = make_project(ada, config, title="Choices about boxes")

    def chosen(regions: list[Json]) -> list[Json]:
        bare, named = regions
        value = {"choices": named["value"]["labels"]}
        return [bare, {**named, "type": "choices", "value": value}]

    found = one(ada, made, chosen(pair(10, "Logo", "a")), chosen(pair(10, "Logo", "b", score=1)))
    assert found.classes == ["Text", "Logo"]
    assert cells(ada, found) == {("Logo", "Logo"): 1}
    assert header(ada, found)["ignored"] == []


def test_a_control_without_labels_is_its_own_class(ada: Caller, make_project: MakeProject) -> None:
    config = (
        '<View><Image name="image" value="$image"/><Rectangle name="box" toName="image"/></View>'
    )
    made = make_project(ada, config, title="Bare")
    found = one(ada, made, pair(10, None, "a"), pair(10, None, "b"))

    assert cells(ada, found) == {("box", "box"): 1}


# Classification reads one control.

QUESTIONS = (
    '<View><Image name="image" value="$image"/><Choices name="weather" toName="image">'
    '<Choice value="sun" alias="s"/><Choice value="rain"/></Choices>'
    '<Choices name="hour" toName="image"><Choice value="day"/><Choice value="night"/></Choices>'
    '<Choices name="mood" toName="image" perRegion="true"><Choice value="good"/></Choices></View>'
)


def choice(control: str, *names: Any, **score: Any) -> Json:
    return {
        "id": f"{control}{names}",
        "from_name": control,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": list(names)},
        **score,
    }


@pytest.mark.parametrize(
    ("tag", "kind", "more"),
    [("Choices", "choices", ' allowNested="true"'), ("Taxonomy", "taxonomy", "")],
)
def test_each_step_of_a_path_is_read_under_either_name(
    ada: Caller, make_project: MakeProject, tag: str, kind: str, more: str
) -> None:
    config = (
        f'<View><Image name="image" value="$image"/><{tag} name="c" toName="image"{more}>'
        '<Choice value="A" alias="aa"><Choice value="B"/><Choice value="C" alias="cc"/></Choice>'
        f'<Choice value="D"/></{tag}></View>'
    )

    def chosen(*path: str) -> list[Json]:
        value = {kind: [list(path)]}
        return [{"from_name": "c", "to_name": "image", "type": kind, "value": value}]

    made = make_project(ada, config, title=tag)
    ways = [("aa", "cc"), ("A", "C"), ("A", "cc"), ("aa", "C")]
    data = {"image": "https://x.y/1.jpg"}
    load(ada, made, [with_data(data, chosen("aa", "cc"), chosen(*way)) for way in ways])
    found = computed(ada, made)

    above = {("aa", "aa"): 4} if kind == "taxonomy" else {}
    assert cells(ada, found) == {("aa / cc", "aa / cc"): 4, **above}
    assert found.classes == ["aa", "aa / B", "aa / cc", "D"]


def test_one_question_is_evaluated(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, QUESTIONS, title="Questions")
    # Models answer with what is shown, people with the alias.
    truth = [choice("weather", "s"), choice("hour", "day"), choice("mood", "good")]
    said = [choice("weather", "sun", score=0.9), choice("hour", "night", score=0.95)]
    weather = one(ada, made, truth, said, control="weather")

    assert weather.classes == ["s", "rain"]
    assert cells(ada, weather) == {("s", "s"): 1}
    ignored = header(ada, weather)["ignored"]
    assert [(one["reason"], one["side"], one["regions"]) for one in ignored] == [
        ("other_control", "groundTruth", 2),
        ("other_control", "predictions", 1),
    ]
    assert cells(ada, computed(ada, made, control="hour")) == {("day", "night"): 1}


@pytest.mark.parametrize(
    ("config", "body", "code", "word"),
    [
        (QUESTIONS, {}, "ambiguous_control", "weather, hour"),
        (QUESTIONS, {"control": "season"}, "unknown_control", "season"),
        (QUESTIONS, {"control": "mood"}, "unsupported_task_type", "mood"),
        (QUESTIONS, {"taskType": "object-detection"}, "unsupported_task_type", "object-detection"),
        (BOTH, {"taskType": "classification"}, "unsupported_task_type", "classification"),
        (
            BOTH,
            {"control": "label", "taskType": "classification"},
            "unsupported_task_type",
            "label",
        ),
    ],
)
def test_what_the_config_makes_impossible(
    ada: Caller, make_project: MakeProject, config: str, body: Json, code: str, word: str
) -> None:
    made = make_project(ada, config, title="Impossible")
    load(ada, made, [task("a", truth=[], said={"v1": []})])
    answer = ada.client.post(
        "/lab/model-evals", {"project": made.slug, "modelVersion": "v1", **body}, format="json"
    )

    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert word in answer.json()["message"]
    assert not ModelEval.objects.exists()


def test_choices_about_regions_are_no_labels_of_the_task(
    ada: Caller, make_project: MakeProject
) -> None:
    config = (
        '<View><Text name="text" value="$text"/><Choices name="mood" toName="text" '
        'perRegion="true"><Choice value="pos"/></Choices></View>'
    )
    made = make_project(ada, config, title="Aspects")
    load(ada, made, [task("a", truth=[], said={"v1": []})])
    answer = ada.client.post(
        "/lab/model-evals", {"project": made.slug, "modelVersion": "v1"}, format="json"
    )
    assert answer.json()["error"] == "unsupported_task_type"


def test_nested_choices_are_paths(ada: Caller, make_project: MakeProject) -> None:
    config = (
        '<View><Image name="image" value="$image"/><Choices name="kind" toName="image" '
        'allowNested="true"><Choice value="Animal"><Choice value="Dog"/><Choice value="Cat"/>'
        "</Choice></Choices></View>"
    )
    made = make_project(ada, config, title="Nested")
    truth, said = [choice("kind", ["Animal", "Dog"])], [choice("kind", ["Animal", "Cat"])]
    found = one(ada, made, truth, said)

    assert found.classes == ["Animal", "Animal / Dog", "Animal / Cat"]
    assert cells(ada, found) == {("Animal / Dog", "Animal / Cat"): 1}


def test_classes_are_in_the_order_of_the_config(ada: Caller, make_project: MakeProject) -> None:
    config = (
        '<View><Image name="image" value="$image"/>'
        '<RectangleLabels name="zz" toName="image"><Label value="Van"/><Label value="Bus"/>'
        '</RectangleLabels><RectangleLabels name="a" toName="image"><Label value="Ant"/>'
        "</RectangleLabels></View>"
    )
    made = make_project(ada, config, title="Order")
    assert one(ada, made, [], []).classes == ["Van", "Bus", "Ant"]


# Two controls that hold the same objects.


def both_of(score: float | None = None) -> list[Json]:
    """Two objects, each as an outline and as a box."""
    found = []
    for x in (10, 50):
        points = [[x, 10], [x + 20, 10], [x + 20, 30], [x, 30]]
        found += [outline(points, score), box("Car", x, 10, 20, 20, score)]
    return found


def test_the_same_objects_twice_need_a_choice(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, BOTH, title="Twice")
    said = [box("Car", 10, 10, 20, 20, 0.9)]
    twice = one(ada, made, both_of(), said)

    assert twice.status == "failed"
    assert twice.failure_reason.startswith("ambiguous_control: choose one of outline, label")
    expected = {("Car", "Car"): 1, ("Car", "background"): 1}
    for asked in ({"control": "label"}, {"taskType": "object-detection"}):
        assert cells(ada, computed(ada, made, **asked)) == expected
    # The predictions are boxes alone, and stay so whatever kind of task is asked for.
    masks = computed(ada, made, taskType="instance-segmentation")
    assert cells(ada, masks) == expected
    assert cells(ada, computed(ada, made, control="outline")) == {("Car", "background"): 2}


def test_average_precision_of_objects_that_are_there_twice(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, BOTH, title="Both")
    found = one(ada, made, both_of(), both_of(0.8), taskType="instance-segmentation")

    assert cells(ada, found) == {("Car", "Car"): 2}
    assert found.summary is not None
    assert found.summary["metrics"]["mAP5095"] == pytest.approx(1)


def test_two_controls_with_objects_of_their_own_are_read_together(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, BOTH, title="Together")
    other = outline([[60, 60], [80, 60], [80, 80], [60, 80]])
    found = one(ada, made, [CAR, other], [SAID, {**other, "score": 0.7}])

    assert cells(ada, found) == {("Car", "Car"): 2}
    assert header(ada, found)["control"] is None


def test_outlines_against_boxes(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, BOTH, title="Mixed")
    for kind in ("object-detection", "instance-segmentation"):
        found = one(ada, made, [outline(SQUARE)], [SAID], taskType=kind)
        assert ("Car", "Car") in cells(ada, found)


# One region does not end an evaluation.

BRUSH = {**CAR, "type": "brushlabels", "id": "brush", "score": 0.9}


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (KEYPOINT, "other_control"),
        ({**CAR, "type": "ellipselabels", "value": {"x": 1, "labels": ["Car"]}}, "other_control"),
        ({**CAR, "type": "textarea", "value": {"text": ["hello"]}}, "other_control"),
        ({**CAR, "value": None}, "no_label"),
        (valued(CAR, rectanglelabels=[]), "no_label"),
        (valued(CAR, rectanglelabels=None), "no_label"),
        (valued(CAR, rectanglelabels=[None]), "invalid_label"),
        (valued(CAR, rectanglelabels=7), "invalid_label"),
        (valued(CAR, rectanglelabels=[7]), "invalid_label"),
        (valued(CAR, rectanglelabels=["Car", None]), "invalid_label"),
        ({**CAR, "score": "high"}, "invalid_score"),
        ({**CAR, "score": "nan"}, "invalid_score"),
        ({**CAR, "score": True}, "invalid_score"),
        ({**CAR, "score": [1]}, "invalid_score"),
        (valued(CAR, x="10"), "no_geometry"),
        (valued(CAR, x=None), "no_geometry"),
        (valued(CAR, x=1e9), "no_geometry"),
        (valued(CAR, x=10**400), "no_geometry"),
        (valued(CAR, width=-(10**400)), "no_geometry"),
        ({**CAR, "score": 10**400}, "invalid_score"),
        (valued(CAR, rotation="a"), "no_geometry"),
        (outline(7), "no_geometry"),
        ({**BRUSH, "value": {"brushlabels": ["Car"], "rle": [255] * 40}}, "no_geometry"),
        ({**BRUSH, "value": {"brushlabels": ["Car"], "rle": "x"}}, "no_geometry"),
    ],
)
def test_passes_over_what_cannot_be_read(
    ada: Caller, project: Project, region: Json, reason: str
) -> None:
    _, second = load(
        ada,
        project,
        [
            task("fine", truth=[CAR], said={"v1": [SAID]}),
            task("odd", truth=[CAR], said={"v1": [SAID, region]}),
        ],
    )
    found = computed(ada, project)

    assert cells(ada, found) == {("Car", "Car"): 2}
    assert found.ignored == [
        {
            "reason": reason,
            "side": "predictions",
            "regions": 1,
            "example": {"task": second, "region": region["id"]},
        }
    ]
    assert header(ada, found)["ignored"] == found.ignored


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # Drawn upwards and to the left; turned all the way round; a score as text.
        (valued(SAID, x=30, y=30, width=-20, height=-20), {("Car", "Car"): 1}),
        (valued(SAID, rotation=360), {("Car", "Car"): 1}),
        ({**SAID, "score": "0.9"}, {("Car", "Car"): 1}),
        (valued(SAID, rectanglelabels="Car"), {("Car", "Car"): 1}),
        (
            outline([[50, 50], [60, 60]], 0.9),
            {("Car", "background"): 1, ("background", "Car"): 1},
        ),
        (
            {**BRUSH, "value": {"brushlabels": ["Car"], "rle": []}},
            {("Car", "background"): 1, ("background", "Car"): 1},
        ),
    ],
)
def test_reads_what_tools_write(
    ada: Caller, project: Project, said: Json, expected: dict[tuple[str, str], int]
) -> None:
    found = one(ada, project, [CAR], [said])

    assert cells(ada, found) == expected
    assert found.ignored == []
    assert found.classes == ["Car", "Person"]


def test_a_turn_of_360_degrees_changes_no_number(ada: Caller, make_project: MakeProject) -> None:
    tables = []
    for rotation in (0, 360, 5e-14, -1e-9):
        made = make_project(ada, title=f"Turned by {rotation}")
        truth = valued(box("Car", 10.5, 10.5, 20, 20), rotation=rotation)
        found = one(ada, made, [truth], [SAID])
        assert found.iou_type == "bbox"
        tables.append(numbers(found))
    assert tables == [tables[0]] * 4


def test_labels_after_the_first_are_counted(ada: Caller, project: Project) -> None:
    found = one(ada, project, [valued(CAR, rectanglelabels=["Car", "Person"])], [SAID])

    assert cells(ada, found) == {("Car", "Car"): 1}
    [warning] = header(ada, found)["warnings"]
    assert (warning["reason"], warning["regions"]) == ("more_labels", 1)


@pytest.mark.parametrize(
    ("truth", "said", "side"),
    [
        ([valued(CAR, rectanglelabels=[])], [SAID], "ground truth"),
        ([CAR], [valued(SAID, x=None)], "predictions"),
        ([CAR], [KEYPOINT], "predictions"),
    ],
)
def test_fails_when_nothing_of_a_side_is_usable(
    ada: Caller, project: Project, truth: list[Json], said: list[Json], side: str
) -> None:
    found = one(ada, project, truth, said)

    assert found.status == "failed"
    assert found.failure_reason.startswith(f"No region of the {side} can be evaluated (")
    assert header(ada, found)["ignored"] != []


def test_an_ellipse_is_compared_where_it_is_asked_for(
    ada: Caller, make_project: MakeProject
) -> None:
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        '<Label value="Car"/></RectangleLabels><EllipseLabels name="round" toName="image">'
        '<Label value="Wheel"/></EllipseLabels></View>'
    )
    made = make_project(ada, config, title="Wheels")
    value = {"x": 70, "y": 70, "radiusX": 10, "radiusY": 5, "ellipselabels": ["Wheel"]}
    ellipse = {**CAR, "id": "e", "from_name": "round", "type": "ellipselabels", "value": value}
    found = one(ada, made, [CAR, ellipse], [SAID, {**ellipse, "score": 0.8}])

    assert found.task_type == "object-detection"
    assert cells(ada, found) == {("Car", "Car"): 1}
    assert [one["reason"] for one in found.ignored] == ["other_control"] * 2
    wheels = computed(ada, made, control="round")
    assert wheels.task_type == "instance-segmentation"
    assert cells(ada, wheels) == {("Wheel", "Wheel"): 1}


# Filters speak of the class asked for; every name can be asked for.


def test_filters_speak_of_the_class(ada: Caller, project: Project) -> None:
    person = box("Person", 60, 60, 20, 20)
    load(
        ada,
        project,
        [
            task("a", truth=[CAR, person], said={"v1": [SAID]}),
            task("b", truth=[CAR], said={"v1": []}),
            task("c", truth=[CAR], said={"v1": [box("Person", 10, 10, 20, 20, 0.9)]}),
        ],
    )
    found = computed(ada, project)

    def total(**query: Any) -> int:
        path = f"/lab/model-evals/{found.eval_id}/image-predictions"
        return int(ada.client.get(path, query).json()["totalImages"])

    assert total(**{"class": "Car", "minFalseNegatives": 1}) == 2
    assert total(**{"class": "Person", "minFalseNegatives": 1}) == 1
    assert total(**{"class": "Car", "minFalsePositives": 1}) == 0
    assert total(**{"class": "Person", "minFalsePositives": 1}) == 1
    assert total(minFalseNegatives=1) == 3


def test_classes_of_any_name_can_be_asked_for(ada: Caller, make_project: MakeProject) -> None:
    names = ["background", " lead", "trail ", "a,b", "a", "a>b: c"]
    labels = "".join(f'<Label value="{name}"/>' for name in names)
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )
    made = make_project(ada, config, title="Names")
    after = dict(zip(names, [*names[1:], names[0]], strict=True))
    load(
        ada,
        made,
        [
            task(
                "x",
                truth=[box(name, 10, 10, 20, 20)],
                said={"v1": [box(after[name], 10, 10, 20, 20, 0.9)]},
            )
            for name in names
        ],
    )
    found = computed(ada, made)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"

    assert found.classes == names
    for name in names:
        cell = ada.client.get(path, {"cell": f"{name},{after[name]}"}).json()
        assert cell["totalImages"] == 1, name
        assert ada.client.get(path, {"class": name}).json()["totalImages"] == 2, name
    # The matrix's own background has another name.
    matrix = ada.client.get(f"/lab/model-evals/{found.eval_id}/confusion-matrix").json()
    assert matrix["classes"] == [*names, "(background)"]
    missed = task("missed", truth=[box("background", 10, 10, 20, 20)], said={"v1": []})
    load(ada, made, [missed])
    path = f"/lab/model-evals/{computed(ada, made).eval_id}/image-predictions"
    for cell in ("background,(background)", "0,6", "[0,6]"):
        assert ada.client.get(path, {"cell": cell}).json()["totalImages"] == 1, cell
    table: Any = ada.client.get(path, {"format": "csv"})
    rows = csv.DictReader(io.StringIO(b"".join(table.streaming_content).decode()))
    assert [row["confusion"] for row in rows] == [
        'background>" lead":1',
        '" lead">"trail ":1',
        '"trail ">a,b:1',
        "a,b>a:1",
        'a>"a>b: c":1',
        '"a>b: c">background:1',
        "background>(background):1",
    ]


def test_a_worker_that_takes_over_settles_the_controls_again(
    ada: Caller, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: Any, **kwargs: Any) -> Any:
        raise SystemExit

    made = make_project(ada, BOTH, title="Again")
    load(ada, made, [task("a", truth=both_of(), said={"v1": both_of(0.8)})])
    wanted = values(made, taskType="object-detection")
    found = requests.create(wanted, workspace_id=ada.access.workspace_id)
    with monkeypatch.context() as stopping:
        stopping.setattr(run, "count_images", stopped)
        with pytest.raises(SystemExit):
            run.run(found.pk)
    found.refresh_from_db()
    assert (found.status, found.reading["not_in_truth"]) == ("running", ["outline"])
    run.run(found.pk)
    found.refresh_from_db()
    assert cells(ada, found) == {("Car", "Car"): 2}
    assert found.reading["not_in_truth"] == found.reading["not_in_said"] == ["outline"]
