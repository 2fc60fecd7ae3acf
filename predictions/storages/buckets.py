"""The buckets of storages: opened with their keys, alone or over several connections."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from predictions.models import Storage
from predictions_api.outbound import vault
from predictions_api.outbound.buckets.place import BucketFault, Place

if TYPE_CHECKING:
    from predictions_api.outbound.buckets.bucket import Bucket

#: How a secret is called in the vault, and in requests.
KEY_ID, SECRET, TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
#: Of an object that is read as a whole.
MOST_BYTES = 1 << 26
CONNECTIONS = 4
NOT_INSTALLED = (
    "This server cannot reach buckets: its operator has to install the extra `s3`"
    ' (pip install "django-storages[s3]").'
)


class Patience(NamedTuple):
    """How long an answer is waited for, and how often it is asked for."""

    timeout_s: float
    most_attempts: int


#: Of a worker, and of a request that somebody waits for.
WORKER, REQUEST = Patience(60.0, 3), Patience(5.0, 2)

T = TypeVar("T")
R = TypeVar("R")


def place_of(storage: Storage) -> Place:
    """Where a storage's bucket is, with its keys. BucketFault for keys that cannot be read."""
    try:
        keys = vault.unseal(storage.sealed_keys)
    except vault.Unreadable:
        raise BucketFault(
            "The storage's keys cannot be read with this server's ENCRYPTION_KEY; enter them again."
        ) from None
    return Place(
        storage.bucket,
        region=storage.region_name,
        endpoint=storage.s3_endpoint,
        key_id=keys.get(KEY_ID, ""),
        secret=keys.get(SECRET, ""),
        token=keys.get(TOKEN, ""),
        kms_key_id=storage.kms_key_id,
    )


def opened(place: Place, patience: Patience = REQUEST) -> "Bucket":
    """The bucket, to be closed. BucketFault where it cannot be asked at all."""
    try:
        from predictions_api.outbound.buckets.bucket import Bucket
    except ImportError:
        raise BucketFault(NOT_INSTALLED) from None
    return Bucket(place, **patience._asdict(), most_bytes=MOST_BYTES)


def below(prefix: str) -> str:
    """What the names of objects below a prefix begin with: a folder's name with its slash.

    >>> below("cars/val"), below("cars/"), below("")
    ('cars/val/', 'cars/', '')
    """
    return f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""


class Connections:
    """Several connections to one bucket, each in a thread of its own; to be closed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bucket")
        self._own = threading.local()
        self._opened: list[Bucket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for bucket in self._opened:
            bucket.close()

    def map(self, do: Callable[["Bucket", T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
        """What `do` makes of each item with one of the connections, in the order of the items.

        As many results are kept as there are connections. What `do` raises is raised here.
        """
        waiting: deque[tuple[T, Future[R]]] = deque()
        for item in items:
            if len(waiting) == CONNECTIONS:
                first, future = waiting.popleft()
                yield first, future.result()
            waiting.append((item, self._pool.submit(self._do, do, item)))
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()

    def _do(self, do: Callable[["Bucket", T], R], item: T) -> R:
        bucket: Bucket | None = getattr(self._own, "bucket", None)
        if bucket is None:
            bucket = self._own.bucket = opened(self._place, WORKER)
            self._opened.append(bucket)
        return do(bucket, item)
