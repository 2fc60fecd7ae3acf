"""Files of predictions, imported batch by batch: each batch is a transaction that also notes how
far the file has got, so an import that was interrupted goes on where it stopped.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.db import transaction

from predictions.db.imports import committed_items, note_committed
from predictions.imports import bodies, predictions
from predictions.imports.parsing import parse_fast
from predictions.models import Project
from predictions_api.http.errors import ParquetMissing

FORMATS = ("ndjson", "json", "parquet")
BLOCK_BYTES = 1 << 20
# Columns of a Parquet file that an import reads; the rest of an exported file is the store's own.
COLUMNS = ("task", "result", "score", "model_version")


@dataclass(slots=True)
class Outcome:
    """What an import did."""

    n_skipped: int = 0
    n_created: int = 0


def source_of(path: Path) -> str:
    """What a file is known by when it is resumed: its size and how it begins, not where it is."""
    with path.open("rb") as file:
        beginning = file.read(BLOCK_BYTES)
    return hashlib.sha256(b"%d\n%b" % (path.stat().st_size, beginning)).hexdigest()


def items_of(file: IO[bytes], name: str) -> Iterator[Any]:
    """The file's items in order; one that cannot be read is the Refused that says why.

    Memory holds a block of a JSON Lines file, a row group of a Parquet file, all of a JSON file.
    ParseError for a JSON file that is none, ParquetMissing without pyarrow.
    """
    if name == "ndjson":
        blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
        for batch in bodies.parsed_lines(bodies.lines(blocks)):
            yield from batch
    elif name == "json":
        document = parse_fast(file.read())
        yield from document if isinstance(document, list) else [document]
    else:
        yield from _parquet_items(file)


def _parquet_items(file: IO[bytes]) -> Iterator[Any]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ParquetMissing from None
    for batch in ParquetFile(file).iter_batches():
        names = [name for name in COLUMNS if name in batch.schema.names]
        for row in batch.select(names).to_pylist():
            if isinstance(row.get("result"), str):
                row["result"] = parse_fast(row["result"].encode())
            yield row


def run(
    project: Project,
    items: Iterable[Any],
    *,
    source: str,
    batch_size: int,
    upsert: bool = False,
    resume: bool = False,
    advance: Callable[[int], object] = lambda n: None,
) -> Outcome:
    """Imports items, `batch_size` to a transaction; `advance` hears of every batch.

    With `resume` passes over what was committed before. ValidationError for a bad item, by its
    index in its batch; the batches before it stay.
    """
    outcome = Outcome(n_skipped=committed_items(project.pk, source) if resume else 0)
    rest = iter(items)
    for _ in islice(rest, outcome.n_skipped):
        pass
    advance(outcome.n_skipped)
    done = outcome.n_skipped
    while batch := list(islice(rest, batch_size)):
        with transaction.atomic():
            answer = predictions.store_batches(
                project, bodies.in_batches(batch), upsert=upsert, first_index=done
            )
            done += len(batch)
            note_committed(project.pk, source, done)
        outcome.n_created += answer["created"]
        advance(len(batch))
    return outcome
