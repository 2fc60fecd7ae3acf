"""What another workspace owns is answered exactly as what does not exist: on every route and verb,
and wherever a body or a query string may name an id.

The routes come from the route table itself; one that is not classified below fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.urls import URLPattern, URLResolver, reverse
from rest_framework import serializers as rest

from predictions.api import serializers
from predictions.models import Annotation, MLBackend, Prediction, Project, Task
from predictions_api.http import fields as http_fields
from predictions_api.urls import urlpatterns
from tests.conftest import Caller, MakeProject, region

Ids = dict[str, int]

# Route -> the parameter in its address and what it names.
OBJECT_ROUTES = {
    "prediction-detail": ("pk", "prediction"),
    "task-detail": ("pk", "task"),
    "annotation-list": ("task_pk", "task"),
    "annotation-detail": ("pk", "annotation"),
    "prediction-comment-list": ("prediction_pk", "prediction"),
    "prediction-review-list": ("prediction_pk", "prediction"),
    "project-detail": ("pk", "project"),
    "project-task-list": ("project_pk", "project"),
    "project-tag-list": ("project_pk", "project"),
    "project-model-versions": ("pk", "project"),
    "project-import-predictions": ("pk", "project"),
    "project-import": ("pk", "project"),
    "project-export": ("project_pk", "project"),
    "project-export-list": ("project_pk", "project"),
    "project-export-formats": ("project_pk", "project"),
}
# Lists of what the caller's own workspace has.
LIST_ROUTES = {"prediction-list", "prediction-export", "task-list", "project-list", "token-list"}
# About the caller alone, or about nobody.
OTHER_ROUTES = {
    "whoami",
    "current-token",
    "reset-token",
    "token-refresh",
    "token-blacklist",
    "token-rotate",
    "jwt-settings",
    "version",
    "plain-version",
    "schema",
    "docs",
    "docs-page",
    "docs-search",
    "swagger",
    "redoc",
    "health",
    "ready",
    "metrics",
    "desk",
    "favicon",
}
# Everything that names a workspace is tried in tests/evals/api/test_isolation.py, which finds
# its routes in the route table as this file does.
OTHER_ROUTES |= {"evaluation-login"}
# Tried in tests/prompts/api/test_isolation.py and test_batches.py.
PROMPT_ROOMS = ("prompt-", "run-", "provider-", "project-subset", "batch-", "failed-predictions")
# Tried in tests/backends/api and tests/backends/webhooks.
BACKEND_ROOMS = ("ml-backend", "prediction-job", "webhook")
# An export is found through its project only: tests/bulk has the rest.
OTHER_ROUTES |= {"project-export-status", "project-export-download"}
# Of the caller's workspace alone: tests/accounts/test_audit.py, test_users.py.
OTHER_ROUTES |= {"audit", "users", "user"}
# Names its project in the query: tests/predictions/api/test_actions.py.
OTHER_ROUTES |= {"task-actions"}
# Names its project in the query or the body: tests/predictions/api/curation/test_views.py.
OTHER_ROUTES |= {"view-list", "view-detail", "views-reset", "views-order"}
# Name their project in the query or the body: tests/predictions/api/test_import_storages.py,
# tests/predictions/storages.
OTHER_ROUTES |= {
    f"{kind}-storage-{name}"
    for kind in ("import", "s3-import", "export", "s3-export")
    for name in ("list", "detail", "sync", "validate")
}
OTHER_ROUTES |= {"import-storage-types", "export-storage-types"}
OTHER_ROUTES |= {"import-storages-all", "export-storages-all"}
# Found through a task, whoever asks: tests/predictions/storages/test_resolve.py.
OTHER_ROUTES |= {"resolved-object", "presigned-object"}
# Names annotations or their project in the body: tests/predictions/api/test_mark_annotations.py.
OTHER_ROUTES |= {"annotation-marks"}
# Names a comment beside its prediction: tests/predictions/api/reviews/test_discussion.py.
OTHER_ROUTES |= {"prediction-comment-detail"}
# A link that works once for one person: tests/accounts/test_passwords.py.
OTHER_ROUTES |= {"set-password"}
# Makes or fills a project of the caller's own workspace: tests/predictions/api/test_load.py.
OTHER_ROUTES |= {"load"}
# Name an image root in the query: tests/predictions/api/test_local_files.py.
OTHER_ROUTES |= {"local-file", "local-thumbnail"}
# Django's admin has its own permissions.
OTHER_PREFIXES = {"admin/"}

GOOD_BODIES: dict[tuple[str, str], Any] = {
    ("prediction-detail", "put"): {"task": "own task", "result": []},
    ("prediction-detail", "patch"): {"score": 0.75},
    ("task-detail", "put"): {"project": "own project", "data": {"image": "a.jpg"}},
    ("task-detail", "patch"): {"meta": {"stolen": True}},
    ("annotation-list", "post"): {"result": []},
    ("annotation-detail", "put"): {"result": []},
    ("annotation-detail", "patch"): {"ground_truth": True},
    ("prediction-comment-list", "post"): {"text": "Stolen"},
    ("prediction-review-list", "post"): {},
    ("project-detail", "put"): {"title": "Stolen"},
    ("project-detail", "patch"): {"title": "Stolen"},
    ("project-model-versions", "delete"): {"model_version": ""},
    ("project-import-predictions", "post"): [{"task": "foreign task", "result": []}],
    ("project-import", "post"): [{"image": "a"}],
    ("project-export-list", "post"): {"title": "Stolen"},
}


def walk(patterns: Any) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if str(pattern.pattern) not in OTHER_PREFIXES:
                yield from walk(pattern.url_patterns)
        else:
            yield pattern


ROUTES = {
    pattern.name or str(pattern.pattern): pattern
    for pattern in walk(urlpatterns)
    if "workspace" not in pattern.pattern.regex.groupindex
    and not str(pattern.name).startswith(PROMPT_ROOMS + BACKEND_ROOMS)
}


def verbs_of(name: str) -> list[str]:
    """What the route answers to, as the route table and its view say."""
    view: Any = ROUTES[name].callback
    if actions := getattr(view, "actions", None):
        return sorted(actions)
    view_class = view.view_class
    return [verb for verb in view_class.http_method_names if hasattr(view_class, verb)]


OBJECT_CASES = [
    (name, verb)
    for name in OBJECT_ROUTES
    if name in ROUTES
    for verb in sorted({*verbs_of(name), "head", "options"})
]


@pytest.fixture
def things(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    make_annotation: Callable[..., Any],
) -> Callable[[Caller], Ids]:
    """One object of each kind that somebody owns, by kind."""

    # Numbers that nothing else in an answer is.
    with connection.cursor() as cursor:
        for table in ("project", "task", "prediction", "annotation", "mlbackend"):
            sequence = f"pg_get_serial_sequence('predictions_{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, greatest(nextval({sequence}), 7000000))")

    def make(caller: Caller) -> Ids:
        project = make_project(caller)
        task = make_task(caller, project)
        return {
            "project": project.pk,
            "task": task,
            "prediction": make_prediction(caller, task)["id"],
            "annotation": make_annotation(caller, task)["id"],
            "backend": MLBackend.objects.create(project=project, url="http://ml.example.com").pk,
            "user": caller.user.pk,
        }

    return make


@pytest.fixture
def foreign(ada: Caller, things: Callable[[Caller], Ids]) -> Ids:
    """What Ada owns, and Olga must not see."""
    return things(ada)


@pytest.fixture
def own(olga: Caller, things: Callable[[Caller], Ids]) -> Ids:
    return things(olga)


def missing_id(foreign_id: int) -> int:
    """An id of as many digits as the foreign one's stand-in that nothing has."""
    return foreign_id + 10_000_000


def rows_of(workspace_id: int) -> str:
    """All that a workspace has, to see whether any of it changed."""
    found = [
        list(model.objects.filter(project__workspace=workspace_id).order_by("id").values())
        for model in (Task, Prediction, Annotation)
    ]
    projects = list(Project.objects.filter(workspace=workspace_id).order_by("id").values())
    return repr([projects, *found])


def answered(response: Any, named: int) -> tuple[Any, ...]:
    """An answer without what must differ: the error's id, and the id that was asked for."""
    text = response.content.decode()
    if text.startswith("{"):
        body = json.loads(text)
        body.pop("id", None)
        text = json.dumps(body)
    text = re.sub(rf"\b{named}\b", "ID", text)
    headers = {k: v for k, v in response.headers.items() if k not in {"X-Request-Id"}}
    length = headers.pop("Content-Length", "")
    return response.status_code, text, headers, bool(length)


def test_every_route_is_classified() -> None:
    classified = [*OBJECT_ROUTES, *LIST_ROUTES, *OTHER_ROUTES]

    assert len(classified) == len(set(classified))
    assert set(ROUTES) == set(classified)
    # An address with a parameter in it (other than a format) names an object.
    with_parameter = {
        name
        for name, pattern in ROUTES.items()
        if set(pattern.pattern.regex.groupindex) - {"format"}
    }
    assert with_parameter - OTHER_ROUTES == set(OBJECT_ROUTES)


def test_every_body_is_of_a_route_and_verb_there_is() -> None:
    writes = {case for case in OBJECT_CASES if case[1] in {"post", "put", "patch"}}

    assert writes <= set(GOOD_BODIES)
    assert set(GOOD_BODIES) <= set(OBJECT_CASES)


def filled(body: Any, own: Ids, foreign: Ids) -> Any:
    """The body with ids in place of `own task` and the like."""
    if isinstance(body, dict):
        return {name: filled(value, own, foreign) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, own, foreign) for value in body]
    if isinstance(body, str) and body.partition(" ")[0] in {"own", "foreign"}:
        whose, _, kind = body.partition(" ")
        return (own if whose == "own" else foreign)[kind]
    return body


@pytest.mark.parametrize(("name", "verb"), OBJECT_CASES)
def test_a_foreign_object_is_a_missing_one(
    ada: Caller, olga: Caller, own: Ids, foreign: Ids, name: str, verb: str
) -> None:
    parameter, kind = OBJECT_ROUTES[name]
    body = filled(GOOD_BODIES.get((name, verb)), own, foreign)
    before = rows_of(ada.workspace.pk)

    def answer(pk: int) -> tuple[Any, ...]:
        url = reverse(name, kwargs={parameter: pk})
        return answered(getattr(olga.client, verb)(url, body, format="json"), pk)

    there, nowhere = answer(foreign[kind]), answer(missing_id(foreign[kind]))

    assert there == nowhere
    if verb != "options":
        assert there[0] == (405 if verb == "head" and "get" not in verbs_of(name) else 404)
    assert rows_of(ada.workspace.pk) == before


@pytest.mark.parametrize(("name", "verb"), OBJECT_CASES)
def test_the_same_request_reaches_ones_own_object(
    olga: Caller, own: Ids, foreign: Ids, name: str, verb: str
) -> None:
    """So that the 404s above are about whose it is, not about a route that never answers."""
    parameter, kind = OBJECT_ROUTES[name]
    body = filled(GOOD_BODIES.get((name, verb)), own, {**own, "task": own["task"]})

    url = reverse(name, kwargs={parameter: own[kind]})
    response = getattr(olga.client, verb)(url, body, format="json")

    assert response.status_code in {200, 201, 204} or (
        verb == "head" and response.status_code == 405
    ), response.content


RESULT: list[Any] = [region()]
# (verb, address, body): `@` is the id that is foreign or missing; what kind of thing it names.
REFERENCES: list[tuple[str, str, str, Any]] = [
    ("task", "post", "predictions/", {"task": "@", "result": RESULT}),
    ("task", "post", "predictions/", {"task": "@", "result": "Car"}),
    ("task", "post", "predictions/", [{"task": "@", "result": RESULT}]),
    ("task", "post", "predictions/?upsert=1", {"task": "@", "result": RESULT}),
    ("task", "post", "predictions/?upsert=1", [{"task": "@", "result": RESULT}]),
    ("project", "post", "predictions/", {"task": "own task", "result": [], "project": "@"}),
    ("project", "post", "predictions/", [{"task": "own task", "result": [], "project": "@"}]),
    ("backend", "post", "predictions/", {"task": "own task", "result": [], "model": "@"}),
    ("backend", "post", "predictions/", [{"task": "own task", "result": [], "model": "@"}]),
    ("task", "patch", "predictions/{prediction}/", {"task": "@"}),
    ("project", "patch", "predictions/{prediction}/", {"project": "@"}),
    ("backend", "patch", "predictions/{prediction}/", {"model": "@"}),
    ("task", "put", "predictions/{prediction}/", {"task": "@", "result": []}),
    ("project", "post", "tasks/", {"project": "@", "data": {"image": "a.jpg"}}),
    ("project", "patch", "tasks/{task}/", {"project": "@"}),
    ("project", "put", "tasks/{task}/", {"project": "@", "data": {"image": "a.jpg"}}),
    ("user", "post", "tasks/{task}/annotations/", {"completed_by": "@"}),
    ("prediction", "post", "tasks/{task}/annotations/", {"parent_prediction": "@"}),
    ("annotation", "post", "tasks/{task}/annotations/", {"parent_annotation": "@"}),
    ("user", "patch", "annotations/{annotation}/", {"completed_by": "@"}),
    ("prediction", "patch", "annotations/{annotation}/", {"parent_prediction": "@"}),
    ("annotation", "patch", "annotations/{annotation}/", {"parent_annotation": "@"}),
    ("task", "post", "projects/{project}/import/predictions", [{"task": "@", "result": []}]),
    (
        "task",
        "post",
        "projects/{project}/import/predictions?on_error=skip",
        [{"task": "@", "result": []}],
    ),
    (
        "task",
        "post",
        "projects/{project}/import/predictions?upsert=true",
        [{"task": "@", "result": []}],
    ),
    ("task", "get", "predictions/?task=@", None),
    ("project", "get", "predictions/?project=@", None),
    ("project", "get", "predictions/?task__project=@", None),
    ("task", "get", "predictions/?task=@&limit=1&count=true", None),
    ("project", "get", "tasks/?project=@", None),
    ("project", "get", "tasks/?project=@&fields=all&page=2", None),
    ("project", "get", "projects/?ids=@", None),
]
# Stands for nothing yet: no route makes runs.
UNREFERENCED = {"model_run"}


def with_id(value: Any, pk: int) -> Any:
    if isinstance(value, dict):
        return {name: with_id(inner, pk) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_id(inner, pk) for inner in value]
    return pk if value == "@" else value


@pytest.mark.parametrize(
    ("kind", "verb", "path", "body"), REFERENCES, ids=lambda value: str(value)[:60]
)
def test_a_foreign_id_is_an_unknown_one(
    ada: Caller, olga: Caller, own: Ids, foreign: Ids, kind: str, verb: str, path: str, body: Any
) -> None:
    before = rows_of(ada.workspace.pk), rows_of(olga.workspace.pk)
    body = filled(body, own, foreign)

    def answer(pk: int) -> tuple[Any, ...]:
        url = "/api/" + path.format_map(own).replace("@", str(pk))
        response = getattr(olga.client, verb)(url, with_id(body, pk), format="json")
        return answered(response, pk)

    there, nowhere = answer(foreign[kind]), answer(missing_id(foreign[kind]))

    assert there == nowhere
    stores_the_good_ones = "on_error=skip" in path
    assert there[0] == (200 if "ids=" in path else 201 if stores_the_good_ones else there[0])
    if "ids=" not in path and not stores_the_good_ones:
        assert there[0] in {400, 404}
    assert (rows_of(ada.workspace.pk), rows_of(olga.workspace.pk)) == before


def test_every_id_that_a_body_may_hold_is_tried() -> None:
    fields = {
        name
        for serializer in vars(serializers).values()
        if isinstance(serializer, type) and issubclass(serializer, rest.Serializer)
        for name, field in serializer().fields.items()
        if isinstance(field, http_fields.PkField) and not field.read_only
    }
    tried = {name for *_, body in REFERENCES if body for name in json_keys(body)}

    assert fields - tried == UNREFERENCED


def json_keys(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from json_keys(inner)
    elif isinstance(value, dict):
        yield from (name for name, inner in value.items() if inner == "@")


@pytest.mark.parametrize(
    "path",
    [
        "predictions/",
        "predictions/?limit=10&count=true",
        "predictions/?model_version=",
        "predictions/?ordering=-id",
        "projects/",
        "projects/?title=Cars",
    ],
)
def test_lists_hold_ones_own(olga: Caller, own: Ids, foreign: Ids, path: str) -> None:
    response = olga.client.get(f"/api/{path}")

    listed = response.json()
    kind = "project" if path.startswith("projects") else "prediction"
    rows = listed["results"] if kind == "project" else listed
    assert [row["id"] for row in rows] == [own[kind]]
    assert response.get("X-Total-Count", "1") == "1"


def test_tokens_are_ones_own(ada: Caller, olga: Caller) -> None:
    ada.client.post("/api/token/", {}, format="json")

    assert olga.client.get("/api/token/").json() == []
