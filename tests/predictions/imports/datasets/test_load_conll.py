"""`manage.py load conll`: tokens and tags."""

import random
from pathlib import Path

import pytest
from django.core.management import CommandError
from seqeval.metrics.sequence_labeling import get_entities

from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import (
    both,
    refused,
    said,
    tasks,
    together_or_not,
    truths,
    values,
)

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
New NNP B-NP B-LOC
York NNP I-NP I-LOC
Paris NNP B-NP B-LOC

Nothing NN B-NP O
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_two_files(ada: Caller, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.conll", CONLL_2003)
    found = "EU\t0.5\tS-ORG\nrejects\t_\tO\nNew\t0.1\tB-LOC\nYork\t0.3\tE-LOC\nParis\t_\tO\n\n"
    lines, warned = both("conll", truth, write(tmp_path / "s.conll", f"{found}Nothing\t_\tO"))
    assert lines[0].endswith(
        "made: 2 images, 2 classes, 2 new tasks, 2 ground truths, 2 predictions."
    )
    assert warned == []
    assert tasks() == [
        ({"text": "EU rejects New York Paris"}, {"split": "test"}),
        ({"text": "Nothing"}, {"split": "test"}),
    ]
    org = {"start": 0, "end": 2, "text": "EU", "labels": ["ORG"]}
    city = {"start": 11, "end": 19, "text": "New York", "labels": ["LOC"]}
    assert values(truths()) == [
        [org, city, {"start": 20, "end": 25, "text": "Paris", "labels": ["LOC"]}], []
    ]  # fmt: skip
    assert values(said()) == [[{**org, "score": 0.5}, {**city, "score": 0.2}], []]


@pytest.mark.parametrize("letters", ["BIO", "IO", "BIESO"])
def test_entities_are_seqevals(ada: Caller, tmp_path: Path, letters: str) -> None:
    chosen = random.Random(2)
    rows = [
        ["O" if (letter := chosen.choice(letters)) == "O" else f"{letter}-{chosen.choice('XY')}"
         for _ in range(9)]
        for _ in range(60)
    ]  # fmt: skip
    text = "\n\n".join("\n".join(f"t{n} {tag}" for n, tag in enumerate(row)) for row in rows)
    path = write(tmp_path / "a.txt", text)
    both("conll", path, path)
    expected = [
        [(label, f"{' '.join(f't{n}' for n in range(first, last + 1))}")
         for label, first, last in get_entities(row)]
        for row in rows
    ]  # fmt: skip
    assert [
        [(one["labels"][0], one["text"]) for one in found] for found in values(truths())
    ] == expected
    assert values(said()) == values(truths())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("\n\n", "{}: holds no tokens."),
        (
            "a O\nb\n",
            "{}, line 2: must be a token and its tag, with a space or a tab between them.",
        ),
        ("a O\nb PER\n", "{}, line 2: 'PER' is no tag: O, or B- or I- (E-, S-) and a class."),
        ("a B-\n", "{}, line 1: 'B-' is no tag: O, or B- or I- (E-, S-) and a class."),
        ("a B-Per\n\nb B-PER\n", "{}, line 3: 'PER' and 'Per' differ by case or spaces alone."),
    ],
)
def test_bad_files_leave_nothing_behind(ada: Caller, tmp_path: Path, text: str, error: str) -> None:
    path = write(tmp_path / "a.conll", text)
    assert refused("conll", "--ground-truth", path, "-P", "Files") == [error.format(path)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a O\n\nb O\nX O\n",
         "{1}, line 4: the token is 'X', but 'c' in the ground truth ({0}, line 4)."),
        ("a O\n\nb O\n", "{1}, line 3: the text has 1 tokens, and 2 in the ground truth"
         " ({0}, line 3)."),
        ("a 0.5 B-X\n\nb _ B-X\nc _ O\n", "{1}, line 3: has no score."),
    ],
)  # fmt: skip
def test_bad_predictions(ada: Caller, tmp_path: Path, text: str, error: str) -> None:
    truth = write(tmp_path / "truth.conll", "a B-X\n\nb O\nc O\n")
    path = write(tmp_path / "said.conll", text)
    assert refused(
        "conll",
        "--ground-truth",
        truth,
        "--predictions",
        path,
        "-P",
        "Files",
        "--model-version",
        "v1",
    ) == [error.format(truth, path)]


@pytest.mark.parametrize(
    "shown", ['"$text" valueType="url"', '"$text" encoding="base64"', '"Review: $text"']
)
def test_stretches_of_another_text_than_the_data_holds_are_refused(
    ada: Caller, make_project: MakeProject, tmp_path: Path, shown: str
) -> None:
    config = f'<View><Text name="text" value={shown}/><Labels name="l" toName="text">'
    make_project(ada, f'{config}<Label value="P"/></Labels></View>', title="Files")
    path = write(tmp_path / "a.conll", "Ada B-P\nmet O\n")
    with pytest.raises(CommandError) as error:
        load("conll", "--ground-truth", path, "-P", "Files")
    assert str(error.value).splitlines() == [
        "The labelling config shows another text in 'text' than the data holds (valueType,"
        " encoding, words beside the variable): the places of a file's stretches would be of"
        " another text.",
        "Nothing is stored.",
    ]


@pytest.mark.parametrize("is_together", [True, False])
@pytest.mark.parametrize(("second", "is_warned"), [("S-B", True), ("S-A", False)])
def test_equal_texts_of_different_answers_go_by_their_order(
    ada: Caller, tmp_path: Path, is_together: bool, second: str, is_warned: bool
) -> None:
    """Nothing tells them apart, which a warning says where it matters."""
    truth = write(tmp_path / "truth.conll", "ok S-A\n\nno S-A\n\nok S-B\n")
    found = write(tmp_path / "a.conll", f"ok 0.5 S-A\n\nno 0.1 S-A\n\nok 0.5 {second}\n")
    warned = together_or_not("conll", truth, found, is_together=is_together)
    where = "ground truth" if is_together else "project"
    text = (
        f"Warning: 1 texts stand in the {where} more than once, and the file says different things"
        " of them: of 'ok' the first was taken for the first, and so on. If they are in another"
        " order, give both sides other data that tells them apart, such as an id."
    )
    assert warned == ([text] if is_warned else [])
    assert [one[0]["labels"] for one in values(said())] == [["A"], ["A"], [second[2:]]]


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("1 EU B-ORG\n2 rejects O\n", "line 1", "counts, as '1' and '2' here"),
        ("0\tEU\tNNP\tB-ORG\n\n0\tNo\tDT\tO\n1\tone\tNN\tO\n", "line 3",
         "counts, as '0' and '1' here"),
        ("1 The DT O\n\n2 New JJ B-LOC\n3-4 duo _ O\n3 York NN I-LOC\n3.1 x _ O\n4 is V O\n",
         "line 3", "counts, as '2' and '3-4' here"),
        ("1 0.5 0.9 O\n2 0.6 0.9 O\n", "line 1", "counts, as '1' and '2' here"),
        ("d1 EU B-ORG\nd1 is O\nd1 so O\n\nd2 No O\n", "line 1",
         "says the same, as 'd1' and 'd1' here"),
    ],
)  # fmt: skip
def test_a_first_column_that_is_no_token_is_refused(
    ada: Caller, tmp_path: Path, text: str, place: str, told: str
) -> None:
    """As CoNLL-U has it; its numbers would be the text."""
    path = write(tmp_path / "a.conll", text)
    assert refused("conll", "--ground-truth", path, "-P", "Files") == [
        f"{path}, {place}: the first column of every text only {told}: these are no tokens. The"
        " token has to be in the first column: leave out the columns before it."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1 O\n2 B-X\n",
        "1 0.5 B-X\n2 _ O\n",
        "1 CD B-X\n2 CD O\n\nEU NNP O\n",
        "1 CD B-X\n\n7 CD O\n",
        "ha UH B-X\nha UH O\n",
        "ha UH B-X\nha UH O\nha UH O\n\nno no O\nNo no O\n",
    ],
)
def test_tokens_that_are_numbers_or_equal_are_tokens(
    ada: Caller, tmp_path: Path, text: str
) -> None:
    path = write(tmp_path / "a.conll", text)
    assert load("conll", "--ground-truth", path, "-P", "Files")[1] == []


def test_equal_texts_are_told_apart_by_their_ids(ada: Caller, tmp_path: Path) -> None:
    """As MultiCoNER writes them; in whatever order."""
    ids = "# id a1\tdomain=train\n{}# id b2\tdomain=train\n\n{}no _ _ O\n"
    one, other = "ok _ _ B-A\n\n", "ok _ _ B-B\n\n"
    truth = write(tmp_path / "truth.conll", ids.format(one, other))
    turned = write(tmp_path / "a.conll", f"# id b2\n{other}# id a1\n{one}no _ _ O\n")
    _, warned = both("conll", truth, turned)
    assert warned == ["Warning: No score is in the file: every prediction counts as a sure one."]
    assert [data for data, _ in tasks()] == [
        {"text": "ok", "id": "a1"}, {"text": "ok", "id": "b2"}, {"text": "no"}
    ]  # fmt: skip
    assert values(said()) == values(truths())
