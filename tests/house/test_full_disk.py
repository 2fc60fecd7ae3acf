"""A full disk: Postgres refuses with SQLSTATE 53100, which a trigger raises here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from evals.jobs import requests
from evals.models import ModelEval
from predictions.models import Prediction, Project
from predictions_api.jobs import sweeps
from predictions_api.postgres import outages
from tests.clustered import own_tables
from tests.conftest import Caller
from tests.evals import conftest as evals

NOTHING_STORED = "The disk of the server is full. Nothing was stored; try again when there is room."


@contextmanager
def full_disk(table: str) -> Iterator[None]:
    """No row goes into the table meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'No space left on device'; END $$;"
            f" CREATE TRIGGER no_room BEFORE INSERT ON {table} EXECUTE FUNCTION no_room()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION no_room CASCADE")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test before met a full disk."""
    monkeypatch.setattr(outages, "_met_full_disk_at", -outages.REMEMBERED_S)


@own_tables
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/predictions/", "/api/projects/{}/import/predictions"])
def test_writes_are_507_and_ready_says_why(
    ada: Caller, client: Client, project: Project, task: int, path: str
) -> None:
    assert client.get("/ready").json() == {"status": "ready"}
    item = {"task": task, "result": [], "model_version": "v1"}
    body: Any = [item] if "import" in path else item
    with full_disk("predictions_prediction"):
        response = ada.client.post(path.format(project.pk), body, format="json")
    assert response.status_code == 507
    assert {**response.json(), "id": ""} == {
        "id": "",
        "status_code": 507,
        "version": response.json()["version"],
        "detail": NOTHING_STORED,
        "exc_info": None,
    }
    assert not Prediction.objects.exists()
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "disk": "full"})
    assert ada.client.post(path.format(project.pk), body, format="json").status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_an_evaluation_waits_and_says_why(ada: Caller, project: Project) -> None:
    car = ("Car", 10, 10, 20, 20)
    said = {"v1": [evals.box(*car, score=0.9)]}
    evals.load(ada, project, [evals.task("a", truth=[evals.box(*car)], said=said)])
    evaluation = requests.create(evals.values(project), workspace_id=ada.access.workspace_id)
    with full_disk("evals_evalimage"):
        for _ in range(7):  # more often than an evaluation is tried
            call_command("worker", once=True, verbosity=0)
            evaluation.refresh_from_db()
            assert (evaluation.status, evaluation.attempts) == ("running", 0)
            ModelEval.objects.update(lease_until="2020-01-01T00:00:00Z")
            sweeps.sweep()
    path = f"/{project.workspace.slug}/model-evals/{evaluation.eval_id}"
    waiting = ada.client.get(path, HTTP_AUTHORIZATION=f"Bearer {ada.key}").json()
    assert waiting["failureReason"] == "Waits for room: the disk of the database is full."
    ModelEval.objects.update(lease_until="2020-01-01T00:00:00Z")
    call_command("worker", once=True, verbosity=0)
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.failure_reason) == ("done", "")
