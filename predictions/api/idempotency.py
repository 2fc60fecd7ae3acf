"""Idempotency-Key: the same request sent again is answered, not done, again.

The answer is kept in the transaction that stores the rows, for 24 hours, so either both exist or
neither does. Two requests with one key at once wait for each other. Refusals are not kept: a
corrected request may use the key.
"""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.authentication import access_of
from predictions.db.idempotency import KeptAnswer, claim, keep, kept_answer

MAX_KEY_LENGTH = 255


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
        row_id = claim(workspace_id, key)
        if row_id is None:
            return _kept(workspace_id, key, fingerprint_of(request, body_of()))
        response = store()
        fingerprint = fingerprint_of(request, body_of())
        keep(row_id, KeptAnswer(fingerprint, response.status_code, response.content))
        return response


def _kept(workspace_id: int, key: str, fingerprint: str) -> HttpResponse:
    kept = kept_answer(workspace_id, key)
    if kept is None or kept.fingerprint != fingerprint:
        raise ValidationError(["This Idempotency-Key was used for another request."])
    response = HttpResponse(
        bytes(kept.body), status=kept.status_code, content_type="application/json"
    )
    response["Idempotent-Replayed"] = "true"
    return response
