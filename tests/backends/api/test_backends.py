"""`/api/ml/`: registering, reading, changing, deleting."""

from typing import Any

import pytest

from accounts.models import ApiToken, AuditEntry
from backends.models import Endpoint
from predictions.models import MLBackend, Prediction, Project
from tests.backends.conftest import MakeBackend, MakeTasks
from tests.backends.scripted import Scripted, always
from tests.conftest import A_MOMENT, Caller, assert_invalid, assert_refused

AUTHORIZED = {"auth_method": "BASIC_AUTH", "basic_auth_user": "u", "basic_auth_pass": "s3cret"}


def document(pk: int, url: str, project: Project, **more: Any) -> dict[str, Any]:
    """A backend that nobody configured, as it is answered."""
    return {
        "id": pk,
        "state": "CO",
        "readable_state": "Connected",
        "is_interactive": False,
        "url": url,
        "error_message": None,
        "title": "default",
        "auth_method": "NONE",
        "basic_auth_user": "",
        "basic_auth_pass_is_set": False,
        "description": "",
        "extra_params": None,
        "model_version": "v1",
        "timeout": 100.0,
        "created_at": A_MOMENT,
        "updated_at": A_MOMENT,
        "auto_update": True,
        "project": project.pk,
        "batch_size": None,
        "max_concurrency": 1,
        "send_access_token": False,
        "checked_at": A_MOMENT,
        **more,
    }


def setup_body(project: Project, **more: Any) -> dict[str, Any]:
    return {
        "project": f"{project.pk}.{int(project.created_at.timestamp())}",
        "schema": project.label_config,
        "hostname": "http://localhost:8000",
        "access_token": "",
        "extra_params": None,
        **more,
    }


def test_registers_a_backend_that_answers(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    answer = ada.client.post("/api/ml/", {"project": text_project.pk, "url": url}, format="json")
    assert answer.status_code == 201
    pk = MLBackend.objects.get().pk
    assert list(answer.json().items()) == list(document(pk, url, text_project).items())
    assert scripted.paths == ["/health", "/setup"]
    assert list(scripted.sent[1].body.items()) == list(setup_body(text_project).items())
    text_project.refresh_from_db()
    assert text_project.model_version == "default"
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.target) == ("backend.created", f"ML backend {pk}")


def test_every_field_is_kept(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    given = {
        "title": "Full",
        "description": "all of it",
        "is_interactive": True,
        "timeout": 7.5,
        "extra_params": {"a": [1]},
        "model_version": "mine",
        "auto_update": False,
        "batch_size": 5,
        "max_concurrency": 3,
    }
    body = {"project": text_project.pk, "url": f"{url}/", **given, **AUTHORIZED, "state": "ER"}
    answer = ada.client.post("/api/ml/", {**body, "nonsense": 1}, format="json")
    shown = {**AUTHORIZED, "basic_auth_pass_is_set": True}
    del shown["basic_auth_pass"]
    pk = MLBackend.objects.get().pk
    assert answer.json() == document(pk, f"{url}/", text_project, **given, **shown)
    assert scripted.bodies("/setup") == [setup_body(text_project, extra_params={"a": [1]})]
    assert {sent.headers["Authorization"] for sent in scripted.sent} == {"Basic dTpzM2NyZXQ="}
    stored = Endpoint.objects.get()
    assert "s3cret" not in stored.encrypted_secrets
    assert "s3cret" not in str(AuditEntry.objects.latest("id").details)


def test_extra_parameters_keep_numbers_of_any_size(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    params = {"seed": 2**64, "least": -(10**30)}
    body = {"project": text_project.pk, "url": url, "extra_params": params}
    answer = ada.client.post("/api/ml/", body, format="json")
    assert (answer.status_code, answer.json()["extra_params"]) == (201, params)
    assert scripted.bodies("/setup") == [setup_body(text_project, extra_params=params)]


REQUIRED = ["This field is required."]
NEEDED = ["Authentication username and password is required for Basic Authentication."]
REFUSED: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"url": None}, {"url": ["This field may not be null."]}),
    ({"url": ""}, {"url": ["This field may not be blank."]}),
    ({"timeout": "soon"}, {"timeout": ["A valid number is required."]}),
    ({"timeout": None}, {"timeout": ["This field may not be null."]}),
    ({"timeout": 0}, {"timeout": ["Ensure this value is greater than or equal to 1."]}),
    ({"is_interactive": "maybe"}, {"is_interactive": ["Must be a valid boolean."]}),
    ({"auth_method": "DIGEST"}, {"auth_method": ['"DIGEST" is not a valid choice.']}),
    ({"auth_method": "BASIC_AUTH"}, {"non_field_errors": NEEDED}),
    (
        {**AUTHORIZED, "basic_auth_pass": ""},
        {"basic_auth_pass": ["This field may not be blank."]},
    ),
    ({"project": 999999}, {"project": ['Invalid pk "999999" - object does not exist.']}),
    (
        {"project": "x"},
        {"project": ["Incorrect type. Expected pk value, received str."]},
    ),
    ({"batch_size": 0}, {"batch_size": ["Ensure this value is greater than or equal to 1."]}),
    (
        {"max_concurrency": 33},
        {"max_concurrency": ["Ensure this value is less than or equal to 32."]},
    ),
    (
        {"extra_params": "x" * 65_000},
        {"extra_params": ["At most 64,000 bytes of JSON."]},
    ),
    (
        {"url": "http://no-such-host.invalid"},
        {"url": ["The host 'no-such-host.invalid' does not resolve."]},
    ),
]


def test_what_create_refuses(
    ada: Caller, olga: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    sound: dict[str, Any] = {"project": text_project.pk, "url": url}
    for given, errors in REFUSED:
        assert_invalid(ada.client.post("/api/ml/", {**sound, **given}, format="json"), errors)
    assert_invalid(
        ada.client.post("/api/ml/", {}, format="json"), {"url": REQUIRED, "project": REQUIRED}
    )
    expected = ["Invalid data. Expected a dictionary, but got list."]
    assert_invalid(
        ada.client.post("/api/ml/", [sound], format="json"), {"non_field_errors": expected}
    )
    unknown = [f'Invalid pk "{text_project.pk}" - object does not exist.']
    assert_invalid(olga.client.post("/api/ml/", sound, format="json"), {"project": unknown})
    assert (scripted.sent, MLBackend.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    "bad", ["ftp://127.0.0.1/", "nonsense", "http://user:pw@models.example/", "http://127.0.0.1:9/"]
)
def test_addresses_that_are_not_called(
    ada: Caller, text_project: Project, settings: Any, bad: str
) -> None:
    settings.ALLOW_PRIVATE_URLS = False
    answer = ada.client.post("/api/ml/", {"project": text_project.pk, "url": bad}, format="json")
    assert_refused(answer, 403, answer.json()["detail"])
    assert not MLBackend.objects.exists()


HTML = b"<html>"
UNFIT = [
    ("/health", (500, HTML), "500: <html>"),
    ("/health", (200, HTML), "The answer is no JSON: '<html>'"),
    ("/health", (302, HTML), "302: it redirects, which is not followed."),
    ("/health", (401, HTML), "The credentials are missing or wrong: 401: <html>"),
    ("/health", (0, HTML), "The connection failed"),
    ("/setup", (500, HTML), "500: <html>"),
    ("/setup", (200, []), "The answer is no object, but a list of 0."),
]


def test_a_backend_that_does_not_answer_is_not_stored(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    for route, answer, reason in UNFIT:
        scripted.reset()
        scripted.on(route, always(answer))
        refused = ada.client.post(
            "/api/ml/", {"project": text_project.pk, "url": url}, format="json"
        )
        assert refused.status_code == 400
        [told] = refused.json()["validation_errors"]["non_field_errors"]
        assert told.split(" as an ML backend does. ")[1].startswith(reason), (route, told)
    assert not MLBackend.objects.exists()
    text_project.refresh_from_db()
    assert text_project.model_version == ""


def test_lists_the_backends_of_a_project(
    ada: Caller, text_project: Project, make_backend: MakeBackend, scripted: Scripted, url: str
) -> None:
    first, second = make_backend(), make_backend(title="B", is_interactive=True)
    scripted.version = "v2"
    path = f"/api/ml/?project={text_project.pk}"
    every = [
        document(first.pk, url, text_project, model_version="v2"),
        document(second.pk, url, text_project, model_version="v2", title="B", is_interactive=True),
    ]
    assert ada.client.get(path).json() == every
    assert sorted(scripted.paths) == ["/health", "/health", "/setup", "/setup"]
    scripted.reset()
    unchecked = f"{path}&check=false"
    assert ada.client.get(f"{unchecked}&is_interactive=true").json() == every[1:]
    assert ada.client.get(f"{unchecked}&is_interactive=false").json() == every[:1]
    assert ada.client.get(f"{unchecked}&is_interactive=maybe").json() == every
    assert scripted.sent == []


def test_a_list_needs_a_project(ada: Caller, olga: Caller, text_project: Project) -> None:
    for caller, query in [(ada, ""), (ada, "?project=999999"), (ada, "?project=abc")]:
        answer = caller.client.get(f"/api/ml/{query}")
        assert_refused(answer, 404, "No Project matches the given query.")
    answer = olga.client.get(f"/api/ml/?project={text_project.pk}")
    assert_refused(answer, 404, "No Project matches the given query.")


def test_the_state_is_what_the_backend_answers(
    ada: Caller, make_backend: MakeBackend, scripted: Scripted, url: str, settings: Any
) -> None:
    settings.ML_TIMEOUT_CHECK = 0.3
    backend = make_backend(auto_update=False, model_version="mine")
    path = f"/api/ml/{backend.pk}"

    def shown() -> tuple[Any, ...]:
        found = ada.client.get(path).json()
        return found["state"], found["error_message"], found["model_version"]

    assert shown() == ("CO", None, "mine")
    scripted.on("/setup", lambda _: (500, b"no weights"))
    assert shown() == ("ER", "500: no weights", "mine")
    scripted.on("/health", lambda _: (500, HTML))
    assert shown() == ("DI", "500: no weights", "mine")
    assert Endpoint.objects.get().failing_since is not None
    scripted.reset()
    assert shown() == ("CO", None, "mine")
    assert Endpoint.objects.get().failing_since is None


def test_what_is_unknown_or_foreign_is_not_there(
    ada: Caller, olga: Caller, rita: Caller, make_backend: MakeBackend
) -> None:
    backend = make_backend()
    detail = "No MLBackend matches the given query."
    for caller, pk in [(ada, 999999), (olga, backend.pk), (ada, 2**70)]:
        path = f"/api/ml/{pk}"
        for method in ("get", "patch", "put", "delete"):
            assert_refused(getattr(caller.client, method)(path), 404, detail)
        for route in ("train", "predict", "interactive-annotating", "predict/test", "versions"):
            verb = caller.client.get if route == "versions" else caller.client.post
            assert_refused(verb(f"{path}/{route}"), 404, detail)
    assert ada.client.get("/api/ml/abc").status_code == 404
    assert ada.client.post(f"/api/ml/{backend.pk}").status_code == 405
    assert rita.client.delete(f"/api/ml/{backend.pk}").status_code == 403
    assert MLBackend.objects.count() == 1


def test_a_change_asks_the_backend_only_where_it_matters(
    ada: Caller, text_project: Project, make_backend: MakeBackend, scripted: Scripted, url: str
) -> None:
    backend = make_backend(**AUTHORIZED)
    path = f"/api/ml/{backend.pk}"
    changed = ada.client.patch(path, {"title": "Renamed", "timeout": 3}, format="json")
    assert (changed.status_code, changed.json()["title"], scripted.sent) == (200, "Renamed", [])
    text_project.refresh_from_db()
    assert text_project.model_version == "Renamed"
    scripted.version = "v9"
    moved = ada.client.patch(path, {"url": f"{url}/", "basic_auth_pass": ""}, format="json")
    assert (moved.status_code, moved.json()["model_version"]) == (200, "v9")
    assert moved.json()["basic_auth_pass_is_set"]
    assert scripted.paths == ["/health", "/setup"]
    assert scripted.sent[0].headers["Authorization"] == "Basic dTpzM2NyZXQ="
    scripted.on("/health", lambda _: (500, HTML))
    refused = ada.client.patch(path, {"url": url, "title": "No"}, format="json")
    assert refused.status_code == 400
    backend.refresh_from_db()
    assert (backend.url, backend.title) == (f"{url}/", "Renamed")
    put = ada.client.put(path, {"title": "x"}, format="json")
    assert_invalid(put, {"url": REQUIRED, "project": REQUIRED})
    stays = ada.client.patch(path, {"project": 999999}, format="json")
    assert_invalid(stays, {"project": ["A backend stays in its project; make another one there."]})


def test_a_backend_gets_a_key_of_its_own_if_it_is_told_to(
    ada: Caller, make_backend: MakeBackend, scripted: Scripted
) -> None:
    backend = make_backend()
    path = f"/api/ml/{backend.pk}"
    assert ada.client.patch(path, {"send_access_token": True}, format="json").status_code == 200
    token = ApiToken.objects.get(name=f"ml-backend {backend.pk}")
    assert (token.user, token.scopes) == (ada.user, ["predictions:read"])
    ada.client.get(path)
    [body] = scripted.bodies("/setup")
    assert len(body["access_token"]) == 40
    assert body["access_token"] not in Endpoint.objects.get().encrypted_secrets
    ada.client.patch(path, {"send_access_token": False}, format="json")
    ada.client.get(path)
    assert scripted.bodies("/setup")[1]["access_token"] == ""
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_deleting_leaves_the_predictions(
    ada: Caller, text_project: Project, make_backend: MakeBackend, make_tasks: MakeTasks
) -> None:
    backend = make_backend()
    [task] = make_tasks(text_project, "good")
    Prediction.objects.create(
        project=text_project, task_id=task, result=[], model_version="v1", model=backend
    )
    assert ada.client.delete(f"/api/ml/{backend.pk}").status_code == 204
    assert [p.model_id for p in Prediction.objects.all()] == [None]
    text_project.refresh_from_db()
    assert text_project.model_version == ""
    assert AuditEntry.objects.latest("id").action == "backend.deleted"


def test_forms_work_as_json(
    ada: Caller, text_project: Project, scripted: Scripted, url: str
) -> None:
    body = {"project": str(text_project.pk), "url": url, "title": "Form"}
    answer = ada.client.post("/api/ml/", body, format="multipart")
    pk = MLBackend.objects.get().pk
    assert answer.json() == document(pk, url, text_project, title="Form")
