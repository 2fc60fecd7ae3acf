"""The one place that shares out a backend's requests among the workers whose jobs ask it."""

from django.db import transaction

from backends.models import Endpoint, JobShare
from predictions.models import MLBackend
from predictions_api.jobs.leases import Holder, renew_share


@transaction.atomic
def renew(job_id: int, mine: Holder, backend_id: int, *, n_asking: int = 0) -> int:
    """The holder's share of the backend's requests, by `renew_share`. Locks the backend's row.

    0 where the backend or the job is gone.
    """
    # Not a lock that a new prediction's key to the row would wait for.
    rows = MLBackend.objects.select_for_update(no_key=True).filter(pk=backend_id)
    if not rows.exists():
        return 0
    limits = Endpoint.objects.filter(pk=backend_id).values_list("max_concurrency", flat=True)
    shares = JobShare.objects.filter(backend_id=backend_id)
    new = JobShare(backend_id=backend_id, job_id=job_id)
    return renew_share(shares, mine, new, limit=limits.first() or 1, n_asking=n_asking)


def delete(mine: Holder) -> None:
    """Gives the holder's share back to the others."""
    JobShare.objects.filter(owner=mine.id).delete()
