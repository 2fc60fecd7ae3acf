"""How far two sides agree on spans of texts: the four schemes of SemEval-2013, and equal spans.

The numbers are those of https://github.com/MantisAI/nervaluate, whose ends are inclusive, and of
seqeval's strict mode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints
from predictions.regions.geometry import Bools

SCHEMES = ("strict", "exact", "partial", "type")
#: What becomes of the predicted spans in a scheme, and of the true ones that none is matched to.
CORRECT, INCORRECT, PARTIAL, MISSED, SPURIOUS = range(5)
#: Whole numbers of a state: those of the schemes, then equal, true and predicted spans.
N_COUNTS = 5 * len(SCHEMES) + 3


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of one side of some texts in stored order, arrays of one length.

    A span that does not end after its start is like one at the same place, and like no other.
    """

    text: Ints
    label: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.text)

    def ranks(self) -> Ints:
        """The place of each by text, start and end, in stored order among equals."""
        ranks = np.empty(len(self), dtype=np.int64)
        ranks[np.lexsort((self.end, self.start, self.text))] = np.arange(len(self))
        return ranks


def span_counts(truth: Spans, predicted: Spans, pairs: tuple[Ints, Ints], n_texts: int) -> Ints:
    """What adds up over texts, int64 (n_texts, N_COUNTS).

    `pairs` are predicted and true spans of one text that share a character, or are equal.
    """
    order = np.lexsort((truth.ranks()[pairs[1]], predicted.ranks()[pairs[0]]))
    theirs, mine = pairs[0][order], pairs[1][order]
    is_same_place = (predicted.start[theirs] == truth.start[mine]) & (
        predicted.end[theirs] == truth.end[mine]
    )
    is_same_class = predicted.label[theirs] == truth.label[mine]
    distance = np.abs(predicted.start[theirs] - truth.start[mine])
    distance += np.abs(predicted.end[theirs] - truth.end[mine])
    is_equal = is_same_place & is_same_class
    candidates = theirs.tolist(), mine.tolist()
    columns = []
    for name, is_good in zip(
        SCHEMES, (is_equal, is_same_place, is_same_place, is_same_class), strict=True
    ):
        distances = distance.tolist() if name == "type" else None
        taken = _taken(candidates, is_good.tolist(), distances)
        columns += _outcomes(truth, predicted, taken, n_texts, is_partial=name == "partial")
    equal = _equal(truth, predicted, n_texts)
    of_side = [np.bincount(side.text, minlength=n_texts) for side in (truth, predicted)]
    return np.column_stack([*columns, equal, *of_side]).astype(np.int64)


def _taken(
    candidates: tuple[list[int], list[int]], is_good: list[bool], distances: list[int] | None
) -> tuple[list[int], list[int], list[bool]]:
    """Predicted spans, the true ones they are matched to, and whether these are good matches.

    Each predicted span in turn is matched to the first free true one that is good, with `distances`
    the nearest, else to the first free one at all.
    """
    theirs, mine = candidates
    used: set[int] = set()
    found: tuple[list[int], list[int], list[bool]] = ([], [], [])
    at, n_pairs = 0, len(theirs)
    while at < n_pairs:
        span, best, first = theirs[at], None, None
        while at < n_pairs and theirs[at] == span:
            if mine[at] not in used:
                first = at if first is None else first
                if is_good[at] and (
                    best is None or (distances is not None and distances[at] < distances[best])
                ):
                    best = at
            at += 1
        chosen = first if best is None else best
        if chosen is not None:
            used.add(mine[chosen])
            found[0].append(span)
            found[1].append(mine[chosen])
            found[2].append(best is not None)
    return found


def _outcomes(
    truth: Spans,
    predicted: Spans,
    taken: tuple[list[int], list[int], list[bool]],
    n_texts: int,
    *,
    is_partial: bool,
) -> list[Ints]:
    """The five counts of a scheme, each int64 (n_texts,)."""
    spans = np.array(taken[0], dtype=np.int64)
    good: Bools = np.array(taken[2], dtype=np.bool_)
    correct = np.bincount(predicted.text[spans[good]], minlength=n_texts)
    other = np.bincount(predicted.text[spans[~good]], minlength=n_texts)
    none = np.zeros(n_texts, dtype=np.int64)
    missed = np.bincount(truth.text, minlength=n_texts) - correct - other
    spurious = np.bincount(predicted.text, minlength=n_texts) - correct - other
    return [correct, none if is_partial else other, other if is_partial else none, missed, spurious]


def _equal(truth: Spans, predicted: Spans, n_texts: int) -> Ints:
    """Spans of the same place and class on both sides, each paired once, int64 (n_texts,)."""
    sides = [
        np.column_stack([one.text, one.label, one.start, one.end]) for one in (truth, predicted)
    ]
    spans, place = np.unique(np.concatenate(sides), axis=0, return_inverse=True)
    of_side = np.split(place.ravel(), [len(truth)])
    both = np.minimum(*(np.bincount(one, minlength=len(spans)) for one in of_side))
    return np.bincount(spans[:, 0], weights=both, minlength=n_texts).astype(np.int64)


def to_state(counts: Ints) -> bytes:
    """The sums of some texts as bytes, which `read_states` adds up."""
    return np.asarray(counts.sum(axis=0), dtype="<i8").tobytes()


def read_states(states: Sequence[bytes]) -> Ints:
    """The sums of all states, int64 (N_COUNTS,); zeros for none. `UnreadableState`."""
    if any(len(state) != 8 * N_COUNTS for state in states):
        raise UnreadableState("of spans")
    none: Ints = np.zeros(N_COUNTS, dtype=np.int64)
    return reduce(add, (np.frombuffer(state, dtype="<i8") for state in states), none)


def span_metrics(sums: Ints) -> dict[str, float | Mapping[str, float | None] | None]:
    """F1 of equal spans, then precision, recall and F1 of each scheme; null without any span on
    either side.
    """
    of_schemes = sums[: 5 * len(SCHEMES)].reshape(-1, 5).tolist()
    schemes = {name: _scheme(counts) for name, counts in zip(SCHEMES, of_schemes, strict=True)}
    return {"f1": equal_f1(sums), **schemes}


def _scheme(counts: Sequence[int]) -> Mapping[str, float | None]:
    good = counts[CORRECT] + counts[PARTIAL] / 2
    paired = counts[CORRECT] + counts[INCORRECT] + counts[PARTIAL]
    return _scores(good, paired + counts[SPURIOUS], paired + counts[MISSED])


def equal_f1(sums: Ints) -> float | None:
    """F1 of spans in the same place and of the same class; None without any span."""
    equal, true, predicted = sums[-3:].tolist()
    return _scores(equal, predicted, true)["f1"]


def _scores(good: float, n_predicted: int, n_true: int) -> Mapping[str, float | None]:
    if not n_predicted and not n_true:
        return {"precision": None, "recall": None, "f1": None}
    precision = good / n_predicted if n_predicted else 0.0
    recall = good / n_true if n_true else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
