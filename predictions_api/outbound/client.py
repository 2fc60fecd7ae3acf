"""An HTTP client for addresses that users gave us, safe against server-side request forgery.

A host name is resolved, every address is checked, and the connection goes to a checked address. A
name that resolves differently the second time (DNS rebinding) therefore gains nothing. Redirects
are not followed and proxies of the environment are not used. `OUTBOUND_ALLOWED_HOSTS` names single
hosts and networks that may be called although they are private; `ALLOW_PRIVATE_URLS=true` turns the
check off, for models on this machine or network.

Answers are asked for uncompressed. One that comes compressed in spite of that is unpacked piece by
piece and counted, so that a small answer cannot become a large one in memory.
"""

import contextlib
import ipaddress
import socket
import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from functools import lru_cache
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

from predictions_api.outbound import sockets

# How long an unused connection is kept.
KEPT_FOR_S = 5.0
# How answers may come packed, although nobody asked for it.
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
# How long a connection may take to be accepted.
MOST_CONNECT_S = 10.0
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


def _is_allowed(host: str, addresses: list[str]) -> bool:
    """Whether the operator lets private addresses of this host be called: the host is named, or a
    network that all of them are in.
    """
    named = settings.OUTBOUND_ALLOWED_HOSTS
    if host.lower().rstrip(".") in named:
        return True
    networks = [network for entry in named if (network := _network(entry)) is not None]
    found = (ipaddress.ip_address(text.partition("%")[0]) for text in addresses)
    return all(_is_public(str(one)) or any(one in net for net in networks) for one in found)


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def checked_addresses(host: str, port: int) -> list[str]:
    """The host's addresses, each once. Blocked if any of them is neither public nor allowed.

    A name with a public and a private address would otherwise pass the check with the one and be
    called at the other. Unresolved for a name without an address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Unresolved(f"The host {host!r} does not resolve.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.ALLOW_PRIVATE_URLS and not _is_allowed(host, addresses):
        raise Blocked(
            f"The host {host!r} is on a private network, which this server may not call;"
            f" its operator can allow that with OUTBOUND_ALLOWED_HOSTS={host}, or for all hosts"
            " with ALLOW_PRIVATE_URLS=true."
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
def tls() -> ssl.SSLContext:
    """The TLS settings, made once: reading the certificate store takes 20 ms."""
    return httpx2.create_ssl_context(trust_env=False)


class Unpacked(httpx2.AsyncByteStream):
    """The bytes that a gzip or deflate stream holds, `most_bytes` at most."""

    PIECE_BYTES = 2**16

    def __init__(
        self, packed: AsyncIterable[bytes], most_bytes: int = sockets.MAX_ANSWER_BYTES
    ) -> None:
        self._packed = packed
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Piece by piece. ReadError for one that is too long, DecodingError for one that is broken.

        A stream that breaks off gives what it held.
        """
        # Tells gzip from zlib by the head.
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        length = 0
        try:
            async for piece in self._packed:
                while piece and not unpacker.eof:
                    found = unpacker.decompress(piece, self.PIECE_BYTES)
                    piece = unpacker.unconsumed_tail
                    length += len(found)
                    if length > self._most_bytes:
                        raise httpx2.ReadError(sockets.TOO_LONG.format(self._most_bytes))
                    yield found
        except zlib.error as error:
            raise httpx2.DecodingError(str(error)) from None

    async def aclose(self) -> None:
        if isinstance(self._packed, httpx2.AsyncByteStream):
            await self._packed.aclose()


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Connects to the checked addresses of a host, under the host's own name for TLS and HTTP.

    Raises Blocked instead of connecting. A client of it talks to one host.
    """

    def __init__(self, *, max_connections: int, most_bytes: int = sockets.MAX_ANSWER_BYTES) -> None:
        super().__init__(verify=tls(), trust_env=False)
        self._most_bytes = most_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEPT_FOR_S,
            network_backend=sockets.Backend(checked_addresses, most_bytes=most_bytes),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange; the body is never longer than `most_bytes`."""
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding == "identity" or not isinstance(response.stream, httpx2.AsyncByteStream):
            return response
        if coding not in PACKED:
            await response.aclose()
            raise unreadable(coding)
        del response.headers["Content-Encoding"]
        # Of the packed bytes.
        response.headers.pop("Content-Length", None)
        return httpx2.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=Unpacked(response.stream, self._most_bytes),
            extensions=response.extensions,
        )


def unreadable(coding: str) -> httpx2.DecodingError:
    """For an answer in an encoding that is not read."""
    return httpx2.DecodingError(f"The answer is in {coding[:50]!r}, which nobody asked for.")


def client(
    *, timeout_s: float, max_connections: int, most_bytes: int = sockets.MAX_ANSWER_BYTES
) -> httpx2.AsyncClient:
    """An HTTP client with the check; follows no redirect, uses no proxy, and reads no answer of
    more than `most_bytes`.
    """
    return httpx2.AsyncClient(
        transport=CheckedTransport(max_connections=max_connections, most_bytes=most_bytes),
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, MOST_CONNECT_S)),
        follow_redirects=False,
        trust_env=False,
    )
