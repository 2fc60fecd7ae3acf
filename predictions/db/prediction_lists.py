"""Reads of predictions: one of them, a page, or all of a long list in chunks. Scoped by workspace.

SQL is written out where the object mapper would build Python objects only to take them apart
again; each statement names the index that serves it.
"""

from collections.abc import Generator, Iterator
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError

from predictions.db import documents, places
from predictions.db.documents import PREDICTION_COLUMNS, Document
from predictions.filters.predictions import ORDERINGS, PredictionFilter
from predictions.filters.within import by_id, past
from predictions_api.http.parameters import INVALID_CHOICE
from predictions_api.postgres.sql import (
    Params,
    fetch_all,
    fetch_all_prepared,
    fetch_by_id,
    fetch_one,
    of_slot,
    server_cursor,
)

# Rows fetched at a time from a server-side cursor: enough to hide the round trip, few enough that
# memory stays flat. The first few come alone, so that the first byte leaves at once.
CHUNK = 2000
FIRST_CHUNK = 100
# By primary key; the project's row decides whose it is.
PREDICTION_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
JOIN predictions_project j ON j.id = p.project_id
WHERE p.id = %s AND j.workspace_id = %s
"""  # noqa: S608


def prediction(prediction_id: int, *, workspace_id: int) -> Document | None:
    """One prediction, or None where the workspace has none of that id. One statement."""
    row = fetch_by_id(PREDICTION_SQL, [prediction_id, workspace_id], row_id=prediction_id)
    return None if row is None else documents.prediction(row, documents.ages())


def statement_of(wanted: PredictionFilter) -> tuple[str, list[Any]]:
    """The statement that lists predictions, and its parameters. Clauses hold no client text.

    One row more than `limit` tells if a page follows.
    """
    clauses, params = list(wanted.clauses), list(wanted.params)
    order, is_falling = ORDERINGS[wanted.ordering], wanted.ordering == "-id"
    if wanted.within is not None:
        order = by_id("p", is_falling=is_falling)
    if wanted.after is not None and wanted.within is not None:
        clauses.append(past("p", is_falling=is_falling))
        params += [wanted.within, wanted.after]
    elif wanted.after is not None:
        clauses.append("p.id < %s" if is_falling else "p.id > %s")
        params.append(wanted.after)
    sql = (
        f"SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p "  # noqa: S608
        f"WHERE {' AND '.join(clauses)} ORDER BY {order}"
    )
    if wanted.limit is None:
        return sql, params
    return f"{sql} LIMIT %s", [*params, wanted.limit + 1]


def page(wanted: PredictionFilter) -> list[Document]:
    """What a filter lets through, and with a `limit` one row more. The list of one task, which
    clients ask for most, is prepared.
    """
    age = documents.ages()
    fetch = fetch_all_prepared if wanted.is_of_task else fetch_all
    rows = fetch(*statement_of(wanted), slot=wanted.slot)
    return [documents.prediction(row, age) for row in rows]


def stream(wanted: PredictionFilter) -> Generator[list[Document], None, None]:
    """What a filter lets through, as `stream_statement`."""
    return stream_statement(*statement_of(wanted), slot=wanted.slot)


def begin(wanted: PredictionFilter) -> tuple[list[Document], Iterator[list[Document]] | None]:
    """The first chunk of `stream`, and those after it; None instead of them where it is all there
    is, and the transaction has ended.
    """
    chunks = stream(wanted)
    first = next(chunks, [])
    if len(first) < FIRST_CHUNK:
        chunks.close()
        return first, None
    return first, chunks


def stream_statement(
    sql: str, params: Params, *, slot: int | None
) -> Generator[list[Document], None, None]:
    """The predictions of one statement, in chunks from a server-side cursor: memory does not grow
    with the rows.

    Lives in a transaction of its own until exhausted or closed. A first chunk of fewer than
    FIRST_CHUNK rows is the last one.
    """
    age = documents.ages()
    with transaction.atomic(), server_cursor("predictions_list") as cursor:
        cursor.execute(*of_slot(sql, params, slot))
        size = FIRST_CHUNK
        while rows := cursor.fetchmany(size):
            yield [documents.prediction(row, age) for row in rows]
            size = CHUNK


def count(wanted: PredictionFilter) -> int:
    """How many predictions a filter lets through, whatever its `limit` and `after`."""
    row = fetch_one(
        "SELECT count(*) FROM predictions_prediction p"  # noqa: S608
        f" WHERE {' AND '.join(wanted.clauses)}",
        wanted.params,
        slot=wanted.slot,
    )
    return int(row[0]) if row else 0


def refuse_unknown(wanted: PredictionFilter, *, workspace_id: int) -> None:
    """For an empty list: ValidationError if it is empty because an id names nothing here."""
    for name, value in wanted.named.items():
        exists = places.task_exists if name == "task" else places.project_exists
        if not exists(value, workspace_id=workspace_id):
            raise ValidationError({name: [INVALID_CHOICE]})
