"""One stored region as the row that is counted, and what is known of an image by its regions."""

from collections.abc import Mapping
from typing import Any

from evals.engine.boxes import NamedBox, Region, Regions, RegionText, StoredImage
from evals.engine.reading import Place, Reading
from evals.engine.sides import Row
from predictions.regions.controls import shape_of
from predictions.regions.geometry import FARTHEST_PCT, Size
from predictions.regions.labels import Partners, read_number
from predictions.regions.shapes import is_upright, own_size
from predictions_api.names import SCORE, SCORES

FAR = FARTHEST_PCT

#: Sides of an image that no region tells the size of: boxes are compared in per cent, masks on a
#: raster of tenths of one.
UNSIZED_PX = (100.0, 100.0)
UNSIZED_RASTER_PX = (1000.0, 1000.0)

#: Within a region, where tools put its score that is read from the region alone.
BESIDE = ("value", "meta")


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


def scores_elsewhere(image: StoredImage, reading: Reading) -> int:
    """How many predicted regions of an image have no score, and a number where tools put one: under
    another name, or in the region's value or meta. It is not read: they count as sure as their
    prediction.
    """
    regions = image.predicted
    if isinstance(regions, RegionText) and not _may_be_elsewhere(regions.text):
        return 0
    partners = Partners(regions)
    return sum(
        _is_elsewhere(region)
        and all(one.get(SCORE) is None for one in (region, *partners.of(region)))
        and (image.place is None or image.place.holds(region))
        and not reading.skips(region.get("from_name"), is_truth=False)
        and not (reading.has_keypoints and shape_of(region.get("type")) == "keypoint")
        for region in regions
    )


def _may_be_elsewhere(text: str) -> bool:
    """Whether a stored result may have a score that is not read, told without reading it: nearly
    none has. As `jsonb` orders keys, a region's own score stands right before its value.
    """
    if any(f'"{name}"' in text for name in SCORES):
        return True
    first = text.find(f'"{SCORE}"')
    return first >= 0 and not text.startswith(', "value"', text.find(",", first))


def _is_elsewhere(region: Region) -> bool:
    within = [part for key in BESIDE if isinstance(part := region.get(key), Mapping)]
    told = [part.get(SCORE) for part in within]
    told += [part.get(name) for name in SCORES for part in (region, *within)]
    return any(read_number(one) is not None for one in told)
