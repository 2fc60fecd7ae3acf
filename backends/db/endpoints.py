"""Reads and writes of ML backends and how they are called."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from accounts import tokens
from accounts.models import User
from accounts.tokens import Access
from backends.db.webhooks import hooks
from backends.models import Endpoint, JobShare, Training
from predictions.db import projects
from predictions.models import MLBackend, Project
from predictions_api.outbound import vault

State = Endpoint.State
#: Columns of the store's row; the others are the endpoint's.
ROW = ("url", "title", "model_version")
#: What an endpoint keeps encrypted: the password, and the key that the backend may read with.
PASSWORD, ACCESS_TOKEN = "password", "access_token"


def backends(workspace_id: int) -> QuerySet[MLBackend]:
    """The workspace's backends, by id, as `with_activity` has them."""
    return with_activity().filter(project__workspace_id=workspace_id)


def with_activity() -> QuerySet[MLBackend]:
    """Backends with what calling them takes; `is_training` and `is_predicting` say whether somebody
    trains or asks one now.
    """
    shares = JobShare.objects.filter(
        backend=OuterRef("pk"), slots__gt=0, lease_until__gt=Now(), job__status="InProgress"
    )
    return (
        MLBackend.objects.select_related("project", "endpoint")
        .annotate(
            is_training=Exists(Training.objects.filter(backend=OuterRef("pk"))),
            is_predicting=Exists(shares),
        )
        .order_by("id")
    )


def endpoint_of(backend: MLBackend) -> Endpoint:
    """How the backend is called: by the defaults, where nobody said otherwise."""
    try:
        return backend.endpoint
    except Endpoint.DoesNotExist:
        return Endpoint(backend=backend)


def secrets_of(endpoint: Endpoint) -> dict[str, str]:
    """Its secrets by name. `vault.Unreadable` where this server's key does not open them."""
    return vault.unseal(endpoint.encrypted_secrets)


def has_password(endpoint: Endpoint) -> bool:
    """Whether a password is stored, and can be read."""
    try:
        return bool(secrets_of(endpoint).get(PASSWORD))
    except vault.Unreadable:
        return False


@transaction.atomic
def create(
    project: Project, values: Mapping[str, Any], access: Access, *, secret: str
) -> MLBackend:
    """Stores a backend that has answered. The project chooses it, if it has chosen nothing yet, and
    a webhook tells it what happens there, signing with `secret`.

    `values` are columns of both rows, and `basic_auth_pass`.
    """
    backend = MLBackend.objects.create(
        project=project, **{name: values[name] for name in ROW if name in values}
    )
    endpoint = Endpoint(backend=backend, checked_at=Now())
    _fill(endpoint, values)
    _give_token(backend, endpoint, access)
    endpoint.save(force_insert=True)
    hooks.follow_ml_backend(backend, workspace_id=project.workspace_id, secret=secret)
    if backend.title:
        Project.objects.filter(pk=project.pk, model_version="").update(model_version=backend.title)
    return backend


@transaction.atomic
def update(backend: MLBackend, values: Mapping[str, Any], access: Access, *, secret: str) -> None:
    """Writes what `values` name, as in `create`. A project that chose the backend by its title goes
    on doing so, and the webhook follows the URL.
    """
    title = backend.title
    endpoint = endpoint_of(backend)
    for name in ROW:
        if name in values:
            setattr(backend, name, values[name])
    backend.save(update_fields=[*ROW, "updated_at"])
    _fill(endpoint, values)
    _give_token(backend, endpoint, access)
    endpoint.save()
    if "url" in values:
        hooks.follow_ml_backend(backend, workspace_id=access.workspace_id, secret=secret)
    if title and backend.title != title:
        chosen = Project.objects.filter(pk=backend.project_id, model_version=title)
        chosen.update(model_version=backend.title or "")


def changed(backend: MLBackend, values: Mapping[str, Any]) -> tuple[MLBackend, Endpoint]:
    """The backend and its endpoint as `values` would make them; nothing is written."""
    row = copy.copy(backend)
    endpoint = copy.copy(endpoint_of(backend)) if backend.pk else Endpoint()
    row.url = values.get("url", row.url)
    _fill(endpoint, values)
    return row, endpoint


def _fill(endpoint: Endpoint, values: Mapping[str, Any]) -> None:
    names = {field.attname for field in Endpoint._meta.concrete_fields}
    for name, value in values.items():
        if name in names:
            setattr(endpoint, name, value)
    if values.get("basic_auth_pass"):
        try:
            kept = secrets_of(endpoint)
        except vault.Unreadable:
            kept = {}
        endpoint.encrypted_secrets = vault.seal({**kept, PASSWORD: values["basic_auth_pass"]})


def _give_token(backend: MLBackend, endpoint: Endpoint, access: Access) -> None:
    """Makes the key that the backend is sent, or ends it, as `send_access_token` says."""
    if endpoint.send_access_token and endpoint.access_key_id is None:
        if access.user_id is None:
            return
        token, key = tokens.issue(
            user=User.objects.get(pk=access.user_id),
            workspace=backend.project.workspace,
            name=f"ml-backend {backend.pk}",
            scopes=["predictions:read"],
        )
        endpoint.access_key = token
        endpoint.encrypted_secrets = vault.seal({**secrets_of(endpoint), ACCESS_TOKEN: key})
    elif not endpoint.send_access_token and endpoint.access_key is not None:
        tokens.revoke(endpoint.access_key)
        endpoint.access_key = None
        kept = {n: v for n, v in secrets_of(endpoint).items() if n != ACCESS_TOKEN}
        endpoint.encrypted_secrets = vault.seal(kept)


@transaction.atomic
def delete(backend: MLBackend) -> None:
    """Removes a backend with its jobs and its key; its predictions stay and name no backend."""
    endpoint = endpoint_of(backend)
    if endpoint.access_key is not None:
        tokens.revoke(endpoint.access_key)
    if backend.title:
        chosen = Project.objects.filter(pk=backend.project_id, model_version=backend.title)
        chosen.update(model_version="")
    projects.delete_ml_backend(backend.pk)


def note(backend_id: int, state: str, *, message: str | None = None, version: str = "") -> None:
    """Writes how a backend answered; `version` for one that named a version and may change its
    own. A message of None leaves that of a backend that is away as it is.
    """
    rows = Endpoint.objects.filter(pk=backend_id)
    is_well = state == State.CONNECTED
    if not rows.exists():
        Endpoint.objects.bulk_create([Endpoint(backend_id=backend_id)], ignore_conflicts=True)
    marks: dict[str, Any] = {"state": state, "checked_at": Now()}
    if is_well:
        marks |= {"failing_since": None, "error_message": None}
    elif message is not None:
        marks |= {"error_message": message}
    rows.update(**marks)
    if not is_well:
        rows.filter(failing_since=None).update(failing_since=Now())
    if version:
        may_change = MLBackend.objects.filter(pk=backend_id, endpoint__auto_update=True)
        may_change.exclude(model_version=version).update(model_version=version)


def chosen(project: Project) -> list[MLBackend]:
    """The backends that predict for the project: the one that it names, else all of them."""
    found = list(backends(project.workspace_id).filter(project=project))
    named = [row for row in found if row.title and row.title == project.model_version]
    return named[:1] or found


def of_ids(ids: Iterable[int]) -> QuerySet[MLBackend]:
    """The backends of these ids, with their project and endpoint."""
    return MLBackend.objects.filter(pk__in=list(ids)).select_related("project", "endpoint")


def set_last_task(backend_id: int, task_id: int) -> None:
    """Writes up to which task the backend needs no job for new ones; it never goes back."""
    rows = Endpoint.objects.filter(pk=backend_id)
    rows.exclude(last_task_id__gte=task_id).update(last_task_id=task_id)
