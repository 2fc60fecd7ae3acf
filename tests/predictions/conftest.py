"""What tests of several folders need: a service that speaks S3."""

from collections.abc import Iterator

import pytest

from tests.s3 import serving


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of the service."""
    with serving() as address:
        yield address
