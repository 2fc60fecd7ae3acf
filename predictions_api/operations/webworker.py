"""gunicorn's threaded worker with three differences: no thread waits for a slow client's request, a
busy connection keeps its thread, and new connections go to the worker that has fewer.

A request is read by the worker's event loop, head and small body, and gets a thread when it is all
there; so a half-sent one occupies a few bytes and no thread (measured: of gunicorn's own 16 threads
none answered a probe through 32 half-sent heads; with this all do). Bodies that are larger, or
of no declared length, are read by the application as they come, and some threads are kept from
those that have not come yet.

Giving a request to a thread and the connection back costs more than reading and answering it, so a
thread waits a moment for the connection's next request (measured: see docs/scaling.md).

The kernel gives a new connection to any worker, and clients keep their connections. With six of
eight clients at one of two workers, 800 reads a second were answered; with four at each, 1,500.
"""

import errno
import mmap
import re
import select
import socket
import struct
import threading
import time
from functools import partial
from queue import SimpleQueue
from selectors import EVENT_READ
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData
from gunicorn.workers import gthread

from predictions_api import memory

#: Workers numbered alike share a slot, which costs them balance and nothing else.
SLOTS = 256
#: How long a worker with more connections lets the others go first: ten times what they need.
PATIENCE_S = 0.0005
#: For each worker 1 + its open connections; 0 = not accepting. Made before the fork, so that all
#: have the same.
COUNTS = memoryview(mmap.mmap(-1, 4 * SLOTS)).cast("i")

#: A request's head, and a small body, must be there this long after the connection or its last
#: answer.
HEAD_S = 20
#: Seconds without a byte, after which a client whose body is awaited, or who does not read its
#: answer, is given up.
STALLED_S = 30
#: Beyond this a head is for the parser to refuse.
HEAD_BYTES = 128 * 1024
#: Bodies up to this are read before a thread is taken.
BODY_BYTES = 64 * 1024
RECEIVED_AT_ONCE = 64 * 1024
#: How long a thread waits for the next request of the connection that it has just answered.
LINGER_S = 0.02
#: Threads of each worker that neither wait for a next request nor for the rest of a body.
KEPT_FREE = 2

# How a client that went away, or does not go on, shows itself.
GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EAGAIN}
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
EXPECTS = re.compile(rb"\r\n(?:expect|transfer-encoding|upgrade):", re.IGNORECASE)


class Connection(gthread.TConn):  # type: ignore[misc]  # gunicorn has no types
    """A client's connection, and what has been read of its next request."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Of a client that neither sends nor takes anything for so long a thread has had enough.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", STALLED_S, 0))
        self.received = bytearray()
        self.is_reading = False
        self.poll: select.poll | None = None

    def receive(self) -> bool | None:
        """Takes what has come: True when a request is there, False when the client left, else None
        while there is more to come.
        """
        try:
            data = self.sock.recv(RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            return False
        self.received += data
        if not data:
            # A body that broke off is the application's to refuse.
            return b"\r\n\r\n" in self.received
        return None if self.missing() else True

    def missing(self) -> int:
        """Bytes that are to come before a thread is worth it, as far as is known; 0 for none."""
        text = self.received
        if text.startswith((b"\r", b"\n")):
            del text[: len(text) - len(text.lstrip(b"\r\n"))]
        end = text.find(b"\r\n\r\n") + 4
        if end < 4:
            return int(len(text) < HEAD_BYTES)
        found = LENGTH.search(text, 0, end)
        length = int(found[1]) if found else 0
        missing = end + length - len(text)
        if missing <= 0:
            # Whatever else it says, the parser will not wait.
            self.is_reading = EXPECTS.search(text, 0, end) is not None
            return 0
        self.is_reading = length > BODY_BYTES or EXPECTS.search(text, 0, end) is not None
        return 0 if self.is_reading else missing

    def give_to_parser(self) -> None:
        """What has been read becomes what the parser reads first."""
        self.init()
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received.clear()

    def next_arrives(self, within_s: float) -> bool:
        """Whether a whole request arrives in time. False for one that has only begun, too."""
        if self.poll is None:
            self.poll = select.poll()
            self.poll.register(self.sock, select.POLLIN)
        if not self.poll.poll(within_s * 1000):
            return False
        self.received += self.sock.recv(RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
        # The loop will find the end of what has ended.
        return bool(self.received) and not self.missing() and not self.is_reading


class Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's, which sends a head together with the first piece of the body."""

    headers_sent: bool
    head = b""

    def send_headers(self) -> None:
        """Keeps the head until there is something to send with it."""
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{k}: {v}\r\n" for k, v in self.headers), "\r\n"]
            self.head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        head, self.head = self.head, b""
        self.sock.sendall(head + data if head else data)

    def can_sendfile(self) -> bool:
        """Never: files go out as every answer does."""
        return False

    def close(self) -> None:
        """Sends what is left."""
        self.send_headers()
        if self.chunked:
            self._emit_body(b"")
        elif self.head:
            head, self.head = self.head, b""
            self.sock.sendall(head)


class BalancedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """`worker_class` of gunicorn."""

    alive: bool

    def get_thread_pool(self) -> "BalancedWorker":
        """The threads are the worker's own."""
        self.ready: SimpleQueue[Connection | None] = SimpleQueue()
        self.n_reading = 0
        self.waiting_to_read: list[Connection] = []
        self.may_linger = threading.Semaphore(max(0, self.cfg.threads - KEPT_FREE))
        for number in range(self.cfg.threads):
            threading.Thread(target=self._work, name=f"web-{number}", daemon=True).start()
        return self

    def shutdown(self, wait: bool = False) -> None:
        """What the worker asks of its pool when it ends."""
        for _ in range(self.cfg.threads):
            self.ready.put(None)

    def notify(self) -> None:
        """Publishes this worker's count. gunicorn calls it before each wait for work."""
        super().notify()
        COUNTS[self.age % SLOTS] = self.nr_conns + 1 if self.alive else 0

    def accept(self, listener: Any) -> None:
        """Accepts a connection, after waiting a little if another worker has fewer."""
        # Waiting for a difference of one made clients slower that connect anew for each request.
        if self.nr_conns > min(filter(None, COUNTS), default=0):
            time.sleep(PATIENCE_S)
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self.notify()
        self._await(Connection(self.cfg, client, address, listener.getsockname()))

    def _await(self, conn: Connection) -> None:
        """Leaves a connection to the loop until its request is there."""
        if (is_open := conn.receive()) is None:
            conn.timeout = time.monotonic() + HEAD_S
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self._read, conn))
        else:
            self._go_on(conn, is_open=is_open)

    def _read(self, conn: Connection, sock: Any) -> None:
        """Takes what has come; a whole request goes to a thread."""
        if (is_open := conn.receive()) is not None:
            self.poller.unregister(sock)
            self.pending_conns.remove(conn)
            self._go_on(conn, is_open=is_open)

    def _go_on(self, conn: Connection, *, is_open: bool) -> None:
        if is_open:
            self.enqueue_req(conn)
        else:
            self.nr_conns -= 1
            conn.close()

    def enqueue_req(self, conn: Connection) -> None:
        """Gives a connection to a thread, at once or when fewer wait for bodies."""
        if conn.is_reading:
            if self.n_reading >= max(1, self.cfg.threads - KEPT_FREE):
                self.waiting_to_read.append(conn)
                return
            self.n_reading += 1
        self.ready.put(conn)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """The next request of an idle connection begins."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await(conn)

    def _work(self) -> None:
        while (conn := self.ready.get()) is not None:
            is_kept = self._serve(conn)
            if memory.keeper.look() and self.alive:
                self.log.warning("This worker has grown too large; another takes its place.")
                self.alive = False
            if not is_kept:
                # Waits up to two seconds for the client to end it: not in the loop.
                conn.close(graceful=True)
            self.method_queue.defer(self._finished, conn, is_kept)

    def _serve(self, conn: Connection) -> bool:
        """Answers requests until none follows at once; whether the connection stays open."""
        while True:
            conn.give_to_parser()
            is_kept = self.handle(conn)
            if not (is_kept and self.alive and not conn.is_reading and self.ready.empty()):
                return is_kept
            if conn.parser.unreader.buf.getvalue() or not self.may_linger.acquire(blocking=False):
                return is_kept
            try:
                if not conn.next_arrives(LINGER_S):
                    return True
            except OSError:
                return False
            finally:
                self.may_linger.release()

    def _finished(self, conn: Connection, is_kept: bool) -> None:
        """Runs in the loop when a thread has left a connection."""
        if conn.is_reading:
            conn.is_reading = False
            self.n_reading -= 1
            if self.waiting_to_read:
                self.enqueue_req(self.waiting_to_read.pop(0))
        if not is_kept:
            self.nr_conns -= 1
        elif early := conn.parser.unreader.take_buffered():
            # Sent before it was asked for.
            conn.received[:0] = early
            if conn.missing():
                self._await(conn)
            else:
                self.enqueue_req(conn)
        elif conn.received:
            self._await(conn)
        else:
            conn.set_timeout()
            if not self.alive:
                self._cap(conn, time.monotonic() + gthread.STOP_KEEPALIVE_LINGER)
            self.keepalived_conns.append(conn)
            begun = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, begun)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits neither for next requests nor for the rest of those half sent."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            self._cap(conn, deadline)

    def _cap(self, conn: Connection, deadline: float) -> None:
        conn.timeout = min(conn.timeout, deadline)

    def handle(self, conn: Connection) -> bool:
        """Answers the request that is there; whether the connection may have another."""
        request = None
        try:
            request = next(conn.parser)
            is_kept = self.handle_request(request, conn)
            # What the application left of a body is read and forgotten, up to a bound.
            return is_kept and (is_read(request) or finish(conn))
        except (StopIteration, NoMoreData) as error:
            self.log.debug("A connection ended: %s", error)
        except OSError as error:
            if error.errno not in GONE:
                self.log.exception("A connection failed.")
        except Exception as error:  # a request that is none is answered so
            self.handle_error(request, conn.sock, conn.client, error)
        return False

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Runs the application for a request; whether the connection may have another."""
        response, environ = wsgi.create(
            req, conn.sock, conn.client, conn.server, self.cfg, response_class=Response
        )
        environ["wsgi.multithread"] = True
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            response.force_close()
        try:
            answer = self.wsgi(environ, response.start_response)
            try:
                if isinstance(answer, environ["wsgi.file_wrapper"]):
                    response.write_file(answer)
                else:
                    for piece in answer:
                        response.write(piece)
                response.close()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except OSError:
            raise
        except Exception:
            if not response.headers_sent:
                raise
            # A second answer would be read as the rest of the first.
            self.log.exception("Error handling request")
            return False
        return not response.should_close()


def is_read(request: Any) -> bool:
    """Whether the application has certainly read the whole body."""
    return getattr(request.body.reader, "length", None) == 0


def finish(conn: Connection) -> bool:
    """Reads what is left of a body; False where that is too much or takes too long."""
    deadline = time.monotonic() + gthread.DEFAULT_WORKER_DATA_TIMEOUT
    return bool(conn.parser.finish_body(deadline=deadline))


def forget(worker: Any) -> None:
    """Marks a worker that ended as not accepting."""
    COUNTS[worker.age % SLOTS] = 0
