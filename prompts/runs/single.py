"""One paid request outside of a run: a trial, or a teacher's."""

from typing import Any

from django.db import transaction

from prompts.asking import providers
from prompts.asking.providers import Answer, Refusal, RunError, Took
from prompts.db import budgets
from prompts.models import ProviderConnection


def ask(row: ProviderConnection, **asked: Any) -> tuple[Answer, Took]:
    """As `providers.ask_once`, and what it cost is spent from the connection's budget.

    RunError, without a request, where the budget is spent.
    """
    if spent := budgets.budget_left(row.pk):
        raise RunError(spent)
    try:
        answer, took = providers.ask_once(row, **asked)
    except Refusal as error:
        _spend(row, error.took)
        raise
    _spend(row, took)
    return answer, took


@transaction.atomic
def _spend(row: ProviderConnection, took: Took) -> None:
    budgets.spend(row.pk, took.get("total_cost") or 0.0)
