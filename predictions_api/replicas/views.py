"""Views whose reads may be answered from a replica (`reading`)."""

from contextlib import ExitStack
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from predictions_api.replicas import reading

#: How a request asks for it, and how it is told that it was (RFC 7240).
PREFERENCE = "replica"


def is_asked(request: HttpRequest | Request) -> bool:
    """Whether the request prefers it."""
    asked = request.headers.get("Prefer", "")
    return PREFERENCE in {word.strip().lower() for word in asked.split(",")}


class FromReplica(APIView):
    """Its reads go to the replica where `may_be_behind` says so; who asks is the server's to say.

    Before the other classes of a view.
    """

    _reading: ExitStack | None = None
    _is_read_there = False

    def may_be_behind(self, request: Request) -> bool:
        """Whether this read is one of those."""
        return is_asked(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer, which says where it was read."""
        if not reading.is_named() or request.method not in ("GET", "HEAD"):
            return super().dispatch(request, *args, **kwargs)
        with ExitStack() as self._reading:
            response = super().dispatch(request, *args, **kwargs)
        if self._is_read_there:
            response["Preference-Applied"] = PREFERENCE
            if isinstance(response, StreamingHttpResponse) and not isinstance(
                response, FileResponse
            ):
                pieces: Any = response.streaming_content
                response.streaming_content = reading.streamed(pieces)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks and whether they may, by the server; what comes after, by the replica."""
        super().initial(request, *args, **kwargs)
        if self._reading is not None and self.may_be_behind(request):
            self._is_read_there = self._reading.enter_context(reading.reading())
