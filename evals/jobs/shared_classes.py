"""Evaluations whose sides call everything by other names: the commonest reason for an mAP of 0."""

from collections.abc import Iterator
from typing import Any

from evals.db.definition import kind_of
from evals.engine.events import join_events, make_events
from evals.engine.metrics import matrix_of
from evals.models import ModelEval
from evals.panels.counted import Counted

REASON = "no_shared_class"
#: Classes of a side that are named.
MOST_NAMED = 10


def no_shared_class(evaluation: ModelEval, counted: Counted) -> Iterator[dict[str, Any]]:
    """A warning where both sides have classes and share none, with the pairs that are equal but
    for case as a `labelMap` to ask with; nothing for other evaluations.
    """
    if not kind_of(evaluation).has_labels:
        return
    classes = evaluation.classes
    merged = join_events(
        [
            make_events(0, one.bin, one.actual, one.predicted, one.delta)
            for one in (total.events for total in counted.totals)
        ]
    )
    counts = matrix_of(merged, 0, n_classes=len(classes)).counts()
    true = [name for name, n in zip(classes, counts.objects.tolist(), strict=True) if n]
    predicted = [name for name, n in zip(classes, counts.kept.tolist(), strict=True) if n]
    if not true or not predicted or set(true) & set(predicted):
        return
    known = {name.casefold(): name for name in true}
    pairs = {name: known[name.casefold()] for name in predicted if name.casefold() in known}
    advice = (
        " Some are equal but for case: ask again with the labelMap of this warning."
        if pairs
        else " Ask with a labelMap from the names of the predictions to those of the ground truth."
    )
    yield {
        "reason": REASON,
        "labelMap": pairs,
        "message": (
            f"Ground truth and predictions share no class. The ground truth has {_named(true)}; "
            f"the predictions have {_named(predicted)}.{advice}"
        ),
    }


def _named(classes: list[str]) -> str:
    more = f" and {len(classes) - MOST_NAMED:,} more" if len(classes) > MOST_NAMED else ""
    return ", ".join(classes[:MOST_NAMED]) + more
