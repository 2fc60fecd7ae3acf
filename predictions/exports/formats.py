"""Predictions on their way out: JSON arrays, JSON Lines, CSV and Parquet, all as streams.

Every writer takes chunks of documents and gives pieces of bytes, so memory holds one chunk,
whatever the number of rows.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from predictions.db.documents import Document
from predictions.exports.types.archive import Pipe
from predictions_api.http.errors import ParquetMissing
from predictions_api.http.rendering import OPTIONS, dumps, harmless_cell

if TYPE_CHECKING:
    import pyarrow as pa

Chunks = Iterable[list[Document]]
Writer = Callable[[Chunks], Iterator[bytes]]

# Columns of the tabular formats, in order; JSON columns hold JSON text.
TABLE = (
    "id",
    "task",
    "project",
    "model_version",
    "score",
    "cluster",
    "mislabeling",
    "created_at",
    "updated_at",
    "model",
    "model_run",
    "neighbors",
    "result",
)
JSON_COLUMNS = frozenset({"neighbors", "result"})


def json_array(chunks: Chunks) -> Iterator[bytes]:
    """One JSON array, a piece a chunk; `[]` for no rows."""
    opening = b"["
    for chunk in chunks:
        if chunk:
            yield opening + dumps(chunk)[1:-1]
            opening = b","
    yield b"[]" if opening == b"[" else b"]"


def json_lines(chunks: Chunks) -> Iterator[bytes]:
    """One document a line (https://github.com/ndjson/ndjson-spec); nothing for no rows."""
    for chunk in chunks:
        yield b"".join(
            orjson.dumps(document, option=OPTIONS | orjson.OPT_APPEND_NEWLINE) for document in chunk
        )


def _cell(document: Document, name: str) -> Any:
    value = document[name]
    if name in JSON_COLUMNS:
        return None if value is None else orjson.dumps(value).decode()
    return value.isoformat() if name.endswith("_at") else value


def csv_rows(chunks: Chunks, *, escape: bool = False) -> Iterator[bytes]:
    """A header, then a row a prediction (RFC 4180); null is empty, JSON columns hold JSON.

    With `escape` no cell is a formula to a spreadsheet; without, programs read what was stored.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(TABLE)
    for chunk in chunks:
        rows = ([_cell(document, name) for name in TABLE] for document in chunk)
        writer.writerows(map(_harmless_row, rows) if escape else rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _harmless_row(cells: list[Any]) -> list[Any]:
    return [harmless_cell(cell) for cell in cells]


def parquet_schema() -> pa.Schema:
    """The columns' types; JSON columns are text. ParquetMissing without pyarrow."""
    try:
        import pyarrow as pa
    except ImportError:
        raise ParquetMissing from None
    integer, number, text = pa.int64(), pa.float64(), pa.string()
    moment = pa.timestamp("us", tz="UTC")
    kinds = {"score": number, "mislabeling": number, "created_at": moment, "updated_at": moment}
    kinds |= {"model_version": text, "neighbors": text, "result": text}
    return pa.schema([(name, kinds.get(name, integer)) for name in TABLE])


def parquet(chunks: Chunks) -> Iterator[bytes]:
    """A Parquet file, a row group a chunk. ParquetMissing without pyarrow."""
    schema = parquet_schema()
    return _parquet(chunks, schema)


def _parquet(chunks: Chunks, schema: pa.Schema) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    file = Pipe()
    with ParquetWriter(file, schema, compression="zstd") as writer:
        for chunk in chunks:
            columns = {name: [_parquet_cell(d, name) for d in chunk] for name in TABLE}
            writer.write_table(pa.table(columns, schema=schema))
            yield file.take()
    yield file.take()


def _parquet_cell(document: Document, name: str) -> Any:
    return _cell(document, name) if name in JSON_COLUMNS else document[name]


WRITERS: dict[str, tuple[Writer, str]] = {
    "ndjson": (json_lines, "application/x-ndjson"),
    "csv": (csv_rows, "text/csv; charset=utf-8"),
    "parquet": (parquet, "application/vnd.apache.parquet"),
    "json": (json_array, "application/json"),
}


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream, each sent as far as it can be decoded.

    The fastest level: JSON shrinks to a sixth of its size, and the list stays bound by the
    database rather than by the compressor.
    """
    compressor = zlib.compressobj(level=1, wbits=31)
    for piece in pieces:
        if squeezed := compressor.compress(piece):
            yield squeezed
    yield compressor.flush()
