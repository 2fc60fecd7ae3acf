"""The demo projects' evaluations, against a live server."""

from typing import Any

import pytest

from evals.jobs import run
from evals.models import ModelEval
from predictions.demo import loading
from predictions.models import Project
from tests.conftest import Caller
from tests.contract.conftest import address, unbuffered_sockets

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["address", "unbuffered_sockets"]


def compute_what_is_queued() -> None:
    for pk in ModelEval.objects.filter(status="running").values_list("pk", flat=True):
        run.run(pk)


@pytest.mark.slow
def test_each_demo_project_has_two_versions_the_second_better(address: str, ada: Caller) -> None:
    loading.load(address, ada.key, n_scenes=12, progress=False)
    compute_what_is_queued()
    headlines = {
        "handwritten-digits-demo": ("digits/digits-large", "digits/digits-small", "mAP50_95"),
        "names-in-news-demo": ("news/news-context", "news/news-list", "f1"),
        "stars-of-reviews-demo": (
            "reviews/stars-negation",
            "reviews/stars-words",
            "quadraticKappa",
        ),
    }
    assert {one.slug for one in Project.objects.all()} == set(headlines)
    for better, worse, headline in headlines.values():
        best, other = (ModelEval.objects.get(model_id=one) for one in (better, worse))
        figures: list[Any] = [
            one.summary and one.summary["headline"]["primary"] for one in (best, other)
        ]
        assert [one and one["name"] for one in figures] == [headline] * 2
        assert 1 > figures[0]["value"] > figures[1]["value"] > 0
        path = f"/lab/model-evals/{other.eval_id}/diff/{best.eval_id}"
        totals = ada.client.get(path).json()["totals"]
        assert totals["fixed"] > totals["broken"]

    query = {"project": "handwritten-digits-demo", "version": "1"}
    compared = ada.client.get("/lab/model-evals/compare", query).json()
    assert [one["modelId"] for one in compared["models"]] == [
        "digits/digits-large",
        "digits/digits-small",
    ]
