"""Answers about whole tasks as the pages of evaluations show them: edits, numbers, trees."""

from typing import Any

import pytest

from tests.javascript.conftest import Call

SHOWN = "return m.answer(a)?.innerHTML ?? null"
NOTE = '<p class="ev-note">{}</p>'


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        (
            [["equal", "the cat s", "the cat s"], ["replace", "a", "i"], ["equal", "t", "t"]],
            "the cat s<del>a</del><ins>i</ins>t",
        ),
        ([["delete", "a b", ""]], "<del>a&nbsp;b</del>"),
        ([["insert", "", "<b>\n"]], "<ins>&lt;b&gt;⏎\n</ins>"),
        ([], ""),
    ],
)
def test_texts_show_their_edits(call: Call, edits: list[Any], shown: str) -> None:
    found = {"truth": "", "said": "", "score": 0.5, "isKept": True, "edits": edits, "isCut": False}
    text = f'<p class="ev-edits">{shown}</p>{NOTE.format("Score 0.500.")}'
    assert call("evals/answers.js", SHOWN, found) == text


@pytest.mark.parametrize(
    ("found", "shown", "note"),
    [
        (
            {"truth": 10, "said": 12.5, "score": 0.9, "isKept": True},
            "ground truth 10, predicted 12.5, off by 2.5",
            "Score 0.900.",
        ),
        (
            {"truth": 0.1, "said": 0.3, "score": 0.1, "isKept": False},
            "ground truth 0.1, predicted 0.3, off by 0.2",
            "Score 0.100, below the confidence.",
        ),
        (
            {"truth": 1234.5, "said": None, "score": None, "isKept": False},
            "ground truth 1234.5, predicted nothing",
            "Nothing was answered.",
        ),
        (
            {"truth": 4006381333931, "said": 4006381333938, "score": 0.49999, "isKept": False},
            "ground truth 4006381333931, predicted 4006381333938, off by 7",
            "Score 0.49999, below the confidence.",
        ),
        (
            {"truth": None, "said": -1, "score": 1, "isKept": True, "isCut": True},
            "ground truth nothing, predicted -1",
            "There is no true answer. Score 1.000. Only the beginning is shown.",
        ),
    ],
)
def test_numbers_show_how_far_they_are_off(
    call: Call, found: dict[str, Any], shown: str, note: str
) -> None:
    assert call("evals/answers.js", SHOWN, found) == f"<p>{shown}</p>{NOTE.format(note)}"


def test_kinds_without_answers_show_none(call: Call) -> None:
    assert call("evals/answers.js", SHOWN, None) is None


def test_a_timeline_shows_both_sides_and_nothing_else(call: Call) -> None:
    body = "return m.timeline(a).textContent"
    stretches = [
        ["ground_truth", "noise", 1, 3, "tp", None],
        ["prediction", "noise", 1.5, 3, "tp", 0.5],
    ]
    shown = {"stretches": stretches, "isCut": False}
    assert call("evals/timeline.js", body, shown) == "Ground truthnoisePredictionsnoise13"
    assert call("evals/timeline.js", body, {"stretches": [], "isCut": True}).endswith(
        "No ground truth and no detection.Only the first are shown."
    )
