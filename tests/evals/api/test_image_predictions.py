"""GET /:workspace/model-evals/:evalId/image-predictions"""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import ids_of

pytestmark = pytest.mark.usefixtures("kept")

Get = Callable[..., Any]


def stats(tp: int, fp: int, fn: int, precision: float, recall: float, f1: float) -> dict[str, Any]:
    return {
        "truePositives": tp,
        "falsePositives": fp,
        "falseNegatives": fn,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def image(name: str, image_id: str, split: str, confusion: Any, **more: Any) -> dict[str, Any]:
    return {
        "imageId": image_id,
        "imageName": f"{name}.jpg",
        "split": split,
        "augmentations": 0,
        "cluster": None,
        "stats": more["stats"],
        "confusion": confusion,
    }


def names(answer: Any) -> list[str]:
    return [image["imageName"].removesuffix(".jpg") for image in answer.json()["images"]]


def test_page(get: Get, evaluation: ModelEval, project: Project) -> None:
    ids = ids_of(project)

    assert get("image-predictions").json() == {
        "evalId": evaluation.eval_id,
        "project": "cars",
        "versionId": "v1",
        "modelId": None,
        "split": "all",
        "confidenceThreshold": 0.2,
        "totalImages": 4,
        "offset": 0,
        "limit": 200,
        "images": [
            image("one", ids["one"], "test", [[0, 0, 1]], stats=stats(1, 0, 0, 1, 1, 1)),
            image(
                "two",
                ids["two"],
                "test",
                [[0, 1, 1], [1, 1, 1]],
                stats=stats(1, 1, 1, 0.5, 0.5, 0.5),
            ),
            image("three", ids["three"], "valid", [[2, 1, 1]], stats=stats(0, 1, 0, 0, 0, 0)),
            image("four", ids["four"], "train", [[0, 2, 1]], stats=stats(0, 0, 1, 0, 0, 0)),
        ],
    }


def test_another_confidence(get: Get) -> None:
    found = {
        image["imageName"]: (image["confusion"], image["stats"])
        for image in get("image-predictions", confidence=15).json()["images"]
    }

    cells, counts = found["two.jpg"]
    assert cells == [[0, 1, 1], [1, 1, 1], [2, 0, 1]]
    assert counts == stats(1, 2, 1, 0.333, 0.5, 0.4)


def test_a_silence_that_is_right_scores_one(get: Get) -> None:
    three = get("image-predictions", confidence=51, split="valid").json()["images"][0]

    assert three["confusion"] == []
    assert three["stats"] == stats(0, 0, 0, 1, 1, 1)


@pytest.mark.parametrize(
    ("query", "expected", "total"),
    [
        ({"split": "test"}, ["one", "two"], 2),
        ({"split": "train"}, ["four"], 1),
        ({"limit": 1}, ["one"], 4),
        ({"limit": 2, "offset": 1}, ["two", "three"], 4),
        ({"split": "test", "offset": 1}, ["two"], 2),
        ({"offset": 4}, [], 4),
        ({"sort": "-falsePositives"}, ["two", "three", "one", "four"], 4),
        ({"sort": "-falsePositives", "offset": 1, "limit": 1}, ["three"], 4),
        ({"sort": "-falseNegatives"}, ["two", "four", "one", "three"], 4),
        ({"sort": "-falsePositives", "confidence": 55}, ["two", "one", "three", "four"], 4),
        ({"sort": "f1"}, ["three", "four", "two", "one"], 4),
        ({"sort": "-truePositives", "split": "test"}, ["one", "two"], 2),
        ({"minFalsePositives": 1}, ["two", "three"], 2),
        ({"minFalsePositives": 1, "limit": 1, "offset": 1}, ["three"], 2),
        ({"minFalsePositives": 2, "confidence": 15}, ["two"], 1),
        ({"minFalseNegatives": 1}, ["two", "four"], 2),
        ({"cell": "Car,Person"}, ["two"], 1),
        ({"cell": "0,1"}, ["two"], 1),
        ({"cell": "background,Person"}, ["three"], 1),
        ({"cell": "[0,1]"}, ["two"], 1),
        ({"cell": "[2, 1]"}, ["three"], 1),
        ({"cell": "2,0"}, [], 0),
        ({"cell": "2,0", "confidence": 10}, ["two"], 1),
        ({"class": "Person"}, ["two", "three"], 2),
        ({"class": "Person", "cell": "0,2"}, [], 0),
        ({"class": "Person", "sort": "falseNegatives"}, ["two", "three"], 2),
        ({"class": "Car", "sort": "-falsePositives"}, ["one", "two", "four"], 3),
        ({"class": "Car", "sort": "truePositives"}, ["two", "four", "one"], 3),
        ({"class": "Car", "sort": "-errors"}, ["two", "four", "one"], 3),
        ({"cluster": 3}, [], 0),
    ],
)
def test_splits_pages_orders_and_filters(
    get: Get, query: dict[str, Any], expected: list[str], total: int
) -> None:
    answer = get("image-predictions", **query)

    assert names(answer) == expected
    assert answer.json()["totalImages"] == total


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "invalid_pagination"),
        ({"limit": 1001}, "invalid_pagination"),
        ({"limit": "ten"}, "invalid_pagination"),
        ({"limit": "1.5"}, "invalid_pagination"),
        ({"limit": ""}, "invalid_pagination"),
        ({"offset": -1}, "invalid_pagination"),
        ({"offset": "1e3"}, "invalid_pagination"),
        ({"confidence": 101}, "invalid_confidence"),
        ({"confidence": -1}, "invalid_confidence"),
        ({"confidence": "0.5"}, "invalid_confidence"),
        ({"confidence": "\u0662"}, "invalid_confidence"),
        ({"confidence": ""}, "invalid_confidence"),
        ({"split": "val"}, "invalid_split"),
        ({"split": ""}, "invalid_split"),
        ({"sort": "name"}, "invalid_filter"),
        ({"minFalsePositives": "-1"}, "invalid_filter"),
        ({"cell": "Car"}, "invalid_filter"),
        ({"cell": "Car,Cat"}, "invalid_filter"),
        ({"cell": "0,3"}, "invalid_filter"),
        ({"cell": "[0,3]"}, "invalid_filter"),
        ({"cell": "[0]"}, "invalid_filter"),
        ({"class": "Cat"}, "invalid_filter"),
        ({"class": "\0"}, "invalid_filter"),
        ({"cluster": "x"}, "invalid_filter"),
        ({"format": "xml"}, "invalid_format"),
    ],
)
def test_refuses(get: Get, query: dict[str, Any], code: str) -> None:
    answer = get("image-predictions", **query)

    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert answer.json()["message"]


def test_json_lines(get: Get) -> None:
    answer = get("image-predictions", format="jsonl", minFalsePositives=1, limit=1)
    lines = b"".join(answer.streaming_content).splitlines()

    assert answer["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines] == get(
        "image-predictions", minFalsePositives=1
    ).json()["images"]


def test_csv(get: Get, project: Project) -> None:
    answer = get("image-predictions", format="csv", split="test")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert answer["Content-Type"].startswith("text/csv")
    assert ".csv" in answer["Content-Disposition"]
    assert [row["imageName"] for row in rows] == ["one.jpg", "two.jpg"]
    assert rows[1] == {
        "imageId": ids_of(project)["two"],
        "imageName": "two.jpg",
        "split": "test",
        "augmentations": "0",
        "cluster": "",
        "x": "",
        "y": "",
        "truePositives": "1",
        "falsePositives": "1",
        "falseNegatives": "1",
        "precision": "0.5",
        "recall": "0.5",
        "f1": "0.5",
        "confusion": "Car>Person:1 Person>Person:1",
    }


def test_a_spreadsheet_runs_no_image_name(
    ada: Caller, project: Project, django_assert_num_queries: Any
) -> None:
    from tests.evals.conftest import box, computed, load, task

    truth = [box("Car", 1, 1, 9, 9)]
    load(ada, project, [task("x", truth=truth, said={"v1": truth}, image_name="=HYPERLINK(1)")])
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    answer: Any = ada.client.get(path, {"format": "csv"})

    assert "'=HYPERLINK(1)" in b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("n_images", [1, 50])
@pytest.mark.parametrize("query", [{}, {"split": "test", "confidence": 37, "offset": 0}])
def test_any_page_is_three_statements(
    ada: Caller,
    make_project: MakeProject,
    django_assert_num_queries: Any,
    n_images: int,
    query: dict[str, Any],
) -> None:
    from tests.evals.conftest import box, computed, load, task

    project = make_project(ada)
    truth = [box("Car", 1, 1, 9, 9)]
    load(ada, project, [task(str(n), truth=truth, said={"v1": truth}) for n in range(n_images)])
    found = computed(ada, project)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    ada.client.get(path)

    # The key, the evaluation, its images.
    with django_assert_num_queries(3):
        answer = ada.client.get(path, query)
    assert len(answer.json()["images"]) == n_images
