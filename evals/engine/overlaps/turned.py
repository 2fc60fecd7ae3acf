"""Turned boxes: exactly, as polygons of four corners, in float64.

A box is [x and y of its centre, width, height, angle in radians, clockwise on the screen].
"""

import numpy as np

from predictions.regions.geometry import PIXEL_DECIMALS, Bools, Floats, Ints

#: Pairs that are clipped together, half a kilobyte each.
PAIRS_AT_ONCE = 2**16


def turned_boxes(corners_px: Floats) -> Floats:
    """Boxes by their corners (n, 4, 2), which run round each from its stored one: (n, 5).

    Sides are rounded to the millionth of a pixel, as those of upright boxes are.
    """
    along, down = corners_px[:, 1] - corners_px[:, 0], corners_px[:, 3] - corners_px[:, 0]
    sides = np.stack([np.hypot(*along.T), np.hypot(*down.T)], axis=1)
    angle = np.arctan2(along[:, 1], along[:, 0])
    centre = corners_px.mean(axis=1)
    return np.concatenate([centre, sides.round(PIXEL_DECIMALS), angle[:, None]], axis=1)


def corners_of(boxes: Floats) -> Floats:
    """The corners of boxes (n, 5): float64 (n, 4, 2)."""
    x, y, width, height, angle = np.asarray(boxes, dtype=np.float64).reshape(-1, 5).T
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) * width[:, None] / 2
    down = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * height[:, None] / 2
    centre = np.stack([x, y], axis=1)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.stack([centre + across * along + below * down for across, below in signs], axis=1)


def turned_overlaps(boxes: Floats, others: Floats, is_crowd: Bools | None = None) -> Floats:
    """IoU of each box (n, 5) with each other one (m, 5), float64 (n, m); with a crowd the share of
    the box that is within it. Boxes without area overlap nothing.
    """
    some, theirs = corners_of(boxes), corners_of(others)
    shared = shared_areas(some, theirs)
    area, other_area = polygon_areas(some), polygon_areas(theirs)
    union = area[:, None] + other_area[None, :] - shared
    if is_crowd is not None:
        union = np.where(is_crowd[None, :], area[:, None], union)
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def shared_areas(corners: Floats, others: Floats) -> Floats:
    """What each of the convex polygons (n, 4, 2) shares with each of the others (m, 4, 2), float64
    (n, m). Only those whose bounding boxes meet are clipped.
    """
    shared = np.zeros((len(corners), len(others)))
    if not shared.size:
        return shared
    low, high = corners.min(axis=1), corners.max(axis=1)
    other_low, other_high = others.min(axis=1), others.max(axis=1)
    near = (np.minimum(high[:, None], other_high) > np.maximum(low[:, None], other_low)).all(axis=2)
    rows, columns = np.nonzero(near)
    for first in range(0, len(rows), PAIRS_AT_ONCE):
        some = slice(first, first + PAIRS_AT_ONCE)
        at = rows[some], columns[some]
        shared[at] = clipped_areas(corners[at[0]], others[at[1]])
    return shared


def clipped_areas(polygons: Floats, windows: Floats) -> Floats:
    """What each convex polygon (n, 4, 2) shares with the window of the same row, float64 (n,).

    Sutherland and Hodgman: the polygon is cut along each side of the window in turn. Around the
    first corner of the window, so that nothing is lost far from the origin.
    """
    origin = windows[:, :1]
    points = polygons - origin
    windows = _clockwise(windows - origin)
    lengths: Ints = np.full(len(points), points.shape[1])
    for side in range(windows.shape[1]):
        start, end = windows[:, side], windows[:, (side + 1) % windows.shape[1]]
        points, lengths = _cut(points, lengths, start, end)
    return _areas(points, lengths)


def polygon_areas(corners: Floats) -> Floats:
    """Areas of polygons (n, k, 2), float64 (n,)."""
    return _areas(corners - corners[:, :1], np.full(len(corners), corners.shape[1]))


def _clockwise(corners: Floats) -> Floats:
    """The same polygons, all running clockwise on the screen."""
    is_other = _signed_areas(corners, np.full(len(corners), corners.shape[1])) < 0
    return np.where(is_other[:, None, None], corners[:, ::-1], corners)


def _cut(points: Floats, lengths: Ints, start: Floats, end: Floats) -> tuple[Floats, Ints]:
    """What of polygons, the first `lengths` of their points, is right of a line each."""
    n, most, _ = points.shape
    rows, columns = np.arange(n)[:, None], np.arange(most)[None, :]
    is_point = columns < lengths[:, None]
    following = np.where(columns + 1 < lengths[:, None], columns + 1, 0)
    side = (end - start)[:, None]
    to_point = points - start[:, None]
    distance = side[..., 0] * to_point[..., 1] - side[..., 1] * to_point[..., 0]
    next_distance = distance[rows, following]
    is_inside = distance >= 0
    crosses = is_point & (is_inside != (next_distance >= 0))
    gap = np.where(crosses, distance - next_distance, 1.0)
    share = np.where(crosses, distance, 0.0) / gap
    met = points + share[..., None] * (points[rows, following] - points)
    # Of each point itself, then where its side to the next one meets the line.
    found = np.stack([points, met], axis=2).reshape(n, 2 * most, 2)
    is_kept = np.stack([is_point & is_inside, crosses], axis=2).reshape(n, 2 * most)
    kept = is_kept.sum(axis=1)
    order = np.argsort(~is_kept, axis=1, kind="stable")[:, : max(int(kept.max(initial=0)), 1)]
    return found[rows, order], kept


def _areas(points: Floats, lengths: Ints) -> Floats:
    return np.abs(_signed_areas(points, lengths))


def _signed_areas(points: Floats, lengths: Ints) -> Floats:
    """Of polygons (n, most, 2) of so many points each; 0 for fewer than three."""
    n, most, _ = points.shape
    rows, columns = np.arange(n)[:, None], np.arange(most)[None, :]
    following = np.where(columns + 1 < lengths[:, None], columns + 1, 0)
    x, y = points[..., 0], points[..., 1]
    doubled = x * y[rows, following] - x[rows, following] * y
    areas: Floats = np.where(columns < lengths[:, None], doubled, 0).sum(axis=1) / 2
    return np.where(lengths >= 3, areas, 0)
