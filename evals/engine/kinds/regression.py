"""Numbers: right within a tolerance of the true one, and how far they are off."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from evals.engine.answers import Answer, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.class_events import value_events
from evals.engine.kinds.classification import surest, value_verdicts
from evals.engine.kinds.kind import (
    Chunk,
    Gathered,
    ImageVerdicts,
    Job,
    Kind,
    Primary,
    Tally,
    Total,
    control_classes,
)
from evals.engine.measures.numbers import (
    LARGEST_NUMBER,
    Numbers,
    number_metrics,
    pairs_of,
    read_pairs,
    within,
)
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import Control
from predictions.regions.labels import PassedOver, Reason, read_number

TOLERANCE = "tolerance"


def read_numbers(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> Numbers:
    """The number of each task and side: the first true one, the surest predicted one."""
    rows = []
    for truth, predicted in _answers(images, classes, reading or Reading(), notes or Notes()):
        rows.append(
            (
                math.nan if truth is None else truth.value,
                math.nan if predicted is None else predicted.value,
                1.0 if predicted is None else predicted.score,
            )
        )
    return Numbers(*np.array(rows, dtype=np.float64).reshape(-1, 3).T)


def _answers(
    images: Sequence[StoredImage], classes: Sequence[str], reading: Reading, notes: Notes
) -> list[tuple[Answer[float] | None, Answer[float] | None]]:
    def read(region: Region, image: StoredImage) -> list[tuple[str, float]]:
        if region.get("type") != "number":
            raise PassedOver(Reason.OTHER_CONTROL)
        number = read_number(value_of(region).get("number"))
        if number is None or not abs(number) <= LARGEST_NUMBER:
            raise PassedOver(Reason.INVALID_VALUE)
        return [(classes[0], number)]

    sides = read_answers(images, classes, read, reading=reading, notes=notes)
    return [
        (truth[0] if truth else None, surest(predicted))
        for truth, predicted in zip(*sides, strict=True)
    ]


def _tolerance(job: Job) -> float:
    return float(job.options.get(TOLERANCE) or 0.0)


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    numbers = read_numbers(chunk.images, job.classes, reading=job.reading, notes=notes)
    errors = numbers.absolute_errors()
    is_right = within(numbers.truth, numbers.predicted, _tolerance(job))
    return Tally(
        value_events(numbers.has_truth, numbers.has_prediction, is_right, numbers.score),
        state=lambda is_mine: pairs_of(numbers, is_mine).to_bytes(),
        metrics=[
            {"absoluteError": None if math.isnan(error) else error} for error in errors.tolist()
        ],
    )


def _total(gathered: Gathered, job: Job) -> Total:
    parts = [read_pairs(state) for state in gathered.states]
    none = pairs_of(Numbers(*np.zeros((3, 0))))
    metrics = number_metrics(reduce(add, parts, none), tolerance=_tolerance(job))
    return Total(metrics=metrics, primary=metrics[REGRESSION.primary.name])


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    by_image = []
    for truth, predicted in _answers(images, job.classes, job.reading, Notes()):
        is_right = False
        if truth is not None and predicted is not None:
            pair = np.array(truth.value), np.array(predicted.value)
            is_right = bool(within(*pair, _tolerance(job)))
        by_image.append(
            value_verdicts(truth, predicted, confidence, is_right=is_right, fact="number")
        )
    return by_image


def reads_numbers(control: Control, objects: frozenset[str]) -> bool:
    """Numbers about the whole object."""
    return control.tag.tag == "Number" and not control.is_per_region


REGRESSION = Kind(
    task_type="regression",
    reads=reads_numbers,
    asks_for="Number",
    is_of_one_control=True,
    has_labels=False,
    classes=control_classes,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("number", "numbers"),
    primary=Primary("meanAbsoluteError", is_higher_better=False),
    measure="absoluteError",
    parameters=frozenset({TOLERANCE}),
    drawing="numbers",
)
