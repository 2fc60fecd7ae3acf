"""`manage.py distribute` on a cluster: with rows, twice, interrupted, and what is left behind."""

import io
import re
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from predictions.models import ImportCheckpoint, Prediction, SavedView, Task
from predictions_api.cluster import distributing, nodes, tables
from predictions_api.postgres.spread.slots import FIRST, SLOTS, of_project
from tests import clustered
from tests.conftest import Caller, make_caller, region

pytestmark = pytest.mark.cluster
Ask = Callable[..., list[Any]]
N_TASKS = 12
ALTERED_SQL = """
SELECT 1 FROM pg_sequence
WHERE seqrelid = pg_get_serial_sequence('predictions_prediction', 'id')::regclass
    AND seqincrement = %s
"""


def distribute(*args: str) -> str:
    out = io.StringIO()
    call_command("distribute", *args, shards=clustered.SHARDS, stdout=out, no_color=True)
    return out.getvalue()


def made(caller: Caller, title: str) -> int:
    """A project with N_TASKS tasks, each with a prediction and an annotation."""
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        '<Label value="Car"/></RectangleLabels></View>'
    )
    body = {"title": title, "label_config": config}
    project: int = caller.client.post("/api/projects/", body, format="json").json()["id"]
    said = {"result": [region()], "model_version": "v1", "score": 0.5}
    item = {"data": {"image": "x"}, "predictions": [said], "annotations": [{"result": []}]}
    url = f"/api/projects/{project}/import"
    assert caller.client.post(url, [item] * N_TASKS, format="json").status_code == 201
    return project


@pytest.fixture
def ada(joined: str) -> Caller:
    """On a database that is not spread yet."""
    return make_caller("ada@example.com", "lab")


def exported(caller: Caller, project: int) -> bytes:
    """The file, but for how long ago things were."""
    answer = caller.client.get(f"/api/projects/{project}/export?exportType=JSON")
    body = b"".join(answer) if answer.streaming else answer.content
    return re.sub(rb'"created_ago":"[^"]*"', b"", body)


def lie() -> dict[str, str]:
    return {table: nodes.lying().get(table, tables.HERE) for table in tables.every()}


def foreign_keys(ask: Ask) -> list[Any]:
    return ask(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
        " FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)"
        " ORDER BY 1, 2",
        sorted(tables.every()),
    )


def test_rows_stay_as_they_are(ada: Caller, ask: Ask) -> None:
    project = made(ada, "Cars")
    before, keys = exported(ada, project), foreign_keys(ask)

    said = distribute()

    assert lie() == {
        table: way if way != tables.HERE else lie()[table] for table, way in tables.every().items()
    }
    assert said.endswith("The database is spread.\n")
    assert exported(ada, project) == before
    assert foreign_keys(ask) == keys
    assert distribute("--check").endswith("All nodes answer, and their copies agree.\n")
    new = made(ada, "Vans")
    ids = [*Task.objects.filter(project=new).values_list("pk", flat=True)]
    assert [(one >= FIRST, one % SLOTS) for one in ids] == [(True, of_project(new))] * N_TASKS
    assert exported(ada, project) == before

    again = distribute()

    assert again == "analyzing\nThe database is spread.\n"
    assert foreign_keys(ask) == keys


@pytest.mark.parametrize("after", ["_drop_keys", "_spread", "_restore_keys"])
def test_an_interrupted_call_is_called_again(
    ada: Caller, ask: Ask, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    project = made(ada, "Cars")
    before, keys = exported(ada, project), foreign_keys(ask)
    step = getattr(distributing, after)

    def interrupted(*args: Any, **more: Any) -> None:
        step(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(distributing, after, interrupted)
        with pytest.raises(KeyboardInterrupt):
            distribute()
    distribute()

    assert exported(ada, project) == before
    assert foreign_keys(ask) == keys
    assert ask("SELECT to_regclass('spread_foreign_key')::text") == [(None,)]
    assert distribute("--check").endswith("All nodes answer, and their copies agree.\n")


def test_a_process_that_has_not_heard_of_it_stores_no_id_that_leads_nowhere(
    ada: Caller, joined: str
) -> None:
    """One in the middle of a transaction: what it stores afterwards is refused, and it ends."""
    project = made(ada, "Cars")
    task = Task.objects.filter(project=project).first()
    assert task is not None
    insert = (
        "INSERT INTO predictions_{} (project_id, slot, {}, created_at, updated_at) VALUES"
        f" ({project}, {of_project(project)}, {{}}, now(), now())"
    )
    prediction = insert.format("prediction", "task_id, result, mislabeling", f"{task.pk}, '[]', 0")
    with closing(clustered.at(clustered.coordinator(), joined)) as old:
        old.autocommit = False
        with old.cursor() as cursor:
            cursor.execute("SELECT 1")
            call = threading.Thread(target=_spread_aside)
            call.start()
            # By new connections each time: those from before end.
            while not _asked(joined, ALTERED_SQL % SLOTS):
                pass
            with pytest.raises(psycopg2.errors.CheckViolation):
                cursor.execute(prediction)
            old.rollback()
        call.join()
        with pytest.raises(psycopg2.Error), old.cursor() as cursor:
            cursor.execute("SELECT 1")
    connection.close()
    assert Prediction.objects.count() == N_TASKS
    assert distribute("--check").endswith("All nodes answer, and their copies agree.\n")


def _asked(database: str, sql: str) -> list[Any]:
    with closing(clustered.at(clustered.coordinator(), database)) as raw, raw.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _spread_aside() -> None:
    try:
        distribute()
    finally:
        connection.close()


def test_check_tells_of_a_copy_that_differs(ada: Caller, joined: str) -> None:
    made(ada, "Cars")
    distribute()
    [node, *_] = clustered.NODES
    shown = "SET citus.override_table_visibility = off"
    with closing(clustered.at(node, joined)) as raw, raw.cursor() as cursor:
        cursor.execute(shown)
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^predictions_project_[0-9]+$'"
        )
        [(shard,)] = cursor.fetchall()
    allowed = "SET citus.enable_manual_changes_to_shards = on"
    clustered.run(node, joined, allowed, f"UPDATE {shard} SET title = 'Drifted'")
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"^The cluster is not well\.$"):
        call_command("distribute", "--check", stdout=out)
    assert "predictions_project differs:\n" in out.getvalue()
    assert out.getvalue().count(" differs:\n") == 1


def test_tables_of_a_new_migration_are_told_and_spread(
    ada: Caller, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is copied, and one that stays; each with a key to a copied table."""
    keys = foreign_keys(ask)
    new = (SavedView, ImportCheckpoint)
    names = {model._meta.db_table for model in new}
    with connection.schema_editor() as editor:
        for model in new:
            editor.delete_model(model)
    with monkeypatch.context() as patch:
        every = tables.every().items()
        patch.setattr(tables, "_tables", {name: way for name, way in every if name not in names})
        distribute()
    distributing.leave_new_tables()
    with connection.schema_editor() as editor:
        for model in new:
            editor.create_model(model)
    with pytest.raises(CommandError, match=r"^Not all tables are spread"):
        distribute("--check")

    distribute()

    assert distribute("--check").endswith("All nodes answer, and their copies agree.\n")
    assert len(foreign_keys(ask)) == len(keys)
    assert exported(ada, made(ada, "Cars")).startswith(b'[{"id":')
    assert distribute() == "analyzing\nThe database is spread.\n"
