"""Writes many rows with COPY: how every import writes.

Ids are reserved first (`sql.reserve_ids`), so that an import can answer with them in the order of
its request.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from django.db import connection
from psycopg2 import InternalError
from psycopg2.errors import ForeignKeyViolation

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = b"\\N"
# For the checks of foreign keys, whose plans are kept: one made while the other table is almost
# empty reads all of it for each row, and of 5,000 tasks in batches that was half of the time.
BY_INDEX = "SET LOCAL enable_seqscan TO off"
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
        self.goes_by_index = False

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
        if not self.goes_by_index:
            cursor.execute(BY_INDEX)
            self.goes_by_index = True
        batches = [b"".join(of_table) for of_table in lines]
        self.running = self.worker.submit(self._write, cursor, batches)

    def _write(self, cursor: Any, batches: Sequence[bytes]) -> None:
        for sql, batch in zip(self.sql, batches, strict=True):
            if batch:
                cursor.copy_expert(sql, io.BytesIO(batch), PIECE_BYTES)

    def wait(self) -> None:
        """Waits until the batch that was sent is written."""
        running, self.running = self.running, None
        if running is not None:
            with _translated():
                running.result()


@contextmanager
def _translated() -> Iterator[None]:
    """Django's exceptions for the driver's own. A cluster's COPY says in words alone that a node
    found a foreign key violated.
    """
    with connection.wrap_database_errors:
        try:
            yield
        except InternalError as error:
            if "violates foreign key constraint" not in str(error):
                raise
            raise ForeignKeyViolation(str(error)) from error


def copy(table: str, columns: str, lines: Iterable[bytes]) -> None:
    """Appends one batch of rows to a table. IntegrityError and DataError as for an INSERT."""
    with _translated(), connection.cursor() as cursor:
        buffer = io.BytesIO(b"".join(lines))
        sql = f"{BY_INDEX}; COPY {table} ({columns}) FROM STDIN"
        cursor.copy_expert(sql, buffer, PIECE_BYTES)
