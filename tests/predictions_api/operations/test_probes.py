"""/health, /ready and /metrics."""

import json
import re
import time
from pathlib import Path

import pytest
import requests
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Caller
from tests.house.serving import running

ANSWERED_WITHIN_S = 20


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_asks_nothing(client: Client, path: str) -> None:
    # No database mark: a query would fail the test.
    response = client.get(path)
    assert (response.status_code, response.content) == (200, b'{"status": "UP"}')
    assert response["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.django_db
def test_ready_with_every_migration(client: Client) -> None:
    response = client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_ready_is_cheap(client: Client, django_assert_num_queries: object) -> None:
    client.get("/ready")
    assert callable(django_assert_num_queries)
    with django_assert_num_queries(2):  # is there a table of migrations, and what is in it
        client.get("/ready")


@pytest.mark.django_db
def test_not_ready_with_a_migration_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name ~ '^0001'")
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "migrations pending", "count": 1}


def test_without_a_database(tmp_path: Path) -> None:
    url = "postgres://somebody:unsaid-password@127.0.0.1:1/nothing"
    with running(tmp_path, migrate=False, DATABASE_URL=url) as server:
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
        ready = requests.get(f"{server.url}/ready", timeout=30)
        assert (ready.status_code, ready.json()) == (503, {"status": "database unreachable"})
        headers = {"Authorization": "Token " + "ab12" * 10}
        answer = requests.get(f"{server.url}/api/predictions/", headers=headers, timeout=30)
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("The database cannot be reached")
        written = server.written()
    assert "unsaid-password" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert any("Connection refused" in line.get("reason", "") for line in lines)
    failed = [line["path"] for line in lines if line["event"] == "request"]
    # A failing probe is news.
    assert failed == ["/ready", "/api/predictions/"]


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by (name, method, route, status)."""
    return {
        (s.name, *(s.labels[n] for n in ("method", "route", "status") if n in s.labels)): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if "le" not in s.labels
    }


def test_metrics_count_by_route_not_by_path(ada: Caller, client: Client, project: object) -> None:
    def read() -> dict[tuple[str, ...], float]:
        response = client.get("/metrics")
        assert response["Content-Type"].startswith("text/plain")
        return samples(response.content.decode())

    before = read()
    for n in range(1, 4):
        ada.client.get(f"/api/projects/{n}000000/")
        ada.client.get(f"/nothing/{n}")
        ada.client.generic("BREW", f"/api/projects/{n}000000/")
    after = read()

    def grown(*key: str) -> float:
        return after.get(key, 0) - before.get(key, 0)

    assert grown("http_requests_total", "GET", "project-detail", "404") == 3
    assert grown("http_requests_total", "GET", "unmatched", "404") == 3
    assert grown("http_requests_total", "other", "project-detail", "405") == 3
    assert grown("http_request_seconds_count", "GET", "project-detail") == 3
    assert not any("000000" in part for key in after for part in key)
    # The one that asks, and whatever an earlier test of this process never closed.
    assert after[("http_requests_in_flight",)] == before[("http_requests_in_flight",)] >= 1


@pytest.mark.slow
def test_metrics_add_up_all_processes(tmp_path: Path) -> None:
    shared = tmp_path / "metrics"
    shared.mkdir()
    n_requests = 40
    with running(tmp_path, workers=2, PROMETHEUS_MULTIPROC_DIR=str(shared)) as server:
        for _ in range(n_requests):
            # A connection of its own each, so that both workers get some.
            requests.get(f"{server.url}/api/version", timeout=30)
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while len(list(shared.glob("counter_*.db"))) < 2 and time.monotonic() < deadline:
            requests.get(f"{server.url}/health", timeout=30)
        text = requests.get(f"{server.url}/metrics", timeout=30).text
        assert len(list(shared.glob("counter_*.db"))) >= 2
    assert samples(text)[("http_requests_total", "GET", "version", "200")] == n_requests
    assert len(re.findall(r"^http_requests_in_flight ", text, re.MULTILINE)) == 1
