"""The demo project's two evaluations, against a live server."""

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


def test_the_demo_has_two_versions_the_second_better(address: str, ada: Caller) -> None:
    loading.load(address, ada.key, n_scenes=12, progress=False)
    compute_what_is_queued()
    slug = Project.objects.get().slug

    compared = ada.client.get("/lab/model-evals/compare", {"project": slug, "version": "1"}).json()
    best, other = compared["models"]
    assert best["modelId"] == "digits/digits-large"
    assert best["metrics"]["mAP5095"] > other["metrics"]["mAP5095"] > 0
    path = f"/lab/model-evals/{other['evalId']}/diff/{best['evalId']}"
    totals = ada.client.get(path).json()["totals"]
    assert totals["fixed"] > totals["broken"]
