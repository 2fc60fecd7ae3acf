"""Which files an import storage has made tasks of, and which ones its expression lets through."""

import hashlib
from collections.abc import Mapping, Sequence

from django.db import DatabaseError, DataError, connection, transaction

from predictions.models import ImportedFile, ImportStorage
from predictions_api.postgres.outages import sqlstate
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all

#: How long matching the names of one batch may take: an expression can be slow on purpose.
MATCH_MS = 2000
#: The SQLSTATE of a statement that was stopped.
CANCELED = "57014"


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
