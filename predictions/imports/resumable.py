"""Files of predictions, imported batch by batch: each batch is a transaction that also notes how
far the file has got, so an import that was interrupted goes on where it stopped. A file is known by
the items that were committed of it: what follows them may be mended, or grow, before it goes on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import orjson
from django.db import transaction

from predictions.db.imports import checkpoints, note_committed
from predictions.imports import bodies, predictions
from predictions.imports.parsing import parse_fast
from predictions.models import Project
from predictions_api.http.errors import ParquetMissing

FORMATS = ("ndjson", "json", "parquet")
BLOCK_BYTES = 1 << 20
# Columns of an exported Parquet file that are the store's own: the rest is read as JSON's keys are.
OWN = {"id", "project", "created_at", "updated_at", "model", "model_run"}
JSON_TEXTS = ("result", "neighbors")


@dataclass(slots=True)
class Outcome:
    """What an import did: items passed over, predictions made, items committed in all."""

    n_skipped: int = 0
    n_created: int = 0
    n_committed: int = 0


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
        names = [name for name in batch.schema.names if name not in OWN]
        for row in batch.select(names).to_pylist():
            for name in JSON_TEXTS:
                if isinstance(row.get(name), str):
                    row[name] = parse_fast(row[name].encode())
            yield row


def _bytes_of(item: Any) -> bytes:
    try:
        return orjson.dumps(item)
    except TypeError:  # whole numbers beyond 64 bits, and what no JSON has
        return repr(item).encode(errors="backslashreplace")


class Prefix:
    """The items of a file up to a place, by a digest that no other items have."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, items: Iterable[Any]) -> None:
        for item in items:
            self._sha256.update(_bytes_of(item) + b"\n")

    def digest(self) -> str:
        return self._sha256.hexdigest()


def committed_items(project_id: int, items: Iterable[Any]) -> int:
    """How many of these items, from the first on, are committed already.

    Of several imports of files that begin alike the newest counts; 0 where there was none.
    """
    noted = checkpoints(project_id)
    digests = {}
    prefix, rest, done = Prefix(), iter(items), 0
    for n_items in sorted({n_items for _, n_items in noted}):
        prefix.add(islice(rest, n_items - done))
        digests[n_items] = prefix.digest()
        done = n_items
    return next((n_items for source, n_items in noted if digests[n_items] == source), 0)


def run(
    project: Project,
    read: Callable[[], Iterable[Any]],
    *,
    batch_size: int,
    upsert: bool = False,
    resume: bool = False,
    advance: Callable[[int], object] = lambda n: None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Imports the items that `read` gives, from the first one each time it is called, `batch_size`
    to a transaction; `advance` hears of every batch, `outcome` is kept up to date.

    With `resume` passes over what was committed before. ValidationError for a bad item, by its
    index in its batch; the batches before it stay.
    """
    outcome = outcome or Outcome()
    outcome.n_skipped = committed_items(project.pk, read()) if resume else 0
    rest = iter(read())
    prefix = Prefix()
    prefix.add(islice(rest, outcome.n_skipped))
    advance(outcome.n_skipped)
    outcome.n_committed = outcome.n_skipped
    noted = None  # by this import: a note of another one stays
    while batch := list(islice(rest, batch_size)):
        prefix.add(batch)
        with transaction.atomic():
            answer = predictions.store_batches(
                project, bodies.in_batches(batch), upsert=upsert, first_index=outcome.n_committed
            )
            done = outcome.n_committed + len(batch)
            is_new = note_committed(project.pk, prefix.digest(), done, instead_of=noted)
        noted = prefix.digest() if is_new else None
        outcome.n_committed = done
        outcome.n_created += answer["created"]
        advance(len(batch))
    return outcome
