"""/api/prompts/ and the versions below: documents and refusals."""

from typing import Any

import pytest

from predictions.models import Project
from prompts.db import prompts
from prompts.models import Prompt, PromptVersion, ProviderConnection
from tests.conftest import A_MOMENT, Caller, MakeProject, assert_invalid
from tests.prompts.conftest import MakeTasks, MakeVersion

pytestmark = pytest.mark.django_db
URL = "/api/prompts/"


def test_the_whole_document(ada: Caller, text_project: Project) -> None:
    body = {"title": "Moods", "associated_projects": [text_project.pk], "input_fields": ["text"]}
    response = ada.client.post(URL, body, format="json")
    assert response.status_code == 201
    assert response.json() == {
        "id": Prompt.objects.get().pk,
        "title": "Moods",
        "description": None,
        "created_by": {
            "id": ada.user.pk,
            "username": "ada",
            "first_name": "",
            "last_name": "",
            "email": "ada@example.com",
            "avatar": None,
        },
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "organization": ada.workspace.pk,
        "input_fields": ["text"],
        "output_classes": [],
        "associated_projects": [text_project.pk],
        "skill_name": "TextClassification",
    }
    listed = ada.client.get(URL).json()["results"]
    more = {"best_score": None, "runs_count": 0, "versions_count": 0}
    projects = [{"id": text_project.pk, "title": "Reviews"}]
    assert listed == [{**response.json(), **more, "associated_projects": projects}]


REFUSED = [
    ({}, {"title": ["This field is required."]}),
    ({"title": ""}, {"title": ["This field may not be blank."]}),
    ({"title": "x" * 501}, {"title": ["Ensure this field has no more than 500 characters."]}),
    ({"title": "a\0b"}, {"title": ["Null characters are not allowed."]}),
    ({"title": "a", "skill_name": "Art"}, {"skill_name": ['"Art" is not a valid choice.']}),
    (
        {"title": "a", "associated_projects": [999]},
        {"associated_projects": ['Invalid pk "999" - object does not exist.']},
    ),
    (
        {"title": "a", "input_fields": "text"},
        {"input_fields": ['Expected a list of items but got type "str".']},
    ),
]


@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_rejections(ada: Caller, body: Any, errors: Any) -> None:
    assert_invalid(ada.client.post(URL, body, format="json"), errors)


def test_foreign_projects_and_connections_do_not_exist(
    ada: Caller,
    olga: Caller,
    prompt: Prompt,
    make_project: MakeProject,
) -> None:
    foreign = make_project(olga)
    response = ada.client.post(
        URL, {"title": "a", "associated_projects": [foreign.pk]}, format="json"
    )
    message = f'Invalid pk "{foreign.pk}" - object does not exist.'
    assert_invalid(response, {"associated_projects": [message]})
    row = ProviderConnection.objects.create(workspace=olga.workspace, provider="OpenAI")
    body = {
        "title": "v",
        "prompt": "{text}",
        "provider_model_id": "m",
        "model_provider_connection": row.pk,
    }
    response = ada.client.post(f"{URL}{prompt.pk}/versions", body, format="json")
    message = f'Invalid pk "{row.pk}" - object does not exist.'
    assert_invalid(response, {"model_provider_connection": [message]})


def test_unknown_placeholders_are_refused_by_name(
    ada: Caller, prompt: Prompt, make_tasks: MakeTasks, text_project: Project
) -> None:
    body = {"title": "v", "prompt": "{text} {mood} {size}", "provider_model_id": "m"}
    response = ada.client.post(f"{URL}{prompt.pk}/versions", body, format="json")
    message = (
        "Unknown placeholders: {mood}, {size}. Fields of the tasks: text."
        " Double the braces of text that is none."
    )
    assert_invalid(response, {"prompt": [message]})
    Prompt.objects.update(input_fields=["mood", "size"])
    assert ada.client.post(f"{URL}{prompt.pk}/versions", body, format="json").status_code == 201


@pytest.mark.parametrize("braced", ["{ text }", "{text }", "{a:b}"])
def test_what_only_looks_like_a_placeholder_is_refused(
    ada: Caller, prompt: Prompt, make_tasks: MakeTasks, text_project: Project, braced: str
) -> None:
    """It would be sent as it stands, and the model shown nothing."""
    Prompt.objects.update(input_fields=["text", "a:b"])
    body = {"title": "v", "prompt": f"{{text}}: {braced}", "provider_model_id": "m"}
    response = ada.client.post(f"{URL}{prompt.pk}/versions", body, format="json")
    message = f"{braced} {prompts.AS_IT_STANDS}"
    assert_invalid(response, {"prompt": [message]})


def test_a_project_that_no_prompt_can_fill_is_refused(
    ada: Caller, make_project: MakeProject
) -> None:
    empty = make_project(ada, "<View></View>", title="Empty")
    response = ada.client.post(
        URL, {"title": "a", "associated_projects": [empty.pk]}, format="json"
    )
    assert "no control" in str(response.json()["validation_errors"]["project"])


VERSIONS_REFUSED = [
    ({"prompt": ""}, {"prompt": ["This field may not be blank."]}),
    ({"prompt": None}, {"prompt": ["This field may not be null."]}),
    (
        {"provider_model_id": "m" * 256},
        {"provider_model_id": ["Ensure this field has no more than 255 characters."]},
    ),
    ({"title": None}, {"title": ["This field may not be null."]}),
    ({"temperature": 0.3}, {"temperature": ["There is no such field: leave it out."]}),
    ({"provider": "Us"}, {"provider": ['"Us" is not a valid choice.']}),
    (
        {"max_few_shot_examples": -1},
        {"max_few_shot_examples": ["Ensure this value is greater than or equal to 0."]},
    ),
]


@pytest.mark.parametrize(("body", "errors"), VERSIONS_REFUSED)
def test_version_rejections(ada: Caller, version: PromptVersion, body: Any, errors: Any) -> None:
    url = f"{URL}{version.parent_model_id}/versions/{version.pk}"
    assert_invalid(ada.client.patch(url, body, format="json"), errors)
    version.refresh_from_db()
    assert version.title == "v1"


def test_a_copy_has_the_versions(ada: Caller, make_version: MakeVersion) -> None:
    make_version(title="one")
    last = make_version(title="two")
    copy = ada.client.post(f"{URL}{last.parent_model_id}/duplicate").json()
    assert copy["title"] == "Moods (copy)"
    versions = ada.client.get(f"{URL}{copy['id']}/versions").json()
    assert [found["title"] for found in versions] == ["one", "two"]
    assert PromptVersion.objects.count() == 4
    # Their predictions are of model versions of their own.
    again = [ada.client.post(f"{URL}{last.parent_model_id}/duplicate").json() for _ in range(2)]
    assert [one["title"] for one in again] == ["Moods (copy 2)", "Moods (copy 3)"]
