"""Requests over kept connections: what is sent, what is read, what a broken answer is."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from predictions_api.outbound import client, exchanges
from predictions_api.outbound.exchanges import Answer, Connections

OK = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(b"[" + b"1," * 5000 + b"1]")


class Raw:
    """A server that answers the nth request with the nth of some texts, and keeps what it was
    sent. After a text that is None, or the last, it hangs up.
    """

    def __init__(self, *texts: bytes | None) -> None:
        self.texts = list(texts)
        self.sent: list[bytes] = []
        self.n_connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        try:
            while self.texts:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                self.sent.append(head + await reader.readexactly(int(length or 0)))
                text = self.texts.pop(0)
                if text is None:
                    break
                writer.write(text)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def with_server(raw: Raw, ask: Callable[[Connections, str], Any], most_bytes: int = 100_000) -> Any:
    """What `ask` makes of connections to the server and its URL."""

    async def run() -> Any:
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/p?q=1"
        connections = Connections(most=1, most_bytes=most_bytes)
        try:
            async with asyncio.timeout(30):
                return await ask(connections, url)
        finally:
            await connections.close()
            server.close()

    return asyncio.run(run())


async def once(connections: Connections, url: str) -> Answer:
    return await connections.exchange("GET", exchanges.target(url), [])


@pytest.fixture(autouse=True)
def _may_call_private(settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = True


def test_requests_share_a_connection_and_say_what_they_are_told() -> None:
    raw = Raw(OK + b"Content-Length: 2\r\nX-A: b\r\n\r\nhi", OK + b"Content-Length: 0\r\n\r\n")

    async def twice(connections: Connections, url: str) -> tuple[Answer, Answer]:
        to = exchanges.target(url)
        headers = [(b"Accept-Encoding", b"br"), (b"X-B", b"c")]
        first = await connections.exchange("POST", to, headers, b"body")
        return first, await connections.exchange("GET", to, [])

    first, second = with_server(raw, twice)
    assert first == (200, {"content-length": "2", "x-a": "b"}, b"hi")
    assert second == (200, {"content-length": "0"}, b"")
    assert raw.n_connections == 1
    host = raw.sent[0].split(b"\r\n")[1]
    assert host.startswith(b"Host: 127.0.0.1:")
    assert raw.sent[0] == (
        b"POST /p?q=1 HTTP/1.1\r\n%b\r\nAccept-Encoding: identity\r\nX-B: c\r\n"
        b"Content-Length: 4\r\n\r\nbody" % host
    )


ANSWERS = [
    ("chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", b"abcd"),
    ("to the end", OK + b"\r\nabc", b"abc"),
    ("after a 100", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a"),
    (
        "packed",
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
        gzip.decompress(PACKED),
    ),
    ("without a body", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ("lines end in LF", b"HTTP/1.0 200 OK\nContent-Length: 1\n\na", b"a"),
    ("more than there is to be", OK + b"Content-Length: 1\r\n\r\naHTTP/1.1 500 X\r\n\r\n", b"a"),
    ("more than the last", OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nabc", b"a"),
    ("a redirect", b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 1\r\n\r\na", b"a"),
]


@pytest.mark.parametrize(
    ("text", "body"), [row[1:] for row in ANSWERS], ids=[r[0] for r in ANSWERS]
)
def test_reads_any_answer(text: bytes, body: bytes) -> None:
    assert with_server(Raw(text), once).content == body


FAULTS = [
    ("hangs up", None, httpx2.RemoteProtocolError, "Server disconnected without sending"),
    ("half a head", b"HTTP/1.1 200", httpx2.RemoteProtocolError, "Server disconnected"),
    (
        "half a body",
        OK + b"Content-Length: 9\r\n\r\nabc",
        httpx2.RemoteProtocolError,
        "before the end",
    ),
    (
        "half a chunk",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab",
        httpx2.RemoteProtocolError,
        "before",
    ),
    (
        "no chunk",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\nab",
        httpx2.RemoteProtocolError,
        "chunk",
    ),
    (
        "another protocol",
        b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n",
        httpx2.RemoteProtocolError,
        "Upgrade",
    ),
    ("no HTTP", b"SSH-2.0-x\r\n\r\n", httpx2.RemoteProtocolError, "Expected HTTP/"),
    ("an endless head", OK + b"X: " + b"x" * 150_000, httpx2.HTTPError, ""),
    ("too much", OK + b"\r\n" + b"x" * 200_000, httpx2.ReadError, "longer than 100,000 bytes"),
    ("unread", OK + b"Content-Encoding: br\r\n\r\nx", httpx2.DecodingError, "'br', which nobody"),
    ("ill packed", OK + b"Content-Encoding: gzip\r\n\r\nxxxx", httpx2.DecodingError, "Error -3"),
]


@pytest.mark.parametrize(
    ("text", "error", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_broken_answer_is_told(text: bytes | None, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        with_server(Raw(text), once)
    assert message in str(raised.value)


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\n\r\n", b"x"])
def test_a_connection_on_which_more_came_is_not_used_again(more: bytes) -> None:
    answer = OK + b"Content-Length: 1\r\n\r\na"
    raw = Raw(answer + more, answer)

    async def twice(connections: Connections, url: str) -> list[bytes]:
        to = exchanges.target(url)
        return [(await connections.exchange("GET", to, [])).content for _ in range(2)]

    assert with_server(raw, twice) == [b"a", b"a"]
    assert raw.n_connections == 2


@pytest.mark.parametrize(
    "header", [(b"X-A", b"b\r\nX-B: c"), (b"X-A: b\r\nX-B", b"c"), (b"X-A", b"\0"), (b"", b"a")]
)
def test_a_header_that_would_be_another_is_not_sent(header: tuple[bytes, bytes]) -> None:
    raw = Raw(OK + b"\r\n")

    async def ask(connections: Connections, url: str) -> Answer:
        return await connections.exchange("GET", exchanges.target(url), [header])

    with pytest.raises(httpx2.LocalProtocolError):
        with_server(raw, ask)
    assert raw.sent == []


def test_a_packed_answer_is_counted_as_it_unfolds() -> None:
    text = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED
    with pytest.raises(httpx2.ReadError, match="longer than 5,000 bytes"):
        with_server(Raw(text), once, most_bytes=5000)


def test_no_more_is_read_than_is_enough_and_that_connection_ends() -> None:
    long = OK + b"Content-Length: 90000\r\n\r\n" + b"x" * 90_000
    raw = Raw(long, OK + b"Content-Length: 1\r\n\r\na")

    async def twice(connections: Connections, url: str) -> tuple[int, bytes]:
        to = exchanges.target(url)
        first = await connections.exchange("GET", to, [], enough_bytes=10)
        return len(first.content), (await connections.exchange("GET", to, [])).content

    n, second = with_server(raw, twice)
    assert 10 <= n < 90_000
    assert (second, raw.n_connections) == (b"a", 2)


def test_what_was_closed_meanwhile_is_not_used_again() -> None:
    raw = Raw(OK + b"Content-Length: 1\r\n\r\na")

    async def twice(connections: Connections, url: str) -> bytes:
        await once(connections, url)
        [kept] = connections._idle
        while not kept.stream.get_extra_info("is_readable"):
            await asyncio.sleep(0)
        raw.texts.append(OK + b"Content-Length: 1\r\n\r\nb")
        return (await once(connections, url)).content

    assert with_server(raw, twice) == b"b"
    assert raw.n_connections == 2


def test_private_addresses_are_not_called(settings: Any) -> None:
    settings.ALLOW_PRIVATE_URLS = False
    raw = Raw()
    with pytest.raises(client.Blocked, match="private network"):
        with_server(raw, once)
    assert raw.n_connections == 0


@pytest.mark.parametrize("url", ["ftp://x/", "http:///path", "x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol):
        exchanges.target(url)
