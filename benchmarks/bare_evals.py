"""The bare server of evaluations: psycopg2 and orjson under the same web server.

For each request it executes the service's own statements (the key's owner, the evaluation, its
rows), fetches all rows, and encodes the document. The document is ready in memory: nothing is
decoded, counted or built, so no server with these tables can do less.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import django
import orjson
import psycopg2

django.setup()  # only so that the statements below can be imported

from accounts.tokens import BY_DIGEST, digest_of  # noqa: E402
from evals.db.evaluations import IN_WORKSPACE_SQL  # noqa: E402
from evals.db.images import RANGE_SQL, SPLIT_RANGE_SQL  # noqa: E402
from evals.db.panels import MATRIX_SQL, PANEL_SQL  # noqa: E402
from evals.models import EvalPanel, Split  # noqa: E402

Kind = EvalPanel.Kind
ROUTE = re.compile(r"^/bench/model-evals/(\w+)/([\w-]+)$")
KINDS = {"map-results": Kind.MAP_RESULTS.value, "confidence-sweep": Kind.SWEEP.value}
#: The service's answers by path and query, taken before measuring.
DOCUMENTS: dict[str, Any] = orjson.loads(Path(os.environ["BENCH_DOCUMENTS"]).read_bytes())

local = threading.local()
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def cursor() -> Any:
    """A cursor of this thread's own connection, which commits by itself."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["BENCH_DSN"])
        local.connection.autocommit = True
    return local.connection.cursor()


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Pages of images and the panels."""
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    match = ROUTE.match(path)
    assert match
    document = DOCUMENTS[f"{path}?{query}"]
    with cursor() as sql:
        sql.execute(BY_DIGEST, [digest_of(environ["HTTP_AUTHORIZATION"][6:]), "key"])
        workspace_id = sql.fetchone()[2]
        sql.execute(IN_WORKSPACE_SQL, [match[1], workspace_id, "bench"])
        evaluation = sql.fetchone()[2]
        if match[2] == "image-predictions":
            first = document["offset"]
            end = first + document["limit"]
            if document["split"] == "all":
                sql.execute(RANGE_SQL, [evaluation, first, end])
            else:
                split = Split[document["split"].upper()].value
                sql.execute(SPLIT_RANGE_SQL, [evaluation, split, first, end])
        elif match[2] == "confusion-matrix":
            sql.execute(MATRIX_SQL, [evaluation, Kind.MATRIX.value, 20, [Split.TEST.value]])
        else:
            sql.execute(PANEL_SQL, [evaluation, KINDS[match[2]], -1, -1])
        sql.fetchall()
    content = orjson.dumps(document)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response("200 OK", headers)
    return [content]
