"""Whether two evaluations differ by more than chance would: over the images that both have."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from evals.db import writes
from evals.db.panels import kept_answer
from evals.documents.comparison import ScoreChange, Significance, Tally
from evals.documents.document import encode
from evals.engine.events import Counts
from evals.engine.resampling.scores import MOST_IMAGES, Change, significance
from evals.models import ModelEval

LEVEL = 0.95

#: The tallies of each image in both, in the base's order.
Pairs = Callable[[], Sequence[tuple[Tally, Tally]]]


def significance_of(
    base: ModelEval, other: ModelEval, asked: str, n_images: int, pairs: Pairs
) -> Significance | None:
    """The difference, other minus base, of each score; None without images or with very many.

    Kept with the base under what was `asked`: `pairs` is called for the first caller alone. One
    statement, for the first caller four at most.
    """
    if not 0 < n_images <= MOST_IMAGES:
        return None
    question = f"diff/{other.eval_id}?{asked}"
    if (kept := kept_answer(base, question)) is not None:
        return msgspec.json.decode(kept, type=Significance)
    before, after = zip(*pairs(), strict=True)
    found = significance(_counts(before), _counts(after), LEVEL)
    document = Significance(
        precision=_document(found.precision),
        recall=_document(found.recall),
        f1=_document(found.f1),
    )
    writes.keep_answer(base.pk, question, encode(document))
    return document


def _counts(tallies: Sequence[Tally]) -> Counts:
    rows = [(t.true_positives, t.false_positives, t.false_negatives) for t in tallies]
    tp, fp, fn = np.array(rows, dtype=np.int64).T
    return Counts(tp=tp, kept=tp + fp, objects=tp + fn)


def _document(change: Change) -> ScoreChange:
    return ScoreChange(
        difference=change.difference,
        low=change.interval.low,
        high=change.interval.high,
        p_value=change.p_value,
    )
