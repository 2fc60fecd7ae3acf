"""Turned boxes: exactly, as polygons of four corners, in float64.

A box is [x and y of its centre, width, height, angle in radians, clockwise on the screen].
"""

import numpy as np

from predictions.regions.geometry import PIXEL_DECIMALS, Bools, Floats, Ints

#: Pairs that are clipped together, half a kilobyte each: more leave the processor's cache, which
#: takes a half more time (measured on one core, 2026-11).
PAIRS_AT_ONCE = 2**12


def turned_boxes(corners_px: Floats) -> Floats:
    """Boxes by their corners (n, 4, 2), which run round each from its stored one: (n, 5).

    Sides are rounded to nine decimals of a pixel, as those of upright boxes are.
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
    met = np.nonzero(near)
    shared[met] = paired_areas(corners, others, *met)
    return shared


def paired_areas(corners: Floats, others: Floats, rows: Ints, columns: Ints) -> Floats:
    """What the convex polygons (n, 4, 2) of these rows share with the others (m, 4, 2) of these
    columns, float64 of their length: a bounded number of pairs at a time.
    """
    parts: list[Floats] = [np.zeros(0)]
    for first in range(0, len(rows), PAIRS_AT_ONCE):
        some = slice(first, first + PAIRS_AT_ONCE)
        parts.append(clipped_areas(corners[rows[some]], others[columns[some]]))
    return np.concatenate(parts)


def clipped_areas(polygons: Floats, windows: Floats) -> Floats:
    """What each convex polygon (n, 4, 2) shares with the window of the same row, float64 (n,).

    Sutherland and Hodgman: the polygon is cut along each side of the window in turn. Around the
    first corner of the window, so that nothing is lost far from the origin. Whatever else is cut
    with it, the area of a pair is the same to the last bit.
    """
    origin = windows[:, :1]
    x, y = _by_corner(polygons - origin)
    window_x, window_y = _clockwise(*_by_corner(windows - origin))
    lengths: Ints = np.full(x.shape[1], len(x))
    for side in range(len(window_x)):
        end = (side + 1) % len(window_x)
        start = window_x[side], window_y[side]
        x, y, lengths = _cut(x, y, lengths, start, (window_x[end], window_y[end]))
    return np.abs(_signed_areas(x, y, lengths))


def polygon_areas(corners: Floats) -> Floats:
    """Areas of polygons (n, k, 2), float64 (n,)."""
    x, y = _by_corner(corners - corners[:, :1])
    return np.abs(_signed_areas(x, y))


def _by_corner(corners: Floats) -> tuple[Floats, Floats]:
    """x and y of polygons (n, k, 2), a row for each corner: float64 (k, n) both."""
    x, y = np.ascontiguousarray(corners.transpose(2, 1, 0))
    return x, y


def _clockwise(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The same polygons, all running clockwise on the screen."""
    is_other = _signed_areas(x, y) < 0
    return np.where(is_other, x[::-1], x), np.where(is_other, y[::-1], y)


def _cut(
    x: Floats,
    y: Floats,
    lengths: Ints,
    start: tuple[Floats, Floats],
    end: tuple[Floats, Floats],
) -> tuple[Floats, Floats, Ints]:
    """What of polygons, the first `lengths` of their corners, is right of a line each."""
    n_corners, n = x.shape
    along, down = end[0] - start[0], end[1] - start[1]
    distance = along * (y - start[1]) - down * (x - start[0])
    next_x, next_y, next_distance = (_following(one, lengths) for one in (x, y, distance))
    is_corner = np.arange(n_corners)[:, None] < lengths
    is_inside = distance >= 0
    crosses = is_corner & (is_inside != (next_distance >= 0))
    is_kept = is_corner & is_inside
    # Of each corner itself, then where its side to the next one meets the line.
    kept = np.cumsum(is_kept.astype(np.int64) + crosses, axis=0)
    found = np.zeros((2, max(int(kept[-1].max(initial=0)), 1), n))
    flat_x, flat_y = found.reshape(2, -1)
    place = (kept - 1) * n + np.arange(n)
    at = np.flatnonzero(crosses)
    to, far = place.ravel()[at], distance.ravel()[at]
    share = far / (far - next_distance.ravel()[at])
    for flat, of, following in ((flat_x, x, next_x), (flat_y, y, next_y)):
        here = of.ravel()[at]
        flat[to] = here + share * (following.ravel()[at] - here)
    at = np.flatnonzero(is_kept)
    to = (place - crosses * n).ravel()[at]
    flat_x[to], flat_y[to] = x.ravel()[at], y.ravel()[at]
    return found[0], found[1], kept[-1]


def _following(rows: Floats, lengths: Ints) -> Floats:
    """Of each corner (k, n) the next one: of the last, the first."""
    following = np.concatenate([rows[1:], rows[:1]])
    at = np.flatnonzero(lengths)
    following[lengths[at] - 1, at] = rows[0, at]
    return following


def _signed_areas(x: Floats, y: Floats, lengths: Ints | None = None) -> Floats:
    """Of polygons (most, n) of so many corners each, of all by default; 0 for fewer than three."""
    if lengths is None:
        lengths = np.full(x.shape[1], len(x))
    doubled = x * _following(y, lengths) - _following(x, lengths) * y
    areas = np.zeros(x.shape[1])
    for corner, one in enumerate(doubled):
        areas += np.where(corner < lengths, one, 0)
    return np.where(lengths >= 3, areas / 2, 0)
