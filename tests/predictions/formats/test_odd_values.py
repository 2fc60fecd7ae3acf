"""Odd values of the keys of each format: read as they are meant, refused, or said; never unread
without a word.
"""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from predictions.formats.content import Ask, Box, Content, Known
from predictions.formats.errors import BadFile, Errors
from predictions.formats.sources import open_path
from predictions.formats.table import FORMATS

Files = dict[str, str | bytes]
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
    "categories": [{"id": 1, "name": "car"}],
}
THING = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
NUMBERED = Known(class_ids={1: "car"}, classes=["car"])


def read(
    folder: Path, format_: str, files: Files | str | bytes, known: Known | None = None
) -> Content:
    """The content of a file or a folder, all regions read; of predictions where `known` is told."""
    errors, found = Errors(), FORMATS[format_]
    several: Files = files if isinstance(files, dict) else {"f": files}
    for name, text in several.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    source = open_path(folder if isinstance(files, dict) else folder / "f")
    if known is None:
        content = found.truth(source, Ask(), errors)
    else:
        content = found.predictions(source, Ask(), errors, known)
    for task in content.tasks:
        task.read()
    errors.raise_if_any()
    return content


def metas(content: Content) -> list[Any]:
    return [region.meta for task in content.tasks for region in task.read()]


def coco(**more: Any) -> str:
    return json.dumps({**COCO, "annotations": [{**THING, **more}]})


def picture(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, 10)).save(file, "PNG")
    return file.getvalue()


def voc(difficult: str) -> str:
    corners = "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"
    told = f"<difficult>{difficult}</difficult><bndbox>{corners}</bndbox>"
    return f"<annotation><object><name>cat</name>{told}</object></annotation>"


def openimages(group: str) -> str:
    return f"ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\na,cat,0,1,0,1,{group}\n"


def dota(difficult: str) -> Files:
    return {"a.txt": f"0 0 9 0 9 9 0 9 cat {difficult}\n"}


def cvat(shape: str) -> str:
    image = f'<image id="0" name="a.jpg" width="100" height="80">{shape}</image>'
    return f"<annotations><version>1.1</version>{image}</annotations>"


def labelme(points: Any, **more: Any) -> Files:
    shape = {"label": "cat", "shape_type": "rectangle", "points": points, **more}
    return {"a.json": json.dumps({"shapes": [shape], "imageWidth": 100, "imageHeight": 80})}


def inference(**more: Any) -> Files:
    box = {"x": 5, "y": 5, "width": 2, "height": 2, "confidence": 0.5, "class": "car"}
    return {"a.jpg.json": json.dumps({"predictions": [{**box, **more}]})}


def fiftyone(tags: Any = (), **more: Any) -> str:
    found = {"label": "cat", "bounding_box": [0.1, 0.1, 0.2, 0.2], **more}
    truth = {"_cls": "Detections", "detections": [found]}
    return json.dumps({"samples": [{"filepath": "a.jpg", "tags": tags, "ground_truth": truth}]})


def supervision(**more: Any) -> str:
    row = {"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4, "confidence": 0.5, "image": "a.jpg"}
    return json.dumps([{**row, "class_name": "car", **more}])


def table(row: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    info = {"info": {"features": {"label": {"names": ["bad", "good"]}}}}
    rows = pa.Table.from_pylist([row])
    parquet.write_table(rows.replace_schema_metadata({"huggingface": json.dumps(info)}), file)
    return file.getvalue()


def labelstudio(**more: Any) -> str:
    return json.dumps([{"data": {"text": "a"}, **more}])


@pytest.mark.parametrize(
    ("format_", "make"),
    [("voc", lambda told: {"a.xml": voc(told)}), ("openimages", openimages), ("dota", dota)],
)
def test_yes_and_no_have_several_words(tmp_path: Path, format_: str, make: Any) -> None:
    for n, told in enumerate(("1", "1.0", "True", "yes")):
        assert metas(read(tmp_path / f"yes{n}", format_, make(told))) == [{"iscrowd": 1}], told
    for n, told in enumerate(("0", "0.0", "false", "no")):
        assert metas(read(tmp_path / f"no{n}", format_, make(told))) == [None], told
    with pytest.raises(BadFile, match="'maybe' is neither 0 nor 1"):
        read(tmp_path / "odd", format_, make("maybe"))


def test_an_open_image_nobody_looked_at_is_no_group(tmp_path: Path) -> None:
    assert metas(read(tmp_path, "openimages", openimages("-1"))) == [None]


def test_points_outside_of_cvat_s_images_have_several_words(tmp_path: Path) -> None:
    points = '<points label="1" points="1,2"/><points label="2" outside="True" points="3,4"/>'
    content = read(tmp_path, "cvat", cvat(f'<skeleton label="p">{points}</skeleton>'))
    assert [list(task.read()[0].shape.points) for task in content.tasks] == [["1"]]  # type: ignore[union-attr]


def test_labelme_s_rectangles_may_have_four_corners(tmp_path: Path) -> None:
    content = read(tmp_path, "labelme", labelme([[1, 2], [9, 2], [9, 7], [1, 7]]))
    assert [task.read()[0].shape for task in content.tasks] == [Box(1, 2, 8, 5)]


def test_scores_of_ground_truth_take_no_area_away(tmp_path: Path) -> None:
    content = read(tmp_path, "coco", coco(score=0.5, area=900))
    assert metas(content) == [{"area": 900.0}]
    assert content.warnings == ["What the entries say of 'score' is not read."]


def test_results_of_one_version_may_say_so(tmp_path: Path) -> None:
    results = [{**THING, "score": 0.5, "model_version": "v1"}] * 2
    content = read(tmp_path, "coco", json.dumps(results), NUMBERED)
    assert (metas(content), content.warnings) == ([None, None], [])


def test_label_files_are_of_the_pictures_beside_them(tmp_path: Path) -> None:
    one, other = "0 0.5 0.5 0.1 0.1\n", "1 0.5 0.5 0.1 0.1\n"
    files: Files = {
        "classes.txt": "car\nbus\n",
        "labels/train/1.txt": one, "labels/val/1.txt": other,
        "images/train/1.png": picture(20), "images/val/1.png": picture(40),
        "labels/train/2.txt": one, "images/2.png": picture(60),
    }  # fmt: skip
    content = read(tmp_path, "yolo", files)
    found = [(one.image_name, one.size, one.read()[0].labels) for one in content.tasks]
    assert found == [
        ("images/2.png", (60, 10), ("car",)),
        ("images/train/1.png", (20, 10), ("car",)),
        ("images/val/1.png", (40, 10), ("bus",)),
    ]


def test_scores_of_all_classes_go_with_names_too(tmp_path: Path) -> None:
    row = {"text": "a", "label": "good", "scores": [0.25, 0.75]}
    content = read(tmp_path, "parquet", table(row), Known())
    assert [task.read()[0].score for task in content.tasks] == [0.75]


def test_the_newest_annotation_has_the_highest_id_also_as_text(tmp_path: Path) -> None:
    entries = [
        {"id": id_, "result": [{"from_name": "c", "to_name": "t", "type": "choices",
                                "value": {"choices": [id_]}}]}
        for id_ in ("10", "9")
    ]  # fmt: skip
    content = read(tmp_path, "labelstudio", labelstudio(annotations=entries))
    [task] = content.tasks
    assert task.drawn is not None
    assert [one["value"]["choices"] for one in task.drawn()] == [["10"]]


SPLIT_UNREAD = (
    "What the file calls split is not read: its tasks are in the split that --split (`split`)"
    " names, or in test."
)
NOTHING = "The file has no `annotations`: it says that there is nothing on any of its images."
SUFFIXES = "The images' suffixes are not in the files: .jpg is taken where no picture tells."
ONE_NAME = (
    "Several classes are called 'car': they are one class here. Give them names of their own."
)
LINE = "0 0.5 0.5 0.1 0.1\n"
SAID: dict[str, tuple[str, Any, Known | None, list[str]]] = {
    "keys that COCO has not": (
        "coco", coco(ignore=1, attributes={"rotation": 30.5}, bbox_mode=0), None,
        ["What the entries say of 'ignore', 'rotation', 'bbox_mode' is not read."],
    ),
    "such keys that say nothing": (
        "coco", coco(ignore=0, attributes={"rotation": 0.0}, bbox_mode=1), None, [],
    ),
    "no annotations": ("coco", json.dumps(COCO), None, [NOTHING]),
    "annotations of another case": (
        "coco", json.dumps({**COCO, "Annotations": [THING]}), None, [NOTHING],
    ),
    "outlines of VOC": (
        "voc", {"a.xml": voc("0").replace("</object>", "<polygon><x1>1</x1></polygon></object>")},
        None, ["What the entries say of 'polygon' is not read."],
    ),
    "attributes of FiftyOne": (
        "fiftyone", fiftyone(IsGroupOf=True, difficult=0, rotation=0.5), None,
        ["What the entries say of 'IsGroupOf', 'rotation' is not read."],
    ),
    "a column of splits": ("csv", "text,label,split\na,good,train\n", None, [SPLIT_UNREAD]),
    "such a column of Parquet": (
        "parquet", table({"text": "a", "label": 1, "split": "train"}), None, [SPLIT_UNREAD],
    ),
    "such a key of lines": (
        "spans", '{"text": "a", "spans": [], "split": "train"}\n', None, [SPLIT_UNREAD],
    ),
    "classes of one name": (
        "yolo", {"data.yaml": "names: [car, bus, car]", "labels/a.txt": LINE}, None,
        [ONE_NAME, SUFFIXES],
    ),
    "the same in classes.txt": (
        "yolo", {"classes.txt": "car\ncar\n", "a.txt": LINE}, None,
        [ONE_NAME, SUFFIXES],
    ),
    "a name that YAML changes": (
        "yolo", {"data.yaml": "names: [010, 7, car]", "labels/a.txt": LINE}, None,
        ["A class of data.yaml is no text for YAML, and is called '8' (010 is 8, yes is True):"
         " write its name in quotes.", SUFFIXES],
    ),
    "a split that is not there": (
        "yolo",
        {"data.yaml": "names: [car]\ntrain: images/train\nval: images/val\ntesting: images/val",
         "labels/train/a.txt": LINE},
        None,
        ["'testing' of data.yaml is not read: its splits are train, val (valid) and test.",
         "data.yaml names 'images/val' (valid), where there is no image and no label file: none of"
         " that split is read.", SUFFIXES],
    ),
    "points that differ by class": (
        "yolo",
        {"data.yaml": "names: [a]\nkpt_shape: [1, 3]\nkpt_names: {0: [x], 1: [y]}",
         "labels/a.txt": "0 0.5 0.5 0.1 0.1 0.5 0.5 2\n"},
        None,
        ["kpt_names differ by class: those of the first class are taken for all.", SUFFIXES],
    ),
    "numbers of tracks": (
        "yolo", {"classes.txt": "car", "a.txt": "0 0.5 0.5 0.1 0.1 3\n"}, Known(),
        ["All scores are whole numbers: if they are the numbers of tracks, save with save_conf and"
         " without tracking.",
         "The highest score is 3: the scores are taken as per cent and divided by 100."],
    ),
    "a folder without label files": (
        "yolo", {"classes.txt": "car", "a.png": picture(9)}, Known(),
        ["There is no label file (*.txt): the version says that nothing is on any image."],
    ),
    "labels of one name": (
        "openimages",
        {"a.csv": openimages("0") + "a,dog,0,1,0,1,0\na,cow,0,1,0,1,0\n",
         "class-descriptions.csv": "cat,Pet\ndog,Pet\n"},
        None,
        ["1 labels are not in class-descriptions*.csv, and are called as in the file, such as"
         " 'cow'.",
         "The labels cat, dog are all called 'Pet': they are one class here. Give them names of"
         " their own."],
    ),
    "difficult shapes": (
        "labelme", labelme([[1, 2], [9, 7]], difficult=True), None,
        ["1 shapes are marked as difficult, which is not read: they count as the others."],
    ),
    "flags of images": (
        "labelme", {"a.json": '{"shapes": [], "flags": {"good": true, "bad": false}}'}, None,
        ["1 images have flags, which are not read: they are no classes here."],
    ),
    "no predictions": (
        "labelstudio", labelstudio(), Known(),
        ["No task of the file holds a prediction: the version says nothing of any."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_not_read_is_said(tmp_path: Path, name: str) -> None:
    format_, files, known, warnings = SAID[name]
    assert read(tmp_path, format_, files, known).warnings == warnings


TWO_LABELS = (
    "f, line 1: has the columns 'label' and 'prediction': of a file of predictions 'label' is what"
    " the model said. Leave one out, and call the other 'label'."
)
ONE_OF = "f, line 1: needs one of `spans`, `label` or `ner_tags`, and no other of them."
SPAN = {"start": 0, "end": 2, "label": "X"}
REFUSED: dict[str, tuple[str, Any, Known | None, str]] = {
    "an underscore in a number": (
        "supervision", supervision(x_min="1_0"), NUMBERED, "f, [0], x_min: '1_0' is no number.",
    ),
    "an underscore in a line": (
        "yolo", {"classes.txt": "car", "a.txt": "0 0.5 0.5 0.1 0.1 0_1\n"}, NUMBERED,
        "a.txt, line 1: must be a class number and finite numbers, separated by spaces.",
    ),
    "a list for a name": (
        "supervision", supervision(class_name=["car"]), NUMBERED,
        "f, [0], class_name: ['car'] is no text.",
    ),
    "no points though v is above 0": (
        "coco",
        json.dumps({
            **COCO, "categories": [{"id": 1, "name": "car", "keypoints": ["x"]}],
            "annotations": [{**THING, "keypoints": [1, 2, 2], "num_keypoints": 0}],
        }),
        None, "annotations[0].num_keypoints: is 0, and v of 1 points is above 0.",
    ),
    "two files of one image": (
        "coco",
        json.dumps([
            {**THING, "score": 0.5, "file_name": name} for name in ("a.jpg", "x\\b.jpg", "a.jpg")
        ]),
        NUMBERED,
        "predictions: the image_id 1 stands beside two file names, 'a.jpg' and 'x/b.jpg'.",
    ),
    "objects of two annotations": (
        "coco",
        json.dumps({
            **COCO, "annotations": [{**THING, "annotation_id": n // 2} for n in range(8, 11)],
        }),
        None,
        "annotations[2]: is of 5, and its image has objects of 4, too (annotation_id,"
        " prediction_id): export one annotation, or one version, of each image.",
    ),
    "results of two versions": (
        "coco",
        json.dumps([{**THING, "score": 0.5, "model_version": name} for name in ("v1", 'v"2')]),
        NUMBERED,
        'predictions: are of several model versions, "v1", "v\\"2": export one of them.',
    ),
    "yolo's turned boxes": (
        "dota", {"a.txt": "0 0.1 0.1 0.3 0.1 0.3 0.2 0.1 0.2\n"}, None,
        "a.txt, line 1: must be eight numbers, a class and whether it is difficult.",
    ),
    "two points of one name": (
        "coco",
        json.dumps({**COCO, "categories": [{"id": 1, "name": "c", "keypoints": ["x", "x"]}]}),
        None, "categories[0].keypoints: 'x' stands twice.",
    ),
    "a class without a name": (
        "yolo", {"classes.txt": "car\n\nbus\n", "a.txt": LINE}, None,
        "classes.txt, line 2: '' is no name: 1 to 500 characters, no control characters.",
    ),
    "fewer names than nc": (
        "yolo", {"data.yaml": "names: [car]\nnc: 2", "labels/a.txt": LINE}, None,
        "data.yaml: nc: is 2, and there are 1 names.",
    ),
    "a suffix in capitals": (
        "yolo", {"classes.txt": "car", "a.TXT": LINE}, None,
        "a.TXT: is not read: label files end with .txt, in small letters.",
    ),
    "a file of another format": (
        "yolo", "[]", NUMBERED, "f: is no label file (*.txt) and no data.yaml.",
    ),
    "a label file of either picture": (
        "yolo",
        {"classes.txt": "car", "labels/a.txt": LINE, "one/a.png": picture(9),
         "two/a.png": picture(9)},
        None,
        "labels/a.txt: may be of 'one/a.png' or 'two/a.png': keep one picture of its name, beside"
        " it.",
    ),
    "two pictures of one label file": (
        "yolo", {"classes.txt": "car", "a.txt": LINE, "a.jpg": picture(9), "a.png": picture(9)},
        None, "a.txt: may be of 'a.jpg' or 'a.png': keep one picture of its name, beside it.",
    ),
    "a turned rectangle": (
        "labelme", labelme([[1, 2], [9, 3], [8, 8], [0, 7]]), None,
        "a.json, shapes[0]: is a rectangle of neither two opposite corners nor four upright ones.",
    ),
    "a mask beside a box": (
        "inference", inference(rle={"size": [9, 9], "counts": "09"}), NUMBERED,
        "a.jpg.json, predictions[0]: has a mask, of which only outlines (`points`) are read: ask"
        " inference for polygons (response_mask_format), or leave the mask out to have the box"
        " read.",
    ),
    "two points of one class": (
        "inference", inference(keypoints=[{"x": n, "y": 1, "class": "eye"} for n in (1, 2)]),
        NUMBERED, "a.jpg.json, predictions[0].keypoints[1]: is another one of class 'eye'.",
    ),
    "a box in pixels": (
        "fiftyone", fiftyone(bounding_box=[10, 10, 20, 20]), None,
        "f, samples[0].ground_truth.detections[0]: its box is no share of the image: are these"
        " pixels?",
    ),
    "two splits of a sample": (
        "fiftyone", fiftyone(tags=["train", "val"]), None,
        "f, samples[0].tags: is tagged as several splits: train and valid.",
    ),
    "two places of a point": (
        "cvat", cvat('<skeleton label="p"><points label="1" points="1,2;3,4"/></skeleton>'), None,
        "f, image 1, shape 1: its point '1' has 2 places.",
    ),
    "what is true beside what was said": (
        "csv", "text,label,prediction,score\na,good,bad,0.5\n", Known(), TWO_LABELS,
    ),
    "the same of Parquet": (
        "parquet", table({"text": "a", "label": 1, "pred": 0}), Known(),
        "f: has the columns 'label' and 'pred': of a file of predictions 'label' is what the model"
        " said. Leave one out, and call the other 'label'.",
    ),
    "a score that is none among scores": (
        "conll", "a 0,5 B-X\nb 0.5 I-X\n", Known(),
        "f, line 1: '0,5' is no score: a number, or _ for none.",
    ),
    "two lists of labels": (
        "spans", json.dumps({"text": "ab", "label": [], "labels": []}), None, ONE_OF,
    ),
    "tags and labels": (
        "spans", json.dumps({"tokens": ["a"], "ner_tags": ["O"], "labels": []}), None, ONE_OF,
    ),
    "entities": (
        "spans", json.dumps({"text": "ab", "spans": [], "entities": []}), None,
        "f, line 1: has `entities`, which are not read: write them as `spans`, with start, end and"
        " label.",
    ),
    "another text than the span's own": (
        "spans", json.dumps({"text": "\U0001f600 Bob", "spans": [{**SPAN, "text": "Bob"}]}), None,
        "f, line 1, span 1: covers 'Bob' by its own text, and '\U0001f600 ' by its place, 0 to 2:"
        " are these no characters, but bytes or halves of an emoji?",
    ),
    "predictions by number alone": (
        "labelstudio", labelstudio(predictions=[5]), Known(),
        "[0].predictions: names its predictions by number, 5, and does not hold them: export the"
        " tasks with their predictions, or leave the numbers out.",
    ),
    "a split that is no text": (
        "labelstudio", labelstudio(meta={"split": ["val"]}), None,
        "[0]: meta.split is ['val'], and no text.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_mean_something_else_is_refused(tmp_path: Path, name: str) -> None:
    format_, files, known, message = REFUSED[name]
    with pytest.raises(BadFile) as caught:
        read(tmp_path, format_, files, known)
    told = str(caught.value.errors[0]).replace(f"{tmp_path}/", "")
    assert told == message


def test_a_span_s_own_text_may_be_stripped(tmp_path: Path) -> None:
    span = {**SPAN, "text": "AB"}
    content = read(tmp_path, "spans", json.dumps({"text": "ab cd", "spans": [span]}))
    assert [len(task.read()) for task in content.tasks] == [1]
