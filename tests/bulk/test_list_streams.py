"""GET /api/predictions/ of many rows: chunks, lines, gzip."""

import gzip
import json
from typing import Any

import pytest
from django.http import StreamingHttpResponse

from predictions.db import prediction_lists
from predictions.models import Project
from predictions_api.http.rendering import accepts_gzip
from tests.bulk.conftest import Seed
from tests.conftest import Caller

LINES = "application/x-ndjson"


@pytest.fixture
def many(project: Project, seed_tasks: Seed, seed_predictions: Seed) -> list[int]:
    """More predictions than two chunks hold."""
    n = prediction_lists.FIRST_CHUNK + prediction_lists.CHUNK + 10
    return seed_predictions(project, seed_tasks(project, 10), n, 2)


def content(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def test_a_long_list_is_one_array_in_id_order(ada: Caller, many: list[int]) -> None:
    response = ada.client.get("/api/predictions/")
    assert isinstance(response, StreamingHttpResponse)
    assert response["Content-Type"] == "application/json"
    assert [row["id"] for row in json.loads(content(response))] == many


@pytest.mark.parametrize(
    "n", [0, 1, prediction_lists.FIRST_CHUNK - 1, prediction_lists.FIRST_CHUNK]
)
def test_lines_hold_what_the_array_holds(
    ada: Caller, project: Project, seed_tasks: Seed, seed_predictions: Seed, n: int
) -> None:
    seed_predictions(project, seed_tasks(project, 3), n)
    url = f"/api/predictions/?project={project.pk}"
    array = json.loads(content(ada.client.get(url)))
    response = ada.client.get(url, HTTP_ACCEPT=LINES)
    assert response["Content-Type"] == LINES
    assert [json.loads(line) for line in content(response).splitlines()] == array
    assert len(array) == n


def test_a_page_comes_as_lines_too(ada: Caller, many: list[int]) -> None:
    response = ada.client.get("/api/predictions/?limit=2", HTTP_ACCEPT=LINES)
    assert response["Content-Type"] == LINES
    assert [json.loads(line)["id"] for line in response.content.splitlines()] == many[:2]
    assert f"after={many[1]}" in response["Link"]


def test_the_first_piece_is_small(ada: Caller, many: list[int]) -> None:
    chunks = prediction_lists.stream_statement(
        "SELECT p.id, p.result::text, p.model_version,"
        " p.created_at, p.score, p.cluster, p.neighbors::text, p.mislabeling, p.updated_at,"
        " p.model_id, p.model_run_id, p.task_id, p.project_id FROM predictions_prediction p",
        [],
        slot=None,
    )
    sizes = [len(chunk) for chunk in chunks]
    assert sizes == [prediction_lists.FIRST_CHUNK, prediction_lists.CHUNK, 10]


def test_a_long_list_is_gzipped_when_asked(ada: Caller, many: list[int]) -> None:
    plain = content(ada.client.get("/api/predictions/", HTTP_ACCEPT=LINES))
    response = ada.client.get(
        "/api/predictions/", HTTP_ACCEPT=LINES, HTTP_ACCEPT_ENCODING="gzip, br"
    )
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    squeezed = content(response)
    assert gzip.decompress(squeezed).splitlines()[0] == plain.splitlines()[0]
    assert len(squeezed) < len(plain) / 4


def test_errors_are_json_for_those_who_ask_for_lines(ada: Caller) -> None:
    response = ada.client.get("/api/predictions/?limit=no", HTTP_ACCEPT=LINES)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"
    assert list(response.json()["validation_errors"]) == ["limit"]


def test_only_the_list_comes_as_lines(ada: Caller, many: list[int]) -> None:
    response = ada.client.get(f"/api/predictions/{many[0]}/", HTTP_ACCEPT=LINES)
    assert response.status_code == 406


def test_a_foreign_project_is_refused_as_an_unknown_one(
    olga: Caller, project: Project, many: list[int]
) -> None:
    for accept in (LINES, "application/json"):
        url = f"/api/predictions/?project={project.pk}"
        assert olga.client.get(url, HTTP_ACCEPT=accept).status_code == 400


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("gzipped", False),
    ],
)
def test_who_takes_gzip(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected
