"""Named entities from a request to its answers: the worked example as tasks of a project."""

from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller, MakeProject, desk_of
from tests.evals.conftest import computed, load
from tests.evals.desk.conftest import page

Json = dict[str, Any]

CONFIG = (
    '<View><Text name="text" value="$text"/><Labels name="label" toName="text">'
    '<Label value="PER"/><Label value="LOC"/><Label value="ORG"/></Labels></View>'
)
TEXT = "Ada Lovelace met Charles in London"


def span(label: str, start: int, end: int, **more: Any) -> Json:
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {
        "id": f"{label}{start}",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": value,
        **more,
    }


TRUTH = [span("PER", 0, 12), span("PER", 17, 24), span("LOC", 28, 34)]
SAID = [
    span("PER", 0, 3, score=0.9),
    span("LOC", 13, 16, score=0.8),
    span("PER", 17, 24, score=0.7),
    span("ORG", 28, 34, score=0.1),
]


def text_task(truth: list[Json], said: list[Json]) -> Json:
    return {
        "data": {"text": TEXT},
        "annotations": [{"result": truth, "ground_truth": True}],
        "predictions": [{"result": said, "model_version": "v1"}],
    }


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    made = make_project(ada, CONFIG, title="Entities")
    load(ada, made, [text_task(TRUTH, SAID)])
    return made


@pytest.fixture
def evaluation(ada: Caller, project: Project) -> ModelEval:
    found = computed(ada, project)
    assert found.status == "done", found.failure_reason
    return found


def test_answers(ada: Caller, evaluation: ModelEval) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}"
    header = ada.client.get(path).json()
    known = ("taskType", "control", "iouThreshold", "iouInclusive", "classes", "ignored")
    assert {name: header[name] for name in known} == {
        "taskType": "named-entity-recognition",
        "control": "label",
        "iouThreshold": 1.0,
        "iouInclusive": True,
        "classes": ["PER", "LOC", "ORG"],
        "ignored": [],
    }
    assert header["summary"]["primary"] == {
        "name": "f1",
        "value": pytest.approx(2 / 7, abs=1e-12),
        "higherIsBetter": True,
    }
    results = ada.client.get(f"{path}/map-results").json()
    assert results["taskType"] == "named-entity-recognition"
    test = results["splits"]["test"]
    assert (test["map50"], test["map50_95"], test["map75"]) == (None, None, None)

    def scheme(good: float) -> Json:
        precision, recall = good / 4, good / 3
        f1 = 2 * precision * recall / (precision + recall)
        return {"precision": precision, "recall": recall, "f1": pytest.approx(f1, abs=1e-12)}

    assert test["metrics"] == {
        "f1": header["summary"]["primary"]["value"],
        "strict": scheme(1),
        "exact": scheme(2),
        "partial": scheme(2.5),
        "type": scheme(2),
    }
    # At 20 % the fourth is not kept.
    matrix = ada.client.get(f"{path}/confusion-matrix").json()["matrix"]
    assert matrix == [[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]
    lower = ada.client.get(f"{path}/confusion-matrix", {"confidence": 0}).json()["matrix"]
    assert lower == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]
    # At the desk F1 is of a confidence, the measure that the kind is known by of all predictions.
    shown = desk_of(ada).get(page(evaluation, "data/numbers?split=test&confidence=20")).json()
    assert shown["f1"] == pytest.approx(1 / 3, abs=1e-12)
    assert shown["primary"] == {**header["summary"]["primary"], "label": "F1 of all predictions"}


def test_models_are_compared_by_what_the_kind_is_known_by(
    ada: Caller, evaluation: ModelEval
) -> None:
    """F1 of all predictions: the best one of the sweep would be 1/3, of those from 11 % on."""
    query = {"project": f"{evaluation.project_id}", "version": "v1"}
    found = ada.client.get("/lab/model-evals/compare", query).json()
    assert found["frontierMetric"] == "f1"
    assert found["models"][0]["metrics"] == {
        "precision": 1 / 3,
        "recall": 1 / 3,
        "f1": pytest.approx(2 / 7, abs=1e-15),
    }


def test_a_split_beside_the_headline_has_its_f1(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, CONFIG, title="Two splits")
    others = {**text_task(TRUTH, SAID[2:]), "meta": {"split": "valid"}}
    load(ada, made, [text_task(TRUTH, SAID), others])
    evaluation = computed(ada, made)
    url = page(evaluation, "data/numbers?split=valid&confidence=20")
    assert desk_of(ada).get(url).json()["primary"]["value"] == pytest.approx(2 / 5, abs=1e-15)


def test_items_have_spans(ada: Caller, evaluation: ModelEval) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}/image-predictions"
    (record,) = ada.client.get(path).json()["images"]
    assert record["confusion"] == [[0, 0, 1], [0, 3, 1], [1, 3, 1], [3, 0, 1], [3, 1, 1]]
    image = ada.client.get(f"{path}/{record['imageId']}").json()

    nothing = {"box": None, "polygon": None}
    assert image["groundTruth"][:2] == [
        {
            "index": 0, "class": "PER", **nothing, "verdict": "fn", "matched": None, "iou": None,
            "span": [0, 12],
        },
        {
            "index": 1, "class": "PER", **nothing, "verdict": "tp", "matched": 2, "iou": 1.0,
            "span": [17, 24],
        },
    ]  # fmt: skip
    assert image["predictions"][3] == {
        "index": 3, "class": "ORG", "score": 0.1, **nothing, "verdict": None, "matched": None,
        "iou": None, "span": [28, 34],
    }  # fmt: skip


def test_files(ada: Caller, evaluation: ModelEval) -> None:
    path = f"/lab/model-evals/{evaluation.eval_id}/image-predictions"
    header, row = ada.client.get(path, {"format": "csv"}).getvalue().decode().splitlines()
    shown = dict(zip(header.split(","), row.split(","), strict=True))
    assert shown["confusion"] == (
        "PER>PER:1 PER>background:1 LOC>background:1 background>PER:1 background>LOC:1"
    )
    (line,) = ada.client.get(path, {"format": "jsonl"}).getvalue().splitlines()
    assert b'"confusion":[[0,0,1],[0,3,1],[1,3,1],[3,0,1],[3,1,1]]' in line
    coco = ada.client.get(f"/lab/model-evals/{evaluation.eval_id}/coco")
    assert (coco.status_code, coco.json()["error"]) == (404, "report_not_found")


def test_the_desk_shows_spans_in_their_text(ada: Caller, evaluation: ModelEval) -> None:
    (card,) = desk_of(ada).get(page(evaluation, "data/cards"), {"position": [0]}).json()["cards"]

    assert card["answer"] == {
        "marked": {
            "truth": {
                "spans": [["PER", "fn", None], ["PER", "tp", None], ["LOC", "fn", None]],
                "pieces": [
                    ["Ada Lovelace", [0]],
                    [" met ", []],
                    ["Charles", [1]],
                    [" in ", []],
                    ["London", [2]],
                ],
            },
            "said": {
                "spans": [["PER", "fp", 0.9], ["LOC", "fp", 0.8], ["PER", "tp", 0.7]],
                "pieces": [
                    ["Ada", [0]],
                    [" Lovelace ", []],
                    ["met", [1]],
                    [" ", []],
                    ["Charles", [2]],
                    [" in London", []],
                ],
            },
        },
        "isCut": False,
    }


@pytest.mark.parametrize(
    ("asked", "code", "detail"),
    [
        ({"tolerance": 1}, "invalid_request", "tolerance"),
        ({"normalization": "case"}, "invalid_request", "normalization"),
        ({"keypointSigmas": {"nose": 0.1}}, "invalid_request", "keypointSigmas"),
        ({"control": "other"}, "unknown_control", "other"),
        ({"taskType": "object-detection"}, "unsupported_task_type", "object-detection"),
        ({"taskType": "spans"}, "invalid_request", "taskType"),
    ],
)
def test_what_the_kind_does_not_read_is_refused(
    ada: Caller, project: Project, asked: Json, code: str, detail: str
) -> None:
    body = {"project": project.slug, "modelVersion": "v1", **asked}
    answer = ada.client.post("/lab/model-evals", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"] == code
    assert detail in answer.content.decode()
    assert not ModelEval.objects.exists()


PARAGRAPHS = (
    '<View><Paragraphs name="text" value="$talk" textKey="words"/>'
    '<ParagraphLabels name="label" toName="text"><Label value="PER"/></ParagraphLabels></View>'
)
PAGE = (
    '<View><HyperText name="text" value="$page"/>'
    '<HyperTextLabels name="label" toName="text"><Label value="PER"/></HyperTextLabels></View>'
)


@pytest.mark.parametrize(
    ("config", "data", "kind", "value", "pieces"),
    [
        (
            PARAGRAPHS,
            {"talk": [{"words": "Hello Ada", "author": "B"}, {"words": "Bye"}]},
            "paragraphlabels",
            {"start": "0", "startOffset": 6, "end": "1", "endOffset": 1},
            [["Hello ", []], ["AdaB", [0]], ["ye", []]],
        ),
        (
            PAGE,
            {"page": "<p>Ada &amp; <b>Charles</b></p>"},
            "hypertextlabels",
            {
                "start": "/p[1]/b[1]/text()[1]", "startOffset": 0,
                "end": "/p[1]/b[1]/text()[1]", "endOffset": 7,
                "globalOffsets": {"start": 6, "end": 13},
            },
            [["Ada & ", []], ["Charles", [0]]],
        ),
    ],
)  # fmt: skip
def test_paragraphs_and_pages(
    ada: Caller,
    make_project: MakeProject,
    config: str,
    data: Json,
    kind: str,
    value: Json,
    pieces: list[Any],
) -> None:
    made = make_project(ada, config, title="Talks")
    region = {
        "from_name": "label",
        "to_name": "text",
        "type": kind,
        "value": {**value, kind: ["PER"]},
    }
    load(ada, made, [{**text_task([region], [{**region, "score": 0.5}]), "data": data}])
    found = computed(ada, made)

    assert (found.status, found.task_type) == ("done", "named-entity-recognition")
    path = f"/lab/model-evals/{found.eval_id}"
    assert ada.client.get(f"{path}/confusion-matrix").json()["matrix"] == [[1, 0], [0, 0]]
    (card,) = desk_of(ada).get(page(found, "data/cards"), {"position": [0]}).json()["cards"]
    assert card["answer"]["marked"]["truth"]["pieces"] == pieces


@pytest.mark.parametrize(
    ("talk", "matched"),
    [
        ([{"words": "hello there"}, {"words": "bye bye"}], 0),
        ([{"phrase": "hello there"}, {"words": "bye bye"}], 0),
        ([{"words": None}, {"words": "bye bye"}], 0),
        (["hello there", {"words": "bye bye"}], 0),
        ([{"words": ""}, {"words": "bye bye"}], 0),
    ],
)
def test_a_place_in_a_paragraph_without_text_is_none_of_the_next(
    ada: Caller, make_project: MakeProject, talk: list[Any], matched: int
) -> None:
    made = make_project(ada, PARAGRAPHS, title="Talks")

    def span(place: str) -> Json:
        value = {"start": place, "startOffset": 0, "end": place, "endOffset": 5}
        value |= {"paragraphlabels": ["PER"]}
        about = {"from_name": "label", "to_name": "text", "type": "paragraphlabels"}
        return {**about, "value": value}

    right = text_task([span("1")], [span("1")])
    load(
        ada,
        made,
        [
            {**text_task([span("0")], [span("1")]), "data": {"talk": talk}},
            {**right, "data": {"talk": talk}},
        ],
    )
    found = computed(ada, made)
    matrix = ada.client.get(f"/lab/model-evals/{found.eval_id}/confusion-matrix").json()["matrix"]
    n_missed = 0 if found.ignored else 1
    assert matrix == [[1 + matched, n_missed], [1, 0]]
    reasons = [(one["reason"], one["side"]) for one in found.ignored]
    is_told = "words" not in talk[0] or not talk[0]["words"]
    assert reasons == ([("no_geometry", "groundTruth")] if is_told else [])


def test_spans_whose_text_stands_elsewhere_are_counted(
    ada: Caller, make_project: MakeProject
) -> None:
    """Characters counted as JavaScript does, and a text that was edited, gave 0 without a word."""
    text = "\N{BABY CHICK} Ada met\nBob"
    truth = [("Ada", 2, 5), ("met\\nBob", 6, 13), ("", 6, 9), (None, 2, 5)]
    said = [("Ada", 3, 6), ("Bob", 11, 14), ("met Bob", 6, 13)]

    def span_of(told: str | None, start: int, end: int) -> Json:
        one = span("PER", start, end)
        del one["value"]["text"]
        return {**one, "value": one["value"] | ({} if told is None else {"text": told})}

    made = make_project(ada, CONFIG)
    task = text_task([span_of(*one) for one in truth], [span_of(*one) for one in said])
    # Of an address nobody knows what stands there.
    away = {**task, "data": {"text": "https://example.com/a.txt"}}
    load(ada, made, [{**task, "data": {"text": text}}, away])
    (warning,) = computed(ada, made).warnings
    assert (warning["reason"], warning["regions"]) == ("text_differs", 2)


def test_paragraphs_say_what_stands_there(ada: Caller, make_project: MakeProject) -> None:
    config = CONFIG.replace("<Text", "<Paragraphs").replace("Labels", "ParagraphLabels")
    made = make_project(ada, config)

    def said(text: str, start: int, end: int, last: str = "1") -> Json:
        value = {"start": "1", "end": last, "startOffset": start, "endOffset": end, "text": text}
        value |= {"paragraphlabels": ["PER"]}
        return {"from_name": "label", "to_name": "text", "type": "paragraphlabels", "value": value}

    task = text_task([said("Bob", 4, 7)], [said("Bob", 3, 6), said("other", 4, 2, "2")])
    paragraphs = [{"text": "Hello"}, {"text": "met Bob"}, {"text": "too"}]
    load(ada, made, [{**task, "data": {"text": paragraphs}}])
    (warning,) = computed(ada, made).warnings
    assert (warning["reason"], warning["regions"]) == ("text_differs", 1)


def test_a_label_that_stands_twice_in_a_region_is_one_item(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, CONFIG)
    twice = span("PER", 0, 12)
    twice["value"]["labels"] = ["PER", "PER", "ORG"]
    load(ada, made, [text_task([span("PER", 0, 12), span("ORG", 0, 12)], [twice])])
    found = computed(ada, made)
    assert found.summary is not None
    assert found.summary["headline"]["primary"]["value"] == 1


def test_labels_that_a_label_map_makes_one_are_one_item(
    ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada, CONFIG)
    both = span("PER", 0, 12)
    both["value"]["labels"] = ["PER", "ORG"]
    load(ada, made, [text_task([both], [span("PER", 0, 12)])])
    found = computed(ada, made, labelMap={"ORG": "PER"})
    assert found.summary is not None
    assert found.summary["headline"]["primary"]["value"] == 1
