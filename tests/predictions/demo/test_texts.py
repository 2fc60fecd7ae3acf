"""The demo's texts and those who read them, without a server."""

from collections import Counter
from typing import Any

import pytest

from predictions.demo import news, reviews

N_TEXTS = 60


def places(result: list[dict[str, Any]]) -> Counter[tuple[int, int, str]]:
    values = [region["value"] for region in result]
    return Counter((one["start"], one["end"], one["labels"][0]) for one in values)


def said_by(version: str, tasks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [
        said["result"]
        for task in tasks
        for said in task["predictions"]
        if said["model_version"] == version
    ]


@pytest.mark.parametrize("kind", [news, reviews])
def test_same_seed_writes_the_same_texts(kind: Any) -> None:
    assert kind.project(3, seed=3) == kind.project(3, seed=3)
    assert kind.project(3, seed=3).tasks != kind.project(3, seed=4).tasks


def test_a_task_of_names() -> None:
    task = news.project(2).tasks[0]
    text = task["data"]["text"]
    assert text == "It rained all week. Workers of Northwind met Jordan in Turin."
    assert task["meta"] == {"image_name": "news-0000", "split": "valid"}
    for side in (*task["annotations"], *task["predictions"]):
        for region in side["result"]:
            value = region["value"]
            assert text[value["start"] : value["end"]] == value["text"]
    assert task["predictions"][0] == {
        "model_version": "news-list",
        "result": [
            {
                "id": f"name-{number}",
                "from_name": "entity",
                "to_name": "text",
                "type": "labels",
                "value": {"start": start, "end": end, "text": name, "labels": [label]},
                "score": 0.95,
            }
            for number, (start, end, name, label) in enumerate(
                [(31, 40, "Northwind", "ORG"), (45, 51, "Jordan", "PER")]
            )
        ],
        "score": 0.95,
    }


def test_context_finds_more_names_than_the_list_and_neither_all() -> None:
    tasks = news.project(N_TEXTS).tasks
    truths = [places(task["annotations"][0]["result"]) for task in tasks]
    n = sum(truth.total() for truth in truths)
    by_list, by_context = (
        sum((truth & places(said)).total() for truth, said in zip(truths, sides, strict=True))
        for sides in (said_by(version, tasks) for version in news.VERSIONS)
    )
    assert 0 < by_list < by_context < n


def test_a_text_without_names_has_none() -> None:
    assert news.by_list("It rained all week.") == news.by_context("It rained all week.") == []


def test_raters_differ_by_negation_and_neither_is_always_right() -> None:
    said = reviews.rated("It is not bad at all.", sees_negation=True)
    assert said == {
        "id": "stars",
        "from_name": "stars",
        "to_name": "review",
        "type": "rating",
        "value": {"rating": 4},
        "score": 0.5,
    }
    plain = reviews.rated("It is not bad at all.", sees_negation=False)
    assert plain["value"] == {"rating": 2}
    tasks = reviews.project(N_TEXTS).tasks
    truths = [task["annotations"][0]["result"][0]["value"] for task in tasks]
    by_words, by_negation = (
        sum(truth == result[0]["value"] for truth, result in zip(truths, sides, strict=True))
        for sides in (said_by(version, tasks) for version in reviews.VERSIONS)
    )
    assert 0 < by_words < by_negation < N_TEXTS
