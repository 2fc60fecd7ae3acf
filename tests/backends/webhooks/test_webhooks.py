"""GET, POST /api/webhooks/ and GET, PATCH, PUT, DELETE /api/webhooks/{id}/."""

from typing import Any

import pytest

from backends.models import Delivery, Webhook
from backends.models.actions import ACTIONS
from predictions.models import Project
from predictions_api.outbound import vault
from tests.backends.webhooks.conftest import Create
from tests.conftest import (
    A_MOMENT,
    Caller,
    MakeProject,
    assert_invalid,
    assert_refused,
    make_caller,
)

PATH = "/api/webhooks/"
URL = "https://93.184.216.34/hook"
NONE = "No Webhook matches the given query."


def document(webhook: dict[str, Any], caller: Caller, **values: Any) -> dict[str, Any]:
    return {
        "id": webhook["id"],
        "organization": caller.workspace.pk,
        "project": None,
        "url": URL,
        "send_payload": True,
        "send_for_all_actions": True,
        "headers": {},
        "is_active": True,
        "actions": [],
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "consecutive_failures": 0,
        "disabled_reason": None,
        "ml_backend": None,
        **values,
    }


def test_creates_one_and_tells_its_secret_once(ada: Caller, project: Project) -> None:
    body = {
        "url": URL,
        "project": project.pk,
        "send_payload": False,
        "send_for_all_actions": False,
        "headers": {"X-Custom": "yes", "Authorization": "Bearer é"},
        "actions": ["RUN_COMPLETED", "TASKS_CREATED", "TASKS_CREATED"],
        "id": 7,
        "unknown": 1,
    }
    response = ada.client.post(PATH, body, format="json")
    assert response.status_code == 201
    made = response.json()
    secret = made.pop("signing_secret")
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    wanted = document(
        made,
        ada,
        project=project.pk,
        send_payload=False,
        send_for_all_actions=False,
        headers=body["headers"],
        actions=["TASKS_CREATED", "RUN_COMPLETED"],
    )
    assert list(made.items()) == list(wanted.items())
    one = f"{PATH}{made['id']}"
    assert ada.client.get(one).json() == made == ada.client.get(f"{one}/").json()
    assert ada.client.get(PATH).json() == [made]
    row = Webhook.objects.get()
    assert "Bearer" not in row.encrypted_headers
    assert secret not in row.encrypted_secrets
    assert vault.unseal(row.encrypted_secrets) == {"new": secret}


def test_takes_a_given_secret(ada: Caller, create: Create) -> None:
    secret = "whsec_" + "QUJD" * 8
    assert create(ada, URL, signing_secret=secret)["signing_secret"] == secret


PUBLIC = {"url": URL}
REFUSED: list[tuple[dict[str, Any] | list[Any], Any]] = [
    ({}, {"url": ["This field is required."]}),
    ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ({"url": ""}, {"url": ["This field may not be blank."]}),
    ({"url": None}, {"url": ["This field may not be null."]}),
    ({"url": "nonsense"}, {"url": ["Enter a valid URL."]}),
    ({"url": "ftp://127.0.0.1/x"}, {"url": ["Enter a valid URL."]}),
    ({"url": "http://a b.org/"}, {"url": ["Enter a valid URL."]}),
    (
        {"url": "http://127.0.0.1/" + "a" * 2048},
        {"url": ["Ensure this field has no more than 2048 characters.", "Enter a valid URL."]},
    ),
    (
        {**PUBLIC, "project": 999_999},
        {"project": ['Invalid pk "999999" - object does not exist.']},
    ),
    (
        {**PUBLIC, "project": "x"},
        {"project": ["Incorrect type. Expected pk value, received str."]},
    ),
    ({**PUBLIC, "is_active": "maybe"}, {"is_active": ["Must be a valid boolean."]}),
    (
        {**PUBLIC, "actions": ["NOPE"]},
        {"actions": {"0": ['"NOPE" is not a valid choice.']}},
    ),
    (
        {**PUBLIC, "actions": "NOPE"},
        {"actions": ['Expected a list of items but got type "str".']},
    ),
    ({**PUBLIC, "actions": None}, {"actions": ["This field may not be null."]}),
    ({**PUBLIC, "headers": None}, {"headers": ["This field may not be null."]}),
    (
        {**PUBLIC, "headers": {"X-A": 5}},
        {"headers": ["{'X-A': 5} failed JSON schema check"]},
    ),
    ({**PUBLIC, "headers": {"X A": "v"}}, {"headers": ["{'X A': 'v'} failed JSON schema check"]}),
    ({**PUBLIC, "headers": {"X-A": "a\r\nb"}}, {"headers": ["X-A holds a control character."]}),
    ({**PUBLIC, "headers": {"Host": "x"}}, {"headers": ["Host is set by the sender."]}),
    (
        {**PUBLIC, "headers": {"Webhook-Id": "x"}},
        {"headers": ["Webhook-Id is set by the sender."]},
    ),
    (
        {**PUBLIC, "signing_secret": "whsec_QUJD"},
        {"signing_secret": ["whsec_ and base64 of 24 to 64 bytes."]},
    ),
]


@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_refuses_what_is_wrong(ada: Caller, body: Any, errors: Any) -> None:
    assert_invalid(ada.client.post(PATH, body, format="json"), errors)
    assert not Webhook.objects.exists()


def test_refuses_eleven_headers_and_a_foreign_project(
    ada: Caller, olga: Caller, make_project: MakeProject
) -> None:
    headers = {f"X-{n}": "v" for n in range(11)}
    response = ada.client.post(PATH, {**PUBLIC, "headers": headers}, format="json")
    (message,) = response.json()["validation_errors"]["headers"]
    assert message.endswith(" failed JSON schema check")
    theirs = make_project(olga).pk
    errors = {"project": [f'Invalid pk "{theirs}" - object does not exist.']}
    assert_invalid(ada.client.post(PATH, {**PUBLIC, "project": theirs}, format="json"), errors)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "http://localhost/x", "https://me:secret@example.com/"]
)
def test_a_private_address_is_forbidden(ada: Caller, create: Create, url: str) -> None:
    made = create(ada, URL)
    for response in (
        ada.client.post(PATH, {"url": url}, format="json"),
        ada.client.patch(f"{PATH}{made['id']}/", {"url": url}, format="json"),
    ):
        assert response.status_code == 403
    assert ada.client.get(f"{PATH}{made['id']}/").json()["url"] == URL


def test_a_named_private_host_is_allowed(ada: Caller, create: Create, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost", "10.1.0.0/16"]
    create(ada, "http://localhost:9000/x")
    create(ada, "http://10.1.2.3/x")
    assert ada.client.post(PATH, {"url": "http://127.0.0.1/x"}, format="json").status_code == 403
    assert ada.client.post(PATH, {"url": "http://10.2.0.1/x"}, format="json").status_code == 403


def test_lists_by_project(
    ada: Caller, olga: Caller, project: Project, create: Create, make_project: MakeProject
) -> None:
    everywhere, here = create(ada, URL), create(ada, URL, project=project.pk)
    create(olga, URL)
    shown = [{k: v for k, v in one.items() if k != "signing_secret"} for one in (everywhere, here)]
    assert ada.client.get(PATH).json() == shown
    assert ada.client.get(f"{PATH}?project={project.pk}").json() == shown[1:]
    assert ada.client.get(f"{PATH}?project=null").json() == shown[:1]
    for wrong in ("isnull", "abc", "999999", str(make_project(olga).pk)):
        message = "Select a valid choice. That choice is not one of the available choices."
        assert_invalid(ada.client.get(f"{PATH}?project={wrong}"), {"project": [message]})


def test_patch_leaves_what_is_not_named(ada: Caller, project: Project, create: Create) -> None:
    made = create(ada, URL, project=project.pk, actions=["TASKS_CREATED"], headers={"X-A": "b"})
    one = f"{PATH}{made['id']}/"
    response = ada.client.patch(one, {"send_payload": False, "project": None}, format="json")
    assert response.status_code == 200
    wanted = document(
        made, ada, project=project.pk, actions=["TASKS_CREATED"], headers={"X-A": "b"},
        send_payload=False,
    )  # fmt: skip
    assert response.json() == wanted
    only = {"non_field_errors": ["Project webhook can't contain organization-only action."]}
    for body in ({"actions": ["PROJECT_CREATED"]}, {"url": URL, "actions": ["PROJECT_DELETED"]}):
        assert_invalid(ada.client.patch(one, body, format="json"), only)
        create_body = {**PUBLIC, "project": project.pk, **body}
        assert_invalid(ada.client.post(PATH, create_body, format="json"), only)
    assert_invalid(ada.client.put(one, {}, format="json"), {"url": ["This field is required."]})
    put = ada.client.put(one, {"url": URL}, format="json").json()
    assert put == document(made, ada, project=project.pk)


def test_active_again_it_forgets_its_failures(ada: Caller, create: Create) -> None:
    made = create(ada, URL, is_active=False)
    Webhook.objects.update(consecutive_failures=9, disabled_reason="failing")
    one = f"{PATH}{made['id']}/"
    shown = ada.client.patch(one, {"is_active": True}, format="json").json()
    assert (shown["is_active"], shown["consecutive_failures"]) == (True, 0)
    assert shown["disabled_reason"] is None


def test_a_form_without_booleans_keeps_the_defaults(ada: Caller) -> None:
    body = {"url": URL, "actions": ["TASKS_CREATED", "TASKS_DELETED"]}
    made = ada.client.post(PATH, body, format="multipart").json()
    wanted = document(made, ada, actions=["TASKS_CREATED", "TASKS_DELETED"])
    assert {k: v for k, v in made.items() if k != "signing_secret"} == wanted


def test_delete_takes_its_deliveries_along(ada: Caller, create: Create) -> None:
    one = f"{PATH}{create(ada, URL)['id']}/"
    assert ada.client.post(f"{one}test/").status_code == 202
    assert_refused(ada.client.post(one, {}, format="json"), 405, 'Method "POST" not allowed.')
    assert ada.client.delete(one).status_code == 204
    assert_refused(ada.client.delete(one), 404, NONE)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("verb", "tail"),
    [
        ("get", ""), ("patch", ""), ("put", ""), ("delete", ""), ("post", "test/"),
        ("post", "rotate-secret/"), ("post", "redeliver/"), ("get", "deliveries/"),
        ("get", "deliveries/1/"), ("post", "deliveries/1/redeliver/"),
    ],
)  # fmt: skip
def test_only_members_with_admin_see_webhooks(
    ada: Caller, rita: Caller, olga: Caller, create: Create, verb: str, tail: str
) -> None:
    path = f"{PATH}{create(ada, URL)['id']}/{tail}"
    keyed = make_caller("key@example.com", "lab", scopes=["predictions:write"])
    assert getattr(rita.client, verb)(path).status_code == 403
    assert getattr(keyed.client, verb)(path).status_code == 403
    assert_refused(getattr(olga.client, verb)(path), 404, NONE)
    admin = make_caller("admin@example.com", "lab", scopes=["admin"])
    assert getattr(admin.client, verb)(path, {}, format="json").status_code in {
        200,
        202,
        204,
        400,
        404,
    }
    assert Webhook.objects.count() == (0 if (verb, tail) == ("delete", "") else 1)


def test_info_needs_no_key(client: Any) -> None:
    names = list(ACTIONS)
    whole = client.get("/api/webhooks/info/").json()
    assert list(whole) == names == list(client.get("/api/webhooks/info").json())
    assert whole["TASKS_CREATED"] == {
        "name": "Task created",
        "description": "Tasks were made or imported.",
        "key": "tasks",
        "organization-only": False,
    }
    only = [name for name in names if whole[name]["organization-only"]]
    assert only == ["PROJECT_CREATED", "PROJECT_DELETED"]
    asked = {
        value: list(client.get(f"/api/webhooks/info/?organization-only={value}").json())
        for value in ("true", "false", "maybe")
    }
    rest = [name for name in names if name not in only]
    assert asked == {"true": only, "false": rest, "maybe": rest}
    assert client.get(PATH).status_code == 401


def test_audit_says_who_did_what(ada: Caller, create: Create) -> None:
    from accounts.models import AuditEntry

    made = create(ada, URL)
    one = f"{PATH}{made['id']}/"
    ada.client.patch(one, {"is_active": False}, format="json")
    ada.client.post(f"{one}rotate-secret/")
    ada.client.delete(one)
    found = AuditEntry.objects.order_by("id").values_list("action", "target", "details")
    target = f"webhook {made['id']}"
    assert list(found) == [
        ("webhook.created", target, {"project": None}),
        ("webhook.changed", target, {"changes": ["is_active"]}),
        ("webhook.secret_rotated", target, {}),
        ("webhook.deleted", target, {}),
    ]
