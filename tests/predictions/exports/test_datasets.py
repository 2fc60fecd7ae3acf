"""What the data sets of other tools hold, format by format: whole documents."""

import contextlib
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import hotcoco
import numpy as np
import pytest
import yaml
from label_studio_sdk.converter.brush import mask2rle
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from predictions.exports.dataset import FORMATS
from predictions.models import Project, Task
from predictions.regions.geometry import rotated_corners
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.predictions.exports.test_export_types import MASK, annotated, coco_of, outline, shape
from tests.predictions.imports.datasets.loading import load

URL = "/api/predictions/export"
CONFIG = """<View>
<Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image">
<Label value="Zebra"/><Label value="Car"/>
</RectangleLabels>
<PolygonLabels name="outline" toName="image"><Label value="Road"/></PolygonLabels>
<BrushLabels name="mask" toName="image"><Label value="Sky"/></BrushLabels>
</View>"""
BOXES_CONFIG = """<View>
<Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image">
<Label value="Zebra"/><Label value="Car"/>
</RectangleLabels>
</View>"""
NAMES_CONFIG = """<View>
<Labels name="label" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>
<Text name="text" value="$text"/>
</View>"""


def box(label: Any, x: float, y: float, w: float, h: float, score: Any = None, **more: Any) -> Any:
    meta = {"meta": more.pop("meta")} if "meta" in more else {}
    place = {"x": x, "y": y, "width": w, "height": h, "rotation": 0, **more}
    return {**shape("rectanglelabels", "box", label, score, **place), **meta}


def fill(caller: Caller, project: Project, *tasks: dict[str, Any]) -> list[int]:
    path = f"/api/projects/{project.pk}/import?return_task_ids=true"
    response = caller.client.post(path, list(tasks), format="json")
    assert response.status_code == 201, response.content
    ids: list[int] = response.json()["task_ids"]
    return ids


def image(name: str, truth: Any = None, said: Any = None, **meta: Any) -> dict[str, Any]:
    task: dict[str, Any] = {"data": {"image": f"https://x.y/{name}"}, "meta": meta}
    if truth is not None:
        task |= annotated(truth, ground_truth=True)
    if said is not None:
        task["predictions"] = [{"result": said, "model_version": "v1"}]
    return task


def content(caller: Caller, project: Project, name: str, **query: Any) -> bytes:
    response = caller.client.get(URL, {"project": project.pk, "format": name, **query})
    assert response.status_code == 200, response.content
    return b"".join(response)


def files(caller: Caller, project: Project, name: str, **query: Any) -> dict[str, str]:
    packed = zipfile.ZipFile(io.BytesIO(content(caller, project, name, **query)))
    assert packed.testzip() is None
    return {name: packed.read(name).decode() for name in packed.namelist()}


def refusal(caller: Caller, project: Project, **query: Any) -> Any:
    response = caller.client.get(URL, {"project": project.pk, **query})
    assert response.status_code == 400, response.content
    return response.json()["validation_errors"]


TRUTH: dict[str, Any] = {"ground_truth": "true"}


@pytest.fixture
def shapes(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, CONFIG)


@pytest.fixture
def boxes(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, BOXES_CONFIG)


# Of pycocotools under numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco(ada: Caller, shapes: Project) -> None:
    truth = [
        box("Car", 10, 10, 20, 50, meta={"iscrowd": 1, "area": 77.5}),
        box("Zebra", 0, 0, 1.25, 5),
        outline([0, 0], [50, 0], [50, 50]),
        shape("brushlabels", "mask", "Sky", format="rle", rle=mask2rle(MASK)),
    ]
    said = [box("Car", 10, 10, 20, 50, 0.1), outline([0, 0], [50, 0], [50, 50], score=0.7)]
    fill(
        ada,
        shapes,
        image("a.jpg", truth, said, image_id="139", image_name="val/a.jpg"),
        image("b.jpg", [], [], image_id=785),
        image("c.jpg", None, [box("Zebra", 0, 0, 50, 50)], image_id="7"),
    )
    document = json.loads(content(ada, shapes, "coco", **TRUTH))
    rle = document["annotations"][3].pop("segmentation")
    assert np.array_equal(coco_mask.decode(rle) > 0, MASK > 0)
    assert document == {
        "images": [
            {"id": 139, "file_name": "val/a.jpg", "width": 40, "height": 20},
            {"id": 785, "file_name": "b.jpg"},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 139,
                "category_id": 2,
                "bbox": [4, 2, 8, 10],
                "area": 77.5,
                "iscrowd": 1,
            },
            {
                "id": 2,
                "image_id": 139,
                "category_id": 1,
                "bbox": [0, 0, 0.5, 1],
                "area": 0.5,
                "iscrowd": 0,
            },
            {
                "id": 3,
                "image_id": 139,
                "category_id": 3,
                "bbox": [0, 0, 20, 10],
                "segmentation": [[0, 0, 20, 0, 20, 10]],
                "area": 100,
                "iscrowd": 0,
            },
            {
                "id": 4,
                "image_id": 139,
                "category_id": 4,
                "bbox": [5, 5, 15, 10],
                "area": 150,
                "iscrowd": 0,
            },
        ],
        "categories": [
            {"id": 1, "name": "Zebra", "supercategory": ""},
            {"id": 2, "name": "Car", "supercategory": ""},
            {"id": 3, "name": "Road", "supercategory": ""},
            {"id": 4, "name": "Sky", "supercategory": ""},
        ],
    }
    assert json.loads(content(ada, shapes, "coco")) == [
        {"image_id": 139, "category_id": 2, "bbox": [4, 2, 8, 10], "score": 0.1},
        {
            "image_id": 139,
            "category_id": 3,
            "bbox": [0, 0, 20, 10],
            "segmentation": [[0, 0, 20, 0, 20, 10]],
            "score": 0.7,
        },
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 20, 10], "score": 1.0},
    ]


POSE_CONFIG = """<View>
<Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image">
<Label value="Cat" category="17"/><Label value="Dog" category="3"/>
</RectangleLabels>
<KeyPointLabels name="joint" toName="image">
<Label value="tail" model_index="1"/><Label value="nose" model_index="0"/>
</KeyPointLabels>
</View>"""


def joint(name: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    made = shape("keypointlabels", "joint", name, None, x=x, y=y, width=1)
    return {**made, "id": f"{name}-{x}", "parentID": "p", **more}


def test_poses(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, POSE_CONFIG)
    truth = [
        {**box("Dog", 10, 10, 20, 50), "id": "p"},
        joint("tail", 10, 10, meta={"hidden": 1}),
        joint("nose", 20, 50),
    ]
    fill(ada, project, image("a.jpg", truth, truth[:1], image_id="left"))
    document = json.loads(content(ada, project, "coco", **TRUTH))
    joints = {"keypoints": ["nose", "tail"], "skeleton": []}
    assert document == {
        "images": [{"id": "left", "file_name": "a.jpg", "width": 40, "height": 20}],
        "annotations": [
            {
                "id": 1,
                "image_id": "left",
                "category_id": 3,
                "bbox": [4, 2, 8, 10],
                "keypoints": [8, 10, 2, 4, 2, 1],
                "num_keypoints": 2,
                "area": 80,
                "iscrowd": 0,
            }
        ],
        "categories": [
            {"id": 17, "name": "Cat", "supercategory": "", **joints},
            {"id": 3, "name": "Dog", "supercategory": "", **joints},
        ],
    }
    assert json.loads(content(ada, project, "coco")) == [
        {
            "image_id": "left",
            "category_id": 3,
            "bbox": [4, 2, 8, 10],
            "keypoints": [0, 0, 0, 0, 0, 0],
            "num_keypoints": 0,
            "score": 1.0,
        }
    ]
    found = files(ada, project, "yolo", **TRUTH)
    assert found["labels/test/a.txt"] == "1 0.2 0.35 0.2 0.5 0.2 0.5 2 0.1 0.1 1\n"
    assert found["data.yaml"] == (
        "path: .\ntest: test.txt\ntask: pose\nkpt_shape: [2, 3]\n"
        'kpt_names:\n  0: ["nose","tail"]\n  1: ["nose","tail"]\n'
        'names:\n  0: "Cat"\n  1: "Dog"\n'
    )


def test_yolo(ada: Caller, shapes: Project) -> None:
    truth = [box("Car", 10, 10, 20, 50), outline([0, 0], [50, 0], [100 / 3, 50])]
    fill(
        ada,
        shapes,
        image("a%20b.jpg", truth, [box("Zebra", 0, 0, 10, 10, 0.1)], split="valid"),
        image("b.jpg", [], []),
    )
    data = (
        "path: .\ntest: test.txt\nval: val.txt\ntask: segment\n"
        'names:\n  0: "Zebra"\n  1: "Car"\n  2: "Road"\n  3: "Sky"\n'
    )
    lists = {
        "test.txt": "./images/test/b.jpg\n",
        "val.txt": "./images/val/a b.jpg\n",
        "data.yaml": data,
    }
    assert files(ada, shapes, "yolo", **TRUTH) == {
        "labels/val/a b.txt": "1 0.2 0.35 0.2 0.5\n2 0 0 0.5 0 0.333333325 0.5\n",
        "labels/test/b.txt": "",
        **lists,
    }
    assert files(ada, shapes, "yolo") == {
        "labels/val/a b.txt": "0 0.05 0.05 0.1 0.1 0.1\n",
        "labels/test/b.txt": "",
        **lists,
    }


def test_yolo_names_its_task_by_what_is_there(ada: Caller, boxes: Project) -> None:
    """Evaluations compare outlines with boxes, whatever the labelling config draws."""
    drawn = shape("polygonlabels", "outline", "Car", points=[[0, 0], [50, 0], [50, 50]])
    fill(ada, boxes, image("a.jpg", [box("Car", 10, 10, 20, 50)], [drawn]))
    told = [files(ada, boxes, "yolo", **side)["data.yaml"] for side in (TRUTH, {})]
    assert ["task: detect" in one for one in told] == [True, False]
    assert ["task: segment" in one for one in told] == [False, True]


def test_yolo_draws_ellipses(ada: Caller, shapes: Project) -> None:
    oval = shape("ellipselabels", "round", "Car", x=50, y=40, radiusX=10, radiusY=20)
    fill(ada, shapes, image("a.jpg", [oval], [{**oval, "score": 0.5}]))
    for side, score in ((TRUTH, []), ({}, [0.5])):
        _, *numbers = map(float, files(ada, shapes, "yolo", **side)["labels/test/a.txt"].split())
        assert numbers[128:] == score
        pairs = zip(numbers[0:128:2], numbers[1:128:2], strict=True)
        away = [((x - 0.5) / 0.1) ** 2 + ((y - 0.4) / 0.2) ** 2 for x, y in pairs]
        assert away == pytest.approx([1.0] * 64)


def test_turned_boxes(ada: Caller, boxes: Project) -> None:
    turned = box("Car", 50, 50, 25, 20, rotation=90.0)
    slanted = box("Zebra", 50, 50, 25, 20, 0.25, rotation=45.0)
    fill(ada, boxes, image("a.jpg", [turned], [slanted], image_name="a.jpg"))
    half, more = 10 / 2**0.5, 4 / 2**0.5
    corners = [
        20,
        10,
        20 + half,
        10 + half,
        20 + half - more,
        10 + half + more,
        20 - more,
        10 + more,
    ]
    (name, text), *_ = files(ada, boxes, "yolo-obb").items()
    assert (name, text[:2], text[-6:]) == ("labels/test/a.txt", "0 ", " 0.25\n")
    shares = [float(one) for one in text.split()[1:-1]]
    assert shares == pytest.approx([one / [40, 20][n % 2] for n, one in enumerate(corners)])
    said = files(ada, boxes, "dota")
    assert said["Task1_Car.txt"] == ""
    stem, score, *places = said["Task1_Zebra.txt"].split()
    assert (stem, score) == ("a", "0.25")
    assert [float(one) for one in places] == pytest.approx(corners)
    # By a quarter it is a box again.
    assert files(ada, boxes, "dota", **TRUTH) == {
        "labelTxt/a.txt": "16 10 20 10 20 20 16 20 Car 0\n"
    }


def test_voc(ada: Caller, boxes: Project) -> None:
    truth = [box("Car", 10, 10, 20, 50, meta={"iscrowd": 1})]
    said = [box("Car", 10, 10, 1.25, 50, 0.1)]
    fill(ada, boxes, image("a.jpg", truth, said), image("b.jpg", []))
    found = files(ada, boxes, "voc", **TRUTH)
    assert list(found) == ["Annotations/a.xml", "Annotations/b.xml", "ImageSets/Main/test.txt"]
    assert found["ImageSets/Main/test.txt"] == "a\nb\n"
    root = ElementTree.fromstring(found["Annotations/a.xml"])
    assert [root.findtext(one) for one in ("filename", "size/width", "size/height")] == [
        "a.jpg",
        "40",
        "20",
    ]
    assert {one.tag: (one.text or "").strip() for one in root.find("object") or ()} == {
        "name": "Car",
        "pose": "Unspecified",
        "truncated": "0",
        "difficult": "1",
        "bndbox": "",
    }
    corners = [one.text for one in root.find("object/bndbox") or ()]
    assert corners == ["5", "3", "12", "12"]
    root = ElementTree.fromstring(files(ada, boxes, "voc")["Annotations/a.xml"])
    assert [one.text for one in root.find("object/bndbox") or ()] == ["5", "3", "4.5", "12"]
    assert [root.findtext(one) for one in ("source/model_version", "object/score")] == ["v1", "0.1"]


def span(label: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [label]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def text(words: Any, truth: Any = None, said: Any = None, **data: Any) -> dict[str, Any]:
    task = image("", truth, said)
    return {**task, "data": {"text": words, **data}}


def test_conll(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, NAMES_CONFIG)
    fill(
        ada,
        project,
        text("Ada  Byron in Rome.", [span("LOC", 14, 18), span("PER", 0, 10)], []),
        text("Nothing here", [], [span("PER", 8, 12)]),
    )
    assert content(ada, project, "conll", **TRUTH).decode() == (
        "Ada B-PER\nByron I-PER\nin O\nRome B-LOC\n. O\n\nNothing O\nhere O\n\n"
    )
    assert content(ada, project, "conll").decode() == (
        "Ada O\nByron O\nin O\nRome O\n. O\n\nNothing O\nhere B-PER\n\n"
    )


def test_conll_has_the_stretches_that_evaluations_read(
    ada: Caller, make_project: MakeProject
) -> None:
    """Numbers as text, a region that does not say of which text, and one of a document."""
    project = make_project(ada, NAMES_CONFIG)
    strings, bare, whole = span("PER", 0, 3), span("LOC", 4, 6), span("PER", 7, 11)
    strings["value"] |= {"start": "0", "end": 3.0}
    del bare["to_name"]
    whole["value"] |= {"start": "/p[1]", "end": "/p[1]", "startOffset": 0, "endOffset": 4}
    whole["value"]["globalOffsets"] = {"start": 7, "end": 11}
    fill(ada, project, text("Ada in Rome", [strings, bare, whole], []))
    assert content(ada, project, "conll", **TRUTH).decode() == "Ada B-PER\nin B-LOC\nRome B-PER\n\n"


def test_conll_with_scores(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, NAMES_CONFIG.replace("LOC", "a place"))
    fill(ada, project, text("in Rome", None, [span("a place", 3, 7, score=0.125)]))
    fill(ada, project, text("to Oslo", None, [span("a place", 3, 7)]))
    assert content(ada, project, "conll").decode() == (
        "in\t_\tO\nRome\t0.125\tB-a place\n\nto\t_\tO\nOslo\t1\tB-a place\n\n"
    )


def choice(*labels: str, **more: Any) -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"from_name": "mood", "to_name": "text", "type": "choices", "value": value, **more}


MOODS_CONFIG = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text" choice="multiple">
<Choice value="good"/><Choice value="bad"/><Choice value="a;b"/>
</Choices></View>"""


def test_labels(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(
        ada,
        project,
        text("Gr,eat", [choice("good", "bad")], [choice("good", score=0.1)], source={"page": 1}),
        text("=1", [], [choice("bad")], url="u"),
    )
    assert content(ada, project, "labels-csv", **TRUTH).decode() == (
        'text,label,source,url\r\n"Gr,eat",good;bad,"{""page"":1}",\r\n=1,,,u\r\n'
    )
    assert content(ada, project, "labels-csv", escape="true").decode() == (
        'text,label,score,source,url\r\n"Gr,eat",good,0.1,"{""page"":1}",\r\n\'=1,bad,1,,u\r\n'
    )


def test_labels_have_whole_numbers_in_full(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(ada, project, text("x", [choice("good")], [], source=10**400, place=[2**64]))
    assert content(ada, project, "labels-csv", **TRUTH).decode() == (
        f"text,label,place,source\r\nx,good,[{2**64}],{10**400}\r\n"
    )


def test_texts_that_are_numbers_stay_there(ada: Caller, make_project: MakeProject) -> None:
    """As imports of tables make them; loaded again they are of the same tasks."""
    project = make_project(ada, MOODS_CONFIG, title="Numbers")
    fill(ada, project, text(7, [choice("good")], []), text(0.5, [choice("bad")], []))
    assert content(ada, project, "labels-csv", **TRUTH).decode() == (
        "text,label\r\n7,good\r\n0.5,bad\r\n"
    )


def test_a_score_among_the_data_is_none_of_the_truth(
    ada: Caller, make_project: MakeProject
) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(ada, project, text("a", [choice("good")], [], score="9"), text("b", [choice("bad")], []))
    assert content(ada, project, "labels-csv", **TRUTH).decode() == (
        "text,label,score\r\na,good,9\r\nb,bad,\r\n"
    )


@pytest.mark.parametrize(
    "shown", ['"$text" valueType="url"', '"$text" encoding="base64"', '"Review: $text"']
)
def test_conll_refuses_texts_that_the_data_does_not_hold(
    ada: Caller, make_project: MakeProject, shown: str
) -> None:
    """An address, or a code, would be cut into tokens."""
    project = make_project(ada, NAMES_CONFIG.replace('"$text"', shown))
    fill(ada, project, text("https://example.org/a.txt", []))
    message = "conll does not suit the project's labelling config."
    assert refusal(ada, project, format="conll", **TRUTH) == {"format": [message]}


def test_labels_are_those_that_evaluations_read(ada: Caller, make_project: MakeProject) -> None:
    """Whatever control they say they are of, unless it is another one."""
    stars = '<Choices name="stars" toName="text"><Choice value="9"/></Choices></View>'
    config = MOODS_CONFIG.replace("</View>", stars.replace("<Choices", '<Choices perRegion="true"'))
    project = make_project(ada, config)
    bare, other, odd = choice("good"), choice("good"), choice("bad", score="high")
    del bare["from_name"]
    other["from_name"] = "judgement"
    fill(
        ada,
        project,
        text("a", [bare], [other]),
        text("b", [choice("bad") | {"type": "choice"}], [odd]),
        text("c", [choice("9") | {"from_name": "stars"}], [choice("bad", score="0.5")]),
        text("d", [choice("good") | {"value": {"choices": "bad"}}], []),
    )
    assert content(ada, project, "labels-csv", **TRUTH).decode() == (
        "text,label\r\na,good\r\nb,\r\nc,\r\nd,bad\r\n"
    )
    assert content(ada, project, "labels-csv").decode() == (
        "text,label,score\r\na,good,1\r\nb,,\r\nc,bad,0.5\r\nd,,\r\n"
    )


#: What the second label shows is what the first one stores.
TWINS = '<{0} value="A" alias="B"/><{0} value="B" alias="C"/>'


def test_a_stored_name_is_no_shown_one(ada: Caller, make_project: MakeProject) -> None:
    """As evaluations read them: B is stored by the first label, A is shown by it."""
    spans = make_project(
        ada,
        '<View><Text name="text" value="$text"/><Labels name="label" toName="text">'
        f"{TWINS.format('Label')}</Labels></View>",
    )
    fill(ada, spans, text("a b c", [span("A", 0, 1), span("B", 2, 3), span("C", 4, 5)], []))
    assert content(ada, spans, "conll", **TRUTH).decode() == "a B-B\nb B-B\nc B-C\n\n"
    moods = make_project(
        ada,
        '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
        f"{TWINS.format('Choice')}</Choices></View>",
    )
    fill(ada, moods, *(text(name, [choice(name)], []) for name in "ABC"))
    assert content(ada, moods, "labels-csv", **TRUTH).decode() == (
        "text,label\r\nA,B\r\nB,B\r\nC,C\r\n"
    )


def test_each_control_has_its_own_names(ada: Caller, make_project: MakeProject) -> None:
    control = '<RectangleLabels name="{}" toName="image">{}</RectangleLabels>'
    project = make_project(
        ada,
        '<View><Image name="image" value="$image"/>'
        + control.format("box", '<Label value="Car" alias="c"/>')
        + control.format("other", '<Label value="Car"/>')
        + "</View>",
    )
    mine, theirs = box("Car", 0, 0, 10, 10), {**box("Car", 20, 20, 10, 10), "from_name": "other"}
    fill(ada, project, image("a.jpg", [mine, theirs, box("c", 40, 40, 10, 10)], []))
    for coco in (coco_of(ada, project), json.loads(content(ada, project, "coco", **TRUTH))):
        names = {one["id"]: one["name"] for one in coco["categories"]}
        found = [names[one["category_id"]] for one in coco["annotations"]]
        assert found == ["c", "Car", "c"]


def test_gzipped_for_a_caller_that_takes_it(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(ada, project, text("x", [choice("good")]))
    query: dict[str, Any] = {"project": project.pk, "format": "labels-csv", **TRUTH}
    response = ada.client.get(URL, query, HTTP_ACCEPT_ENCODING="gzip")
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    assert gzip.decompress(b"".join(response)) == b"text,label\r\nx,good\r\n"


@pytest.mark.parametrize("name", ["coco", "yolo", "voc"])
def test_a_turned_box_is_refused_by_name(ada: Caller, boxes: Project, name: str) -> None:
    truth = [box("Car", 1, 1, 1, 1), box("Car", 50, 50, 25, 20, rotation=45.0)]
    (task,) = fill(ada, boxes, image("a.jpg", truth))
    (message,) = refusal(ada, boxes, format=name, **TRUTH)["format"]
    assert message.startswith(f"Task {task}, annotation ")
    assert ", region 1: a turned box has no place in this format, only a box" in message


MASKED = shape("brushlabels", "mask", "Sky", format="rle", rle=mask2rle(MASK))


def test_an_image_has_one_size_in_all_files(ada: Caller, boxes: Project) -> None:
    """Versions tell the sizes that they had an image in; the ground truth has no region on it."""
    sides = {"v1": (640, 480), "v2": (64, 48)}
    said = box("Car", 10, 20, 30, 40, 0.5)
    negative = image("a.png", []) | {
        "predictions": [
            {
                "model_version": version,
                "result": [said | {"original_width": width, "original_height": height}],
            }
            for version, (width, height) in sides.items()
        ]
    }
    fill(ada, boxes, negative)
    (truth,) = json.loads(content(ada, boxes, "coco", **TRUTH))["images"]
    assert (truth["width"], truth["height"]) == sides["v1"]
    for version in sides:
        (detection,) = json.loads(content(ada, boxes, "coco", model_version=version))
        assert detection["bbox"] == [64, 96, 192, 192]


def test_the_size_of_an_image_is_that_of_the_ground_truth_that_counts(
    ada: Caller, boxes: Project
) -> None:
    """In the files of the ground truth, of a version and of the project alike: the newest one's,
    or the next one's where that tells none.
    """
    said = box("Car", 10, 20, 30, 40)
    first = said | {"original_width": 64, "original_height": 48}
    # Text that holds a number is that number.
    second = said | {"original_width": "640", "original_height": 480}
    for newest in (second, said | {"original_width": None, "original_height": None}):
        truths = [{"result": [one], "ground_truth": True} for one in (first, second, newest)]
        accepted = image("a.png") | {"annotations": truths}
        fill(ada, boxes, accepted | {"predictions": [{"model_version": "v1", "result": [first]}]})
    truth = json.loads(content(ada, boxes, "coco", **TRUTH))
    assert [(one["width"], one["height"]) for one in truth["images"]] == [(640, 480)] * 2
    for found in (truth["annotations"], json.loads(content(ada, boxes, "coco"))):
        assert [one["bbox"] for one in found] == [[64, 96, 192, 192]] * 2
    for source in ("annotations", "predictions"):
        query = {"exportType": "COCO", "source": source}
        response = ada.client.get(f"/api/projects/{boxes.pk}/export", query)
        with zipfile.ZipFile(io.BytesIO(b"".join(response))) as archive:
            document = json.loads(archive.read("result.json"))
        assert {(one["width"], one["height"]) for one in document["images"]} == {(640, 480)}
        assert {tuple(one["bbox"]) for one in document["annotations"]} == {(64, 96, 192, 192)}


def test_an_image_of_nothing_has_the_size_of_its_task(ada: Caller, boxes: Project) -> None:
    """Whatever size a version tells; what is no size is none."""
    said = box("Car", 10, 20, 30, 40, 0.5) | {"original_width": 64, "original_height": 48}
    sides = {"width": 640, "height": 480}
    fill(
        ada,
        boxes,
        image("a.png", [], [said], image_size=sides),
        image("b.png", [], image_size={**sides, "width": "640"}),
        image("c.png", [], image_size={**sides, "width": "640 px"}),
        image("d.png", [], image_size=[640, 480]),
    )
    document = json.loads(content(ada, boxes, "coco", **TRUTH))
    assert [(one.get("width"), one.get("height")) for one in document["images"]] == [
        (640, 480),
        (640, 480),
        (None, None),
        (None, None),
    ]
    (detection,) = json.loads(content(ada, boxes, "coco"))
    assert detection["bbox"] == [64, 96, 192, 192]


UNSIZED = {**box("Car", 1, 1, 1, 1), "original_width": None}
CROWD = box("Car", 10, 10, 20, 50, meta={"iscrowd": 1})
LONG = outline([0, 0], [50, 0], [50, 50], [25, 75], [0, 50])


@pytest.mark.parametrize(
    ("name", "truth", "message"),
    [
        ("yolo", [MASKED], "region 0: a mask has no place in this format, only a box, a polygon"),
        ("yolo-obb", [MASKED], "region 0: a mask has no place"),
        ("yolo", [CROWD], "region 0: a crowd (meta.iscrowd) has no place in this format."),
        ("yolo-obb", [CROWD], "region 0: a crowd (meta.iscrowd) has no place in this format."),
        ("voc", [LONG], "region 0: a polygon has no place in this format, only a box."),
        ("dota", [LONG], "region 0: a polygon of 5 points has no place"),
        ("coco", [UNSIZED], "region 0: no region tells the image's size"),
        ("coco", [box("Bus", 1, 1, 1, 1)], "region 0: the labelling config has no label 'Bus'."),
    ],
)
def test_what_has_no_place(
    ada: Caller, shapes: Project, name: str, truth: Any, message: str
) -> None:
    fill(ada, shapes, image("a.jpg", truth))
    assert message in refusal(ada, shapes, format=name, **TRUTH)["format"][0]


OF_A_DOCUMENT = span("PER", 0, 3)
OF_A_DOCUMENT["value"] |= {"start": "/p", "end": "/p", "startOffset": 0, "endOffset": 3}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([span("PER", 0, 3), span("LOC", 2, 5)], "region 1 lies over another one; a token has one"),
        ([span("PER", 0, 4)], "region 0: 0 to 4 is not from the beginning of a word to the end"),
        ([span("a\nb", 0, 3)], "region 0: the labelling config has no label 'a\\nb'."),
        ([span("PER", 0, 3), span("LOC", 2, 2)], "region 1: 2 to 2 has no character."),
        ([span("PER", 3, 1)], "region 0: 3 to 1 has no character."),
        ([OF_A_DOCUMENT], "region 0 does not tell its characters (globalOffsets)."),
    ],
)
def test_what_has_no_place_in_conll(
    ada: Caller, make_project: MakeProject, result: Any, message: str
) -> None:
    project = make_project(ada, NAMES_CONFIG)
    fill(ada, project, text("Ada Byron", result))
    assert message in refusal(ada, project, format="conll", **TRUTH)["format"][0]


@pytest.mark.parametrize("label", ["good ", "a\tb", "a\nb", "a\rb", "a\x85"])
def test_conll_refuses_names_that_its_readers_cut(
    ada: Caller, make_project: MakeProject, label: str
) -> None:
    written = quoteattr(label, {char: f"&#{ord(char)};" for char in "\t\n\r\x85"})
    project = make_project(ada, NAMES_CONFIG.replace('"PER"', written))
    fill(ada, project, text("Ada Byron", [span(label, 0, 3)]))
    message = f"region 0: the label {label!r} has a space at its end, a tab or a line break"
    assert message in refusal(ada, project, format="conll", **TRUTH)["format"][0]


def test_conll_refuses_words_that_its_readers_pass_over(
    ada: Caller, make_project: MakeProject
) -> None:
    project = make_project(ada, NAMES_CONFIG)
    (task,) = fill(ada, project, text("Ada -DOCSTART- Byron", [span("PER", 4, 14)]))
    message = (
        f"Task {task}: its text has a word that begins with -DOCSTART-, which readers of the format"
        " pass over as the beginning of a document."
    )
    assert refusal(ada, project, format="conll", **TRUTH) == {"format": [message]}


def test_a_text_without_words(ada: Caller, make_project: MakeProject) -> None:
    project = make_project(ada, NAMES_CONFIG)
    (task,) = fill(ada, project, text(" ", []))
    message = f"Task {task} has no text."
    assert refusal(ada, project, format="conll", **TRUTH) == {"format": [message]}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (text("x", None, [choice("a;b")]), "region 0: 'a;b' has a ';'."),
        (
            text("x", None, [choice("good", score=0.5), choice("bad", score=0.25)]),
            "its labels have several scores, a row has one.",
        ),
        (text("x", None, [], label="y"), "its data has a 'label', as the file has."),
    ],
)
def test_what_has_no_place_in_a_table(
    ada: Caller, make_project: MakeProject, task: Any, message: str
) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(ada, project, task)
    assert message in refusal(ada, project, format="labels-csv")["format"][0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_labelling_config_that_does_not_suit(
    ada: Caller, make_project: MakeProject, name: str
) -> None:
    config = TEXT_CONFIG.replace("<View>", '<View><Text name="b" value="$b"/>').replace(
        "</View>", '<Choices name="c" toName="b"><Choice value="x"/></Choices></View>'
    )
    project = make_project(ada, config)
    message = f"{name} does not suit the project's labelling config."
    assert refusal(ada, project, format=name, **TRUTH) == {"format": [message]}


def test_names_of_images(ada: Caller, boxes: Project) -> None:
    """Without names of their own: the end of the address, with the number where two are one."""
    fill(ada, boxes, image("1/a.jpg", []), image("2/a.png?x=1", []))
    images = json.loads(content(ada, boxes, "coco", **TRUTH))["images"]
    assert [one["file_name"] for one in images] == ["1-a.jpg", "2-a.png"]
    assert [one["id"] for one in images] == [1, 2]


def test_yolo_images_stay_where_they_are(ada: Caller, boxes: Project) -> None:
    fill(ada, boxes, image("a.jpg", [], image_name="x/images/val/a.b.jpg", split="valid"))
    found = files(ada, boxes, "yolo", **TRUTH)
    assert found.pop("data.yaml")
    assert found == {"x/labels/val/a.b.txt": "", "val.txt": "./x/images/val/a.b.jpg\n"}


PADDED = ("Car ", " Car", "\u2028Car", "C\rar")


def config_of(*names: str) -> str:
    """Boxes of these classes, whatever is in their names."""
    labels = "".join(f"<Label value={quoteattr(name, {chr(13): '&#13;'})}/>" for name in names)
    return BOXES_CONFIG.replace('<Label value="Zebra"/><Label value="Car"/>', labels)


@pytest.mark.parametrize("label", PADDED)
def test_voc_refuses_names_that_its_readers_strip(
    ada: Caller, make_project: MakeProject, label: str
) -> None:
    project = make_project(ada, config_of("Car", label))
    fill(ada, project, image("a.jpg", [box("Car", 0, 0, 5, 5), box(label, 0, 0, 10, 10)]))
    message = f"region 1: the label {label!r} has a space at an end"
    assert message in refusal(ada, project, format="voc", **TRUTH)["format"][0]


@pytest.mark.parametrize("label", [" good", "good ", "good\r"])
def test_a_table_refuses_names_that_its_readers_strip(
    ada: Caller, make_project: MakeProject, label: str
) -> None:
    project = make_project(ada, MOODS_CONFIG)
    fill(ada, project, text("x", None, [choice(label)]))
    message = f"region 0: the label {label!r} has a space at an end"
    assert message in refusal(ada, project, format="labels-csv")["format"][0]


def test_yaml_holds_names_as_they_are(ada: Caller, make_project: MakeProject) -> None:
    names = [
        " Car ",
        "a\x85b",
        "a\u2028b",
        "\u2029",
        "\x7f",
        '"x" \\',
        "yes",
        "1e3",
        "😀",
        "é",
        "e\u0301",
    ]
    project = make_project(ada, config_of(*names))
    fill(ada, project, image("a.jpg", [box(name, 0, 0, 5, 5) for name in names]))
    for name in ("yolo", "yolo-obb"):
        data = yaml.safe_load(files(ada, project, name, **TRUTH)["data.yaml"])
        assert data["names"] == dict(enumerate(names))


def test_names_stay_below_their_folder(ada: Caller, boxes: Project) -> None:
    fill(ada, boxes, image("a.jpg", [], image_name="../..\\C:/etc/a.jpg"))
    assert next(iter(files(ada, boxes, "voc", **TRUTH))) == "Annotations/etc/a.xml"


def test_two_images_of_one_name(ada: Caller, boxes: Project) -> None:
    first, second = fill(
        ada, boxes, image("", [], image_name="a.jpg"), image("", [], image_name="a.png")
    )
    (message,) = refusal(ada, boxes, format="yolo", **TRUTH)["format"]
    assert message.startswith(f"Tasks {first} and {second} have images of one name, 'a'")


@pytest.mark.parametrize("name", ["yolo", "yolo-obb"])
def test_two_images_of_one_label_file(ada: Caller, boxes: Project, name: str) -> None:
    """One lies in the folder that the other one's split has."""
    first, second = fill(
        ada, boxes, image("", [], image_name="images/test/a.jpg"), image("", [], image_name="a.jpg")
    )
    (message,) = refusal(ada, boxes, format=name, **TRUTH)["format"]
    assert message.startswith(f"Tasks {first} and {second} have images of one name,")


def test_areas_of_any_size(ada: Caller, boxes: Project) -> None:
    areas = [1e300, 2.0**63, 2.0**53, 1e-300, 0]
    fill(ada, boxes, image("a.jpg", [box("Car", 1, 1, 1, 1, meta={"area": one}) for one in areas]))
    told = json.loads(content(ada, boxes, "coco", **TRUTH))["annotations"]
    assert [one["area"] for one in told] == areas


def test_the_newest_of_a_task_counts(ada: Caller, boxes: Project) -> None:
    task = image("a.jpg", [box("Car", 1, 1, 1, 1)])
    task["annotations"] += annotated([], ground_truth=True)["annotations"]
    task["annotations"] += annotated([box("Zebra", 1, 1, 1, 1)])["annotations"]
    fill(ada, boxes, task)
    assert json.loads(content(ada, boxes, "coco", **TRUTH))["annotations"] == []


def seeded(n: int, *, turned: bool) -> list[dict[str, Any]]:
    """Tasks with boxes of two decimals on images of different sizes."""
    r = np.random.default_rng(7)
    tasks = []
    for at in range(n):
        results = []
        for _ in range(2):
            result = []
            for number in range(int(r.integers(1, 5))):
                x, y, width, height = np.round(r.uniform(0, 45, 4), 2).tolist()
                made = box(["Car", "Zebra"][int(r.integers(0, 2))], x, y, width + 1, height + 1)
                made |= {"id": f"{number}", "original_width": 640, "original_height": 480}
                made["score"] = float(r.random())
                made["value"]["rotation"] = float(np.round(r.uniform(1, 89), 2)) * turned
                result.append(made)
            results.append(result)
        tasks.append(image(f"{at}.jpg", *results, image_id=at + 100))
    return tasks


def unpacked(caller: Caller, project: Project, folder: Path, name: str, **query: Any) -> Path:
    with zipfile.ZipFile(io.BytesIO(content(caller, project, name, **query))) as packed:
        packed.extractall(folder)
    return folder


# Of pycocotools under numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_read_by_its_own_tools(ada: Caller, boxes: Project, tmp_path: Path) -> None:
    tasks = seeded(20, turned=False)
    fill(ada, boxes, *tasks)
    truth, said = tmp_path / "truth.json", tmp_path / "said.json"
    truth.write_bytes(content(ada, boxes, "coco", **TRUTH))
    said.write_bytes(content(ada, boxes, "coco"))
    with contextlib.redirect_stdout(io.StringIO()):
        whole = COCO(truth)
        found = whole.loadRes(str(said))
        evaluated = COCOeval(whole, found, "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    assert [one["image_id"] for one in found.anns.values()] == [
        task["meta"]["image_id"] for task in tasks for _ in task["predictions"][0]["result"]
    ]
    # The truth against itself, as sure detections.
    for one in (results := json.loads(truth.read_bytes())["annotations"]):
        one["score"] = 1.0
    said.write_text(json.dumps(results))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated = COCOeval(whole, whole.loadRes(str(said)), "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    assert evaluated.stats[0] == 1


def corners_of(tasks: list[dict[str, Any]]) -> list[list[float]]:
    """Of all boxes of the ground truth in order, in pixels."""
    places = []
    for task in tasks:
        for one in task["annotations"][0]["result"]:
            place = [one["value"][name] for name in ("x", "y", "width", "height")]
            pixels = np.round(np.array(place) / 100 * [640, 480, 640, 480], 6)
            places.append(rotated_corners(pixels, one["value"]["rotation"]).ravel().tolist())
    return places


def test_voc_and_yolo_are_read_by_another_tool(ada: Caller, boxes: Project, tmp_path: Path) -> None:
    tasks = seeded(9, turned=False)
    fill(ada, boxes, *tasks)
    wanted = sorted((x1, y1, x2 - x1, y2 - y1) for x1, y1, _, _, x2, y2, *_ in corners_of(tasks))
    voc = hotcoco.COCO.from_voc(str(unpacked(ada, boxes, tmp_path / "voc", "voc", **TRUTH)))
    assert sorted(tuple(one["bbox"]) for one in voc.dataset["annotations"]) == [
        pytest.approx(one, abs=1e-9) for one in wanted
    ]
    folder = unpacked(ada, boxes, tmp_path / "yolo", "yolo", **TRUTH)
    texts = [path.read_text() for path in folder.glob("labels/test/*")]
    lines = [line.split() for text in texts for line in text.splitlines()]
    read = []
    for _, *numbers in lines:
        x, y, width, height = (float(one) for one in numbers)
        read.append(((x - width / 2) * 640, (y - height / 2) * 480, width * 640, height * 480))
    assert sorted(read) == [pytest.approx(one, abs=1e-9) for one in wanted]


def test_dota_is_read_by_another_tool(ada: Caller, boxes: Project, tmp_path: Path) -> None:
    tasks = seeded(9, turned=True)
    fill(ada, boxes, *tasks)
    folder = unpacked(ada, boxes, tmp_path, "dota", **TRUTH) / "labelTxt"
    read = hotcoco.COCO.from_dota(str(folder)).dataset["annotations"]
    wanted = corners_of(tasks)
    assert len(read) == len(wanted)
    bounds = [
        (min(one[0::2]), min(one[1::2]), np.ptp(one[0::2]), np.ptp(one[1::2])) for one in wanted
    ]
    assert sorted(tuple(one["bbox"]) for one in read) == [
        pytest.approx(one, abs=1e-6) for one in sorted(bounds)
    ]


@pytest.mark.parametrize("data", [{"img.url": "ADDRESS"}, {"img": {"url": "ADDRESS"}}])
def test_an_image_under_a_name_with_a_dot(
    ada: Caller, make_project: MakeProject, tmp_path: Path, data: Any
) -> None:
    config = BOXES_CONFIG.replace("$image", "$img.url")
    project = make_project(ada, title="dots", label_config=config)
    for name in ("a.png", "b.png"):
        truth = annotated([box("Car", 10, 20, 30, 40)], ground_truth=True)
        there = json.loads(json.dumps(data).replace("ADDRESS", f"https://x.y/{name}"))
        fill(ada, project, {"data": there, **truth})

    document = json.loads(content(ada, project, "coco", **TRUTH))
    assert [one["file_name"] for one in document["images"]] == ["a.png", "b.png"]
    # Known again by the names of their files.
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(document))
    load("coco", "--ground-truth", path, "--project", project.pk, "--replace-ground-truth")
    assert Task.objects.count() == 2
