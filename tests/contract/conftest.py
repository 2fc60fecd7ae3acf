"""A live server that answers at once, and the vendor's own client pointed at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from label_studio_sdk import LabelStudio

from tests.conftest import Caller


@pytest.fixture(scope="session")
def unbuffered_sockets() -> Iterator[None]:
    """Django's server writes an answer in pieces. On a kept connection each later piece would wait
    40 ms for the client's acknowledgement of the one before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
        yield


@pytest.fixture
def address(unbuffered_sockets: None, live_server: Any) -> str:
    """Where a server listens, on a database that other connections see."""
    return str(live_server.url)


@dataclass
class Sent:
    """Every request a client sends, as it leaves."""

    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        """Verb, path and query of each."""
        return [f"{r.method} {r.url.raw_path.decode()}" for r in self.requests]

    def record(self, request: httpx.Request) -> "Done":
        """A hook of both kinds of client: the asynchronous one lends its own to a synchronous one
        for the exchange of refresh tokens.
        """
        self.requests.append(request)
        return Done()


class Done:
    """May be awaited, and need not be."""

    def __await__(self) -> Iterator[None]:
        return iter(())


@pytest.fixture
def sent() -> Sent:
    """What `client` and clients of `connect` send."""
    return Sent()


Connect = Callable[..., LabelStudio]


@pytest.fixture
def connect(address: str, sent: Sent) -> Iterator[Connect]:
    """The SDK's synchronous client with a key of any kind."""
    with httpx.Client(event_hooks={"request": [sent.record]}) as http:

        def make(key: str, **more: Any) -> LabelStudio:
            return LabelStudio(base_url=address, api_key=key, httpx_client=http, **more)

        yield make


@pytest.fixture
def client(connect: Connect, ada: Caller) -> LabelStudio:
    """The SDK's synchronous client with Ada's key."""
    return connect(ada.key)
