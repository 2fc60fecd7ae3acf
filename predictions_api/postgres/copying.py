"""Writes many rows with COPY: how every import writes.

Ids are reserved first (`sql.reserve_ids`), so that an import can answer with them in the order of
its request.
"""

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from django.db import connection

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = b"\\N"
# How much of a batch is handed to the driver at a time.
PIECE_BYTES = 1 << 20


def escaped(text: str | None) -> bytes:
    """A text column of COPY's text format."""
    return NULL if text is None else text.translate(COPY_ESCAPES).encode()


def escaped_json(text: bytes) -> bytes:
    """A jsonb column of COPY's text format: JSON has no raw tabs or newlines, only backslashes."""
    return text.replace(b"\\", b"\\\\")


def number(value: float | None) -> bytes:
    """A numeric column of COPY's text format."""
    return NULL if value is None else repr(value).encode()


def boolean(value: bool) -> bytes:
    """A boolean column of COPY's text format."""
    return b"t" if value else b"f"


class Copy:
    """Appends batches of rows to tables inside the caller's transaction, one batch at a time.

    Each of `targets` is a table and its columns. A thread writes a batch while the caller prepares
    the next. The connection is busy meanwhile: call `wait` before any other statement.
    IntegrityError and DataError of a batch are raised by the next `wait`.
    """

    def __init__(self, *targets: tuple[str, str]) -> None:
        self.sql = [f"COPY {table} ({columns}) FROM STDIN" for table, columns in targets]
        self.worker = ThreadPoolExecutor(1, "copy")
        self.running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self.worker.shutdown()  # waits: the connection is the caller's again

    def send(self, *lines: Iterable[bytes]) -> None:
        """Starts to write a batch: the lines of each table, in their order."""
        self.wait()
        connection.ensure_connection()
        cursor = connection.connection.cursor()
        batches = [io.BytesIO(b"".join(of_table)) for of_table in lines]
        self.running = self.worker.submit(self._write, cursor, batches)

    def _write(self, cursor: Any, batches: Sequence[io.BytesIO]) -> None:
        for sql, batch in zip(self.sql, batches, strict=True):
            if batch.getbuffer().nbytes:
                cursor.copy_expert(sql, batch, PIECE_BYTES)

    def wait(self) -> None:
        """Waits until the batch that was sent is written."""
        running, self.running = self.running, None
        if running is not None:
            with connection.wrap_database_errors:
                running.result()


def copy(table: str, columns: str, lines: Iterable[bytes]) -> None:
    """Appends one batch of rows to a table. IntegrityError and DataError as for an INSERT."""
    # copy_expert is the driver's own: Django does not translate its exceptions.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        buffer = io.BytesIO(b"".join(lines))
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", buffer)
