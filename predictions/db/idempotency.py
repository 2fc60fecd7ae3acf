"""Answers kept by Idempotency-Key for 24 hours, in the transaction that stores the rows."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from predictions.models import IdempotentRequest
from predictions_api.postgres.sql import fetch_one

LIFETIME = timedelta(hours=24)

# Takes the key; waits for a transaction that is just taking it.
CLAIM_SQL = """
INSERT INTO predictions_idempotentrequest AS r (workspace_id, key, fingerprint, created_at)
VALUES (%s, %s, '', now())
ON CONFLICT (workspace_id, key) DO UPDATE
    SET fingerprint = '', created_at = excluded.created_at, status_code = NULL, body = NULL
    WHERE r.created_at < %s
RETURNING id
"""


class KeptAnswer(NamedTuple):
    """An answer, and the fingerprint of the request that it was given to."""

    fingerprint: str
    status_code: int
    body: bytes


def claim(workspace_id: int, key: str) -> int | None:
    """The id of the row that shall keep the answer; None where the key has been used already.

    Belongs inside a transaction: another request with the key waits until that ends.
    """
    row = fetch_one(CLAIM_SQL, [workspace_id, key, datetime.now(UTC) - LIFETIME])
    return None if row is None else int(row[0])


def keep(row_id: int, answer: KeptAnswer) -> None:
    """Keeps the answer in a claimed row."""
    IdempotentRequest.objects.filter(pk=row_id).update(**answer._asdict())


def kept_answer(workspace_id: int, key: str) -> KeptAnswer | None:
    """The answer under a key; None where there is none."""
    rows = IdempotentRequest.objects.filter(workspace_id=workspace_id, key=key)
    row = rows.values_list(*KeptAnswer._fields).first()
    return None if row is None else KeptAnswer(*row)


def purge() -> int:
    """Forgets answers older than 24 hours; how many."""
    old = IdempotentRequest.objects.filter(created_at__lt=datetime.now(UTC) - LIFETIME)
    return old.delete()[0]
