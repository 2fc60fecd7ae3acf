"""The writers of predictions as streams: each format read back by a reader of its own."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from predictions.exports import formats

AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def document(n: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": n,
        "result": orjson.Fragment('[{"id": "ä,\\"\\n", "value": {"x": 1}}]'),
        "model_version": 'v,"1"\n',
        "created_ago": "0\xa0minutes",
        "score": 0.5,
        "cluster": None,
        "neighbors": None,
        "mislabeling": 0.0,
        "created_at": AT,
        "updated_at": AT,
        "model": None,
        "model_run": None,
        "task": 7,
        "project": 3,
        **changed,
    }


CHUNKS = [[document(1), document(2, score=None)], [document(3, model_version=None)]]
REGIONS = [{"id": 'ä,"\n', "value": {"x": 1}}]


def test_json_array_is_one_array_whatever_the_chunks() -> None:
    whole = json.loads(b"".join(formats.json_array(CHUNKS)))
    assert [row["id"] for row in whole] == [1, 2, 3]
    assert whole[0]["result"] == REGIONS
    assert whole[0]["created_at"] == "2026-01-02T03:04:05.000678Z"


@pytest.mark.parametrize("chunks", [[], [[]], [[], []]])
def test_json_array_of_nothing_is_empty(chunks: list[list[Any]]) -> None:
    assert b"".join(formats.json_array(chunks)) == b"[]"


def test_json_array_passes_over_empty_chunks() -> None:
    assert (
        json.loads(b"".join(formats.json_array([[], [document(1)], [], [document(2)]])))[1]["id"]
        == 2
    )


def test_json_lines_hold_a_document_each() -> None:
    lines = b"".join(formats.json_lines(CHUNKS)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2, 3]
    assert b"".join(formats.json_lines([])) == b""


def test_csv_reads_back() -> None:
    text = b"".join(formats.csv_rows(CHUNKS)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["model_version"] == 'v,"1"\n'
    assert rows[1]["score"] == ""
    assert json.loads(rows[0]["result"]) == REGIONS
    assert rows[0]["created_at"] == "2026-01-02T03:04:05.000678+00:00"


def test_csv_of_nothing_is_its_header() -> None:
    assert b"".join(formats.csv_rows([])).decode() == ",".join(formats.TABLE) + "\r\n"


def test_parquet_reads_back_with_types() -> None:
    table = pq.read_table(io.BytesIO(b"".join(formats.parquet(CHUNKS))))
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert rows[0]["created_at"] == AT
    assert rows[1]["score"] is None
    assert rows[2]["model_version"] is None
    assert json.loads(rows[0]["result"]) == REGIONS


def test_parquet_of_nothing_has_the_columns() -> None:
    table = pq.read_table(io.BytesIO(b"".join(formats.parquet([]))))
    assert table.num_rows == 0
    assert tuple(table.column_names) == formats.TABLE


def test_gzip_can_be_decoded() -> None:
    pieces = [b"a" * 1000, b"", b"b" * 1000]
    assert gzip.decompress(b"".join(formats.gzipped(pieces))) == b"".join(pieces)
