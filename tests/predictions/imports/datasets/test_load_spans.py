"""`manage.py load spans`: JSON Lines of spaCy, Prodigy, doccano and Hugging Face."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import both, refused, said, tasks, truths, values


def write(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


TEXT = "Zoë saw 🦊 in New York"
PRODIGY = {
    "text": TEXT, "_input_hash": 1, "answer": "accept",
    "spans": [{"start": 0, "end": 3, "label": "PER", "token_start": 0},
              {"start": 13, "end": 21, "label": "LOC"}],
}  # fmt: skip
DOCCANO = {"id": 7, "text": TEXT, "label": [[0, 3, "PER"], [13, 21, "LOC"]], "Comments": []}
HUGGING = {
    "id": "0", "tokens": TEXT.split(), "ner_tags": ["B-PER", "O", "O", "O", "B-LOC", "I-LOC"]
}  # fmt: skip


@pytest.mark.parametrize("line", [PRODIGY, DOCCANO, HUGGING])
def test_the_same_of_all_three(ada: Caller, tmp_path: Path, line: dict[str, Any]) -> None:
    scored = {"score": 0.5, **line}
    path = write(tmp_path / "a.jsonl", scored)
    _, warned = both("spans", path, path)
    assert warned == []
    told = {"id": line["id"]} if "id" in line else {}
    assert tasks() == [({"text": TEXT, **told}, {"split": "test"})]
    per = {"start": 0, "end": 3, "text": "Zoë", "labels": ["PER"]}
    loc = {"start": 13, "end": 21, "text": "New York", "labels": ["LOC"]}
    assert values(truths()) == [[per, loc]]
    assert values(said()) == [[{**per, "score": 0.5}, {**loc, "score": 0.5}]]


def test_what_was_not_accepted_is_left_out(ada: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", PRODIGY, {**PRODIGY, "answer": "reject"})
    _, warned = both("spans", path, path)
    assert warned == [
        "Warning: 1 texts were not accepted (`answer`): they are left out.",
        "Warning: No score is in the file: every prediction counts as a sure one.",
    ]
    assert len(tasks()) == 1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "line 2: Input data was truncated."),
        ({"text": "a", "spans": [{"start": 0, "end": 1}]},
         "line 2, spans[0]: Object missing required field `label`."),
        ({"text": "a", "spans": [{"start": 0.5, "end": 1, "label": "X"}]},
         "line 2, spans[0].start: Expected `int`, got `float`."),
        ({"text": "abc", "spans": [{"start": 1, "end": 4, "label": "X"}]},
         "line 2, span 1: 1 to 4 is no stretch of a text of 3 characters."),
        ({"text": "abc", "label": [[2, 2, "X"]]},
         "line 2, span 1: 2 to 2 is no stretch of a text of 3 characters."),
        ({"text": "abc", "label": ["X"]}, "line 2, label[0]: must be [start, end, label]."),
        ({"text": "", "label": []}, "line 2: has no text."),
        ('{"text": "abc", "label": [], "id": 1e999}', "line 2, id: Number out of range."),
        ({"text": "abc"},
         "line 2: needs one of `spans`, `label` or `ner_tags`, and no other of them."),
        ({"tokens": ["a"], "ner_tags": []}, "line 2: has 1 tokens and 0 tags."),
        ({"tokens": ["a"], "ner_tags": [3]}, "line 2, ner_tags[0]: is a number: write the tags'"
         " names, or load Parquet, whose schema has them."),
        ({"tokens": ["a"], "ner_tags": ["X"]},
         "line 2, ner_tags[0]: 'X' is no tag: O, or B- or I- (E-, S-) and a class."),
    ],
)  # fmt: skip
def test_bad_lines_leave_nothing_behind(ada: Caller, tmp_path: Path, line: Any, error: str) -> None:
    path = write(tmp_path / "a.jsonl", PRODIGY, line)
    assert refused("spans", "--ground-truth", path, "-P", "Files") == [f"{path}, {error}"]


def test_predictions_of_several_versions_are_refused(ada: Caller, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"text": text, "label": [], "model_version": text} for text in ("a", "b")
    ]
    path = write(tmp_path / "a.jsonl", *lines)
    asked = ("spans", "--ground-truth", path, "-P", "Files", "--model-version", "v1")
    assert refused(*asked, "--predictions", path) == [
        f"{path}: has predictions of several versions, 'a', 'b': load one of them at a time."
    ]


def of_text(text: str, label: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "label": [[0, 3, label]], **more}


@pytest.mark.parametrize("is_together", [True, False])
def test_equal_texts_are_told_apart_by_their_other_keys(
    ada: Caller, tmp_path: Path, is_together: bool
) -> None:
    """In whatever order: not the first for the first. What is no one value is no data."""
    more = {"meta": {"a": 1}, "relations": [1], "_task_hash": 3, "is_new": True, "note": None}
    truth = write(
        tmp_path / "t.jsonl",
        *(of_text("Ada met Bob", label, id=n, **more) for n, label in enumerate(("PER", "ORG"))),
    )
    found = write(
        tmp_path / "s.jsonl",
        *(of_text("Ada met Bob", label, id=n, score=0.5) for n, label in ((1, "ORG"), (0, "PER"))),
    )
    if is_together:
        _, warned = both("spans", truth, found)
    else:
        load("spans", "--ground-truth", truth, "-P", "Files")
        _, warned = load("spans", "--predictions", found, "-P", "Files", "--model-version", "v1")
    assert warned == []
    assert [data for data, _ in tasks()] == [
        {"text": "Ada met Bob", "id": 0, "is_new": True},
        {"text": "Ada met Bob", "id": 1, "is_new": True},
    ]
    assert [one[0]["labels"] for one in values(truths())] == [["PER"], ["ORG"]]
    assert [one[0]["labels"] for one in values(said())] == [["PER"], ["ORG"]]


def test_what_a_line_shows_is_its_text(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    """Also where another key of it is called as what the config shows."""
    config = '<View><Text name="text" value="$body"/><Labels name="l" toName="text">'
    make_project(ada, f'{config}<Label value="PER"/></Labels></View>', title="Files")
    path = write(tmp_path / "a.jsonl", of_text("Ada met Bob", "PER", body="another text"))
    load("spans", "--ground-truth", path, "-P", "Files")
    assert [data for data, _ in tasks()] == [{"body": "Ada met Bob"}]
