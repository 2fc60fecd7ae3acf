"""Bodies of many rows, read from the connection a block at a time.

The text of a JSON array is held, up to MAX_BODY_BYTES, and a long one's entries are parsed one by
one. JSON Lines are never held whole: memory has a block and a batch of them, whatever their number.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, FormParser, MultiPartParser
from rest_framework.request import Request

from predictions.imports.parsing import is_long_array, parse_array, parse_fast
from predictions_api.http.chunked import IS_CHUNKED, STREAMED_TYPE, is_streamed
from predictions_api.http.parsing import hold_for, whole
from predictions_api.http.storable import MAX_TEXT_BYTES, Refused
from predictions_api.operations import collector

BLOCK_BYTES = 1 << 18
# Items looked at together: enough to hide a round trip, few enough to keep memory flat.
BATCH_ITEMS = 1000
# The first ones of a long body are smaller: the database writes them while the rest is read.
FIRST_ITEMS = 125
BATCH_BYTES = 8 << 20
ENDED_EARLY = "The request body ended before its declared length."

# What is imported, in order; an item that could not be read is the Refused that says why.
Batches = Iterable[Iterable[Any]]


class Body:
    """The bytes of one request, once; counted, and digested for an Idempotency-Key."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.sha256 = hashlib.sha256() if request.headers.get("Idempotency-Key") else None
        is_declared = not request.META.get(IS_CHUNKED)
        self.missing = int(request.META.get("CONTENT_LENGTH") or 0) if is_declared else 0

    def blocks(self) -> Iterator[bytes]:
        """Block by block. ParseError for a body that breaks off before its declared length."""
        while block := self.request.read(BLOCK_BYTES):
            self.missing -= len(block)
            if self.sha256:
                self.sha256.update(block)
            yield block
        if self.missing > 0:
            raise ParseError(ENDED_EARLY)

    def digest(self) -> str:
        """What the whole body is known by; reads what is left of it."""
        for _ in self.blocks():
            pass
        return self.sha256.hexdigest() if self.sha256 else ""


@dataclass(frozen=True, slots=True)
class Form:
    """The files of a form, in order, and its field `url`; the last file of each field by its name,
    and all other fields.
    """

    files: Sequence["UploadedFile[bytes]"]
    url: str
    named: Mapping[str, "UploadedFile[bytes]"] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """What the form is known by, whatever stands between its parts."""
        known = hashlib.sha256(self.url.encode("utf-8", "surrogatepass"))
        said = sorted([*self.fields.items(), *((n, str(f.name)) for n, f in self.named.items())])
        known.update(repr(said).encode("utf-8", "surrogatepass"))
        for file in self.files:
            known.update(b"\0%b\0%d\0" % (str(file.name).encode(), file.size or 0))
            for block in file.chunks():
                known.update(block)
        return known.hexdigest()


@dataclass(frozen=True, slots=True)
class Incoming:
    """An import's body and what it is known by. It is one of: lines of JSON, a long array's text, a
    form, or else a JSON document.
    """

    digest: Callable[[], str]
    document: Any = None
    lines: Iterator[bytes] | None = None
    array: bytes | None = None
    form: Form | None = None

    def batches(self) -> Batches | None:
        """The items to come of lines or of a long array, as they are read; None for the rest."""
        if self.lines is not None:
            return parsed_lines(self.lines)
        return None if self.array is None else lazy_batches(parse_array(self.array))

    def close(self) -> None:
        """Removes the files of a form: nothing more is read of them."""
        for file in self.form.files if self.form else ():
            file.close()

    def whole(self) -> Any:
        """The document of all but lines and forms."""
        if self.array is None:
            return self.document
        hold_for(self.array)
        return list(parse_array(self.array))


def incoming(request: Request) -> Incoming:
    """The import a request brings; an empty body is no lines, an empty form or an empty object."""
    found = request.data
    if isinstance(found, Incoming):
        return found
    if is_streamed(request.content_type):
        return Incoming(lambda: "", lines=iter(()))
    if isinstance(found, QueryDict):
        return _form([], found)
    return Incoming(lambda: "", document=found)


# What the framework tells a parser of its request.
Context = Mapping[str, Any] | None
UTF8 = frozenset({"utf-8", "utf8"})


def _body_of(context: Context) -> tuple[Body, str]:
    """The body to read, and the encoding it names."""
    known = context or {}
    return Body(known["request"]._request), str(known.get("encoding", "utf-8"))


class BulkJSONParser(BaseParser):
    """application/json. What orjson refuses is read again, slowly, for Label Studio's message."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # request.data is whatever a parser gives
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Incoming:
        """The whole body as one document, but for a long array."""
        body, encoding = _body_of(parser_context)
        text = whole(body.blocks(), body.missing)
        if encoding.lower() in UTF8 and is_long_array(text):
            return Incoming(body.digest, array=text)
        return Incoming(body.digest, document=parse_fast(text, encoding=encoding))


class LinesParser(BaseParser):
    """application/x-ndjson, a line at a time; nothing is read yet when this returns."""

    media_type = STREAMED_TYPE

    def parse(  # type: ignore[override]  # request.data is whatever a parser gives
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Incoming:
        """The lines to come. ParseError for another charset than the format's UTF-8."""
        body, encoding = _body_of(parser_context)
        if encoding.lower() not in UTF8:
            raise ParseError("JSON Lines are UTF-8.")
        return Incoming(body.digest, lines=lines(body.blocks()))


class UploadParser(MultiPartParser):
    """multipart/form-data: the files, whatever their fields are called."""

    def parse(  # type: ignore[override]  # request.data is whatever a parser gives
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Incoming:
        """Large files stay on disk. ParseError for a form that breaks off."""
        parsed = super().parse(stream, media_type, parser_context)
        files = [file for _, several in parsed.files.lists() for file in several]
        return _form(files, parsed.data, parsed.files)


class FieldsParser(FormParser):
    """application/x-www-form-urlencoded: JSON in the field `url`."""

    def parse(  # type: ignore[override]  # request.data is whatever a parser gives
        self, stream: IO[Any], media_type: str | None = None, parser_context: Context = None
    ) -> Incoming:
        """A form without files."""
        return _form([], super().parse(stream, media_type, parser_context))


def _form(
    files: Sequence["UploadedFile[bytes]"],
    fields: Mapping[str, Any],
    named: Mapping[str, Any] | None = None,
) -> Incoming:
    texts = {name: str(fields[name]) for name in fields}
    by_field = {name: named[name] for name in named} if named else {}
    form = Form(files, texts.get("url", ""), by_field, texts)
    return Incoming(form.digest, form=form)


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends; one that is too long comes cut, but longer than MAX_TEXT_BYTES."""
    parts: list[bytes] = []
    held = 0
    for block in blocks:
        first, *whole = block.split(b"\n")
        if held <= MAX_TEXT_BYTES:
            parts.append(first)
            held += len(first)
        if whole:
            yield b"".join(parts)
            yield from whole[:-1]
            parts, held = whole[-1:], len(whole[-1])
    if held:
        yield b"".join(parts)


def parsed_lines(source: Iterable[bytes]) -> Iterator[Iterator[Any]]:
    """Batches of lines, parsed as they are taken: an item that is let go of before the next one is
    parsed costs the garbage collector nothing. Blank lines are passed over.
    """
    batch: list[bytes] = []
    held = 0
    sizes = batch_sizes()
    most = next(sizes)
    for line in source:
        if not line or line.isspace():
            continue
        held += len(line)
        batch.append(line)
        if len(batch) == most or held > BATCH_BYTES:
            yield map(parsed_line, batch)
            batch, held, most = [], 0, next(sizes)
    if batch:
        yield map(parsed_line, batch)


def parsed_line(line: bytes) -> Any:
    """The line's document, or the Refused that says why there is none."""
    if len(line) > MAX_TEXT_BYTES:
        return Refused(f"A line is over {MAX_TEXT_BYTES:,} bytes.")
    try:
        return parse_fast(line)
    except ParseError as exc:
        return Refused(str(exc.detail))


def lazy_batches(items: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """The items, `batch_sizes` at a time, each taken when it is asked for."""
    for first, size in zip(items, batch_sizes(), strict=False):
        yield chain([first], islice(items, size - 1))


def batch_sizes() -> Iterator[int]:
    """How many items each batch of a long body has: FIRST_ITEMS, then twice as many each time, up
    to BATCH_ITEMS. Reading a batch takes about half as long as writing one.
    """
    size = FIRST_ITEMS
    while size < BATCH_ITEMS:
        yield size
        size *= 2
    yield from repeat(BATCH_ITEMS)


@contextmanager
def ended(batches: Batches) -> Iterator[Batches]:
    """The batches, whose reading ends with the block, whatever ends it: `in_batches` would keep the
    garbage collector at rest for as long as a traceback keeps a reader that was given up.
    """
    try:
        yield batches
    finally:
        if isinstance(batches, Generator):
            batches.close()


def joined(many: Iterable[Batches]) -> Iterator[Iterable[Any]]:
    """The batches of several sources, one after the other; who ends it ends the one being read."""
    for batches in many:
        yield from batches


def in_batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The items in order, BATCH_ITEMS at a time.

    The garbage collector rests meanwhile: a long list of parsed items made it work longer than the
    import itself.
    """
    with collector.paused():
        for start in range(0, len(items), BATCH_ITEMS):
            yield items[start : start + BATCH_ITEMS]
