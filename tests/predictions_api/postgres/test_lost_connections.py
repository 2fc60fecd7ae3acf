"""A connection that breaks in the middle of any statement of a request: 503, and nothing stored.

The statement itself has the server end its connection, as a restart or a failover does.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from predictions.models import Annotation, Prediction, Project, Task
from predictions_api.postgres.outages import is_outage
from predictions_api.postgres.sql import server_cursor
from prompts.db import prompts
from prompts.models import ModelRun, Prompt, PromptVersion
from tests.conftest import Caller, MakeProject, assert_refused, region

pytestmark = pytest.mark.django_db(transaction=True)

LOST = "SELECT pg_terminate_backend(pg_backend_pid())"
UNAVAILABLE = "The database cannot be reached. Nothing was stored; try again."


class Breaking:
    """Breaks the connection in the middle of the nth statement."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.left -= 1
        if self.left == 0:
            return execute(LOST, None, False, context)
        return execute(sql, params, many, context)

    @property
    def has_broken(self) -> bool:
        return self.left <= 0


@contextmanager
def breaking(n: int) -> Iterator[Breaking]:
    breaker = Breaking(n)
    with connection.execute_wrapper(breaker):
        yield breaker
    connection.close()


PREDICTION = {"task": "{task}", "result": [region()], "model_version": "v"}
ALL = {"selectedItems": {"all": True}}
VERSION = {"title": "v2", "prompt": "Which?", "provider_model_id": "m"}
RUN = {"project": "{project}", "project_subset": "All", "job_id": "j"}
# Each changes something, or reads.
REQUESTS: list[tuple[str, str, Any]] = [
    ("get", "/api/predictions/{prediction}/", None),
    ("get", "/api/predictions/?task={task}", None),
    ("get", "/api/tasks/?project={project}", None),
    ("post", "/api/predictions/", PREDICTION),
    ("post", "/api/predictions/", [PREDICTION, PREDICTION]),
    ("post", "/api/predictions/?upsert=true", PREDICTION),
    ("patch", "/api/predictions/{prediction}/", {"score": 0.5}),
    ("delete", "/api/predictions/{prediction}/", None),
    ("post", "/api/tasks/", {"project": "{project}", "data": {"image": "http://x.y/2.jpg"}}),
    ("patch", "/api/tasks/{task}/", {"data": {"image": "http://x.y/2.jpg"}}),
    ("post", "/api/tasks/{task}/annotations/", {"result": [region()]}),
    ("patch", "/api/annotations/{annotation}/", {"ground_truth": True}),
    ("delete", "/api/annotations/{annotation}/", None),
    ("post", "/api/projects/", {"title": "Another"}),
    ("patch", "/api/projects/{project}/", {"title": "Another"}),
    ("delete", "/api/projects/{project}/", None),
    ("post", "/api/dm/actions/?id=predictions_to_annotations&project={project}", ALL),
    ("post", "/api/prompts/", {"title": "Moods"}),
    ("post", "/api/prompts/{prompt}/versions", VERSION),
    ("post", "/api/prompts/{prompt}/versions/{version}/inference-runs", RUN),
    ("post", "/api/projects/{project}/import", [{"data": {"image": "http://x.y/1.jpg"}}]),
    ("post", "/api/projects/{project}/import/predictions", [PREDICTION]),
]


def filled(value: Any, ids: dict[str, int]) -> Any:
    """The value with its ids in it."""
    if isinstance(value, dict):
        return {key: filled(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, ids) for inner in value]
    if value in {"{task}", "{project}"}:
        return ids[value[1:-1]]
    return value.format(**ids) if isinstance(value, str) else value


def stored() -> list[Any]:
    kept = (Project, Task, Prediction, Annotation, Prompt, PromptVersion)
    rows = [list(model.objects.order_by("pk").values_list("pk", "updated_at")) for model in kept]
    return [*rows, ModelRun.objects.count()]


@pytest.mark.parametrize(("verb", "path", "body"), REQUESTS, ids=lambda value: str(value)[:50])
def test_is_answered_503(
    ada: Caller, make_project: MakeProject, make_task: Any, verb: str, path: str, body: Any
) -> None:
    project = make_project(ada)
    task = make_task(ada, project)
    made = ada.client.post("/api/predictions/", {"task": task, "result": []}, format="json").json()
    true = ada.client.post(f"/api/tasks/{task}/annotations/", {"result": []}, format="json").json()
    prompt = prompts.create_prompt({"title": "Moods"}, ada.access)
    values = {"title": "v1", "prompt": "Which?", "provider_model_id": "m"}
    version = prompts.create_version(prompt, values, ada.access)
    ids = {
        "project": project.pk,
        "task": task,
        "prediction": made["id"],
        "annotation": true["id"],
        "prompt": prompt.pk,
        "version": version.pk,
    }
    before = stored()
    n = 0
    while True:
        n += 1
        with breaking(n) as breaker:
            send = getattr(ada.client, verb)
            response = send(filled(path, ids), filled(body, ids), format="json")
        if not breaker.has_broken:
            break
        assert_refused(response, 503, UNAVAILABLE)
        assert stored() == before
        assert gc.isenabled()
    assert response.status_code < 300
    # The key's look-up and the request's own.
    assert n > 2


def test_the_evaluation_routes_have_their_envelope(ada: Caller) -> None:
    for n in (1, 2):
        with breaking(n) as breaker:
            response = ada.client.get("/lab/model-evals")
        assert breaker.has_broken
        assert response.status_code == 503
        assert response.json() == {"error": "database_unavailable", "message": UNAVAILABLE}


def test_a_cursor_that_the_server_keeps_says_so_too() -> None:
    """Of the driver's own, as evaluations and long lists read them."""

    def read() -> None:
        with transaction.atomic(), server_cursor("rows") as cursor:
            cursor.execute(LOST)
            cursor.fetchmany(1)

    with pytest.raises(OperationalError) as caught:
        read()
    connection.close()
    assert is_outage(caught.value)
