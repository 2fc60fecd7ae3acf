"""What /metrics reads from the database, and the alerts and the dashboard that ask for it."""

import json
import os
import re
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from evals.jobs import requests
from predictions.models import Project
from predictions_api.jobs import attendance
from predictions_api.jobs.models import Worker
from predictions_api.operations import gauges, observability
from tests.conftest import Caller
from tests.evals import conftest as evals

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = ROOT / "examples" / "operations"


@pytest.fixture(autouse=True)
def asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape reads anew."""
    monkeypatch.setattr(gauges, "FRESH_S", 0.0)


def scraped(client: Client) -> dict[tuple[str, ...], float]:
    """Values by name and labels' values."""
    text = client.get("/metrics").content.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.django_db(transaction=True)
def test_jobs_queue_and_workers(ada: Caller, client: Client, project: Project) -> None:
    car = ("Car", 10, 10, 20, 20)
    said = {"v1": [evals.box(*car, score=0.9)]}
    evals.load(ada, project, [evals.task("a", truth=[evals.box(*car)], said=said)])
    requests.create(evals.values(project), workspace_id=ada.access.workspace_id)
    before = scraped(client)
    assert before[("jobs", "evaluation", "running")] == 1
    assert before[("queue_depth",)] == 1
    assert before[("queue_oldest_seconds",)] > 0
    assert (before[("workers_alive",)], before[("workers_processes",)]) == (0, 0)
    assert ("workers_last_heartbeat_timestamp_seconds",) not in before

    call_command("worker", once=True, verbosity=0)
    me = uuid4()
    for _ in range(2):
        attendance.beat(me, processes=3)
    after = scraped(client)
    assert after[("jobs", "evaluation", "done")] == 1
    assert ("jobs", "evaluation", "running") not in after
    assert (after[("queue_depth",)], after[("queue_oldest_seconds",)]) == (0, 0)
    assert (after[("workers_alive",)], after[("workers_processes",)]) == (1, 3)
    row = Worker.objects.get()
    assert (row.host, row.pid) == (socket.gethostname(), os.getpid())
    assert after[("workers_last_heartbeat_timestamp_seconds",)] == row.seen_at.timestamp()
    assert after[("database_up",)] == 1
    assert after[("database_disk_full",)] == 0
    assert after[("database_connections", "active")] >= 1
    assert after[("database_connections_max",)] >= 20

    # Killed: missed after 30 seconds. Stopped: gone at once.
    Worker.objects.update(seen_at="2020-01-01T00:00:00Z")
    assert scraped(client)[("workers_alive",)] == 0
    attendance.leave(me)
    assert not Worker.objects.exists()


@pytest.mark.django_db
def test_workers_of_yesterday_are_forgotten() -> None:
    attendance.beat(uuid4(), processes=1)
    Worker.objects.update(seen_at="2020-01-01T00:00:00Z")
    me = uuid4()
    attendance.beat(me, processes=1)
    assert [row.pk for row in Worker.objects.all()] == [me]


@pytest.mark.django_db
def test_a_scrape_asks_at_most_every_five_seconds(
    client: Client, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "FRESH_S", 5.0)
    monkeypatch.setattr(observability.DATABASE, "_read_at", -5.0)
    with django_assert_num_queries(12):
        client.get("/metrics")
    with django_assert_num_queries(0):
        client.get("/metrics")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", "/api/predictions/", {"task": "x"}, "invalid"),
        ("GET", "/api/predictions/999999/", None, "not_found"),
        ("PUT", "/api/predictions/", {}, "method_not_allowed"),
        ("GET", "/lab/model-evals/abcdefghij0123456789", None, "model_eval_not_found"),
        ("GET", "/nothing", None, "workspace_not_found"),
    ],
)
def test_refusals_by_reason(
    ada: Caller, client: Client, method: str, path: str, body: Any, reason: str
) -> None:
    key = ("http_rejections_total", reason)
    before = scraped(client).get(key, 0)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {ada.key}"} if "model-evals" in path else {}
    response = ada.client.generic(
        method, path, json.dumps(body or {}), content_type="application/json", **headers
    )
    assert response.status_code >= 400
    assert scraped(client)[key] == before + 1


def names_in(expression: str) -> set[str]:
    """The metrics an expression of Prometheus asks for."""
    plain = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|without) \([^)]*\)", "", expression)
    return {
        name
        for name in re.findall(r"\b[a-z][a-z_]+\b(?!\()", plain)
        if name not in {"or", "and", "unless", "by"} and not re.fullmatch("e[0-9]*", name)
    } - {"sum", "max", "rate"}


@pytest.mark.django_db
def test_alerts_and_dashboard_ask_for_what_there_is(ada: Caller, client: Client) -> None:
    ada.client.post("/api/predictions/", {}, format="json")
    attendance.beat(uuid4(), processes=1)
    there = {key[0] for key in scraped(client)} | {"jobs"}
    rules = yaml.safe_load((OPERATIONS / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((OPERATIONS / "dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(asked) > 20
    for expression in asked:
        assert names_in(expression), expression
        assert names_in(expression) <= there, expression
