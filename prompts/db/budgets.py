"""What may still be spent on a provider connection."""

from predictions_api.postgres.sql import fetch_one
from predictions_api.wording import usd

# A new period begins with the first dollar spent in it. A cluster takes no time within an update's
# CASE: whether the period is over is asked before, of the locked row.
SPEND_SQL = """
UPDATE prompts_providerconnection
SET budget_total_spent = CASE WHEN %(over)s THEN 0 ELSE budget_total_spent END + %(cost)s,
    budget_last_reset_date = CASE WHEN %(over)s THEN %(now)s::timestamptz
        ELSE budget_last_reset_date END
WHERE id = %(connection)s RETURNING budget_total_spent, budget_limit
"""
PERIOD_IS_OVER = (
    "(budget_reset_period IS NOT NULL AND coalesce(budget_last_reset_date, created_at)"
    " + CASE budget_reset_period WHEN 'Monthly' THEN interval '1 month'"
    " ELSE interval '1 year' END <= now())"
)
PERIOD_SQL = (
    f"SELECT {PERIOD_IS_OVER}, now() FROM prompts_providerconnection WHERE id = %s"  # noqa: S608
    " FOR NO KEY UPDATE"
)


def spend(connection_id: int | None, cost: float) -> str:
    """Adds to what the connection has spent; why its budget stops it, or nothing. Two statements in
    the caller's transaction.
    """
    if connection_id is None or not cost:
        return ""
    period = fetch_one(PERIOD_SQL, [connection_id])
    if period is None:
        return ""
    values = {"over": period[0], "now": period[1], "cost": cost, "connection": connection_id}
    row = fetch_one(SPEND_SQL, values)
    return "" if row is None else over_budget(*row)


def over_budget(spent: float, limit: float | None) -> str:
    """Why a connection with that limit may spend no more; nothing while it may."""
    if limit is None or spent < limit:
        return ""
    return f"The provider connection's budget of ${limit:g} is spent (${usd(spent, digits=6)})."


def budget_left(connection_id: int) -> str:
    """Why the connection may not be called now; nothing while it may. One statement."""
    row = fetch_one(
        f"SELECT CASE WHEN {PERIOD_IS_OVER} THEN 0 ELSE budget_total_spent END, budget_limit"  # noqa: S608
        " FROM prompts_providerconnection WHERE id = %s",
        [connection_id],
    )
    return "" if row is None else over_budget(*row)
