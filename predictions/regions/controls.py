"""The control tags of Label Studio: what the regions of each hold.

The one table of it: reading regions, evaluating, expanding shorthands and exporting ask it, so
that a control tag that is added here is known everywhere. Pure.
Tags: https://labelstud.io/tags
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: Places on an image.
Shape = Literal["rectangle", "polygon", "brush", "bitmask", "ellipse", "keypoint", "vector"]
#: Places in a text, or in time.
Stretch = Literal["span", "interval", "track"]


@dataclass(frozen=True, slots=True)
class ControlTag:
    """One control tag. The type of its regions is its name in lower case."""

    tag: str
    #: Where a region's value has its labels, or its answer; None for a bare place.
    value_key: str | None
    #: What kind of place its regions are; None for an answer about the whole object.
    place: Shape | Stretch | None = None
    #: Whether what stands under `value_key` are names of classes.
    has_classes: bool = False
    #: Whether its whole value may be given as one text or number.
    is_single: bool = False
    #: Whether the value is a list even where there is one.
    is_list: bool = True

    @property
    def result_type(self) -> str:
        """The `type` of its regions."""
        return self.tag.lower()

    @property
    def label_tag(self) -> str:
        """The tag of each of its labels within a labelling config."""
        return "Choice" if self.place is None else "Label"


def _labels(tag: str, place: Shape | Stretch) -> ControlTag:
    return ControlTag(tag, tag.lower(), place, has_classes=True)


TAGS = (
    ControlTag("Rectangle", None, "rectangle"),
    _labels("RectangleLabels", "rectangle"),
    ControlTag("Polygon", None, "polygon"),
    _labels("PolygonLabels", "polygon"),
    ControlTag("Brush", None, "brush"),
    _labels("BrushLabels", "brush"),
    ControlTag("Bitmask", None, "bitmask"),
    _labels("BitmaskLabels", "bitmask"),
    ControlTag("Ellipse", None, "ellipse"),
    _labels("EllipseLabels", "ellipse"),
    ControlTag("KeyPoint", None, "keypoint"),
    _labels("KeyPointLabels", "keypoint"),
    ControlTag("Vector", None, "vector"),
    _labels("VectorLabels", "vector"),
    # Of a text's span, or beside a bare shape of the same id: its label.
    _labels("Labels", "span"),
    _labels("HyperTextLabels", "span"),
    _labels("ParagraphLabels", "span"),
    _labels("TimeSeriesLabels", "interval"),
    _labels("TimelineLabels", "interval"),
    ControlTag("VideoRectangle", None, "track"),
    ControlTag("Choices", "choices", has_classes=True, is_single=True),
    ControlTag("Taxonomy", "taxonomy", has_classes=True, is_single=True),
    ControlTag("Pairwise", "selected", is_list=False),
    ControlTag("Ranker", "ranker"),
    ControlTag("Rating", "rating", is_single=True, is_list=False),
    ControlTag("Number", "number", is_single=True, is_list=False),
    ControlTag("DateTime", "datetime", is_single=True, is_list=False),
    ControlTag("TextArea", "text", is_single=True),
    ControlTag("Relation", None),
    ControlTag("Relations", None),
)
BY_TAG: Mapping[str, ControlTag] = {one.tag: one for one in TAGS}
BY_TYPE: Mapping[str, ControlTag] = {one.result_type: one for one in TAGS}

#: Where a region's value may have names of classes.
CLASS_KEYS = frozenset(one.value_key for one in TAGS if one.value_key and one.has_classes)
#: Kinds of place that are shapes on an image.
SHAPES = frozenset({"rectangle", "polygon", "brush", "bitmask", "ellipse", "keypoint", "vector"})
#: Where a shape's value may have its labels, by the type of its region; the first is its own.
LABEL_KEYS: Mapping[str, tuple[str, ...]] = {
    one.result_type: tuple(
        dict.fromkeys(
            [f"{one.place}labels"]
            + [other.value_key for other in TAGS if other.value_key and other.has_classes
               and (other.place in SHAPES or other.tag == "Labels")]
        )
    )
    for one in TAGS
    if one.place in SHAPES
}  # fmt: skip
#: Controls whose whole value may be one text or number: the value's key by the region's type.
SINGLE_VALUED: Mapping[str, str] = {
    one.result_type: one.value_key for one in TAGS if one.is_single and one.value_key
}
#: Keys of values that are lists even where there is one.
LISTED = frozenset(one.value_key for one in TAGS if one.is_single and one.is_list and one.value_key)
#: Types of regions beside which a label may stand as a region of its own, of the same id.
PARTNERS_OF_LABELS = frozenset(
    one.result_type for one in TAGS if one.place in SHAPES and not one.has_classes
)


def shape_of(region_type: object) -> str | None:
    """The kind of shape of a region's type; None for what is no shape on an image."""
    tag = BY_TYPE.get(region_type) if isinstance(region_type, str) else None
    return tag.place if tag is not None and tag.place in SHAPES else None
