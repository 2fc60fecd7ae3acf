"""The one place that writes which backends are asked to train."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from backends.models import Training
from predictions.models import MLBackend
from predictions_api.jobs.leases import NOBODY, Holder, lasting


@transaction.atomic
def ask(backend_id: int, *, use_ground_truth: bool = False, user_id: int | None = None) -> bool:
    """Asks for a training; True if the queue is to be told. One that waits is enough; while one is
    out, one more is noted.
    """
    made = Training(
        backend_id=backend_id,
        use_ground_truth=use_ground_truth,
        created_by_id=user_id,
        lease_until=lasting(settings.RUN_LEASE_S),
    )
    known = Training.objects.select_for_update().filter(pk=backend_id)
    if known.filter(lease_owner__isnull=False).update(is_again=True) or known.exists():
        return False
    # Two that ask at once make one.
    Training.objects.bulk_create([made], ignore_conflicts=True)
    return True


def waiting() -> QuerySet[Training]:
    """Those that are due and that nobody has in hand."""
    return Training.objects.filter(Q(lease_until__lte=Now()), pk=F("pk"))


def claim(backend_id: int, mine: Holder) -> Training | None:
    """Takes the training in hand; None where there is none, or somebody else has it, or where it
    waits for its time.
    """
    rows = Training.objects.filter(pk=backend_id).order_by("pk")
    # Until its first try the queue has it, whose lease has not run out.
    due = rows.filter(Q(tries=0) | Q(lease_until__lte=Now()))
    if not mine.claim(due, 1, n_queued=0):
        return None
    return rows.select_related("backend__project", "backend__endpoint").get()


def keep(backend_id: int, mine: Holder) -> None:
    """Renews the lease. LeaseLost where it is no longer held."""
    mine.keep(Training.objects.filter(pk=backend_id))


def release(backend_id: int, mine: Holder) -> None:
    """Gives it back as if it had not been claimed: the next worker sends the request."""
    mine.release(Training.objects.filter(pk=backend_id))


def retry(backend_id: int, mine: Holder, wait_s: float) -> None:
    """Gives it back for another try after so many seconds."""
    rows = Training.objects.filter(pk=backend_id, lease_owner=mine.id)
    rows.update(tries=F("tries") + 1, attempts=0, lease_owner=None, lease_until=lasting(wait_s))


@transaction.atomic
def end(backend_id: int, mine: Holder) -> bool:
    """Ends it; True if it was asked for once more meanwhile, and waits again."""
    rows = Training.objects.filter(pk=backend_id, lease_owner=mine.id)
    again: dict[str, Any] = {**NOBODY, "is_again": False, "tries": 0, "attempts": 0}
    if rows.filter(is_again=True).update(**{**again, "lease_until": Now()}):
        return True
    rows.delete()
    return False


def backends_that_follow(project_ids: Iterable[int]) -> list[int]:
    """Ids of the backends of those of the projects that have them train as people annotate."""
    wants = Q(project__start_training_on_annotation_update=True)
    wants |= Q(project__min_annotations_to_start_training__gt=0)
    rows = MLBackend.objects.filter(wants, project_id__in=list(project_ids))
    return list(rows.order_by("pk").values_list("pk", flat=True))
