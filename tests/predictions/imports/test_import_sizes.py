"""How large imports may become: what is small to send and large to keep is refused early."""

import tracemalloc
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.exceptions import ParseError

from predictions.imports import problems, tables, tasks
from predictions.models import Project, Task
from predictions_api import memory
from predictions_api.http import parsing
from tests.conftest import Caller, assert_invalid, assert_refused

pytestmark = pytest.mark.slow

JSON, LINES = "application/json", "application/x-ndjson"
TOO_LARGE_JSON = (
    "JSON parse error - parsed, the document would take more than 512 MB of memory; send it in"
    " parts or, to an import, as JSON Lines"
)


def send(caller: Caller, project: Project, body: bytes, kind: str, *, to: str = "import") -> Any:
    path = f"/api/projects/{project.pk}/{to}"
    if "/" in kind:
        return caller.client.post(path, body, content_type=kind)
    file = SimpleUploadedFile(f"table.{kind}", body)
    return caller.client.post(path, {"file": file}, format="multipart")


def wide(n_columns: int, n_rows: int, separator: str = ",") -> bytes:
    """A header of many columns above rows of one cell."""
    names = separator.join(f"c{n}" for n in range(n_columns))
    return names.encode() + b"\n" + b"a\n" * n_rows


CELLS = "A table may have 20,000,000 cells at most, empty ones included"
TABLES = [
    ("csv", wide(50_000, 30_000), CELLS),
    ("tsv", wide(50_000, 30_000, "\t"), CELLS),
    (
        "csv",
        b"n" * 30_000 + b"\n" + b"1\n" * 20_000,
        "The names of the columns, repeated in each task, are too long",
    ),
    ("csv", b"a\n" + b"1\n" * 250_001, "A file may have 250,000 rows at most"),
    ("txt", b"a\n" * 250_001, "A file may have 250,000 rows at most"),
]


@pytest.mark.parametrize(
    ("kind", "body", "reason"), TABLES, ids=["csv", "tsv", "names", "rows", "lines"]
)
def test_tables(ada: Caller, project: Project, kind: str, body: bytes, reason: str) -> None:
    """The first took 3.3 GB of memory for a third of a megabyte."""
    tracemalloc.start()
    response = send(ada, project, body, kind)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    message = f"Failed to parse input file table.{kind}: {reason}"
    assert_invalid(response, {"non_field_errors": [message]})
    assert not Task.objects.exists()
    assert peak < 60_000_000


def test_a_table_is_stored_as_it_is_read(ada: Caller, project: Project) -> None:
    """Of several batches, larger than what is kept in memory of an upload."""
    n_rows, text = 3 * tables.AT_ONCE_ROWS, "x" * 1000
    # What a column holds is known when all of it was seen.
    rows = [f"{n},{n if n < n_rows - 1 else 0.5},true,{text}" for n in range(n_rows)]
    body = ("number,almost,flag,image\n" + "\n".join(rows)).encode()
    tracemalloc.start()
    response = send(ada, project, body, "csv")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 201, response.content
    assert response.json()["task_count"] == n_rows
    first, last = Task.objects.order_by("id").first(), Task.objects.order_by("id").last()
    assert first is not None
    assert last is not None
    assert first.data == {"number": 0, "almost": 0.0, "flag": True, "image": text}
    assert last.data == {"number": n_rows - 1, "almost": 0.5, "flag": True, "image": text}
    assert peak < 70_000_000


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["true", "1"], ["1"], ["true", "1", "1"]),
        (["1"], ["true"], ["1", "true"]),
        (["1", ""], ["2"], [1, "", 2]),
        (["1"], ["2.5"], [1.0, 2.5]),
        (["NA"], ["NA"], ["NA", "NA"]),
        (["1"], [str(2**63)], ["1", str(2**63)]),
        (["1"], ["9" * 5000], ["1", "9" * 5000]),
        (["1.5"], ["1e999"], ["1.5", "1e999"]),
        (["True"], ["false"], [True, False]),
    ],
)
def test_kinds_are_those_of_all_rows(
    first: list[str], second: list[str], expected: list[Any]
) -> None:
    """Whatever the batches are that they are looked at in."""
    column = tables.Column("c")
    column.see(first)
    column.see(second)
    read = column.reader()
    assert [cell if read is None else read(cell) for cell in first + second] == expected


@pytest.mark.parametrize(
    ("body", "kind", "to"),
    [
        (b"[" + b"{}," * 3_333_333 + b"{}]", JSON, "import"),
        (b"[" + b"{}," * 3_333_333 + b"{}]", JSON, "import/predictions"),
    ],
    ids=["tasks", "predictions"],
)
def test_ten_megabytes_of_nothing(
    ada: Caller, project: Project, body: bytes, kind: str, to: str
) -> None:
    assert_refused(send(ada, project, body, kind, to=to), 400, TOO_LARGE_JSON)


@pytest.mark.parametrize(
    ("to", "options"), [("import", ""), ("import/predictions", "?on_error=skip")]
)
def test_bad_items_are_read_up_to_a_bound(
    ada: Caller, project: Project, to: str, options: str
) -> None:
    body = b"1\n" * (problems.MOST_SKIPPED + 1000)
    response = send(ada, project, body, LINES, to=to + options)
    reasons = response.json()["validation_errors"]["non_field_errors"]
    assert response.status_code == 400
    assert reasons[-1] == "More than 100,000 items are bad; nothing is stored."
    assert len(reasons) == (1 if options else 101)


@pytest.mark.parametrize("kind", [JSON, LINES])
def test_an_import_has_only_so_many_tasks(
    ada: Caller, project: Project, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_TASKS", 3)
    items = [b'{"image": "a"}'] * 4
    body = b"[" + b",".join(items) + b"]" if kind == JSON else b"\n".join(items)
    message = "Maximum task number is 3, current task number is 4"
    assert_invalid(send(ada, project, body, kind), {"non_field_errors": [message]})
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 8_000_000 + b"[]]",
        b"[" + b'{"a":1},' * 2_500_000 + b"{}]",
        b'["' + b"x" * 140_000_000 + '\N{GRINNING FACE}"]'.encode(),
    ],
    ids=["lists", "objects", "text"],
)
def test_what_would_become_large_is_not_parsed(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(ParseError, match="more than 512 MB"):
        parsing.parse_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_real_documents_are_far_below_the_bound() -> None:
    """The largest value that is stored: a polygon of 32 MB."""
    polygon = b"[" + b",".join([b"[12.345678,45.678901]"] * 1_400_000) + b"]"
    parsing.hold_for(polygon)
    memory.let_go()
