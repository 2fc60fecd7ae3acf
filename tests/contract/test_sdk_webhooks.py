"""The vendor's SDK, unmodified: `client.webhooks` against a live server."""

import pytest
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.contract.conftest import Sent

URL = "https://example.com/hook"


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada)


def test_every_call_of_client_webhooks(
    client: LabelStudio, sent: Sent, ada: Caller, project: Project
) -> None:
    made = client.webhooks.create(
        url=URL,
        project=project.pk,
        send_payload=True,
        send_for_all_actions=False,
        headers={"X-Own": "1"},
        is_active=True,
        actions=["TASKS_CREATED", "ANNOTATION_CREATED"],
    )
    assert made.id is not None
    assert (made.url, made.project, made.organization) == (URL, project.pk, ada.workspace.pk)
    assert (made.actions, made.headers) == (
        ["TASKS_CREATED", "ANNOTATION_CREATED"],
        {"X-Own": "1"},
    )
    of_all = client.webhooks.create(url=f"{URL}/all")
    assert of_all.id is not None
    assert (of_all.project, of_all.send_for_all_actions, of_all.is_active) == (None, True, True)
    assert [one.id for one in client.webhooks.list()] == [made.id, of_all.id]
    assert [one.id for one in client.webhooks.list(project=str(project.pk))] == [made.id]
    found = client.webhooks.get(id=made.id)
    assert (found.id, found.consecutive_failures) == (made.id, 0)
    # Actions that it does not name stay.
    changed = client.webhooks.update(made.id, url=f"{URL}/new", is_active=False)
    assert (changed.url, changed.is_active) == (f"{URL}/new", False)
    assert client.webhooks.get(id=made.id).actions == made.actions
    client.webhooks.info()
    client.webhooks.info(organization_only=True)
    assert sent.calls[-1] == "GET /api/webhooks/info/?organization-only=true"
    for id_ in (made.id, of_all.id):
        client.webhooks.delete(id=id_)
    assert client.webhooks.list() == []
    with pytest.raises(ApiError) as gone:
        client.webhooks.get(id=made.id)
    assert gone.value.status_code == 404
    assert sent.calls[:4] == [
        "POST /api/webhooks/",
        "POST /api/webhooks/",
        "GET /api/webhooks/",
        f"GET /api/webhooks/?project={project.pk}",
    ]


def test_what_is_wrong_is_said(client: LabelStudio) -> None:
    with pytest.raises(ApiError) as refused:
        client.webhooks.create(url="no address", actions=["PROJECT_CREATED"])
    assert refused.value.status_code == 400
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["validation_errors"] == {"url": ["Enter a valid URL."]}
