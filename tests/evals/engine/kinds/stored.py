"""Tasks with answers about the whole task, as the store has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evals.engine.boxes import StoredImage
from evals.engine.events import Events, image_cells
from evals.engine.kinds.kind import Chunk, Job, Kind, Tally
from evals.engine.matching import Definition
from evals.engine.notes import Notes

Json = dict[str, Any]
KEYS = {"textarea": "text", "number": "number", "rating": "rating", "taxonomy": "taxonomy"}


def answer(kind: str, value: Any, score: Any = None, name: str = "answer") -> Json:
    """A region of a control of this type."""
    region: Json = {
        "from_name": name,
        "to_name": "task",
        "type": kind,
        "value": {KEYS[kind]: value},
    }
    return region if score is None else {**region, "score": score}


def task(kind: str, truth: list[Any], said: list[Any], score: float | None = None) -> StoredImage:
    """A task; an answer is a value, or a value and its score as a tuple."""
    sides = [
        [answer(kind, *(one if isinstance(one, tuple) else (one,))) for one in side]
        for side in (truth, said)
    ]
    return StoredImage(truth=sides[0], predicted=sides[1], score=score)


def job_for(kind: Kind, classes: Sequence[str] = ("answer",), **options: Any) -> Job:
    """What tasks are counted by."""
    return Job(
        task_type=kind.task_type,
        classes=classes,
        confidence=20,
        definition=Definition(),
        options=options,
    )


def tally_of(kind: Kind, images: Sequence[StoredImage], job: Job) -> Tally:
    """The tasks, counted."""
    return kind.count(Chunk(images, np.arange(len(images))), job, Notes())


def cells_of(events: Events, n_tasks: int, confidence: int = 0) -> list[list[list[int]]]:
    """The confusion cells of each task."""
    return image_cells(events, confidence).triples(n_tasks)
