"""Every route and page of an evaluation, for each kind that compares answers about whole tasks."""

from typing import Any

import pytest

from evals.models import ModelEval
from tests.conftest import Caller, MakeProject
from tests.evals.kinds.answered import evaluated, get, region, task, tasks_by_name

CONFIG = '<View><Text name="text" value="$text"/>{}</View>'
#: A control, an answer that is true, one that is wrong.
KINDS = {
    "transcription": ('<TextArea name="answer" toName="text"/>', "textarea", ["a b"], ["a c"]),
    "taxonomy": (
        '<Taxonomy name="answer" toName="text"><Choice value="A"><Choice value="B"/></Choice>'
        "</Taxonomy>",
        "taxonomy",
        [["A", "B"]],
        [["A"]],
    ),
    "rating": ('<Rating name="answer" toName="text"/>', "rating", 4, 2),
    "regression": ('<Number name="answer" toName="text"/>', "number", 4.5, 2),
    "classification": ('<Pairwise name="answer" toName="text"/>', "pairwise", "left", "right"),
}
PAGES = ["", "metrics/", "matrix/", "images/", "vectors/", "recommendations/", "diff/"]


@pytest.fixture(params=KINDS)
def evaluation(request: Any, ada: Caller, make_project: MakeProject) -> ModelEval:
    """A right answer, a wrong one, none, and one where none is; with ratings of zero to six."""
    control, kind, true, wrong = KINDS[request.param]
    items = [
        task("right", [region(kind, true)], [region(kind, true, 0.9)]),
        task("wrong", [region(kind, true)], [region(kind, wrong, 0.7)]),
        task("missing", [region(kind, true)], None),
        task("surplus", [], [region(kind, wrong, 0.3)], split="valid"),
    ]
    done = evaluated(ada, make_project, CONFIG.format(control), items)
    assert done.task_type == request.param
    return done


ROUTES = {
    "": 200,
    "map-results": 200,
    "confidence-sweep": 200,
    "performance-by-class": 200,
    "confusion-matrix": 200,
    "recommendations": 200,
    "vector-analysis": 404,
    "image-predictions": 200,
    "image-predictions?format=csv": 200,
    "image-predictions?format=jsonl": 200,
    "image-predictions?sort=f1": 200,
    "image-predictions?cell=0,1": 200,
    "coco": 404,
}


def test_routes(ada: Caller, evaluation: ModelEval) -> None:
    found = {}
    for route in ROUTES:
        answer = get(ada, evaluation, route)
        found[route] = answer.status_code
        assert b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert found == ROUTES


def test_counts_add_up(ada: Caller, evaluation: ModelEval) -> None:
    """Images, matrix and single items tell the same at each confidence."""
    for confidence in (0, 20, 50, 80, 100):
        asked = {"split": "all", "confidence": confidence}
        matrix = get(ada, evaluation, "confusion-matrix", **asked).json()["matrix"]
        records = get(ada, evaluation, "image-predictions", **asked).json()["images"]
        summed = [[0] * len(matrix) for _ in matrix]
        for record in records:
            for actual, predicted, n in record["confusion"]:
                summed[actual][predicted] += n
        assert summed == matrix
        for record in records:
            items = get(
                ada, evaluation, f"image-predictions/{record['imageId']}", confidence=confidence
            ).json()
            verdicts = [one["verdict"] for one in items["predictions"]]
            wrong = {"fp", "wrong_class"}
            assert verdicts.count("tp") == record["stats"]["truePositives"]
            assert sum(one in wrong for one in verdicts) == record["stats"]["falsePositives"]


def test_a_comparison_with_itself(ada: Caller, evaluation: ModelEval) -> None:
    document = get(ada, evaluation, f"diff/{evaluation.eval_id}").json()
    assert (document["differingTerms"], document["totalImages"], document["images"]) == ([], 0, [])
    compared = ada.client.get("/lab/model-evals/compare", {"project": "answers", "version": "v1"})
    assert compared.status_code == 200


def test_pages(evaluation: ModelEval, admin_client: Any) -> None:
    task_id = tasks_by_name()["wrong"]
    root = f"/admin/evals/modeleval/{evaluation.eval_id}"
    pages = [*PAGES, f"images/{task_id}/"]
    assert [admin_client.get(f"{root}/{page}").status_code for page in pages] == [200] * len(pages)
    card = admin_client.get(f"{root}/data/cards", {"image": [str(task_id)]}).json()["cards"][0]
    route = f"/admin/predictions/prediction/{card['predictionId']}/change/"
    assert admin_client.get(route, {"evaluation": evaluation.eval_id}).status_code == 200
