"""The demo project's two evaluations, and the CI gate, against a live server."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evals.jobs import run
from evals.models import ModelEval
from predictions.demo import loading
from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.contract.conftest import address, unbuffered_sockets
from tests.evals.conftest import computed, load, tasks

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["address", "unbuffered_sockets"]

GATE = Path(__file__).resolve().parents[2] / "examples" / "ci_gate" / "gate.py"
WITHIN_S = 60


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


def gate(address: str, key: str, project: str, version: str) -> tuple[int, str]:
    """The gate's exit code and output, its evaluation computed by this process meanwhile."""
    command = [sys.executable, str(GATE), "--project", project, "--model-version", version]
    process = subprocess.Popen(
        command,
        env={**os.environ, "EVALUATION_URL": address, "EVALUATION_API_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + WITHIN_S
    while process.poll() is None:
        assert time.monotonic() < deadline
        compute_what_is_queued()
        time.sleep(0.05)
    return process.returncode, process.communicate()[0]


def test_the_gate_lets_better_pass_and_stops_worse(
    address: str, ada: Caller, make_project: MakeProject
) -> None:
    made = make_project(ada)
    load(ada, made, tasks())
    first, output = gate(address, ada.key, "cars", "v1")

    assert (first, "against nothing: no worse" in output) == (0, True), output
    computed(ada, made, "v2")
    worse, output = gate(address, ada.key, "cars", "v1")
    assert worse == 1
    assert "recall of Car" in output
    assert "WORSE" in output
    better, output = gate(address, ada.key, "cars", "v2")
    assert better == 0, output
    refused, output = gate(address, ada.key, "cars", "v9")
    assert refused == 2
    assert "no predictions of version 'v9'" in output
