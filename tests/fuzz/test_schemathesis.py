"""Generated requests for every documented operation, over WSGI: valid, broken, and at the edges.

No answer may be a 5xx, and each one must be a documented status, type, header and body. Many
of the requests are aimed at rows that exist; each is rolled back, so the next one finds them again.
FUZZ_EXAMPLES says how many requests an operation gets.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from predictions.models import Project
from predictions_api.wsgi import application
from tests.checking import contract
from tests.conftest import Caller, make_refresh, region

CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """An array as JSON Lines, anything else as one line."""
    items = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(item, default=str).encode() + b"\n" for item in items)


def read_and_closed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application as a server uses it: schemathesis itself closes no answer, and its client
    leaves a large form's temporary file open.
    """
    with closing(environ["wsgi.input"]):
        answer: Any = application(environ, start_response)
        with closing(answer):
            return list(answer)


config = schemathesis.Config()
# The key is ours: a made-up one would end each request at the door.
config.projects.default.generation.update(with_security_parameters=False)
api = schemathesis.openapi.from_dict(contract().document, config=config)
api.app = read_and_closed
pytestmark = pytest.mark.fuzz

Ids = dict[str, int | str]


@pytest.fixture
def ids(ada: Caller, rita: Caller, project: Project, task: int) -> Ids:
    """One row of each kind, by the names that paths, queries and bodies have for it."""
    post = ada.client.post
    prediction = {"task": task, "result": [region()], "model_version": "v1", "score": 0.5}
    predicted = post("/api/predictions/", prediction, format="json").json()
    drawn = post(f"/api/tasks/{task}/annotations/", {"result": [region()]}, format="json").json()
    refresh = make_refresh(rita)
    return {
        "projects": project.pk,
        "project": project.pk,
        "project_id": project.pk,
        "task__project": project.pk,
        "tasks": task,
        "task": task,
        "task_id": task,
        "predictions": predicted["id"],
        "parent_prediction": predicted["id"],
        "annotations": drawn["id"],
        "parent_annotation": drawn["id"],
        "completed_by": ada.user.pk,
        "refresh": refresh,
    }


@contextmanager
def rolled_back() -> Iterator[None]:
    """What a request does in the block is undone; it neither opens nor closes connections."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    for signal in signals:
        signal.connect(close_old_connections)


def aim(case: schemathesis.Case, ids: Ids) -> None:
    """Where a value may stand for a row, name one that exists."""
    kind = case.path.removeprefix("/api/").partition("/")[0]
    _aim_at(case.path_parameters, {**ids, "id": ids.get(kind, 0)})
    _aim_at(case.query, ids)
    for item in case.body if isinstance(case.body, list) else [case.body]:
        _aim_at(item, ids)


def _aim_at(values: Any, ids: Ids) -> None:
    if not hasattr(values, "items"):
        return
    for name, value in list(values.items()):
        if name in ids and _stands_for_a_row(value):
            values[name] = ids[name]


def _stands_for_a_row(value: Any) -> bool:
    """Zero and odd numbers, which paths have as text, do; of other texts those of odd length."""
    if isinstance(value, str) and not value.isdecimal():
        return len(value) % 2 == 1
    return isinstance(value, int | str) and (int(value) == 0 or int(value) % 2 == 1)


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
def test_answers_as_documented(
    case: schemathesis.Case, ada: Caller, ids: Ids, answers: Counter[int]
) -> None:
    aim(case, ids)
    with rolled_back():
        # Over WSGI nobody undoes a compression.
        headers = {"Authorization": f"Token {ada.key}", "Accept-Encoding": "identity"}
        response = case.call(headers=headers)
    answers[response.status_code] += 1

    case.validate_response(response, checks=CHECKED)
