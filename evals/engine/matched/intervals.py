"""Stretches of time: how far they overlap, and what COCO's box engine is given for them.

An instant, which ends where it starts, overlaps what is equal to it and nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np

from evals.engine.events import Ints
from evals.engine.matched.channels import apart, rows_of
from evals.engine.matched.equal import equal_pairs
from evals.engine.matching import Detections, Objects, Pairs, box_pairs, join_pairs
from predictions.regions.errors import MissingCoordinate
from predictions.regions.geometry import Floats
from predictions.regions.labels import read_number
from predictions_api.http.storable import whole_told

#: Seconds or frames beyond which nothing lies: sums of them are numbers still.
FARTHEST = 1e15

#: Numbers beside dates are milliseconds since 1970, as Label Studio has them.
OF_A_SECOND = 1000
#: What Label Studio calls thousandths of a second, and what Python calls parts of one.
THOUSANDTHS, PARTS = "%L", "%f"
#: Digits after the point that times are told with: those of more are measured rather than told.
MOST_DECIMALS = 9
#: Whole numbers up to here are numbers of float64.
WHOLE = 2.0**53
#: How high a stretch is among COCO's boxes: COCO passes over areas beyond 1e10, and 20 seconds are
#: longer in the billionths that they may be told in. A power of two changes no overlap.
FLATTENED = 2.0**-40
#: A format without it writes no date that digits alone could tell from a number.
YEAR = "%Y"


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` to `end`, which is not before it: seconds of audio and time, frames of video."""

    start: float
    end: float
    #: Of audio; None where there is none.
    channel: int | None = None
    #: Whether it is told as dates.
    is_dated: bool = False

    def dated(self) -> "Interval":
        """A stretch that is told in numbers, beside others that are told as dates."""
        return replace(
            self, start=self.start / OF_A_SECOND, end=self.end / OF_A_SECOND, is_dated=True
        )


def read_interval(value: Mapping[str, object], *, time_format: str = "") -> Interval:
    """The stretch of a region's value, the earlier end first. `MissingCoordinate` without one."""
    told = [_moment(value.get(name), name, time_format) for name in ("start", "end")]
    if YEAR in time_format:
        told = _with_digits(told, time_format)
    is_dated = any(is_date for _, is_date in told)
    start, end = sorted(
        moment / OF_A_SECOND if is_dated and not is_date else moment for moment, is_date in told
    )
    return Interval(start, end, _channel(value.get("channel")), is_dated)


def _channel(told: Any) -> int | None:
    """A channel's number; None where none is told. `MissingCoordinate` for anything else."""
    if told is None or told == "":
        return None
    channel = whole_told(told, 2**31)
    if channel is None:
        raise MissingCoordinate(f"channel is {told!r:.100}")
    return channel


def _moment(told: Any, name: str, time_format: str) -> tuple[float, bool]:
    """A number, or of a date the seconds since 1970, in UTC unless it says otherwise; and whether
    it is a date. Text that holds a number is that number.
    """
    date = _formatted(told, time_format) if isinstance(told, str) and time_format else None
    number = None if date else read_number(told)
    if number is not None and abs(number) <= FARTHEST:
        return number, False
    try:
        if isinstance(told, str):
            date = date or datetime.fromisoformat(told)
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp(), True
    except (ValueError, OverflowError):
        pass
    raise MissingCoordinate(f"{name} is {told!r:.100}")


def _formatted(text: str, time_format: str) -> datetime | None:
    """The date as the format has it; None where it is written otherwise."""
    # A format that has a part twice is no ValueError.
    with suppress(ValueError, re.error):
        return datetime.strptime(text, time_format.replace(THOUSANDTHS, PARTS))
    return None


def _with_digits(told: list[tuple[float, bool]], time_format: str) -> list[tuple[float, bool]]:
    """Numbers as the dates that their digits write, as 20240131 by `%Y%m%d`; as they are where one
    is not what the format makes of a date: then they count something, such as milliseconds.
    """
    read = [moment if is_date else _dated(moment, time_format) for moment, is_date in told]
    return told if None in read else [(moment, True) for moment in read if moment is not None]


def _dated(number: float, time_format: str) -> float | None:
    """The seconds since 1970 of the date in UTC that these digits are in the format."""
    digits = f"{number:.0f}"
    date = _formatted(digits, time_format) if number.is_integer() else None
    if date is None or date.strftime(time_format) != digits:
        return None
    return date.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Track:
    """The stretches of one side of a chunk of images."""

    #: int64 (n,), the place of each one's image, never falling.
    image: Ints
    #: float64 (n,), in one unit for each image.
    start: Floats
    end: Floats
    #: int64 (n,), -1 where there is none.
    channel: Ints

    def boxes(self, rows: Floats | float = 0.0) -> Floats:
        """As boxes of height 1 in these rows, float64 (n, 4)."""
        n = len(self.start)
        length = self.end - self.start
        return np.stack([self.start, np.broadcast_to(rows, n), length, np.ones(n)], axis=1)


def in_whole_units(truth: Track, predicted: Track) -> tuple[Track, Track]:
    """The same stretches, of each image in the largest decimal part of a second of which all its
    times are whole numbers; as they are where that is none of the first MOST_DECIMALS.

    Overlaps are the same, but for the noise of the last digits: 0.2 has no number of float64, and
    of a date in seconds (1.6e9) the thousandths have few digits left. By it two stretches overlap
    by a little less than exactly the threshold.
    """
    sides = (truth, predicted)
    image = np.concatenate([side.image for side in sides for _ in range(2)])
    moments = np.concatenate([one for side in sides for one in (side.start, side.end)])
    scale = np.zeros(int(image.max(initial=-1)) + 1)
    for decimals in range(MOST_DECIMALS + 1):
        unit = 10.0**decimals
        whole = np.round(moments * unit)
        is_told = (whole / unit == moments) & (abs(whole) <= WHOLE)
        fits = np.bincount(image[~is_told], minlength=len(scale)) == 0
        scale[fits & (scale == 0)] = unit
        if scale.all():
            break

    def scaled(side: Track) -> Track:
        unit = scale[side.image]
        start, end = (
            np.where(unit > 0, np.round(one * unit), one) for one in (side.start, side.end)
        )
        return replace(side, start=start, end=end)

    return scaled(truth), scaled(predicted)


def overlapping_pairs(
    objects: Objects, truth: Track, detections: Detections, predicted: Track
) -> Pairs:
    """The pairs that overlap in time, of any channels."""
    pairs = box_pairs(objects, truth.boxes(), detections, predicted.boxes())
    return join_pairs(chain([pairs], _equal_instants(truth, predicted)))


def of_one_channel(pairs: Pairs, truth: Track, predicted: Track) -> Pairs:
    """Without those of two channels; a stretch that has none is of every channel."""
    return pairs.chosen(~apart(pairs, truth.channel, predicted.channel))


def _equal_instants(truth: Track, predicted: Track) -> Iterator[Pairs]:
    mine, theirs = (np.flatnonzero(side.start == side.end) for side in (truth, predicted))
    moments = [
        list(zip(side.image[at].tolist(), side.start[at].tolist(), strict=True))
        for side, at in ((predicted, theirs), (truth, mine))
    ]
    return equal_pairs(theirs, moments[0], mine, moments[1])


def coco_boxes(
    objects: Objects, truth: Track, detections: Detections, predicted: Track, pairs: Pairs
) -> tuple[Floats, Floats]:
    """Boxes of both sides whose IoU is the overlap in time, 0 of two channels (`rows_of`).

    `pairs` are those that overlap in time. An instant is a box of length 1 in a row that it shares
    with those equal to it.
    """
    sides = (truth, predicted)
    alike = pairs.chosen(objects.label[pairs.object] == detections.label[pairs.detection])
    found = rows_of(alike, (truth.image, predicted.image), (truth.channel, predicted.channel))
    rows = [row.astype(np.float64) * 2 for row in found]
    boxes = truth.boxes(rows[0]), predicted.boxes(rows[1])
    moments: dict[float, int] = {}
    for side, row, mine in zip(sides, rows, boxes, strict=True):
        for at in np.flatnonzero(side.start == side.end).tolist():
            moment = moments.setdefault(float(side.start[at]), len(moments))
            # Above all channels; apart from the same moment of another channel.
            mine[at] = row[at], -2.0 * (moment + 1), 1, 1
        mine[:, [1, 3]] *= FLATTENED
    return boxes
