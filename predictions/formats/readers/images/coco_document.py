"""COCO's files as documents: what is read of them, entry by entry, and how much may be."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from predictions.formats.content import Shapes, Size
from predictions.formats.errors import BadFile, Errors
from predictions.formats.readers import collected
from predictions.formats.readers.documents import where
from predictions.formats.readers.images.coco_entries import EMPTY, Id
from predictions.formats.sources import Bytes, Source

OneOf = TypeVar("OneOf", bound=Struct)
FIRST_BYTES, START_BYTES = 1 << 12, 1 << 16
#: Entries that are parsed together; bytes of such as are not kept.
BLOCK, PIECE_BYTES = 256, 1 << 17
NO_ENTRIES = Raw(b"[]")
SKELETON = "Label Studio has no place for the skeleton: it is not kept."
NO_NAMES = (
    "results name classes by number: give the ground truth's file, too, load into a project whose"
    " labels have their numbers, or give a whole COCO file with scores."
)
NO_TRUTH = (
    "This is a list of results, which are predictions: give it as --predictions (`predictions`),"
    " and the whole COCO file with its images and categories as the ground truth."
)
NO_ANNOTATIONS = (
    "The file has no `annotations`: it says that there is nothing on any of its images."
)
SEVERAL_VERSIONS = "are of several model versions, {names:.500}: export one of them."
SEVERAL_OWNERS = (
    "is of {own}, and its image has objects of {other}, too (annotation_id, prediction_id): export"
    " one annotation, or one version, of each image."
)
OWNER_KEYS = (b'"annotation_id"', b'"prediction_id"')
#: As exports of projects here have it.
VERSION_KEY = b'"model_version"'
VERSION = re.compile(VERSION_KEY + rb'\s*:\s*("(?:[^"\\]|\\.)*"|null)')
#: Keys that tools write and COCO has not, but for values that say nothing: someone may count on
#: them. Of `bbox_mode` 1 is COCO's own.
UNREAD_KEYS = (
    "ignore", "is_crowd", "isCrowd", "is_ignore", "difficult", "rotation", "angle", "bbox_mode",
)  # fmt: skip
SAYS_NOTHING = rb'\s*:(?!\s*(?:0|0\.0+|false|null|""|\[\])\s*[,}])'
#: So much of a file is looked through for them.
MOST_LOOKED_THROUGH = 1 << 24
#: What a text of UTF-16 begins with.
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
#: Where an entry may end and the next begin.
BETWEEN = re.compile(rb"\}\s*,\s*\{")
#: Files up to it are not looked at twice; entries beyond it are not read.
SMALL_BYTES, MOST_ENTRY_BYTES = 1 << 22, 1 << 23


class Whole(Struct):
    """A whole COCO file; its annotations stay the text of a list."""

    images: list[Raw]
    categories: list[Raw]
    annotations: Raw = NO_ENTRIES


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


PROBES: Mapping[Any, Any] = {Whole: ProbedWhole, list[Raw]: list[ProbedEntry]}


class Owned(Struct, gc=False):
    """What an export of a project here says of an entry."""

    image_id: Id
    annotation_id: int | None = None
    prediction_id: int | None = None


class Result(Struct):
    """What tells which shapes a result has."""

    segmentation: Raw = Raw()
    keypoints: Raw = Raw()


class NotPlain(Exception):
    """Not all entries are boxes without anything odd."""


def is_list(content: Bytes) -> bool:
    return content[:FIRST_BYTES].lstrip()[:1] == b"["


def first_of(content: Bytes | Raw) -> bytes | None:
    """The first entry of a list, of which no more is read; None where it is a long one, or none."""
    head = bytes(memoryview(content)[:START_BYTES]).lstrip()[1:].lstrip().decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(head)
    except (json.JSONDecodeError, RecursionError):
        return None
    return head[:end].encode()


def wanted(source: Source) -> Shapes | None:
    """Which shapes the first of the detections has; None where that cannot be told."""
    content = source.content()
    errors = Errors()
    try:
        if is_list(content):
            listed: Bytes | Raw = content
        else:
            listed = decoded(content, Whole, "", errors).annotations
        start = first_of(listed) or decoded(listed, list[Raw], "", errors)[0]
        first = msgspec.json.decode(start, type=Result)
    except (BadFile, msgspec.MsgspecError, IndexError, RecursionError):
        return None  # whoever reads the file names what is wrong
    if bytes(first.keypoints) not in EMPTY:
        return "keypoints"
    return "boxes" if bytes(first.segmentation) in EMPTY else "masks"


def decoded(content: Any, kind: Any, place: str, errors: Errors, *, name: str = "") -> Any:
    """The value of a JSON text. BadFile, by the place in it, or by `name` for all of it."""
    name = name or place
    try:
        if len(memoryview(content)) > SMALL_BYTES:
            # An entry is kept as an address, which of `0` or `{}` is longer than the text.
            msgspec.json.decode(content, type=PROBES[kind])
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as exc:
        inside, message = where(exc)
        if not inside and bytes(memoryview(content)[:2]) in UTF_16:
            message = "is UTF-16: save it as UTF-8."
        raise errors.stop(f"{place}{inside}".lstrip(".") if inside else name, message) from None
    except RecursionError:
        raise errors.stop(name, "is nested too deep.") from None
    except UnicodeDecodeError as exc:
        raise errors.stop(name, f"is not UTF-8: {exc.reason}.") from None


def read_size(image: Image, place: str, errors: Errors) -> None:
    """Adds an error for each side that is no length in pixels; takes 0 x 0 as a size not told."""
    if not image.width and not image.height:
        # What tools write that did not look: also ours, where no region tells the size.
        image.width = image.height = None
    for side, length in (("width", image.width), ("height", image.height)):
        if length is not None and not 0 < length < 2**31:
            errors.add(f"{place}.{side}", f"{length} is no length in pixels.")


def pieces(text: Bytes | Raw, kind: type[OneOf]) -> Iterator[list[OneOf]]:
    """The entries of a list, some at a time: none is kept. MsgspecError, RecursionError or
    UnicodeDecodeError where they cannot be read so, and `decoded` says what is wrong, if anything.

    The text is cut where an entry seems to end and the next to begin, and each piece is read as a
    list of its own: one that was cut anywhere else has a bracket too few.
    """
    decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    view = memoryview(text)
    at, end = _inside(view)
    rest = b""
    while at < end:
        stop = min(at + PIECE_BYTES, end)
        piece, at = rest + bytes(view[at:stop]), stop
        if at == end:
            yield decode(b"[%b]" % piece)
        elif (gap := _last_gap(piece)) is not None:
            rest = piece[gap[1] :]
            yield decode(b"[%b]" % piece[: gap[0]])
        elif len(piece) > MOST_ENTRY_BYTES:
            raise msgspec.DecodeError
        else:
            rest = piece


def _inside(view: memoryview) -> tuple[int, int]:
    """Where the entries of a list begin, and where they end."""
    head, tail = bytes(view[:FIRST_BYTES]), bytes(view[-FIRST_BYTES:])
    if head.lstrip()[:1] != b"[" or tail.rstrip()[-1:] != b"]":
        raise msgspec.DecodeError
    return head.index(b"[") + 1, len(view) - len(tail) + tail.rindex(b"]")


def _last_gap(piece: bytes) -> tuple[int, int] | None:
    """Where the last entry but one seems to end, and the last to begin; None where none does."""
    at = len(piece)
    while (at := piece.rfind(b"}", 0, at)) >= 0:
        if found := BETWEEN.match(piece, at):
            return at + 1, found.end() - 1
    return None


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


def check_points(category: Category, place: str, errors: Errors) -> None:
    """An error where two of its key points have one name."""
    names = category.keypoints
    if twice := [name for n, name in enumerate(names) if name in names[:n]]:
        errors.add(f"{place}.keypoints", f"{twice[0]!r:.100} stands twice.")


def unread(content: Bytes, *, is_result: bool) -> list[str]:
    """A warning of keys that nothing here reads, where they say something."""
    start = content[:MOST_LOOKED_THROUGH]
    keys = UNREAD_KEYS if is_result else (*UNREAD_KEYS, "score")
    return collected.unread(key for key in keys if _tells(start, key))


def check_versions(content: Bytes, place: str, errors: Errors) -> None:
    """An error where detections are of several model versions, as in an export of all of them."""
    if VERSION_KEY not in content[:MOST_LOOKED_THROUGH]:
        return
    versions = dict.fromkeys(found[1] for found in VERSION.finditer(content))
    if len(versions) > 1:
        told = ", ".join(text.decode("utf-8", "replace") for text in versions)
        errors.add(place, SEVERAL_VERSIONS.format(names=told))


def check_owners(listed: Raw, place: str, errors: Errors) -> None:
    """An error where an image has the objects of several annotations, or predictions, as an export
    of all of them has: they are no objects of one.
    """
    start = bytes(memoryview(listed)[:MOST_LOOKED_THROUGH])
    if not any(key in start for key in OWNER_KEYS):
        return
    try:
        every = msgspec.json.decode(listed, type=list[Owned])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return  # what reads the entries names what is wrong
    owners: dict[Id, int] = {}
    for n, one in enumerate(every):
        own = one.annotation_id if one.prediction_id is None else one.prediction_id
        if own is not None and (other := owners.setdefault(one.image_id, own)) != own:
            errors.add(f"{place}[{n}]", SEVERAL_OWNERS.format(own=own, other=other))
            return


def _tells(start: bytes, key: str) -> bool:
    name = f'"{key}"'.encode()
    # Several times as fast as the pattern, and most files have none.
    if name not in start:
        return False
    nothing = rb"\s*:(?!\s*1\s*[,}])" if key == "bbox_mode" else SAYS_NOTHING
    return re.search(re.escape(name) + nothing, start) is not None
