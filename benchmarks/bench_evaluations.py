"""Evaluations: pages, panels, computing and storage, each beside something plainer.

`--images` is how many images the large evaluation has. Its images are copies of those of the small
one, so both have pages of the same weight. Everything runs in this process, so a web server's share
is on neither side of a ratio.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
os.environ.setdefault("DATA_DIR", str(ROOT / ".data" / "bench"))
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("ALLOWED_HOSTS", "testserver")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import django  # noqa: E402
import numpy as np  # noqa: E402
import orjson  # noqa: E402

N_CLASSES, N_OBJECTS, N_DETECTIONS = 80, 7, 30
WIDTH, HEIGHT = 640, 480
SMALL = 1000


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


def images(n: int) -> list[dict[str, Any]]:
    """Tasks with 7 objects and 30 detections each, half of these near an object."""
    r = np.random.default_rng(1)
    tasks = []
    for image in range(n):
        truth = np.concatenate([r.uniform(0, 80, (7, 2)), r.uniform(3, 20, (7, 2))], axis=1)
        labels = r.integers(0, N_CLASSES, N_OBJECTS)
        at = r.integers(0, N_OBJECTS, 15)
        near = np.abs(truth[at] + r.normal(0, 0.1, (15, 4)) * np.tile(truth[at][:, 2:], 2))
        far = np.concatenate([r.uniform(0, 80, (15, 2)), r.uniform(3, 20, (15, 2))], axis=1)
        boxes = np.concatenate([near, far]).tolist()
        named = np.where(r.random(15) < 0.75, labels[at], r.integers(0, N_CLASSES, 15))
        called = [*named.tolist(), *r.integers(0, N_CLASSES, 15).tolist()]
        scores = r.random(N_DETECTIONS).round(6).tolist()
        tasks.append(
            {
                "data": {"image": f"http://images.test/{image}.jpg"},
                "meta": {"split": ("test", "valid", "train")[image % 3]},
                "annotations": [
                    {
                        "result": [
                            region(b, k)
                            for b, k in zip(truth.tolist(), labels.tolist(), strict=True)
                        ],
                        "ground_truth": True,
                    }
                ],
                "predictions": [
                    {
                        "result": [
                            region(b, k, s) for b, k, s in zip(boxes, called, scores, strict=True)
                        ],
                        "model_version": "v1",
                    }
                ],
            }
        )
    return tasks


def prepare(n: int) -> tuple[Any, str]:
    """A project of n evaluated-to-be images, and a key."""
    from accounts import tokens
    from predictions import curate, labelling, task_import

    labels = "".join(f'<Label value="c{k}"/>' for k in range(N_CLASSES))
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )
    _, key = tokens.create(email="bench@example.com", workspace_slug="bench")
    holder = tokens.holder_of_key(key)
    assert holder
    project = curate.create_project(
        {"title": "Bench", "label_config": config}, holder.access, parsed=labelling.parse(config)
    )
    tasks = images(n)
    for first in range(0, n, SMALL):
        task_import.store(project, tasks[first : first + SMALL], holder.access)
    vacuum()
    return project, key


def vacuum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def evaluated(project: Any) -> tuple[Any, float, float]:
    """An evaluation, and the seconds of wall clock and of this process it took."""
    from evals import evaluate, requests

    values = {
        "project": str(project.pk),
        "modelVersion": "v1",
        "matching": "iou-class-first/1",
        "iouThreshold": 0.5,
        "iouInclusive": False,
        "confidence": 20,
        "writeBack": False,
    }
    found = requests.create(values, workspace_id=project.workspace_id)
    started, used = time.perf_counter(), time.process_time()
    evaluate.run(found.pk)
    passed = time.perf_counter() - started, time.process_time() - used
    found.refresh_from_db()
    assert found.status == "done", found.failure_reason
    return found, *passed


def enlarged(small: Any, n: int) -> Any:
    """A copy of an evaluation whose images are repeated until there are n."""
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
                FROM evals_evalimage i, generate_series(0, %s) k WHERE i.evaluation_id = %s) x
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


def milliseconds(work: Callable[[], Any], repeats: int = 30) -> float:
    """The median of some runs, after three that warm up."""
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def pages(small: Any, big: Any, key: str) -> None:
    """Pages of the small and the large evaluation, and the bare query and encoder beside them."""
    from django.db import connection
    from rest_framework.test import APIClient

    from evals.queries import RANGE_SQL

    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
    n = sum(big.image_counts.values())
    print(f"{'page':26}{'1,000':>9}{f'{n:,}':>9}{'ratio':>7}{'bare':>9}{'ratio':>7}")
    for limit in (200, 1000):
        for name, place, query in (
            ("start", 0.0, {}),
            ("middle", 0.5, {}),
            ("end", 1.0, {}),
            ("test, 37 %", 0.5, {"split": "test", "confidence": 37}),
        ):
            timed = []
            for found in (small, big):
                total = found.image_counts["test"] if query else sum(found.image_counts.values())
                size = min(limit, small.image_counts["test"]) if query else limit
                offset = int(place * (total - size))
                path = f"/bench/model-evals/{found.eval_id}/image-predictions"
                wanted = {"limit": size, "offset": offset, **query}

                def page(path: str = path, wanted: Any = wanted) -> Any:
                    return client.get(path, wanted)

                answer = page()
                assert answer.status_code == 200, answer.content
                assert len(answer.json()["images"]) == size
                timed.append(milliseconds(page))
            document = answer.json()

            def bare(
                position: int = int(place * (n - size)), size: int = size, page: Any = document
            ) -> bytes:
                with connection.cursor() as cursor:
                    cursor.execute(RANGE_SQL, [big.pk, position, position + size])
                    cursor.fetchall()
                return orjson.dumps(page)

            plain = milliseconds(bare)
            print(
                f"{f'{limit} images, {name}':26}{timed[0]:>7.2f}ms{timed[1]:>7.2f}ms"
                f"{timed[1] / timed[0]:>7.2f}{plain:>7.2f}ms{timed[1] / plain:>7.2f}"
            )


def file_peer(big: Any, key: str, folder: Path) -> None:
    """The same page out of a JSON file of the whole evaluation."""
    from rest_framework.test import APIClient

    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
    path = f"/bench/model-evals/{big.eval_id}/image-predictions"
    lines: Any = client.get(path, {"format": "jsonl"})
    everything = b"".join(lines.streaming_content).splitlines()
    file = folder / "image_results.json"
    file.write_bytes(b'{"image_results":[' + b",".join(everything) + b"]}")
    first = len(everything) // 2

    def sliced() -> bytes:
        whole = orjson.loads(file.read_bytes())["image_results"]
        return orjson.dumps(whole[first : first + 200])

    ours = milliseconds(lambda: client.get(path, {"offset": first}))
    theirs = milliseconds(sliced, repeats=3)
    print(
        f"file of {file.stat().st_size / 1e6:.0f} MB: {theirs:.0f} ms, ours {ours:.2f} ms, "
        f"{theirs / ours:.0f} times"
    )
    file.unlink()


def panels(small: Any, big: Any, key: str) -> None:
    """Panels, beside their row and nothing else."""
    from rest_framework.test import APIClient

    from evals import queries
    from evals.models import EvalPanel, Split

    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
    kinds = {
        "map-results": (EvalPanel.Kind.MAP_RESULTS, -1, -1),
        "confidence-sweep": (EvalPanel.Kind.SWEEP, -1, -1),
        "confusion-matrix": (EvalPanel.Kind.MATRIX, Split.TEST.value, 20),
    }
    for name, (kind, split, confidence) in kinds.items():
        timed = [
            milliseconds(lambda path=f"/bench/model-evals/{e.eval_id}/{name}": client.get(path))  # type: ignore[misc]
            for e in (small, big)
        ]
        document = client.get(f"/bench/model-evals/{big.eval_id}/{name}").json()

        def bare(
            kind: int = kind, split: int = split, confidence: int = confidence, d: Any = document
        ) -> bytes:
            queries.panel(big, kind, split=split, confidence=confidence)
            return orjson.dumps(d)

        plain = milliseconds(bare)
        print(
            f"{name:26}{timed[0]:>7.2f}ms{timed[1]:>7.2f}ms{timed[1] / timed[0]:>7.2f}"
            f"{plain:>7.2f}ms{timed[1] / plain:>7.2f}"
        )


def pycocotools_seconds(n: int) -> float:
    """pycocotools' mean average precision of the same images, from dictionaries already made."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for image, task in enumerate(images(n)):
        for side, rows in (("annotations", truth), ("predictions", said)):
            for found in task[side][0]["result"]:
                value = found["value"]
                w, h = value["width"] / 100 * WIDTH, value["height"] / 100 * HEIGHT
                x, y = value["x"] / 100 * WIDTH, value["y"] / 100 * HEIGHT
                category = int(value["rectanglelabels"][0][1:]) + 1
                rows.append(
                    {
                        "id": len(rows) + 1,
                        "image_id": image + 1,
                        "category_id": category,
                        "bbox": [x, y, w, h],
                        "area": w * h,
                        "iscrowd": 0,
                        "score": found.get("score", 1.0),
                    }
                )
    common = {
        "images": [{"id": image + 1} for image in range(n)],
        "categories": [{"id": k + 1, "name": f"c{k}"} for k in range(N_CLASSES)],
    }
    started = time.perf_counter()
    with redirect_stdout(StringIO()):
        sides = []
        for rows in (truth, said):
            side = COCO()
            side.dataset = {**common, "annotations": rows}
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return time.perf_counter() - started


def storage(found: Any) -> None:
    """Bytes an image, tables and indexes, beside names and ids."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_total_relation_size('evals_evalimage')
                     - pg_relation_size('evals_evalimage_i_idx'),
                   (SELECT count(*) FROM evals_evalimage),
                   (SELECT sum(octet_length(name) + octet_length(image_id) + 2 + 24)
                    FROM evals_evalimage),
                   (SELECT avg(octet_length(events)) FROM evals_evalimage),
                   (SELECT sum(pg_column_size(body)) FROM evals_evalpanel WHERE evaluation_id = %s)
            """,
            [found.pk],
        )
        size, n, ids, events, body = cursor.fetchone()
    print(
        f"storage: {(size - ids) / n:.0f} bytes an image beside names and ids, of which "
        f"{events:.0f} are events; panels {body / 1e6:.1f} MB an evaluation"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--evaluate", type=int, default=5000)
    options = parser.parse_args()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    project, key = prepare(SMALL)
    small, _, _ = evaluated(project)
    big = enlarged(small, options.images)
    pages(small, big, key)
    panels(small, big, key)
    file_peer(big, key, Path(os.environ["DATA_DIR"]))
    storage(small)

    project, key = prepare(options.evaluate)
    evaluated(project)
    _, seconds, used = evaluated(project)
    theirs = pycocotools_seconds(options.evaluate)
    n = options.evaluate
    print(
        f"evaluate {n:,} images: {seconds:.1f} s, {used:.1f} s of this process "
        f"({n / used:,.0f} images a second of its time); pycocotools' precision alone "
        f"{theirs:.1f} s, {theirs / seconds:.2f} times ours"
    )
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB at most")


if __name__ == "__main__":
    main()
