"""How many edits make predicted texts the true ones, by character and by word.

Characters are code points, words what white space separates. Rates are of all tasks with a truth,
whatever the score; no answer is the empty text.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from evals.engine.errors import EvaluationError, UnreadableState
from evals.engine.events import Ints
from evals.engine.measures import text_scores
from predictions.regions.geometry import Bools, Floats

#: Characters of a true text times those of its answer: a second's work, 130,000 against as many.
MOST_COMPARED = 2**34

#: The same where edits are shown one by one: beyond it one edit stands for all.
MOST_ALIGNED = 2**26
#: Numbers of a packed state before those of the scores.
N_COUNTS = 6

NO_LETTERS = re.compile(r"(?:[^\w\s]|_)+")
#: Categories of marks: that take no place of their own, that take one, that enclose.
MARKS = frozenset({"Mn", "Mc", "Me"})
#: Say which form of a character is drawn, as the coloured one of a heart.
SELECTORS = frozenset(
    [*range(0x180B, 0x180E), 0x180F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)


def _spaces(text: str) -> str:
    return " ".join(text.split())


def _case(text: str) -> str:
    return _spaces(text.lower())


def _words(text: str) -> str:
    return _spaces(NO_LETTERS.sub(_marks, text.lower()))


def _marks(found: re.Match[str]) -> str:
    """Of characters that are no letters the marks of the letter before them, as vowels are in Hindi
    and Thai. Those of an emoji go with it.
    """
    if not found.start() or found.string[found.start() - 1].isspace():
        return ""
    kinds = ((one, unicodedata.category(one)) for one in found[0])
    # A joiner may stand between a letter and its mark, as in Bengali.
    marks = takewhile(lambda one: one[1] in MARKS or one[1] == "Cf", kinds)
    kept = (one for one, kind in marks if kind in {"Mn", "Mc"})
    return "".join(one for one in kept if ord(one) not in SELECTORS)


#: What is done to both sides before everything, by its name in a request.
NORMALIZATIONS: Mapping[str, Callable[[str], str]] = {
    "none": str,
    "spaces": _spaces,
    "case": _case,
    "words": _words,
}


class TextsTooLong(EvaluationError):
    """Two texts are too long to be compared."""

    def __init__(self, task: int, detail: str) -> None:
        super().__init__(detail)
        #: Its place in the chunk.
        self.task = task


@dataclass(frozen=True, slots=True)
class Texts:
    """The normalised texts of tasks; None where there is none."""

    truth: Sequence[str | None]
    predicted: Sequence[str | None]
    #: Of the predicted text, float64 (n_tasks,); 1 where there is none.
    score: Floats

    @property
    def are_there(self) -> tuple[Bools, Bools]:
        """Whether there is a true text, and whether a predicted one: bool (n_tasks,) each."""
        return _are_there(self.truth), _are_there(self.predicted)

    def is_right(self) -> Bools:
        """Whether both are there and equal, (n_tasks,)."""
        pairs = zip(self.truth, self.predicted, strict=True)
        return np.array([a is not None and a == b for a, b in pairs], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Edits:
    """What separates the texts of each task with a truth, int64 (n_tasks,); 0 for the others."""

    has_truth: Bools
    #: No answer is the empty text.
    is_equal: Bools
    character_edits: Ints
    characters: Ints
    word_edits: Ints
    words: Ints

    def rates(self) -> tuple[Floats, Floats]:
        """The character and the word error rate of each task, NaN without a truth.

        Of an empty truth it is 0 if nothing is predicted, else 1.
        """
        return (
            self._rate(self.character_edits, self.characters),
            self._rate(self.word_edits, self.words),
        )

    def _rate(self, edits: Ints, length: Ints) -> Floats:
        rate = np.where(length > 0, edits / np.maximum(length, 1), edits > 0)
        return np.where(self.has_truth, rate, np.nan)


@dataclass(frozen=True, slots=True)
class TextSums:
    """What adds up over tasks with a truth."""

    #: int64 (6,): tasks, tasks with equal texts, edits of characters, characters of the truths,
    #: edits of words, words of the truths.
    counts: Ints
    #: What BLEU and chrF are made of, int64; empty where sacrebleu is not installed.
    scores: Ints

    def __add__(self, other: "TextSums") -> "TextSums":
        """Both together; without the scores if one that has tasks has none."""
        if not self.counts[0] or not other.counts[0]:
            return self if self.counts[0] else other
        both = len(self.scores) and len(other.scores)
        scores = self.scores + other.scores if both else np.zeros(0, dtype=np.int64)
        return TextSums(self.counts + other.counts, scores)

    def to_bytes(self) -> bytes:
        """All of it as int64, little-endian."""
        return np.concatenate([self.counts, self.scores]).astype("<i8").tobytes()


def read_sums(packed: bytes) -> TextSums:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    if len(packed) < 8 * N_COUNTS or len(packed) % 8:
        raise UnreadableState(f"{len(packed)} bytes are no sums of texts")
    numbers = np.frombuffer(packed, dtype="<i8")
    return TextSums(numbers[:N_COUNTS], numbers[N_COUNTS:])


def edits_of(texts: Texts) -> Edits:
    """The edits of each task; `TextsTooLong` where that takes too long."""
    from rapidfuzz.distance.Levenshtein import distance

    rows = np.zeros((len(texts.truth), 5), dtype=np.int64)
    for number, (truth, answer) in enumerate(zip(texts.truth, texts.predicted, strict=True)):
        if truth is None:
            continue
        predicted = answer or ""
        words = truth.split()
        if truth == predicted:
            rows[number] = 1, 0, len(truth), 0, len(words)
            continue
        if len(truth) * len(predicted) > MOST_COMPARED:
            raise TextsTooLong(number, f"texts of {len(truth):,} and {len(predicted):,} characters")
        word_edits = distance(words, predicted.split())
        rows[number] = 0, distance(truth, predicted), len(truth), word_edits, len(words)
    columns = rows.T
    return Edits(_are_there(texts.truth), columns[0] > 0, *columns[1:])


def _are_there(side: Sequence[str | None]) -> Bools:
    return np.array([one is not None for one in side], dtype=np.bool_)


def sums_of(texts: Texts, edits: Edits, chosen: Bools | None = None) -> TextSums:
    """The additive state of the chosen tasks of a chunk, (n_tasks,); of all without `chosen`."""
    mine = edits.has_truth if chosen is None else edits.has_truth & chosen
    columns = (
        edits.is_equal,
        edits.character_edits,
        edits.characters,
        edits.word_edits,
        edits.words,
    )
    counts = [int(mine.sum()), *(int(column[mine].sum()) for column in columns)]
    places = np.flatnonzero(mine).tolist()
    scores = text_scores.statistics(
        [texts.truth[at] or "" for at in places], [texts.predicted[at] or "" for at in places]
    )
    return TextSums(np.array(counts, dtype=np.int64), scores)


def text_metrics(sums: TextSums) -> dict[str, float | None]:
    """The metrics of a split, None for what there is nothing to measure of.

    `chrf` and `bleu`, from 0 to 100, are among them where sacrebleu is installed.
    """
    tasks, equal, character_edits, characters, word_edits, words = sums.counts.tolist()
    return {
        "exactMatch": equal / tasks if tasks else None,
        "characterErrorRate": character_edits / characters if characters else None,
        "wordErrorRate": word_edits / words if words else None,
        **text_scores.metrics(sums.scores, has_texts=tasks > 0),
    }


class Edit(NamedTuple):
    """A stretch of two texts: equal in both, or of one instead of the other's."""

    #: `equal`, `replace`, `delete` (of the truth) or `insert`.
    operation: str
    truth: str
    predicted: str


def alignment(truth: str, predicted: str) -> list[Edit]:
    """The edits by character that make the true text the predicted one, from left to right.

    Both empty give none; texts that are too long to compare are one edit.
    """
    from rapidfuzz.distance.Levenshtein import opcodes

    if len(truth) * len(predicted) > MOST_ALIGNED:
        return [Edit("replace", truth, predicted)]
    return [
        Edit(one.tag, truth[one.src_start : one.src_end], predicted[one.dest_start : one.dest_end])
        for one in opcodes(truth, predicted)
    ]
