"""The totals of a split: what its chunks counted, and what its kind measures of that."""

from collections.abc import Mapping

from evals.db import chunks
from evals.db.definition import job_of, kind_of
from evals.engine.events import (
    Events,
    class_counts,
    total_counts,
    total_events,
    unpack_events,
)
from evals.engine.kinds.kind import Gathered, Total, joined
from evals.engine.metrics import sweep
from evals.models import ModelEval, Split
from evals.panels.counted import SplitTotal


def counted_total(evaluation: ModelEval, split: int) -> SplitTotal:
    """The counts of a split at every confidence, and nothing measured. One statement."""
    events, n_classes = counted_events(evaluation, split), len(evaluation.classes)
    micro, by_class = (
        counts(events, n_classes=n_classes) for counts in (total_counts, class_counts)
    )
    return SplitTotal(
        split=split,
        n_images=_n_images(evaluation, split),
        events=events,
        swept=sweep(micro, by_class),
        measured=Total(),
    )


def counted_events(evaluation: ModelEval, split: int) -> Events:
    """The events of a split as those of one image; the order they were counted in does not matter.

    One statement.
    """
    histograms = chunks.parts_of(evaluation.pk, split).values_list("histogram", flat=True)
    return total_events(unpack_events(list(histograms)))


def measured(
    evaluation: ModelEval, split: int, events: Events, known: Mapping[int, Total]
) -> Total:
    """All that the kind measures of a split; `known` are what is measured already, by place among
    the kind's measures. One statement, none where all is known.
    """
    found = dict(known)
    missing = set(range(len(kind_of(evaluation).totals))) - found.keys()
    if missing:
        gathered = gather(evaluation, split, events)
        found |= {place: measure(evaluation, place, gathered) for place in missing}
    return joined([found[place] for place in sorted(found)])


def measure(evaluation: ModelEval, place: int, gathered: Gathered) -> Total:
    """What the measure at a place among those of the kind says of a split."""
    return kind_of(evaluation).totals[place](gathered, job_of(evaluation))


def gather(evaluation: ModelEval, split: int, events: Events) -> Gathered:
    """What the kind keeps of a split. One statement."""
    states = chunks.parts_of(evaluation.pk, split).values_list("state", flat=True)
    return Gathered(
        states=[bytes(state) for state in states if state is not None],
        events=events,
        n_images=_n_images(evaluation, split),
    )


def _n_images(evaluation: ModelEval, split: int) -> int:
    return int(evaluation.image_counts[Split(split).label])
