"""Where a request comes from: for the audit trail, and for counting guesses."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address


def _parsed(text: str) -> Address | None:
    """The address, an IPv4 one where IPv6 only carries it; None for other text."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def _of(request: HttpRequest) -> Address | None:
    if settings.TRUST_PROXY_HEADERS:
        # The last is what the proxy itself saw; those before it are what the client claims.
        claimed = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        if (found := _parsed(claimed)) is not None:
            return found
    return _parsed(request.META.get("REMOTE_ADDR") or "")


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address; None where there is none, as behind a socket file.

    With TRUST_PROXY_HEADERS it is the last one of X-Forwarded-For, which the proxy wrote.
    """
    found = _of(request)
    return None if found is None else str(found)


def counted_as(request: HttpRequest) -> str | None:
    """The address under which guesses are counted: of IPv6 the /64, which one machine has alone."""
    found = _of(request)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False).network_address)
    return None if found is None else str(found)
