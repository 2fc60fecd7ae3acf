"""Names that nobody reads: which one may be meant, and how they are refused."""

import pytest

from predictions_api import names

KNOWN = ["score", "model_version", "task_ids"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("modelVersion", "model_version"),
        ("Model Version", "model_version"),
        ("model_versions", "model_version"),
        ("tasks", "task_ids"),
        ("note", None),
        ("", None),
        ("\N{SNOWMAN}", None),
    ],
)
def test_the_nearest_name_is_told(given: str, meant: str | None) -> None:
    advice = "leave it out." if meant is None else f"did you mean {meant}?"
    assert names.unread("field", ["score", given], KNOWN) == {
        given: [f"There is no such field: {advice}"]
    }


def test_only_another_way_of_writing_is_misspelt() -> None:
    known = names.by_letters(KNOWN)
    given = ["score", "Score", "task-ids", "model_versions", "note", 7]
    assert names.misspelt(given, known) == {"Score": "score", "task-ids": "task_ids"}


def test_ten_names_are_told_of_many() -> None:
    found = names.unread("parameter", (f"{n}{'x' * 300}" for n in range(100_000)), KNOWN)
    assert [len(name) for name in found] == [100] * names.MOST_TOLD


def test_a_text_names_what_there_is() -> None:
    assert (
        names.has_no("A query", "filter", ["filters"]) == "A query has no 'filter', only filters."
    )
    assert names.has_no("A query", "filter", []) == "A query has no 'filter'."
