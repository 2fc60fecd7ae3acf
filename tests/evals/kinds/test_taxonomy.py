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


@pytest.mark.parametrize(
    ("label_map", "classes"),
    [
        # What is told as it is shown, where the config does not have the rest of the path.
        ({"Plant": "Animal / Cat / Manx"}, ["Animal", "Animal / feline", "Animal / feline / Manx"]),
        ({"Animal / Cat / Manx": "Plant"}, ["Animal", "Animal / feline", "Plant"]),
        ({"Animal / feline / Manx": "Plant"}, ["Animal", "Animal / feline", "Plant"]),
    ],
)
def test_a_map_of_paths_below_one_that_is_shown_otherwise(
    ada: Caller, make_project: MakeProject, label_map: dict[str, str], classes: list[str]
) -> None:
    cats = [said(["Animal", "feline"]), said(["Animal", "feline", "Manx"])]
    rows = [task("one", [said(["Plant"]), *cats], [said(["Animal", "Cat", "Manx"]), *cats])]
    done = evaluated(ada, make_project, CONFIG, rows, labelMap=label_map)
    document = get(ada, done, f"image-predictions/{tasks_by_name()['one']}").json()
    assert sorted(one["class"] for one in document["groundTruth"]) == classes
    assert get(ada, done, "map-results").json()["splits"]["test"]["metrics"]["accuracy"] == 1.0


def test_chunks_change_nothing(ada: Caller, make_project: MakeProject, settings: Any) -> None:
    found = []
    for chunk in (1, 1000):
        settings.EVALUATION_CHUNK = chunk
        done = evaluated(ada, make_project, CONFIG, items() * 5)
        found.append(get(ada, done, "map-results").json()["splits"])
    assert found[0] == found[1]


def spaced_config(*more: str) -> str:
    """A tree whose names hold the separator of paths."""
    return (
        '<View><Text name="text" value="$text"/><Taxonomy name="answer" toName="text">'
        '<Choice value="Food / Drink"><Choice value="Tea / Coffee"/><Choice value="Water"/>'
        f'</Choice><Choice value="Food / Snack"/><Choice value="Other"/>{"".join(more)}'
        "</Taxonomy></View>"
    )


def spaced_items(food: str = "Food / Drink", tea: str = "Tea / Coffee") -> list[dict[str, Any]]:
    return [
        task("siblings", [said([food])], [said(["Food / Snack"])]),
        task("below", [said([food, tea])], [said([food, "Water"])]),
        task("same", [said([food, tea])], [said([food, tea])]),
    ]


@pytest.mark.parametrize("food", ["Food / Drink", "Drink"])
def test_a_name_with_a_slash_is_one_node(ada: Caller, make_project: MakeProject, food: str) -> None:
    """The numbers are those of the same tree with other names."""
    config = spaced_config().replace("Food / Drink", food)
    done = evaluated(ada, make_project, config, spaced_items(food))
    header = get(ada, done).json()
    tea, water = f"{food} / Tea / Coffee", f"{food} / Water"
    assert header["classes"] == [food, tea, water, "Food / Snack", "Other"]
    assert header["warnings"] == []
    assert get(ada, done, "map-results").json()["splits"]["test"]["metrics"] == {
        "accuracy": 1 / 3,
        "jaccard": pytest.approx((0 + 1 / 3 + 1) / 3, abs=1e-15),
        "hierarchicalPrecision": 3 / 5,
        "hierarchicalRecall": 3 / 5,
        "hierarchicalF1": 3 / 5,
    }


def test_a_name_with_a_slash_in_one_text_and_called_otherwise(
    ada: Caller, make_project: MakeProject
) -> None:
    items = [
        task("text", [region("taxonomy", ["Food / Drink / Water"])], [said(["Wet", "Water"])]),
        task("path", [region("taxonomy", ["Stone / Ruby"])], [said(["Stone", "Ruby"])]),
        task("none", [said(["Food / Snack"])], []),
    ]
    label_map = {"Wet": "Food / Drink", "Food / Snack": None}
    done = evaluated(ada, make_project, spaced_config(), items, labelMap=label_map)
    header = get(ada, done).json()
    assert header["classes"] == [
        "Food / Drink",
        "Food / Drink / Tea / Coffee",
        "Food / Drink / Water",
        "Other",
        "Stone",
        "Stone / Ruby",
    ]
    metrics = get(ada, done, "map-results").json()["splits"]["test"]["metrics"]
    assert (header["warnings"], metrics["accuracy"], metrics["hierarchicalF1"]) == ([], 1.0, 1.0)


def test_a_choice_and_a_path_of_one_name_are_told(ada: Caller, make_project: MakeProject) -> None:
    config = spaced_config('<Choice value="Food"><Choice value="Drink"/></Choice>')
    items = [task("both", [said(["Food / Drink"])], [said(["Food", "Drink"])])]
    warnings = get(ada, evaluated(ada, make_project, config, items)).json()["warnings"]
    assert warnings == [
        {
            "reason": "alike_paths",
            "message": "A choice and a path of one name count as one class: 'Food / Drink'. An "
            "alias without ' / ' tells them apart.",
        }
    ]
