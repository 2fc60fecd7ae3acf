"""The states of an evaluation: the one place that begins, claims, ends, accepts and deletes them.

running -> done or failed, and so it stays: asking again makes another evaluation. Whoever leads an
evaluation holds its lease, one worker at a time; what the lease was lost on is somebody else's,
and so nothing of it is written here. Those who help hold chunks of it (evals.db.chunks).
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from evals.db import writes
from evals.db.evaluations import refuse_unfinished
from evals.documents.refusals import Refusal
from evals.models import ModelEval
from predictions.models import Project
from predictions_api.jobs.leases import NOBODY, Holder, LeaseLost, lasting

CANCELLED = "Cancelled. Run it again to have it computed."
PROJECT_DELETED = "The project was deleted."
Status = ModelEval.Status
NO_PROJECT = "The evaluation is of no project: there is nothing to accept it for."


def unfinished() -> QuerySet[ModelEval]:
    """The evaluations that have work left."""
    return ModelEval.objects.filter(status=Status.RUNNING, origin=ModelEval.Origin.COMPUTED)


def worker() -> Holder:
    """A new owner of leases."""
    return Holder(settings.EVALUATION_LEASE_S)


def create(**columns: Any) -> ModelEval:
    """A new evaluation to compute, which the queue has in hand."""
    return ModelEval.objects.create(**columns, lease_until=lasting(settings.EVALUATION_LEASE_S))


def claim(evaluation_id: int, mine: Holder) -> int | None:
    """How often it was taken up without progress, this time included; None if it is not free."""
    row = unfinished().filter(pk=evaluation_id)
    claimed = mine.claim(row, 1, columns=("attempts",), n_queued=0, failure_reason="")
    return int(claimed[0][0]) if claimed else None


def keep(evaluation_id: int, mine: Holder, **columns: Any) -> None:
    """A fresh lease; in a transaction it also keeps others out until the commit. Or LeaseLost.

    `columns` are written with it.
    """
    mine.keep(unfinished().filter(pk=evaluation_id), **columns)


def extend(evaluation_id: int, mine: Holder) -> None:
    """A fresh lease if this worker leads the evaluation."""
    mine.extend(unfinished().filter(pk=evaluation_id))


def lock(evaluation_id: int) -> UUID | None:
    """Keeps others from an unfinished evaluation until the commit; who leads it, if anybody."""
    rows = unfinished().select_for_update(no_key=True).filter(pk=evaluation_id)
    found: UUID | None = rows.values_list("lease_owner", flat=True).first()
    return found


def release(evaluation_id: int, mine: Holder, *, waits_for: str = "") -> None:
    """Frees an unfinished evaluation for the next worker at once, and says what it waits for."""
    mine.release(unfinished().filter(pk=evaluation_id), failure_reason=waits_for)


def finish(evaluation_id: int, mine: Holder, **found: Any) -> None:
    """Shows the evaluation as done; `found` are its summary and engines. Or LeaseLost.

    In the transaction that stores its panels.
    """
    held = unfinished().filter(pk=evaluation_id, lease_owner=mine.id)
    ended = {"status": Status.DONE, "progress": 1.0, "finished_at": Now(), **NOBODY}
    if not held.update(**found, **ended):
        raise LeaseLost
    writes.record_end(evaluation_id)


def fail(evaluation_id: int, reason: str, mine: Holder | None = None) -> bool:
    """Ends a running evaluation, held by this owner if one is given; False when it was not running.

    Nothing of it stays to be shown.
    """
    running = ModelEval.objects.filter(pk=evaluation_id, status=Status.RUNNING)
    if mine is not None:
        running = running.filter(lease_owner=mine.id)
    with transaction.atomic():
        ended = running.update(
            status=Status.FAILED, failure_reason=reason[:2000], finished_at=Now(), **NOBODY
        )
        if ended:
            writes.clear(evaluation_id)
            writes.record_end(evaluation_id)
    return bool(ended)


def cancel(evaluation: ModelEval) -> bool:
    """Ends a running evaluation as failed; False when it was not running."""
    return fail(evaluation.pk, CANCELLED)


def end_of_project(project_id: int) -> None:
    """Ends the running evaluations of a project that is about to be deleted, in that transaction:
    their workers lose them.
    """
    _end_all(unfinished().filter(project_id=project_id))


def end_without_project() -> None:
    """Ends the running evaluations whose project is gone, as one is that was asked for meanwhile.
    One statement where there are none.
    """
    _end_all(unfinished().filter(project__isnull=True))


def _end_all(rows: QuerySet[ModelEval]) -> None:
    for pk in rows.values_list("pk", flat=True):
        fail(pk, PROJECT_DELETED)


@transaction.atomic
def accept(evaluation: ModelEval) -> None:
    """Marks a finished evaluation as the one that later versions are measured by.

    No other of its project, kind and control stays marked. A Refusal for one that is not done, or
    whose project is deleted. At most five statements.
    """
    if evaluation.project_id is None or not _locked(evaluation.project_id):
        raise Refusal(NO_PROJECT)
    evaluation.refresh_from_db(fields=["status", "failure_reason", "is_accepted"])
    refuse_unfinished(evaluation)
    alike = ModelEval.objects.filter(
        project_id=evaluation.project_id,
        task_type=evaluation.task_type,
        control=evaluation.control,
    )
    alike.filter(is_accepted=True).exclude(pk=evaluation.pk).update(is_accepted=False)
    alike.filter(pk=evaluation.pk).update(is_accepted=True)
    evaluation.is_accepted = True


def _locked(project_id: int) -> bool:
    """Whether the project is there still. Who accepts one of its evaluations waits here."""
    rows = Project.objects.select_for_update(no_key=True).filter(pk=project_id)
    return bool(rows.values_list("pk").first())


def withdraw(evaluation: ModelEval) -> None:
    """Takes the mark back; nothing where it has none. One statement."""
    ModelEval.objects.filter(pk=evaluation.pk).update(is_accepted=False)
    evaluation.is_accepted = False


def delete(evaluation: ModelEval) -> None:
    """Removes an evaluation and all that is in it."""
    writes.delete(evaluation.pk)
