"""The work of an evaluation: it is planned, counted chunk by chunk, and its panels are made.

Whoever holds the lease on the evaluation leads: it plans, counts, and makes the panels once all is
counted. Whoever comes meanwhile helps: it claims chunks and counts them, then shares of the totals,
and writes nothing else. Each is stored in one transaction, so a killed worker loses the one at hand
and the others go on, to the same result. What cannot be evaluated ends `failed` with a reason, and
nothing of it is shown.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from evals.db import chunks, writes
from evals.db.definition import job_of, kind_of
from evals.db.snapshot.plan import CannotEvaluate, Changed, PlannedRow
from evals.db.snapshot.stored import ReadImage, read_all
from evals.db.writes import NewImage
from evals.engine.counting import Counted, count_images
from evals.engine.errors import EvaluationError, UnknownLabels, UnusableRegion
from evals.engine.kinds.kind import Job
from evals.engine.matched.shapes import NeedsWider
from evals.engine.reading import reading_of
from evals.engine.region_rows import scores_elsewhere
from evals.jobs import controls, planning, state
from evals.jobs.finishing import panels, shares
from evals.jobs.notes import chunk_notes, summarise
from evals.models import EvalChunk, ModelEval
from predictions.regions.errors import GeometryError
from predictions_api.jobs import stopping
from predictions_api.jobs.heartbeats import Heartbeat
from predictions_api.jobs.leases import MOST_ATTEMPTS, Holder, LeaseLost
from predictions_api.operations import collector
from predictions_api.postgres.outages import is_disk_full, is_outage

log = structlog.stdlib.get_logger("evals")

#: Told the progress, 0 to 1, at most once in TELL_S: how a command shows what it is doing.
Watcher = Callable[[float], object]
TELL_S = 1.0
# How often the leader looks whether others have counted the chunks they have in hand.
LOOK_S = 0.05
# How long who has helped waits for shares of the totals: others count the last images meanwhile.
WAIT_S = 2.0
WORKERS_LOST = (
    f"{MOST_ATTEMPTS} workers died at the same images, probably for want of memory. "
    "Set EVALUATION_CHUNK lower, then run it again."
)
# How often one worker plans an evaluation whose rows change, each time as of then.
MOST_PLANS = 5
NO_ROOM = "Waits for room: the disk of the database is full."


class TurnOver(Exception):
    """Others wait: the evaluation goes on later."""


def _unwatched(progress: float) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a worker computes an evaluation."""

    watcher: Watcher = _unwatched
    #: After each chunk: whether who leads is to leave it to the next worker, and who helps.
    is_over: Callable[[], bool] = _never
    is_help_over: Callable[[], bool] = _never
    call: planning.Call = planning.alone


def run(evaluation_id: int, **terms: Any) -> bool:
    """Computes a running evaluation on these Terms, or helps whoever is at it while there are
    chunks to count. False where it was left to the next worker.

    Idempotent: call it as often as you like. Where the database is away, that is raised and the
    next worker goes on; every other error ends the evaluation with a reason.
    """
    mine, on = state.worker(), Terms(**terms)

    def beat() -> None:
        state.extend(evaluation_id, mine)
        chunks.extend(evaluation_id, mine)

    with Heartbeat(beat, every_s=mine.lease_s / 3):
        while (attempts := state.claim(evaluation_id, mine)) is None:
            if _help(evaluation_id, mine, on):
                return True
        if attempts > MOST_ATTEMPTS:
            state.fail(evaluation_id, WORKERS_LOST, mine)
            return True
        return _lead(evaluation_id, mine, on)


def _lead(evaluation_id: int, mine: Holder, on: Terms) -> bool:
    try:
        evaluation = ModelEval.objects.select_related("project").get(pk=evaluation_id)
        _compute(evaluation, mine, on)
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
    finally:
        chunks.release(evaluation_id, mine)
    return True


def _help(evaluation_id: int, mine: Holder, on: Terms) -> bool:
    """Works on chunks of an evaluation that another worker leads. False when it has done some and
    there are no more: then perhaps nobody leads it. True where there is nothing to do for this
    worker, or something else; who sweeps calls it again if chunks wait.

    What keeps a chunk from being counted is left to the leader, who meets it, too.
    """
    wait_until = None
    try:
        while True:
            if chunk := _claimed(evaluation_id, mine, helps=True):
                _work(ModelEval.objects.get(pk=evaluation_id), chunk, mine)
                wait_until = time.monotonic() + WAIT_S
            elif wait_until is None or not _is_worth_waiting(evaluation_id, wait_until):
                return wait_until is None
            if on.is_help_over():
                return True
    except (LeaseLost, ModelEval.DoesNotExist, EvaluationError, GeometryError) as error:
        log.info("help given up", evaluation=evaluation_id, reason=str(error))
        return True
    except Exception as error:
        if is_outage(error):
            raise
        log.warning("help failed", evaluation=evaluation_id, exc_info=True)
        return True
    finally:
        chunks.release(evaluation_id, mine)


def _is_worth_waiting(evaluation_id: int, until: float) -> bool:
    """Waits a moment where shares wait for images that others count; False where there are none."""
    if time.monotonic() >= until or not chunks.do_shares_wait(evaluation_id):
        return False
    stopping.requested.wait(LOOK_S)
    return True


def _claimed(evaluation_id: int, mine: Holder, *, helps: bool = False) -> EvalChunk | None:
    """A chunk to count, if any is free; LeaseLost where too many workers died at it. For a helper
    None, too, where EVALUATION_EXECUTORS others count, the leader among them.
    """
    with transaction.atomic():
        if helps and _is_full(evaluation_id, mine):
            return None
        chunk = chunks.claim(evaluation_id, mine)
    if chunk is not None and chunk.attempts > MOST_ATTEMPTS:
        state.fail(evaluation_id, WORKERS_LOST)
        raise LeaseLost
    return chunk


def _is_full(evaluation_id: int, mine: Holder) -> bool:
    if not settings.EVALUATION_EXECUTORS:
        return False
    others = {state.lock(evaluation_id), *chunks.counting(evaluation_id)} - {None, mine.id}
    return len(others) >= settings.EVALUATION_EXECUTORS


def _compute(evaluation: ModelEval, mine: Holder, on: Terms) -> None:
    if evaluation.project is None:
        raise CannotEvaluate(state.PROJECT_DELETED)
    if evaluation.planned_at is None:
        planning.plan(evaluation, mine, on.call)
    for n_left in reversed(range(MOST_PLANS)):
        try:
            _follow(evaluation, mine, on)
            break
        except Changed as error:
            if not n_left:
                raise
            log.info("evaluation planned anew", evaluation=evaluation.pk, reason=str(error))
            planning.plan(evaluation, mine, on.call)


def _follow(evaluation: ModelEval, mine: Holder, on: Terms) -> None:
    """From a plan to finished panels. `Changed` where a row of it is no longer as planned."""
    if chunks.wait(evaluation.pk):
        _settle(evaluation, mine)
    is_again = False
    while True:
        on.call(chunks.uncounted(evaluation.pk).count(), is_again=is_again)
        is_again = True
        try:
            _count_all(evaluation, mine, on)
            break
        except NeedsWider as error:
            _start_over(evaluation, mine, iou_type=error.iou_type)
        except UnknownLabels:
            _start_over(evaluation, mine, classes=_all_classes(evaluation))
    summarise(evaluation)
    panels.finish(evaluation, mine)


def _settle(evaluation: ModelEval, mine: Holder) -> None:
    assert evaluation.planned_at is not None
    controls.settle(evaluation, _all_images(evaluation) if _mixes_controls(evaluation) else ())
    with transaction.atomic():
        state.keep(evaluation.pk, mine)
        chunks.allow(evaluation.pk, evaluation.planned_at)


def _mixes_controls(evaluation: ModelEval) -> bool:
    """Whether any result may hold an object by two of the controls."""
    names = reading_of(evaluation.reading).controls
    # Those of a Repeater stand in the data with numbers.
    return any("{{" in name for name in names) or any(
        chunks.mixes(chunk, names) for chunk in chunks.one_by_one(evaluation.pk)
    )


def _all_images(evaluation: ModelEval) -> Iterator[list[ReadImage]]:
    for chunk in chunks.one_by_one(evaluation.pk):
        yield _images_of(evaluation, chunk)


def _count_all(evaluation: ModelEval, mine: Holder, on: Terms) -> None:
    """Works on the chunks that nobody else has in hand, until all are done."""
    told_at = -TELL_S
    while True:
        chunk = _claimed(evaluation.pk, mine)
        if chunk is not None:
            _work(evaluation, chunk, mine)
        elif not chunks.uncounted(evaluation.pk).exists():
            break
        else:
            # In the hands of others, or of one that was killed.
            stopping.requested.wait(LOOK_S)
        if time.monotonic() - told_at >= TELL_S:
            on.watcher(_tell(evaluation, mine))
            told_at = time.monotonic()
        if on.is_over():
            raise TurnOver
    on.watcher(_tell(evaluation, mine))


def _tell(evaluation: ModelEval, mine: Holder) -> float:
    """Writes how far it has come; or LeaseLost."""
    progress = 0.95 * chunks.share_done(evaluation.pk)
    state.keep(evaluation.pk, mine, progress=progress, attempts=0)
    return progress


def _work(evaluation: ModelEval, chunk: EvalChunk, mine: Holder) -> None:
    """Counts the images of a chunk, or works out a share of the totals; or LeaseLost."""
    if chunks.share_of(chunk) is None:
        _count(evaluation, chunk, mine)
    else:
        shares.work_out(evaluation, chunk, mine)


def _count(evaluation: ModelEval, chunk: EvalChunk, mine: Holder) -> None:
    """Counts a chunk and stores it, at once and once; or LeaseLost."""
    with collector.paused():
        images = _images_of(evaluation, chunk)
        counted = _counted(images, chunk, job := job_of(evaluation))
        with transaction.atomic():
            chunks.keep(evaluation.pk, chunk.number, mine)
            writes.write_images(evaluation.pk, _new_images(chunk, images, counted))
            counted.notes.misread_tasks = sum(image.is_misread for image in images)
            counted.notes.scores_elsewhere = sum(
                scores_elsewhere(image.stored, job.reading) for image in images
            )
            notes = chunk_notes(counted.notes, [image.row for image in images])
            chunks.add_parts(evaluation.pk, chunk.number, counted.parts, notes)
        # The next chunk is not read beside this one.
        del images, counted


def _images_of(evaluation: ModelEval, chunk: EvalChunk) -> list[ReadImage]:
    # Before all is planned the chunk knows the moment, before controls are chosen the evaluation.
    planned_at = chunk.seen_at or evaluation.planned_at
    assert planned_at is not None
    return read_all(
        chunks.rows_of(chunk),
        reading=reading_of(evaluation.reading),
        of_text=kind_of(evaluation).needs_data,
        planned_at=planned_at,
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
            told=image.told,
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
    for chunk in chunks.one_by_one(evaluation.pk):
        try:
            _counted(_images_of(evaluation, chunk), chunk, job)
        except UnknownLabels as error:
            found |= error.labels
        except NeedsWider:
            continue
    return [*evaluation.classes, *sorted(found)]
