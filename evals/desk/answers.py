"""Answers as the desk shows them: texts with their edits, pairs of numbers, spans in their text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evals.db.definition import job_of
from evals.db.images import images_named, spread
from evals.desk.marks import marked_spans
from evals.documents.refusals import ReportNotFound
from evals.engine.boxes import StoredImage
from evals.engine.kinds.kind import ImageVerdicts, Job
from evals.engine.kinds.table import KINDS
from evals.engine.kinds.transcription import normalizer
from evals.engine.measures.texts import alignment
from evals.models import ModelEval
from evals.reports.image_objects import stored_images

Document = dict[str, Any]

#: Characters of a text that are shown.
MOST_CHARACTERS = 5000
#: Stretches of time of one task.
MOST_STRETCHES = 1000
#: Tasks that a scatter shows, spread evenly over the split.
MOST_POINTS = 2000


def answers(images: Sequence[StoredImage], job: Job, confidence: int) -> Iterator[Document | None]:
    """`answer` of each image at one percent; None of kinds that have pictures or classes alone."""
    kind = KINDS[job.task_type]
    show = SHOWN.get(kind.drawing)
    if show is None:
        yield from (None for _ in images)
        return
    for image, one in zip(images, kind.verdicts(images, job, confidence), strict=True):
        yield show(one, image, job)


def _sides(verdicts: ImageVerdicts, fact: str) -> Document:
    """`truth` and `said`, None where nobody answered; `score`, and whether that is kept."""
    truth, predicted = ([facts[fact] for facts in side] for side in verdicts.facts)
    return {
        "truth": truth[0] if truth else None,
        "said": predicted[0] if predicted else None,
        "score": verdicts.scores[0] if predicted else None,
        "isKept": bool(predicted) and verdicts.found[0] is not None,
    }


def _numbers(verdicts: ImageVerdicts, image: StoredImage, job: Job) -> Document:
    return _sides(verdicts, "number")


def _texts(verdicts: ImageVerdicts, image: StoredImage, job: Job) -> Document:
    """With `edits`, [operation, true text, said text], of the texts as they were compared."""
    sides = _sides(verdicts, "text")
    normalize = normalizer(job)
    truth, predicted = (normalize(sides[name] or "") for name in ("truth", "said"))
    cut = truth[:MOST_CHARACTERS], predicted[:MOST_CHARACTERS]
    return {
        **sides,
        "truth": None if sides["truth"] is None else cut[0],
        "said": None if sides["said"] is None else cut[1],
        "edits": [list(edit) for edit in alignment(*cut)],
        "isCut": cut != (truth, predicted),
    }


def _stretches(verdicts: ImageVerdicts, image: StoredImage, job: Job) -> Document:
    """`stretches` of time, [side, class, start, end, verdict, score], those of the truth first.

    Of detections those that are kept.
    """
    truths = zip(verdicts.labels, verdicts.facts[0], verdicts.truths, strict=True)
    predicted = zip(
        verdicts.detected_labels, verdicts.facts[1], verdicts.found, verdicts.scores, strict=True
    )
    rows = [
        ["ground_truth", job.classes[label], *facts["interval"], verdict and verdict.verdict, None]
        for label, facts, verdict in truths
    ]
    rows += [
        ["prediction", job.classes[label], *facts["interval"], verdict.verdict, score]
        for label, facts, verdict, score in predicted
        if verdict is not None
    ]
    return {"stretches": rows[:MOST_STRETCHES], "isCut": len(rows) > MOST_STRETCHES}


#: By the word for what draws a kind's items.
SHOWN: Mapping[str, Callable[[ImageVerdicts, StoredImage, Job], Document]] = {
    "edits": _texts,
    "numbers": _numbers,
    "intervals": _stretches,
    "spans": marked_spans,
}


def scatter(evaluation: ModelEval, split: int | None) -> Document:
    """`points`, [image id, true, said] of the tasks with both numbers, and how many `images` were
    looked at: all of a split, or MOST_POINTS that are spread over it. ReportNotFound of kinds
    without numbers. Three statements.
    """
    kind = KINDS.get(evaluation.task_type)
    if kind is None or kind.drawing != "numbers":
        raise ReportNotFound("It compares no numbers.")
    positions = spread(evaluation, split, MOST_POINTS)
    images, rows = images_named(evaluation, ids=[], positions=positions)
    stored = stored_images(evaluation, rows) if rows else []
    named = [(row.image_id, one) for row, one in zip(images.rows, stored, strict=True) if one]
    verdicts = kind.verdicts([one.stored for _, one in named], job_of(evaluation), 0)
    sides = [_sides(one, "number") for one in verdicts]
    return {
        "images": len(named),
        "points": [
            [image_id, one["truth"], one["said"]]
            for (image_id, _), one in zip(named, sides, strict=True)
            if one["truth"] is not None and one["said"] is not None
        ],
    }
