"""Which format a file is taken for, by its start or the names in its folder."""

import pytest

from predictions.formats.table import FORMATS, Start

FILES = {
    "coco": b'{"images": [], "annotations": [], "categories": []}',
    "yolo": b"names: [a]\n",
    "voc": b"<annotation><filename>a.jpg</filename></annotation>",
    "csv": b"\xef\xbb\xbfimage;label;score\na;b;1\n",
    "conll": b"-DOCSTART- -X- O\n\nEU NNP B-ORG\nsays VBZ O\n",
    "spans": b'{"text": "a", "label": [[0, 1, "X"]]}\n{"text": "b", "label": []}',
    "parquet": b"PAR1\x15\x04",
    "supervision": b"x_min,y_min,x_max,y_max,class_id,confidence,tracker_id,class_name,image\n",
    "inference": b'{"predictions": [{"x": 1, "y": 2, "confidence": 0.5, "class": "a"}]}',
    "openimages": b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n",
    "cvat": b"<annotations><version>1.1</version></annotations>",
    "labelme": b'{"shapes": [{"label": "a", "points": [], "shape_type": "polygon"}]}',
    "fiftyone": b'{"samples": [{"filepath": "a.jpg"}]}',
}
FOLDERS = {
    "yolo": ["data.yaml", "labels/val/a.txt"],
    "voc": ["Annotations/a.xml", "ImageSets/Main/val.txt"],
    "dota": ["labelTxt/P1.txt"],
    "fiftyone": ["samples.json", "data/a.jpg"],
}


def taken_for(start: Start) -> list[str]:
    return [name for name, one in FORMATS.items() if one.fits(start)]


@pytest.mark.parametrize(("name", "text"), FILES.items())
def test_a_file(name: str, text: bytes) -> None:
    suffix = {"yolo": "yaml"}.get(name, "txt")
    assert taken_for(Start([f"a.{suffix}"], text)) == [name]


@pytest.mark.parametrize(("name", "names"), FOLDERS.items())
def test_a_folder(name: str, names: list[str]) -> None:
    assert taken_for(Start(names, b"")) == [name]


def test_results_of_a_dota_version() -> None:
    assert taken_for(Start(["Task1_plane.txt"], b"")) == ["dota"]


@pytest.mark.parametrize(
    "text", [b'[{"data": {"text": "a b O"}}]', b"text\na b c\n", b'{"text": "a"}\n', b"one O\ntwo"]
)
def test_plain_tasks_are_none_of_them(text: bytes) -> None:
    assert taken_for(Start(["a.json"], text)) == []
