"""The work of an evaluation: plans it, counts it chunk by chunk, and has its panels made.

Each chunk is stored in one transaction with the progress it means, so a killed worker loses the
chunk at hand and the next one goes on from there, to the same result. What cannot be evaluated ends
`failed` with a reason, and nothing of it is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from evals.db import chunks, snapshot, writes
from evals.db.definition import job_of, kind_of
from evals.db.label_config import classes_of
from evals.db.snapshot import CannotEvaluate, PlannedRow, ReadImage
from evals.db.writes import NewImage, NewPanel
from evals.documents.document import encode
from evals.documents.slices import SliceTable
from evals.engine.counting import Counted, count_images
from evals.engine.errors import EvaluationError
from evals.engine.kinds.kind import Job
from evals.engine.matched.shapes import NeedsWider
from evals.engine.reading import reading_of
from evals.engine.regions import UnknownLabels, UnusableRegion
from evals.jobs import controls, panels, state
from evals.jobs.notes import chunk_notes, own_truths, summarise, too_varied
from evals.models import EvalChunk, EvalPanel, GroundTruth, ModelEval, Split
from predictions.regions.errors import GeometryError
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder, LeaseLost
from predictions_api.operations import collector
from predictions_api.postgres.outages import is_disk_full, is_outage

log = structlog.stdlib.get_logger("evals")

#: Told the progress, 0 to 1, after each chunk: how a command shows what it is doing.
Watcher = Callable[[float], object]
WORKERS_LOST = (
    f"{MOST_ATTEMPTS} workers died at the same images, probably for want of memory. "
    "Set EVALUATION_CHUNK lower, then run it again."
)
NO_GROUND_TRUTH = {
    GroundTruth.MARKED: (
        'The project has no ground truth. Mark annotations as ground truth ("ground_truth": true), '
        "then run the evaluation again."
    ),
    GroundTruth.ALL: "The project has no annotations, or only cancelled ones.",
}

NO_ROOM = "Waits for room: the disk of the database is full."


def _unwatched(progress: float) -> None:
    """Nobody watches."""


class TurnOver(Exception):
    """Others wait: the evaluation goes on later."""


def _never() -> bool:
    return False


def run(
    evaluation_id: int, *, watcher: Watcher = _unwatched, is_over: Callable[[], bool] = _never
) -> bool:
    """Computes a running evaluation, or does nothing while somebody else is alive at it.

    After each chunk `is_over` says whether it is to be left to the next worker; False then.

    Idempotent: call it as often as you like. Where the database is away, that is raised and the
    next worker goes on; every other error ends the evaluation with a reason.
    """
    mine = state.worker()
    attempts = state.claim(evaluation_id, mine)
    if attempts is None:
        return True
    if attempts > MOST_ATTEMPTS:
        state.fail(evaluation_id, WORKERS_LOST, mine)
        return True
    with Heartbeat(lambda: state.keep(evaluation_id, mine), every_s=mine.lease_s / 3):
        return _work(evaluation_id, mine, watcher, is_over)


def _work(evaluation_id: int, mine: Holder, watcher: Watcher, is_over: Callable[[], bool]) -> bool:
    try:
        evaluation = ModelEval.objects.select_related("project").get(pk=evaluation_id)
        _compute(evaluation, mine, watcher, is_over)
    except TurnOver:
        state.release(evaluation_id, mine)
        return False
    except (LeaseLost, ModelEval.DoesNotExist):
        log.info("evaluation given up", evaluation=evaluation_id)
    except (EvaluationError, GeometryError) as error:
        state.fail(evaluation_id, str(error), mine)
    except Exception as error:
        if is_outage(error):
            state.release(evaluation_id, mine, waits_for=NO_ROOM if is_disk_full(error) else "")
            raise
        log.exception("evaluation failed", evaluation=evaluation_id)
        reason = f"Unforeseen {type(error).__name__}; the worker's log says more."
        state.fail(evaluation_id, reason, mine)
    except BaseException:
        # The worker was asked to stop: another may go on at once.
        state.release(evaluation_id, mine)
        raise
    return True


def _compute(
    evaluation: ModelEval, mine: Holder, watcher: Watcher, is_over: Callable[[], bool]
) -> None:
    if evaluation.project is None:
        raise CannotEvaluate("The project was deleted.")
    if evaluation.planned_at is None:
        _plan(evaluation, mine)
    if not EvalChunk.objects.filter(evaluation=evaluation, is_done=True).exists():
        controls.settle(evaluation, _all_images(evaluation))
    while True:
        try:
            _count_all(evaluation, mine, watcher, is_over)
            break
        except NeedsWider as error:
            _start_over(evaluation, mine, iou_type=error.iou_type)
        except UnknownLabels:
            _start_over(evaluation, mine, classes=_all_classes(evaluation))
    summarise(evaluation)
    panels.finish(evaluation, mine)


def _all_images(evaluation: ModelEval) -> Iterator[list[ReadImage]]:
    for chunk in EvalChunk.objects.filter(evaluation=evaluation).order_by("number").iterator(1):
        yield _images_of(evaluation, chunk)


def _plan(evaluation: ModelEval, mine: Holder) -> None:
    """Fixes which rows are counted, as of now."""
    assert evaluation.project is not None
    with transaction.atomic():
        state.keep(evaluation.pk, mine)
        slices = SliceTable(evaluation.options.get("slices", []))
        _add_chunks(evaluation, slices)
        # After the plan: what the plan could see is not younger than this.
        seen = snapshot.facts(evaluation)
        evaluation.planned_at = seen.planned_at
        evaluation.newest_ground_truth_at = seen.newest_ground_truth_at
        evaluation.newest_prediction_at = seen.newest_prediction_at
        _refuse_empty(evaluation)
        evaluation.warnings = [
            *own_truths(snapshot.count_own_truths(evaluation)),
            *too_varied(slices.too_varied),
        ]
        evaluation.slices = slices.names
        if evaluation.slices:
            stored = NewPanel(EvalPanel.Kind.SLICES, encode(slices.document()))
            writes.write_panels(evaluation.pk, [stored])
        kind, reading = kind_of(evaluation), reading_of(evaluation.reading)
        only = evaluation.options.get("classes")
        found = classes_of(evaluation.project, kind, reading, only=only)
        evaluation.classes, evaluation.is_multi_label = found
        evaluation.iou_type = kind.starts_with
        evaluation.save(
            update_fields=[
                "planned_at",
                "newest_ground_truth_at",
                "newest_prediction_at",
                "n_ground_truths",
                "n_predictions",
                "image_counts",
                "classes",
                "is_multi_label",
                "iou_type",
                "warnings",
                "slices",
            ]
        )


def _add_chunks(evaluation: ModelEval, slices: SliceTable) -> None:
    """Writes the rows in chunks, gathers their values by slice, and counts what they hold."""
    chunks.delete(evaluation.pk)
    position, by_split = 0, dict.fromkeys(range(len(Split)), 0)
    n_truths = n_predictions = 0
    planned = snapshot.planned_rows(evaluation, chunk=settings.EVALUATION_CHUNK, slices=slices)
    for number, chunk in enumerate(planned):
        chunks.add(
            evaluation.pk, number, chunk, first_position=position, first_split_positions=by_split
        )
        position += len(chunk)
        for row in chunk:
            by_split[row.split] += 1
            # Images of one task share its annotation and prediction.
            is_first = bool(row.n_of_task or not row.item)
            n_truths += is_first
            n_predictions += is_first and row.prediction_id is not None
    evaluation.n_ground_truths, evaluation.n_predictions = n_truths, n_predictions
    evaluation.image_counts = {split.label: by_split[split.value] for split in Split}


def _refuse_empty(evaluation: ModelEval) -> None:
    if not evaluation.n_ground_truths and "query" in evaluation.options:
        raise CannotEvaluate("No task that its query lets through has ground truth.")
    if not evaluation.n_ground_truths:
        raise CannotEvaluate(NO_GROUND_TRUTH[GroundTruth(evaluation.ground_truth)])
    if not evaluation.n_predictions:
        raise CannotEvaluate(
            f"No task with ground truth has a prediction of version {evaluation.model_version!r}."
        )


def _count_all(
    evaluation: ModelEval, mine: Holder, watcher: Watcher, is_over: Callable[[], bool]
) -> None:
    """Counts the chunks that are not counted yet."""
    job = job_of(evaluation)
    pending = EvalChunk.objects.filter(evaluation=evaluation, is_done=False).order_by("number")
    for number in list(pending.values_list("number", flat=True)):
        chunk = EvalChunk.objects.get(evaluation=evaluation, number=number)
        with collector.paused():
            images = _images_of(evaluation, chunk)
            counted = _counted(images, chunk, job)
            watcher(_store(evaluation, mine, chunk, images, counted))
            # The next chunk is not read beside this one.
            del images, counted
        if is_over():
            raise TurnOver


def _images_of(evaluation: ModelEval, chunk: EvalChunk) -> list[ReadImage]:
    assert evaluation.planned_at is not None
    return snapshot.read_all(
        chunks.rows_of(chunk),
        reading=reading_of(evaluation.reading),
        planned_at=evaluation.planned_at,
    )


def _counted(images: Sequence[ReadImage], chunk: EvalChunk, job: Job) -> Counted:
    try:
        return count_images(
            [image.stored for image in images],
            [image.row.split for image in images],
            job,
            first_position=chunk.first_position,
        )
    except UnusableRegion as error:
        raise CannotEvaluate(_where(error, images[error.image].row)) from error


def _where(error: UnusableRegion, row: PlannedRow) -> str:
    """The reason with the row a person has to mend."""
    source = (
        f"annotation {row.annotation_id}" if error.is_truth else f"prediction {row.prediction_id}"
    )
    return f"Task {row.task_id}, {source}, region {error.region}: {error.reason}"


def _store(
    evaluation: ModelEval,
    mine: Holder,
    chunk: EvalChunk,
    images: Sequence[ReadImage],
    counted: Counted,
) -> float:
    """Stores a counted chunk and the progress it means, at once and once; the progress."""
    last = chunk.first_position + len(images)
    progress: float = 0.95 * last / max(sum(evaluation.image_counts.values()), 1)
    with transaction.atomic():
        state.keep(evaluation.pk, mine, progress=progress, attempts=0)
        writes.write_images(evaluation.pk, _new_images(chunk, images, counted))
        notes = chunk_notes(counted.notes, [image.row for image in images])
        chunks.add_parts(evaluation.pk, chunk.number, counted.parts, notes)
    return progress


def _new_images(
    chunk: EvalChunk, images: Sequence[ReadImage], counted: Counted
) -> Iterator[NewImage]:
    in_split = list(chunk.first_split_positions)
    counts = counted.canonical
    columns = zip(
        images,
        counted.blobs,
        counts.tp.tolist(),
        counts.fp.tolist(),
        counts.fn.tolist(),
        strict=True,
    )
    for n, (image, blob, tp, fp, fn) in enumerate(columns):
        split = image.row.split
        yield NewImage(
            position=chunk.first_position + n,
            split_position=in_split[split],
            split=split,
            image_id=image.image_id,
            name=image.name,
            tp=tp,
            fp=fp,
            fn=fn,
            events=blob,
            augmentations=image.augmentations,
            task_id=image.row.task_id,
            annotation_id=image.row.annotation_id,
            prediction_id=image.row.prediction_id,
            item=image.row.item,
            slices=bytes.fromhex(image.row.slices),
            metrics=None if counted.metrics is None else counted.metrics[n],
        )
        in_split[split] += 1


def _start_over(evaluation: ModelEval, mine: Holder, **changed: Any) -> None:
    """Counts the same plan again under other assumptions."""
    with transaction.atomic():
        state.keep(evaluation.pk, mine, progress=0.0, **changed)
        chunks.forget_counted(evaluation.pk)
    for name, value in changed.items():
        setattr(evaluation, name, value)


def _all_classes(evaluation: ModelEval) -> list[str]:
    """The classes with, after them and sorted, all labels that stand only in the data."""
    job, found = job_of(evaluation), set[str]()
    for chunk in EvalChunk.objects.filter(evaluation=evaluation).order_by("number").iterator(1):
        try:
            _counted(_images_of(evaluation, chunk), chunk, job)
        except UnknownLabels as error:
            found |= error.labels
        except NeedsWider:
            continue
    return [*evaluation.classes, *sorted(found)]
