"""Rows of a table of comma-, semicolon- or tab-separated values, under the names of its header."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from predictions.formats.errors import Errors
from predictions.formats.readers.separators import HEADER_BYTES, separator_of
from predictions.formats.sources import Source
from predictions.regions.labels import FLAG_WORDS, read_number

SEPARATORS = (",", ";", "\t")
MOST_ROWS = 5_000_000
MOST_COLUMNS = 1000
#: Of a file, so that a cell may be as long as that.
LONGEST_CELL = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column, and where the row begins."""

    cells: Mapping[str, str]
    place: str

    def number(self, column: str, errors: Errors) -> float | None:
        """The finite number in a column; None, and an error, for anything else."""
        text = self.cells.get(column, "")
        number = number_of(text)
        if number is None:
            errors.add(f"{self.place}, {column}", f"{text!r:.100} is no number.")
        return number


@dataclass(slots=True)
class Rows:
    """The rows of one of a source's names. The header is read at once; BadFile without one."""

    source: Source
    name: str
    errors: Errors
    columns: Sequence[str] = field(init=False)
    _reader: Iterator[list[str]] = field(init=False)
    _lines: "csv._reader" = field(init=False)  # type: ignore[name-defined]  # not exported

    def __post_init__(self) -> None:
        text = self.source.text(self.name)
        separator = separator_of(text[:HEADER_BYTES], SEPARATORS)
        csv.field_size_limit(LONGEST_CELL)
        self._lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        self._reader = self._read()
        self.columns = [one.strip() for one in next(self._reader, [])]
        if not self.columns:
            raise self.errors.stop(self.name, "has no header with the columns' names.")
        if len(self.columns) > MOST_COLUMNS:
            raise self.errors.stop(self.name, f"has over {MOST_COLUMNS:,} columns.")
        twice = [one for n, one in enumerate(self.columns) if one in self.columns[:n]]
        if twice:
            raise self.errors.stop(f"{self.name}, line 1", f"has a column {twice[0]!r:.100} twice.")

    def _read(self) -> Iterator[list[str]]:
        try:
            yield from (cells for cells in self._lines if cells)
        except csv.Error as exc:
            line = self._lines.line_num
            raise self.errors.stop(f"{self.name}, line {line}", f"is no row: {exc}.") from None

    def __iter__(self) -> Iterator[Row]:
        n_columns = len(self.columns)
        before = self._lines.line_num
        for n, cells in enumerate(self._reader):
            place, before = f"{self.name}, line {before + 1}", self._lines.line_num
            if n == MOST_ROWS:
                raise self.errors.stop(place, f"is one over {MOST_ROWS:,} rows.")
            if len(cells) != n_columns:
                self.errors.add(place, f"has {len(cells)} cells, the header has {n_columns}.")
                continue
            yield Row(dict(zip(self.columns, cells, strict=True)), place)

    def need(self, *columns: str) -> None:
        """An error that ends the reading where one of the columns is not there."""
        for column in columns:
            if column not in self.columns:
                told = ", ".join(self.columns)
                raise self.errors.stop(
                    f"{self.name}, line 1", f"has no column {column!r}, only {told:.500}."
                )


def number_of(text: object) -> float | None:
    """The finite number that a text, or a number, is; None for anything else."""
    number = read_number(text)
    return number if number is not None and math.isfinite(number) else None


#: What tools write for yes and for no: words, numbers, and pandas' 1.0 for 1.
FLAGS = {**FLAG_WORDS, "1": True, "1.0": True, "0": False, "0.0": False}
NO_FLAG = "{text!r:.100} is neither 0 nor 1."


def flag_of(text: str | None) -> bool | None:
    """What a text says, in any case: yes or, as one that is not there, no; None for anything else.

    >>> flag_of(" True "), flag_of("1.0"), flag_of(None), flag_of("2")
    (True, True, False, None)
    """
    return FLAGS.get((text or "").strip().lower())
