"""The states of a job: the one place that makes, begins, ends and cancels jobs.

A job's row is the truth about it and its items are the work; queues carry ids only. Whoever works
on a job holds leases: on the items it has claimed, on the job, and on its share of the backend's
requests. A worker that dies lets them lapse, which costs their time and nothing else.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from backends.db import items, outcomes
from backends.db.told import tell_ended
from backends.models import Endpoint, JobShare, PredictionJob
from predictions_api.jobs.leases import MOST_ATTEMPTS, lasting

Status = PredictionJob.Status
OPEN = (Status.PENDING, Status.IN_PROGRESS)
MOST_REASON = 2000
TOO_MANY_FAULTS = (
    f"Something went wrong here {MOST_ATTEMPTS} times; the server's log says what. `retry_of` asks"
    " again about the tasks that are left."
)


def create(**columns: Any) -> PredictionJob:
    """A job that nobody has begun, without items."""
    return PredictionJob.objects.create(**columns)


def set_tasks(job: PredictionJob, n: int) -> None:
    """Writes how many tasks a new job has: with some the queue has it in hand, without any it has
    ended well.
    """
    values: dict[str, Any] = {"total_tasks": n, "lease_until": _lease()}
    if n == 0:
        values |= {
            "status": Status.COMPLETED,
            "status_reason": "There is no task to ask about.",
            "completed_at": Now(),
            "lease_until": None,
        }
    PredictionJob.objects.filter(pk=job.pk).update(**values)


def add_tasks(job_id: int, n: int) -> bool:
    """Adds items to a job that nobody has begun; False if somebody has."""
    rows = PredictionJob.objects.filter(pk=job_id, status=Status.PENDING)
    return bool(rows.update(total_tasks=F("total_tasks") + n))


def _lease() -> Any:
    return lasting(settings.RUN_LEASE_S)


def unfinished() -> QuerySet[PredictionJob]:
    """The jobs that have work left."""
    return PredictionJob.objects.filter(status__in=OPEN)


def waiting(seconds: float) -> QuerySet[PredictionJob]:
    """The unfinished jobs that nobody has had in hand for so long, the longest first."""
    shares = JobShare.objects.filter(job=OuterRef("pk"), lease_until__gt=Now())
    is_waiting = Q(status=Status.PENDING) | Q(n_queued__gt=0) | Q(lease_until__lte=Now())
    before = Now() - timedelta(seconds=seconds)
    rows = unfinished().filter(is_waiting, ~Exists(shares), created_at__lt=before)
    return rows.order_by("id")


def begin(job_id: int) -> bool:
    """Takes the job in hand. False where it has ended, has as many workers as its backend takes
    requests, or too many faults.
    """
    # Asked before: an update of what every node of a cluster has may not ask the coordinator's own.
    limits = Endpoint.objects.filter(backend__jobs=job_id).values_list("max_concurrency", flat=True)
    shares = JobShare.objects.filter(job=OuterRef("pk"), lease_until__gt=Now())
    n_shares = shares.order_by().values("job").annotate(n=Count("pk")).values("n")
    rows = unfinished().filter(pk=job_id, n_faults__lt=MOST_ATTEMPTS)
    rows = rows.alias(n_workers=Coalesce(Subquery(n_shares), 0))
    return bool(
        rows.filter(n_workers__lt=limits.first() or 1).update(
            status=Status.IN_PROGRESS,
            status_reason="",
            n_queued=0,
            # By our clock: a cluster of databases takes no function of time within COALESCE.
            started_at=Coalesce("started_at", Value(timezone.now())),
            lease_until=_lease(),
        )
    )


class Prepared(NamedTuple):
    """Whether a job's backend has been set up, and what it named then."""

    is_prepared: bool
    model_version: str


@transaction.atomic
def prepare(job_id: int, version: str) -> None:
    """Notes that the backend is set up and named `version`; skips what is done at it already.
    Nothing for a job that is prepared or has ended.
    """
    job = PredictionJob.objects.select_for_update(no_key=True).filter(pk=job_id).first()
    if job is None or job.status != Status.IN_PROGRESS or job.is_prepared:
        return
    n = 0 if job.force else items.skip_done(job, version)
    now = timezone.now()
    PredictionJob.objects.filter(pk=job_id).update(
        is_prepared=True, model_version=version, answered_at=now
    )
    finish_if_done(job_id, outcomes.count(job_id, now, skipped=n))


def prepared(job_id: int) -> Prepared:
    """What of the preparation is done."""
    rows = PredictionJob.objects.filter(pk=job_id).values_list("is_prepared", "model_version")
    return Prepared(*(rows.first() or (True, "")))


def ask_singly(job_id: int) -> None:
    """From now on one task a request: the answers do not fit the tasks."""
    PredictionJob.objects.filter(pk=job_id).update(asks_singly=True)


def keep(job_id: int, note: str) -> None:
    """A fresh lease for a job in progress; `note` says what its worker waits for."""
    rows = PredictionJob.objects.filter(pk=job_id, status=Status.IN_PROGRESS)
    rows.update(lease_until=_lease(), status_reason=note[:MOST_REASON])


def let_go(job_id: int) -> None:
    """Makes the job due for another worker at once, unless others are at it."""
    others = JobShare.objects.filter(job=OuterRef("pk"))
    rows = PredictionJob.objects.filter(~Exists(others), pk=job_id, status__in=OPEN)
    rows.update(lease_until=Now())


def status_of(job_id: int) -> str:
    """The job's status now; Canceled for one that was deleted."""
    rows = PredictionJob.objects.filter(pk=job_id).values_list("status", flat=True)
    return str(rows.first() or Status.CANCELED)


def finish_if_done(job_id: int, counts: outcomes.Counts | None) -> str | None:
    """The final status, if this ended the job; None while something is left or it had ended.

    In the transaction that counted: the counts tell, and the job's row is locked.
    """
    if counts is None or counts.status != Status.IN_PROGRESS:
        return None
    _, total, done, skipped, failed = counts
    if done + skipped + failed < total:
        return None
    status, reason = Status.COMPLETED, ""
    if failed and not done:
        status = Status.FAILED
        reason = f"All {failed} tasks that were asked about failed."
    elif failed:
        reason = f"{failed} of {done + failed} tasks failed."
    if failed and (first := items.first_failure(job_id)):
        reason = f"{reason} The first: {first}"
    _end(job_id, status, reason)
    return str(status)


def _end(job_id: int, status: str, reason: str) -> None:
    PredictionJob.objects.filter(pk=job_id).update(
        status=status, status_reason=reason[:MOST_REASON], completed_at=Now(), lease_until=None
    )
    tell_ended(job_id)


@transaction.atomic
def fail(job_id: int, kind: str, message: str) -> None:
    """Ends the job for a fault of the whole of it: what is left fails, what is stored stays."""
    job = outcomes.lock(job_id)
    if job is None or job.status not in OPEN:
        return
    now = timezone.now()
    n = items.fail_open(job_id, kind, message, now)
    outcomes.count(job_id, now, failed=n)
    done = PredictionJob.objects.filter(pk=job_id).values_list("done_tasks", flat=True).first()
    _end(job_id, Status.COMPLETED if done else Status.FAILED, f"{kind}: {message}")


def count_fault(job_id: int) -> None:
    """Notes that a worker ended on an error of ours; after MOST_ATTEMPTS the job ends."""
    unfinished().filter(pk=job_id).update(n_faults=F("n_faults") + 1)
    fail_faulty(job_id)


def fail_faulty(job_id: int) -> None:
    """Ends the job if MOST_ATTEMPTS of its workers ended on an error of ours."""
    if unfinished().filter(pk=job_id, n_faults__gte=MOST_ATTEMPTS).exists():
        fail(job_id, "InternalError", TOO_MANY_FAULTS)


def cancel_all(backend_id: int) -> None:
    """Cancels what is open of a backend that is about to go."""
    for job_id in unfinished().filter(backend_id=backend_id).values_list("pk", flat=True):
        cancel(job_id)


@transaction.atomic
def cancel(job_id: int) -> bool:
    """Cancels the job; what is stored stays, nothing more is. False where it has ended otherwise.

    Takes effect at once for every write: answers in flight are dropped.
    """
    job = outcomes.lock(job_id)
    if job is None or job.status == Status.CANCELED:
        return job is not None
    if job.status not in OPEN:
        return False
    outcomes.count(job_id, timezone.now(), skipped=items.skip_open(job_id))
    _end(job_id, Status.CANCELED, "Canceled by a user.")
    return True
