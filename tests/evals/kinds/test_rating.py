"""Rating over the API: stars."""

from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import evaluated, get, region, task, tasks_by_name

CONFIG = (
    '<View><Text name="text" value="$text"/>'
    '<Rating name="answer" toName="text" maxRating="{stars}"/></View>'
)
PAIRS = [(1, 1), (2, 3), (3, 3), (5, 4)]


def items() -> list[dict[str, Any]]:
    """The example of the documentation, in valid a task that nobody rated, and stars too many."""
    return [
        *(
            task(f"{n}", [region("rating", truth)], [region("rating", said, 0.9)])
            for n, (truth, said) in enumerate(PAIRS)
        ),
        task("unrated", [region("rating", 2)], [], split="valid"),
        task("many", [region("rating", 2)], [region("rating", 9)], split="valid"),
    ]


@pytest.fixture
def evaluation(ada: Caller, make_project: MakeProject) -> ModelEval:
    return evaluated(ada, make_project, CONFIG.format(stars=5), items())


def test_the_metrics_of_each_split(ada: Caller, evaluation: ModelEval) -> None:
    document = get(ada, evaluation, "map-results").json()
    names = ["accuracy", "kappa", "linearKappa", "quadraticKappa", "meanAbsoluteError"]
    assert document["taskType"] == "rating"
    assert {name: one["metrics"] for name, one in document["splits"].items()} == {
        "test": {
            "accuracy": 0.5,
            "kappa": pytest.approx(5 / 13, abs=1e-12),
            "linearKappa": pytest.approx(2 / 3, abs=1e-12),
            "quadraticKappa": pytest.approx(0.851852, abs=1e-6),
            "meanAbsoluteError": 0.5,
            "pairs": 4,
            "missing": 0,
        },
        "valid": {**dict.fromkeys(names), "pairs": 0, "missing": 2},
    }
    header = get(ada, evaluation).json()
    assert (header["control"], header["classes"]) == ("answer", ["1", "2", "3", "4", "5"])
    assert header["summary"]["primary"] == {
        "name": "quadraticKappa",
        "value": document["splits"]["test"]["metrics"]["quadraticKappa"],
        "higherIsBetter": True,
    }
    many = tasks_by_name()["many"]
    assert header["ignored"] == [
        {
            "reason": "invalid_value",
            "side": "predictions",
            "regions": 1,
            "example": {"task": many, "region": 0},
        }
    ]


def test_who_was_taken_for_whom(ada: Caller, evaluation: ModelEval) -> None:
    matrix = get(ada, evaluation, "confusion-matrix", split="all").json()
    assert matrix["classes"] == ["1", "2", "3", "4", "5", "background"]
    assert matrix["matrix"] == [
        [1, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 2],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    records = get(ada, evaluation, "image-predictions").json()["images"]
    assert [one["confusion"] for one in records] == [
        [[0, 0, 1]],
        [[1, 2, 1]],
        [[2, 2, 1]],
        [[4, 3, 1]],
        [[1, 5, 1]],
        [[1, 5, 1]],
    ]
    assert all("metrics" not in one for one in records)
    document = get(ada, evaluation, f"image-predictions/{tasks_by_name()['1']}").json()
    pair = {"box": None, "polygon": None, "verdict": "wrong_class", "matched": 0, "iou": 1.0}
    assert document["groundTruth"] == [{"index": 0, "class": "2", **pair}]
    assert document["predictions"] == [{"index": 0, "class": "3", **pair, "score": 0.9}]


def test_chunks_change_nothing(ada: Caller, make_project: MakeProject, settings: Any) -> None:
    found = []
    for chunk in (2, 1000):
        settings.EVALUATION_CHUNK = chunk
        done = evaluated(ada, make_project, CONFIG.format(stars=7), items() * 4)
        found.append(get(ada, done, "map-results").json()["splits"])
    assert found[0] == found[1]
    assert len(found[0]["test"]["perClass"]) == 7
