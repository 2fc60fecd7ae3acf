"""What a labelling config is corrected with: tools, forms, and what is only shown."""

from typing import Any

import pytest

from predictions.desk.reviewing.things import things_of
from predictions.desk.reviewing.tools import tools_of, without_tool
from predictions.regions.config import read_config

LABELS = '<Label value="Car" alias="car"/>'
CHOICES = '<Choice value="A"><Choice value="B"/></Choice>'


def config(*controls: str, objects: str = '<Image name="image" value="$image"/>') -> Any:
    return read_config(f"<View>{objects}{''.join(controls)}</View>")


def control(tag: str, inside: str = "", to: str = "image", **more: Any) -> str:
    given = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<{tag} name="{tag.lower()}" toName="{to}"{given}>{inside}</{tag}>'


@pytest.mark.parametrize(
    ("tag", "inside", "more", "kind"),
    [
        ("RectangleLabels", LABELS, {}, "rectangle"),
        ("PolygonLabels", LABELS, {}, "polygon"),
        ("EllipseLabels", LABELS, {}, "ellipse"),
        ("KeyPointLabels", LABELS, {}, "keypoint"),
        ("Rectangle", "", {}, "rectangle"),
        # Their places are shown; their labels can be changed.
        ("BrushLabels", LABELS, {}, "labels"),
        ("BitmaskLabels", LABELS, {}, "labels"),
        ("Labels", LABELS, {}, "labels"),
        ("Brush", "", {}, None),
        ("Choices", CHOICES, {}, "choices"),
        ("Choices", CHOICES, {"allowNested": "true"}, "paths"),
        ("Choices", CHOICES, {"perRegion": "true"}, None),
        ("Choices", "", {"value": "$options"}, None),
        ("Taxonomy", CHOICES, {}, "paths"),
        ("Taxonomy", "", {}, None),
        ("Rating", "", {"maxRating": "4"}, "rating"),
        ("Number", "", {}, "number"),
        ("TextArea", "", {}, "text"),
        ("TextArea", "", {"perRegion": "true"}, None),
        ("Pairwise", "", {}, None),
        ("DateTime", "", {}, None),
    ],
)
def test_what_a_control_is_corrected_with(
    tag: str, inside: str, more: dict[str, Any], kind: str | None
) -> None:
    found = config(control(tag, inside, **more))
    assert [tool["kind"] for tool in tools_of(found, {})] == ([] if kind is None else [kind])
    assert without_tool(found) == ([] if kind else [tag.lower()])


def test_a_tool_as_the_page_gets_it() -> None:
    found = config(control("RectangleLabels", LABELS), control("Rating", maxRating="4"))
    assert tools_of(found, {}) == [
        {
            "name": "rectanglelabels",
            "to": ["image"],
            "type": "rectanglelabels",
            "kind": "rectangle",
            "key": "rectanglelabels",
            "labels": [["car", "Car", ["car"]]],
            "multiple": False,
            "most": 50,
        },
        {
            "name": "rating",
            "to": ["image"],
            "type": "rating",
            "kind": "rating",
            "key": "rating",
            "labels": [],
            "multiple": False,
            "most": 4,
        },
    ]


def test_classes_of_a_tree_are_paths() -> None:
    (tool,) = tools_of(config(control("Taxonomy", CHOICES)), {})
    assert tool["labels"] == [["A", "A", ["A"]], ["A / B", "A / B", ["A", "B"]]]
    assert tool["multiple"]


def test_a_control_of_several_objects() -> None:
    texts = '<Text name="one" value="$one"/><Text name="two" value="$two"/>'
    (tool,) = tools_of(config(control("Labels", LABELS, "one,two"), objects=texts), {})
    assert (tool["kind"], tool["to"]) == ("span", ["one", "two"])


def test_a_repeater_has_a_thing_and_a_tool_an_entry() -> None:
    repeated = (
        '<Repeater on="$pages" indexFlag="{{n}}">'
        '<Image name="page_{{n}}" value="$pages[{{n}}].url"/>'
        '<RectangleLabels name="box_{{n}}" toName="page_{{n}}"><Label value="Car"/>'
        "</RectangleLabels></Repeater>"
    )
    found = config(objects=repeated)
    data = {"pages": [{"url": "http://x.y/0.jpg"}, {"url": "http://x.y/1.jpg"}, {}]}
    assert things_of(data, found, 7) == [
        {"name": "page_0", "kind": "image", "value": "http://x.y/0.jpg"},
        {"name": "page_1", "kind": "image", "value": "http://x.y/1.jpg"},
    ]
    assert [(tool["name"], tool["to"]) for tool in tools_of(found, data)] == [
        ("box_0", ["page_0"]),
        ("box_1", ["page_1"]),
        ("box_2", ["page_2"]),
    ]
    assert tools_of(found, {"pages": "none"}) == []
