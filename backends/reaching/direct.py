"""Calls that a request waits for: one task, the versions of a backend. Nothing is stored."""

import asyncio
from typing import Any, NamedTuple

import orjson

from backends.asking import answers, bodies
from backends.asking.calls import Caller
from backends.asking.faults import Fault, Wrong
from backends.db import endpoints
from backends.reaching import sent_tasks
from backends.reaching.addresses import address, project_key
from predictions.models import MLBackend
from predictions_api.http.rendering import dumps

NOT_INTERACTIVE = "Model is not set to be used for interactive preannotations"
NOT_SERVED = frozenset({404, 405})
OLD = "The backend serves no list of versions; this is the one that it named at its set-up."


def interactive(backend: MLBackend, task_id: int, context: Any) -> Any:
    """What the backend says of one task, a prediction or a list of them. Fault for a backend that
    says nothing that could be used.
    """
    tasks = sent_tasks.documents(backend.project_id, [task_id])
    if not tasks:
        raise Wrong("The task was deleted meanwhile.")
    body = bodies.predict(
        [bodies.interactive(task) for task in tasks],
        project=project_key(backend.project),
        label_config=backend.project.label_config,
        context=context,
    )
    return answers.first_item(asyncio.run(_ask(backend, dumps(body))))


class Tried(NamedTuple):
    """A task that was sent to a backend, and the JSON that came back."""

    request: bytes
    response: Any


def tried(backend: MLBackend, task_id: int) -> Tried:
    """Sends one task as a job would. Fault where no JSON object comes back."""
    sent = sent_tasks.documents(backend.project_id, [task_id])
    body = dumps(
        bodies.predict(
            sent, project=project_key(backend.project), label_config=backend.project.label_config
        )
    )
    return Tried(body, answers.object_in(asyncio.run(_ask(backend, body))))


async def _ask(backend: MLBackend, body: bytes) -> bytes:
    endpoint = endpoints.endpoint_of(backend)
    async with Caller(address(backend, endpoint)) as caller:
        return await caller.predict(body, endpoint.timeout)


class Versions(NamedTuple):
    """The versions of a backend, and a message where it could not say them itself."""

    versions: list[str]
    message: str = ""


def versions(backend: MLBackend) -> Versions:
    """Those that the backend lists; else the one that is stored."""
    try:
        return Versions(asyncio.run(_versions(backend)))
    except Fault as fault:
        is_old = isinstance(fault, Wrong) and fault.status in NOT_SERVED
        stored = [backend.model_version] if backend.model_version else []
        return Versions(stored, OLD if is_old else str(fault))


async def _versions(backend: MLBackend) -> list[str]:
    async with Caller(address(backend, endpoints.endpoint_of(backend))) as caller:
        return await caller.versions()


def as_json(content: bytes) -> Any:
    """JSON that is answered as it was sent."""
    return orjson.Fragment(content)
