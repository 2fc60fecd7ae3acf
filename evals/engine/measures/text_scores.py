"""BLEU and chrF of texts, by sacrebleu where it is installed (the extra `text`).

Its statistics of a corpus are counts that add up, so texts need not be kept for them.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from evals.engine.events import Ints

#: Counts of BLEU: lengths of both sides; matches and n-grams of each of four orders.
N_BLEU = 2 + 2 * 4


def statistics(truths: Sequence[str], predictions: Sequence[str]) -> Ints:
    """What the scores of texts are made of, int64; empty where sacrebleu is not installed.

    It adds up. No texts give zeros.
    """
    metrics = _metrics()
    if not metrics:
        return np.zeros(0, dtype=np.int64)
    if not truths:
        return np.zeros(N_BLEU + 3 * metrics[1].order, dtype=np.int64)
    sums = [
        np.array(metric._extract_corpus_statistics(predictions, [truths]), dtype=np.int64).sum(
            axis=0
        )
        for metric in metrics
    ]
    return np.concatenate(sums)


def metrics(counts: Ints, *, has_texts: bool) -> dict[str, float | None]:
    """`bleu` and `chrf`, 0 to 100, of summed statistics; nothing for none, None without texts."""
    if not len(counts):
        return {}
    found = _metrics()
    if not has_texts or not found:
        return {"bleu": None, "chrf": None}
    listed = counts[:N_BLEU].tolist(), counts[N_BLEU:].tolist()
    bleu, chrf = (
        float(metric._compute_score_from_stats(numbers).score)
        for metric, numbers in zip(found, listed, strict=True)
    )
    return {"bleu": bleu, "chrf": chrf}


def _metrics() -> tuple[Any, ...]:
    """sacrebleu's BLEU and chrF as `corpus_bleu` and `corpus_chrf` use them; () without it."""
    if find_spec("sacrebleu") is None:
        return ()
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    # Texts are as they are: no advice about detokenizing them.
    return BLEU(force=True), CHRF()
