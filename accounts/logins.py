"""Counts failed logins and unknown keys with django-axes, and unlocks whoever is locked.

A login is locked for the pair of account and address, and an address that fails with many accounts
as a whole. Never an account alone: a stranger could lock its owner out.
"""

from datetime import UTC, datetime
from ipaddress import IPv6Network, ip_address
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import F, Q, Sum
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

from predictions_api.operations.addresses import counted_as

#: The account under which unknown keys are counted. Those that logins name are in lower case.
KEYS = "KEYS"
MAX_LENGTH = 255


class UnknownKeys(Throttled):
    """Too many unknown keys came from this address."""

    default_detail = "Too many unknown keys came from your address."


def account_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """The account that a login names, as attempts store it: AXES_USERNAME_CALLABLE."""
    name = (credentials or request.POST).get("username")
    return name and str(name).replace("\0", "").lower()[:MAX_LENGTH]


class Attempts(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Where django-axes keeps failed logins, with a wider limit for an address as a whole."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Failures of account and address, or of the address alone if it is nearer to its limit.

        The latter in the measure of the former: LOGIN_TRIES is the limit of both. One statement.
        """
        address = request.axes_ip_address  # type: ignore[attr-defined]
        rows = AccessAttempt.objects.filter(
            ip_address=address, attempt_time__gte=get_cool_off_threshold(request)
        )
        total = Sum("failures_since_start")
        name = get_client_username(request, credentials)
        counted = rows.exclude(username=KEYS).aggregate(
            of_pair=Sum("failures_since_start", filter=Q(username=name)), of_address=total
        )
        of_address = counted["of_address"] or 0
        wider = of_address * settings.LOGIN_TRIES // settings.LOGIN_TRIES_PER_ADDRESS
        return max(counted["of_pair"] or 0, wider)


def count_unknown_key(request: HttpRequest) -> bool:
    """Counts a key that nobody has; whether its address has now sent as many as it may.

    UnknownKeys if it had before. Keys that work are never counted or refused: a stranger at the
    same proxy could lock everybody out, and nobody guesses 160 random bits.
    """
    address, now = counted_as(request), datetime.now(UTC)
    mine = AccessAttempt.objects.filter(username=KEYS, ip_address=address)
    row = mine.values_list("failures_since_start", "attempt_time").first()
    if row is not None and row[1] + settings.AXES_COOLOFF_TIME <= now:
        mine.delete()
        row = None
    if row is None:
        mine.get_or_create(
            username=KEYS,
            ip_address=address,
            user_agent="",
            defaults={"failures_since_start": 1, "path_info": request.path_info[:MAX_LENGTH]},
        )
        return settings.KEY_TRIES_PER_ADDRESS <= 1
    failures, last = row
    if failures >= settings.KEY_TRIES_PER_ADDRESS:
        raise UnknownKeys(wait=(last + settings.AXES_COOLOFF_TIME - now).total_seconds())
    mine.update(failures_since_start=F("failures_since_start") + 1, attempt_time=now)
    return bool(failures + 1 >= settings.KEY_TRIES_PER_ADDRESS)


def unlock(*, email: str | None = None, address: str | None = None) -> int:
    """Forgets the failures of an account, of an address, or of that account at that address.

    How many pairs of account and address had any. ValueError for text that is no address.
    """
    rows = AccessAttempt.objects.all()
    if email is not None:
        rows = rows.filter(username=email.lower())
    if address is not None:
        parsed = ip_address(address)
        if parsed.version == 6:
            parsed = IPv6Network((parsed, 64), strict=False).network_address
        rows = rows.filter(ip_address=str(parsed))
    n = len(set(rows.values_list("username", "ip_address")))
    rows.delete()
    return n
