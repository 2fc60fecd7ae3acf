"""Requests over kept connections to one host, each with its whole answer: for what sends hundreds
of them a second.

h11 reads and writes the messages, our connections carry them (`sockets.py`), the check is that of
`client.py`. Through the layers of the whole HTTP client a request took twice the processor's
time (580 us and 290 us). Raises what that client does.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import h11
import httpcore2
import httpx2

from predictions_api.outbound import sockets
from predictions_api.outbound.client import (
    KEPT_FOR_S,
    MOST_CONNECT_S,
    PACKED,
    Unpacked,
    checked_addresses,
    tls,
    unreadable,
)

Headers = list[tuple[bytes, bytes]]

READ_BYTES = 1 << 16
#: How long the head of an answer may be.
MOST_HEAD_BYTES = 100 * 1024
HUNG_UP = "Server disconnected without sending a response."


class Answer(NamedTuple):
    """A status, headers with names in lower case, and what was read of the body."""

    status: int
    headers: dict[str, str]
    content: bytes


class Target(NamedTuple):
    """Where requests go: a URL, read once."""

    is_tls: bool
    host: str
    port: int
    #: The header of that name.
    authority: bytes
    #: Path and query.
    path: bytes


def target(url: str) -> Target:
    """httpx2.InvalidURL for what is none, UnsupportedProtocol for one of another protocol."""
    parsed = httpx2.URL(url)
    if parsed.scheme not in {"http", "https"} or not parsed.raw_host:
        raise httpx2.UnsupportedProtocol("A URL begins with http:// or https:// and names a host.")
    is_tls = parsed.scheme == "https"
    port = parsed.port or (443 if is_tls else 80)
    return Target(is_tls, parsed.raw_host.decode(), port, parsed.netloc, parsed.raw_path)


class Connection:
    """One connection, and where its two sides are."""

    def __init__(self, stream: sockets.Stream, to: Target) -> None:
        self.to = to
        self.stream = stream
        self.state = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
        self.idle_since = 0.0

    def is_usable(self, now: float) -> bool:
        """Whether another request may begin: nothing came unasked, and it has not waited long."""
        return now - self.idle_since < KEPT_FOR_S and not self.stream.get_extra_info("is_readable")

    def may_be_kept(self) -> bool:
        """Once an answer is read; it then waits for the next request."""
        if self.state.our_state is not h11.DONE or self.state.their_state is not h11.DONE:
            return False
        self.state.start_next_cycle()
        self.idle_since = asyncio.get_running_loop().time()
        return True

    async def send(self, method: str, headers: Headers, content: bytes | None) -> None:
        """One request."""
        whole = [(b"Host", self.to.authority), (b"Accept-Encoding", b"identity")]
        whole += [one for one in headers if one[0].lower() != b"accept-encoding"]
        if content is not None:
            whole.append((b"Content-Length", b"%d" % len(content)))
        head = h11.Request(method=method, target=self.to.path, headers=whole)
        await self._write(head)
        if content:
            await self._write(h11.Data(data=content))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        if found := self.state.send(event):
            await self.stream.write(found)

    async def head(self) -> h11.Response:
        """The head of the answer."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event

    async def body(self) -> AsyncIterator[bytes]:
        """The body, as it comes."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self.state.next_event()) is h11.NEED_DATA:
            found = await self.stream.read(READ_BYTES)
            if not found and self.state.their_state is h11.SEND_RESPONSE:
                raise httpx2.RemoteProtocolError(HUNG_UP)
            self.state.receive_data(found)
        return event  # type: ignore[return-value]  # never NEED_DATA

    async def close(self) -> None:
        """At once."""
        await self.stream.aclose()


class Connections:
    """Up to so many connections to one host, kept between requests; to be closed."""

    def __init__(self, *, most: int, most_bytes: int = sockets.MAX_ANSWER_BYTES) -> None:
        self._most_bytes = most_bytes
        self._network = sockets.Backend(checked_addresses, most_bytes=most_bytes)
        self._free = asyncio.Semaphore(most)
        self._idle: list[Connection] = []

    async def close(self) -> None:
        """Ends the connections that wait."""
        while self._idle:
            await self._idle.pop().close()

    async def exchange(
        self,
        method: str,
        to: Target,
        headers: Headers,
        content: bytes | None = None,
        *,
        enough_bytes: int | None = None,
    ) -> Answer:
        """One request and its answer; the caller limits the time. Headers go out as they are, after
        Host; a redirect is an answer like any other.

        Of a body no more is read than `enough_bytes`, which may be some more. Blocked, or an
        httpx2.HTTPError: ReadError for a body of more than `most_bytes`, DecodingError for one
        whose encoding cannot be read.
        """
        async with self._free:
            with _translated():
                connection = await self._connection(to)
                try:
                    await connection.send(method, headers, content)
                    head = await connection.head()
                    found = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                    body = await self._body(connection, found, enough_bytes)
                    is_kept = connection.may_be_kept()
                except BaseException:
                    await connection.close()
                    raise
                if is_kept:
                    self._idle.append(connection)
                else:
                    await connection.close()
                return Answer(head.status_code, found, body)

    async def _body(
        self, connection: Connection, headers: dict[str, str], enough: int | None
    ) -> bytes:
        pieces: list[bytes] = []
        n = 0
        coding = headers.get("content-encoding", "identity").strip().lower()
        body: AsyncIterable[bytes] = connection.body()
        if coding != "identity":
            if coding not in PACKED:
                raise unreadable(coding)
            body = Unpacked(body, self._most_bytes)
        async for piece in body:
            pieces.append(piece)
            n += len(piece)
            if enough is not None and n >= enough:
                break
        return b"".join(pieces)

    async def _connection(self, to: Target) -> Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            kept = self._idle.pop()
            if kept.to[:3] == to[:3] and kept.is_usable(now):
                kept.to = to
                return kept
            await kept.close()
        stream = await self._network.connect_tcp(to.host, to.port, MOST_CONNECT_S)
        if to.is_tls:
            stream = await stream.start_tls(tls(), to.host, MOST_CONNECT_S)
        return Connection(stream, to)


@contextmanager
def _translated() -> Iterator[None]:
    """What the layers below raise, as the whole HTTP client says it."""
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx2.RemoteProtocolError(str(error)) from None
    except h11.LocalProtocolError as error:
        raise httpx2.LocalProtocolError(str(error)) from None
    except httpcore2.TimeoutException as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from None
