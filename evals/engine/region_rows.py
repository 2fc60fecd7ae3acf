"""One stored region as the row that is counted, and what is known of an image by its regions."""

from collections.abc import Mapping
from typing import Any

from evals.engine.boxes import NamedBox, Region, Regions, StoredImage
from evals.engine.reading import Place
from evals.engine.sides import Row
from predictions.regions.controls import shape_of
from predictions.regions.geometry import FARTHEST_PCT, Size
from predictions.regions.shapes import is_upright, own_size

FAR = FARTHEST_PCT

#: Sides of an image that no region tells the size of: boxes are compared in per cent, masks on a
#: raster of tenths of one.
UNSIZED_PX = (100.0, 100.0)
UNSIZED_RASTER_PX = (1000.0, 1000.0)


def box_row(
    image: int, region: Region, index: Mapping[str, int], size: Size, default: float
) -> Row | None:
    """A plain labelled box; None for any other region."""
    try:
        value = region["value"]
        labels = value["rectanglelabels"]
        label = index[labels[0]] if len(labels) == 1 else -1
        x, y, width, height = value["x"], value["y"], value["width"], value["height"]
        width_px: Any = region.get("original_width")
        height_px: Any = region.get("original_height")
        if width_px is None and height_px is None:
            width_px, height_px = size
        score: Any = region.get("score")
        if score is None:
            score = default
        # Comparing refuses what is no number, and NaN.
        is_plain = (
            -FAR <= x <= FAR
            and -FAR <= y <= FAR
            and 0 <= width <= FAR
            and 0 <= height <= FAR
            and 1 <= width_px < 2**31
            and 1 <= height_px < 2**31
            and -1e300 < score < 1e300
            and is_upright(value.get("rotation"))
            and region["type"] == "rectanglelabels"
            and label >= 0
            and isinstance(labels, list)
            and bool not in {type(n) for n in (x, y, width, height, width_px, score)}
        )
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
    row = (image, label, score, x, y, width, height, width_px, height_px)
    return row if is_plain else None


def image_size(image: StoredImage) -> Size | None:
    """Width and height in pixels as the first sized region of the truth tells, else the task, else
    the first predicted region; None without one.
    """
    truth = _first_size(image, image.truth)
    return truth or image.told_size or _first_size(image, image.predicted)


def _first_size(image: StoredImage, regions: Regions) -> Size | None:
    for region in regions:
        is_mine = image.place is None or image.place.holds(region)
        is_mine = is_mine and str(region.get("to_name")) not in image.elsewhere
        if is_mine and (size := own_size(region)) is not None:
            return size
    return None


def has_odd_size(region: Region) -> bool:
    """Whether a region tells a size of its image that cannot be read."""
    told = [region.get(f"original_{side}") for side in ("width", "height")]
    return any(one not in (None, "") for one in told) and own_size(region) is None


def compared_shapes(image: StoredImage, shapes: frozenset[str]) -> tuple[int, int]:
    """How many regions of an image have one of these shapes, and how many of them are no box."""
    found = [
        shape
        for region in (*image.truth, *image.predicted)
        if (image.place is None or image.place.holds(region))
        and (shape := shape_of(region.get("type"))) in shapes
    ]
    return len(found), sum(shape != "rectangle" for shape in found)


def is_at(place: Place, box: NamedBox) -> bool:
    """As `Place.holds`, of a box."""
    if place.to_name is not None and box.to_name != place.to_name:
        return False
    return place.page is None or (box.item_index or 0) == place.page


def identity_of(region: Region, at: int) -> Any:
    """How a person finds the region: by its id, or its place in the result."""
    identity = region.get("id")
    is_one = isinstance(identity, str | int) and not isinstance(identity, bool)
    return identity if is_one and identity != "" else at
