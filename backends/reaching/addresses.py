"""What calling a backend takes: its address with the credentials, and the bodies that name its
project.
"""

from typing import Any

from django.conf import settings

from backends.asking import bodies
from backends.asking.calls import Address
from backends.asking.faults import Ending
from backends.db import endpoints
from backends.models import Endpoint
from predictions.models import MLBackend, Project
from predictions_api.outbound import vault


def address(backend: MLBackend, endpoint: Endpoint) -> Address:
    """Where it is. Ending for secrets that this server cannot read."""
    password = _secrets(endpoint).get(endpoints.PASSWORD, "")
    return Address(backend.url, endpoint.basic_auth_user or "", password)


def credentials(backend_id: int) -> dict[str, str]:
    """The header that a guarded backend wants to see; none for others. One statement."""
    backend = endpoints.of_ids([backend_id]).first()
    if backend is None:
        return {}
    try:
        sent = address(backend, endpoints.endpoint_of(backend)).authorization
    except Ending:
        return {}
    return {"Authorization": sent} if sent else {}


def setup_body(project: Project, endpoint: Endpoint) -> dict[str, Any]:
    """The body of POST /setup. Never a person's key in it: one of the backend's own, or none."""
    return bodies.setup(
        project_key(project),
        label_config=project.label_config,
        hostname=settings.PUBLIC_URL,
        access_token=_secrets(endpoint).get(endpoints.ACCESS_TOKEN, ""),
        extra_params=endpoint.extra_params,
    )


def project_key(project: Project) -> str:
    """What backends know the project by."""
    return bodies.project_key(project.pk, project.created_at)


def _secrets(endpoint: Endpoint) -> dict[str, str]:
    try:
        return endpoints.secrets_of(endpoint)
    except vault.Unreadable:
        raise Ending(
            "Its credentials cannot be read with this server's ENCRYPTION_KEY; enter them again.",
            kind="Unauthorized",
        ) from None
