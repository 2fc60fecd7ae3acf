"""The states of a run: the one place that makes, begins, ends and cancels runs.

A run's row is the truth about it and its items are the work; queues carry ids only. Whoever works
on a run holds leases: on the items it has claimed, on the run, and on its share of the
connection's requests. A worker that dies lets them lapse, which costs their time and nothing
else: the sweep gives the run to the next one. Everything here may be repeated.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from predictions_api.jobs.leases import MOST_ATTEMPTS, lasting
from predictions_api.jobs.sweeps import AT_ONCE
from predictions_api.outbound.events import recording
from prompts.db import items, measures, outcomes
from prompts.models import ConnectionShare, ModelRun

Status = ModelRun.Status
# What each verb makes of a status; a status that is not named refuses the verb.
TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "begin": {
        Status.PENDING: (Status.IN_PROGRESS,),
        Status.IN_PROGRESS: (Status.IN_PROGRESS,),  # a second worker joins, or takes over
    },
    "store": {
        Status.PENDING: (Status.IN_PROGRESS,),
        Status.IN_PROGRESS: (Status.IN_PROGRESS,),
    },
    "finish": {
        Status.PENDING: (Status.FAILED,),  # all its tasks were deleted
        Status.IN_PROGRESS: (Status.COMPLETED, Status.FAILED),
    },
    "fail": {Status.PENDING: (Status.FAILED,), Status.IN_PROGRESS: (Status.FAILED,)},
    "cancel": {
        Status.PENDING: (Status.CANCELED,),
        Status.IN_PROGRESS: (Status.CANCELED,),
        Status.CANCELED: (Status.CANCELED,),  # asked again
    },
}
OPEN = (Status.PENDING, Status.IN_PROGRESS)
TOO_MANY_FAULTS = (
    f"Something went wrong here {MOST_ATTEMPTS} times; the server's log says what. A new run with"
    " only_missing_predictions goes on from what is stored."
)
TASKS_DELETED = "All its tasks were deleted before they had an outcome."
EMPTY_REASONS = {
    ModelRun.Subset.HAS_GT: "No task of the project has a ground-truth annotation.",
    ModelRun.Subset.CUSTOM: "No task of the project matches the filters.",
}


def may(verb: str, status: str) -> bool:
    """Whether a run in that status takes the verb."""
    return status in TRANSITIONS[verb]


def _taking(verb: str, run_id: int) -> QuerySet[ModelRun]:
    """The run, if its status takes the verb."""
    return ModelRun.objects.filter(pk=run_id, status__in=list(TRANSITIONS[verb]))


def unfinished() -> QuerySet[ModelRun]:
    """The runs that have work left for our workers."""
    return ModelRun.objects.filter(is_ours=True, status__in=OPEN)


def waiting(seconds: float) -> QuerySet[ModelRun]:
    """The unfinished runs that nobody has had in hand for so long, the longest first."""
    shares = ConnectionShare.objects.filter(run=OuterRef("pk"), lease_until__gt=Now())
    is_waiting = Q(status=Status.PENDING) | Q(n_queued__gt=0) | Q(lease_until__lte=Now())
    before = Now() - timedelta(seconds=seconds)
    rows = unfinished().filter(is_waiting, ~Exists(shares), created_at__lt=before)
    return rows.order_by("id")


def create(**columns: Any) -> ModelRun:
    """A run that nobody has begun, without items."""
    return ModelRun.objects.create(**columns)


def set_tasks(run: ModelRun, n: int) -> None:
    """Writes how many tasks a new run has. With some, the queue has it in hand if it is ours; one
    without has nothing to do and ends: well if nothing was missing, else badly.
    """
    values: dict[str, Any] = {"total_tasks": n}
    if n == 0:
        reason = EMPTY_REASONS.get(ModelRun.Subset(run.project_subset), "The project has no tasks.")
        values |= {"status": Status.FAILED, "status_reason": reason, "completed_at": Now()}
        if run.only_missing_predictions:
            values["status"] = Status.COMPLETED
            values["status_reason"] = "No task lacks a prediction of this version."
    elif run.is_ours:
        values |= {"lease_until": _lease()}
    ModelRun.objects.filter(pk=run.pk).update(**values)
    if n == 0:
        _record_end(run.pk)


def _record_end(run_id: int) -> None:
    """Records that the run has ended, in the transaction that ends it, for those who listen."""
    rows = ModelRun.objects.filter(pk=run_id)
    place = rows.values_list("project__workspace_id", "project_id").first()
    if place is not None:
        recording.record(
            "RUN_COMPLETED", workspace_id=place[0], project_id=place[1], body={"run": run_id}
        )


def _lease() -> Any:
    return lasting(settings.RUN_LEASE_S)


def begin(run_id: int) -> bool:
    """Takes the run in hand. False where it has ended, has as many executors as it may, or too many
    faults.
    """
    shares = ConnectionShare.objects.filter(run=OuterRef("pk"), lease_until__gt=Now())
    n_shares = shares.order_by().values("run").annotate(n=Count("pk")).values("n")
    rows = _taking("begin", run_id).filter(is_ours=True, n_faults__lt=MOST_ATTEMPTS)
    if settings.RUN_EXECUTORS:
        rows = rows.alias(n_executors=Coalesce(Subquery(n_shares), 0))
        rows = rows.filter(n_executors__lt=settings.RUN_EXECUTORS)
    return bool(
        rows.update(
            status=Status.IN_PROGRESS,
            status_reason="",
            n_queued=0,
            triggered_at=_first("triggered_at"),
            lease_until=_lease(),
        )
    )


def set_begun(run_id: int) -> None:
    """Writes that an outside engine has begun a run."""
    begun = {"status": Status.IN_PROGRESS, "triggered_at": _first("triggered_at")}
    ModelRun.objects.filter(pk=run_id, status=Status.PENDING).update(**begun)


def _first(column: str) -> Coalesce:
    """The moment the column holds, else this one. By our clock: a cluster of databases takes no
    function of time within COALESCE.
    """
    return Coalesce(column, Value(timezone.now()))


def keep(run_id: int, note: str) -> None:
    """A fresh lease for a run in progress; `note` says what its executor waits for."""
    rows = ModelRun.objects.filter(pk=run_id, status=Status.IN_PROGRESS)
    rows.update(lease_until=_lease(), status_reason=note[:1000])


def let_go(run_id: int) -> None:
    """Makes the run due for another worker at once, unless other executors are at it."""
    others = ConnectionShare.objects.filter(run=OuterRef("pk"))
    rows = ModelRun.objects.filter(~Exists(others), pk=run_id, status__in=OPEN)
    rows.update(lease_until=Now())


def status_of(run_id: int) -> str:
    """The run's status now; Canceled for one that was deleted. Ends it if nothing is left."""
    finish_if_done(run_id)
    statuses = ModelRun.objects.filter(pk=run_id).values_list("status", flat=True)
    return str(statuses.first() or Status.CANCELED)


@transaction.atomic
def fail(run_id: int, reason: str) -> bool:
    """Ends the run at once for a fault of the whole of it; what is stored stays. False if ended."""
    ended = _taking("fail", run_id).update(
        status=Status.FAILED,
        status_reason=reason[:2000],
        completed_at=Now(),
        lease_until=None,
    )
    if ended:
        measures.keep(run_id)
        _record_end(run_id)
    return bool(ended)


def count_fault(run_id: int) -> None:
    """Notes that an executor ended on an error of ours; after MOST_ATTEMPTS the run ends."""
    ModelRun.objects.filter(pk=run_id, status__in=OPEN).update(n_faults=F("n_faults") + 1)
    fail_faulty(run_id)


def fail_faulty(run_id: int) -> None:
    """Ends the run if MOST_ATTEMPTS of its executors ended on an error of ours."""
    if ModelRun.objects.filter(pk=run_id, status__in=OPEN, n_faults__gte=MOST_ATTEMPTS).exists():
        fail(run_id, TOO_MANY_FAULTS)


@transaction.atomic
def cancel(run_id: int) -> bool:
    """Cancels the run; what is stored stays, nothing more is. False where it has ended otherwise.

    Takes effect at once for every write: answers of requests in flight are dropped.
    """
    columns = {
        "status": Status.CANCELED,
        "status_reason": "Canceled by a user.",
        "completed_at": _first("completed_at"),
        "lease_until": None,
    }
    if _taking("cancel", run_id).filter(status__in=OPEN).update(**columns):
        measures.keep(run_id)
        _record_end(run_id)
        return True
    return bool(_taking("cancel", run_id).update(**columns))


def finish_if_done(run_id: int) -> str | None:
    """The final status, if this ended the run; None while something is left or it had ended.

    Totals are stored together with the items they count: once no item is open they are final.
    """
    if items.has_open(run_id):
        return None
    totals = _taking("finish", run_id).values_list("total_predictions", "total_failed").first()
    if totals is None:
        return None
    predicted, failed = totals
    status, reason = Status.COMPLETED, ""
    if predicted == failed == 0:
        status, reason = Status.FAILED, TASKS_DELETED
    elif predicted == 0:
        status, reason = Status.FAILED, "No task has a prediction; the failures say why."
    elif failed:
        reason = f"{failed} of {predicted + failed} tasks failed."
    with transaction.atomic():
        ended = _taking("finish", run_id).update(
            status=status,
            status_reason=reason,
            completed_at=Now(),
            lease_until=None,
        )
        if ended:
            measures.keep(run_id)
            _record_end(run_id)
    return str(status) if ended else None


def end_emptied() -> list[int]:
    """Ends open runs of outside engines whose last open tasks were deleted, which no batch will
    end; their ids. Looks at each run once in RUN_LEASE_S, at AT_ONCE of them.
    """
    is_due = Q(lease_until__isnull=True) | Q(lease_until__lte=Now())
    outside = ModelRun.objects.filter(is_due, is_ours=False, status__in=OPEN).order_by("id")
    with transaction.atomic():
        locked = outside.select_for_update(skip_locked=True, of=("self",), no_key=True)
        due = list(locked.values_list("pk", flat=True)[:AT_ONCE])
        ModelRun.objects.filter(pk__in=due).update(lease_until=_lease())
    return [run_id for run_id in due if not items.has_open(run_id) and _end_emptied(run_id)]


@transaction.atomic
def _end_emptied(run_id: int) -> bool:
    # Its totals are those of its items once no batch is being stored.
    return outcomes.lock(run_id) is not None and finish_if_done(run_id) is not None
