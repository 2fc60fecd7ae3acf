"""What is left once all images are counted, in shares: each is worked out by whoever claims it.

A share is one of the kind's measures of one split, or panels that are made of counts alone. Of few
images there are none, and the worker that leads does all of it.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.db import transaction

from evals.db import chunks, writes
from evals.db.definition import kind_of
from evals.db.writes import NewPanel
from evals.engine.kinds.kind import Total
from evals.engine.totals import read_total, write_total
from evals.jobs.finishing import totals
from evals.models import EvalChunk, ModelEval, Split
from evals.panels import confidence_sweep, confusion_matrix, recommendations
from evals.panels.counted import Counted
from evals.panels.panel import Panel
from predictions_api.jobs.leases import Holder
from predictions_api.operations import collector

#: From so many chunks of images on there are shares: fewer are finished sooner by one worker.
SHARED_FROM = 8
#: By number of the share, which is stored. These take longest, so they come first.
PANELS: Mapping[int, Sequence[Panel]] = {
    0: [confusion_matrix.PANEL],
    1: [recommendations.PANEL, confidence_sweep.PANEL],
}
#: From here on numbers are of measures: by their place among those of the kind, and by split.
MEASURES_FROM = 100


def numbers(evaluation: ModelEval) -> Iterator[int]:
    """The shares of an evaluation that is planned, by number."""
    yield from PANELS
    for place in range(len(kind_of(evaluation).totals)):
        for split in Split:
            if evaluation.image_counts[split.label]:
                yield _number(place, split.value)


def work_out(evaluation: ModelEval, chunk: EvalChunk, mine: Holder) -> None:
    """Works out a share and stores it, at once and once; or LeaseLost."""
    number = chunks.share_of(chunk)
    assert number is not None
    with collector.paused():
        if number in PANELS:
            panels, state = _built(evaluation, PANELS[number]), b""
        else:
            panels, state = [], _measured(evaluation, *divmod(number - MEASURES_FROM, len(Split)))
        with transaction.atomic():
            chunks.keep(evaluation.pk, chunk.number, mine)
            writes.write_panels(evaluation.pk, panels)
            chunks.add_share(chunk, state)


def _built(evaluation: ModelEval, panels: Sequence[Panel]) -> list[NewPanel]:
    of_splits = [totals.counted_total(evaluation, split.value) for split in Split]
    counted = Counted(evaluation, of_splits, None)
    return [new for panel in panels for new in panel.build(counted)]


def _measured(evaluation: ModelEval, place: int, split: int) -> bytes:
    events = totals.counted_events(evaluation, split)
    gathered = totals.gather(evaluation, split, events)
    return write_total(totals.measure(evaluation, place, gathered))


def built(done: Mapping[int, bytes]) -> set[str]:
    """Paths of the panels that are stored already; `done` is what the shares came to, by number."""
    return {panel.path for number, some in PANELS.items() if number in done for panel in some}


def known(evaluation: ModelEval, split: int, done: Mapping[int, bytes]) -> dict[int, Total]:
    """What is measured of a split already, by place among the measures of the kind."""
    places = {place: _number(place, split) for place in range(len(kind_of(evaluation).totals))}
    return {place: read_total(done[number]) for place, number in places.items() if number in done}


def _number(place: int, split: int) -> int:
    return MEASURES_FROM + place * len(Split) + split
