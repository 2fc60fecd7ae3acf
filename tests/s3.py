"""A service that speaks S3, beside the tests, and buckets in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def serving() -> Iterator[str]:
    """The address of a service."""
    # Of the group `dev`.
    moto: Any = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def emptied(service: str, name: str) -> Iterator[Any]:
    """A new bucket, which is gone afterwards."""
    boto3: Any = pytest.importorskip("boto3")
    made = boto3.resource(
        "s3",
        endpoint_url=service,
        region_name="us-east-1",
        aws_access_key_id="owner",
        aws_secret_access_key="secret",
    ).Bucket(name)
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()
    made.meta.client.close()
