"""The bare server of the desk: psycopg2 and orjson under the same web server.

For each request it executes the statements that the service executes (the session, its user and
their role included), fetches all rows, and encodes the document, which is ready in memory.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import psycopg2

#: By path and query: the statements, and the document or None for bytes.
ANSWERS: dict[str, Any] = orjson.loads(Path(os.environ["BENCH_ANSWERS"]).read_bytes())
BYTES = {path: bytes(answer["size"]) for path, answer in ANSWERS.items()}

local = threading.local()
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answers every path and query that was recorded before measuring."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["BENCH_DSN"])
        local.connection.autocommit = True
    path = environ["PATH_INFO"] + (f"?{query}" if (query := environ["QUERY_STRING"]) else "")
    answer = ANSWERS[path]
    with local.connection.cursor() as cursor:
        for statement in answer["statements"]:
            cursor.execute(statement)
            cursor.fetchall()
    document = answer["document"]
    content = BYTES[path] if document is None else orjson.dumps(document)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response("200 OK", headers)
    return [content]
