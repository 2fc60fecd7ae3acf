"""Prompt text in, messages and regions out. Pure."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.regions.config import Config, read_config
from predictions_api.http.storable import Refused
from prompts.asking import answers, examples, messages, spans, usage
from prompts.asking.agreement import Comparison
from prompts.models import ProviderConnection
from prompts.runs import plan
from tests.conftest import IMAGE_CONFIG, TEXT_CONFIG, region

agreement = Comparison(Config()).agreement
SPANS = (
    '<View><Text name="t" value="$text"/><Labels name="ner" toName="t"><Label value="PER"/>'
    '</Labels><Choices name="tone" toName="t" choice="multiple"><Choice value="a"/>'
    '<Choice value="b"/></Choices><Rating name="stars" toName="t"/>'
    '<TextArea name="why" toName="t"/></View>'
)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("{text}", ["text"]),
        ("{review text} {a-b} {c.d}", ["review text", "a-b", "c.d"]),
        ('{{text}} {"a": 1} {} { } {1, 2} {\n}', []),
        ("{{{text}}}", ["text"]),
        ("{a}{b}{a}", ["a", "b"]),
    ],
)
def test_placeholders(prompt: str, names: list[str]) -> None:
    assert messages.placeholders(prompt) == names


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ('{text}? {"a": {"b": {"c": 1}}}', 'sea? {"a": {"b": {"c": 1}}}'),
        ('{"a": {"b": {text}}}', '{"a": {"b": sea}}'),
        ('{text} or {{text}}? {{"a": {{"b": 1}}}}', 'sea or {text}? {"a": {"b": 1}}'),
        ('{{"a": {"b": {text}}}}', '{"a": {"b": sea}}'),
        ("{{{text}}} }} {{", "{sea} }} {"),
    ],
)
def test_braces_of_json_are_sent_as_they_stand(prompt: str, sent: str) -> None:
    made = messages.messages(prompt, {"text": "sea"}, TEXT_CONFIG)
    assert made[-1]["content"] == sent
    own, fields = messages.own_bytes(prompt, TEXT_CONFIG)
    assert own + len("sea") * len(fields) == len(sent)


@given(st.text())
def test_text_without_braces_is_sent_as_it_is(text: str) -> None:
    text = text.replace("{", "").replace("}", "")
    sent = messages.messages(f"{text}{{text}}", {"text": "x"}, TEXT_CONFIG)
    assert sent[-1]["content"] == f"{text}x"


def test_whole_numbers_are_sent_in_full() -> None:
    made = plan.Plan(1, "{n} of {text}", "model", TEXT_CONFIG, ProviderConnection(), [])
    data = plan.data_of('{"text": "x", "n": 12345678901234567890123}')
    sent = plan.messages_for(made, 1, data)
    assert sent[-1]["content"] == "12345678901234567890123 of x"


@given(st.text())
def test_a_field_is_never_read_as_a_prompt(value: str) -> None:
    sent = messages.messages("<{text}>", {"text": value}, TEXT_CONFIG)
    assert sent[-1]["content"] == f"<{value}>"


def test_other_values_are_json_and_no_placeholder_means_every_field() -> None:
    sent = messages.messages("What is it?", {"text": {"a": ["é"]}}, TEXT_CONFIG)
    assert sent[-1]["content"] == 'What is it?\n\ntext: {"a": ["é"]}'


@pytest.mark.parametrize(
    ("value", "data", "shown"),
    [
        ("$post.body", {"post": {"body": "sea"}}, "post.body: sea"),
        ("$post.body", {"post.body": "sea"}, "post.body: sea"),
        ("$posts[0]", {"posts": ["sea", "sun"]}, 'posts: ["sea", "sun"]'),
        ("By $who: $text", {"who": "Ann", "text": "sea"}, "who: Ann\n\ntext: sea"),
        ("$my text", {"my text": "sea"}, "my text: sea"),
        ("$text at all", {"text": "sea"}, "text: sea"),
        ("$a:b", {"a:b": "sea"}, "a:b: sea"),
    ],
)
def test_what_a_config_shows_follows_a_prompt_wherever_it_lies(
    value: str, data: dict[str, Any], shown: str
) -> None:
    config = TEXT_CONFIG.replace("$text", value)
    assert messages.messages("Mood?", data, config)[-1]["content"] == f"Mood?\n\n{shown}"


def test_nothing_is_asked_about_a_task_that_shows_nothing() -> None:
    with pytest.raises(messages.Unpromptable, match=r"none of what is labelled: text\."):
        messages.messages("Mood?", {"body": "sea"}, TEXT_CONFIG)


def test_a_placeholder_may_lie_deeper() -> None:
    config = TEXT_CONFIG.replace("$text", "$post.body")
    sent = messages.messages("Mood of {post.body}?", {"post": {"body": "sea"}}, config)
    assert sent[-1]["content"] == "Mood of sea?"


@pytest.mark.parametrize("image", [5, "/data/upload/1.jpg", "ftp://x/1.jpg"])
def test_images_need_an_address(image: Any) -> None:
    with pytest.raises(messages.Unpromptable, match="address of an image"):
        messages.messages("{image}", {"image": image}, IMAGE_CONFIG)


GOOD = [
    (TEXT_CONFIG, {"sentiment": "pos"}, 1),
    (TEXT_CONFIG, {"sentiment": "pos", "extra": 1}, 1),
    (TEXT_CONFIG, {"sentiment": ["pos"]}, 1),
    (SPANS, {"tone": "a", "stars": [4]}, 2),
    (SPANS, {"ner": [{"start": 0, "end": 3, "labels": ["PER"]}] * 2, "tone": ["a", "b"]}, 3),
    (SPANS, {"ner": [], "stars": 4, "why": "because"}, 2),
    (SPANS, {"ner": []}, 0),
    (SPANS, {"ner": [], "stars": None}, 0),
    (IMAGE_CONFIG, {"label": [region()["value"]]}, 1),
]


@pytest.mark.parametrize(("config", "answer", "n"), GOOD)
def test_answers_become_regions(config: str, answer: Any, n: int) -> None:
    made = answers.regions(config, answer)
    assert len(made) == n
    assert len({part["id"] for part in made}) == n


BAD = [
    (TEXT_CONFIG, {}),
    (TEXT_CONFIG, {"sentiment": None}),
    (TEXT_CONFIG, {"sentiment": []}),
    (TEXT_CONFIG, {"sentiment": ["pos", "neg"]}),
    (TEXT_CONFIG, {"sentiment": [["pos"]]}),
    (TEXT_CONFIG, {"sentiment": [None]}),
    (TEXT_CONFIG, {"sentiment": "POS"}),
    (SPANS, {"tone": "c"}),
    (SPANS, {"stars": [9]}),
    (SPANS, {"ner": [{"start": -1, "end": 3, "labels": ["PER"]}]}),
    (SPANS, {"ner": [{"start": 0, "end": 3, "labels": ["LOC"]}]}),
    (SPANS, {"ner": {"start": 0}}),
    (SPANS, {"stars": 9}),
    (SPANS, {"why": 5}),
    (IMAGE_CONFIG, {"label": [{**region()["value"], "x": 101}]}),
    (IMAGE_CONFIG, {"label": [{"x": 1}]}),
]


@pytest.mark.parametrize(("config", "answer"), BAD)
def test_what_the_config_does_not_allow_is_no_answer(config: str, answer: Any) -> None:
    with pytest.raises(answers.InvalidAnswer):
        answers.regions(config, answer)


@given(st.text())
def test_any_text_is_an_object_or_refused(text: str) -> None:
    with contextlib.suppress(answers.InvalidAnswer):
        assert isinstance(answers.parse_answer(text), dict)


@pytest.mark.parametrize("answer", [{"sentiment": "pos"}, {"sentiment": "neg"}])
def test_an_answer_survives_the_way_there_and_back(answer: dict[str, str]) -> None:
    made = answers.regions(TEXT_CONFIG, answer)
    assert examples.answer_of(TEXT_CONFIG, made) == answer


def test_spans_survive_too() -> None:
    answer = {"ner": [{"start": 0, "end": 3, "labels": ["PER"]}], "tone": ["a", "b"], "stars": 4}
    again = examples.answer_of(SPANS, answers.regions(SPANS, answer))
    assert again == answer


TREE = (
    '<Taxonomy name="n" toName="t"><Choice value="A"><Choice value="B"/></Choice>'
    '<Choice value="C"/></Taxonomy>'
)
NESTED = (
    '<Choices name="n" toName="t" allowNested="true" {}><Choice value="A">'
    '<Choice value="B" alias="b"/></Choice><Choice value="C"/></Choices>'
)


@pytest.mark.parametrize(
    ("control", "kind", "value"),
    [
        (TREE, "taxonomy", {"taxonomy": [["A", "B"]]}),
        (TREE, "taxonomy", {"taxonomy": [["A"]]}),
        (TREE, "taxonomy", {"taxonomy": [["A", "B"], ["C"]]}),
        (NESTED.format(""), "choices", {"choices": [["A", "b"]]}),
        (NESTED.format(""), "choices", {"choices": [["A"]]}),
        (NESTED.format('choice="multiple"'), "choices", {"choices": [["A", "b"], ["C"]]}),
        (NESTED.format('choice="multiple"'), "choices", {"choices": [["C"]]}),
        (
            '<Rectangle name="n" toName="t"/>',
            "rectangle",
            {"x": 1, "y": 2, "width": 3, "height": 4},
        ),
        ('<Rating name="n" toName="t"/>', "rating", {"rating": 3}),
        ('<Number name="n" toName="t"/>', "number", {"number": 2.5}),
        ('<TextArea name="n" toName="t"/>', "textarea", {"text": ["so"]}),
        (
            '<Choices name="n" toName="t" choice="multiple"><Choice value="x"/><Choice value="y"/>'
            "</Choices>",
            "choices",
            {"choices": ["x"]},
        ),
    ],
)
def test_what_is_true_is_shown_as_an_answer_that_is_taken(
    control: str, kind: str, value: dict[str, Any]
) -> None:
    config = f'<View><Text name="t" value="$text"/>{control}</View>'
    true = [{"from_name": "n", "to_name": "t", "type": kind, "value": value}]
    again = answers.regions(config, examples.answer_of(config, true))
    assert agreement(again, true) == 1.0


@pytest.mark.parametrize(
    ("shown", "kind", "place"),
    [
        ("HyperText", "hypertextlabels", {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]"}),
        ("Paragraphs", "paragraphlabels", {"start": "0", "end": "1"}),
    ],
)
def test_true_spans_of_pages_and_dialogues_are_shown_in_numbers(
    shown: str, kind: str, place: dict[str, Any]
) -> None:
    tag = {"hypertextlabels": "HyperTextLabels", "paragraphlabels": "ParagraphLabels"}[kind]
    config = (
        f'<View><{shown} name="t" value="$text"/><{tag} name="n" toName="t"><Label value="x"/>'
        f"</{tag}></View>"
    )
    value = {**place, "startOffset": 2, "endOffset": 5, kind: ["x"], "text": "any"}
    if shown == "HyperText":
        value["globalOffsets"] = {"start": 2, "end": 5}
    true = [{"from_name": "n", "to_name": "t", "type": kind, "value": value}]
    again = answers.regions(config, examples.answer_of(config, true))
    assert agreement(again, true) == 1.0
    assert again[0]["value"]["start"] == (2 if shown == "HyperText" else 0)


@pytest.mark.parametrize(
    ("control", "answer"),
    [
        ('<Choices name="n" toName="t" choice="multiple"><Choice value="x"/></Choices>', {"n": []}),
        ('<Labels name="n" toName="t"><Label value="x"/></Labels>', {"n": []}),
        (TREE, {}),
        ('<Rating name="n" toName="t"/>', {}),
    ],
)
def test_that_nothing_is_true_is_shown_where_it_can_be_said(
    control: str, answer: dict[str, Any]
) -> None:
    config = f'<View><Text name="t" value="$text"/>{control}</View>'
    assert examples.answer_of(config, []) == answer
    if answer:
        assert answers.regions(config, answer) == []


def test_nested_choices_are_asked_for_by_their_paths() -> None:
    """What stands in no tree is no answer: of a choice the name alone, and of a taxonomy."""
    config = f'<View><Text name="t" value="$text"/>{NESTED.format("")}{TREE}</View>'.replace(
        '<Taxonomy name="n"', '<Taxonomy name="tree"'
    )
    assert answers.answer_schema(config)["properties"]["n"]["enum"] == ["A", "A / b", "C"]
    one, tree = answers.regions(config, {"n": "A / b", "tree": [["A", "B"]]})
    made = [(part["from_name"], part["to_name"], part["type"]) for part in (tree, one)]
    assert made == [("n", "t", "choices"), ("tree", "t", "taxonomy")]
    assert (tree["value"], one["value"]) == ({"choices": [["A", "b"]]}, {"taxonomy": [["A", "B"]]})
    for wrong in ({"n": "b"}, {"n": ["A", "b"]}, {"tree": [["B"]]}, {"tree": [["A", "C"]]}):
        with pytest.raises(answers.InvalidAnswer):
            answers.regions(config, wrong)


def test_a_preference_is_about_itself() -> None:
    """As Label Studio stores it."""
    config = (
        '<View><Text name="x" value="$x"/><Text name="y" value="$y"/>'
        '<Pairwise name="better" toName="x,y"/></View>'
    )
    [made] = answers.regions(config, {"better": "left"})
    assert {**made, "id": ""} == {
        "id": "",
        "from_name": "better",
        "to_name": "better",
        "type": "pairwise",
        "value": {"selected": "left"},
    }
    assert examples.answer_of(config, [made]) == {"better": "left"}


def test_controls_about_single_regions_are_not_asked_for() -> None:
    config = SPANS.replace('name="tone"', 'name="tone" perRegion="true"')
    assert list(answers.answer_schema(config)["properties"]) == ["ner", "stars", "why"]
    [made] = answers.regions(config, {"tone": ["a"], "stars": 4})
    assert made["from_name"] == "stars"


def test_what_is_not_asked_for_is_not_required() -> None:
    config = SPANS.replace('name="tone"', 'name="tone" perRegion="true" required="true"').replace(
        'name="stars"', 'name="stars" required="true"'
    )
    assert answers.answer_schema(config)["required"] == ["stars"]
    [made] = answers.regions(config, {"stars": 4})
    assert made["from_name"] == "stars"


@pytest.mark.parametrize(
    "control",
    [
        '<Rating name="n" toName="t" maxRating="x"/>',
        '<Rating name="n" toName="t" maxRating=""/>',
        '<Rating name="n" toName="t" maxRating="5.0"/>',
        '<Pairwise name="n" toName="t"/>',
    ],
)
def test_refuses_a_config_that_makes_no_schema(control: str) -> None:
    config = f'<View><Text name="t" value="$t"/>{control}</View>'
    with pytest.raises(Refused, match="The labelling config gives no usable schema: "):
        messages.check_config(config)


def test_no_stars_are_no_rating() -> None:
    """Evaluations pass it over."""
    config = '<View><Text name="t" value="$t"/><Rating name="n" toName="t" maxRating="7"/></View>'
    assert answers.answer_schema(config)["properties"]["n"] == {
        "type": "integer", "minimum": 1, "maximum": 7, "description": "How many stars, 1 to 7"
    }  # fmt: skip
    for wrong in (0, 8):
        with pytest.raises(answers.InvalidAnswer):
            answers.regions(config, {"n": wrong})


@pytest.mark.parametrize(
    ("told", "is_time"),
    [
        ("2024-02-29", True),
        ("2024-02-29T10:00", True),
        ("2024-02-29 10:00:00.5+02:00", True),
        ("10:00", True),
        ("2024-02", True),
        ("2024", True),
        ("29.02.2024", False),
        ("2024-02-30", False),
        ("2024-13", False),
        ("2024-02-29T25:00", False),
        ("tomorrow", False),
        ("", False),
    ],
)
def test_a_date_is_one(told: str, is_time: bool) -> None:
    config = '<View><Text name="t" value="$t"/><DateTime name="n" toName="t"/></View>'
    if is_time:
        [made] = answers.regions(config, {"n": told})
        assert made["value"] == {"datetime": told}
        return
    with pytest.raises(answers.InvalidAnswer, match="is no date or time"):
        answers.regions(config, {"n": told})


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("DateTime", {"datetime": "tomorrow"}),
        ("Rating", {"rating": 0}),
        ("Rating", {"rating": "0"}),
        ("Rating", {"rating": 6}),
    ],
)
def test_regions_say_no_more_than_answers(control: str, value: dict[str, Any]) -> None:
    """As an outside engine may send them."""
    config = f'<View><Text name="t" value="$t"/><{control} name="n" toName="t"/></View>'
    told = {"from_name": "n", "to_name": "t", "type": control.lower(), "value": value}
    with pytest.raises(answers.InvalidAnswer):
        answers.checked_regions(config, [told])


def test_a_date_may_have_the_form_of_its_control() -> None:
    config = (
        '<View><Text name="t" value="$t"/><DateTime name="n" toName="t" format="%d.%m.%Y"/></View>'
    )
    for told in ("29.02.2024", "2024-02-29"):
        [made] = answers.regions(config, {"n": told})
        assert made["value"] == {"datetime": told}
    with pytest.raises(answers.InvalidAnswer):
        answers.regions(config, {"n": "30.02.2024"})


def span(start: Any, end: Any, text: str | None = None) -> dict[str, Any]:
    said = {} if text is None else {"text": text}
    return {"start": start, "end": end, "labels": ["PER"], **said}


PLACES = [
    # As it was told, with and without a text.
    ([span(0, 3, "Ada"), span(4, 7)], [(0, 3), (4, 7)]),
    # Elsewhere, the nearest, each place once while there are more.
    ([span(9, 12, "Bob")], [(8, 11)]),
    ([span(1, 4, "Ada"), span(1, 4, "Ada"), span(1, 4, "Ada")], [(0, 3), (12, 15), (0, 3)]),
    ([span(11, 14, "Ada")], [(12, 15)]),
    ([span(13, 99, "Ada")], [(12, 15)]),
    ([span(3, 0, "met")], [(4, 7)]),
    ([span(0.0, 3.0)], [(0, 3)]),
]


@pytest.mark.parametrize(("said", "expected"), PLACES)
def test_spans_are_where_their_text_is(said: Any, expected: Any) -> None:
    data = {"text": "Ada met Bob Ada."}
    found = answers.regions(SPANS, spans.placed(SPANS, {"ner": said}, data))
    assert [(part["value"]["start"], part["value"]["end"]) for part in found] == expected


@pytest.mark.parametrize(
    "said",
    [
        span(0, 17),
        span(3, 3),
        span(3, 0),
        span(0, 3, "Eve"),
        span(0.5, 3),
        span(20, 23),
        span(0, 2**80),
    ],
)
def test_spans_that_are_nowhere_are_no_answer(said: Any) -> None:
    with pytest.raises(answers.InvalidAnswer, match=r"ner\.1: "):
        spans.placed(SPANS, {"ner": [span(0, 3), said]}, {"text": "Ada met Bob Ada."})


@pytest.mark.parametrize("data", [{}, {"text": 5}, {"text": None}])
def test_spans_of_a_text_that_is_not_there_stay(data: Any) -> None:
    odd = {"ner": [span(0, 99), 5, {"start": "x"}, {"start": True}], "stars": 4}
    assert spans.placed(SPANS, odd, data) == odd
    there = {"ner": [5, {"start": "x"}, span(math.inf, 3), span(-1, 3)], "stars": 4}
    assert spans.placed(SPANS, there, {"text": "Ada"}) == there
    elsewhere = SPANS.replace("<Text ", '<Text valueType="url" ')
    assert spans.placed(elsewhere, odd, {"text": "Ada"}) == odd


def test_a_config_without_controls_is_refused() -> None:
    with pytest.raises(Refused, match="no control"):
        messages.check_config("<View></View>")


RESULTS = st.lists(
    st.builds(
        lambda name, label: {"from_name": name, "type": "choices", "value": {"choices": [label]}},
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
    ),
    max_size=5,
)


@given(RESULTS, RESULTS)
def test_agreement_is_symmetric_and_whole_on_itself(one: list[Any], two: list[Any]) -> None:
    found = agreement(one, two)
    assert 0 <= found <= 1
    assert found == agreement(two, one)
    assert agreement(one, json.loads(json.dumps(one))[::-1]) == 1.0


SPAN = {"start": 0, "end": 5, "labels": ["A"]}
PLACE = {"x": 1, "y": 2, "labels": ["A"]}


@pytest.mark.parametrize(
    ("kind", "said", "stored"),
    [
        ("labels", SPAN, {**SPAN, "text": "hello", "globalOffsets": {"start": 0, "end": 5}}),
        (
            "hypertextlabels",
            SPAN,
            {
                **SPAN,
                "start": "/p[1]/text()[1]",
                "end": "/p[1]/text()[1]",
                "startOffset": 0,
                "endOffset": 5,
                "text": "hello",
                "globalOffsets": {"start": 0, "end": 5},
            },
        ),
        (
            "paragraphlabels",
            {**SPAN, "end": 0, "startOffset": 0, "endOffset": 5},
            {
                **SPAN,
                "start": "0",
                "end": "0",
                "startOffset": 0,
                "endOffset": 5,
                "globalOffsets": {"start": 0, "end": 5},
            },
        ),
        ("labels", {**SPAN, "start": 0.5}, {**SPAN, "start": 0.5, "channel": 0}),
        ("textarea", {"text": ["hello"]}, {"text": "hello"}),
        ("rectanglelabels", {**PLACE, "width": 3}, {**PLACE, "width": 3.0, "rotation": 0}),
        ("keypointlabels", PLACE, {**PLACE, "width": 0.3}),
        (
            "polygonlabels",
            {"points": [[10.0, 20.0], [30.0, 20.5], [30.0, 40.0]], "polygonlabels": ["A"]},
            {
                "points": [[10, 20], [30, 20.5000000001], [30, 40]],
                "closed": True,
                "polygonlabels": ["A"],
            },
        ),
        (
            "timelinelabels",
            {"ranges": [{"start": 1.0, "end": 2.0}], "timelinelabels": ["A"]},
            {"ranges": [{"start": 1, "end": 2}], "timelinelabels": ["A"]},
        ),
    ],
)
def test_what_pages_store_beside_is_no_disagreement(
    kind: str, said: dict[str, Any], stored: dict[str, Any]
) -> None:
    one, two = ({"from_name": "n", "type": kind, "value": value} for value in (said, stored))
    assert agreement([one], [two]) == 1.0
    other = {**two, "value": {**stored, "labels": ["B"], "text": "bye", "start": 1}}
    assert agreement([one], [other]) == 0.0


def test_what_does_not_count_in_a_comparison() -> None:
    one = {"from_name": "n", "type": "labels", "value": {"start": 1, "end": 2.0, "labels": ["A"]}}
    two = {**one, "id": "x", "value": {**one["value"], "end": 2, "text": "b"}}  # type: ignore[dict-item]
    assert agreement([one], [two]) == 1.0


CONTROLS = """<View><Text name="t" value="$text"/>
<Choices name="one" toName="t"><Choice value="Good" alias="g"/><Choice value="Bad" alias="b"/>
</Choices>
<Choices name="many" toName="t" choice="multiple"><Choice value="Good" alias="g"/>
<Choice value="Bad" alias="b"/></Choices>
<Taxonomy name="tree" toName="t"><Choice value="A" alias="a"><Choice value="B" alias="b"/></Choice>
</Taxonomy>
<Number name="number" toName="t"/><Rating name="stars" toName="t"/>
<TextArea name="text" toName="t"/>
<Labels name="spans" toName="t"><Label value="Person" alias="PER"/><Label value="City"/></Labels>
</View>
"""


def answered(name: str, *values: Any) -> list[Any]:
    """A region of the control for each value."""
    kinds = {"one": "choices", "many": "choices", "tree": "taxonomy", "stars": "rating"}
    kind = kinds.get(name, {"text": "textarea", "spans": "labels"}.get(name, name))
    key = "text" if name == "text" else kind
    made = [one if name == "spans" else {key: one} for one in values]
    return [{"from_name": name, "to_name": "t", "type": kind, "value": value} for value in made]


def renamed_to(name: str, regions: list[Any]) -> list[Any]:
    """The regions as a config stored them whose controls had another name."""
    return [{**region, "from_name": name} for region in regions]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (answered("one", ["g"]), answered("one", ["Good"]), 1.0),
        (answered("one", ["g"]), answered("one", "Good"), 1.0),
        (answered("one", ["g"]), answered("one", ["Bad"]), 0.0),
        # A control that was renamed is the only one of its type; of several it is none.
        (
            answered("stars", 4) + answered("tree", [["A"]]),
            renamed_to("old", answered("stars", 4) + answered("tree", [["a"]])),
            1.0,
        ),
        (answered("one", ["g"]), renamed_to("old", answered("one", ["g"])), 0.0),
        # Of several where one is asked for the first counts.
        (answered("one", ["g", "b"]), answered("one", ["Good"]), 1.0),
        (answered("many", ["g", "Bad"]), answered("many", ["b", "g"]), 1.0),
        (answered("many", ["g"], ["b"]), answered("many", ["Bad", "Good"]), 1.0),
        (answered("many", ["g", "g"]), answered("many", ["g"]), 1.0),
        (answered("many", ["g", "b"]), answered("many", ["g"]), 0.0),
        (answered("many", []), [], 1.0),
        (answered("tree", [["A", "B"], ["A"]]), answered("tree", [["a"], ["a", "b"]]), 1.0),
        (answered("tree", [["A", "b"]]), answered("tree", [["a", "B"]]), 1.0),
        (answered("tree", [["A", "new"]]), answered("tree", [["a", "new"]]), 1.0),
        (answered("tree", [["A", "B"]]), answered("tree", [["B", "A"]]), 0.0),
        (answered("number", 3), answered("number", "3.0"), 1.0),
        (answered("number", 0.1 + 0.2), answered("number", 0.3), 1.0),
        (answered("number", 1e-8), answered("number", 2e-8), 0.0),
        (answered("number", 2**60), answered("number", 2**60 + 1), 0.0),
        (answered("number", 10**400), answered("number", 10**400), 1.0),
        (answered("number", 10**400), answered("number", 10**400 + 1), 0.0),
        (answered("stars", 4), answered("stars", "4"), 1.0),
        (answered("text", "hi"), answered("text", ["hi"]), 1.0),
        (answered("text", "a\nb"), answered("text", ["a", "b"]), 1.0),
        (answered("text", ["a"], ["b"]), answered("text", ["a", "b"]), 1.0),
        (answered("text", ["a", "b"]), answered("text", ["b", "a"]), 0.0),
        (answered("text", [""]), [], 0.0),
        (
            answered("spans", {"start": 0, "end": 3, "labels": ["Person"]}),
            answered("spans", {"start": 0, "end": 3, "labels": ["PER"], "text": "Ada"}),
            1.0,
        ),
        (
            answered("spans", {"start": 0, "end": 3, "labels": ["Person"]}),
            answered("spans", {"start": 0, "end": 4, "labels": ["Person"]}),
            0.0,
        ),
        (answered("one", ["g"]) + answered("stars", 3), answered("one", ["Good"]), 2 / 3),
    ],
)
def test_what_evaluations_count_as_equal_agrees(
    one: list[Any], two: list[Any], expected: float
) -> None:
    compare = Comparison(read_config(CONTROLS)).agreement
    assert compare(one, two) == compare(two, one) == expected


PAGES = '<View><Image name="t" valueList="$pages"/>{}</View>'
REPEATED = (
    '<View><Repeater on="$pages" indexFlag="{{idx}}"><Text name="t_{{idx}}"'
    ' value="$pages[{{idx}}].t"/><Choices name="c_{{idx}}" toName="t_{{idx}}"><Choice value="A"/>'
    "</Choices></Repeater></View>"
)
CHOICE = '<Choices name="c" toName="t"{}><Choice value="A"/></Choices>'
BOXES = '<RectangleLabels name="c" toName="t"><Label value="A"/></RectangleLabels>'


@pytest.mark.parametrize(
    ("true", "expected"),
    [
        (answered("one", ["Good"]), {"one": "g"}),
        (answered("one", ["Good", "Bad"]), {"one": "g"}),
        (answered("many", ["Bad", "b"]), {"many": ["b"]}),
        (answered("tree", [["A", "B"]]), {"tree": [["a", "b"]]}),
        (answered("number", "3"), {"number": 3}),
        (answered("stars", "4"), {"stars": 4}),
        (
            answered("spans", {"start": 0, "end": 3, "labels": "Person"}),
            {"spans": [{"start": 0, "end": 3, "labels": ["PER"]}]},
        ),
        (answered("one", ["Great"]), None),
        (answered("stars", 9), None),
        (answered("spans", {"start": 0, "end": 3, "labels": ["Dog"]}), None),
    ],
)
def test_an_example_is_an_answer_that_would_be_taken(true: list[Any], expected: Any) -> None:
    shown = examples.example_of(CONTROLS, true)
    # Controls that take a list and have no region are empty ones.
    assert shown == (None if expected is None else {"many": [], "spans": []} | expected)


@pytest.mark.parametrize(
    "config",
    [
        PAGES.format(CHOICE.format(' perItem="true"')),
        PAGES.format(BOXES),
        REPEATED,
        TEXT_CONFIG.replace('toName="text"', 'toName="text" value="$options"'),
    ],
)
def test_what_no_answer_can_be_about_is_not_asked(config: str) -> None:
    with pytest.raises(Refused, match="no control for a prompt to fill"):
        answers.answer_schema(config)


def test_an_answer_may_be_about_all_pages() -> None:
    assert list(answers.answer_schema(PAGES.format(CHOICE.format("")))["properties"]) == ["c"]


def test_a_preference_is_of_all_its_objects() -> None:
    config = (
        '<View><Text name="x" value="$x"/><Text name="y" value="$y"/>'
        '<Pairwise name="better" toName="x,y"/></View>'
    )
    one = {"from_name": "better", "type": "pairwise", "value": {"selected": "left"}}
    compare = Comparison(read_config(config)).agreement
    assert compare([{**one, "to_name": "better"}], [{**one, "to_name": "x,y"}]) == 1.0


def test_an_answer_says_one_thing_under_a_key() -> None:
    with pytest.raises(answers.InvalidAnswer, match="two things under 'tone'"):
        answers.parse_answer('{"tone": "a", "tone": "b"}')
    with pytest.raises(answers.InvalidAnswer, match="two things under 'start'"):
        answers.parse_answer('{"ner": [{"start": 0, "start": 1}]}')
    assert answers.parse_answer('{"tone": "a", "tone": "a"}') == {"tone": "a"}
    assert math.isnan(answers.parse_answer('{"stars": NaN}')["stars"])


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ({"prompt_tokens": 10.0, "completion_tokens": 5}, (10, 5)),
        ({"prompt_tokens": 10, "total_tokens": 15.0}, (10, 5)),
        ({"prompt_tokens": 10.5, "completion_tokens": -1}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": "five"}, (None, None)),
    ],
)
def test_counts_as_providers_write_them(told: dict[str, Any], counts: Any) -> None:
    assert usage.token_counts(told) == counts


def test_regions_of_other_pages_and_an_order_are_not_the_same() -> None:
    first = {"from_name": "n", "type": "labels", "value": {"x": 1, "labels": ["A"]}}
    assert agreement([first], [{**first, "item_index": 0}]) == 1.0
    assert agreement([first], [{**first, "item_index": 1}]) == 0.0
    ranked = [
        {"from_name": "r", "type": "ranker", "value": {"ranker": order}}
        for order in (["a", "b"], ["b", "a"])
    ]
    assert agreement(ranked[:1], ranked[1:]) == 0.0
