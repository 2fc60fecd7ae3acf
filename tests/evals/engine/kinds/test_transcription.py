"""Texts against jiwer and sacrebleu, and by hand."""

from typing import Any

import jiwer
import numpy as np
import pytest
import sacrebleu

from evals.engine.boxes import StoredImage
from evals.engine.errors import UnreadableState, UnusableRegion
from evals.engine.kinds.transcription import TRANSCRIPTION, read_texts
from evals.engine.measures import text_scores
from evals.engine.measures.texts import (
    NORMALIZATIONS,
    Edit,
    Texts,
    TextsTooLong,
    TextSums,
    alignment,
    edits_of,
    read_sums,
    sums_of,
    text_metrics,
)
from evals.engine.notes import Notes
from predictions.regions.labels import Reason
from tests.evals.engine.kinds.stored import cells_of, job_for, tally_of, task


class SplitAtSpaces(jiwer.AbstractTransform):
    """Words end at any white space, not at blanks alone."""

    def process_string(self, s: str) -> list[list[str]]:
        return [s.split()]

    def process_list(self, inp: list[str]) -> list[list[str]]:
        return [text.split() for text in inp]


#: By default jiwer strips a text before it counts characters.
CHARACTERS = jiwer.Compose([jiwer.ReduceToListOfListOfChars()])
WORDS = jiwer.Compose([SplitAtSpaces()])


CLASSES = ["answer"]


def cells(tasks: list[StoredImage], confidence: int = 0) -> list:
    tally = tally_of(TRANSCRIPTION, tasks, job_for(TRANSCRIPTION))
    return cells_of(tally.events, len(tasks), confidence)


def measured(texts: Texts) -> dict[str, float | None]:
    return text_metrics(sums_of(texts, edits_of(texts)))


def rates(texts: Texts) -> dict[str, float | None]:
    """The metrics without BLEU and chrF."""
    return {name: value for name, value in measured(texts).items() if name not in ("bleu", "chrf")}


def test_the_documented_example() -> None:
    tasks = [task("textarea", [["the cat sat"]], [["the cat sit"]])]
    texts = read_texts(tasks, CLASSES)
    assert measured(texts) == {
        "exactMatch": 0.0,
        "characterErrorRate": 1 / 11,
        "wordErrorRate": 1 / 3,
        "bleu": pytest.approx(sacrebleu.corpus_bleu(["the cat sit"], [["the cat sat"]]).score),
        "chrf": pytest.approx(sacrebleu.corpus_chrf(["the cat sit"], [["the cat sat"]]).score),
    }
    assert cells(tasks) == [[[0, 1, 1], [1, 0, 1]]]
    tally = tally_of(TRANSCRIPTION, tasks, job_for(TRANSCRIPTION))
    assert tally.metrics == [{"characterErrorRate": 1 / 11, "wordErrorRate": 1 / 3}]


def random_texts(seed: int, n: int) -> Texts:
    """Texts of few words with few characters, code points beyond 16 bits and odd spaces too."""
    r = np.random.default_rng(seed)
    words = ["a", "ab", "ba", "żółw", "🦉x", "ﬁ", "e\u0301", "é", ".", "A"]
    spaces = [" ", " ", " ", "\n", "  ", "\u00a0", "\t"]

    def text() -> str:
        parts = [w + s for w, s in zip(r.choice(words, 6), r.choice(spaces, 6), strict=True)]
        return "".join(parts[: r.integers(0, 7)])

    truth: list[str | None] = [text() for _ in range(n)]
    said: list[str | None] = [
        one if r.random() < 0.3 else _changed(r, one or "", text()) for one in truth
    ]
    for side, share in ((truth, 0.1), (said, 0.2)):
        for at in np.flatnonzero(r.random(n) < share).tolist():
            side[at] = None
    return Texts(truth, said, r.random(n))


def _changed(r: np.random.Generator, text: str, other: str) -> str:
    at, to = np.sort(r.integers(0, len(text) + 1, 2)).tolist()
    return text[:at] + other[: r.integers(0, 4)] + text[to:]


@pytest.mark.parametrize("seed", range(6))
def test_equals_jiwer_and_sacrebleu_whatever_the_chunks(seed: int) -> None:
    texts = random_texts(seed, 400)
    found = measured(texts)
    there = [at for at, one in enumerate(texts.truth) if one is not None]
    truth = [texts.truth[at] or "" for at in there]
    said = [texts.predicted[at] or "" for at in there]
    by_character = jiwer.process_characters(truth, said, CHARACTERS, CHARACTERS)
    by_word = jiwer.process_words(truth, said, WORDS, WORDS)
    assert found == {
        "exactMatch": pytest.approx(np.mean([a == b for a, b in zip(truth, said, strict=True)])),
        "characterErrorRate": pytest.approx(by_character.cer, abs=1e-12),
        "wordErrorRate": pytest.approx(by_word.wer, abs=1e-12),
        "bleu": pytest.approx(sacrebleu.corpus_bleu(said, [truth], force=True).score, abs=1e-12),
        "chrf": pytest.approx(sacrebleu.corpus_chrf(said, [truth]).score, abs=1e-12),
    }
    edits = edits_of(texts)
    order = np.random.default_rng(seed).permutation(400)
    merged = TextSums(np.zeros(6, dtype=np.int64), np.zeros(0, dtype=np.int64))
    for places in np.array_split(order, 7):
        chosen = np.isin(np.arange(400), places)
        merged = read_sums(sums_of(texts, edits, chosen).to_bytes()) + merged
    assert text_metrics(merged) == found


@pytest.mark.parametrize("seed", range(3))
def test_the_rates_of_a_task_are_jiwers(seed: int) -> None:
    texts = random_texts(seed, 150)
    found = zip(*edits_of(texts).rates(), strict=True)
    for truth, said, pair in zip(texts.truth, texts.predicted, found, strict=True):
        expected: tuple[Any, Any] = (np.nan, np.nan)
        if truth is not None:
            mine, theirs = [truth], [said or ""]
            expected = (
                jiwer.cer(mine, theirs, CHARACTERS, CHARACTERS) if truth else float(bool(said)),
                jiwer.wer(mine, theirs, WORDS, WORDS)
                if truth.split()
                else float(bool((said or "").split())),
            )
        assert pair == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("truth", "said", "expected", "metrics"),
    [
        # Nobody answered: the empty text for the rates, no answer for the counts.
        ([["ab c"]], [], [[0, 1, 1]], (0.0, 1.0, 1.0)),
        ([], [["ab"]], [[1, 0, 1]], (None, None, None)),
        ([], [], [], (None, None, None)),
        ([[""]], [[""]], [[0, 0, 1]], (1.0, None, None)),
        ([[""]], [["ab"]], [[0, 1, 1], [1, 0, 1]], (0.0, None, None)),
        ([[" "]], [["x"]], [[0, 1, 1], [1, 0, 1]], (0.0, 1.0, None)),
    ],
)
def test_empty_cases(truth: list, said: list, expected: list, metrics: tuple) -> None:
    tasks = [task("textarea", truth, said)]
    texts = read_texts(tasks, CLASSES)
    assert cells(tasks) == [expected]
    names = ("exactMatch", "characterErrorRate", "wordErrorRate")
    assert rates(texts) == dict(zip(names, metrics, strict=True))


def test_regions_and_lines_are_joined_and_the_surest_speaks() -> None:
    said = [(["one", "two"], 0.3), ("three", 0.6)]
    tasks = [task("textarea", [["one", "two", "three"]], said)]
    texts = read_texts(tasks, CLASSES)
    assert texts.truth == texts.predicted == ["one\ntwo\nthree"]
    assert cells(tasks, 60) == [[[0, 0, 1]]]
    assert cells(tasks, 61) == [[[0, 1, 1]]]


@pytest.mark.parametrize(
    ("normalization", "normalised"),
    [
        ("none", "  Ça  va,\tsnake_case - ½!  "),
        ("spaces", "Ça va, snake_case - ½!"),
        ("case", "ça va, snake_case - ½!"),
        ("words", "ça va snakecase ½"),
    ],
)
def test_normalization(normalization: str, normalised: str) -> None:
    stored = task("textarea", ["  Ça  va,\tsnake_case - ½!  "], [])
    normalize = NORMALIZATIONS[normalization]
    assert read_texts([stored], CLASSES, normalize=normalize).truth == [normalised]


@pytest.mark.parametrize(
    ("truth", "said"),
    [("हिन्दी की", "हन्दा का"), ("ไม่", "ไม้"), ("عَلَم", "عِلْم"), ("e\u0301te\u0301", "ete")],
)
def test_words_differ_by_their_marks(truth: str, said: str) -> None:
    """Of scripts whose vowels are marks, words without them are others."""
    normalize = NORMALIZATIONS["words"]
    texts = read_texts(
        [task("textarea", [f"{truth}!"], [f"{said} ?"])], CLASSES, normalize=normalize
    )
    assert (texts.truth, texts.predicted) == ([truth], [said])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I \u2764\ufe0f you", "i you"),
        ("sunny\u2600\ufe0f", "sunny"),
        ("press 1\ufe0f\u20e3", "press 1"),
        ("\U0001f469\u200d\U0001f467 x", "x"),
        ("(\u0301a)", "a"),
        ("\u845b\U000e0100", "\u845b"),
        ("\u09b0\u200d\u09cd\u09af", "\u09b0\u09cd\u09af"),
    ],
)
def test_marks_of_what_is_no_letter_are_no_words(text: str, words: str) -> None:
    """The selectors of emoji, frames around digits; a joiner before a letter's mark is none."""
    assert NORMALIZATIONS["words"](text) == words


def test_what_is_no_text_is_passed_over() -> None:
    notes = Notes()
    said = [(one, None) for one in (None, 7, ["a", 3], {"a": "b"}, ["kept"])]
    texts = read_texts([task("textarea", [], said)], CLASSES, notes=notes)
    assert texts.predicted == ["kept"]
    assert {key: one.regions for key, one in notes.ignored.items()} == {
        (Reason.INVALID_VALUE, False): 4
    }


def test_texts_too_long_to_compare_say_so() -> None:
    texts = Texts(["x", "ab" * 70_000], ["y", "ba" * 70_000], np.ones(2))
    with pytest.raises(TextsTooLong, match="texts of 140,000 and 140,000 characters") as error:
        edits_of(texts)
    assert error.value.task == 1
    long = [task("textarea", ["ab" * 70_000], ["ba" * 70_000])]
    with pytest.raises(UnusableRegion, match="too long to be compared: texts of 140,000"):
        tally_of(TRANSCRIPTION, long, job_for(TRANSCRIPTION))
    assert alignment("ab" * 5_000, "ba" * 5_000) == [Edit("replace", "ab" * 5_000, "ba" * 5_000)]


@pytest.mark.parametrize(
    ("truth", "said", "edits"),
    [
        ("", "", []),
        (
            "the cat sat",
            "the cat sit",
            [("equal", "the cat s", "the cat s"), ("replace", "a", "i"), ("equal", "t", "t")],
        ),
        ("ab", "", [("delete", "ab", "")]),
        ("b", "ab", [("insert", "", "a"), ("equal", "b", "b")]),
    ],
)
def test_alignment(truth: str, said: str, edits: list) -> None:
    assert alignment(truth, said) == edits


def test_without_sacrebleu_its_scores_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = read_texts([task("textarea", ["ab"], ["ac"])], CLASSES)
    complete = sums_of(texts, edits_of(texts))
    monkeypatch.setattr(text_scores, "find_spec", lambda name: None)
    lean = sums_of(texts, edits_of(texts))
    expected = {"exactMatch": 0.0, "characterErrorRate": 0.5, "wordErrorRate": 1.0}
    assert text_metrics(lean) == text_metrics(lean + complete) == expected
    nothing = read_texts([task("textarea", [], [])], CLASSES)
    assert text_metrics(sums_of(nothing, edits_of(nothing)) + complete).keys() == {
        *expected,
        "bleu",
        "chrf",
    }


@pytest.mark.parametrize("packed", [b"", bytes(40), bytes(49)])
def test_a_broken_state_is_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableState):
        read_sums(packed)
