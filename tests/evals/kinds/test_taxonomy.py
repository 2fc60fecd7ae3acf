"""Taxonomy over the API and at the desk: paths in a tree."""

from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import evaluated, get, region, task, tasks_by_name

CONFIG = (
    '<View><Text name="text" value="$text"/><Taxonomy name="answer" toName="text">'
    '<Choice value="Animal"><Choice value="Dog"/><Choice value="Cat" alias="feline"/></Choice>'
    '<Choice value="Plant"/></Taxonomy></View>'
)
CLASSES = ["Animal", "Animal / Dog", "Animal / feline", "Plant", "Stone", "Stone / Ruby"]


def said(*paths: list[str], score: float | None = None) -> dict[str, Any]:
    return region("taxonomy", list(paths), score)


def items() -> list[dict[str, Any]]:
    """The example of the documentation, a shown name for its alias, and a path nobody declared."""
    return [
        task("near", [said(["Animal", "Dog"])], [said(["Animal", "Cat"], score=0.9)]),
        task(
            "alias", [said(["Animal", "feline"], ["Plant"])], [said(["Animal", "Cat"], ["Plant"])]
        ),
        task("stone", [said(["Plant"])], [said(["Stone", "Ruby"])], split="valid"),
        task("empty", [], [], split="valid"),
    ]


@pytest.fixture
def evaluation(ada: Caller, make_project: MakeProject) -> ModelEval:
    return evaluated(ada, make_project, CONFIG, items())


def test_the_metrics_of_each_split(ada: Caller, evaluation: ModelEval) -> None:
    document = get(ada, evaluation, "map-results").json()
    assert document["taskType"] == "taxonomy"
    assert {name: one["metrics"] for name, one in document["splits"].items()} == {
        "test": {
            "accuracy": 0.5,
            "jaccard": pytest.approx((1 / 3 + 1) / 2, abs=1e-15),
            "hierarchicalPrecision": 4 / 5,
            "hierarchicalRecall": 4 / 5,
            "hierarchicalF1": 4 / 5,
        },
        "valid": {
            "accuracy": 0.5,
            "jaccard": 0.5,
            "hierarchicalPrecision": 0.0,
            "hierarchicalRecall": 0.0,
            "hierarchicalF1": 0.0,
        },
    }
    header = get(ada, evaluation).json()
    assert (header["control"], header["classes"]) == ("answer", CLASSES)
    assert header["summary"]["primary"] == {
        "name": "hierarchicalF1",
        "value": 4 / 5,
        "higherIsBetter": True,
    }


def test_records_of_tasks_and_their_order(ada: Caller, evaluation: ModelEval) -> None:
    records = get(ada, evaluation, "image-predictions").json()["images"]
    assert [(one["imageName"], one["confusion"], one["metrics"]) for one in records] == [
        ("near", [[0, 0, 1], [1, 6, 1], [6, 2, 1]], {"jaccard": 1 / 3}),
        ("alias", [[0, 0, 1], [2, 2, 1], [3, 3, 1]], {"jaccard": 1.0}),
        ("stone", [[3, 6, 1], [6, 4, 1], [6, 5, 1]], {"jaccard": 0.0}),
        ("empty", [], {"jaccard": 1.0}),
    ]
    assert records[3]["stats"] == {
        "truePositives": 0,
        "falsePositives": 0,
        "falseNegatives": 0,
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
    }
    ordered = get(ada, evaluation, "image-predictions", sort="measure").json()["images"]
    assert [one["imageName"] for one in ordered] == ["stone", "near", "alias", "empty"]


def test_a_task_node_by_node(ada: Caller, evaluation: ModelEval) -> None:
    def item(index: int, name: str, verdict: str, matched: int | None, **more: Any) -> Any:
        iou = None if matched is None else 1.0
        place = {"index": index, "class": name, "box": None, "polygon": None}
        return {**place, "verdict": verdict, "matched": matched, "iou": iou, **more}

    document = get(ada, evaluation, f"image-predictions/{tasks_by_name()['near']}").json()
    assert document["groundTruth"] == [
        item(0, "Animal", "tp", 0),
        item(1, "Animal / Dog", "fn", None),
    ]
    assert document["predictions"] == [
        item(0, "Animal", "tp", 0, score=0.9),
        item(1, "Animal / feline", "fp", None, score=0.9),
    ]


def test_only_some_nodes_and_other_names(ada: Caller, make_project: MakeProject) -> None:
    label_map = {"Stone": None, "Stone / Ruby": "Plant"}
    done = evaluated(ada, make_project, CONFIG, items(), labelMap=label_map)
    assert get(ada, done).json()["classes"] == CLASSES[:4]
    metrics = get(ada, done, "map-results").json()["splits"]["valid"]["metrics"]
    assert (metrics["hierarchicalF1"], metrics["accuracy"]) == (1.0, 1.0)


def test_chunks_change_nothing(ada: Caller, make_project: MakeProject, settings: Any) -> None:
    found = []
    for chunk in (1, 1000):
        settings.EVALUATION_CHUNK = chunk
        done = evaluated(ada, make_project, CONFIG, items() * 5)
        found.append(get(ada, done, "map-results").json()["splits"])
    assert found[0] == found[1]
