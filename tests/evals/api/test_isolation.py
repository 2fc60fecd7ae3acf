"""Another workspace's evaluation is answered exactly as one that does not exist, on every route.

The routes come from the route table: each that names a workspace is tried, through the caller's
own workspace and through the owner's.
"""

from typing import Any

import pytest
from django.urls import URLPattern, reverse

from evals.models import ModelEval
from evals.urls import urlpatterns
from tests.conftest import Caller

pytestmark = pytest.mark.usefixtures("kept")

MISSING = "a" * 20
ROUTES: dict[str, Any] = {
    str(pattern.name): pattern
    for pattern in urlpatterns
    if isinstance(pattern, URLPattern) and "workspace" in pattern.pattern.regex.groupindex
}
CASES = [
    (name, verb)
    for name, pattern in ROUTES.items()
    for verb in ("get", "post", "put", "patch", "delete", "head")
    if {"head": "get"}.get(verb, verb) in pattern.callback.actions
]


def address(name: str, workspace: str, eval_id: str) -> str:
    """The route's address; `other_id` is an id that nobody has, `image_id` any."""
    values: dict[str, Any] = {"workspace": workspace, "eval_id": eval_id}
    values |= {"other_id": MISSING, "image_id": "1"}
    names = ROUTES[name].pattern.regex.groupindex
    return reverse(name, kwargs={key: values[key] for key in values if key in names})


def said(response: Any) -> tuple[int, bytes]:
    return response.status_code, b"".join(response)


def test_there_are_routes() -> None:
    assert len(ROUTES) > 15
    assert len(CASES) > len(ROUTES)


@pytest.mark.parametrize(("name", "verb"), CASES)
def test_foreign_is_missing(olga: Caller, evaluation: ModelEval, name: str, verb: str) -> None:
    before = ModelEval.objects.filter(pk=evaluation.pk).values().get()
    call = getattr(olga.client, verb)

    foreign = said(call(address(name, "lab", evaluation.eval_id), {}, format="json"))
    missing = said(call(address(name, "nowhere", MISSING), {}, format="json"))
    assert foreign == missing
    assert foreign[0] in {404, 400}

    if "eval_id" in ROUTES[name].pattern.regex.groupindex:
        own = said(call(address(name, "elsewhere", evaluation.eval_id), {}, format="json"))
        assert own == said(call(address(name, "elsewhere", MISSING), {}, format="json"))
        assert own[0] == 404
    assert ModelEval.objects.filter(pk=evaluation.pk).values().get() == before


def test_a_diff_names_no_foreign_evaluation(
    ada: Caller, olga: Caller, evaluation: ModelEval
) -> None:
    theirs = said(olga.client.get(f"/elsewhere/model-evals/{MISSING}/diff/{evaluation.eval_id}"))
    assert theirs == said(olga.client.get(f"/elsewhere/model-evals/{MISSING}/diff/{MISSING}"))
    assert theirs[0] == 404
