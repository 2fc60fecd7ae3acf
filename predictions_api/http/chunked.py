"""Bodies without a declared length, which Django by itself takes for empty ones.

A body sent with `Transfer-Encoding: chunked` is read to its end before the application runs: in
memory up to a few megabytes, beyond that in a temporary file, and never past MAX_BODY_BYTES. Only
JSON Lines are left to whoever reads them a line at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IN_MEMORY_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 64 * 1024
# In the environment of a request whose length is not known beforehand.
IS_CHUNKED = "predictions_api.is_chunked"
# Read as it comes, never whole: no limit but that of a line.
STREAMED_TYPE = "application/x-ndjson"
ENDLESS = 2**62


class BrokenBody:
    """Stands where a body would be read that broke off, or did not come in time."""

    def __init__(self, fault: type[OSError]) -> None:
        self.fault = fault

    def read(self, size: int = -1) -> bytes:
        """As a lost connection: Django makes a 400 of it, or a 408."""
        raise self.fault("The request body broke off.")

    readline = read


class ChunkedBodies:
    """Gives a chunked body its length before the application sees the request."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application

    def __call__(
        self, request: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        coding = request.get("HTTP_TRANSFER_ENCODING", "").lower()
        # Without that promise a read past the end would wait for ever.
        if "chunked" not in coding or not request.get("wsgi.input_terminated"):
            return self.application(request, start_response)
        del request["HTTP_TRANSFER_ENCODING"]
        if is_streamed(request.get("CONTENT_TYPE", "")):
            # The server knows where it ends.
            request.update({"CONTENT_LENGTH": str(ENDLESS), IS_CHUNKED: True})
            return self.application(request, start_response)
        body: IO[bytes] = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - see Answer
        try:
            length = _copy(request["wsgi.input"].read, body, most=settings.MAX_BODY_BYTES)
        except Exception as error:  # each server has its own for chunks that are none
            fault = TimeoutError if isinstance(error, TimeoutError) else OSError
            request.update({"CONTENT_LENGTH": "1", "wsgi.input": BrokenBody(fault)})
        else:
            # Over the limit it is refused by its length, as any other body, and not read on.
            request.update({"CONTENT_LENGTH": str(length), "wsgi.input": body})
            body.seek(0)
        return Answer(self.application(request, start_response), body)


def is_streamed(content_type: str) -> bool:
    """Whether a body of this type is read as it comes."""
    return content_type.partition(";")[0].strip().lower() == STREAMED_TYPE


def _copy(read: Callable[[int], bytes], target: IO[bytes], *, most: int) -> int:
    """The bytes copied; one more than `most` when there are more."""
    length = 0
    while piece := read(min(PIECE_BYTES, most + 1 - length)):
        length += target.write(piece)
    return length


class Answer:
    """An application's answer; the request's body goes away with it."""

    def __init__(self, answer: Iterable[bytes], body: IO[bytes]) -> None:
        self.answer = answer
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.answer)

    def close(self) -> None:
        """Called by the server when all is sent, or nobody listens any more."""
        close: Any = getattr(self.answer, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self.body.close()
