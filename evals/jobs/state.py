"""The states of an evaluation: who may leave which, and what that writes."""

import uuid
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from evals.db import writes
from evals.models import ModelEval

CANCELLED = "Cancelled. Run it again to have it computed."


RESET: dict[str, Any] = {
    "status": ModelEval.Status.RUNNING,
    "progress": 0.0,
    "failure_reason": "",
    "finished_at": None,
    "planned_at": None,
    "summary": None,
    "image_counts": {},
    "uses_masks": False,
    "ignored": [],
    "warnings": [],
    "lease_owner": None,
    "lease_until": None,
    "attempts": 0,
}


def cancel(evaluation: ModelEval) -> bool:
    """Ends a running evaluation as failed; False when it was not running."""
    return _end_failed(evaluation.pk, CANCELLED)


def delete(evaluation: ModelEval) -> None:
    """Removes an evaluation and, by the database's own cascades, all that is in it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM evals_modeleval WHERE id = %s", [evaluation.pk])


def _end_failed(evaluation_id: int, reason: str, owner: uuid.UUID | None = None) -> bool:
    """Ends a running evaluation, of this owner if one is given; nothing of it stays to be shown."""
    running = ModelEval.objects.filter(pk=evaluation_id, status=ModelEval.Status.RUNNING)
    if owner is not None:
        running = running.filter(lease_owner=owner)
    with transaction.atomic():
        ended = running.update(
            status=ModelEval.Status.FAILED,
            failure_reason=reason[:2000],
            finished_at=Now(),
            lease_owner=None,
            lease_until=None,
        )
        if ended:
            writes.clear(evaluation_id)
    return bool(ended)
