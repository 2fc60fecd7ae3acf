"""The one place that shares out a connection's requests among the executors that use it."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from predictions_api.jobs.leases import Holder, fair_share, lasting
from prompts.models import ConnectionShare, ProviderConnection


@transaction.atomic
def renew(run_id: int, mine: Holder, connection_id: int, *, n_asking: int = 0) -> int:
    """The holder's share of the connection's requests, renewed. Locks the connection's row.

    Shares are even, and never add up to more than the connection allows: a newcomer gets what is
    free now, and the rest once the others have learnt of it at their next heartbeat and their
    `n_asking` requests in flight, which count until they end, are fewer. 0 where the connection or
    the run is gone.
    """
    rows = ProviderConnection.objects.select_for_update().filter(pk=connection_id)
    limit = rows.values_list("max_concurrency", flat=True).first()
    if limit is None:
        return 0
    shares = ConnectionShare.objects.filter(connection_id=connection_id)
    shares.filter(lease_until__lt=Now()).delete()
    own = ConnectionShare.objects.filter(owner=mine.id)
    if not own.update(lease_until=lasting(mine.lease_s)) and not _add(run_id, mine, connection_id):
        return 0
    held = list(shares.order_by("id").values_list("owner", "slots"))
    slots = fair_share(mine.id, held, limit=limit)
    own.update(slots=max(slots, n_asking))
    return slots


def _add(run_id: int, mine: Holder, connection_id: int) -> bool:
    """False where the run was deleted meanwhile."""
    try:
        with transaction.atomic():
            ConnectionShare.objects.create(
                connection_id=connection_id,
                run_id=run_id,
                owner=mine.id,
                lease_until=lasting(mine.lease_s),
            )
    except IntegrityError:
        return False
    return True


def delete(mine: Holder) -> None:
    """Gives the holder's share back to the others."""
    ConnectionShare.objects.filter(owner=mine.id).delete()
