"""gunicorn's threaded worker with four differences: no thread waits for a slow client, probes have
a thread of their own, a busy connection keeps its thread, and new connections go to the worker that
has fewer.

The worker's event loop reads a request, its head and the first part of its body, and gives it to a
thread when it is all there; what a client does not take of an answer is the loop's again. So a
half-sent request, or an answer that nobody reads, occupies a few bytes and no thread (measured: of
gunicorn's own 16 threads none answered a probe through 32 half-sent heads; with this all do). The
rest of a large body and a long answer are read and written by threads as they come and go; some
threads are kept from bodies, and whoever is slow is given up when others need the thread
(`connections.py` says after how long).

Giving a request to a thread and the connection back costs more than reading and answering it, so a
thread waits a moment for the connection's next request (measured: see docs/operating/scaling.md).

The kernel gives a new connection to any worker, and clients keep their connections. With six of
eight clients at one of two workers, 800 reads a second were answered; with four at each, 1,500.
"""

import errno
import mmap
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.workers import gthread

from predictions_api.serving.answering import KEPT_FREE, AnsweringWorker
from predictions_api.serving.connections import (
    HEAD_S,
    RECEIVED_AT_ONCE,
    TOO_SLOW,
    WAIT_S,
    Connection,
    shut,
)

#: Workers numbered alike share a slot, which costs them balance and nothing else.
SLOTS = 256
#: How long a worker with more connections lets the others go first: ten times what they need.
PATIENCE_S = 0.0005
#: For each worker 1 + its open connections; 0 = not accepting. Made before the fork, so that all
#: have the same.
COUNTS = memoryview(mmap.mmap(-1, 4 * SLOTS)).cast("i")

#: How long a connection that ends is read from, so that the client gets the end of its answer.
END_S = 2.0
#: Between two looks at who is too slow.
LOOK_S = 0.5

NO_MORE_FILES = {errno.EMFILE, errno.ENFILE}


class BalancedWorker(AnsweringWorker):
    """`worker_class` of gunicorn: the loop."""

    def init_process(self) -> None:
        """Nobody waits for anything yet."""
        # Whom the loop waits for, the longest first, and what it then does.
        self.pending_conns: dict[Connection, Callable[[Connection, Any], None]] = {}
        self.next_look = 0.0
        self.n_reading = 0
        self.waiting_to_read: list[Connection] = []
        # Of those who wait to be read, how many have sent something.
        self.n_pressing = 0
        # Those that are one too many are let in, and the slowest go.
        self.most_conns = self.worker_connections
        self.worker_connections += self.cfg.threads
        super().init_process()

    def notify(self) -> None:
        """Publishes this worker's count. gunicorn calls it before each wait for work."""
        super().notify()
        COUNTS[self.age % SLOTS] = self.nr_conns + 1 if self.alive else 0

    def accept(self, listener: Any) -> None:
        """Accepts a connection, after waiting a little if another worker has fewer."""
        # Waiting for a difference of one made clients slower that connect anew for each request.
        if self.nr_conns > min(filter(None, COUNTS), default=0):
            time.sleep(PATIENCE_S)
        if self.nr_conns >= self.most_conns:
            self._make_room()
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in NO_MORE_FILES:
                raise
            self._make_room()
            return
        self.nr_conns += 1
        self.notify()
        name = listener.getsockname()
        self._await(Connection(self.cfg, client, address, name, self.n_queued))

    def _make_room(self) -> None:
        """Ends the connection that has been waited for longest, else the one idle for longest."""
        if self.pending_conns:
            self._stop_waiting(conn := next(iter(self.pending_conns)))
        elif self.keepalived_conns:
            self.poller.unregister((conn := self.keepalived_conns.popleft()).sock)
        else:
            return
        self._drop(conn)

    def _wait(self, conn: Connection, event: int, then: Callable[[Connection, Any], None]) -> None:
        self.pending_conns[conn] = then
        self.poller.register(conn.sock, event, partial(then, conn))

    def _stop_waiting(self, conn: Connection) -> None:
        self.poller.unregister(conn.sock)
        del self.pending_conns[conn]

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        self.n_unsent -= conn.n_kept
        conn.close()

    def _await(self, conn: Connection) -> None:
        """Leaves a connection to the loop until its request is there."""
        conn.begin_waiting()
        conn.timeout = conn.since + HEAD_S
        if (is_open := conn.receive()) is None:
            self._wait(conn, EVENT_READ, self._read)
            if not self.alive:
                self._cap(conn, time.monotonic() + gthread.STOP_KEEPALIVE_LINGER)
        else:
            self._go_on(conn, is_open=is_open)

    def _read(self, conn: Connection, sock: Any) -> None:
        """Takes what has come; a whole request goes to a thread."""
        if (is_open := conn.receive()) is not None:
            self._stop_waiting(conn)
            self._go_on(conn, is_open=is_open)

    def _go_on(self, conn: Connection, *, is_open: bool) -> None:
        if is_open:
            self.enqueue_req(conn)
        else:
            self._drop(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Gives a connection to a thread, at once or when fewer wait for bodies."""
        if conn.is_reading:
            if self.n_reading >= max(1, self.cfg.threads - KEPT_FREE):
                conn.timeout = time.monotonic() + WAIT_S
                self.waiting_to_read.append(conn)
                self._count_pressing()
                return
            self.n_reading += 1
        self.give(conn)

    def _count_pressing(self) -> None:
        self.n_pressing = sum(conn.n_unread() > 0 for conn in self.waiting_to_read)

    def n_queued(self, conn: Connection) -> int:
        """How many requests wait for a thread as the connection has one. Any thread may ask."""
        return len(self.ready) + (self.n_pressing if conn.is_reading else 0)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """The next request of an idle connection begins."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await(conn)

    def murder_pending(self) -> None:
        """Gives up who is too slow. gunicorn calls it after each wait for work."""
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + LOOK_S
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            then = self.pending_conns[conn]
            self._stop_waiting(conn)
            if then == self._read and conn.received and self.alive:
                self._refuse(conn)
            else:
                self._drop(conn)
        for conn in [conn for conn in self.waiting_to_read if conn.timeout <= now]:
            if conn.n_unread():
                # It is we who let it wait.
                conn.timeout = now + WAIT_S
            else:
                self.waiting_to_read.remove(conn)
                self._refuse(conn)
        self._count_pressing()

    def _refuse(self, conn: Connection) -> None:
        with suppress(OSError):
            conn.sock.send(TOO_SLOW)
        self._end(conn)

    def left(self, conn: Connection, is_kept: bool) -> None:
        """Runs in the loop when a thread has left a connection."""
        if conn.is_reading:
            conn.is_reading = False
            self.n_reading -= 1
            if self.waiting_to_read:
                # Who has sent most: a client that stopped sending is not waited for again.
                most = max(self.waiting_to_read, key=Connection.n_unread)
                self.waiting_to_read.remove(most)
                self.enqueue_req(most)
                self._count_pressing()
        conn.is_kept = is_kept
        if conn.is_lost:
            self._drop(conn)
        elif conn.unsent:
            conn.keep_unsent()
            self.n_unsent += conn.n_kept
            conn.begin_waiting()
            self._wait(conn, EVENT_WRITE, self._send)
        else:
            self._answered(conn)

    def _send(self, conn: Connection, sock: Any) -> None:
        """Sends more of what the client had not taken when the thread left."""
        try:
            conn.go_on_waiting(conn.flush())
        except OSError:
            self._stop_waiting(conn)
            self._drop(conn)
            return
        if not conn.unsent:
            self.n_unsent -= conn.n_kept
            conn.n_kept = 0
            self._stop_waiting(conn)
            self._answered(conn)

    def _answered(self, conn: Connection) -> None:
        """The client has its answer: the connection ends, or waits for the next request."""
        if not conn.is_kept:
            self._end(conn)
        elif early := conn.parser.unreader.take_buffered():
            # Sent before it was asked for.
            conn.received[:0] = early
            if conn.is_there():
                self.enqueue_req(conn)
            else:
                self._await(conn)
        elif conn.received:
            self._await(conn)
        else:
            conn.set_timeout()
            if not self.alive:
                self._cap(conn, time.monotonic() + gthread.STOP_KEEPALIVE_LINGER)
            self.keepalived_conns.append(conn)
            begun = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, begun)

    def _end(self, conn: Connection) -> None:
        """Ends a connection when the client does, or soon: what it still sends is forgotten."""
        if shut(conn.sock):
            conn.timeout = time.monotonic() + END_S
            self._wait(conn, EVENT_READ, self._forget)
        else:
            self._drop(conn)

    def _forget(self, conn: Connection, sock: Any) -> None:
        try:
            is_open = bool(sock.recv(RECEIVED_AT_ONCE))
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if not is_open:
            self._stop_waiting(conn)
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits neither for next requests nor for the rest of those half sent."""
        super()._cap_keepalive(deadline)
        for conn, then in self.pending_conns.items():
            if then == self._read:
                self._cap(conn, deadline)
        for conn in self.waiting_to_read:
            self._cap(conn, deadline)

    def _cap(self, conn: Connection, deadline: float) -> None:
        conn.timeout = min(conn.timeout, deadline)


def forget(worker: Any) -> None:
    """Marks a worker that ended as not accepting."""
    COUNTS[worker.age % SLOTS] = 0
