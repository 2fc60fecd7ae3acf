"""Idempotency-Key: the same request sent again is answered, not done, again.

The answer is kept in the transaction that stores the rows, for 24 hours, so either both exist or
neither does. Two requests with one key at once wait for each other. Refusals are not kept: a
corrected request may use the key.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.authentication import access_of
from predictions_api.postgres.sql import fetch_all, fetch_one

LIFETIME = timedelta(hours=24)
MAX_KEY_LENGTH = 255

# Takes the key; waits for a transaction that is just taking it.
CLAIM_SQL = """
INSERT INTO predictions_idempotentrequest AS r (workspace_id, key, fingerprint, created_at)
VALUES (%s, %s, '', now())
ON CONFLICT (workspace_id, key) DO UPDATE
    SET fingerprint = '', created_at = now(), status_code = NULL, body = NULL
    WHERE r.created_at < now() - %s
RETURNING id
"""
KEPT_SQL = """
SELECT fingerprint, status_code, body FROM predictions_idempotentrequest
WHERE workspace_id = %s AND key = %s
"""
KEEP_SQL = """
UPDATE predictions_idempotentrequest SET fingerprint = %s, status_code = %s, body = %s WHERE id = %s
"""


def fingerprint_of(request: Request, body: str) -> str:
    """What makes two requests the same: verb, path with query, and what the body is known by."""
    parts = (request.method or "", request.get_full_path(), body)
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def once(
    request: Request,
    store: Callable[[], HttpResponse],
    *,
    digest: Callable[[], str] | None = None,
) -> HttpResponse:
    """The answer of `store`, which runs at most once for each Idempotency-Key of a workspace.

    Without the header it simply runs. What the body is known by is asked afterwards (`digest`, or
    else the parsed body itself), since a streamed body is only read by `store`. ValidationError
    for a key already used for another request.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if not key:
        return store()
    if len(key) > MAX_KEY_LENGTH or "\0" in key:
        raise ValidationError([f"Idempotency-Key has at most {MAX_KEY_LENGTH} characters."])
    workspace_id = access_of(request).workspace_id
    body_of = digest or (lambda: repr(request.data))
    with transaction.atomic():
        claimed = fetch_one(CLAIM_SQL, [workspace_id, key, LIFETIME])
        if claimed is None:
            return _kept(workspace_id, key, fingerprint_of(request, body_of()))
        response = store()
        fingerprint = fingerprint_of(request, body_of())
        with connection.cursor() as cursor:
            cursor.execute(
                KEEP_SQL, [fingerprint, response.status_code, response.content, claimed[0]]
            )
        return response


def _kept(workspace_id: int, key: str, fingerprint: str) -> HttpResponse:
    row = fetch_one(KEPT_SQL, [workspace_id, key])
    if row is None or row[0] != fingerprint:
        raise ValidationError(["This Idempotency-Key was used for another request."])
    response = HttpResponse(bytes(row[2]), status=row[1], content_type="application/json")
    response["Idempotent-Replayed"] = "true"
    return response


def purge() -> int:
    """Forgets answers older than 24 hours; how many."""
    sql = "DELETE FROM predictions_idempotentrequest WHERE created_at < now() - %s RETURNING id"
    return len(fetch_all(sql, [LIFETIME]))
