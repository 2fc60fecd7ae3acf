"""What is told of each event. Rooms register theirs by action in `AppConfig.ready()`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from predictions_api.http.storable import json_value
from predictions_api.outbound.events.models import Event

Document = dict[str, Any]
#: The bodies of an event in the order of their keys, without `action`; several where one would be
#: too long, none where there is nothing left to tell.
Payload = Callable[["Told"], Iterator[Document]]

_payloads: dict[str, Payload] = {}


@dataclass(frozen=True, slots=True)
class Told:
    """An event about to be told. `known` is shared by those told at the same time."""

    action: str
    workspace_id: int
    project_id: int
    body: Document
    known: dict[Any, Any] = field(default_factory=dict)


def register(action: str, payload: Payload) -> None:
    """From now on what is told of such events."""
    _payloads[action] = payload


def of_event(event: Event, known: dict[Any, Any]) -> Iterator[Document]:
    """The bodies to send, `action` first. KeyError for an action that nobody registered."""
    told = Told(event.action, event.workspace_id, event.project_id, json_value(event.body), known)
    for body in _payloads[event.action](told):
        yield {"action": event.action, **body}
