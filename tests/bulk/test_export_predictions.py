"""GET /api/predictions/export: the list as a file."""

import csv
import gzip
import io
import json
import sys
from typing import Any

import pyarrow.parquet as pq
import pytest

from predictions.models import Project
from tests.bulk.conftest import Seed
from tests.conftest import Caller

URL = "/api/predictions/export"


@pytest.fixture
def rows(project: Project, seed_tasks: Seed, seed_predictions: Seed) -> list[int]:
    return seed_predictions(project, seed_tasks(project, 5), 250, 2)


def download(caller: Caller, query: str = "", **headers: Any) -> bytes:
    response = caller.client.get(f"{URL}?{query}", **headers)
    assert response.status_code == 200
    return b"".join(response)


def ids_in(name: str, body: bytes) -> list[int]:
    """The ids of a file, read by a reader of its own format."""
    if name == "parquet":
        return list(pq.read_table(io.BytesIO(body)).column("id").to_pylist())
    if name == "csv":
        return [int(row["id"]) for row in csv.DictReader(io.StringIO(body.decode(), newline=""))]
    if name == "json":
        return [row["id"] for row in json.loads(body)]
    return [json.loads(line)["id"] for line in body.splitlines()]


FORMATS = ["ndjson", "json", "csv", "parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_every_row(
    ada: Caller, project: Project, rows: list[int], name: str
) -> None:
    response = ada.client.get(f"{URL}?format={name}&project={project.pk}")
    assert response["Content-Disposition"] == (
        f'attachment; filename="project-{project.pk}-predictions.{name}"'
    )
    assert ids_in(name, b"".join(response)) == rows


def test_lines_are_the_lists_documents(ada: Caller, project: Project, rows: list[int]) -> None:
    listed = json.loads(b"".join(ada.client.get(f"/api/predictions/?project={project.pk}")))
    assert [json.loads(line) for line in download(ada).splitlines()] == listed


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("model_version=v1", slice(1, None, 2)),
        ("limit=3", slice(0, 3)),
        ("limit=2&ordering=-id", slice(None, -3, -1)),
        ("score_gte=0.8", slice(200, None)),
        ("model_version=unheard", slice(0, 0)),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_the_lists_filters_choose(
    ada: Caller, project: Project, rows: list[int], query: str, wanted: slice, name: str
) -> None:
    body = download(ada, f"format={name}&project={project.pk}&{query}")
    assert ids_in(name, body) == rows[wanted]


def test_a_file_of_several_projects_has_a_plain_name(ada: Caller, rows: list[int]) -> None:
    response = ada.client.get(URL)
    assert response["Content-Disposition"] == 'attachment; filename="predictions.ndjson"'
    assert ids_in("ndjson", b"".join(response)) == rows


def test_gzip_when_asked_but_not_twice(ada: Caller, rows: list[int]) -> None:
    squeezed = download(ada, "format=csv", HTTP_ACCEPT_ENCODING="gzip")
    assert ids_in("csv", gzip.decompress(squeezed)) == rows
    response = ada.client.get(f"{URL}?format=parquet", HTTP_ACCEPT_ENCODING="gzip")
    assert "Content-Encoding" not in response
    assert ids_in("parquet", b"".join(response)) == rows


def test_accept_has_no_say(ada: Caller, rows: list[int]) -> None:
    assert ids_in("csv", download(ada, "format=csv", HTTP_ACCEPT="text/csv")) == rows


@pytest.mark.parametrize(
    ("version", "escaped"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("v=1", "v=1"),
        ("'=1", "'=1"),
    ],
)
def test_a_spreadsheet_gets_no_formula_where_that_is_asked(
    ada: Caller, project: Project, seed_tasks: Seed, version: str, escaped: str
) -> None:
    [task] = seed_tasks(project, 1)
    item = {"task": task, "result": [], "score": -0.5, "model_version": version}
    path = f"/api/projects/{project.pk}/import/predictions"
    assert ada.client.post(path, [item], format="json").status_code == 201
    for query, expected in (("", version), ("&escape=false", version), ("&escape=true", escaped)):
        text = download(ada, f"format=csv{query}").decode()
        [row] = csv.DictReader(io.StringIO(text, newline=""))
        assert (row["model_version"], row["score"], row["result"]) == (expected, "-0.5", "[]")
    # Other formats are read by programs alone.
    [line] = download(ada, "format=ndjson&escape=true").splitlines()
    assert json.loads(line)["model_version"] == version


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("escape=perhaps", "escape"),
        ("format=xml", "format"),
        ("project=999999", "project"),
        ("task=nine", "task"),
    ],
)
def test_refuses(ada: Caller, query: str, field: str) -> None:
    response = ada.client.get(f"{URL}?{query}")
    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == [field]


def test_another_workspace_gets_none_of_it(olga: Caller, project: Project, rows: list[int]) -> None:
    assert download(olga) == b""
    refused = olga.client.get(f"{URL}?project={project.pk}")
    assert refused.status_code == 400
    unknown = olga.client.get(f"{URL}?project=999999")
    assert refused.json()["validation_errors"] == unknown.json()["validation_errors"]


def test_readers_may_export(rita: Caller, rows: list[int]) -> None:
    assert ids_in("ndjson", download(rita)) == rows


def test_parquet_without_pyarrow_is_501(
    ada: Caller, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    response = ada.client.get(f"{URL}?format=parquet")
    assert response.status_code == 501
    assert "parquet" in response.json()["detail"]


def test_export_is_no_id(ada: Caller) -> None:
    assert ada.client.delete(URL).status_code == 405
