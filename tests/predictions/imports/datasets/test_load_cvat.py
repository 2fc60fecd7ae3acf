"""`manage.py load cvat`: an XML file of images."""

from pathlib import Path

import pytest

from predictions.models import Annotation, Project
from predictions.regions.brush import decode_brush
from tests.conftest import Caller
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    SIZE,
    refused,
    tasks,
    through_coco,
    truths,
    values,
)

META = (
    "<version>1.1</version><meta><job><labels><label><name>cat</name></label>"
    "<label><name>dog</name></label></labels></job></meta>"
)


def cvat(*shapes: str, more: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{META}'
        f'<image id="1" name="a.jpg" width="200" height="100">{"".join(shapes)}</image>'
        f'<image id="2" name="b.jpg" subset="Validation" width="200" height="100"/>{more}'
        "</annotations>"
    )


def stored(path: Path, text: str) -> list[str]:
    path.write_text(text)
    _, warned = load("cvat", "--ground-truth", path, "-P", "Files")
    return warned


BOX = '<box label="cat" occluded="0" xtl="10" ytl="20" xbr="40.5" ybr="60"/>'
OTHER = '<box label="dog" xtl="50" ytl="60" xbr="58" ybr="64"/>'


def test_boxes_are_those_of_coco(ada: Caller, tmp_path: Path) -> None:
    expected, _ = through_coco(tmp_path)
    assert stored(tmp_path / "a.xml", cvat(BOX, OTHER)) == []
    del expected[0][1]["meta"]
    assert values(truths()) == expected
    assert [meta for _, meta in tasks()] == [
        {"image_name": "a.jpg", "image_id": "1", "split": "test", **SIZE},
        {"image_name": "b.jpg", "image_id": "2", "split": "valid", **SIZE},
    ]


@pytest.mark.parametrize(("labels", "is_multiple"), [(("cat",), False), (("cat", "dog"), True)])
def test_tags_of_an_image(
    ada: Caller, tmp_path: Path, labels: tuple[str, ...], is_multiple: bool
) -> None:
    assert stored(tmp_path / "a.xml", cvat(*(f'<tag label="{one}"/>' for one in labels))) == []
    assert values(truths()) == [[{"choices": [one]} for one in labels], []]
    assert ('choice="multiple"' in Project.objects.get().label_config) == is_multiple


def test_all_other_shapes(ada: Caller, tmp_path: Path) -> None:
    text = cvat(
        '<box label="cat" xtl="40" ytl="40" xbr="80" ybr="60" rotation="90"/>',
        '<polygon label="dog" points="0,0;100,0;100,50"><attribute name="age">7</attribute>'
        "</polygon>",
        '<ellipse label="cat" cx="50" cy="50" rx="20" ry="10" rotation="30"/>',
        '<mask label="dog" rle="1,2,1" left="198" top="98" width="2" height="2"/>',
        '<skeleton label="cat"><points label="nose" outside="0" occluded="1" points="10,20"/>'
        '<points label="tail" outside="1" points="1,1"/>'
        '<points label="ear" outside="0" points="30,50"/></skeleton>',
        '<tag label="dog"/>',
        '<points label="cat" points="1,2"/><points label="cat" points="1,2"/>',
        '<polyline label="cat" points="1,2;2,3"/>',
    )
    assert stored(tmp_path / "a.xml", text) == [
        "Warning: 2 of the kind points are passed over: there is no place for them.",
        "Warning: 1 of the kind polyline are passed over: there is no place for them.",
    ]
    found = truths()[0]
    brush = next(one for one in found if one["type"] == "brushlabels")
    painted = decode_brush(brush["value"].pop("rle"), width_px=200, height_px=100)
    assert [tuple(map(int, one)) for one in zip(*painted.nonzero(), strict=True)] == [
        (98, 199), (99, 198)
    ]  # fmt: skip
    near = pytest.approx
    assert values([found])[0] == [
        {"x": near(35.0), "y": near(30.0), "width": 20.0, "height": 20.0, "rotation": 90.0,
         "rectanglelabels": ["cat"]},
        {"points": [[0.0, 0.0], [50.0, 0.0], [50.0, 50.0]], "polygonlabels": ["dog"],
         "meta": {"attributes": {"age": "7"}}},
        {"x": 25.0, "y": 50.0, "radiusX": 10.0, "radiusY": 10.0, "rotation": 30.0,
         "ellipselabels": ["cat"]},
        {"format": "rle", "brushlabels": ["dog"]},
        {"x": 5.0, "y": 20.0, "width": 10.0, "height": 30.0, "rotation": 0.0,
         "rectanglelabels": ["cat"]},
        {"x": 5.0, "y": 20.0, "width": 0.5, "keypointlabels": ["nose"], "meta": {"hidden": 1}},
        {"x": 15.0, "y": 50.0, "width": 0.5, "keypointlabels": ["ear"]},
        {"choices": ["dog"]},
    ]  # fmt: skip
    assert Annotation.objects.count() == 2


ENTITY = '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<annotations>", "{}: is no XML: no element found: line 1, column 13."),
        (ENTITY, "{}: has a DTD or an entity: both are refused."),
        ("<a/>", "{}: is none of CVAT's: its root is 'a'."),
        (cvat(more="<track/>"), "{}: is of a video: export it from CVAT as `CVAT for images`."),
        (cvat(BOX.replace('"10"', '"x"')), "{}, image 1, shape 1: its xtl is 'x', no number."),
        (cvat(BOX.replace('"10"', '"nan"')), "{}, image 1, shape 1: its xtl is 'nan', no number."),
        (cvat(BOX.replace('"40.5"', '"4"')),
         "{}, image 1, shape 1: its last corner lies before its first."),
        (cvat('<polygon label="cat" points="1,2;3"/>'),
         "{}, image 1, shape 1: '3' is no point."),
        (cvat('<polygon label="cat" points="1,2;3,4"/>'),
         "{}, image 1, shape 1: an outline has three points or more, this one 2."),
        (cvat('<mask label="cat" rle="1,2" left="0" top="0" width="2" height="2"/>'),
         "{}, image 1, shape 1: its runs make 3 pixels of 2 x 2."),
        (cvat('<mask label="cat" rle="1" left="0" top="0" width="1e9" height="1e9"/>'),
         "{}, image 1, shape 1: a mask of 1000000000 x 1000000000 has over 67,108,864 pixels."),
        (cvat('<skeleton label="cat"/>'),
         "{}, image 1, shape 1: none of its points is in the image."),
        (cvat('<tag label=" "/>'),
         "{}, image 1, shape 1: '' is no name: 1 to 500 characters, no control characters."),
        (cvat("<cube/>"), "{}, image 1, shape 1: is a 'cube', which CVAT has not."),
    ],
)  # fmt: skip
def test_bad_files(ada: Caller, tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    assert refused("cvat", "--ground-truth", path, "-P", "Files") == [error.format(path)]
