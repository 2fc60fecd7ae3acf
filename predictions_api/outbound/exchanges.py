"""Requests over kept connections to one host, each with its whole answer: for what sends hundreds
of them a second.

httptools, Node's parser in C, reads the answers, our connections carry them (`sockets.py`), the
check is that of `client.py`. A request takes 0.12 ms of the processor; read by h11 it took 0.33
ms, through the layers of the whole HTTP client 0.6 ms. Raises what that client does.
"""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

import httpcore2
import httptools
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
# What a header may be, that goes out as it is.
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
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


class Reading:
    """One answer as its parser finds it; what comes before it, as a 100, is passed over."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.has_head = False
        self.has_ended = False
        self.is_followed = False
        self.may_be_kept = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self._n_bytes = 0

    # What the parser calls.

    def on_message_begin(self) -> None:
        self.is_followed = self.has_ended
        self.headers = {} if not self.has_ended else self.headers

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_ended:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self.has_ended:
            self.status = self._parser.get_status_code()
            self.has_head = self.status >= HTTPStatus.OK
            self.may_be_kept = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.has_ended:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.has_ended = self.has_head

    # What the connection calls.

    def feed(self, data: bytes) -> None:
        """Reads on; nothing is left to read after b"". RemoteProtocolError for what is no HTTP."""
        if not data:
            self._end()
            return
        self._n_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.has_ended:
                raise httpx2.RemoteProtocolError(str(error)) from None
            self.is_followed = True
        if not self.has_head and self._n_bytes > MOST_HEAD_BYTES:
            raise httpx2.RemoteProtocolError(f"A head of more than {MOST_HEAD_BYTES:,} bytes.")

    def _end(self) -> None:
        if not self.has_head:
            raise httpx2.RemoteProtocolError(HUNG_UP)
        if not self.has_ended and self.headers.keys() & {"content-length", "transfer-encoding"}:
            raise httpx2.RemoteProtocolError("Server disconnected before the end of its answer.")
        self.has_ended = True
        self.may_be_kept = False

    def taken(self) -> bytes:
        """What has come of the body since the last time."""
        found = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        return found


class Connection:
    """One connection to where its requests go."""

    def __init__(self, stream: sockets.Stream, to: Target) -> None:
        self.to = to
        self.stream = stream
        self.idle_since = 0.0

    def is_usable(self, now: float) -> bool:
        """Whether another request may begin: nothing came unasked, and it has not waited long."""
        return now - self.idle_since < KEPT_FOR_S and not self.stream.get_extra_info("is_readable")

    def keep(self) -> None:
        """Once an answer is read; it then waits for the next request."""
        self.idle_since = asyncio.get_running_loop().time()

    async def send(self, method: str, headers: Headers, content: bytes | None) -> None:
        """One request. LocalProtocolError for a header that would be more than one."""
        lines = [
            b"%b %b HTTP/1.1\r\nHost: %b\r\nAccept-Encoding: identity"
            % (method.encode(), self.to.path, self.to.authority)
        ]
        for name, value in headers:
            if name.lower() != b"accept-encoding":
                if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
                    raise httpx2.LocalProtocolError("Illegal header.")
                lines.append(b"%b: %b" % (name, value))
        if content is not None:
            lines.append(b"Content-Length: %d" % len(content))
        await self.stream.write(b"\r\n".join([*lines, b"\r\n"]))
        if content:
            await self.stream.write(content)

    async def head(self) -> Reading:
        """The answer, once its head is there."""
        reading = Reading()
        while not reading.has_head:
            reading.feed(await self.stream.read(READ_BYTES))
        return reading

    async def body(self, reading: Reading) -> AsyncIterator[bytes]:
        """Its body, as it comes."""
        while True:
            if reading.pieces:
                yield reading.taken()
            if reading.has_ended:
                return
            reading.feed(await self.stream.read(READ_BYTES))

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
                    reading = await connection.head()
                    body = await self._body(connection, reading, enough_bytes)
                except BaseException:
                    await connection.close()
                    raise
                if reading.has_ended and reading.may_be_kept and not reading.is_followed:
                    connection.keep()
                    self._idle.append(connection)
                else:
                    await connection.close()
                return Answer(reading.status, reading.headers, body)

    async def _body(self, connection: Connection, reading: Reading, enough: int | None) -> bytes:
        coding = reading.headers.get("content-encoding", "identity").strip().lower()
        if coding == "identity" and reading.has_ended:
            return reading.taken()
        pieces: list[bytes] = []
        n = 0
        body: AsyncIterable[bytes] = connection.body(reading)
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
    except httpcore2.TimeoutException as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from None
