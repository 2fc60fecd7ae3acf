"""Files in a bucket of a service that speaks S3, which is not waited for longer than a caller is.

Imported only where `FILES_STORAGE` names a bucket, for it needs the extra `s3`.
"""

from typing import Any

from botocore.config import Config
from storages.backends.s3 import S3Storage

#: How long a service may take to accept a connection, and then to answer; asked twice at most. The
#: library's own bounds are a minute each, five times.
CONNECT_S, READ_S, MOST_ATTEMPTS = 2, 10, 2


class Bucket(S3Storage):  # type: ignore[misc]  # has no types
    """A bucket; one that is away raises within CONNECT_S or READ_S, MOST_ATTEMPTS times."""

    client_config: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        retries = {"total_max_attempts": MOST_ATTEMPTS, "mode": "standard"}
        bounds = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
        self.client_config = self.client_config.merge(bounds)
