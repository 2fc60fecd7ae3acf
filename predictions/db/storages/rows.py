"""Reads and writes of storages of both directions, and of the folders that they are in."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from predictions.db import places
from predictions.models import ExportedAnnotation, ExportStorage, ImageRoot, ImportStorage, Storage
from predictions.pictures.folders import FolderError, is_below, real_folder
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_one

S = TypeVar("S", bound=Storage)
#: Columns that say where an export storage's files are; another prefix is another place.
PLACE = frozenset({"root", "folder", "bucket", "prefix", "s3_endpoint"})


def storages(model: type[S], workspace_id: int, kind: str | None = None) -> QuerySet[S]:
    """The workspace's storages of a table, by id; with `kind` those of it."""
    rows = model._default_manager.filter(project__workspace_id=workspace_id)
    rows = rows if kind is None else rows.filter(kind=kind)
    return rows.select_related("project", "root").order_by("id")


def of_buckets(project_id: int) -> list[ImportStorage]:
    """A project's import storages that are buckets, the newest first."""
    rows = ImportStorage.objects.filter(project_id=project_id, kind=Storage.Kind.S3)
    return list(rows.order_by("-id"))


# By primary key; the whole text of a value is the address.
NAMED_SQL = """
SELECT j.workspace_id, t.project_id,
       jsonb_path_exists(t.data, '$.** ? (@ == $one)', jsonb_build_object('one', %s::text))
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id WHERE t.id = %s
"""


def named_by(task_id: int, address: str) -> tuple[int, int] | None:
    """Workspace and project of a task whose data names that address; None for other tasks. One
    statement, on a cluster two.
    """
    row = fetch_one(NAMED_SQL, [address, task_id], slot=places.slot_of_task(task_id))
    return (row[0], row[1]) if row is not None and row[2] else None


def place_of(
    path: str, *, workspace_id: int, is_written: bool = False
) -> tuple[ImageRoot, str] | None:
    """The workspace's image root that the folder is in, the innermost one, and its name below that;
    None for a folder that is in none, or that is not there. With `is_written` only the roots that
    may be written to count.
    """
    try:
        real = real_folder(path, settings.LOCAL_FILES_ROOTS)
    except FolderError:
        return None
    roots = ImageRoot.objects.filter(workspace_id=workspace_id)
    if is_written:
        roots = roots.filter(is_writable=True)
    around = [root for root in roots if is_below(real, root.path)]
    if not around:
        return None
    root = max(around, key=lambda one: len(one.path))
    below = os.path.relpath(real, root.path)
    return root, "" if below == os.curdir else below


def path_of(storage: Storage) -> str:
    """The folder's path, or the bucket's address, as it is shown."""
    if storage.root is None:
        return f"s3://{storage.bucket}/{storage.prefix}"
    return os.path.join(storage.root.path, storage.folder).rstrip(os.sep)


def create(model: type[S], project_id: int, values: Mapping[str, Any], *, user_id: int | None) -> S:
    """A saved storage; `values` are columns of it."""
    return model._default_manager.create(project_id=project_id, created_by_id=user_id, **values)


@transaction.atomic
def update(storage: Storage, values: Mapping[str, Any]) -> None:
    """Writes what `values` name. The files at an export storage's former place are its no more."""
    moved = any(name in PLACE and getattr(storage, name) != values[name] for name in values)
    for name, value in values.items():
        setattr(storage, name, value)
    if values:
        storage.save(update_fields=list(values))
    if moved and isinstance(storage, ExportStorage):
        slot = slots.of_project(storage.project_id)
        ExportedAnnotation.objects.filter(slot=slot, storage=storage).delete()


def delete(storage: Storage) -> None:
    """Its tasks and its files stay."""
    with connection.cursor() as cursor:
        # A constant of ours.
        cursor.execute(f"DELETE FROM {storage._meta.db_table} WHERE id = %s", [storage.pk])  # noqa: S608
