"""The one place that shares out a backend's requests among the workers whose jobs ask it."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from backends.models import Endpoint, JobShare
from predictions.models import MLBackend
from predictions_api.jobs.leases import Holder, fair_share, lasting


@transaction.atomic
def renew(job_id: int, mine: Holder, backend_id: int, *, n_asking: int = 0) -> int:
    """The holder's share of the backend's requests, renewed. Locks the backend's row.

    Shares are even, and never add up to more than the backend allows: a newcomer gets what is free
    now, and the rest once the others' `n_asking` requests, which count until they end, are fewer.
    0 where the backend or the job is gone.
    """
    # Not a lock that a new prediction's key to the row would wait for.
    rows = MLBackend.objects.select_for_update(no_key=True).filter(pk=backend_id)
    if not rows.exists():
        return 0
    limits = Endpoint.objects.filter(pk=backend_id).values_list("max_concurrency", flat=True)
    limit = limits.first() or 1
    shares = JobShare.objects.filter(backend_id=backend_id)
    shares.filter(lease_until__lt=Now()).delete()
    own = JobShare.objects.filter(owner=mine.id)
    if not own.update(lease_until=lasting(mine.lease_s)) and not _add(job_id, mine, backend_id):
        return 0
    held = list(shares.order_by("id").values_list("owner", "slots"))
    slots = fair_share(mine.id, held, limit=limit)
    own.update(slots=max(slots, n_asking))
    return slots


def _add(job_id: int, mine: Holder, backend_id: int) -> bool:
    """False where the job was deleted meanwhile."""
    try:
        with transaction.atomic():
            JobShare.objects.create(
                backend_id=backend_id,
                job_id=job_id,
                owner=mine.id,
                lease_until=lasting(mine.lease_s),
            )
    except IntegrityError:
        return False
    return True


def delete(mine: Holder) -> None:
    """Gives the holder's share back to the others."""
    JobShare.objects.filter(owner=mine.id).delete()
