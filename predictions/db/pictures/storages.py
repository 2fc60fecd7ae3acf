"""Reads and writes of import storages: folders below image roots, and which files came of them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import DatabaseError, DataError, connection, transaction
from django.db.models import QuerySet

from predictions.models import ImageRoot, ImportedFile, ImportStorage
from predictions.pictures.folders import FolderError, is_below, real_folder
from predictions_api.postgres.outages import sqlstate
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all

#: How long matching the names of one batch may take: an expression can be slow on purpose.
MATCH_MS = 2000
#: The SQLSTATE of a statement that was stopped.
CANCELED = "57014"


def storages(workspace_id: int) -> QuerySet[ImportStorage]:
    """The workspace's storages, by id."""
    rows = ImportStorage.objects.filter(project__workspace_id=workspace_id)
    return rows.select_related("project", "root").order_by("id")


def place_of(path: str, *, workspace_id: int) -> tuple[ImageRoot, str] | None:
    """The workspace's image root that the folder is in, the innermost one, and its name below that;
    None for a folder that is in none, or that is not there.
    """
    try:
        real = real_folder(path, settings.LOCAL_FILES_ROOTS)
    except FolderError:
        return None
    roots = ImageRoot.objects.filter(workspace_id=workspace_id)
    around = [root for root in roots if is_below(real, root.path)]
    if not around:
        return None
    root = max(around, key=lambda one: len(one.path))
    below = os.path.relpath(real, root.path)
    return root, "" if below == os.curdir else below


def path_of(storage: ImportStorage) -> str:
    """The folder's path, as it is answered."""
    return os.path.join(storage.root.path, storage.folder).rstrip(os.sep)


def create(project_id: int, values: Mapping[str, Any], *, user_id: int | None) -> ImportStorage:
    """A saved storage; `values` are columns of it."""
    return ImportStorage.objects.create(project_id=project_id, created_by_id=user_id, **values)


def update(storage: ImportStorage, values: Mapping[str, Any]) -> None:
    """Writes what `values` name."""
    for name, value in values.items():
        setattr(storage, name, value)
    if values:
        storage.save(update_fields=list(values))


def delete(storage_id: int) -> None:
    """Its tasks stay."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM predictions_importstorage WHERE id = %s", [storage_id])


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def not_imported(storage: ImportStorage, names: Sequence[str]) -> list[str]:
    """Those of the names, below the root, of which the storage has made no task."""
    slot = slots.of_project(storage.project_id)
    rows = ImportedFile.objects.filter(slot=slot, storage=storage)
    rows = rows.filter(name_hash__in=map(_hash, names))
    known = set(rows.values_list("name_hash", flat=True))
    return [name for name in names if _hash(name) not in known]


def note_imported(storage: ImportStorage, tasks: Mapping[str, int]) -> None:
    """Notes the first task made of each name; belongs into the transaction that makes them."""
    slot = slots.of_project(storage.project_id)
    ImportedFile.objects.bulk_create(
        ImportedFile(storage=storage, slot=slot, name_hash=_hash(name), task_id=task_id)
        for name, task_id in tasks.items()
    )


class BadExpression(ValueError):
    """A text that is no regular expression, or one that takes too long."""


MATCHING_SQL = (
    "SELECT k.path ~ %s FROM unnest(%s::text[]) WITH ORDINALITY AS k(path, n) ORDER BY k.n"
)


def matching(expression: str, paths: Sequence[str]) -> list[bool]:
    """Whether each path begins with a match of a regular expression, by Postgres, which can be
    stopped. BadExpression.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {MATCH_MS}")
            rows = fetch_all(MATCHING_SQL, [f"^(?:{expression})", list(paths)])
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except DatabaseError as error:
        if isinstance(error, DataError) or sqlstate(error) == CANCELED:
            raise BadExpression(str(error).splitlines()[0]) from None
        raise
    return [row[0] for row in rows]
