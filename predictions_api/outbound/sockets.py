"""The HTTP client's network connections, on plain asyncio, to checked addresses only.

A run sends hundreds of requests a second. With the client's own connections (httpcore on anyio)
behind the same check, `python -m benchmarks runs` took 1.2 times as long and 1.25 times the CPU
(medians of eight pairs in turns). These send a request's head and body in one system call and read
whatever has arrived.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import httpcore2

# How long checked addresses are used before the name is resolved again.
RESOLVED_FOR_S = 30.0
# Answers of models are thousands of times smaller, those with the probability of each of 100,000
# tokens about as large; more would only fill the worker's memory.
MAX_ANSWER_BYTES = 8_000_000
TOO_LONG = "The answer is longer than {:,} bytes."
EXTRA = {"socket": "socket", "client_addr": "sockname", "server_addr": "peername"}

Resolve = Callable[[str, int], list[str]]


class Stream(httpcore2.AsyncNetworkStream, asyncio.Protocol):
    """One connection. Written bytes are kept until the next read, which sends them at once.

    An answer of more than `most_bytes` ends it.
    """

    def __init__(self, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._most_bytes = most_bytes
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._received = bytearray()
        self._n_received = 0
        self._reader: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._has_ended = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a TCP connection

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._n_received += len(data)
        if self._n_received > self._most_bytes and self._transport is not None:
            self._fault = httpcore2.ReadError(TOO_LONG.format(self._most_bytes))
            self._received.clear()
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        self._has_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended = True
        self._fault = self._fault or (httpcore2.ReadError(str(exc)) if exc else None)
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the HTTP client calls.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes` as soon as there are some; b"" at the end of the stream."""
        self._send()
        if not self._received and not self._has_ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                if timeout is None:
                    await self._reader
                else:
                    async with asyncio.timeout(timeout):
                        await self._reader
            except TimeoutError:
                raise httpcore2.ReadTimeout from None
            finally:
                self._reader = None
        found = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        if not found and self._fault is not None:
            raise self._fault
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keeps the bytes for the next read; the limit of an answer's length starts anew."""
        if self._has_ended:
            raise httpcore2.WriteError("The connection is closed.")
        self._unsent.append(buffer)
        self._n_received = 0

    def _send(self) -> None:
        if self._unsent and self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    async def aclose(self) -> None:
        """Closes at once, without waiting for bytes in flight."""
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        """The same connection with TLS; the certificate must be for `server_hostname`."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            raise httpcore2.ConnectError("There is no connection.")
        try:
            async with asyncio.timeout(timeout):
                self._transport = await loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError:
            await self.aclose()
            raise httpcore2.ConnectTimeout from None
        except OSError as error:  # TLS faults are of its kind, too
            await self.aclose()
            raise httpcore2.ConnectError(str(error)) from None
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._received) or self._has_ended
        if self._transport is None:
            return None
        return self._transport.get_extra_info(EXTRA.get(info, info))


class Backend(httpcore2.AsyncNetworkBackend):
    """Connects to the first address of `resolve(host, port)` that accepts.

    A host is resolved once in `RESOLVED_FOR_S`, for any number of connections. Exceptions of
    `resolve` are passed on.
    """

    def __init__(self, resolve: Resolve, *, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._resolve = resolve
        self._stream = partial(Stream, most_bytes)
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._asking = asyncio.Lock()

    async def _addresses(self, host: str, port: int) -> list[str]:
        async with self._asking:
            until, addresses = self._known.get((host, port), (0.0, []))
            if time.monotonic() >= until:
                addresses = await asyncio.to_thread(self._resolve, host, port)
                self._known[host, port] = (time.monotonic() + RESOLVED_FOR_S, addresses)
        return addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(await self._addresses(host, port), port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from None

    async def _connected(self, addresses: list[str], port: int) -> Stream:
        """Tries the addresses in turn: `localhost` often has two and a server only one."""
        loop = asyncio.get_running_loop()
        for address in addresses[:-1]:
            try:
                return (await loop.create_connection(self._stream, address, port))[1]
            except OSError:
                continue
        return (await loop.create_connection(self._stream, addresses[-1], port))[1]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
