"""Bodies sent with `Transfer-Encoding: chunked`, which Django takes for empty ones."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

# In the environment of a request whose length is not known beforehand.
IS_CHUNKED = "predictions_api.is_chunked"
# Read as it comes, never whole: no limit but that of a line.
STREAMED_TYPE = "application/x-ndjson"
ENDLESS = 2**62


class Bounded:
    """A body of unknown length. RequestDataTooBig where it goes on after its limit."""

    def __init__(self, stream: "InputStream", limit: int) -> None:
        self.stream = stream
        self.left = limit

    def _counted(self, piece: bytes) -> bytes:
        self.left -= len(piece)
        if self.left == 0 and piece and self.stream.read(1):
            raise RequestDataTooBig
        return piece

    def _allowed(self, size: int) -> int:
        return self.left if size < 0 else min(size, self.left)

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        return self._counted(self.stream.read(self._allowed(size)))

    def readline(self, size: int = -1, /) -> bytes:
        """A line, of at most `size` bytes."""
        return self._counted(self.stream.readline(self._allowed(size)))


def is_streamed(content_type: str) -> bool:
    """Whether a body of this type is read as it comes."""
    return content_type.partition(";")[0].strip().lower() == STREAMED_TYPE


def with_length(environ: "WSGIEnvironment") -> None:
    """Gives a chunked body a length: the most it may have. Its end is known by the server."""
    if environ.get("CONTENT_LENGTH") or not environ.get("wsgi.input_terminated"):
        return
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    environ[IS_CHUNKED] = True
    if is_streamed(environ.get("CONTENT_TYPE", "")):
        environ["CONTENT_LENGTH"] = str(ENDLESS)
        return
    environ["wsgi.input"] = Bounded(environ["wsgi.input"], settings.MAX_BODY_BYTES)
    environ["CONTENT_LENGTH"] = str(settings.MAX_BODY_BYTES)


def readable(application: "WSGIApplication") -> "WSGIApplication":
    """The application, with bodies of unknown length."""

    def wrapped(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[Any]:
        with_length(environ)
        return application(environ, start_response)

    return wrapped
