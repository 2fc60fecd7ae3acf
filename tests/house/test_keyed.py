"""The short way of a request with a key answers as the long way does."""

from typing import Any

import pytest
from django.test import Client

from predictions_api.http.keyed import KeyedRequests, innermost
from tests.conftest import Caller

#: Makes a request one that may come from a browser, and changes nothing else.
LONG = {"Cookie": "theme=dark"}

REQUESTS = [
    ("GET", "/api/predictions/?task={task}", 200),
    ("GET", "/api/predictions/?project=0", 400),
    ("GET", "/api/tasks/{task}/", 200),
    ("GET", "/api/tasks/0/", 404),
    ("GET", "/api/nothing", 404),
    ("HEAD", "/api/tasks/{task}/", 200),
    ("PATCH", "/api/tasks/{task}/", 200),
    ("DELETE", "/api/annotations/1/", 404),
    ("BREW", "/api/tasks/{task}/", 405),
    ("GET", "/api/schema/", 200),
    # Not the routes of a workspace called admin.
    ("GET", "/admin/model-evals/abc/image-predictions", 302),
    ("GET", "/lab/model-evals/abc/image-predictions", 404),
    ("GET", "/api/projects/1/export?exportType=NOTHING", 404),
]


def headers_of(response: Any) -> dict[str, str]:
    """All but the ones that are each request's own."""
    return {k: v for k, v in response.headers.items() if k not in {"X-Request-Id", "Date"}}


@pytest.mark.parametrize(("method", "path", "status"), REQUESTS)
def test_both_ways_answer_alike(
    ada: Caller, task: int, method: str, path: str, status: int
) -> None:
    short, long = (
        ada.client.generic(method, path.format(task=task), headers=headers)
        for headers in ({}, LONG)
    )

    assert (short.status_code, long.status_code) == (status, status)
    assert headers_of(short) == headers_of(long)
    assert len(short.getvalue()) == len(long.getvalue())


@pytest.mark.parametrize("headers", [{}, LONG])
def test_an_unknown_key_is_refused(db: None, headers: dict[str, str]) -> None:
    client = Client(headers={"Authorization": f"Token {'ab12' * 10}", **headers})

    response = client.get("/api/predictions/")

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Token")


@pytest.mark.parametrize("headers", [{}, LONG])
def test_a_wrong_host_is_refused(ada: Caller, headers: dict[str, str]) -> None:
    response = ada.client.get("/api/version", headers={**headers, "Host": "elsewhere.example"})

    assert (response.status_code, response.json()["detail"]) == (400, "Bad request.")


def test_a_page_of_another_origin_may_read_what_a_key_may(ada: Caller) -> None:
    response = ada.client.get("/api/version", headers={"Origin": "https://elsewhere.example"})

    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_short_way_ends_where_the_long_one_does(client: Client) -> None:
    client.get("/health")
    handler: Any = client.handler
    chain = handler._middleware_chain
    while not isinstance(chain.__wrapped__, KeyedRequests):
        chain = chain.__wrapped__.get_response

    assert innermost(chain) == chain.__wrapped__.view
    assert chain.__wrapped__.view.__name__ == "_get_response"
