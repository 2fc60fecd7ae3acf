"""The quick yes to ordinary regions never says more than a whole check does."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.regions import labelling
from predictions.regions.checks import quick_checks, values
from predictions.regions.config import read_config
from predictions.regions.labels import unusable_labels

OBJECTS = """
<View><Image name="image" value="$image"/><Text name="text" value="$text"/>
<HyperText name="page" value="$page"/><Audio name="sound" value="$sound"/>
<Video name="film" value="$film"/>"""
IMAGE_CONFIG = f"""{OBJECTS}
<RectangleLabels name="boxes" toName="image"><Label value="Car"/><Label value="Ä"/>
</RectangleLabels>
<EllipseLabels name="ellipses" toName="image"><Label value="Car"/></EllipseLabels>
<PolygonLabels name="polygons" toName="image"><Label value="Car"/></PolygonLabels>
<KeyPointLabels name="points" toName="image"><Label value="Car"/></KeyPointLabels>
<BrushLabels name="masks" toName="image"><Label value="Car"/></BrushLabels>
<Rectangle name="plain" toName="image"/>
<Labels name="names" toName="image,text"><Label value="Car"/></Labels></View>"""
TEXT_CONFIG = f"""{OBJECTS}
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
<Choices name="choices" toName="text,image"><Choice value="good"/></Choices>
<Labels name="spans" toName="text"><Label value="Car"/></Labels>
<HyperTextLabels name="marks" toName="page"><Label value="Car"/></HyperTextLabels>
<TextArea name="note" toName="text"/><Number name="count" toName="text"/>
<Rating name="stars" toName="text"/><DateTime name="when" toName="text"/>
<Taxonomy name="kinds" toName="text"><Choice value="a"><Choice value="b"/></Choice></Taxonomy>
<VideoRectangle name="track" toName="film"/><Pairwise name="pair" toName="text,page"/></View>"""


def made(name: str, target: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"id": "r", "from_name": name, "to_name": target, "type": kind, "value": value}


BOX = {"x": 1, "y": 2.5, "width": 30, "height": 40, "rotation": 0}
IMAGE_REGIONS = [
    made("boxes", "image", "rectanglelabels", **BOX, rectanglelabels=["Car"]),
    made(
        "ellipses", "image", "ellipselabels", x=1, y=1, radiusX=5, radiusY=5, ellipselabels=["Car"]
    ),
    made("polygons", "image", "polygonlabels", points=[[1, 2], [3, 4.5]], polygonlabels=["Car"]),
    made("points", "image", "keypointlabels", x=1, y=1, width=1, keypointlabels=["Car"]),
    made("masks", "image", "brushlabels", format="rle", rle=[0, 255], brushlabels=["Car"]),
    made("plain", "image", "rectangle", **BOX),
]
TEXT_REGIONS = [
    made("mood", "text", "choices", choices=["good"]),
    made("choices", "image", "choices", choices=["good"]),
    made("spans", "text", "labels", start=0, end=5, text="x", labels=["Car"]),
    made("marks", "page", "hypertextlabels", start="/a", end="/b", startOffset=1, endOffset=2,
         hypertextlabels=["Car"]),
    made("note", "text", "textarea", text=["one", "two"]),
    made("count", "text", "number", number=5),
    made("when", "text", "datetime", datetime="2026-11-21"),
]  # fmt: skip
# Left to the library, which has rules of its own for them.
SLOW_REGIONS = [
    made("stars", "text", "rating", rating=4),
    made("kinds", "text", "taxonomy", taxonomy=[["a", "b"]]),
]
CASES = [
    *((IMAGE_CONFIG, region) for region in IMAGE_REGIONS),
    *((TEXT_CONFIG, region) for region in [*TEXT_REGIONS, *SLOW_REGIONS]),
    (IMAGE_CONFIG, made("names", "image", "labels", **BOX, labels=["Car"])),
    (IMAGE_CONFIG, made("names", "image", "rectanglelabels", **BOX, rectanglelabels=["Car"])),
]
TABLES = {
    config: quick_checks.table_of(labelling.interface(config))
    for config in (IMAGE_CONFIG, TEXT_CONFIG)
}
NASTY: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 100, 100.1, 360, 2**63, 10**30, 10**400, 1e308, float("inf"),
     "", "5", "Car", "car", "good", "image", "text", "relation", "RectangleLabels", "labels",
     [], {}, [[]], ["Car"], ["Boat"], ["Car", "Boat"], [["Car"]], [1], [{}], {"Car": 1},
     [[1, 2], [3]], [[1, 2, 3]], [0, 256], [0.5]]
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "from_name", "to_name", "type", "value", "x", "y", "width", "height", "rotation",
     "labels", "rectanglelabels", "choices", "text", "start", "end", "points", "rle", "number",
     "mood", "boxes", "self", "radiusX", "meta", "datetime"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, region: dict[str, Any]) -> Any:
    """The region with a few keys set, dropped or nested, in it or in its value."""
    changed = copy.deepcopy(region)
    for _ in range(draw(st.integers(0, 3))):
        inner = changed.get("value")
        place = inner if isinstance(inner, dict) and draw(st.booleans()) else changed
        match draw(st.sampled_from(["set", "set known", "drop", "nest"])):
            case "set":
                place[draw(KEYS)] = copy.deepcopy(draw(NASTY))
            case "set known" if place:
                place[draw(st.sampled_from(sorted(place)))] = copy.deepcopy(draw(NASTY))
            case "drop" if place:
                del place[draw(st.sampled_from(sorted(place)))]
            case "nest":
                place[draw(KEYS)] = dict(place)
    return draw(st.sampled_from([changed, changed, changed, changed, [changed], None, "text"]))


@st.composite
def predictions(draw: st.DrawFn) -> tuple[str, Any, Any]:
    config = draw(st.sampled_from([IMAGE_CONFIG, TEXT_CONFIG]))
    regions = [region for of, region in CASES if of == config]
    result: Any = [
        draw(mutated(draw(st.sampled_from(regions)))) for _ in range(draw(st.integers(0, 3)))
    ]
    score = draw(st.none() | st.just(0.5) | NASTY)
    return config, draw(st.sampled_from([result] * 8 + [tuple(result), None, {}])), score


def errors_of(config: str, result: Any, score: Any) -> list[str]:
    """What the library itself says, in one list, and where it says nothing what is no label."""
    value = {"result": result} if score is None else {"result": result, "score": score}
    told = labelling.interface(config).validate_prediction(value, return_errors=True)
    # What it says of relations is a list of its own.
    found = [text for one in told for text in (one if isinstance(one, list) else [one])]
    if not found and isinstance(result, list):
        return list(unusable_labels(result))
    return found


@settings(max_examples=3000, deadline=None)
@given(predictions())
@pytest.mark.slow
def test_a_quick_yes_is_that_of_the_whole_check(prediction: tuple[str, Any, Any]) -> None:
    config, result, score = prediction
    errors = errors_of(config, result, score)
    assert not (quick_checks.is_ordinary(TABLES[config], result, score) and errors)
    # What the library takes is asked whether its control offers it.
    checks = values.checks_of(read_config(config), labelling.interface(config))
    wanted = errors or list(values.unoffered(checks, result))
    assert labelling.problems(config, result, score) == wanted


@pytest.mark.parametrize(
    ("config", "region"),
    [
        *((IMAGE_CONFIG, region) for region in IMAGE_REGIONS),
        *((TEXT_CONFIG, region) for region in TEXT_REGIONS),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_ordinary_regions_need_no_library(config: str, region: dict[str, Any]) -> None:
    table = TABLES[config]
    assert errors_of(config, [region, region], 1) == []
    assert quick_checks.is_ordinary(table, [region, region], 1)


@pytest.mark.parametrize("region", SLOW_REGIONS, ids=lambda region: region["type"])
def test_others_are_asked_of_the_library(region: dict[str, Any]) -> None:
    table = TABLES[TEXT_CONFIG]
    assert not quick_checks.is_ordinary(table, [region], None)
    assert labelling.problems(TEXT_CONFIG, [region], None) == []


OFFERS = f"""{OBJECTS}
<Rating name="stars" toName="text" maxRating="3"/>
<Pairwise name="pair" toName="text,page"/>
<DateTime name="when" toName="text" format="%d.%m.%Y"/>
<DateTime name="day" toName="text" min="2020-03-01" max="2024" format="%d.%m.%Y"/>
<DateTime name="from" toName="text" min="$least" format="%H.%M"/>
<Choices name="one" toName="text"><Choice value="a"/><Choice value="b"/></Choices>
<Choices name="radio" toName="text" choice="single-radio"><Choice value="a"/><Choice value="b"/>
</Choices>
<Choices name="some" toName="text" choice="multiple"><Choice value="a"/><Choice value="b"/>
</Choices>
<Number name="share" toName="text" min="0" max="0.5"/>
<Number name="any" toName="text" min="$least"/>
<Taxonomy name="tree" toName="text"><Choice value="A"><Choice value="B"/></Choice></Taxonomy>
<Taxonomy name="leaves" toName="text" leafsOnly="true">
<Choice value="A"><Choice value="B"/></Choice></Taxonomy>
<Taxonomy name="far" toName="text" apiUrl="https://x.org"><Choice value="A"/><Choice value="B"/>
</Taxonomy>
<Taxonomy name="own" toName="text" value="$tree"/></View>"""


@pytest.mark.parametrize(
    ("name", "kind", "key", "good", "wrong", "text"),
    [
        ("stars", "rating", "rating", [1, 3, "2"], 0, "0 stars are no rating."),
        ("stars", "rating", "rating", [], "0", "'0' stars are no rating."),
        ("pair", "pairwise", "selected", ["left", "right"], "up",
         "'up' is neither 'left' nor 'right'."),
        ("when", "datetime", "datetime", ["2024-01-31", "31.01.2024", "10:00"], "yesterday",
         "'yesterday' is no date or time, as 2024-01-31T10:00."),
        ("day", "datetime", "datetime",
         ["2020-03-01", "2020", "2020-03", "2024-12-31T23:59", "01.03.2020", "10:00"],
         "2020-02-29", "'2020-02-29' is before the earliest, 2020-03-01."),
        ("day", "datetime", "datetime", [], "29.02.2020",
         "'29.02.2020' is before the earliest, 2020-03-01."),
        ("day", "datetime", "datetime", [], "2019", "'2019' is before the earliest, 2020-03-01."),
        ("day", "datetime", "datetime", [], "2025-01", "'2025-01' is after the latest, 2024."),
        ("from", "datetime", "datetime", ["0001-01-01", "10.30"], None, ""),
        ("one", "choices", "choices", [["a"], ["b"]], ["a", "b"],
         "2 choices, and it allows one."),
        ("radio", "choices", "choices", [["a"]], ["a", "b"], "2 choices, and it allows one."),
        ("some", "choices", "choices", [["a", "b"]], None, ""),
        ("share", "number", "number", [0, 0.5, "0.25"], 0.75, "0.75 is above the most, 0.5."),
        ("share", "number", "number", [], "-1", "'-1' is below the least, 0."),
        ("any", "number", "number", [-1e300, 7], float("inf"), "inf is no number."),
        ("tree", "taxonomy", "taxonomy", [[["A"], ["A", "B"]], []], [["A"], ["B"]],
         "no path of the tree is 'B'."),
        ("tree", "taxonomy", "taxonomy", [], [["B", "A"]], "no path of the tree is 'B / A'."),
        ("leaves", "taxonomy", "taxonomy", [[["A", "B"]]], [["A"]], "'A' is no leaf of the tree."),
        ("far", "taxonomy", "taxonomy", [[["A", "B"]]], None, ""),
        ("own", "taxonomy", "taxonomy", [[["X", "Y"]]], None, ""),
    ],
)  # fmt: skip
def test_an_answer_is_one_that_its_control_offers(
    name: str, kind: str, key: str, good: list[Any], wrong: Any, text: str
) -> None:
    taken = [made(name, "text", kind, **{key: one}) for one in good]
    assert labelling.problems(OFFERS, taken, None) == []
    if wrong is None:
        return
    nested = {"from_name": name, "to_name": "text", "type": kind, "value": {name: {key: wrong}}}
    refused = made(name, "text", kind, **{key: wrong})
    told = f"Invalid value for control '{name}': {text}"
    assert labelling.problems(OFFERS, [*taken, refused], None) == [f"Region {len(taken)}: {told}"]
    # The library takes some of its values below the control's name, too.
    assert labelling.problems(OFFERS, [nested], None) != []
