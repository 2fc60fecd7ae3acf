"""Tables of comma- or tab-separated values, a task a row: read twice and never held.

The first pass finds what is wrong and what the columns hold, the second gives the tasks.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from typing import IO, Any

from predictions_api.http.storable import MAX_TEXT_BYTES

# As large as any other value.
csv.field_size_limit(MAX_TEXT_BYTES)

# Of the tasks together: empty cells count, and each task has the columns' names.
MOST_CELLS = 20_000_000
MOST_NAME_BYTES = 512 * 1024 * 1024
AT_ONCE_ROWS = 2000
# What stands for no value among numbers, and what a column may hold beside it.
MISSING = frozenset({"NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>"})
# No number of Postgres has so many digits, and Python reads none of thousands.
LONGEST_NUMBER = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column may hold; `fits` tells whether a number can be kept as one."""

    pattern: re.Pattern[str]
    value: Callable[[str], Any]
    fits: Callable[[str], bool]


KINDS = (
    Kind(
        re.compile(r"true|True|TRUE|false|False|FALSE"),
        lambda cell: cell.lower() == "true",
        lambda cell: True,
    ),
    # What a number of Postgres or of Label Studio cannot hold stays text. Spaces may stand around
    # one, as there.
    Kind(
        re.compile(r"[ \t]*[+-]?[0-9]+[ \t]*"),
        int,
        lambda cell: len(cell) < 19 or (len(cell) < LONGEST_NUMBER and abs(int(cell)) < 2**63),
    ),
    Kind(
        re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*"),
        float,
        lambda cell: (len(cell) < 300 and "e" not in cell.lower()) or math.isfinite(float(cell)),
    ),
)


@dataclass(slots=True)
class Column:
    """A column: a number or truth value in all its cells that are not empty, or else text."""

    name: str
    #: Places in KINDS that all cells so far are of.
    kinds: list[int] = field(default_factory=lambda: [0, 1, 2])
    has_values: bool = False
    #: Places in KINDS of which a cell was too large.
    too_large: set[int] = field(default_factory=set)

    def see(self, cells: Sequence[str]) -> None:
        """Some more of its cells."""
        values = [cell for cell in cells if cell and cell not in MISSING]
        if not values or not self.kinds:
            return
        self.has_values = True
        at = next((k for k in self.kinds if all(map(KINDS[k].pattern.fullmatch, values))), None)
        # What is whole is a number, too; a truth value is nothing else.
        self.kinds = [] if at is None else [0] if at == 0 else [k for k in self.kinds if k >= at]
        self.too_large |= {k for k in self.kinds if not all(map(KINDS[k].fits, values))}

    def reader(self) -> Callable[[str], Any] | None:
        """What makes a value of a cell; None for text. Called when all cells were seen."""
        if not self.kinds or not self.has_values or self.kinds[0] in self.too_large:
            return None
        value = KINDS[self.kinds[0]].value
        return lambda cell: "" if not cell or cell in MISSING else value(cell)


def table_tasks(
    file: IO[bytes], separator: str, *, most_rows: int, texts: Set[str] = frozenset()
) -> Iterator[Any]:
    """A task a row; cells that a row lacks are empty text, and columns called as one of the `texts`
    are text whatever they hold.

    ValueError at once for a row that is wider than the first, for a file that is no table, and for
    one of more than `most_rows`, MOST_CELLS or MOST_NAME_BYTES.
    """
    columns = _columns(file, separator, most_rows, texts)
    return _tasks(file, separator, columns)


def _columns(file: IO[bytes], separator: str, most_rows: int, texts: Set[str]) -> list[Column]:
    rows = _rows(file, separator)
    header = next(rows, None)
    if header is None:
        raise ValueError("No columns to parse from file")
    columns = [Column(name, [] if name in texts else [0, 1, 2]) for name in _names(header)]
    name_bytes = sum(len(column.name.encode()) + 4 for column in columns)
    n_rows = 0
    while some := list(islice(rows, AT_ONCE_ROWS)):
        n_rows += len(some)
        if n_rows > most_rows:
            raise ValueError(f"A file may have {most_rows:,} rows at most")
        if n_rows * len(columns) > MOST_CELLS:
            raise ValueError(f"A table may have {MOST_CELLS:,} cells at most, empty ones included")
        if n_rows * name_bytes > MOST_NAME_BYTES:
            raise ValueError("The names of the columns, repeated in each task, are too long")
        for at, column in enumerate(columns):
            if column.kinds:
                column.see([row[at] for row in some if at < len(row)])
    return columns


def _tasks(file: IO[bytes], separator: str, columns: Sequence[Column]) -> Iterator[Any]:
    readers = [(at, read) for at, column in enumerate(columns) if (read := column.reader())]
    names = [column.name for column in columns]
    rows = _rows(file, separator)
    next(rows)
    for row in rows:
        cells: list[Any] = row + [""] * (len(names) - len(row))
        for at, read in readers:
            cells[at] = read(cells[at])
        yield {"data": dict(zip(names, cells, strict=True))}


def _rows(file: IO[bytes], separator: str) -> Iterator[list[str]]:
    """The rows that are not empty. ValueError for what cannot be read, or is wider than the
    first.
    """
    file.seek(0)
    text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=separator, strict=True)
    width = 0
    try:
        for row in reader:
            width = width or len(row)
            if len(row) > width:
                line = reader.line_num
                raise ValueError(f"Expected {width} fields in line {line}, saw {len(row)}")
            if row:
                yield row
    except csv.Error as exc:
        raise ValueError(f"{exc} in line {reader.line_num}") from None
    finally:
        # The file is read again, unless the request is over.
        with suppress(ValueError):
            text.detach()


def _names(header: Sequence[str]) -> list[str]:
    """The columns' names, as Label Studio's reader has them: none twice, none without."""
    seen: Counter[str] = Counter()
    names = []
    for place, name in enumerate(header):
        name = name or f"Unnamed: {place}"
        names.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
