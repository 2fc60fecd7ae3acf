"""The recorded request bodies, mutated: never a 5xx, and rows appear only with a 2xx.

`make fuzz`; FUZZ_EXAMPLES says how many (default 200).
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.conftest import Caller, MakeProject

pytestmark = [pytest.mark.fuzz, pytest.mark.django_db(transaction=True)]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
EXCHANGES = Path(__file__).parents[1] / "contract" / "label_studio_exchanges.jsonl"
TABLES = ("project", "task", "annotation", "prediction")

BODIES = [
    body
    for line in EXCHANGES.read_text().splitlines()
    if (body := json.loads(line)["request"].get("body")) is not None
    and not (isinstance(body, dict) and "__truncated__" in body)
]
NASTY: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, "", "0", "nan",
        "-inf", "1e400", "\0", "\ud800", "[]", "{}", "é" * 300, "x" * 100_000, [], {}, [[]], [{}],
        [None], {"": ""}, {"\0": 1},
    ]
)  # fmt: skip
VALUES = st.recursive(
    NASTY | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "id", "task", "project", "result", "score", "model_version", "cluster", "neighbors",
        "mislabeling", "model", "model_run", "data", "meta", "predictions", "annotations", "title",
        "label_config", "sampling", "validate_predictions", "overlap", "completed_by",
        "parent_prediction", "parent_annotation", "lead_time", "was_cancelled", "ground_truth",
        "control_weights",
    ]
)  # fmt: skip
ROUTES = [
    ("POST", "predictions/"),
    ("POST", "predictions/?upsert=true"),
    ("PATCH", "predictions/{prediction}/"),
    ("PUT", "predictions/{prediction}/"),
    ("POST", "tasks/"),
    ("PATCH", "tasks/{task}/"),
    ("POST", "tasks/{task}/annotations/"),
    ("PATCH", "annotations/{annotation}/"),
    ("POST", "projects/"),
    ("PATCH", "projects/{project}/"),
    ("POST", "projects/{project}/import"),
    ("POST", "projects/{project}/import/predictions"),
    ("POST", "projects/{project}/import/predictions?on_error=skip&upsert=1"),
    ("DELETE", "projects/{project}/model-versions/"),
]
CONTENT_TYPES = st.sampled_from(
    ["application/json"] * 9
    + [
        "application/json; charset=latin-1",
        "application/json; charset=utf-7",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "text/plain",
        "",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one of its parts replaced, dropped, repeated or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(mutated(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], draw(mutated(value[index])), *value[index + 1 :]]
    match draw(st.integers(0, 3)):
        case 0 if isinstance(value, dict):
            return {**value, draw(FIELDS | st.text(max_size=5)): draw(VALUES)}
        case 1 if isinstance(value, dict) and value:
            gone = draw(st.sampled_from(sorted(value)))
            return {name: inner for name, inner in value.items() if name != gone}
        case 2 if isinstance(value, list):
            return value * 2
        case _:
            return draw(VALUES)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, str]:
    """Method, path, body and content type."""
    method, path = draw(st.sampled_from(ROUTES))
    body = draw(st.sampled_from(BODIES))
    if "import" in path and isinstance(body, dict):
        body = [body] * draw(st.integers(1, 3))
    for _ in range(draw(st.integers(0, 3))):
        body = draw(mutated(body))
    raw = json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=4)) + raw[draw(st.integers(cut, len(raw))) :]
    return method, path, raw, draw(CONTENT_TYPES)


def counts() -> tuple[int, ...]:
    found = []
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM predictions_{table}")
            found.append(cursor.fetchone()[0])
    return tuple(found)


@pytest.mark.parametrize("validating", [False, True], ids=["plain", "validating"])
def test_never_a_5xx_and_rows_only_with_a_2xx(
    ada: Caller,
    make_project: MakeProject,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    make_annotation: Callable[..., Any],
    validating: bool,
) -> None:
    project = make_project(ada)
    task = make_task(ada, project)
    make_task(ada, project)
    ids = {
        "project": project.pk,
        "task": task,
        "prediction": make_prediction(ada, task)["id"],
        "annotation": make_annotation(ada, task)["id"],
    }
    project.validate_predictions = validating
    project.save()
    # Not the checking client: a 5xx shall fail with its own words.
    client: Any = APIClient(HTTP_AUTHORIZATION=f"Token {ada.key}", raise_request_exception=False)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests())
    def check(request: tuple[str, str, bytes, str]) -> None:
        method, path, body, content_type = request
        before = counts()
        response = client.generic(
            method,
            f"/api/{path.format_map(ids)}",
            body,
            content_type=content_type,
        )
        assert response.status_code < 500, response.content
        if not 200 <= response.status_code < 300:
            assert counts() == before
            assert list(response.json())[:2] == ["id", "status_code"]
        # What was stored can be read again.
        for read in ("predictions/", "tasks/{task}/", "projects/{project}/"):
            assert client.get(f"/api/{read.format_map(ids)}").status_code == 200

    check()
