"""Computing evaluations from Postgres to Postgres: speed beside pycocotools, memory, storage.

    python -m benchmarks evaluations [--evaluate 5000] [--images 100000]

Each evaluation is computed in a process of its own, whose processor time and peak memory are
measured. pycocotools gets its dictionaries ready-made and computes mean average precision alone; we
read, match at 101 confidences, compute every average precision, and store. `--images 0` leaves the
large one out.
"""

import argparse
import multiprocessing
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import evaluated


def pycocotools_seconds(n: int) -> float:
    """Processor seconds of pycocotools' mean average precision of the same images."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image, task in enumerate(evaluated.images(n)):
        for side, rows in (("annotations", truth), ("predictions", detections)):
            rows += [_coco(image, found) for found in task[side][0]["result"]]
    for rows in (truth, detections):
        for number, row in enumerate(rows, start=1):
            row["id"] = number
    common = {
        "images": [{"id": image + 1} for image in range(n)],
        "categories": [{"id": k + 1, "name": f"c{k}"} for k in range(evaluated.N_CLASSES)],
    }
    started = time.process_time()
    with redirect_stdout(StringIO()):
        sides = []
        for rows in (truth, detections):
            side = COCO()
            side.dataset = {**common, "annotations": rows}
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return time.process_time() - started


def _coco(image: int, found: dict[str, Any]) -> dict[str, Any]:
    value = found["value"]
    width, height = evaluated.WIDTH / 100, evaluated.HEIGHT / 100
    w, h = value["width"] * width, value["height"] * height
    return {
        "image_id": image + 1,
        "category_id": int(value["rectanglelabels"][0][1:]) + 1,
        "bbox": [value["x"] * width, value["y"] * height, w, h],
        "area": w * h,
        "iscrowd": 0,
        "score": found.get("score", 1.0),
    }


def storage(found: Any) -> None:
    """Bytes an image of this evaluation, tables and indexes, beside names and ids."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL evals_evalimage")
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


def _evaluate(evaluation_id: int, answer: Any) -> None:
    evaluated.start()
    from evals.models import ModelEval

    seconds, used = evaluated.evaluate(ModelEval.objects.get(pk=evaluation_id))
    answer.send((seconds, used, peak_mb()))


def peak_mb() -> float:
    """The most memory of this process since it was started; getrusage would count its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def alone(project: Any) -> tuple[Any, float, float, float]:
    """An evaluation in a process of its own: seconds, processor seconds, peak memory in MB."""
    found = evaluated.evaluation_of(project)
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_evaluate, args=(found.pk, theirs))
    process.start()
    theirs.close()
    seconds, used, megabytes = mine.recv()
    process.join()
    found.refresh_from_db()
    return found, seconds, used, megabytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluate", type=int, default=5000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    evaluated.start()
    n = options.evaluate
    project, _ = evaluated.project_of(n)
    best, theirs, wall = float("inf"), float("inf"), float("inf")
    for _ in range(options.rounds):
        found, seconds, used, megabytes = alone(project)
        best, wall = min(best, used), min(wall, seconds)
        theirs = min(theirs, pycocotools_seconds(n))
    print(
        f"evaluate {n:,} images: {wall:.1f} s, of which {best:.1f} s of the worker's processor "
        f"({n / best:,.0f} images a second of a core), {megabytes:.0f} MB; pycocotools' precision "
        f"alone {theirs:.1f} s, {theirs / wall:.2f} times ours"
    )
    storage(found)
    if options.images:
        project, _ = evaluated.project_of(options.images)
        _, seconds, used, megabytes = alone(project)
        times = options.images / n
        print(
            f"evaluate {options.images:,} images: {seconds:.0f} s, {used:.0f} s of the worker's "
            f"processor, {used / (best * times):.2f} times as much an image, {megabytes:.0f} MB"
        )


if __name__ == "__main__":
    main()
