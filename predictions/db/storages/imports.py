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


#: Hex digits of a name's hash that all tasks of its file have in common; the others count them.
COMMON = 56
# By a range of the unique index for each name: digits and letters a to f come before g.
IMPORTED_SQL = """
SELECT DISTINCT k.common FROM unnest(%(commons)s::text[]) AS k (common)
JOIN predictions_importedfile f ON f.name_hash >= k.common AND f.name_hash < k.common || 'g'
WHERE f.storage_id = %(storage)s
"""


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _hash_of_task(name: str, place: int) -> str:
    """The first task has the hash of the name, as all had in the first release."""
    whole = _hash(name)
    return whole if place == 0 else f"{whole[:COMMON]}{place:0{len(whole) - COMMON}x}"


def not_imported(storage: ImportStorage, names: Sequence[str]) -> list[str]:
    """Those of the names, below the root, of which there is no task of the storage."""
    slot = slots.of_project(storage.project_id)
    commons = {name: _hash(name)[:COMMON] for name in names}
    params = {"commons": list(commons.values()), "storage": storage.pk}
    known = {row[0] for row in fetch_all(IMPORTED_SQL, params, slot=slot)}
    return [name for name in names if commons[name] not in known]


def note_imported(storage: ImportStorage, tasks: Mapping[str, Sequence[int]]) -> None:
    """Notes the tasks made of each name; belongs into the transaction that makes them."""
    slot = slots.of_project(storage.project_id)
    ImportedFile.objects.bulk_create(
        ImportedFile(
            storage=storage, slot=slot, name_hash=_hash_of_task(name, place), task_id=task_id
        )
        for name, task_ids in tasks.items()
        for place, task_id in enumerate(task_ids)
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
