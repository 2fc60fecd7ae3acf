"""Answers about whole tasks: the engine of each kind beside the library that is its oracle.

    python -m benchmarks.bench_answers [tasks]

Arrays or texts in, counts at 101 confidences and metrics out; the oracle gives its metrics alone.
Prints times and ratios; the best of several runs counts.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from evals.engine.class_events import set_events, value_events
from evals.engine.events import pack_events
from evals.engine.kinds.classification import single_label_events
from evals.engine.kinds.spans import matched_spans
from evals.engine.matching import Definition, match_events
from evals.engine.measures import numbers, spans, stars, texts, trees
from tests.evals.engine.kinds.test_taxonomy import matrix, random_side

Json = dict[str, Any]

N_STARS, N_NODES = 5, 60


def best_ms(work: Callable[[], object], runs: int = 5) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return min(times)


def transcription(r: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Texts of 3 to 30 words, one character of twenty wrong."""
    import jiwer

    letters = list("abcdefghij")
    words = ["".join(r.choice(letters, r.integers(2, 9))) for _ in range(2000)]
    truth = [" ".join(r.choice(words, r.integers(3, 30))) for _ in range(n)]
    said = ["".join("x" if r.random() < 0.05 else one for one in text) for text in truth]
    both = texts.Texts(truth, said, r.random(n))

    def engine() -> object:
        edits = texts.edits_of(both)
        events = value_events(*both.are_there, both.is_right(), both.score)
        return pack_events(events, n), edits.rates()

    def oracle() -> object:
        return jiwer.cer(truth, said), jiwer.wer(truth, said)

    return engine, oracle


def taxonomy(r: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Up to three paths a side in a tree of 60 nodes."""
    from sklearn.metrics import jaccard_score, precision_recall_fscore_support

    parents = [int(r.integers(-1, node)) if node else -1 for node in range(N_NODES)]
    truth, said = (random_side(r, parents, n) for _ in range(2))
    true, called = (matrix(one, n, N_NODES) for one in (truth, said))

    def engine() -> object:
        sides = (truth.task, truth.label), (said.task, said.label, said.score)
        overlaps = trees.overlaps_of(truth, said, n_tasks=n, n_classes=N_NODES)
        packed = pack_events(set_events(*sides, n_classes=N_NODES), n)
        return packed, trees.tree_metrics(trees.sums_of(overlaps))

    def oracle() -> object:
        micro = precision_recall_fscore_support(true, called, average="micro", zero_division=0)
        return micro, jaccard_score(true, called, average="samples", zero_division=1)

    return engine, oracle


def rating(r: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Five stars."""
    from sklearn.metrics import cohen_kappa_score

    truth, said = r.integers(0, N_STARS, n), r.integers(0, N_STARS, n)
    ratings = stars.Ratings(truth, said, r.random(n))

    def engine() -> object:
        events = single_label_events(truth, said, ratings.score, n_classes=N_STARS)
        table = stars.table_of(ratings, stars=N_STARS)
        return pack_events(events, n), stars.rating_metrics(table)

    def oracle() -> object:
        kinds = (None, "linear", "quadratic")
        return [cohen_kappa_score(truth, said, labels=range(N_STARS), weights=one) for one in kinds]

    return engine, oracle


def regression(r: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Numbers with normal errors."""
    from sklearn import metrics

    truth = r.normal(size=n)
    said = truth + r.normal(size=n)
    both = numbers.Numbers(truth, said, r.random(n))

    def engine() -> object:
        right = both.absolute_errors() <= 0.1
        events = value_events(both.has_truth, both.has_prediction, right, both.score)
        return pack_events(events, n), numbers.number_metrics(numbers.pairs_of(both))

    def oracle() -> object:
        return (
            metrics.mean_absolute_error(truth, said),
            metrics.root_mean_squared_error(truth, said),
            metrics.median_absolute_error(truth, said),
            metrics.r2_score(truth, said),
        )

    return engine, oracle


def entities(r: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Up to ten spans of texts of 200 words, a third of them said otherwise."""
    from nervaluate import Evaluator

    labels = ("PER", "LOC", "ORG", "MISC")
    sides: tuple[list[list[Json]], list[list[Json]]] = ([], [])
    for _ in range(n):
        starts = np.sort(r.choice(200, r.integers(0, 11), replace=False)) * 6
        truth = [(int(r.integers(4)), int(at), int(at) + 5) for at in starts]
        said = [
            (int(r.integers(4)), start + int(r.integers(3)), end) if r.random() < 0.33 else one
            for one in truth
            for _, start, end in [one]
        ]
        for side, found in zip(sides, (truth, said), strict=True):
            side.append(
                # Its ends are the last character.
                [{"label": labels[one], "start": a, "end": b - 1} for one, a, b in found]
            )

    def arrays(side: list[list[Json]]) -> spans.Spans:
        rows = [
            (text, labels.index(one["label"]), one["start"], one["end"] + 1)
            for text, some in enumerate(side)
            for one in some
        ]
        return spans.Spans(*np.array(rows, dtype=np.int64).T)

    true, called = arrays(sides[0]), arrays(sides[1])
    scores = r.random(len(called))
    definition = Definition(iou_threshold=1, inclusive=True)

    def engine() -> object:
        objects, detections, pairs = matched_spans(true, called, scores)
        events = match_events(
            objects, detections, pairs, n_classes=len(labels), definition=definition
        )
        counts = spans.span_counts(true, called, (pairs.detection, pairs.object), n)
        return pack_events(events, n), spans.span_metrics(counts.sum(axis=0))

    def oracle() -> object:
        return Evaluator(*sides, tags=list(labels), loader="dict").evaluate()

    return engine, oracle


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    for make in (transcription, taxonomy, rating, regression, entities):
        engine, oracle = make(np.random.default_rng(0), n)
        ours, theirs = best_ms(engine), best_ms(oracle)
        print(
            f"{make.__name__:15} {n:,} tasks: {ours:7.1f} ms, its oracle {theirs:7.1f} ms, "
            f"ratio {ours / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
