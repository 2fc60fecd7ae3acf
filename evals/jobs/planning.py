"""Which rows of the store an evaluation counts: fixed at one moment, and cut into chunks.

Chunks are stored as they are cut, so that workers count the first ones while the last ones are
planned. A plan that was not finished is made anew, as is one whose rows have changed.
"""

from contextlib import closing
from typing import Protocol

from django.conf import settings
from django.db import transaction

from evals.db import chunks, definition, writes
from evals.db.chunks import NewChunk
from evals.db.definition import kind_of
from evals.db.label_config import classes_of
from evals.db.snapshot.plan import (
    CannotEvaluate,
    Facts,
    count_own_truths,
    facts,
    planned_rows,
)
from evals.db.writes import NewPanel
from evals.documents.document import encode
from evals.documents.slices import SliceTable
from evals.engine.reading import reading_of
from evals.jobs import controls, state
from evals.jobs.finishing import shares
from evals.jobs.notes import own_truths, too_varied, unknown_tasks
from evals.models import EvalPanel, GroundTruth, ModelEval, Split
from predictions_api.jobs.leases import Holder

NO_GROUND_TRUTH = {
    GroundTruth.MARKED: (
        'The project has no ground truth. Mark annotations as ground truth ("ground_truth": true), '
        "then run the evaluation again."
    ),
    GroundTruth.ALL: "The project has no annotations, or only cancelled ones.",
}
# Chunks stored together: one, one more, then twice as many each time.
MOST_AT_ONCE = 32


class Call(Protocol):
    """Calls workers to count so many chunks; `is_again` where those that were called have left."""

    def __call__(self, n_chunks: int, *, is_again: bool = False) -> object: ...


def alone(n_chunks: int, *, is_again: bool = False) -> None:
    """Calls nobody."""


def plan(evaluation: ModelEval, mine: Holder, call: Call) -> None:
    """Fixes which rows are counted, as of now, and calls workers to count them meanwhile.

    Where controls have to be chosen first, nothing is counted before `controls.settle`.
    """
    assert evaluation.project is not None
    kind, reading = kind_of(evaluation), reading_of(evaluation.reading)
    only = evaluation.options.get("classes")
    found = classes_of(evaluation.project, kind, reading, only=only)
    evaluation.classes, evaluation.is_multi_label = found
    evaluation.iou_type, evaluation.planned_at = kind.starts_with, None
    with transaction.atomic():
        state.keep(evaluation.pk, mine, progress=0.0)
        writes.clear(evaluation.pk)
        evaluation.save(update_fields=["classes", "is_multi_label", "iou_type", "planned_at"])
    slices = SliceTable(evaluation.options.get("slices", []))
    waits = controls.have_to_be_chosen(evaluation)
    seen, n_chunks = _add_chunks(evaluation, slices, mine, None if waits else call)
    evaluation.planned_at = seen.planned_at
    evaluation.newest_ground_truth_at = seen.newest_ground_truth_at
    evaluation.newest_prediction_at = seen.newest_prediction_at
    _refuse_empty(evaluation)
    evaluation.warnings = [
        *own_truths(count_own_truths(evaluation)),
        *too_varied(slices.too_varied),
        *unknown_tasks(definition.unknown_tasks(evaluation)),
    ]
    evaluation.slices = slices.names
    with transaction.atomic():
        state.keep(evaluation.pk, mine)
        if evaluation.slices:
            stored = NewPanel(EvalPanel.Kind.SLICES, encode(slices.document()))
            writes.write_panels(evaluation.pk, [stored])
        evaluation.save(
            update_fields=[
                "planned_at",
                "newest_ground_truth_at",
                "newest_prediction_at",
                "n_ground_truths",
                "n_predictions",
                "image_counts",
                "warnings",
                "slices",
            ]
        )
        if n_chunks >= shares.SHARED_FROM:
            numbers = shares.numbers(evaluation)
            chunks.add_shares(
                evaluation.pk, numbers, seen_at=None if waits else evaluation.planned_at
            )


def _add_chunks(
    evaluation: ModelEval, slices: SliceTable, mine: Holder, call: Call | None
) -> tuple[Facts, int]:
    """Writes the rows in chunks, gathers their values by slice, and counts what they hold; how many
    chunks there are. Without `call` none may be counted yet.
    """
    position, by_split = 0, dict.fromkeys(range(len(Split)), 0)
    n_truths = n_predictions = n_chunks = 0
    seen: Facts | None = None
    cut: list[NewChunk] = []
    most = 1
    planned = planned_rows(evaluation, chunk=settings.EVALUATION_CHUNK, slices=slices)
    with closing(planned):
        for number, rows in enumerate(planned):
            n_chunks = number + 1
            seen = seen or facts(evaluation)
            cut.append(NewChunk(number, rows, position, dict(by_split)))
            position += len(rows)
            for row in rows:
                by_split[row.split] += 1
                # Images of one task share its annotation and prediction.
                is_first = bool(row.n_of_task or not row.item)
                n_truths += is_first
                n_predictions += is_first and row.prediction_id is not None
            if len(cut) == most:
                _store(evaluation, cut, mine, seen if call else None)
                if call:
                    call(n_chunks)
                most, cut = min(n_chunks, MOST_AT_ONCE), []
    seen = seen or facts(evaluation)
    _store(evaluation, cut, mine, seen if call else None)
    evaluation.n_ground_truths, evaluation.n_predictions = n_truths, n_predictions
    evaluation.image_counts = {split.label: by_split[split.value] for split in Split}
    return seen, n_chunks


def _store(evaluation: ModelEval, cut: list[NewChunk], mine: Holder, seen: Facts | None) -> None:
    with transaction.atomic():
        state.keep(evaluation.pk, mine)
        chunks.add(evaluation.pk, cut, seen_at=None if seen is None else seen.planned_at)


def _refuse_empty(evaluation: ModelEval) -> None:
    if not evaluation.n_ground_truths and "query" in evaluation.options:
        raise CannotEvaluate("No task that its query lets through has ground truth.")
    if not evaluation.n_ground_truths:
        raise CannotEvaluate(NO_GROUND_TRUTH[GroundTruth(evaluation.ground_truth)])
    if not evaluation.n_predictions:
        raise CannotEvaluate(
            f"No task with ground truth has a prediction of version {evaluation.model_version!r}."
        )
