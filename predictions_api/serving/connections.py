"""A client's connection: what has come of its next request, what it has not taken of its answer,
and how long it is waited for.

A head must be there after 20 seconds. For a body, and for what it has not taken of an answer, a
client may keep us waiting for 30 seconds in all, and each 500 bytes give back one of them: a
trickle ends, a line of a modem does not. Where it holds a thread while requests wait for one, it is
two seconds divided by their number, a fifth of one at least, and a second costs 64 kB: only who is
slow then is given up, not who is far away or busy.
"""

import re
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from struct import pack, unpack
from termios import FIONREAD
from typing import Any

from gunicorn import http
from gunicorn.workers import gthread

#: A request's head must be there this long after the connection or its last answer.
HEAD_S = 20.0
#: How long a client may keep us waiting for a body or with an answer; what gives a second back.
WAIT_S = 30.0
BYTES_A_SECOND = 500
#: The same where it holds a thread for which others wait.
HURRIED_WAIT_S = 2.0
LEAST_WAIT_S = 0.2
HURRIED_BYTES_A_SECOND = 64 * 1024
TICK_MS = 50

#: Beyond this a head is for the parser to refuse.
HEAD_BYTES = 128 * 1024
#: So much of a body is read before a thread is taken, or all of a smaller one.
BODY_BYTES = 64 * 1024
RECEIVED_AT_ONCE = 64 * 1024
#: What the system takes of an answer beyond what is on its way. Linux's number for the option.
UNSENT_BY_SYSTEM_BYTES = 128 * 1024
TCP_NOTSENT_LOWAT = 25
#: Beyond this the line that begins a chunk is for the parser to refuse.
CHUNK_LINE_BYTES = 1024
#: So many chunks are looked at before a thread is taken: looking takes the loop's time.
MOST_CHUNKS = 256

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,40})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
PROBE = re.compile(rb"(?:GET|HEAD) /(?:health|ready)[/? ]")

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

#: Asked by a thread that waits for a client: how many requests wait for the thread.
Queued = Callable[["Connection"], int]


class Connection(gthread.TConn):  # type: ignore[misc]  # gunicorn has no types
    """What the worker's loop, the thread that answers and the parser know of one client."""

    parser: Any

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any, queued: Queued) -> None:
        super().__init__(cfg, sock, client, server)
        # What a client does not read shall wait here, where it is counted, not in the system.
        with suppress(OSError):
            self.sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BY_SYSTEM_BYTES)
        self.queued = queued
        self.received = bytearray()
        # Of the head that has come: its end, the body's length (None: in chunks), the next chunk.
        self.head_end = 0
        self.length: int | None = 0
        self.next_chunk = self.n_chunks = 0
        self.is_probe = False
        #: Whether a thread will have to wait for the rest of the body.
        self.is_reading = False
        #: What the client has not taken of its answer; whether it may have another.
        self.unsent: deque[memoryview] = deque()
        self.n_unsent = 0
        self.n_kept = 0
        self.is_kept = True
        #: Whether the client went away, or was given up, in the middle of an answer.
        self.is_lost = False
        #: Seconds it has kept us waiting without giving them back; since when it does again.
        self.owed_s = 0.0
        self.since = 0.0
        self.poll: select.poll | None = None

    # How long it is waited for.

    def repay(self, n_bytes: int, rate: float = BYTES_A_SECOND) -> None:
        """Gives back what so many bytes are worth."""
        self.owed_s = max(0.0, self.owed_s - n_bytes / rate)

    def begin_waiting(self) -> None:
        """The loop waits from now on, anew."""
        self.owed_s, self.since = 0.0, time.monotonic()
        self.timeout = self.since + WAIT_S

    def go_on_waiting(self, n_bytes: int) -> None:
        """The loop has waited, and so many bytes came or went."""
        now = time.monotonic()
        self.owed_s += now - self.since
        self.repay(n_bytes)
        self.since, self.timeout = now, now + WAIT_S - self.owed_s

    def wait_for(self, event: int) -> int:
        """A thread waits until the client sends or takes; how many requests waited with it.

        TimeoutError for a client that has kept it waiting too long.
        """
        if self.poll is None:
            self.poll = select.poll()
        self.poll.register(self.sock, event)
        while True:
            n_queued = self.queued(self)
            most_s = max(HURRIED_WAIT_S / n_queued, LEAST_WAIT_S) if n_queued else WAIT_S
            if self.owed_s > most_s:
                raise TimeoutError("The client is too slow.")
            began = time.monotonic()
            found = self.poll.poll(TICK_MS)
            self.owed_s += time.monotonic() - began
            if found:
                return n_queued

    # What has come.

    def receive(self) -> bool | None:
        """Takes what has come: True when a thread is worth it, False when the client left, else
        None while there is more to come.
        """
        try:
            data = self.sock.recv(RECEIVED_AT_ONCE)
        except BlockingIOError:
            return None
        except OSError:
            return False
        if not data:
            # A body that broke off is the application's to refuse.
            return self.head_end > 0
        had_head = self.head_end > 0
        self.received += data
        if self.is_there():
            return True
        if had_head:
            self.go_on_waiting(len(data))
        elif self.head_end:
            self.begin_waiting()
        return None

    def is_there(self) -> bool:
        """Whether a thread is worth it: all has come, or the first part of a large body.

        `is_reading` says afterwards that it was not all.
        """
        if not self.head_end and not self._has_head():
            return len(self.received) >= HEAD_BYTES
        n = len(self.received) - self.head_end
        self.is_reading = not self._has_last_chunk() if self.length is None else n < self.length
        return not self.is_reading or n >= BODY_BYTES or self.n_chunks >= MOST_CHUNKS

    def _has_head(self) -> bool:
        text = self.received
        if text.startswith((b"\r", b"\n")):
            del text[: len(text) - len(text.lstrip(b"\r\n"))]
        end = text.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        if (expects := EXPECTS.search(text, 0, end)) and text.find(b" HTTP/1.1\r\n", 0, end) > 0:
            # Said here: with the head the client has waited long enough.
            del text[expects.start() : expects.end()]
            end -= expects.end() - expects.start()
            if len(text) == end:
                with suppress(OSError):
                    self.sock.send(GO_ON)
        found = LENGTH.search(text, 0, end)
        is_chunked = CHUNKED.search(text, 0, end) is not None
        self.length = None if is_chunked else int(found[1]) if found else 0
        self.head_end, self.next_chunk, self.n_chunks = end, end, 0
        self.is_probe = PROBE.match(text) is not None
        return True

    def _has_last_chunk(self) -> bool:
        """Whether the body's end is there, or what the parser refuses without waiting."""
        text = self.received
        while (end := text.find(b"\r\n", self.next_chunk)) >= 0 and self.n_chunks < MOST_CHUNKS:
            try:
                size = int(text[self.next_chunk : end].partition(b";")[0], 16)
            except ValueError:
                return True
            if size <= 0:
                # After the last one there may be lines, and then an empty one.
                return size < 0 or text.find(b"\r\n\r\n", end) >= 0
            self.next_chunk = end + 2 + size + 2
            self.n_chunks += 1
        return self.n_chunks < MOST_CHUNKS and len(text) - self.next_chunk > CHUNK_LINE_BYTES

    def n_unread(self) -> int:
        """How many bytes have come that nobody has read yet; 0 for a client that left."""
        try:
            return int(unpack("i", ioctl(self.sock, FIONREAD, bytes(4)))[0])
        except (OSError, ValueError):
            return 0

    def has_left(self) -> bool:
        """Whether the client has ended the connection: nobody waits for its answer."""
        polled = select.poll()
        polled.register(self.sock, select.POLLRDHUP)
        return bool(polled.poll(0))

    def is_quiet(self) -> bool:
        """Whether nothing is left of an answered request that a thread could wait for the next."""
        return not (
            self.unsent or self.is_reading or self.is_probe or self.parser.unreader.buf.getvalue()
        )

    def next_arrives(self, within_s: float) -> bool:
        """Whether a whole request arrives in time. False for one that has only begun, too."""
        if self.poll is None:
            self.poll = select.poll()
        self.poll.register(self.sock, select.POLLIN)
        if not self.poll.poll(within_s * 1000):
            return False
        # The loop will find the end of what has ended.
        self.received += self.sock.recv(RECEIVED_AT_ONCE)
        return bool(self.received) and self.is_there() and not self.is_reading

    # What the parser and the answer take for a socket.

    def give_to_parser(self) -> None:
        """What has been read becomes what the parser reads first."""
        if self.parser is None:
            self.parser = http.get_parser(self.cfg, self, self.client)
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received.clear()
        self.head_end = 0
        self.owed_s = 0.0

    def recv(self, size: int) -> bytes:
        """The next bytes; b"" at the end. TimeoutError for a client that is too slow."""
        rate: float = BYTES_A_SECOND
        while True:
            try:
                data: bytes = self.sock.recv(size)
            except BlockingIOError:
                if self.wait_for(select.POLLIN):
                    rate = HURRIED_BYTES_A_SECOND
            else:
                self.repay(len(data), rate)
                return data

    def sendall(self, data: bytes) -> None:
        """Sends what the client takes now and keeps the rest in `unsent`."""
        if not self.unsent:
            n = self._sent(data)
            if n == len(data):
                return
            data = memoryview(data)[n:]  # type: ignore[assignment]
        self.unsent.append(memoryview(data))
        self.n_unsent += len(data)
        self.flush()

    def send(self, data: bytes) -> int:
        """As `sendall`, for the parser."""
        self.sendall(data)
        return len(data)

    def _sent(self, data: bytes | memoryview) -> int:
        try:
            n: int = self.sock.send(data)
        except BlockingIOError:
            return 0
        return n

    def flush(self) -> int:
        """Sends what the client takes of `unsent`; how many bytes. OSError where it left."""
        total = 0
        while self.unsent:
            n = self._sent(self.unsent[0])
            total += n
            if n < len(self.unsent[0]):
                self.unsent[0] = self.unsent[0][n:]
                break
            self.unsent.popleft()
        self.n_unsent -= total
        return total

    def wait_until_taken(self, but_for: int) -> None:
        """A thread waits until so many bytes are unsent at most. TimeoutError as `wait_for`."""
        while self.n_unsent > but_for:
            n_queued = self.wait_for(select.POLLOUT)
            self.repay(self.flush(), HURRIED_BYTES_A_SECOND if n_queued else BYTES_A_SECOND)

    def keep_unsent(self) -> None:
        """Copies what is unsent: it may be the end of something large."""
        self.unsent = deque([memoryview(b"".join(self.unsent))])
        self.n_kept = self.n_unsent

    def close(self, graceful: bool = False) -> None:
        """Ends it. What was not taken is not sent by the system either."""
        if self.unsent or self.is_lost:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        super().close()


def shut(sock: socket.socket) -> bool:
    """Says that no more will be sent; False where nobody listens."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    return True
