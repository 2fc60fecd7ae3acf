"""Where an export storage writes its files: a folder below an image root, or a bucket.

A file is named by its annotation's id, as Label Studio names it. A file of that name that is not of
this annotation is never written over.
"""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from predictions.db.pictures import image_roots
from predictions.models import ExportStorage
from predictions.pictures.folders import is_below
from predictions.storages import buckets
from predictions.storages.worker import Stopped
from predictions_api.http.storable import json_value
from predictions_api.outbound.buckets.place import BucketFault, Missing, Taken

if TYPE_CHECKING:
    from predictions_api.outbound.buckets.bucket import Bucket

NO_FOLDER = (
    "The folder is not there any more, or outside of LOCAL_FILES_ROOTS, or its image root may not"
    " be written to."
)
NOT_OURS = "There is a file of that name already, and it is not of this annotation."


class File(NamedTuple):
    """What is written of an annotation."""

    annotation_id: int
    content: bytes
    #: Whether the storage has not written it before.
    is_new: bool

    @property
    def name(self) -> str:
        """Label Studio's."""
        return str(self.annotation_id)


class Target(ABC):
    """The place of the files of a storage."""

    @abstractmethod
    def write(self, files: Iterable[File]) -> Iterator[tuple[File, str]]:
        """Writes each, and says what went wrong, or nothing."""

    @abstractmethod
    def delete(self, annotation_ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Deletes the file of each, and says what went wrong, or nothing. One that is not of that
        annotation any more is left alone.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of what was opened."""


def is_of(content: bytes, annotation_id: int) -> bool:
    """Whether this is a file that an export storage has written of that annotation."""
    try:
        document = json_value(content)
    except ValueError:
        return False
    return (
        isinstance(document, dict)
        and document.get("id") == annotation_id
        and (document.keys() >= {"result", "task", "project", "unique_id"})
    )


class Folder(Target):
    """A folder. Files appear whole: each is written beside its place and then put there."""

    def __init__(self, storage: ExportStorage) -> None:
        root = storage.root
        found = image_roots.root_of(storage.root_id or "")
        if root is None or found is None or not root.is_writable:
            raise Stopped(NO_FOLDER)
        real = os.path.realpath(os.path.join(found[1], storage.folder))
        if not is_below(real, found[1]):
            raise Stopped(NO_FOLDER)
        try:
            self._folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            raise Stopped(NO_FOLDER) from None
        self._beside = f".export-storage-{storage.pk}.part"

    def close(self) -> None:
        with suppress(OSError):
            os.unlink(self._beside, dir_fd=self._folder)
        os.close(self._folder)

    def write(self, files: Iterable[File]) -> Iterator[tuple[File, str]]:
        for file in files:
            try:
                self._write(file)
            except FileExistsError:
                yield file, NOT_OURS
            except OSError as error:
                yield file, error.strerror or "It cannot be written."
            else:
                yield file, ""

    def _write(self, file: File) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = os.open(self._beside, flags, 0o644, dir_fd=self._folder)
        with open(descriptor, "wb") as opened:
            opened.write(file.content)
        here = self._folder
        if file.is_new and not self._is_of(file.annotation_id):
            # Fails where there is such a file, whatever it is.
            os.link(self._beside, file.name, src_dir_fd=here, dst_dir_fd=here)
            os.unlink(self._beside, dir_fd=here)
        else:
            os.replace(self._beside, file.name, src_dir_fd=here, dst_dir_fd=here)

    def _is_of(self, annotation_id: int) -> bool:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(str(annotation_id), flags, dir_fd=self._folder)
        except OSError:
            return False
        with open(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > buckets.MOST_BYTES:
                return False
            return is_of(opened.read(), annotation_id)

    def delete(self, annotation_ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        for one in annotation_ids:
            try:
                if self._is_of(one):
                    os.unlink(str(one), dir_fd=self._folder)
            except OSError as error:
                yield one, error.strerror or "It cannot be deleted."
            else:
                yield one, ""


class Objects(Target):
    """The objects of a bucket below a prefix."""

    def __init__(self, storage: ExportStorage) -> None:
        self._below = buckets.below(storage.prefix)
        self._connections = buckets.Connections(buckets.place_of(storage))

    def close(self) -> None:
        self._connections.__exit__(None, None, None)

    def write(self, files: Iterable[File]) -> Iterator[tuple[File, str]]:
        return self._connections.map(_told(self._write), files)

    def _write(self, bucket: "Bucket", file: File) -> None:
        key = f"{self._below}{file.name}"
        try:
            bucket.write(key, file.content, is_new=file.is_new)
        except Taken:
            found = bucket.part(key, 0, buckets.MOST_BYTES)
            if not is_of(found.content, file.annotation_id):
                raise BucketFault(NOT_OURS) from None
            bucket.write(key, file.content, is_new=False)

    def delete(self, annotation_ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        return self._connections.map(_told(self._delete), annotation_ids)

    def _delete(self, bucket: "Bucket", annotation_id: int) -> None:
        key = f"{self._below}{annotation_id}"
        with suppress(Missing):
            if is_of(bucket.part(key, 0, buckets.MOST_BYTES).content, annotation_id):
                bucket.delete(key)


T = TypeVar("T")


def _told(do: Callable[["Bucket", T], None]) -> Callable[["Bucket", T], str]:
    """The same, saying what went wrong instead of raising it."""

    def call(bucket: "Bucket", one: T) -> str:
        try:
            do(bucket, one)
        except BucketFault as fault:
            return str(fault)
        return ""

    return call


def target_of(storage: ExportStorage) -> Target:
    """Where the storage writes. Stopped, or BucketFault, where it cannot be reached."""
    return Objects(storage) if storage.kind == ExportStorage.Kind.S3 else Folder(storage)
