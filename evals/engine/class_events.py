"""Events made of other things than matches: things called by a class, and imported reports."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from evals.engine.errors import MisshapenArrays
from evals.engine.events import N_BINS, Cells, Events, join_events, make_events


def assignment_events(
    image: npt.ArrayLike,
    bin: npt.ArrayLike,
    actual: npt.ArrayLike,
    predicted: npt.ArrayLike,
    count: npt.ArrayLike,
    *,
    background: int,
    counts_background: bool = False,
) -> Events:
    """Events of `count` things of class `actual`, called `predicted` up to confidence `bin`.

    Above its bin a thing counts as called background. True background called background is counted
    only with `counts_background`, for pixels; of objects and labels nobody can count it.
    """
    given = (image, bin, actual, predicted, count)
    images, bins, truth, called, counts = np.broadcast_arrays(*(np.asarray(c) for c in given))
    claimed = called != background
    real = (truth != background) | counts_background
    taken = claimed & real
    return join_events(
        [
            make_events(images[real], N_BINS - 1, truth[real], background, counts[real]),
            make_events(images[taken], bins[taken], truth[taken], background, -counts[taken]),
            make_events(
                images[claimed], bins[claimed], truth[claimed], called[claimed], counts[claimed]
            ),
        ]
    )


def report_events(reports: Mapping[int, Cells]) -> Events:
    """The events of imported reports, which exist at some confidences only.

    At the highest listed percent its cells, at each lower one the difference; so reading at any
    listed percent returns that report exactly. What lies between is not known and must not be read.
    """
    parts: list[Events] = []
    above: Cells | None = None
    for confidence in sorted(reports, reverse=True):
        if not 0 <= confidence < N_BINS:
            raise MisshapenArrays(f"a report's confidence is {confidence} percent")
        cells = reports[confidence]
        parts.append(_report_part(confidence, cells, sign=1))
        if above is not None:
            parts.append(_report_part(confidence, above, sign=-1))
        above = cells
    return join_events(parts)


def _report_part(confidence: int, cells: Cells, *, sign: int) -> Events:
    return make_events(cells.image, confidence, cells.actual, cells.predicted, sign * cells.count)
