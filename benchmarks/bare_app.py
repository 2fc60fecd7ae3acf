"""The bare server: the same SQL with psycopg2 and orjson, and nothing else.

A connection prepares each statement once, as the service does. No framework, no validation, no
negotiation, no logging: what is left is Postgres, the driver, the JSON encoder and the web server
that both applications run under.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import django
import orjson
import psycopg2

django.setup()  # only so that the statements below can be imported

from accounts.tokens import BY_DIGEST, digest_of  # noqa: E402
from predictions.db.documents import PREDICTION_COLUMNS  # noqa: E402
from predictions.db.predictions import CREATE_SQL, DELETE_SQL  # noqa: E402
from predictions_api.outbound.events import recording  # noqa: E402
from predictions_api.postgres.prepared import Statements  # noqa: E402

ROUTE = re.compile(r"^/api/predictions/(?:(\d+)/)?$")
GET_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
JOIN predictions_project j ON j.id = p.project_id WHERE p.id = %s AND j.workspace_id = %s
"""
LIST_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
WHERE p.project_id IN (SELECT id FROM predictions_project WHERE workspace_id = %s)
  AND p.task_id = %s ORDER BY p.id
"""
TARGET_SQL = """
SELECT p.task_id, p.project_id, j.validate_predictions, j.label_config
FROM predictions_prediction p JOIN predictions_project j ON j.id = p.project_id
WHERE p.id = %s AND j.workspace_id = %s
"""
PATCH_SQL = f"""
WITH p AS (
    UPDATE predictions_prediction SET updated_at = now(), score = %s WHERE id = %s RETURNING *
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM p WHERE t.id = p.task_id OR t.id = %s
)
SELECT {PREDICTION_COLUMNS} FROM p
"""
HOLDER_SQL = BY_DIGEST.format(is_heard=recording.anybody_listens("t.workspace_id"))
NAMES = [
    "id",
    "result",
    "model_version",
    "created_at",
    "score",
    "cluster",
    "neighbors",
    "mislabeling",
    "updated_at",
    "model",
    "model_run",
    "task",
    "project",
]

local = threading.local()
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def cursor() -> Any:
    """A cursor of this thread's own connection, which commits by itself."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["BENCH_DSN"])
        local.connection.autocommit = True
        local.statements = Statements(local.connection)
    return local.connection.cursor()


def first(sql: Any, statement: str, params: Any) -> Any:
    """The first row of a statement that this connection prepares when it first runs it."""
    sql.execute(local.statements.call(statement), params)
    return sql.fetchone()


def document(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row as the JSON document of a prediction."""
    values = dict(zip(NAMES, row, strict=True))
    values["result"] = orjson.Fragment(values["result"])
    values["created_ago"] = str(datetime.now(UTC) - values["created_at"])
    return values


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The five operations of the benchmark."""
    match = ROUTE.match(environ["PATH_INFO"])
    key = environ["HTTP_AUTHORIZATION"][6:]
    body: Any = None
    with cursor() as sql:
        user_id, workspace_id = first(sql, HOLDER_SQL, [digest_of(key), "key"])[1:3]
        row_id = int(match[1]) if match and match[1] else 0
        method, status = environ["REQUEST_METHOD"], "200 OK"
        if method == "POST":
            values = orjson.loads(environ["wsgi.input"].read())
            row = first(
                sql,
                CREATE_SQL,
                {
                    "task": values["task"],
                    "workspace": workspace_id,
                    "user": user_id,
                    "validated": False,
                    "result": orjson.dumps(values["result"]).decode(),
                    "model_version": values["model_version"],
                    "score": values["score"],
                    "cluster": None,
                    "neighbors": None,
                    "mislabeling": 0.0,
                    "model": None,
                    "model_run": None,
                },
            )
            body, status = document(row), "201 Created"
        elif method == "PATCH":
            score = orjson.loads(environ["wsgi.input"].read())["score"]
            task_id = first(sql, TARGET_SQL, [row_id, workspace_id])[0]
            body = document(first(sql, PATCH_SQL, [score, row_id, user_id, task_id]))
        elif method == "DELETE":
            first(sql, DELETE_SQL, [row_id, workspace_id, user_id])
            status = "204 No Content"
        elif row_id:
            body = document(first(sql, GET_SQL, [row_id, workspace_id]))
        else:
            task = int(environ["QUERY_STRING"].removeprefix("task="))
            sql.execute(local.statements.call(LIST_SQL), [workspace_id, task])
            body = [document(row) for row in sql.fetchall()]
    content = b"" if body is None else orjson.dumps(body, option=orjson.OPT_UTC_Z)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(status, headers)
    return [content]
