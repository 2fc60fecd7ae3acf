"""The data of the benchmarks of evaluations: made-up images, and evaluations of them.

An image has 7 objects and 30 detections, half of these near an object, of 80 classes.
"""

import os
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("DATA_DIR", str(ROOT / ".data" / "bench"))
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import django  # noqa: E402
import numpy as np  # noqa: E402

N_CLASSES, N_OBJECTS, N_DETECTIONS = 80, 7, 30
WIDTH, HEIGHT = 640, 480
SMALL = 1000


def start() -> None:
    """Django, and a database with all tables."""
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def region(box: Any, label: int, score: float | None = None) -> dict[str, Any]:
    """A rectangle as Label Studio stores it."""
    x, y, width, height = box
    found: dict[str, Any] = {
        "id": "r",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "rotation": 0,
            "rectanglelabels": [f"c{label}"],
        },
    }
    return found if score is None else {**found, "score": score}


def images(n: int, first: int = 0) -> list[dict[str, Any]]:
    """Tasks numbered from `first`; the same numbers give the same tasks."""
    return [
        _image(np.random.default_rng([1, number]), number) for number in range(first, first + n)
    ]


def _image(r: np.random.Generator, number: int) -> dict[str, Any]:
    truth = np.concatenate([r.uniform(0, 80, (7, 2)), r.uniform(3, 20, (7, 2))], axis=1)
    labels = r.integers(0, N_CLASSES, N_OBJECTS)
    at = r.integers(0, N_OBJECTS, 15)
    near = np.abs(truth[at] + r.normal(0, 0.1, (15, 4)) * np.tile(truth[at][:, 2:], 2))
    far = np.concatenate([r.uniform(0, 80, (15, 2)), r.uniform(3, 20, (15, 2))], axis=1)
    boxes = np.concatenate([near, far]).tolist()
    named = np.where(r.random(15) < 0.75, labels[at], r.integers(0, N_CLASSES, 15))
    called = [*named.tolist(), *r.integers(0, N_CLASSES, 15).tolist()]
    scores = r.random(N_DETECTIONS).round(6).tolist()
    objects = [region(b, k) for b, k in zip(truth.tolist(), labels.tolist(), strict=True)]
    detections = [region(b, k, s) for b, k, s in zip(boxes, called, scores, strict=True)]
    return {
        "data": {"image": f"http://images.test/{number}.jpg"},
        "meta": {"split": ("test", "valid", "train")[number % 3]},
        "annotations": [{"result": objects, "ground_truth": True}],
        "predictions": [{"result": detections, "model_version": "v1"}],
    }


def project_of(n: int) -> tuple[Any, str]:
    """A project of n images to evaluate, and a key."""
    from accounts import tokens
    from predictions.db import projects
    from predictions.imports import tasks as task_import
    from predictions.regions import labelling

    labels = "".join(f'<Label value="c{k}"/>' for k in range(N_CLASSES))
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )
    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    holder = tokens.holder_of_key(key)
    assert holder
    project = projects.create_project(
        {"title": "Bench", "label_config": config}, holder.access, parsed=labelling.parse(config)
    )
    for first in range(0, n, SMALL):
        task_import.store(project, images(min(SMALL, n - first), first), holder.access)
    vacuum()
    return project, key


def vacuum() -> None:
    """What autovacuum would do in a while, at once."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def evaluation_of(project: Any) -> Any:
    """A queued evaluation of the project's one version."""
    from evals.jobs import requests

    values = {
        "project": str(project.pk),
        "modelVersion": "v1",
        "matching": "iou-class-first/1",
        "iouThreshold": 0.5,
        "iouInclusive": False,
        "confidence": 20,
        "writeBack": False,
    }
    return requests.create(values, workspace_id=project.workspace_id)


def evaluate(found: Any) -> tuple[float, float]:
    """Computes it in this process; wall-clock and processor seconds."""
    from evals.jobs import run

    started, used = time.perf_counter(), time.process_time()
    run.run(found.pk)
    passed = time.perf_counter() - started, time.process_time() - used
    found.refresh_from_db()
    assert found.status == "done", found.failure_reason
    return passed


def enlarged(small: Any, n: int) -> Any:
    """A copy of an evaluation of SMALL images, these repeated until there are n."""
    from django.db import connection

    from evals.models import ModelEval, new_eval_id

    times = n // SMALL
    big = ModelEval.objects.get(pk=small.pk)
    big.pk, big.eval_id = None, new_eval_id()
    big.image_counts = {name: count * times for name, count in small.image_counts.items()}
    big.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO evals_evalimage SELECT (r).* FROM (
                SELECT jsonb_populate_record(i, jsonb_build_object(
                    'evaluation_id', %s, 'position', i.position + k * %s,
                    'split_position', i.split_position + k * (SELECT count(*) FROM evals_evalimage
                        WHERE evaluation_id = i.evaluation_id AND split = i.split),
                    'image_id', i.image_id || '-' || k)) AS r
                FROM evals_evalimage i, generate_series(0, %s) k WHERE i.evaluation_id = %s
                ORDER BY k, i.position) x
            """,
            [big.pk, SMALL, times - 1, small.pk],
        )
        cursor.execute(
            """
            INSERT INTO evals_evalpanel (evaluation_id, kind, split, confidence, body)
            SELECT %s, kind, split, confidence, body FROM evals_evalpanel WHERE evaluation_id = %s
            """,
            [big.pk, small.pk],
        )
    vacuum()
    return big
