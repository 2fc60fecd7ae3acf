"""Regression over the API and at the desk: numbers of whole tasks."""

import csv
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from sklearn import metrics as oracle

from evals.jobs import run
from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import ask, evaluated, get, region, task, tasks_by_name

CONFIG = (
    '<View><Text name="text" value="$text"/><Number name="answer" toName="text"/>'
    '<Number name="other" toName="text"/></View>'
)
NAMES = [
    "meanAbsoluteError",
    "rootMeanSquaredError",
    "medianAbsoluteError",
    "meanError",
    "r2",
    "withinTolerance",
]


def said(number: Any, score: float | None = None, name: str = "answer") -> dict[str, Any]:
    return region("number", number, score, name)


def items() -> list[dict[str, Any]]:
    """The example of the documentation in test; in valid an answer where there is no number."""
    return [
        task("ten", [said(10), said(1, name="other")], [said(12, 0.9), said(77, name="other")]),
        task("twenty", [said(20)], [said(27)]),
        task("thirty", [said(30)], []),
        task("none", [], [said(5)], split="valid"),
    ]


@pytest.fixture
def evaluation(ada: Caller, make_project: MakeProject) -> ModelEval:
    return evaluated(ada, make_project, CONFIG, items(), control="answer", tolerance=5)


def test_the_metrics_of_each_split(ada: Caller, evaluation: ModelEval) -> None:
    document = get(ada, evaluation, "map-results").json()
    undefined = dict.fromkeys(["map50", "map50_95", "map75"])
    scores = {"precision": 0.5, "recall": 1 / 3, "f1": 0.4}
    nothing = dict.fromkeys(["precision", "recall", "f1"], 0.0)
    assert document["taskType"] == "regression"
    assert document["splits"] == {
        "test": {
            **undefined,
            **scores,
            "perClass": {"answer": {**undefined, **scores}},
            "metrics": {
                "pairs": 2,
                "missing": 1,
                "unexpected": 0,
                "meanAbsoluteError": 4.5,
                "rootMeanSquaredError": pytest.approx(5.147815, abs=1e-6),
                "medianAbsoluteError": 4.5,
                "meanError": 4.5,
                "r2": pytest.approx(-0.06, abs=1e-12),
                "withinTolerance": 0.5,
            },
        },
        "valid": {
            **undefined,
            **nothing,
            "perClass": {"answer": {**undefined, **nothing}},
            "metrics": {"pairs": 0, "missing": 0, "unexpected": 1, **dict.fromkeys(NAMES)},
        },
    }
    header = get(ada, evaluation).json()
    assert (header["control"], header["classes"], header["tolerance"]) == ("answer", ["answer"], 5)
    assert header["summary"]["primary"] == {
        "name": "meanAbsoluteError",
        "value": 4.5,
        "higherIsBetter": False,
    }


def test_records_of_tasks_and_their_order(ada: Caller, evaluation: ModelEval) -> None:
    records = get(ada, evaluation, "image-predictions").json()["images"]
    assert [(one["imageName"], one["confusion"], one["metrics"]) for one in records] == [
        ("ten", [[0, 0, 1]], {"absoluteError": 2.0}),
        ("twenty", [[0, 1, 1], [1, 0, 1]], {"absoluteError": 7.0}),
        ("thirty", [[0, 1, 1]], {"absoluteError": None}),
        ("none", [[1, 0, 1]], {"absoluteError": None}),
    ]
    ordered = get(ada, evaluation, "image-predictions", sort="-measure").json()["images"]
    assert [one["imageName"] for one in ordered] == ["twenty", "ten", "thirty", "none"]


def test_a_table_of_tasks(ada: Caller, evaluation: ModelEval) -> None:
    answer = get(ada, evaluation, "image-predictions", format="csv")
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert [(row["imageName"], row["confusion"], row["absoluteError"]) for row in rows] == [
        ("ten", "answer>answer:1", "2.0"),
        ("twenty", "answer>background:1 background>answer:1", "7.0"),
        ("thirty", "answer>background:1", ""),
        ("none", "background>answer:1", ""),
    ]


def test_another_tolerance_is_another_measure(ada: Caller, evaluation: ModelEval) -> None:
    project = evaluation.project
    assert project is not None
    answer = ask(ada, project, control="answer")
    other = ModelEval.objects.get(eval_id=answer.json()["evalId"])
    run.run(other.pk)
    document = get(ada, evaluation, f"diff/{other.eval_id}").json()
    assert document["differingTerms"] == ["tolerance"]
    assert [one["imageName"] for one in document["images"]] == ["ten"]
    repeated = ada.client.post(f"/lab/model-evals/{evaluation.eval_id}/rerun").json()
    assert repeated["tolerance"] == 5


def test_the_command_takes_a_tolerance(ada: Caller, evaluation: ModelEval) -> None:
    asked = {"project": "answers", "model_version": "v1", "control": "answer", "tolerance": 2.0}
    call_command("evaluate", **asked)
    found = ModelEval.objects.exclude(pk=evaluation.pk).get()
    assert get(ada, found).json()["tolerance"] == 2.0
    assert found.status == "done"


def test_a_task_with_its_numbers(ada: Caller, evaluation: ModelEval) -> None:
    bare: dict[str, Any] = {"index": 0, "class": "answer", "box": None, "polygon": None}
    hit = {"verdict": "tp", "matched": 0, "iou": 1.0}
    document = get(ada, evaluation, f"image-predictions/{tasks_by_name()['ten']}").json()
    assert document["groundTruth"] == [{**bare, **hit, "number": 10.0}]
    assert document["predictions"] == [{**bare, **hit, "number": 12.0, "score": 0.9}]


def test_the_errors_are_scikit_learns_whatever_the_chunks(
    ada: Caller, make_project: MakeProject, settings: Any
) -> None:
    r = np.random.default_rng(3)
    truth = r.normal(100, 20, 30)
    answers = truth + r.normal(0, 5, 30)
    pairs = zip(truth.tolist(), answers.tolist(), strict=True)
    tasks = [task(f"{n}", [said(a)], [said(b)]) for n, (a, b) in enumerate(pairs)]
    found = []
    for chunk in (7, 1000):
        settings.EVALUATION_CHUNK = chunk
        done = evaluated(ada, make_project, CONFIG, tasks, control="answer")
        found.append(get(ada, done, "map-results").json()["splits"]["test"]["metrics"])
    assert found[0] == found[1]
    expected = [
        oracle.mean_absolute_error(truth, answers),
        oracle.root_mean_squared_error(truth, answers),
        oracle.median_absolute_error(truth, answers),
        (answers - truth).mean(),
        oracle.r2_score(truth, answers),
    ]
    assert [found[0][name] for name in NAMES[:-1]] == pytest.approx(expected, abs=1e-9)


def test_the_desk_shows_numbers_and_a_scatter(
    ada: Caller, evaluation: ModelEval, admin_client: Any
) -> None:
    root = f"/admin/evals/modeleval/{evaluation.eval_id}"
    ids = {name: str(key) for name, key in tasks_by_name().items()}
    cards = admin_client.get(f"{root}/data/cards", {"image": [ids["ten"], ids["thirty"]]}).json()
    assert [card["answer"] for card in cards["cards"]] == [
        {"truth": 10.0, "said": 12.0, "score": 0.9, "isKept": True},
        {"truth": 30.0, "said": None, "score": None, "isKept": False},
    ]
    points = [[ids["ten"], 10.0, 12.0], [ids["twenty"], 20.0, 27.0]]
    for split, images in (("test", 3), ("all", 4)):
        scatter = admin_client.get(f"{root}/data/scatter", {"split": split}).json()
        assert scatter == {"images": images, "points": points}
    page = admin_client.get(f"{root}/").content.decode()
    assert 'data-panel="scatter"' in page
    assert "Mean absolute error" in page
    assert "tolerance 5" in page
    assert "IoU" not in page
    assert "highest absolute error" in admin_client.get(f"{root}/images/").content.decode()


def test_a_scatter_of_many_tasks_is_spread_over_them(
    ada: Caller, evaluation: ModelEval, admin_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.desk.answers.MOST_POINTS", 2)
    route = f"/admin/evals/modeleval/{evaluation.eval_id}/data/scatter"
    ids = tasks_by_name()
    found = [admin_client.get(route, {"split": split}).json() for split in ("test", "all")]
    assert found == [
        {
            "images": 2,
            "points": [
                [str(ids[name]), a, b]
                for name, a, b in [("ten", 10.0, 12.0), ("twenty", 20.0, 27.0)]
            ],
        },
        {"images": 2, "points": [[str(ids["ten"]), 10.0, 12.0]]},
    ]


def test_models_are_compared_by_the_error_the_lowest_first(
    ada: Caller, evaluation: ModelEval
) -> None:
    better = ModelEval.objects.get(pk=evaluation.pk)
    better.pk, better.eval_id, better.model_id = None, "b" * 20, "better"
    assert better.summary is not None
    better.summary["headline"]["primary"]["value"] = 1.5
    better.save(force_insert=True)
    query = {"project": "answers", "version": evaluation.version_id}
    document = ada.client.get("/lab/model-evals/compare", query).json()
    assert document["frontierMetric"] == "meanAbsoluteError"
    assert "meanAbsoluteError" in document["availableMetrics"]
    assert [
        (one["modelId"], one["metrics"]["meanAbsoluteError"], one["onFrontier"])
        for one in document["models"]
    ] == [("better", 1.5, True), ("v1", 4.5, False)]
