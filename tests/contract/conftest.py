"""A live server that answers at once on a connection that is kept."""

from collections.abc import Iterator

import pytest
from django.core.servers.basehttp import WSGIRequestHandler


@pytest.fixture(scope="session")
def unbuffered_sockets() -> Iterator[None]:
    """Django's server writes an answer in pieces. On a kept connection each later piece would wait
    40 ms for the client's acknowledgement of the one before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
        yield
