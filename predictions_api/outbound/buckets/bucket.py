"""A bucket of a service that speaks S3.

botocore makes the requests, signs them, tries them again and reads the answers. They travel through
our own client (`outbound/client.py`): to checked addresses only, bounded in bytes and in time as a
whole, past the proxies of the environment. Keys are those of the place alone, never the server's
own. Needs the extra `s3`, so it is imported where a bucket is opened.
"""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import httpx2
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.session import Session

from predictions_api.outbound.buckets.place import BucketFault, Missing, Place, Taken
from predictions_api.outbound.client import Blocked, client

#: Where a service has one region alone, or the address does not say which.
ANY_REGION = "us-east-1"
#: Of the head of an answer, and of what stands beside a part of an object.
HEAD_BYTES = 1 << 20
#: Where a bucket is, when it is in another region.
REGION = "x-amz-bucket-region"
#: Of those whose keys may write objects but not read them.
UNTOLD = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
#: Characters of an answer that are told.
MOST_TOLD = 300
NOT_MADE_ONCE = threading.Lock()


class Object(NamedTuple):
    """An object as a list has it."""

    key: str
    n_bytes: int


class Part(NamedTuple):
    """Some bytes of an object, and what is known of the whole."""

    content: bytes
    n_bytes: int
    tag: str


class Body(io.BytesIO):
    """The body of an answer, all of which has arrived, as botocore reads one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """What is left, at once."""
        yield self.read()


@cache
def _session() -> Any:
    return Session()


class Bucket:
    """A bucket, for one thread; to be closed.

    Its methods raise BucketFault with words for whoever gave the address, and Blocked for an
    address that this server may not call.
    """

    def __init__(
        self, place: Place, *, timeout_s: float, most_attempts: int, most_bytes: int
    ) -> None:
        """One request may take `timeout_s`, and its answer have `most_bytes`; what fails without an
        answer, or with one that says so, is tried `most_attempts` times.
        """
        self.place = place
        self._most_attempts = most_attempts
        self._timeout_s = timeout_s
        self._runner = asyncio.Runner()
        self._http = client(
            timeout_s=timeout_s, max_connections=1, most_bytes=most_bytes + HEAD_BYTES
        )
        try:
            self._client = self._made()
        except (BotoCoreError, ValueError) as error:
            self.close()
            raise BucketFault(f"The bucket cannot be asked: {error}") from None

    def _made(self) -> Any:
        place = self.place
        config = Config(
            connect_timeout=self._timeout_s,
            read_timeout=self._timeout_s,
            retries={"total_max_attempts": self._most_attempts, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
            # Not every service knows the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            signature_version="s3v4" if place.key_id else UNSIGNED,
        )
        with NOT_MADE_ONCE:
            made = _session().create_client(
                "s3",
                region_name=place.region or ANY_REGION,
                endpoint_url=place.endpoint or None,
                aws_access_key_id=place.key_id or None,
                aws_secret_access_key=place.secret or None,
                aws_session_token=place.token or None,
                config=config,
            )
        made.meta.events.register("before-send.s3", self._send)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends its connections. Once or several times."""
        if self._runner is not None:
            runner, self._runner = self._runner, None  # type: ignore[assignment]
            runner.run(self._http.aclose())
            runner.close()

    def _send(self, request: Any, **_: Any) -> Any:
        """What botocore calls instead of sending a request itself."""
        return self._runner.run(self._exchange(request))

    async def _exchange(self, request: Any) -> Any:
        body = request.body
        content = body.read() if hasattr(body, "read") else body
        # The body follows at once.
        headers = [(n, v) for n, v in request.headers.items() if n.lower() != "expect"]
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._http.request(
                    request.method, request.url, headers=headers, content=content
                )
        except TimeoutError:
            raise HTTPClientError(error=f"no answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise HTTPClientError(error=str(error) or type(error).__name__) from None
        if 300 <= found.status_code < 400 and REGION not in found.headers:
            # botocore would ask for the region, and be sent elsewhere again, without end.
            raise HTTPClientError(error=f"a redirect ({found.status_code}), which is not followed")
        return AWSResponse(request.url, found.status_code, found.headers, Body(found.content))

    @contextmanager
    def _asking(self, key: str = "") -> Iterator[None]:
        """Within the block what is raised is a BucketFault, or Blocked."""
        name = self.place.bucket
        try:
            yield
        except (BucketFault, Blocked):
            raise
        except ClientError as error:
            raise _fault(error, name, key) from None
        except HTTPClientError as error:
            told = str(error.kwargs.get("error", error))[:MOST_TOLD]
            raise BucketFault(f"The service of bucket {name} does not answer: {told}") from None
        except (BotoCoreError, ValueError, TypeError) as error:
            told = str(error)[:MOST_TOLD]
            raise BucketFault(f"Bucket {name} cannot be used: {told}") from None

    def check(self) -> None:
        """Missing where there is no such bucket; BucketFault where it cannot be used."""
        with self._asking():
            self._client.head_bucket(Bucket=self.place.bucket)

    def has_objects(self, prefix: str) -> bool:
        """Whether the names of some begin so."""
        with self._asking():
            found = self._client.list_objects_v2(Bucket=self.place.bucket, Prefix=prefix, MaxKeys=1)
            return bool(found.get("KeyCount") or found.get("Contents"))

    def objects(self, prefix: str, *, is_recursive: bool) -> Iterator[Object]:
        """Those whose names begin so, in the service's order, a request for a thousand; not what
        stands for a folder. Unless it is recursive, none with a further slash in its name.
        """
        asked: dict[str, Any] = {"Bucket": self.place.bucket, "Prefix": prefix}
        if not is_recursive:
            asked["Delimiter"] = "/"
        while True:
            with self._asking():
                found = self._client.list_objects_v2(**asked)
                page = [Object(o["Key"], o["Size"]) for o in found.get("Contents") or ()]
                token = found.get("NextContinuationToken") if found.get("IsTruncated") else None
            yield from (one for one in page if not one.key.endswith("/"))
            if not token:
                return
            asked["ContinuationToken"] = token

    def part(self, key: str, start: int, end: int, *, tag: str = "") -> Part:
        """The bytes from `start` to before `end`, fewer at its end. Missing, and BucketFault for a
        service that answers with another part. Taken where the object has not that `tag` any more.
        """
        more = {"IfMatch": f'"{tag}"'} if tag else {}
        with self._asking(key):
            found = self._client.get_object(
                Bucket=self.place.bucket, Key=key, Range=f"bytes={start}-{end - 1}", **more
            )
            content: bytes = found["Body"].read()
            given, _, total = str(found.get("ContentRange", "")).partition("/")
            is_asked = given == f"bytes {start}-{start + len(content) - 1}" and total.isdecimal()
            if not content or not is_asked:
                raise BucketFault("The service did not answer with the part it was asked for.")
            given_tag = str(found.get("ETag", "")).strip('"')
            if tag and given_tag != tag:
                # The service takes no notice of the condition.
                raise Taken(f"Object {key} is another one meanwhile.")
            return Part(content, int(total), given_tag)

    def write(self, key: str, content: bytes, *, is_new: bool) -> None:
        """Writes JSON. Taken for one that `is_new` and there already.

        Only Amazon is known to heed the condition, so other services are asked first: some take no
        notice of it, others refuse it.
        """
        more: dict[str, Any] = {"IfNoneMatch": "*"} if is_new else {}
        if self.place.kms_key_id:
            more |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.place.kms_key_id}
        asked = {"Bucket": self.place.bucket, "Key": key, "Body": content}
        with self._asking(key):
            is_absent = is_new and bool(self.place.endpoint) and self._is_absent(key)
            try:
                self._client.put_object(**asked, ContentType="application/json", **more)
            except ClientError as error:
                if not is_absent or _status(error) != HTTPStatus.NOT_IMPLEMENTED:
                    raise
                self.write(key, content, is_new=False)

    def _is_absent(self, key: str) -> bool:
        """Whether there is surely none; False where the keys may not ask. Taken for one."""
        try:
            self._client.head_object(Bucket=self.place.bucket, Key=key)
        except ClientError as error:
            if (status := _status(error)) in UNTOLD:
                return False
            if status == HTTPStatus.NOT_FOUND:
                return True
            raise
        raise Taken(f"There is an object {key} already.")

    def delete(self, key: str) -> None:
        """Deletes it, if it is there."""
        with self._asking(key):
            self._client.delete_object(Bucket=self.place.bucket, Key=key)

    def presigned(self, key: str, *, lasting_s: int) -> str:
        """An address at which a browser finds the object for so long. Asks nobody."""
        with self._asking(key):
            made: str = self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self.place.bucket, "Key": key},
                ExpiresIn=lasting_s,
            )
            return made


def _status(error: ClientError) -> int:
    return int((error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)


def _fault(error: ClientError, bucket: str, key: str) -> BucketFault:
    """What the service said no to, in words."""
    said = error.response.get("Error") or {}
    code = str(said.get("Code", ""))[:MOST_TOLD]
    status = _status(error)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Taken(f"There is an object {key} already, or it is another one meanwhile.")
    if code == "NoSuchBucket" or (status == 404 and not key):
        return Missing(f"Cannot find bucket {bucket} in S3")
    if status == 404:
        return Missing(f"There is no object {key} in bucket {bucket}.")
    if status in {401, 403}:
        return BucketFault(
            f"Cannot connect to S3 {bucket} with specified AWS credentials ({code or status})"
        )
    told = str(said.get("Message", ""))[:MOST_TOLD]
    return BucketFault(f"The service of bucket {bucket} answered {status} {code}: {told}")
