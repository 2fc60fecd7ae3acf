"""What tests of several folders need: a service that speaks S3."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of the service."""
    # Of the group `dev`.
    moto: Any = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
