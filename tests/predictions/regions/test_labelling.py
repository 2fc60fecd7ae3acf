"""Labelling configs: parsed, asked, and used to expand shorthands. Pure."""

from typing import Any

import pytest

from predictions.regions import labelling
from predictions_api.http.storable import Refused
from tests.conftest import IMAGE_CONFIG, TEXT_CONFIG, region

TWO_CONTROLS = (
    '<View><Text name="text" value="$text"/>'
    '<Choices name="topic" toName="text"><Choice value="a"/></Choices>'
    '<TextArea name="note" toName="text"/>'
    '<Rating name="stars" toName="text"/></View>'
)


def test_parses_the_controls() -> None:
    (name,) = parsed = labelling.parse(TEXT_CONFIG)

    assert name == "sentiment"
    assert parsed[name]["type"] == "Choices"
    assert parsed[name]["to_name"] == ["text"]
    assert parsed[name]["labels"] == ["pos", "neg"]
    assert labelling.parse("<View></View>") == {}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("", "no element found: line 1, column 0"),
        ("<View", "unclosed token: line 1, column 0"),
        ("text", "syntax error: line 1, column 0"),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><View/>',
            "Not allowed in a labelling config: EntitiesForbidden",
        ),
        (
            '<View><Labels name="l" toName="nothing"><Label value="a"/></Labels></View>',
            'The control "l" names no object of the config in toName.',
        ),
    ],
)
def test_refuses_a_config(config: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        labelling.parse(config)
    assert str(refused.value) == reason


def test_weights_are_equal_at_first() -> None:
    assert labelling.default_weights(labelling.parse(TEXT_CONFIG)) == {
        "sentiment": {"overall": 1.0, "type": "Choices", "labels": {"pos": 1.0, "neg": 1.0}}
    }


@pytest.mark.parametrize(
    ("config", "suits"),
    [(TEXT_CONFIG, True), (IMAGE_CONFIG, False), (TWO_CONTROLS, False), ("<View></View>", False)],
)
def test_bulk_annotation_wants_choices_only(config: str, suits: bool) -> None:
    assert labelling.suits_bulk_annotation(labelling.parse(config)) is suits


def test_finds_no_fault_in_a_good_prediction() -> None:
    assert labelling.problems(IMAGE_CONFIG, [region()], 0.5) == []
    assert labelling.problems(IMAGE_CONFIG, [], None) == []


@pytest.mark.parametrize(
    ("result", "score", "found"),
    [
        ("text", None, ["'result' must be a list"]),
        ([7], None, ["Region must be a dictionary. Got <class 'int'>: 7"]),
        ([region()], 2.0, ["Score must be between 0.00 and 1.00 inclusive, got 2.0"]),
        (
            [{**region(), "to_name": "x"}],
            None,
            ["Region 0: 'to_name' 'x' not found in configuration"],
        ),
    ],
    ids=str,
)
def test_names_each_fault(result: Any, score: float | None, found: list[str]) -> None:
    assert labelling.problems(IMAGE_CONFIG, result, score) == found


@pytest.mark.parametrize(
    ("config", "shorthand", "made"),
    [
        (TEXT_CONFIG, "pos", [("sentiment", "choices", {"choices": ["pos"]})]),
        (TEXT_CONFIG, "other", [("sentiment", "choices", {"choices": ["other"]})]),
        (TEXT_CONFIG, "[not json", [("sentiment", "choices", {"choices": ["[not json"]})]),
        (TEXT_CONFIG, {"sentiment": "neg"}, [("sentiment", "choices", {"choices": ["neg"]})]),
        (
            TEXT_CONFIG,
            {"choices": ["pos", "neg"]},
            [("sentiment", "choices", {"choices": ["pos", "neg"]})],
        ),
        (TWO_CONTROLS, 4, [("stars", "rating", {"rating": 4})]),
        (TWO_CONTROLS, {"note": "hm"}, [("note", "textarea", {"text": ["hm"]})]),
        (
            TWO_CONTROLS,
            {"topic": "a", "stars": 2},
            [("topic", "choices", {"choices": ["a"]}), ("stars", "rating", {"rating": 2})],
        ),
    ],
    ids=str,
)
def test_expands(config: str, shorthand: Any, made: list[Any]) -> None:
    regions = labelling.expand(config, shorthand)

    assert [(r["from_name"], r["type"], r["value"]) for r in regions] == made
    assert {r["to_name"] for r in regions} == {"text"}
    assert len({r["id"] for r in regions}) == len(regions)


@pytest.mark.parametrize(
    ("config", "shorthand"),
    [
        (IMAGE_CONFIG, "Car"),
        (IMAGE_CONFIG, 7),
        (IMAGE_CONFIG, {}),
        (IMAGE_CONFIG, {"choices": ["Car"]}),
        (TEXT_CONFIG, ""),
        (TEXT_CONFIG, 7),
        (TEXT_CONFIG, True),
        (TEXT_CONFIG, "[]"),
        (TEXT_CONFIG, '[{"from_name": "sentiment"}]'),
        (TEXT_CONFIG, {"unheard of": 1}),
        ("<View></View>", "pos"),
    ],
    ids=str,
)
def test_refuses_what_no_control_can_mean(config: str, shorthand: Any) -> None:
    with pytest.raises(Refused, match="A result must be a list of regions"):
        labelling.expand(config, shorthand)
