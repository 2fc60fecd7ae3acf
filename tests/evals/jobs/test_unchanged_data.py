"""Unchanged data is answered the same to the byte, whatever process evaluates it again."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from evals.jobs import requests, run
from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import box, load, task, values

ROOT = Path(__file__).resolve().parents[3]
# More than the labelling config knows, so that classes are found in the data, too.
LABELS = ["Car", "Person", "Zebra", "Bus", "Ape", "Élan", "owl", "Kite"]
PANELS = ["recommendations", "performance-by-class", "confusion-matrix", "map-results"]
RUN = "from evals.jobs import run; run.run({pk})"


def items() -> list[dict[str, Any]]:
    """120 images whose objects are found, missed, or taken for another class, with many ties."""
    chance = random.Random(7)
    made = []
    for n in range(120):
        truth, said = [], []
        for k in range(chance.randint(0, 5)):
            place = (10.0 * k, 10.0 * k, 8.0, 8.0)
            label = chance.choice(LABELS)
            truth.append(box(label, *place))
            if chance.random() < 0.8:
                other = label if chance.random() < 0.6 else chance.choice(LABELS)
                said.append(box(other, *place, chance.choice([0.5, 0.9])))
        split = chance.choice(["train", "valid", "test"])
        made.append(task(f"image{n}", split=split, truth=truth, said={"v1": said}))
    return made


def queued(caller: Caller, project: Project) -> ModelEval:
    return requests.create(values(project), workspace_id=caller.access.workspace_id)


def computed_elsewhere(evaluation: ModelEval, seed: int) -> None:
    """By a process whose sets and dictionaries hash by that seed."""
    found = connection.get_connection_params()
    at = "&".join(f"{name}={quote(str(found[name]), '')}" for name in ("host", "port"))
    url = f"postgres://{found['user']}@/{found['dbname']}?{at}"
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", RUN.format(pk=evaluation.pk)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PYTHONHASHSEED": str(seed)},
        check=True,
        timeout=120,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_is_answered_the_same(ada: Caller, project: Project, settings: Any) -> None:
    load(ada, project, items())
    evaluations = [queued(ada, project) for _ in range(4)]
    for seed, evaluation in enumerate(evaluations[:2], 1):
        computed_elsewhere(evaluation, seed)
    run.run(evaluations[2].pk)
    settings.EVALUATION_CHUNK = 7
    run.run(evaluations[3].pk)

    for panel in PANELS:
        answers = {
            ada.client.get(f"/lab/model-evals/{evaluation.eval_id}/{panel}").content.replace(
                evaluation.eval_id.encode(), b"ID"
            )
            for evaluation in evaluations
        }
        assert len(answers) == 1, panel
        [answer] = answers
        assert b'"error"' not in answer
    advice = ada.client.get(f"/lab/model-evals/{evaluations[0].eval_id}/recommendations").json()
    assert {item["type"] for item in advice["recommendations"]["items"]} > {
        "missed_detection",
        "wrong_class",
    }
