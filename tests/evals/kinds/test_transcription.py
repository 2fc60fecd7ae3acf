"""Transcription over the API and at the desk: texts of whole tasks."""

import json
from typing import Any

import jiwer
import pytest
import sacrebleu

from evals.jobs import run
from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load
from tests.evals.kinds.answered import ask, evaluated, get, region, task, tasks_by_name

CONFIG = (
    '<View><Text name="text" value="$text"/><TextArea name="answer" toName="text"/>'
    '<TextArea name="remark" toName="text" perRegion="true"/></View>'
)


def said(text: str, score: float | None = None) -> dict[str, Any]:
    return region("textarea", [text], score)


def items() -> list[dict[str, Any]]:
    """In test an answer with an error, one that differs in case and spaces, and none; in valid one
    where no text is.
    """
    return [
        task("one", [said("the cat sat")], [said("the cat sit", 0.9)]),
        task("two", [said("A dog")], [said("a  dog")]),
        task("three", [said("more")], None),
        task("four", [], [said("none", 0.1)], split="valid"),
    ]


@pytest.fixture
def evaluation(ada: Caller, make_project: MakeProject) -> ModelEval:
    return evaluated(ada, make_project, CONFIG, items(), normalization="case")


def test_the_metrics_of_each_split(ada: Caller, evaluation: ModelEval) -> None:
    document = get(ada, evaluation, "map-results").json()
    undefined = dict.fromkeys(["map50", "map50_95", "map75"])
    truth, answers = ["the cat sat", "a dog", "more"], ["the cat sit", "a dog", ""]
    assert document["taskType"] == "transcription"
    assert document["splits"] == {
        "test": {
            **undefined,
            "precision": 0.5,
            "recall": 1 / 3,
            "f1": 0.4,
            "perClass": {
                "answer": {**undefined, "precision": 0.5, "recall": 1 / 3, "f1": 0.4},
            },
            "metrics": {
                "exactMatch": 1 / 3,
                "characterErrorRate": 5 / 20,
                "wordErrorRate": 2 / 6,
                "bleu": sacrebleu.corpus_bleu(answers, [truth]).score,
                "chrf": sacrebleu.corpus_chrf(answers, [truth]).score,
            },
        },
        "valid": {
            **undefined,
            "precision": 0.0,
            "recall": 0.0,
            "f1": 0.0,
            "perClass": {"answer": {**undefined, "precision": 0.0, "recall": 0.0, "f1": 0.0}},
            "metrics": dict.fromkeys(
                ["exactMatch", "characterErrorRate", "wordErrorRate", "bleu", "chrf"]
            ),
        },
    }
    header = get(ada, evaluation).json()
    assert (header["control"], header["classes"]) == ("answer", ["answer"])
    assert header["normalization"] == "case"
    assert header["summary"]["primary"] == {
        "name": "characterErrorRate",
        "value": 0.25,
        "higherIsBetter": False,
    }


def test_records_of_tasks_and_their_order(ada: Caller, evaluation: ModelEval) -> None:
    records = get(ada, evaluation, "image-predictions").json()["images"]
    assert [(one["imageName"], one["confusion"], one["metrics"]) for one in records] == [
        ("one", [[0, 1, 1], [1, 0, 1]], {"characterErrorRate": 1 / 11, "wordErrorRate": 1 / 3}),
        ("two", [[0, 0, 1]], {"characterErrorRate": 0.0, "wordErrorRate": 0.0}),
        ("three", [[0, 1, 1]], {"characterErrorRate": 1.0, "wordErrorRate": 1.0}),
        ("four", [], {"characterErrorRate": None, "wordErrorRate": None}),
    ]
    for sort, names in (
        ("measure", ["two", "one", "three", "four"]),
        ("-measure", ["three", "one", "two", "four"]),
    ):
        ordered = get(ada, evaluation, "image-predictions", sort=sort).json()["images"]
        assert [one["imageName"] for one in ordered] == names
    lines = get(ada, evaluation, "image-predictions", format="jsonl")
    assert [json.loads(line) for line in b"".join(lines.streaming_content).splitlines()] == records


def test_a_task_with_its_texts(ada: Caller, evaluation: ModelEval) -> None:
    ids = tasks_by_name()
    bare: dict[str, Any] = {"index": 0, "class": "answer", "box": None, "polygon": None}
    document = get(ada, evaluation, f"image-predictions/{ids['two']}").json()
    hit = {"verdict": "tp", "matched": 0, "iou": 1.0}
    assert document["groundTruth"] == [{**bare, **hit, "text": "A dog"}]
    assert document["predictions"] == [{**bare, **hit, "text": "a  dog", "score": 0.5}]
    document = get(ada, evaluation, f"image-predictions/{ids['four']}").json()
    below = {"verdict": None, "matched": None, "iou": None}
    assert document["groundTruth"] == []
    assert document["predictions"] == [{**bare, **below, "text": "none", "score": 0.1}]


@pytest.mark.parametrize("normalization", ["none", "words"])
def test_the_rates_are_jiwers_whatever_the_chunks(
    ada: Caller, make_project: MakeProject, settings: Any, normalization: str
) -> None:
    pairs = [("Ada met Bob.", "ada met bob"), ("x y", "x z y"), ("long  text", "long text")] * 7
    tasks = [task(f"{n}", [said(truth)], [said(answer)]) for n, (truth, answer) in enumerate(pairs)]
    found = []
    for chunk in (4, 1000):
        settings.EVALUATION_CHUNK = chunk
        done = evaluated(ada, make_project, CONFIG, tasks, normalization=normalization)
        found.append(get(ada, done, "map-results").json()["splits"]["test"]["metrics"])
    assert found[0] == found[1]
    plain = (["ada met bob", "x y", "long text"], ["ada met bob", "x z y", "long text"])
    raw = tuple(list(side) for side in zip(*pairs[:3], strict=True))
    truth, answers = plain if normalization == "words" else raw
    characters = jiwer.Compose([jiwer.ReduceToListOfListOfChars()])
    expected = jiwer.cer(truth, answers, characters, characters), jiwer.wer(truth, answers)
    assert (found[0]["characterErrorRate"], found[0]["wordErrorRate"]) == pytest.approx(
        expected, abs=1e-12
    )


def test_only_numbers_have_a_scatter(evaluation: ModelEval, admin_client: Any) -> None:
    answer = admin_client.get(f"/admin/evals/modeleval/{evaluation.eval_id}/data/scatter")
    assert (answer.status_code, answer.json()["error"]) == (404, "report_not_found")


def test_texts_too_long_to_compare_end_it_with_a_reason(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, CONFIG, title="Long")
    (task_id,) = load(ada, made, [task("long", [said("ab" * 70_000)], [said("ba" * 70_000)])])
    found = ModelEval.objects.get(eval_id=ask(ada, made).json()["evalId"])
    run.run(found.pk)
    document = get(ada, found).json()
    assert document["status"] == "failed"
    assert document["failureReason"].startswith(f"Task {task_id}, prediction ")
    assert document["failureReason"].endswith(
        "Two texts are too long to be compared: texts of 140,000 and 140,000 characters"
    )


def test_the_desk_shows_the_edits(ada: Caller, evaluation: ModelEval, admin_client: Any) -> None:
    route = f"/admin/evals/modeleval/{evaluation.eval_id}/data/cards"
    ids = tasks_by_name()
    asked = {"image": [str(ids[name]) for name in ("one", "three", "four")], "confidence": 20}
    cards = admin_client.get(route, asked).json()["cards"]
    assert [card["answer"] for card in cards] == [
        {
            "truth": "the cat sat",
            "said": "the cat sit",
            "score": 0.9,
            "isKept": True,
            "edits": [
                ["equal", "the cat s", "the cat s"],
                ["replace", "a", "i"],
                ["equal", "t", "t"],
            ],
            "isCut": False,
        },
        {
            "truth": "more",
            "said": None,
            "score": None,
            "isKept": False,
            "edits": [["delete", "more", ""]],
            "isCut": False,
        },
        {
            "truth": None,
            "said": "none",
            "score": 0.1,
            "isKept": False,
            "edits": [["insert", "", "none"]],
            "isCut": False,
        },
    ]
