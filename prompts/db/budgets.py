"""What may still be spent on a provider connection."""

from django.utils import timezone

from predictions_api.wording import plain, usd
from prompts.models import ProviderConnection


def spend(connection_id: int | None, cost: float) -> str:
    """Adds to what the connection has spent, where a new period begins with the first dollar spent
    in it; why its budget stops it, or nothing. Two statements in the caller's transaction.
    """
    if connection_id is None or not cost:
        return ""
    rows = ProviderConnection.objects.filter(pk=connection_id)
    row = rows.select_for_update(no_key=True).first()
    if row is None:
        return ""
    spent = row.spent_in_period + cost
    begun = timezone.now() if row.is_period_over else row.budget_last_reset_date
    rows.update(budget_total_spent=spent, budget_last_reset_date=begun)
    return over_budget(spent, row.budget_limit)


def over_budget(spent: float, limit: float | None) -> str:
    """Why a connection with that limit may spend no more; nothing while it may."""
    if limit is None or spent < limit:
        return ""
    return (
        f"The provider connection's budget of ${plain(limit)} is spent (${usd(spent, digits=6)})."
    )


def budget_left(connection_id: int) -> str:
    """Why the connection may not be called now; nothing while it may. One statement."""
    row = ProviderConnection.objects.filter(pk=connection_id).first()
    return "" if row is None else over_budget(row.spent_in_period, row.budget_limit)
