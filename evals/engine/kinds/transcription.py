"""Texts: right when they are equal, and how many edits they are apart."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from evals.engine.answers import Answer, read_answers, value_of
from evals.engine.boxes import Region, StoredImage
from evals.engine.class_events import value_events
from evals.engine.errors import UnusableRegion
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
from evals.engine.measures.texts import (
    NORMALIZATIONS,
    Texts,
    TextsTooLong,
    edits_of,
    read_sums,
    sums_of,
    text_metrics,
)
from evals.engine.notes import Notes
from evals.engine.reading import Reading
from predictions.regions.config import Control
from predictions.regions.labels import PassedOver, Reason, read_text

NORMALIZATION = "normalization"


def read_texts(
    images: Sequence[StoredImage],
    classes: Sequence[str],
    *,
    normalize: Callable[[str], str] = str,
    reading: Reading | None = None,
    notes: Notes | None = None,
) -> Texts:
    """The text of each task and side: all regions in stored order, joined by line breaks.

    The predicted text is as sure as the surest of its regions.
    """
    answers = _answers(images, classes, reading or Reading(), notes or Notes())
    truths, predictions = (
        [None if one is None else normalize(one.value) for one in side] for side in answers
    )
    scores = [1.0 if one is None else one.score for one in answers[1]]
    return Texts(truths, predictions, np.array(scores, dtype=np.float64))


def _answers(
    images: Sequence[StoredImage], classes: Sequence[str], reading: Reading, notes: Notes
) -> list[list[Answer[str] | None]]:
    """The texts of both sides as they are stored, truth first."""

    def read(region: Region, image: StoredImage) -> list[tuple[str, str]]:
        if region.get("type") != "textarea":
            raise PassedOver(Reason.OTHER_CONTROL)
        return [(classes[0], _text(value_of(region).get("text")))]

    sides = read_answers(images, classes, read, reading=reading, notes=notes)
    return [[_joined(answers) for answers in side] for side in sides]


def _text(value: Any) -> str:
    text = read_text(value)
    if text is None:
        raise PassedOver(Reason.INVALID_VALUE)
    return text


def _joined(answers: Sequence[Answer[str]]) -> Answer[str] | None:
    best = surest(answers)
    if best is None:
        return None
    text = "\n".join(one.value for one in answers)
    return Answer(best.label, best.score, text, answers[0].region)


def normalizer(job: Job) -> Callable[[str], str]:
    """What is done to both texts before they are compared."""
    return NORMALIZATIONS[job.options.get(NORMALIZATION) or "none"]


def _count(chunk: Chunk, job: Job, notes: Notes) -> Tally:
    texts = read_texts(
        chunk.images, job.classes, normalize=normalizer(job), reading=job.reading, notes=notes
    )
    try:
        edits = edits_of(texts)
    except TextsTooLong as error:
        reason = str(error)
        raise UnusableRegion(error.task, is_truth=False, region="all", reason=reason) from None
    has_truth, has_prediction = texts.are_there
    rates = zip(*(rate.tolist() for rate in edits.rates()), strict=True)
    names = ("characterErrorRate", "wordErrorRate")
    return Tally(
        value_events(has_truth, has_prediction, texts.is_right(), texts.score),
        state=lambda is_mine: sums_of(texts, edits, is_mine).to_bytes(),
        metrics=[
            {
                name: None if math.isnan(rate) else rate
                for name, rate in zip(names, both, strict=True)
            }
            for both in rates
        ],
    )


def _total(gathered: Gathered, job: Job) -> Total:
    nothing = Texts([], [], np.zeros(0))
    none = sums_of(nothing, edits_of(nothing))
    metrics = text_metrics(reduce(add, (read_sums(one) for one in gathered.states), none))
    return Total(metrics=metrics, primary=metrics[TRANSCRIPTION.primary.name])


def _verdicts(images: Sequence[StoredImage], job: Job, confidence: int) -> list[ImageVerdicts]:
    normalize = normalizer(job)
    by_image = []
    for truth, predicted in zip(*_answers(images, job.classes, job.reading, Notes()), strict=True):
        is_right = truth and predicted and normalize(truth.value) == normalize(predicted.value)
        by_image.append(
            value_verdicts(truth, predicted, confidence, is_right=bool(is_right), fact="text")
        )
    return by_image


def reads_texts(control: Control, objects: frozenset[str]) -> bool:
    """Texts about the whole object; those of regions are not compared."""
    return control.tag.tag == "TextArea" and not control.is_per_region


TRANSCRIPTION = Kind(
    task_type="transcription",
    reads=reads_texts,
    asks_for="TextArea",
    is_of_one_control=True,
    has_labels=False,
    classes=control_classes,
    count=_count,
    totals=(_total,),
    verdicts=_verdicts,
    counted=("text", "texts"),
    primary=Primary("characterErrorRate", is_higher_better=False),
    measure="characterErrorRate",
    parameters=frozenset({NORMALIZATION}),
    drawing="edits",
)
