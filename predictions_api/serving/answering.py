"""The threads of a web worker: each takes a request that is there, and answers it.

Probes have a thread of their own. A thread waits a moment for the next request of the connection
that it has just answered, and for a client only while the answer is longer than may be kept for it.
"""

import errno
import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData
from gunicorn.workers import gthread

from predictions_api import memory
from predictions_api.serving.connections import WAIT_S, Connection

#: How long a thread waits for the next request of the connection that it has just answered.
LINGER_S = 0.02
#: Threads of each worker that neither wait for a next request nor for the rest of a body.
KEPT_FREE = 2
#: So much of an answer is kept for a slow reader without a thread; so much for all of a worker's.
UNSENT_BYTES = 1024 * 1024
UNSENT_BYTES_OF_ALL = 64 * UNSENT_BYTES
#: How long is waited for the rest of a body that the application did not read.
FINISH_S = 5.0
#: With more requests than this in the queue the newest is answered first.
LONG_QUEUE = 32

# How a client that went away shows itself.
GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN}


class Queue:
    """Connections whose request is there; None ends a thread.

    The oldest first. Once many wait, the newest: those that have waited long are the ones whose
    clients have given up, or never meant to read (measured: behind 200 of these a client waited for
    20 seconds, and so does everyone in a queue that is served in order). Threads of any number.
    """

    def __init__(self) -> None:
        self._conns: deque[Connection | None] = deque()
        self._there: SimpleQueue[None] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._conns)

    def put(self, conn: Connection | None) -> None:
        """Appends one."""
        self._conns.append(conn)
        self._there.put(None)

    def get(self) -> Connection | None:
        """Takes one, once there is one."""
        self._there.get()
        return self._conns.pop() if len(self._conns) > LONG_QUEUE else self._conns.popleft()


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

    def close(self) -> None:
        """Sends what is left."""
        self.send_headers()
        if self.chunked:
            self._emit_body(b"")
        elif self.head:
            head, self.head = self.head, b""
            self.sock.sendall(head)


def is_read(request: Any) -> bool:
    """Whether the application has certainly read the whole body."""
    return getattr(request.body.reader, "length", None) == 0


def finish(conn: Connection) -> bool:
    """Reads what is left of a body; False where that is too much or takes too long."""
    conn.owed_s = max(conn.owed_s, WAIT_S - FINISH_S)
    return bool(conn.parser.finish_body(deadline=time.monotonic() + FINISH_S))


class AnsweringWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """The threads of a worker; its loop is `BalancedWorker`."""

    alive: bool

    def get_thread_pool(self) -> "AnsweringWorker":
        """The threads are the worker's own."""
        self.ready, self.probes = Queue(), Queue()
        self.may_linger = threading.Semaphore(max(0, self.cfg.threads - KEPT_FREE))
        self.n_unsent = 0
        for number in range(self.cfg.threads):
            self._start(f"web-{number}", self.ready)
        self._start("probes", self.probes)
        return self

    def _start(self, name: str, queue: Queue) -> None:
        threading.Thread(target=self._work, args=[queue], name=name, daemon=True).start()

    def shutdown(self, wait: bool = False) -> None:
        """What the worker asks of its pool when it ends."""
        self.probes.put(None)
        for _ in range(self.cfg.threads):
            self.ready.put(None)

    def give(self, conn: Connection) -> None:
        """Gives a connection to a thread as soon as one is free."""
        (self.probes if conn.is_probe else self.ready).put(conn)

    def left(self, conn: Connection, is_kept: bool) -> None:
        """Called in the loop when a thread has left a connection."""
        raise NotImplementedError

    def _work(self, queue: Queue) -> None:
        while (conn := queue.get()) is not None:
            is_kept = self._serve(conn)
            if memory.keeper.look() and self.alive:
                self.log.warning("This worker has grown too large; another takes its place.")
                self.alive = False
            self.method_queue.defer(self.left, conn, is_kept)

    def _serve(self, conn: Connection) -> bool:
        """Answers requests until none follows at once; whether the connection stays open."""
        while True:
            conn.give_to_parser()
            is_kept = self.handle(conn)
            if not (is_kept and self.alive and not self.ready):
                return is_kept
            if (
                conn.unsent
                or conn.is_reading
                or conn.is_probe
                or conn.parser.unreader.buf.getvalue()
            ):
                return is_kept
            if not self.may_linger.acquire(blocking=False):
                return is_kept
            try:
                if not conn.next_arrives(LINGER_S):
                    return True
            except OSError:
                return False
            finally:
                self.may_linger.release()

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
        except TimeoutError:
            self.log.info("A client was given up for being too slow.")
            conn.is_lost = True
        except OSError as error:
            conn.is_lost = True
            if error.errno not in GONE:
                self.log.exception("A connection failed.")
        except Exception as error:  # a request that is none is answered so
            self.handle_error(request, conn.sock, conn.client, error)
        return False

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Runs the application for a request; whether the connection may have another."""
        response, environ = wsgi.create(
            req, conn, conn.client, conn.server, self.cfg, response_class=Response
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
                for piece in answer:
                    response.write(piece)
                    self._let_take(conn)
                response.close()
                self._let_take(conn)
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

    def _let_take(self, conn: Connection) -> None:
        """Waits where more of an answer is unsent than may be kept."""
        if conn.unsent:
            has_room = self.n_unsent < UNSENT_BYTES_OF_ALL
            conn.wait_until_taken(UNSENT_BYTES if has_room else 0)
