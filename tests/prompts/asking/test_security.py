"""Keys stay keys, and an address that a client gives us leads nowhere inside."""

import asyncio
import json
import socket
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection

from predictions_api.outbound import client, vault
from prompts.asking import providers
from prompts.models import PromptVersion, Provider, ProviderConnection
from tests.conftest import Caller, assert_invalid
from tests.prompts.conftest import MakeTasks, Model, path_of

URL = "/api/model-provider-connections/"
KEYS = {
    "api_key": "sk-one",
    "auth_token": "sk-two",
    "google_application_credentials": '{"private_key": "sk-three"}',
}

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "::1",
    "fc00::1",
    "fe80::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::",
    "fec0::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_called(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(client.Blocked, match="private network"):
        client.check_url(f"https://{host}/v1")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "[2606:4700::1111]"])
def test_public_addresses_are(address: str, settings: Any) -> None:
    assert client.check_url(f"https://{address}/v1")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/v1",
        "file:///etc/passwd",
        "example.com",
        "https://",
        "https://user:secret@8.8.8.8/",
        "https://8.8.8.8:99999/",
        "gopher://8.8.8.8",
    ],
)
def test_only_plain_web_addresses(url: str) -> None:
    with pytest.raises(client.Blocked):
        client.check_url(url)


@pytest.mark.parametrize(
    "spelling",
    [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:a00:1]/",
        "http://localhost/",
    ],
)
def test_other_spellings_of_home(spelling: str) -> None:
    with pytest.raises(client.Blocked):
        client.check_url(spelling)


def answering(*addresses: str) -> Any:
    """A resolver that gives its answers in turn, the last one for ever."""
    left = list(addresses)

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return resolve


def test_one_private_answer_among_many_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [answering("8.8.8.8")("h", 1)[0], answering("10.0.0.1")("h", 1)[0]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(client.Blocked):
        client.checked_addresses("example.com", 443)


@pytest.mark.django_db
def test_a_name_that_changes_its_answer_gains_nothing(
    ada: Caller, connection_row: ProviderConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when it is saved, this machine when it is called."""
    connection_row.endpoint = "http://rebound.example.com/v1"
    connection_row.save()
    monkeypatch.setattr(socket, "getaddrinfo", answering("8.8.8.8", "127.0.0.1"))
    assert client.check_url(connection_row.endpoint)
    with pytest.raises(providers.RunError, match="private network"):
        providers.ask_once(connection_row, model="m", messages=[])


def test_the_checked_address_is_the_one_connected_to(
    model: Model, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """The name is asked once; the connection goes to that answer, under the host's own name."""
    port = int(model.address.rpartition(":")[2])
    asked: list[str] = []
    addresses = ["127.0.0.1", "10.0.0.1"]

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[len(asked) - 1], port))]

    async def call() -> tuple[int, int, str]:
        async with client.client(timeout_s=5, max_connections=1) as http:
            first = await http.get(f"http://model.example.com:{port}/counts")
            second = await http.get(f"http://model.example.com:{port}/counts")
            return first.status_code, second.status_code, first.request.headers["host"]

    with monkeypatch.context() as patched:
        patched.setattr(client.socket, "getaddrinfo", resolve)  # type: ignore[attr-defined]
        answers = asyncio.run(call())
    assert answers == (200, 200, f"model.example.com:{port}")
    assert asked == ["model.example.com"]


@pytest.mark.django_db
def test_keys_go_in_and_never_come_out(ada: Caller) -> None:
    made = ada.client.post(URL, {"provider": "OpenAI", **KEYS}, format="json")
    assert made.status_code == 201
    pk = made.json()["id"]
    answers = [
        made,
        ada.client.get(URL),
        ada.client.get(f"{URL}{pk}/"),
        ada.client.patch(f"{URL}{pk}/", {"is_internal": True}, format="json"),
    ]
    for response in answers:
        assert "sk-" not in response.content.decode()
        assert not set(KEYS) & set(str(response.json()).split("'"))
    row = ProviderConnection.objects.get()
    assert vault.unseal(row.encrypted_secrets) == KEYS
    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text FROM prompts_providerconnection c")
        [(stored,)] = cursor.fetchall()
    assert "sk-" not in stored


@pytest.mark.django_db
def test_one_key_is_changed_and_the_others_stay(ada: Caller) -> None:
    pk = ada.client.post(URL, {"provider": "OpenAI", **KEYS}, format="json").json()["id"]
    ada.client.patch(f"{URL}{pk}/", {"api_key": "sk-new", "auth_token": None}, format="json")
    kept = vault.unseal(ProviderConnection.objects.get().encrypted_secrets)
    google = "google_application_credentials"
    assert kept == {"api_key": "sk-new", google: KEYS[google]}


ELSEWHERE = [
    {"endpoint": "https://1.1.1.1/v1"},
    {"endpoint": "https://8.8.8.8:8443/v1"},
    {"endpoint": "http://8.8.8.8/v1"},
    {"endpoint": None, "provider": "OpenAI"},
]


@pytest.mark.django_db
@pytest.mark.parametrize("moved", ELSEWHERE)
def test_stored_keys_do_not_follow_to_another_host(ada: Caller, moved: dict[str, Any]) -> None:
    """Whoever may edit a connection could otherwise read its key at an address of their own."""
    body = {"provider": "Custom", "endpoint": "https://8.8.8.8/v1", "api_key": "sk-one"}
    pk = ada.client.post(URL, body, format="json").json()["id"]
    assert_invalid(
        ada.client.patch(f"{URL}{pk}/", moved, format="json"),
        {"api_key": ["Stored keys are not sent to another host: enter api_key again."]},
    )
    assert ProviderConnection.objects.get().endpoint == "https://8.8.8.8/v1"
    same = {"endpoint": "https://8.8.8.8/v2"}
    assert ada.client.patch(f"{URL}{pk}/", same, format="json").status_code == 200
    for key in ("sk-new", None):
        both = {**moved, "api_key": key}
        assert ada.client.patch(f"{URL}{pk}/", both, format="json").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "part",
    [
        {"google_location": "evil.example.com/#"},
        {"google_location": "eu@evil.example.com"},
        {"google_project_id": "p/../../x?"},
    ],
)
def test_parts_of_an_address_stay_parts(ada: Caller, part: dict[str, str]) -> None:
    body = {"provider": "VertexAI", "google_project_id": "p", "google_location": "eu", **part}
    response = ada.client.post(URL, body, format="json")
    assert_invalid(response, {name: ["Letters, digits and hyphens only."] for name in part})


def service_account() -> dict[str, str]:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {"client_email": "a@b.c", "private_key": key.decode(), "private_key_id": "kid-1"}


@pytest.mark.django_db
def test_google_tokens_are_signed_anew_and_hidden(
    connection_row: ProviderConnection, model: Model
) -> None:
    """A run may take longer than a token lasts, and a provider may echo what it was sent."""
    account = service_account()
    connection_row.provider = Provider.VERTEX_AI
    connection_row.endpoint = model.endpoint
    connection_row.encrypted_secrets = vault.seal({providers.GOOGLE: json.dumps(account)})

    async def ask_twice() -> None:
        messages = [{"role": "user", "content": "good"}]
        with time_machine.travel(datetime.now(UTC), tick=False) as clock:
            # The first is signed here already.
            caller = providers.Caller(connection_row, model="m", max_connections=1)
            await caller.ask(messages, None)
            await caller.ask(messages, None)
            clock.shift(3000)
            await caller.ask(messages, None)
        [_, last] = model.counts()["keys"]
        said = f"{last} {account['private_key']} {json.dumps(account)} kid-1"
        model.control(mode="status", status=400, message=said)
        with pytest.raises(providers.Refusal) as refused:
            await caller.ask(messages, None)
        await caller.close()
        assert str(refused.value) == "400: [key] [key] [key] [key]"

    asyncio.run(ask_twice())
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens(model)]
    assert [claim["exp"] - claim["iat"] for claim in claims] == [3600, 3600]
    assert claims[1]["iat"] - claims[0]["iat"] == 3000


def tokens(model: Model) -> list[str]:
    return list(model.counts()["keys"])


def test_encryption_keys_rotate(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["old"]
    sealed = vault.seal(KEYS)
    settings.ENCRYPTION_KEYS = ["new", "old"]
    assert vault.unseal(sealed) == KEYS
    again = vault.seal(KEYS)
    settings.ENCRYPTION_KEYS = ["new"]
    assert vault.unseal(again) == KEYS
    with pytest.raises(vault.Unreadable, match="enter them again"):
        vault.unseal(sealed)


REFUSED = [
    ({"provider": "Custom"}, {"endpoint": ["Custom needs an endpoint."]}),
    ({"provider": "AzureOpenAI"}, {"endpoint": ["AzureOpenAI needs an endpoint."]}),
    ({"provider": "Ours"}, {"provider": ['"Ours" is not a valid choice.']}),
    (
        {"request_params": {"model": "x", "stream": True}},
        {"request_params": ["Decided by the run itself: model, stream."]},
    ),
    (
        {"endpoint": "ftp://x"},
        {"endpoint": ["A URL begins with http:// or https:// and names a host."]},
    ),
    (
        {"max_concurrency": 0},
        {"max_concurrency": ["Ensure this value is greater than or equal to 1."]},
    ),
    (
        {"budget_limit": -1},
        {"budget_limit": ["Ensure this value is greater than or equal to 0."]},
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "errors"), REFUSED)
def test_rejections(ada: Caller, body: Any, errors: Any) -> None:
    assert_invalid(ada.client.post(URL, body, format="json"), errors)


@pytest.mark.django_db
def test_a_private_endpoint_is_refused_by_name(ada: Caller) -> None:
    body = {"provider": "Custom", "endpoint": "http://169.254.169.254/latest"}
    response = ada.client.post(URL, body, format="json")
    assert response.status_code == 400
    assert "private network" in response.json()["validation_errors"]["endpoint"][0]


URLS = [
    ({"provider": Provider.OPENAI}, "https://api.openai.com/v1"),
    ({"provider": Provider.ANTHROPIC}, "https://api.anthropic.com/v1"),
    (
        {"provider": Provider.GEMINI},
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    (
        {"provider": Provider.AZURE_OPENAI, "endpoint": "https://x.openai.azure.com/"},
        "https://x.openai.azure.com/openai/v1",
    ),
    (
        {"provider": Provider.VERTEX_AI, "google_project_id": "p", "google_location": "eu"},
        "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi",
    ),
    (
        {"provider": Provider.VERTEX_AI, "google_project_id": "p", "google_location": "global"},
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi",
    ),
    ({"provider": Provider.CUSTOM, "endpoint": "http://h:11434/v1/"}, "http://h:11434/v1"),
]


@pytest.mark.parametrize(("values", "url"), URLS)
def test_where_each_provider_is(values: Any, url: str) -> None:
    assert providers.base_url(ProviderConnection(**values)) == url


@pytest.mark.django_db
def test_try_task_tells_no_key(
    ada: Caller, our_version: PromptVersion, make_tasks: MakeTasks, text_project: Any, model: Model
) -> None:
    good, bad = make_tasks(text_project, "good", "anything")
    url = f"{path_of(our_version)}/try-task"
    tried = ada.client.post(url, {"task": good}, format="json").json()
    assert tried["result"][0]["value"] == {"choices": ["pos"]}
    assert (tried["prompt_tokens"], tried["error_type"]) == (20, "")
    model.control(mode="status", status=401, message="Wrong key sk-secret-123")
    failed = ada.client.post(url, {"task": bad}, format="json")
    assert failed.json()["error_type"] == "RunError"
    assert "sk-secret" not in failed.content.decode()
