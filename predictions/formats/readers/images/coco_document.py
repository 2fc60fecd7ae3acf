"""COCO's files as documents: what is read of them, entry by entry, and how much may be."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from predictions.formats.content import Size
from predictions.formats.errors import Errors
from predictions.formats.readers.documents import where
from predictions.formats.readers.images.coco_entries import Id
from predictions.formats.sources import Bytes

OneOf = TypeVar("OneOf", bound=Struct)
FIRST_BYTES, START_BYTES = 1 << 12, 1 << 16
#: Entries that are parsed together.
BLOCK = 256
#: Files up to it are not looked at twice; entries beyond it are not read.
SMALL_BYTES, MOST_ENTRY_BYTES = 1 << 22, 1 << 23


class Whole(Struct):
    """A whole COCO file."""

    images: list[Raw]
    categories: list[Raw]
    annotations: list[Raw] = []


class Image(Struct):
    """One of `images`."""

    id: Id
    file_name: str = ""
    coco_url: str = ""
    width: int | None = None
    height: int | None = None
    # LVIS.
    neg_category_ids: list[int] | None = None
    not_exhaustive_category_ids: list[int] | None = None

    @property
    def name(self) -> str | None:
        """Its file's name; LVIS has it in an address alone."""
        name = self.file_name or self.coco_url.rpartition("/")[2]
        return name.replace("\\", "/") or None

    @property
    def size(self) -> Size | None:
        return (self.width, self.height) if self.width and self.height else None


class Category(Struct):
    """One of `categories`."""

    id: int
    name: str
    keypoints: list[str] = []
    skeleton: Any = None


class ProbedEntry(Struct, gc=False):
    """The least of an entry."""

    image_id: Id
    category_id: int


class ProbedImage(Struct, gc=False):
    """The least of an image."""

    id: Id


class ProbedCategory(Struct, gc=False):
    """The least of a category."""

    id: int
    name: str


class ProbedWhole(Struct):
    """The least of a whole file."""

    images: list[ProbedImage]
    categories: list[ProbedCategory]
    annotations: list[ProbedEntry] = []


PROBES: Mapping[Any, Any] = {Whole: ProbedWhole, list[Raw]: list[ProbedEntry]}


class Result(Struct):
    """What tells which shapes a result has."""

    segmentation: Raw = Raw()
    keypoints: Raw = Raw()


def is_list(content: Bytes) -> bool:
    return content[:FIRST_BYTES].lstrip()[:1] == b"["


def first_of(content: Bytes) -> bytes | None:
    """The first entry of a list, of which no more is read; None where it is a long one, or none."""
    head = content[:START_BYTES].lstrip()[1:].lstrip().decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(head)
    except (json.JSONDecodeError, RecursionError):
        return None
    return head[:end].encode()


def decoded(content: Any, kind: Any, place: str, errors: Errors) -> Any:
    try:
        if len(content) > SMALL_BYTES:
            # An entry is kept as an address, which of `0` or `{}` is longer than the text.
            msgspec.json.decode(content, type=PROBES[kind])
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as exc:
        inside, message = where(exc)
        raise errors.stop(f"{place}{inside}".lstrip("."), message) from None
    except RecursionError:
        raise errors.stop(place, "is nested too deep.") from None
    except UnicodeDecodeError as exc:
        raise errors.stop(place, f"is not UTF-8: {exc.reason}.") from None


def each(
    entries: Sequence[Raw], kind: type[OneOf], place: str, errors: Errors
) -> Iterator[tuple[int, OneOf]]:
    """Each entry that can be read, with its number."""
    for block in blocks(entries, kind, place, errors):
        yield from block


def blocks(
    entries: Sequence[Raw], kind: type[OneOf], place: str, errors: Errors
) -> Iterator[list[tuple[int, OneOf]]]:
    """The same, some at a time."""
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    for first in range(0, len(entries), BLOCK):
        block = entries[first : first + BLOCK]
        together = sum([len(memoryview(entry)) for entry in block])
        try:
            found = decode(b"[%b]" % b",".join(block)) if together <= MOST_ENTRY_BYTES else None
        except (RecursionError, msgspec.MsgspecError, UnicodeDecodeError):
            found = None
        if found is None:
            yield list(_one_by_one(block, first, kind, place, errors))
        else:
            yield list(enumerate(found, first))


def _one_by_one(
    entries: Sequence[Raw], first: int, kind: type[OneOf], place: str, errors: Errors
) -> Iterator[tuple[int, OneOf]]:
    """The same of some entries among which is one that cannot be read."""
    decode = msgspec.json.Decoder(kind).decode
    for n, entry in enumerate(entries, first):
        try:
            if len(memoryview(entry)) > MOST_ENTRY_BYTES:
                errors.add(f"{place}[{n}]", f"has over {MOST_ENTRY_BYTES:,} bytes.")
                continue
            yield n, decode(entry)
        except RecursionError:
            errors.add(f"{place}[{n}]", "is nested too deep.")
        except msgspec.MsgspecError as exc:
            inside, message = where(exc)
            errors.add(f"{place}[{n}]{inside}", message)
        except UnicodeDecodeError as exc:
            errors.add(f"{place}[{n}]", f"is not UTF-8: {exc.reason}.")
