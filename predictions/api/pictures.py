"""Files below image roots, at Label Studio's address, and their thumbnails.

Whatever is not served is 404 in the same words: no such root, a root of a workspace that the caller
does not read, a key that does not work, no file, a file that is no picture or recording.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import (
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import KeyAuthentication
from accounts.models import User
from accounts.sessions import roles_of
from accounts.tokens import Access
from predictions.api.parameters import ThumbnailParameters
from predictions.api.schema import pictures as docs
from predictions.db.pictures.image_roots import root_of
from predictions.pictures import kept, thumbnails
from predictions.pictures.addresses import PREFIX, split
from predictions.pictures.kinds import HEAD_BYTES, is_picture, kind_of
from predictions.pictures.opening import NoFile, Opened, Pieces, open_below
from predictions.pictures.ranges import Unsatisfiable, part_of
from predictions_api.http.rendering import OrjsonRenderer

log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, max-age=3600",
}
#: Goes into the names of kept thumbnails: a higher one forgets those there are.
MADE_BY = 1
#: How long a bucket that failed is not asked for thumbnails again: a page shows dozens.
BUCKET_AWAY_S = 10.0
_bucket_away_until = 0.0

#: Threads of a process that may make thumbnails; two are left to everything else.
_makers = threading.BoundedSemaphore(max(1, settings.WEB_THREADS - 2))


class FileView(APIView):
    """What tasks name, for whoever reads their workspace: browsers with a session, programs with a
    key.
    """

    authentication_classes = [KeyAuthentication, SessionAuthentication]
    # Who may read is known once the root is.
    permission_classes = []

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Our JSON for errors, also for browsers that ask for pictures alone."""
        renderer = OrjsonRenderer()
        return renderer, renderer.media_type

    def handle_exception(self, exc: Exception) -> Response:
        """Whose key does not work is told nothing."""
        return super().handle_exception(
            NotFound() if isinstance(exc, AuthenticationFailed) else exc
        )

    def reads(self, workspace_id: int) -> bool:
        """Whether the caller may read in that workspace."""
        access, user = self.request.auth, self.request.user
        if isinstance(access, Access):
            return access.workspace_id == workspace_id and access.allows("predictions:read")
        if not isinstance(user, User):
            return False
        return user.is_superuser or workspace_id in roles_of(user.pk)

    def answer(
        self, kind: str, n_bytes: int, tag: str, pieces: Callable[[int, int], Iterable[bytes]]
    ) -> HttpResponseBase:
        """So many bytes of a file, of a recording the part that Range asks for; nothing for who
        has it already, by its tag. `pieces` makes those from one place to before another, and is
        only called where the answer streams them.
        """
        headers = HEADERS | {"ETag": f'"{tag}"'}
        if (early := self._unchanged(headers)) is not None:
            return early
        (start, end), code = (0, n_bytes), 200
        if not is_picture(kind):
            headers["Accept-Ranges"] = "bytes"
            try:
                part = self._part(n_bytes, headers["ETag"])
            except Unsatisfiable:
                headers["Content-Range"] = f"bytes */{n_bytes}"
                return HttpResponse(status=416, content_type=kind, headers=headers)
            if part is not None:
                (start, end), code = part, 206
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{n_bytes}"
        headers["Content-Length"] = str(end - start)
        if self.request.method == "HEAD":
            return HttpResponse(status=code, content_type=kind, headers=headers)
        return StreamingHttpResponse(
            pieces(start, end), status=code, content_type=kind, headers=headers
        )

    def _unchanged(self, headers: dict[str, str]) -> HttpResponseBase | None:
        """The answer to a caller who has it already, by its ETag; None for others."""
        answer = HttpResponse(headers=headers)
        plain = self.request._request
        found = get_conditional_response(plain, etag=headers["ETag"], response=answer)
        return None if found is answer else found

    def _part(self, n_bytes: int, tag: str) -> tuple[int, int] | None:
        """What Range asks for of so many bytes; None for all of them, also where If-Range names
        another ETag. Unsatisfiable.
        """
        if self.request.headers.get("If-Range", tag) != tag:
            return None
        return part_of(self.request.headers.get("Range", ""), n_bytes)


class LocalFileView(FileView):
    """`/data/local-files/?d=ROOT/NAME` for whoever reads the root's workspace."""

    @docs.LOCAL_FILE
    def get(self, request: Request) -> HttpResponseBase:
        """The file, or with Range a part of a recording."""
        opened, kind = self._opened()
        try:
            response = self._answer(opened, kind)
        except BaseException:
            opened.close()
            raise
        if not response.streaming:
            opened.close()
        return response

    def _answer(self, opened: Opened, kind: str) -> HttpResponseBase:
        """Closes the file only where it streams it, at the end."""
        if settings.SENDFILE_PREFIX:
            headers = {"X-Accel-Redirect": settings.SENDFILE_PREFIX + quote(opened.path)}
            return HttpResponse(content_type=kind, headers=HEADERS | headers)
        return self.answer(kind, opened.size, opened.tag, partial(Pieces, opened))

    def _opened(self) -> tuple[Opened, str]:
        """The file that `d` names, and its media type. NotFound for whatever is not served."""
        named = split(self.request.query_params.get("d", ""))
        root = named and root_of(named[0])
        if not named or not root or not self.reads(root[0]):
            raise NotFound
        try:
            opened = open_below(root[1], named[1])
        except NoFile:
            raise NotFound from None
        kind = kind_of(opened.head(HEAD_BYTES))
        if kind is None:
            opened.close()
            raise NotFound
        return opened, kind


class ThumbnailView(LocalFileView):
    """`/data/local-files/thumbnail?d=ROOT/NAME&size=320`."""

    @docs.THUMBNAIL
    def get(self, request: Request) -> HttpResponseBase:
        """A WebP whose longest side is `size` at most, made once; a redirect to the picture itself
        where others are being made and too few threads would be left for everything else.
        """
        opened, kind = self._opened()
        with opened:
            side = int(ThumbnailParameters.read(request.query_params)["size"])
            if not is_picture(kind):
                raise NotFound
            name = f"{MADE_BY} {side} {opened.tag}"
            key = hashlib.sha256(name.encode()).hexdigest()
            headers = HEADERS | {"ETag": f'"{key[:32]}"'}
            if (early := self._unchanged(headers)) is not None:
                return early
            made = self._made(opened, side, key)
        if made is None:
            itself = f"{PREFIX}?d={quote(request.query_params['d'], safe='/')}"
            return HttpResponseRedirect(itself, headers={"Cache-Control": "no-store"})
        if not made:
            raise NotFound
        return HttpResponse(made, content_type="image/webp", headers=headers)

    def _made(self, opened: Opened, side: int, key: str) -> bytes | None:
        """The thumbnail; empty for a picture that has none, which is kept, too; None where too many
        are being made.
        """
        made = _kept(key)
        if made is not None or not _makers.acquire(blocking=False):
            return made
        try:
            made = thumbnails.thumbnail(opened, side)
        except thumbnails.NoPicture:
            made = b""
        finally:
            _makers.release()
        _keep(key, made)
        return made


def _kept(key: str) -> bytes | None:
    """A thumbnail that was made before; None for others, and where the bucket is away."""
    if "thumbnails" not in settings.STORAGES:
        return kept.get(settings.THUMBNAILS_DIR, key)
    with _asking_bucket() as may_ask:
        if may_ask:
            with suppress(FileNotFoundError), storages["thumbnails"].open(key) as file:
                found: bytes = file.read()
                return found
    return None


def _keep(key: str, made: bytes) -> None:
    """Keeps a thumbnail; where that cannot be, the log says so."""
    if "thumbnails" not in settings.STORAGES:
        kept.put(settings.THUMBNAILS_DIR, key, made, most_bytes=settings.THUMBNAILS_MB * 2**20)
        return
    with _asking_bucket() as may_ask:
        if may_ask:
            storages["thumbnails"].save(key, ContentFile(made))


@contextmanager
def _asking_bucket() -> Iterator[bool]:
    """Whether the bucket may be asked within the block: one that failed is not for BUCKET_AWAY_S.
    Whatever is raised there is logged and ends the block.
    """
    global _bucket_away_until
    try:
        yield time.monotonic() >= _bucket_away_until
    except Exception:  # of whichever library: a thumbnail can be made again
        _bucket_away_until = time.monotonic() + BUCKET_AWAY_S
        log.warning("the bucket of thumbnails is away", exc_info=True)
