"""How many pixels an outline covers, at least and at most, without rasterising it."""

import numpy as np

from predictions.regions.geometry import Floats, Ints

#: Pixels by which a raster may differ from the polygon, for each pixel of its outline. The corners
#: move by a tenth of a pixel, and in each column both ends by less than one.
PER_PX = 2
#: How far a mask may reach beyond its outline, on both sides together.
WIDER_PX = 2


def covered_px(areas: Floats, boxes_px: Floats, length_px: Floats, sizes_px: Floats) -> Floats:
    """Bounds of the pixels that polygons cover, float64 (n, 2): at least, and at most.

    `areas` (n,) are in square pixels, NaN where unknown; `boxes_px` (n, 4) are around the polygons,
    `length_px` (n,) is how long their outlines are, and `sizes_px` (n, 2) are the images. Of a
    polygon without an area, or one that leaves its image, no more is known than its box.
    """
    most = (boxes_px[:, 2:] + WIDER_PX).prod(axis=1)
    low, high = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
    is_known = ~np.isnan(areas) & (low >= 0).all(axis=1) & (high <= sizes_px).all(axis=1)
    at_least = np.where(is_known, np.maximum(areas - PER_PX * length_px, 0), 0)
    at_most = np.where(is_known, np.minimum(areas + PER_PX * length_px, most), most)
    return np.stack([at_least, at_most], axis=1)


def simple_areas(columns: Floats, following: Ints, lengths: Ints, boxes_px: Floats) -> Floats:
    """The areas of polygons, float64 (n,); NaN for those that do not run once around the middle of
    their box, as they may cross themselves.

    `columns` are x and y of all points, (2, k), as many as `lengths` (n,) tells for each polygon,
    `following` (k,) is the place of the next one along the outline, and `boxes_px` (n, 4) are
    around the polygons.
    """
    if not len(lengths):
        return np.zeros(0)
    starts = np.cumsum(lengths) - lengths
    middle = boxes_px[:, :2] + boxes_px[:, 2:] / 2
    x, y = (
        column - np.repeat(of_each, lengths)
        for column, of_each in zip(columns, middle.T, strict=True)
    )
    doubled = x * y[following] - x[following] * y
    is_below = y >= 0
    n_rounds = np.add.reduceat(~is_below & is_below[following], starts, dtype=np.int64)
    low, high = (of.reduceat(doubled, starts) for of in (np.minimum, np.maximum))
    areas = np.abs(np.add.reduceat(doubled, starts)) / 2
    return np.where(((low > 0) | (high < 0)) & (n_rounds == 1), areas, np.nan)
