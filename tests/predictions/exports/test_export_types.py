"""What the files of a project's export hold, type by type: whole documents."""

import csv
import io
import json
import re
import zipfile
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from label_studio_sdk.converter.brush import mask2rle
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import A_MOMENT, IMAGE_CONFIG, TEXT_CONFIG, Caller, MakeProject

SHAPES_CONFIG = """<View>
<Image name="image" value="$photo.url"/>
<RectangleLabels name="box" toName="image">
<Label value="Zebra"/><Label value="Car"/>
</RectangleLabels>
<PolygonLabels name="outline" toName="image"><Label value="Road"/></PolygonLabels>
<BrushLabels name="mask" toName="image"><Label value="Sky" category="9"/></BrushLabels>
<EllipseLabels name="round" toName="image"><Label value="Ball"/></EllipseLabels>
<KeyPointLabels name="click" toName="image"><Label value="Prompt"/></KeyPointLabels>
<Choices name="weather" toName="image"><Choice value="rain"/></Choices>
</View>"""
WIDTH, HEIGHT = 40, 20
MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
MASK[5:15, 5:20] = 255


# 10 x 4 pixels at (20, 10), turned about that corner by 45 degrees.
HALF, MORE = 10 / 2**0.5, 4 / 2**0.5
TURNED = [20, 10, 20 + HALF, 10 + HALF, 20 + HALF - MORE, 10 + HALF + MORE, 20 - MORE, 10 + MORE]


def shape(kind: str, name: str, label: Any, score: Any = None, **value: Any) -> dict[str, Any]:
    labels = label if isinstance(label, list) else [label]
    made = {
        "id": f"{name}-{labels}-{value.get('x')}",
        "from_name": name,
        "to_name": "image",
        "type": kind,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "value": {**value, kind: labels},
    }
    return made if score is None else {**made, "score": score}


def box(label: Any, x: float, y: float, w: float, h: float, score: Any = None, **value: Any) -> Any:
    place = {"x": x, "y": y, "width": w, "height": h, "rotation": 0, **value}
    return shape("rectanglelabels", "box", label, score, **place)


def outline(*points: list[float], score: Any = None) -> Any:
    return shape("polygonlabels", "outline", "Road", score, points=list(points))


def brush(rle: Any, score: Any = None) -> Any:
    return shape("brushlabels", "mask", "Sky", score, format="rle", rle=rle)


@pytest.fixture
def shapes(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, SHAPES_CONFIG)


def fill(caller: Caller, project: Project, *tasks: dict[str, Any]) -> list[int]:
    body = [{"data": {"photo": {"url": f"http://x.y/{n}.jpg"}}, **t} for n, t in enumerate(tasks)]
    path = f"/api/projects/{project.pk}/import?return_task_ids=true"
    response = caller.client.post(path, body, format="json")
    assert response.status_code == 201, response.content
    ids: list[int] = response.json()["task_ids"]
    return ids


def content(caller: Caller, project: Project, export_type: str, **query: Any) -> bytes:
    parameters = {"exportType": export_type, **query}
    response = caller.client.get(f"/api/projects/{project.pk}/export", parameters)
    assert response.status_code == 200
    return b"".join(response)


def files(caller: Caller, project: Project, export_type: str, **query: Any) -> dict[str, bytes]:
    packed = zipfile.ZipFile(io.BytesIO(content(caller, project, export_type, **query)))
    assert packed.testzip() is None
    assert len(packed.namelist()) == len(set(packed.namelist()))
    return {name: packed.read(name) for name in packed.namelist()}


def coco_of(caller: Caller, project: Project, source: str = "annotations") -> Any:
    (name, text), *others = files(caller, project, "COCO", source=source).items()
    assert (name, others) == ("result.json", [])
    return json.loads(text)


def predicted(*results: Any, **more: Any) -> dict[str, Any]:
    return {
        "predictions": [
            {"result": result, "model_version": f"v{n}", **more} for n, result in enumerate(results)
        ]
    }


def annotated(*results: Any, **more: Any) -> dict[str, Any]:
    return {"annotations": [{"result": result, **more} for result in results]}


# Of pycocotools under numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco(ada: Caller, shapes: Project) -> None:
    result = [
        box("Car", 10, 10, 20, 50, 0.75),
        box("Zebra", 50, 50, 25, 20, "0.5", rotation=45),
        outline([0, 0], [50, 0], [50, 50], score=0.25),
        brush(mask2rle(MASK)),
        shape("ellipselabels", "round", "Ball", x=50, y=50, radiusX=10, radiusY=20),
        shape("choices", "weather", "rain"),
        shape("keypointlabels", "click", "Prompt", x=1, y=1, width=1),
        box([], 1, 1, 1, 1),
    ]
    tasks = fill(ada, shapes, predicted(result, score=0.125), annotated([]), predicted([]))
    coco = coco_of(ada, shapes, "predictions")
    ids = Prediction.objects.order_by("id").values_list("pk", flat=True)
    info = coco.pop("info")
    assert {name: info[name] for name in ("tasksOfUnknownSize", "regionsLeftOut")} == {
        "tasksOfUnknownSize": [],
        "regionsLeftOut": 2,
    }
    assert coco["images"] == [
        {"width": WIDTH, "height": HEIGHT, "id": tasks[0], "file_name": f"{tasks[0]}-0.jpg"},
        # No region of it tells its size.
        {"width": 0, "height": 0, "id": tasks[2], "file_name": f"{tasks[2]}-2.jpg"},
    ]
    # As Label Studio numbers them.
    assert coco["categories"] == [
        {"id": 0, "name": "Ball", "keypoints": ["Prompt"], "skeleton": []},
        {"id": 1, "name": "Car", "keypoints": ["Prompt"], "skeleton": []},
        {"id": 2, "name": "Road", "keypoints": ["Prompt"], "skeleton": []},
        {"id": 3, "name": "Zebra", "keypoints": ["Prompt"], "skeleton": []},
        {"id": 9, "name": "Sky", "keypoints": ["Prompt"], "skeleton": []},
    ]
    plain, turned, polygon, painted, ball = coco["annotations"]
    same = {
        "image_id": tasks[0],
        "ignore": 0,
        "iscrowd": 0,
        "keypoints": [0, 0, 0],
        "num_keypoints": 0,
        "model_version": "v0",
        "prediction_id": ids[0],
    }
    assert plain == same | {
        "id": 1,
        "category_id": 1,
        "segmentation": [],
        "bbox": [4, 2, 8, 10],
        "area": 80,
        "score": 0.75,
    }
    assert turned.pop("segmentation") == [pytest.approx(TURNED)]
    assert turned.pop("bbox") == pytest.approx([20 - MORE, 10, HALF + MORE, HALF + MORE])
    assert turned.pop("area") == pytest.approx(40)
    assert turned == same | {"id": 2, "category_id": 3, "score": 0.5}
    assert polygon == same | {
        "id": 3,
        "category_id": 2,
        "segmentation": [[0, 0, 20, 0, 20, 10]],
        "bbox": [0, 0, 20, 10],
        "area": 100,
        "score": 0.25,
    }
    rle = painted.pop("segmentation")
    assert np.array_equal(coco_mask.decode(rle) > 0, MASK > 0)
    assert painted == same | {
        "id": 4,
        "category_id": 9,
        "bbox": [5, 5, 15, 10],
        "area": 150,
        "score": 0.125,
    }
    assert ball["bbox"] == [16, 6, 8, 8]
    assert ball["area"] == pytest.approx(np.pi * 16, rel=0.002)


def test_what_a_file_told_of_objects_is_told_again(ada: Caller, boxes: Project) -> None:
    crowd = {**box("Car", 10, 10, 20, 50), "meta": {"iscrowd": 1, "area": 77.5}}
    import_boxes(ada, boxes, annotated([crowd, box("Car", 50, 50, 20, 50)]))
    coco = coco_of(ada, boxes)["annotations"]
    assert [(one["iscrowd"], one["area"]) for one in coco] == [(1, 77.5), (0, 80)]
    ((_, text),) = files(ada, boxes, "VOC", source="annotations").items()
    assert re.findall("<difficult>(.)<", text.decode()) == ["1", "0"]
    import_boxes(ada, boxes, predicted([crowd]))
    (said,) = coco_of(ada, boxes, "predictions")["annotations"]
    assert (said["iscrowd"], said["area"]) == (0, 80)


def test_coco_is_read_by_its_own_tools(ada: Caller, shapes: Project, tmp_path: Any) -> None:
    result = [
        box("Car", 10, 10, 20, 50),
        outline([0, 0], [50, 0], [50, 50]),
        # Two points are no outline, and an erased mask covers nothing.
        outline([10, 10], [20, 20]),
        brush([]),
        brush(mask2rle(MASK)),
    ]
    fill(ada, shapes, annotated(result), annotated([]))
    path = tmp_path / "result.json"
    path.write_bytes(files(ada, shapes, "COCO")["result.json"])
    coco = COCO(path)
    areas = [int(coco_mask.area(coco.annToRLE(one))) for one in coco.dataset["annotations"][1:]]
    assert areas == [100, 0, 0, 150]
    assert [len(coco.getAnnIds(imgIds=[image])) for image in coco.getImgIds()] == [5, 0]
    assert [one["annotation_id"] for one in coco.dataset["annotations"]] == [
        Annotation.objects.order_by("id")[0].pk
    ] * 5
    assert not any("score" in one for one in coco.dataset["annotations"])


def test_versions_of_one_task(ada: Caller, shapes: Project) -> None:
    tasks = fill(
        ada,
        shapes,
        predicted([box("Car", 0, 0, 10, 10)], [box("Car", 50, 0, 10, 10)], [], score=0.5),
        predicted([box("Car", 0, 0, 10, 10, 0.25)]),
    )
    for version in ("v1", None, "v/1"):
        fields = {"task_id": tasks[1], "project": shapes, "model_version": version}
        Prediction.objects.create(result=[box("Car", 0, 0, 20, 20)], **fields)
    coco = coco_of(ada, shapes, "predictions")
    assert [one["id"] for one in coco["images"]] == tasks
    found = [(one["image_id"], one["model_version"], one["bbox"]) for one in coco["annotations"]]
    assert found == [
        (tasks[0], "v0", [0, 0, 4, 2]),
        (tasks[0], "v1", [20, 0, 4, 2]),
        (tasks[1], "v0", [0, 0, 4, 2]),
        (tasks[1], "v1", [0, 0, 8, 4]),
        (tasks[1], None, [0, 0, 8, 4]),
        (tasks[1], "v/1", [0, 0, 8, 4]),
    ]
    names = [
        f"{tasks[0]}-0__v0",
        f"{tasks[0]}-0__v1",
        f"{tasks[0]}-0__v2",
        f"{tasks[1]}-1__v0",
        f"{tasks[1]}-1__v1",
        f"{tasks[1]}-1__unversioned",
        f"{tasks[1]}-1__v_1",
    ]
    labels = files(ada, shapes, "YOLO", source="predictions")
    assert list(labels) == [*(f"labels/{n}.txt" for n in names), "classes.txt", "notes.json"]
    voc = files(ada, shapes, "VOC", source="predictions")
    assert list(voc) == [f"Annotations/{name}.xml" for name in names]


def test_names_that_would_be_the_same(ada: Caller, shapes: Project) -> None:
    (task,) = fill(ada, shapes, {})
    fields = {"task_id": task, "project": shapes, "result": []}
    _, second, third = (
        Prediction.objects.create(model_version=version, **fields).pk
        for version in ("a b", "a/b", "a/b")
    )
    names = list(files(ada, shapes, "YOLO", source="predictions"))[:3]
    stem = f"labels/{task}-0__a_b"
    assert names == [f"{stem}.txt", f"{stem}__{second}.txt", f"{stem}__{third}.txt"]
    # A version that is called as the next one would be.
    next_ = third + 1000
    for pk, version in ((next_ - 1, f"a_b__{next_}"), (next_, "a_b")):
        Prediction.objects.create(pk=pk, model_version=version, **fields)
    names = list(files(ada, shapes, "YOLO", source="predictions"))[3:5]
    assert names == [f"{stem}__{next_}.txt", f"{stem}__{next_}__{next_}.txt"]


def test_annotations_of_one_task(ada: Caller, shapes: Project) -> None:
    (task,) = fill(ada, shapes, annotated([box("Car", 0, 0, 10, 10)], [box("Car", 0, 0, 20, 20)]))
    first, second = Annotation.objects.order_by("id").values_list("pk", flat=True)
    coco = coco_of(ada, shapes)
    assert [one["id"] for one in coco["images"]] == [task]
    assert [one["annotation_id"] for one in coco["annotations"]] == [first, second]
    names = [f"labels/{task}-0__{one}.txt" for one in (first, second)]
    assert list(files(ada, shapes, "YOLO"))[:2] == names


@pytest.fixture
def boxes(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, IMAGE_CONFIG.replace('"label"', '"box"'))


def import_boxes(caller: Caller, project: Project, *tasks: dict[str, Any]) -> list[int]:
    return fill(caller, project, *({"data": {"image": "a.jpg"}, **task} for task in tasks))


@pytest.mark.parametrize(
    ("region", "yolo", "obb", "voc"),
    [
        (
            box("Person", 10, 10, 20, 50),
            "1 0.2 0.35 0.2 0.5",
            "1 0.1 0.1 0.3 0.1 0.3 0.6 0.1 0.6",
            (4, 2, 12, 12),
        ),
        # 12 x 4 pixels at (8, 4): by a quarter about that corner.
        (
            box("Person", 20, 20, 30, 20, rotation=90),
            "1 0.15 0.5 0.1 0.6",
            "1 0.1 0.2 0.2 0.2 0.2 0.8 0.1 0.8",
            (4, 4, 8, 16),
        ),
        # Drawn towards the left and upwards.
        (
            box("Person", 30, 60, -20, -50),
            "1 0.2 0.35 0.2 0.5",
            "1 0.1 0.1 0.3 0.1 0.3 0.6 0.1 0.6",
            (4, 2, 12, 12),
        ),
        (
            box("Person", 1 / 3, 0, 10, 10),
            "1 0.053333333325 0.05 0.1 0.1",
            "1 0.003333333325 0 0.103333333325 0 0.103333333325 0.1 0.003333333325 0.1",
            (0.133333, 0, 4.133333, 2),
        ),
    ],
)
def test_boxes(
    ada: Caller, boxes: Project, region: Any, yolo: str, obb: str, voc: tuple[float, ...]
) -> None:
    (task,) = import_boxes(ada, boxes, annotated([region]) | predicted([{**region, "score": 0.5}]))
    for source, end in (("annotations", ""), ("predictions", " 0.5")):
        for export_type, line in (("YOLO", yolo), ("YOLO_OBB", obb)):
            assert files(ada, boxes, export_type, source=source) == {
                f"labels/{task}-a.txt": f"{line}{end}\n".encode(),
                "classes.txt": b"Car\nPerson\n",
                "notes.json": b'{\n  "categories": [\n    {\n      "id": 0,\n      "name": "Car"\n'
                b'    },\n    {\n      "id": 1,\n      "name": "Person"\n    }\n  ],\n  "info": {\n'
                b'    "version": "1.0",\n    "contributor": "Predictions API"\n  }\n}',
            }
    root = ElementTree.fromstring(files(ada, boxes, "VOC")[f"Annotations/{task}-a.xml"])
    found = [root.findtext(f"object/bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
    assert [float(text or "") for text in found] == list(voc)


def test_turned_boxes(ada: Caller, boxes: Project) -> None:
    import_boxes(ada, boxes, annotated([box("Car", 50, 50, 25, 20, rotation=45)]))
    line = next(iter(files(ada, boxes, "YOLO_OBB").values())).split()
    shares = [x / (HEIGHT if at % 2 else WIDTH) for at, x in enumerate(TURNED)]
    assert [float(text) for text in line[1:]] == pytest.approx(shares, abs=1e-7)
    line = next(iter(files(ada, boxes, "YOLO").values())).split()
    wide = HALF + MORE
    shares = [(20 - MORE + wide / 2) / WIDTH, (10 + wide / 2) / HEIGHT, wide / WIDTH, wide / HEIGHT]
    assert [float(text) for text in line[1:]] == pytest.approx(shares, abs=1e-7)


@pytest.mark.parametrize(
    ("points", "line"),
    [
        # An outline of four points is a turned box; of any other number it has bounds.
        ([[15, 10], [20, 21], [18, 25], [12.5, 15]], "2 0.15 0.1 0.2 0.21 0.18 0.25 0.125 0.15"),
        ([[15, 10], [20, 21], [12.5, 15]], "2 0.125 0.1 0.2 0.1 0.2 0.21 0.125 0.21"),
    ],
)
def test_outlines_as_turned_boxes(
    ada: Caller, shapes: Project, points: list[list[float]], line: str
) -> None:
    fill(ada, shapes, annotated([outline(*points)]))
    assert next(iter(files(ada, shapes, "YOLO_OBB").values())).decode().strip() == line


def test_voc(ada: Caller, boxes: Project) -> None:
    region = box("\x02<Car & Co>", 10, 10, 20, 50, 0.75)
    task, empty = import_boxes(ada, boxes, predicted([region]), predicted([]))
    found = files(ada, boxes, "VOC", source="predictions")
    start = f"""<?xml version='1.0' encoding='utf-8'?>
<annotation>
    <folder>images</folder>
    <filename>{task}-a.jpg</filename>
    <source>
        <database>Predictions API</database>
        <model_version>v0</model_version>
    </source>
    <owner>
        <name>Label Studio</name>
    </owner>
    <size>
        <width>40</width>
        <height>20</height>
        <depth>3</depth>
    </size>
    <segmented>0</segmented>
"""
    assert found[f"Annotations/{task}-a.xml"].decode() == (
        start
        + """    <object>
        <name>\ufffd&lt;Car &amp; Co&gt;</name>
        <pose>Unspecified</pose>
        <truncated>0</truncated>
        <difficult>0</difficult>
        <score>0.75</score>
        <bndbox>
            <xmin>4</xmin>
            <ymin>2</ymin>
            <xmax>12</xmax>
            <ymax>12</ymax>
        </bndbox>
    </object>
</annotation>"""
    )
    nothing = start.replace(f"{task}-a", f"{empty}-a").replace("40<", "0<").replace("20<", "0<")
    assert found[f"Annotations/{empty}-a.xml"].decode() == nothing + "</annotation>"


def test_polygons_and_masks_as_yolo(ada: Caller, make_project: MakeProject) -> None:
    start, _, rest = SHAPES_CONFIG.partition("<KeyPointLabels")
    config = start + rest.partition("</KeyPointLabels>")[2]
    project = make_project(ada, config)
    result = [
        outline([0, 0], [50, 0], [50, 50]),
        brush(mask2rle(MASK)),
        box(["Car", "Zebra"], 0, 0, 50, 50),
    ]
    fill(ada, project, predicted(result))
    lines = next(iter(files(ada, project, "YOLO", source="predictions").values())).decode()
    # Ball, Car, Road, Zebra, and Sky with its category of 9.
    assert lines.splitlines() == [
        "2 0 0 0.5 0 0.5 0.5 1",
        "4 0.3125 0.5 0.375 0.5 1",
        "1 0.25 0.25 0.5 0.5 1",
        "3 0.25 0.25 0.5 0.5 1",
    ]


POSE_CONFIG = IMAGE_CONFIG.replace(
    "</View>",
    '<KeyPointLabels name="joint" toName="image"><Label value="nose" model_index="1"/>'
    '<Label value="eye" model_index="0"/></KeyPointLabels></View>',
)


def test_key_points(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, POSE_CONFIG)
    person = box("Person", 0, 0, 50, 50)
    nose = shape("keypointlabels", "joint", "nose", x=10, y=20, width=1)
    stray = shape("keypointlabels", "joint", "eye", x=10, y=20, width=1)
    result = [person, {**nose, "parentID": person["id"]}, stray]
    import_boxes(ada, project, annotated(result))
    coco = coco_of(ada, project)
    assert [one["keypoints"] for one in coco["categories"]] == [["eye", "nose"]] * 2
    (found,) = coco["annotations"]
    assert (found["keypoints"], found["num_keypoints"]) == ([0, 0, 0, 4, 4, 2], 1)
    assert coco["info"]["regionsLeftOut"] == 1
    line = next(iter(files(ada, project, "YOLO").values())).decode()
    assert line == "1 0.25 0.25 0.5 0.5 0 0 0 0.1 0.2 2\n"


def test_one_image_has_one_size(ada: Caller, boxes: Project) -> None:
    told = box("Car", 10, 10, 20, 50)
    resized = {**told, "original_width": 640, "original_height": 640}
    unsized = {key: value for key, value in told.items() if not key.startswith("original")}
    tasks = import_boxes(
        ada,
        boxes,
        {"annotations": [{"result": [resized]}, {"result": [told], "ground_truth": True}]}
        | predicted([resized, unsized]),
        predicted([resized, unsized]),
        predicted([unsized]),
        predicted([resized]) | {"meta": {"image_size": {"width": 400, "height": 200}}},
    )
    coco = coco_of(ada, boxes, "predictions")
    sizes = [(one["width"], one["height"]) for one in coco["images"]]
    assert sizes == [(WIDTH, HEIGHT), (640, 640), (100, 100), (400, 200)]
    assert [one["bbox"] for one in coco["annotations"]] == [
        [4, 2, 8, 10],
        [4, 2, 8, 10],
        [64, 64, 128, 320],
        [64, 64, 128, 320],
        [10, 10, 20, 50],
        [40, 20, 80, 100],
    ]
    assert coco["info"]["tasksOfUnknownSize"] == [tasks[2]]


def test_a_version_alone_has_the_images_in_the_size_that_all_have(
    ada: Caller, boxes: Project
) -> None:
    """Each version tells the size that it had the image in, the ground truth none."""
    said = box("Car", 10, 10, 20, 50)
    sides = {"v1": 200.5, "v2": 640}
    unsized = {**said, "original_width": None, "original_height": None}
    versions = [
        {
            "model_version": version,
            "result": [said | {"original_width": side, "original_height": side}],
        }
        for version, side in sides.items()
    ]
    truth = {"annotations": [{"result": [unsized], "ground_truth": True}]}
    import_boxes(ada, boxes, {**truth, "predictions": versions})
    (object_,) = coco_of(ada, boxes)["annotations"]
    assert object_["bbox"] == [20.05, 20.05, 40.1, 100.25]
    for version in sides:
        query = {"source": "predictions", "model_version": version}
        document = json.loads(files(ada, boxes, "COCO", **query)["result.json"])
        assert [(one["width"], one["height"]) for one in document["images"]] == [(200, 200)]
        assert [one["bbox"] for one in document["annotations"]] == [object_["bbox"]]


def test_labels_in_an_entry_of_their_own(ada: Caller, make_project: MakeProject) -> None:
    config = (
        '<View><Image name="image" value="$image"/><Rectangle name="box" toName="image"/>'
        '<Labels name="what" toName="image"><Label value="Car" alias="c"/></Labels></View>'
    )
    project = make_project(ada, config)
    place = shape("rectangle", "box", "", x=0, y=0, width=50, height=50, rotation=0)
    place = {**place, "id": "r", "value": {**place["value"], "rectangle": None}}
    label = {**shape("labels", "what", "Car", 0.5), "id": "r"}
    import_boxes(ada, project, predicted([place, label]))
    coco = coco_of(ada, project, "predictions")
    assert coco["categories"] == [{"id": 0, "name": "c"}]
    found = [(one["category_id"], one["score"], one["bbox"]) for one in coco["annotations"]]
    assert found == [(0, 0.5, [0, 0, 20, 10])]
    import_boxes(ada, project, annotated([place, {**label, "meta": {"iscrowd": 1, "area": 5}}]))
    (crowd,) = coco_of(ada, project)["annotations"]
    assert (crowd["iscrowd"], crowd["area"]) == (1, 5)


def test_labels_that_the_config_does_not_know(ada: Caller, boxes: Project) -> None:
    import_boxes(ada, boxes, annotated([box("Tram", 0, 0, 10, 10), box("Bus", 0, 0, 10, 10)]))
    coco = coco_of(ada, boxes)
    assert [one["name"] for one in coco["categories"]] == ["Car", "Person", "Tram", "Bus"]
    assert [one["category_id"] for one in coco["annotations"]] == [2, 3]
    found = files(ada, boxes, "YOLO")
    assert found["classes.txt"].split() == [b"Car", b"Person", b"Tram", b"Bus"]


@pytest.mark.parametrize("source", ["annotations", "predictions"])
def test_masks(ada: Caller, shapes: Project, source: str) -> None:
    result = [
        brush(mask2rle(MASK)),
        outline([0, 0], [50, 0], [50, 50]),
        brush([]),
        {**brush(mask2rle(MASK)), "original_width": 7},
    ]
    (task,) = fill(ada, shapes, annotated(result) | predicted(result))
    row: Any = (Annotation if source == "annotations" else Prediction).objects.get()
    by = "v0" if source == "predictions" else row.completed_by_id
    stem = f"task-{task}-{source[:-1]}-{row.pk}-by-{by}-mask-Sky"
    pictures = files(ada, shapes, "BRUSH_TO_PNG", source=source)
    assert list(pictures) == [f"{stem}-0.png", f"{stem}-1.png"]
    shown = [np.asarray(Image.open(io.BytesIO(one))) for one in pictures.values()]
    arrays = files(ada, shapes, "BRUSH_TO_NUMPY", source=source)
    assert list(arrays) == [f"{stem}-0.npy", f"{stem}-1.npy"]
    loaded = [np.load(io.BytesIO(one), allow_pickle=False) for one in arrays.values()]
    for found in (shown, loaded):
        assert [one.dtype for one in found] == [np.uint8] * 2
        assert np.array_equal(found[0], MASK)
        assert np.array_equal(found[1], MASK * 0)
    same = json.loads(files(ada, shapes, "BRUSH_TO_COCO", source=source)["result.json"])
    assert same["annotations"] == coco_of(ada, shapes, source)["annotations"]
    assert [one["area"] for one in same["annotations"]] == [150, 100, 0]


CHOICE = {
    "from_name": "sentiment",
    "to_name": "text",
    "type": "choices",
    "value": {"choices": ["pos"]},
}


def test_controls_that_are_called_as_a_fact_keep_their_column(
    ada: Caller, make_project: MakeProject
) -> None:
    named = TEXT_CONFIG.replace('"sentiment"', '"score"')
    project = make_project(ada, named)
    body = [
        {
            "data": {"text": "a"},
            "predictions": [{"result": [{**CHOICE, "from_name": "score"}], "score": 0.25}],
        },
        {"data": {"text": "b"}, "predictions": [{"result": [], "score": 0.75}]},
    ]
    path = f"/api/projects/{project.pk}/import"
    assert ada.client.post(path, body, format="json").status_code == 201
    rows = json.loads(content(ada, project, "JSON_MIN", source="predictions"))
    assert [(row.get("score"), row["_fact_score"]) for row in rows] == [("pos", 0.25), (None, 0.75)]
    text = content(ada, project, "CSV", source="predictions").decode()
    table = list(csv.DictReader(io.StringIO(text)))
    assert [(row["score"], row["_fact_score"]) for row in table] == [("pos", "0.25"), ("", "0.75")]


def test_tables(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, TEXT_CONFIG)
    both = {**CHOICE, "value": {"choices": ["pos", "neg"]}, "score": 0.5}
    odd = [{"type": "relation"}, {"from_name": "extra", "value": None}]
    body = [
        {
            "data": {"text": 'a, "b"\nc', "id": 7, "sentiment": "?", "more": [1, {"x": None}]},
            "predictions": [{"result": [CHOICE], "model_version": "v1", "score": 0.25}],
        },
        {"data": {"text": "d", "score": 3}, "predictions": [{"result": [both, *odd]}]},
        {"data": {"text": "e"}},
    ]
    path = f"/api/projects/{project.pk}/import"
    assert ada.client.post(path, body, format="json").status_code == 201
    first, second = Prediction.objects.order_by("id")
    facts = {"created_at": A_MOMENT, "updated_at": A_MOMENT, "annotator": None, "lead_time": None}
    rows = json.loads(content(ada, project, "JSON_MIN", source="predictions"))
    assert rows == [
        {
            "text": 'a, "b"\nc',
            "_data_id": 7,
            "_data_sentiment": "?",
            "more": [1, {"x": None}],
            "id": first.task_id,
            "annotation_id": first.pk,
            "model_version": "v1",
            "score": 0.25,
            "sentiment": "pos",
            **facts,
        },
        {
            "text": "d",
            "_data_score": 3,
            "id": second.task_id,
            "annotation_id": second.pk,
            "model_version": "undefined",
            "score": None,
            "sentiment": {"choices": ["pos", "neg"], "score": 0.5},
            "extra": [None],
            **facts,
        },
    ]
    columns = sorted({name for row in rows for name in row})
    for export_type, separator in (("CSV", ","), ("TSV", "\t")):
        text = content(ada, project, export_type, source="predictions").decode()
        header, *cells = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        assert header == columns
        assert cells == [
            [
                json.dumps(value, separators=(",", ":"))
                if isinstance(value, list | dict)
                else ""
                if value is None
                else str(value)
                for value in (row.get(name) for name in columns)
            ]
            for row in rows
        ]


def test_tables_have_whole_numbers_in_full(ada: Caller, make_project: MakeProject) -> None:
    config = '<View><Text name="text" value="$text"/><Number name="n" toName="text"/></View>'
    project = make_project(ada, config)
    numbers = [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 12345678901234567890123, 10**400]
    result = [
        {"from_name": "n", "to_name": "text", "type": "number", "value": {"number": number}}
        for number in numbers
    ]
    data = {"text": "é", **{f"n{at}": number for at, number in enumerate(numbers)}, "all": numbers}
    body = {
        "data": data,
        "annotations": [{"result": result}],
        "predictions": [{"result": result}],
    }
    path = f"/api/projects/{project.pk}/import"
    assert ada.client.post(path, body, format="json").status_code == 201

    for source in ("annotations", "predictions"):
        (row,) = json.loads(content(ada, project, "JSON_MIN", source=source))
        assert {name: row[name] for name in data} == data
        assert row["n"] == [{"number": number} for number in numbers]
        for export_type, separator in (("CSV", ","), ("TSV", "\t")):
            text = content(ada, project, export_type, source=source).decode()
            (cells,) = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
            assert [cells[f"n{at}"] for at in range(len(numbers))] == [str(n) for n in numbers]
            assert cells["all"] == json.dumps(numbers, separators=(",", ":"))
            assert json.loads(cells["n"]) == row["n"]
            assert cells["text"] == "é"


@pytest.mark.parametrize(("export_type", "separator"), [("CSV", ","), ("TSV", "\t")])
def test_a_table_for_a_spreadsheet_has_no_formula(
    ada: Caller, make_project: MakeProject, export_type: str, separator: str
) -> None:
    project = make_project(ada, TEXT_CONFIG)
    data = {"text": "=1+1", "+key": "-2", "number": -2, "plain": "a=1"}
    body = [{"data": data, "predictions": [{"result": [CHOICE], "model_version": "@v"}]}]
    path = f"/api/projects/{project.pk}/import"
    assert ada.client.post(path, body, format="json").status_code == 201

    def row(**query: str) -> dict[str, str]:
        text = content(ada, project, export_type, source="predictions", **query).decode()
        [found] = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
        return found

    shown = ("text", "+key", "number", "plain", "model_version")
    assert [row()[name] for name in shown] == ["=1+1", "-2", "-2", "a=1", "@v"]
    escaped = row(escape="true")
    names = ("text", "'+key", "number", "plain", "model_version")
    assert [escaped[name] for name in names] == ["'=1+1", "'-2", "-2", "a=1", "'@v"]


def test_tables_of_annotations(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, TEXT_CONFIG)
    body = [
        {"data": {"text": "a"}, "annotations": [{"result": [CHOICE], "lead_time": 1.5}]},
        {"data": {"text": "b"}},
    ]
    ada.client.post(f"/api/projects/{project.pk}/import", body, format="json")
    one = Annotation.objects.get()
    first, second = Task.objects.order_by("id").values_list("pk", flat=True)
    found = {
        "text": "a",
        "id": first,
        "annotator": ada.user.pk,
        "annotation_id": one.pk,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "lead_time": 1.5,
        "sentiment": "pos",
    }
    nothing = {
        **dict.fromkeys(found.keys() - {"sentiment"}),
        "text": "b",
        "id": second,
    }
    assert json.loads(content(ada, project, "JSON_MIN")) == [found]
    all_tasks = content(ada, project, "JSON_MIN", download_all_tasks="true")
    assert json.loads(all_tasks) == [found, nothing]


@pytest.mark.parametrize("export_type", ["JSON", "JSON_MIN"])
def test_nothing(ada: Caller, project: Project, export_type: str) -> None:
    assert content(ada, project, export_type) == b"[]"


@pytest.mark.parametrize("export_type", ["CSV", "TSV"])
def test_a_table_of_nothing(ada: Caller, project: Project, export_type: str) -> None:
    separator = "," if export_type == "CSV" else "\t"
    names = ("annotation_id", "annotator", "created_at", "id", "lead_time", "updated_at")
    header = separator.join(f'"{name}"' for name in names)
    assert content(ada, project, export_type).decode() == f"{header}\r\n"


def test_an_empty_coco_file(ada: Caller, project: Project) -> None:
    coco = coco_of(ada, project)
    assert (coco["images"], coco["annotations"]) == ([], [])
    assert coco["categories"] == [{"id": 0, "name": "Car"}, {"id": 1, "name": "Person"}]


@pytest.mark.parametrize(
    ("export_type", "expected"),
    [
        ("JSON", "application/json"),
        ("CSV", "text/csv; charset=utf-8"),
        ("TSV", "text/tab-separated-values; charset=utf-8"),
        ("YOLO", "application/zip"),
    ],
)
def test_the_type_of_the_content(
    ada: Caller, project: Project, export_type: str, expected: str
) -> None:
    path = f"/api/projects/{project.pk}/export"
    assert ada.client.get(path, {"exportType": export_type})["Content-Type"] == expected


@pytest.mark.parametrize("export_type", ["YOLO", "YOLO_OBB"])
def test_yolo_has_scores_in_full(ada: Caller, boxes: Project, export_type: str) -> None:
    scores = [1e-15, 0.9999999999999999, 0.25, 1.0, 0.0]
    result = [box("Car", 10, 10, 20, 20, score) for score in scores]
    import_boxes(ada, boxes, predicted(result))
    text, *_ = files(ada, boxes, export_type, source="predictions").values()
    found = [line.rpartition(" ")[2] for line in text.decode().splitlines()]
    assert found == ["0.000000000000001", "0.9999999999999999", "0.25", "1", "0"]


def test_voc_has_scores_in_full(ada: Caller, boxes: Project) -> None:
    scores = [1e-7, 0.9999999999999, 0.25, 1.0, 0.0]
    result = [box("Car", 10, 10, 20, 20, score) for score in scores]
    import_boxes(ada, boxes, predicted(result))
    [text] = files(ada, boxes, "VOC", source="predictions").values()
    found = [one.text for one in ElementTree.fromstring(text).iter("score")]
    assert found == ["0.0000001", "0.9999999999999", "0.25", "1", "0"]
