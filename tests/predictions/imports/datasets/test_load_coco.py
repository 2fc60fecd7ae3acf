"""`manage.py load coco`: two files in, a project and an evaluation out."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from predictions.models import Task
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
SHARED = Path(os.environ.get("SHARED_DATA_DIR", "/nowhere")) / "coco_val2014_100"


def load(*arguments: object, **options: Any) -> list[str]:
    """The lines that the command prints."""
    written = io.StringIO()
    told = (str(argument) for argument in arguments)
    call_command("load", *told, stdout=written, stderr=io.StringIO(), verbosity=0, **options)
    return written.getvalue().splitlines()


@pytest.mark.skipif(not SHARED.exists(), reason="COCO's sample is not on this machine")
def test_published_numbers(ada: Caller) -> None:
    import time

    s = time.time()
    lines = load(
        "coco",
        "--ground-truth", SHARED / "ground_truth.json",
        "--predictions", SHARED / "detections.json",
        "--project", "Sample",
        "--workspace", "lab",
        "--model-version", "v1",
        "--evaluate",
    )  # fmt: skip
    print(lines, time.time() - s)
    from evals.models import ModelEval

    e = ModelEval.objects.get(eval_id=lines[-1])
    print(e.summary, e.status)
    print(Task.objects.first().data, Task.objects.first().meta)
    assert 0
