"""Another workspace's prompt, version, run, connection or subset is answered exactly as one that
does not exist: on every route and verb of these rooms, as the route table names them.
"""

import re
from typing import Any

import pytest
from django.urls import URLPattern, reverse

from predictions.models import Project
from prompts.models import ModelRun, PromptVersion
from prompts.urls import urlpatterns
from tests.conftest import Caller
from tests.prompts.conftest import MakeRun

ROOMS = ("prompt-", "run-", "provider-", "project-subset")
ROUTES: dict[str, Any] = {
    str(pattern.name): pattern
    for pattern in urlpatterns
    if isinstance(pattern, URLPattern)
    and str(pattern.name).startswith(ROOMS)
    and set(pattern.pattern.regex.groupindex) - {"format"}
}
CASES = [
    (name, verb) for name, pattern in ROUTES.items() for verb in sorted(pattern.callback.actions)
]
NOBODYS = 7_000_000
ERROR_ID = re.compile(rb'"id":"[0-9a-f-]{36}"')


@pytest.fixture
def run(our_version: PromptVersion, make_run: MakeRun) -> ModelRun:
    return make_run(our_version)


def ids_of(name: str, run: ModelRun, project: Project) -> dict[str, Any]:
    """What the parameters of the route stand for."""
    version = run.model_version
    own = {
        "project-subsets": project.pk,
        "project-subset-tasks": project.pk,
        "provider-connection-detail": version.model_provider_connection_id,
    }
    return {
        "prompt_pk": version.parent_model_id,
        "version_pk": version.pk,
        "pk": own.get(name, run.pk),
        "key": "cost",
    }


def said(response: Any) -> tuple[int, bytes]:
    return response.status_code, ERROR_ID.sub(b"", b"".join(response))


def test_there_are_routes() -> None:
    assert len(ROUTES) > 15


@pytest.mark.parametrize(("name", "verb"), CASES)
def test_foreign_is_missing(
    olga: Caller, run: ModelRun, text_project: Project, name: str, verb: str
) -> None:
    there = ids_of(name, run, text_project)
    missing = {key: value if key == "key" else NOBODYS for key, value in there.items()}
    names = set(ROUTES[name].pattern.regex.groupindex) - {"format"}
    before = ModelRun.objects.filter(pk=run.pk).values().get()

    foreign, unknown = (
        said(
            getattr(olga.client, verb)(
                reverse(name, kwargs={key: ids[key] for key in names}), {}, format="json"
            )
        )
        for ids in (there, missing)
    )

    assert foreign == unknown
    assert foreign[0] in {400, 404}
    assert ModelRun.objects.filter(pk=run.pk).values().get() == before
