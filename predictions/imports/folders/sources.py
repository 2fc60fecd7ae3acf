"""What an import storage's files come from: a folder below an image root, or a bucket."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from predictions.db.pictures import image_roots
from predictions.models import ImportStorage
from predictions.pictures import kinds
from predictions.pictures.addresses import OBJECT, address, is_name
from predictions.pictures.folders import is_below
from predictions.pictures.opening import NoFile, open_below
from predictions.storages import buckets
from predictions.storages.worker import Stopped, Unreached
from predictions_api.outbound.buckets.place import BucketFault

if TYPE_CHECKING:
    from predictions_api.outbound.buckets.bucket import Bucket

#: Bytes of a JSON file.
MOST_BYTES = buckets.MOST_BYTES
NO_FOLDER = "The folder is not there any more, or outside of LOCAL_FILES_ROOTS."
TOO_LARGE = f"It has over {MOST_BYTES:,} bytes."
NOT_OPENED = "It cannot be opened."


class Read(NamedTuple):
    """What a file holds, or why that cannot be said."""

    content: bytes
    fault: str = ""


class Source(ABC):
    """The files of a storage, by names that stay."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """All of them. Stopped where nothing can be read."""

    @abstractmethod
    def paths(self, names: Sequence[str]) -> list[str]:
        """What the storage's expression is about, of each of them."""

    @abstractmethod
    def shown(self, names: Sequence[str]) -> dict[str, str]:
        """The addresses of those that can be a task by themselves."""

    @abstractmethod
    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Read]]:
        """Each of them with what it holds."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of what was opened."""


class Folder(Source):
    """A folder; its files are named below the root, with forward slashes."""

    def __init__(self, storage: ImportStorage) -> None:
        self.storage = storage
        found = image_roots.root_of(storage.root_id or "")
        if found is None:
            raise Stopped(NO_FOLDER)
        self.root = found[1]

    def names(self) -> Iterator[str]:
        """A link to a folder is none."""
        top = os.path.realpath(os.path.join(self.root, self.storage.folder))
        if not is_below(top, self.root) or not os.path.isdir(top):
            raise Stopped(NO_FOLDER)
        for folder, folders, files in os.walk(top):
            folders.sort()
            if not self.storage.recursive_scan:
                folders.clear()
            for file in sorted(files):
                name = os.path.relpath(os.path.join(folder, file), self.root)
                if is_name(name):
                    yield name

    def paths(self, names: Sequence[str]) -> list[str]:
        """Whole ones."""
        return [os.path.join(self.root, name) for name in names]

    def shown(self, names: Sequence[str]) -> dict[str, str]:
        """Of pictures and recordings."""
        root_id = self.storage.root_id or ""
        return {name: address(root_id, name) for name in names if self._is_served(name)}

    def _is_served(self, name: str) -> bool:
        try:
            with open_below(self.root, name) as opened:
                return kinds.kind_of(opened.head(kinds.HEAD_BYTES)) is not None
        except NoFile:
            return False

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Read]]:
        for name in names:
            try:
                with open_below(self.root, name) as opened:
                    large = opened.size > MOST_BYTES
                    yield name, Read(b"", TOO_LARGE) if large else Read(opened.head(opened.size))
            except NoFile:
                yield name, Read(b"", NOT_OPENED)

    def close(self) -> None:
        """Each file was closed when it was read."""


class Objects(Source):
    """A bucket's objects, named by their keys."""

    def __init__(self, storage: ImportStorage) -> None:
        self.storage = storage
        place = buckets.place_of(storage)
        self._listed = buckets.opened(place, buckets.WORKER)
        self._read = buckets.Connections(place)
        self._unreached = Unreached()

    def names(self) -> Iterator[str]:
        """A name with a NUL, which no task can hold, is none."""
        prefix = buckets.below(self.storage.prefix)
        found = self._listed.objects(prefix, is_recursive=self.storage.recursive_scan)
        return (one.key for one in found if "\0" not in one.key)

    def paths(self, names: Sequence[str]) -> list[str]:
        """Their keys."""
        return list(names)

    def shown(self, names: Sequence[str]) -> dict[str, str]:
        """Of all: what an object is, its name does not say."""
        return {name: f"{OBJECT}{self.storage.bucket}/{name}" for name in names}

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Read]]:
        for name, found in self._read.map(_read, names):
            self._unreached.look(found.fault if found.fault != TOO_LARGE else "")
            yield name, found

    def close(self) -> None:
        self._read.__exit__(None, None, None)
        self._listed.close()


def _read(bucket: "Bucket", key: str) -> Read:
    try:
        found = bucket.part(key, 0, MOST_BYTES)
    except BucketFault as fault:
        return Read(b"", str(fault))
    return Read(b"", TOO_LARGE) if found.n_bytes > MOST_BYTES else Read(found.content)


def source_of(storage: ImportStorage) -> Source:
    """The storage's files. Stopped, or BucketFault, where they cannot be reached."""
    return Objects(storage) if storage.kind == ImportStorage.Kind.S3 else Folder(storage)
