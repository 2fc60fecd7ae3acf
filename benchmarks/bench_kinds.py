"""Every kind of evaluation beside boxes and beside its oracle, 5,000 tasks each.

    python -m benchmarks.bench_kinds [--tasks 5000] [--rounds 3] [KIND ...]

whole       an evaluation, from its rows in Postgres to its panels there, against one of as many
            tasks of boxes: 7 objects and 30 detections each (aim: at most 1.5)
floor       of outlines: one of boxes and, beside that, pycocotools' rasters of the same outlines,
            without which there is nothing to compare
engine      what remains of counting and measuring when tasks are read into arrays for nothing,
            against the kind's oracle on the same tasks (aim: at most 2) or, where that needs under
            50 ms, against reading the tasks (aim: at most 0.1)

Processor seconds, the least of alternating rounds.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import answered, evaluated
from benchmarks.oracles import Sides

BATCH = 500
SHORT_S = 0.05


class Clock:
    """Processor seconds spent in some functions, those of others inside them not counted twice."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._open: list[list[float]] = []

    def timing(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            self._open.append([0.0])
            try:
                return work(*args, **kwargs)
            finally:
                passed = time.process_time() - started
                inside = self._open.pop()[0]
                self.spent[name] = self.spent.get(name, 0.0) + passed - inside
                if self._open:
                    self._open[-1][0] += passed

        return timed


@contextmanager
def watched(clock: Clock, task_type: str) -> Any:
    """Tells reading from counting, in the evaluations that are computed inside."""
    from evals.engine import counting
    from evals.engine.kinds import (
        classification,
        keypoints,
        rating,
        regression,
        segmentation,
        shapes,
        spans,
        taxonomy,
        temporal,
        transcription,
    )
    from evals.engine.kinds.table import KINDS
    from evals.jobs import run

    kind = KINDS[task_type]
    count = clock.timing("engine", kind.count)
    totals = [clock.timing("engine", measure) for measure in kind.totals]
    found = {**KINDS, task_type: replace(kind, count=count, totals=totals)}
    answers = (spans, temporal, transcription)
    with ExitStack() as stack:
        enter = stack.enter_context
        for module in (counting, *_users_of(KINDS)):
            enter(patch.object(module, "KINDS", found))
        enter(patch.object(run, "_images_of", clock.timing("reading", run._images_of)))
        for module, name in [
            *((one, "read_answers") for one in answers),
            (classification, "read_choices"),
            (rating, "read_ratings"),
            (regression, "read_numbers"),
            (taxonomy, "read_paths"),
            (shapes, "read_shapes"),
            (segmentation, "read_shapes"),
            (keypoints, "read_shapes"),
            (keypoints, "_points"),
        ]:
            enter(patch.object(module, name, clock.timing("reading", getattr(module, name))))
        yield


def _users_of(table: Any) -> list[Any]:
    """Modules of the room that hold the table of kinds under its name."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("evals.") and getattr(module, "KINDS", None) is table
        and name not in {"evals.engine.counting", "evals.engine.kinds.table"}
    ]  # fmt: skip


def project_of(name: str, scene: answered.Scene, sides: Sides) -> Any:
    """A project of those tasks."""
    from accounts import tokens
    from predictions.db import projects
    from predictions.imports import tasks as task_import
    from predictions.regions import labelling

    _, key = tokens.create(
        email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
    )
    holder = tokens.holder_of_key(key)
    assert holder
    values = {"title": f"Bench of {name}", "label_config": scene.config}
    project = projects.create_project(values, holder.access, parsed=labelling.parse(scene.config))
    for first in range(0, len(sides), BATCH):
        some = answered.tasks(sides[first : first + BATCH], first)
        task_import.store(project, some, holder.access)
    evaluated.vacuum()
    return project


def evaluate(project: Any, scene: answered.Scene) -> dict[str, float]:
    """Processor seconds of an evaluation: `whole`, and of it `reading` and `engine`."""
    from evals.jobs import requests, run

    values = {
        "project": str(project.pk),
        "modelVersion": "v1",
        "confidence": 20,
        "writeBack": False,
        "taskType": scene.task_type,
    }
    found = requests.create(values, workspace_id=project.workspace_id)
    clock = Clock()
    with watched(clock, scene.task_type):
        started = time.process_time()
        run.run(found.pk)
        whole = time.process_time() - started
    found.refresh_from_db()
    assert found.status == "done", found.failure_reason
    found.delete()
    return {"whole": whole, **clock.spent}


def verdict(ratio: float, aim: float) -> str:
    return f"{ratio:.2f} (aim: at most {aim:g}, {'holds' if ratio <= aim else 'MISSED'})"


def told(
    name: str, ours: dict[str, float], theirs: float | None, boxes: float, painted: float | None
) -> str:
    whole = f"{name:14} whole {ours['whole']:5.2f} s, {verdict(ours['whole'] / boxes, 1.5)}"
    if painted is not None:
        whole += f", floor {(boxes + painted) / boxes:.2f}: {painted:.2f} s of rasters"
    if theirs is None:
        return whole
    engine = f"engine {ours['engine'] * 1000:6.0f} ms, oracle {theirs * 1000:6.0f} ms"
    if theirs < SHORT_S:
        ratio = verdict(ours["engine"] / ours["reading"], 0.1)
        return f"{whole}; {engine} is short, to reading {ours['reading'] * 1000:.0f} ms {ratio}"
    return f"{whole}; {engine}, to it {verdict(ours['engine'] / theirs, 2)}"


def spent(measure: Callable[[], object]) -> float:
    """Processor seconds."""
    started = time.process_time()
    measure()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", help=", ".join(answered.SCENES))
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="no oracles: whole evaluations alone")
    options = parser.parse_args()
    evaluated.start()
    boxes_scene = answered.SCENES["boxes"]
    boxes_project = project_of("boxes", boxes_scene, boxes_scene.sides(options.tasks))
    for name in options.kinds or list(answered.SCENES):
        scene = answered.SCENES[name]
        sides = scene.sides(options.tasks)
        project = project_of(name, scene, sides)
        measure = scene.oracle(sides) if scene.oracle and not options.whole else None
        ours: dict[str, float] = {}
        theirs: float | None = None
        boxes = math.inf
        painted: float | None = None
        for _ in range(options.rounds):
            # In turns: what else the machine does falls on both.
            boxes = min(boxes, evaluate(boxes_project, boxes_scene)["whole"])
            passed = evaluate(project, scene)
            ours = {key: min(ours.get(key, passed[key]), passed[key]) for key in passed}
            if measure is not None:
                theirs = min(spent(measure), theirs or math.inf)
            if scene.rasters is not None:
                painted = min(spent(scene.rasters(sides)), painted or math.inf)
        print(told(name, ours, theirs, boxes, painted), flush=True)
        project.delete()
    boxes_project.delete()


if __name__ == "__main__":
    main()
