"""A node that is lost at its commit: nobody is told that the rows are stored."""

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from predictions.db import idempotency
from predictions.imports import predictions as prediction_import
from predictions.models import Prediction, Project, Task
from tests import clustered
from tests.conftest import Caller, make_caller
from tests.predictions_api.cluster.test_spreading import made

pytestmark = pytest.mark.cluster
# What the coordinator has opened on a node.
END_SQL = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'citus_internal%'
"""
ANSWER = idempotency.KeptAnswer("a", 201, b"{}")


@pytest.fixture(scope="module")
def ada(spread: None) -> Caller:
    return make_caller("ada@example.com", "lab")


def nodes_are_lost() -> None:
    for address in clustered.NODES:
        clustered.run(address, str(connection.settings_dict["NAME"]), END_SQL)


def stored(project: int, version: str) -> int:
    return Prediction.objects.filter(project=project, model_version=version).count()


def store(project: int, version: str) -> None:
    task = Task.objects.filter(project=project).values_list("pk", flat=True).first()
    item: dict[str, Any] = {"task": task, "result": [], "model_version": version}
    prediction_import.store(Project.objects.get(pk=project), [item])


def answered(project: int, caller: Caller, key: str, *, is_lost: bool) -> None:
    """Stores a prediction and keeps its answer; with `is_lost` the nodes are before the commit."""
    with transaction.atomic():
        row = idempotency.claim(caller.access.workspace_id, key)
        assert row is not None
        store(project, key)
        idempotency.keep(row, ANSWER)
        if is_lost:
            nodes_are_lost()


def imported(project: int, version: str, *, is_lost: bool) -> None:
    """The same without a key."""
    with transaction.atomic():
        store(project, version)
        if is_lost:
            nodes_are_lost()


def test_rows_are_not_acknowledged(ada: Caller) -> None:
    project = made(ada, "Cars")

    with pytest.raises(OperationalError):
        imported(project, "lost", is_lost=True)
    imported(project, "there", is_lost=False)

    assert (stored(project, "lost"), stored(project, "there")) == (0, 1)


def test_no_answer_is_kept_without_its_rows(ada: Caller) -> None:
    project, workspace = made(ada, "Vans"), ada.access.workspace_id

    with pytest.raises(OperationalError):
        answered(project, ada, "lost", is_lost=True)
    answered(project, ada, "there", is_lost=False)

    assert (stored(project, "lost"), stored(project, "there")) == (0, 1)
    assert idempotency.kept_answer(workspace, "lost") is None
    kept = idempotency.kept_answer(workspace, "there")
    assert kept is not None
    assert kept._replace(body=bytes(kept.body)) == ANSWER
