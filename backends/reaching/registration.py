"""Backends that are to be stored or changed: they are asked first."""

from collections.abc import Mapping
from typing import Any

from backends.asking.faults import Fault
from backends.db import endpoints
from backends.models import Endpoint
from backends.reaching import checks
from backends.reaching.addresses import address
from predictions.models import MLBackend, Project

#: What decides how a backend is reached: it is asked again when one of them changes.
REACHED_BY = ("url", "extra_params", "auth_method", "basic_auth_user", "basic_auth_pass")


def for_new(project: Project, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values to store a backend with: its version is what it names, if it follows that.
    `checks.Unfit` where it does not answer as a backend does.
    """
    wanted = _following(values, Endpoint())
    version = _version(MLBackend(project=project), wanted)
    return {"model_version": version, **wanted}


def for_change(backend: MLBackend, values: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The values to write, and whether the backend had to be asked for them. `checks.Unfit` where
    it was and does not answer.
    """
    endpoint = endpoints.endpoint_of(backend)
    wanted = _following(values, endpoint)
    if not wanted.get("basic_auth_user"):
        # What is stored stays.
        wanted.pop("basic_auth_user", None)
    is_moved = any(
        wanted[name] != getattr(backend if name == "url" else endpoint, name, None)
        for name in REACHED_BY
        if name in wanted
    )
    if is_moved:
        version = _version(backend, wanted)
        if wanted.get("auto_update", endpoint.auto_update):
            wanted["model_version"] = version
    return wanted, is_moved


def _following(values: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """Without a version, where that follows what the backend names."""
    wanted = dict(values)
    if wanted.get("auto_update", endpoint.auto_update):
        wanted.pop("model_version", None)
    return wanted


def _version(backend: MLBackend, values: Mapping[str, Any]) -> str:
    where, endpoint = endpoints.changed(backend, values)
    try:
        return checks.connect(address(where, endpoint), where.project, endpoint)
    except Fault as fault:
        raise checks.Unfit(str(fault)) from None
