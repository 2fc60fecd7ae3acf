"""Whether backends answer: before one is stored, and whenever somebody looks at one."""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from backends.asking.calls import Address, Caller
from backends.asking.faults import Away, Fault
from backends.db import endpoints
from backends.models import Endpoint
from backends.reaching.addresses import address, setup_body
from predictions.models import MLBackend, Project

State = Endpoint.State
MOST_MESSAGE = 1000


class Unfit(Exception):
    """A backend that cannot be registered; the text says why, for whoever registers it."""


def connect(where: Address, project: Project, endpoint: Endpoint) -> str:
    """Asks a backend that is to be stored for its health and sets it up; the version it names, ""
    for none. Unfit where it does not answer as a backend does.
    """
    return asyncio.run(_connect(where, project, endpoint))


async def _connect(where: Address, project: Project, endpoint: Endpoint) -> str:
    async with Caller(where) as caller:
        try:
            await caller.health(settings.ML_TIMEOUT_HEALTH)
        except Fault as fault:
            raise Unfit(_told("GET", where.route("health"), fault)) from None
        try:
            return await caller.setup(setup_body(project, endpoint), settings.ML_TIMEOUT_SETUP)
        except Fault as fault:
            raise Unfit(_told("POST", where.route("setup"), fault)) from None


def _told(method: str, url: str, fault: Fault) -> str:
    return f"{method} {url} does not answer as an ML backend does. {fault}"


class Seen(NamedTuple):
    """How a backend answered: its state, or None where that stays as it was."""

    state: str | None
    message: str | None = None
    version: str = ""


def look(rows: Iterable[MLBackend]) -> None:
    """Asks all of them at once, for ML_TIMEOUT_CHECK seconds in all, and writes how they are."""
    rows = list(rows)
    if not rows:
        return
    found = asyncio.run(_look_at_all(rows, settings.ML_TIMEOUT_CHECK))
    for backend, seen in zip(rows, found, strict=True):
        if seen.state is not None:
            endpoints.note(backend.pk, seen.state, message=seen.message, version=seen.version)


async def _look_at_all(rows: list[MLBackend], limit_s: float) -> list[Seen]:
    return list(await asyncio.gather(*(_look_at(row, limit_s) for row in rows)))


async def _look_at(backend: MLBackend, limit_s: float) -> Seen:
    until = time.monotonic() + limit_s
    endpoint = endpoints.endpoint_of(backend)
    try:
        where = address(backend, endpoint)
        body = setup_body(backend.project, endpoint)
    except Fault as fault:
        return Seen(State.ERROR, str(fault)[:MOST_MESSAGE])
    async with Caller(where) as caller:
        try:
            await caller.health(limit_s)
        except Fault:
            return Seen(State.DISCONNECTED)
        try:
            version = await caller.setup(body, max(until - time.monotonic(), 0.01))
        except Away as fault:
            # Weights take their time: nothing is known of it.
            is_slow = fault.kind == "Timeout"
            return Seen(None if is_slow else State.ERROR, str(fault)[:MOST_MESSAGE])
        except Fault as fault:
            return Seen(State.ERROR, str(fault)[:MOST_MESSAGE])
        return Seen(State.CONNECTED, version=version)
