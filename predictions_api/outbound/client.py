"""An HTTP client for addresses that users gave us, safe against server-side request forgery.

A host name is resolved, every address is checked, and the connection goes to a checked address. A
name that resolves differently the second time (DNS rebinding) therefore gains nothing. Redirects
are not followed and proxies of the environment are not used. `ALLOW_PRIVATE_URLS=true` turns the
check off, for models on this machine or network.
"""

import contextlib
import ipaddress
import socket
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

from predictions_api.outbound import sockets

# How long an unused connection is kept.
KEPT_FOR_S = 5.0
# IPv6 networks whose last four bytes are an IPv4 address (NAT64, mapped, compatible).
CARRIERS = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")]
# NAT64 within one's own network.
LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


class Blocked(Exception):
    """The address may not be called from this server."""


class Unresolved(Blocked):
    """The host has no address, at the moment at least."""


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour:
            return _is_public(str(inner))
        if any(address in carrier for carrier in CARRIERS):
            return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.teredo or address.is_site_local or address in LOCAL:
            return False
    return address.is_global and not address.is_multicast


def checked_addresses(host: str, port: int) -> list[str]:
    """The host's addresses, each once. Blocked if any of them is not public.

    A name with a public and a private address would otherwise pass the check with the one and be
    called at the other. Unresolved for a name without an address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Unresolved(f"The host {host!r} does not resolve.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.ALLOW_PRIVATE_URLS and not all(_is_public(text) for text in addresses):
        raise Blocked(
            f"The host {host!r} is on a private network, which this server may not call;"
            " its operator can allow that with ALLOW_PRIVATE_URLS=true."
        )
    return list(dict.fromkeys(addresses))


def check_url(url: str) -> str:
    """The URL as given. Blocked, with a reason, for one that this server would not call.

    A name that does not resolve now passes: it is checked again when it is called.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise Blocked("This is not a URL.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Blocked("A URL begins with http:// or https:// and names a host.")
    if parts.username or parts.password:
        raise Blocked("A URL with a user or password in it would end up in logs; use a key.")
    with contextlib.suppress(Unresolved):
        checked_addresses(parts.hostname, port)
    return url


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """The TLS settings, made once: reading the certificate store takes 20 ms."""
    return httpx2.create_ssl_context(trust_env=False)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Connects to the checked addresses of a host, under the host's own name for TLS and HTTP.

    Raises Blocked instead of connecting. A client of it talks to one host.
    """

    def __init__(self, *, max_connections: int) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEPT_FOR_S,
            network_backend=sockets.Backend(checked_addresses),
        )


def client(*, timeout_s: float, max_connections: int) -> httpx2.AsyncClient:
    """An HTTP client with the check; follows no redirect and uses no proxy."""
    return httpx2.AsyncClient(
        transport=CheckedTransport(max_connections=max_connections),
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
        follow_redirects=False,
        trust_env=False,
    )
