"""Objects of buckets that tasks name, at Label Studio's addresses: `/tasks/ID/resolve/?fileuri=`,
and the same with `presign`, which its SDK asks.

Whatever is not served is 404 in the same words, as files below image roots are: no such task, one
of a workspace that the caller does not read, an address that the task does not name, no storage of
the project that has it, no object. A bucket that does not answer is 503.
"""

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request

from predictions.api.pictures import FileView
from predictions.api.schema import pictures as docs
from predictions.db.storages import rows
from predictions.models import ImportStorage
from predictions.pictures.addresses import OBJECT
from predictions.pictures.kinds import kind_of
from predictions.storages import buckets
from predictions_api.http.fields import MAX_BIGINT
from predictions_api.outbound.buckets.place import BucketFault, Missing
from predictions_api.outbound.client import Blocked

if TYPE_CHECKING:
    from predictions_api.outbound.buckets.bucket import Bucket, Part

#: Bytes of an object that are in memory.
BLOCK = 1 << 20


class BucketAway(APIException):
    """The bucket could not be asked."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class ObjectView(FileView):
    """An object of a bucket: a redirect to an address that works for a while, or the object itself
    where its storage says so.
    """

    @docs.OBJECT
    def get(self, request: Request, task_id: str) -> HttpResponseBase:
        """As the storage's `presign` says."""
        address = _decoded(request.query_params.get("fileuri", ""))
        number = int(task_id)
        place = rows.named_by(number, address) if address and number <= MAX_BIGINT else None
        if place is None or not self.reads(place[0]):
            raise NotFound
        storage, key = _holder(place[1], address)
        try:
            bucket = buckets.opened(buckets.place_of(storage))
            try:
                answer = self._answer(storage, bucket, key)
            except BaseException:
                bucket.close()
                raise
        except Missing:
            raise NotFound from None
        except (BucketFault, Blocked) as fault:
            raise BucketAway(str(fault)) from None
        if not answer.streaming:
            bucket.close()
        return answer

    def _answer(self, storage: ImportStorage, bucket: "Bucket", key: str) -> HttpResponseBase:
        """Leaves the bucket open only where it streams."""
        if not storage.presign:
            return self._itself(bucket, key)
        lasting_s = storage.presign_ttl * 60
        found = bucket.presigned(key, lasting_s=lasting_s)
        # A browser that comes back does so in time.
        kept = f"private, max-age={lasting_s // 2}"
        return HttpResponse(status=303, headers={"Location": found, "Cache-Control": kept})

    def _itself(self, bucket: "Bucket", key: str) -> HttpResponseBase:
        first = bucket.part(key, 0, BLOCK)
        kind = kind_of(first.content)
        if kind is None:
            raise NotFound
        return self.answer(kind, first.n_bytes, first.tag, partial(Pieces, bucket, key, first))


@extend_schema(exclude=True)
class PresignedObjectView(ObjectView):
    """The same under its other name."""


class Pieces:
    """The bytes of an object from `start` to before `end`, in blocks; closes the bucket.

    BucketFault where the object is another one meanwhile, or away: what was promised cannot be sent
    any more, and the server ends the connection.
    """

    def __init__(self, bucket: "Bucket", key: str, first: "Part", start: int, end: int) -> None:
        self.bucket, self.key, self.first, self.start, self.end = bucket, key, first, start, end

    def __iter__(self) -> Iterator[bytes]:
        while self.start < self.end:
            piece = self.first.content[self.start : self.end]
            if not piece:
                most = min(self.start + BLOCK, self.end)
                piece = self.bucket.part(self.key, self.start, most, tag=self.first.tag).content
            self.start += len(piece)
            yield piece

    def close(self) -> None:
        """What Django calls when the answer ends, however it does."""
        self.bucket.close()


def _decoded(text: str) -> str:
    """The address that `fileuri` names, base64 of its own alphabet or the address as it is; empty
    for what names no object.
    """
    if not text.startswith(OBJECT):
        try:
            text = base64.b64decode(text.encode(), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            return ""
    return text if text.startswith(OBJECT) and "\0" not in text else ""


def _holder(project_id: int, address: str) -> tuple[ImportStorage, str]:
    """The newest storage of the project that has the object, and its key. NotFound."""
    bucket, _, key = address.removeprefix(OBJECT).partition("/")
    for storage in rows.of_buckets(project_id):
        if key and storage.bucket == bucket and key.startswith(buckets.below(storage.prefix)):
            return storage, key
    raise NotFound
