"""The one place that shares out a connection's requests among the executors that use it."""

from django.db import transaction

from predictions_api.jobs.leases import Holder, renew_share
from prompts.models import ConnectionShare, ProviderConnection


@transaction.atomic
def renew(run_id: int, mine: Holder, connection_id: int, *, n_asking: int = 0) -> int:
    """The holder's share of the connection's requests, by `renew_share`. Locks the connection's
    row.

    0 where the connection or the run is gone.
    """
    rows = ProviderConnection.objects.select_for_update().filter(pk=connection_id)
    limit = rows.values_list("max_concurrency", flat=True).first()
    if limit is None:
        return 0
    shares = ConnectionShare.objects.filter(connection_id=connection_id)
    new = ConnectionShare(connection_id=connection_id, run_id=run_id)
    return renew_share(shares, mine, new, limit=limit, n_asking=n_asking)


def delete(mine: Holder) -> None:
    """Gives the holder's share back to the others."""
    ConnectionShare.objects.filter(owner=mine.id).delete()
