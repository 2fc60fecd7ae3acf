"""Two COCO files of val2017's size, loaded and evaluated, beside COPY and pycocotools in one run.

5,000 images, 36,000 objects and 100,000 detections of 80 classes, made by a seeded generator.
Prints both times, their ratio, and whether the aim holds: the best of alternating rounds.

load        `manage.py load coco` into a new project, against COPY of the same rows as text into
            the same tables (aim: at least 0.5)
memory      the most a process takes to load them, above one that loads a file of one image, as a
            multiple of both files (aim: at most 3)
evaluate    `load --evaluate` up to the evaluation's first page, against pycocotools that reads the
            same files and computes its mAP (aim: under 1)
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import orjson  # noqa: E402

from benchmarks.evaluated import start  # noqa: E402

WIDTH, HEIGHT, N_CLASSES = 640, 480, 80
TABLES = ("predictions_task", "predictions_annotation", "predictions_prediction")
# Prints the most memory the process has held, in KiB; getrusage would count its parent's.
MEASURED = (
    "import sys; from django.core.management import execute_from_command_line as run;"
    " run(['manage.py', *sys.argv[1:]]);"
    " lines = open('/proc/self/status').read().splitlines();"
    " print(next(line.split()[1] for line in lines if line.startswith('VmHWM')))"
)


def files(folder: Path, n_images: int, n_objects: int, n_detections: int) -> tuple[Path, Path]:
    """Ground truth and results; half of the detections lie near an object of their class."""
    rng = np.random.default_rng(17)
    at = rng.integers(0, n_images, n_objects)
    labels = rng.integers(1, N_CLASSES + 1, n_objects)
    corners = rng.uniform(0, [WIDTH - 120, HEIGHT - 120], (n_objects, 2)).round(2)
    sizes = rng.uniform(8, 118, (n_objects, 2)).round(2)
    truth = {
        "images": [
            {"id": n + 1, "file_name": f"{n + 1:012}.jpg", "width": WIDTH, "height": HEIGHT}
            for n in range(n_images)
        ],
        "categories": [{"id": n, "name": f"class {n}"} for n in range(1, N_CLASSES + 1)],
        "annotations": [
            {
                "id": n + 1,
                "image_id": int(at[n]) + 1,
                "category_id": int(labels[n]),
                "bbox": [*corners[n].tolist(), *sizes[n].tolist()],
                "area": float(sizes[n].prod()),
                "iscrowd": 0,
            }
            for n in range(n_objects)
        ],
    }
    near = rng.integers(0, n_objects, n_detections)
    is_near = rng.random(n_detections) < 0.5
    moved = (corners[near] + rng.normal(0, 4, (n_detections, 2))).clip(0).round(2)
    where = np.where(is_near[:, None], moved, rng.uniform(0, 300, (n_detections, 2)).round(2))
    image = np.where(is_near, at[near], rng.integers(0, n_images, n_detections))
    label = np.where(is_near, labels[near], rng.integers(1, N_CLASSES + 1, n_detections))
    scores = rng.random(n_detections).round(5)
    results = [
        {
            "image_id": int(image[n]) + 1,
            "category_id": int(label[n]),
            "bbox": [*where[n].tolist(), *sizes[near[n]].tolist()],
            "score": float(scores[n]),
        }
        for n in range(n_detections)
    ]
    paths = folder / f"truth-{n_images}.json", folder / f"results-{n_images}.json"
    for path, document in zip(paths, (truth, results), strict=True):
        path.write_bytes(orjson.dumps(document))
    return paths


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def verdict(ratio: float, aim: float, *, at_least: bool = False) -> str:
    holds = ratio >= aim if at_least else ratio <= aim
    word = "at least" if at_least else "at most"
    return f"{ratio:.2f} (aim: {word} {aim:.2f}, {'holds' if holds else 'MISSED'})"


def arguments(truth: Path, results: Path) -> list[str]:
    return [
        *("load", "coco", "--ground-truth", str(truth), "--predictions", str(results)),
        *("--project", "bench load", "--model-version", "v1", "--verbosity", "0"),
    ]


def clear() -> None:
    """The project is gone, and the tables are as small as they were."""
    from django.db import connection

    from predictions.models import Project

    Project.objects.filter(title="bench load").delete()
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {', '.join(TABLES)}")


def load(truth: Path, results: Path, *more: str) -> str:
    """The last line that the command prints."""
    from django.core.management import call_command

    out = io.StringIO()
    call_command(*arguments(truth, results), *more, stdout=out, stderr=io.StringIO())
    return out.getvalue().split()[-1]


def copies() -> tuple[int, list[tuple[str, bytes]]]:
    """The project, and each table's statement with its rows as COPY reads them."""
    from django.db import connection

    from predictions.models import Project

    project = Project.objects.get(title="bench load").pk
    found = []
    with connection.cursor() as cursor:
        for table in TABLES:
            text = io.BytesIO()
            rows = f"SELECT * FROM {table} WHERE project_id = {project} ORDER BY id"
            cursor.copy_expert(f"COPY ({rows}) TO STDOUT", text)
            found.append((f"COPY {table} FROM STDIN", text.getvalue()))
    return project, found


def copied(project: int, pieces: list[tuple[str, bytes]]) -> float:
    """Seconds to COPY the rows into the tables, once they are out of them."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        for table in reversed(TABLES):
            cursor.execute(f"DELETE FROM {table} WHERE project_id = %s", [project])
        cursor.execute(f"VACUUM {', '.join(TABLES)}")

    def copy() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement, text in pieces:
                cursor.copy_expert(statement, io.BytesIO(text), 1 << 18)

    return timed(copy)


def loading(truth: Path, results: Path, rounds: int) -> None:
    ours, bare = [], []
    for _ in range(rounds):
        clear()
        ours.append(timed(lambda: load(truth, results)))
        bare.append(copied(*copies()))
    ratio = verdict(min(bare) / min(ours), 0.5, at_least=True)
    print(f"load     {min(ours):6.2f} s, COPY {min(bare):.2f} s, ratio {ratio}", flush=True)


def peak_bytes(truth: Path, results: Path) -> int:
    """The most memory that the command takes as a process of its own."""
    clear()
    command = [sys.executable, "-c", MEASURED, *arguments(truth, results)]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(told.stdout.split()[-1]) * 1024


def memory(truth: Path, results: Path, small: tuple[Path, Path]) -> None:
    grown = peak_bytes(truth, results) - peak_bytes(*small)
    size = truth.stat().st_size + results.stat().st_size
    told = verdict(grown / size, 3)
    print(f"memory   {grown / 1e6:6.1f} MB for {size / 1e6:.1f} MB of files, {told}", flush=True)


def oracle(truth: Path, results: Path) -> float:
    """pycocotools' mAP of the files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):
        known = COCO(str(truth))
        evaluation = COCOeval(known, known.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def evaluating(truth: Path, results: Path, rounds: int) -> None:
    from django.test import Client

    from accounts import tokens

    _, key = tokens.create(email="bench@example.com", workspace_slug="default", role="owner")
    client = Client(SERVER_NAME="localhost")
    ours, theirs, agree = [], [], True
    for _ in range(rounds):
        clear()
        started = time.perf_counter()
        found = load(truth, results, "--evaluate")
        answer: Any = client.get(f"/default/model-evals/{found}/map-results?api_key={key}")
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        expected = oracle(truth, results)
        theirs.append(time.perf_counter() - started)
        agree &= expected == answer.json()["splits"]["test"]["map50_95"]
    ratio = verdict(min(ours) / min(theirs), 1)
    print(
        f"evaluate {min(ours):6.2f} s, pycocotools {min(theirs):.2f} s, ratio {ratio},"
        f" {'the same' if agree else 'ANOTHER'} mAP",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    n = options.images
    start()
    from accounts.models import Workspace

    Workspace.objects.get_or_create(slug="default")
    with tempfile.TemporaryDirectory() as folder:
        whole = files(Path(folder), n, n * 36 // 5, n * 20)
        small = files(Path(folder), 1, 1, 1)
        clear()
        load(*small)
        loading(*whole, options.rounds)
        memory(*whole, small)
        evaluating(*whole, options.rounds)


if __name__ == "__main__":
    main()
