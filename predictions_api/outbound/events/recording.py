"""The one way into the outbox: what happened, recorded in the transaction of the change.

The room that tells others what happened registers who listens, as SQL, and how its worker is woken.
An event is stored for those who listen at that moment; where nobody does, nothing is stored.

Order: of two changes of one project, one made after the other was committed, or of the same row,
the later one has the higher id. Others were made at the same time. A smaller id may become visible
later, so a reader takes what is there and removes it, and never remembers how far it has read.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from django.db import transaction

from predictions_api.http.rendering import dumps
from predictions_api.postgres.sql import fetch_prepared


class Audience(NamedTuple):
    """Who listens.

    `ids` is a SELECT of the ids of those who listen to `%(action)s` in `%(workspace)s` and
    `%(project)s`; `any` is an SQL condition, whether anybody in the workspace `{workspace}` does;
    `wake` is called once what was recorded is committed.
    """

    ids: str
    any: str
    wake: Callable[[], None]


_audiences: list[Audience] = []

RECORD_SQL = """
INSERT INTO events_event (workspace_id, project_id, action, body, listeners, created_at)
SELECT %(workspace)s, %(project)s, %(action)s, %(body)s, heard.ids, statement_timestamp()
FROM (SELECT array_agg(listener.id ORDER BY listener.id) AS ids FROM ({ids}) AS listener) AS heard
WHERE heard.ids IS NOT NULL RETURNING id
"""
JOINED_SQL = """
INSERT INTO events_event (workspace_id, project_id, action, body, listeners, created_at)
SELECT %(workspace)s, happened.project_id, %(action)s, happened.body, heard.ids,
       statement_timestamp()
FROM happened CROSS JOIN LATERAL (
    SELECT array_agg(listener.id ORDER BY listener.id) AS ids FROM ({ids}) AS listener
) AS heard
WHERE heard.ids IS NOT NULL RETURNING id
"""


def register(audience: Audience) -> None:
    """From now on told of what is recorded. There is one audience."""
    _audiences[:] = [audience]


def anybody_listens(workspace: str) -> str:
    """An SQL condition: whether anybody listens to anything in the workspace of that column."""
    return _audiences[0].any.format(workspace=workspace) if _audiences else "FALSE"


def together(is_heard: bool) -> AbstractContextManager[Any]:
    """A transaction for a change and its event; nothing where nobody listens, for a change that is
    one statement is whole by itself.
    """
    return transaction.atomic() if is_heard else nullcontext()


def joined() -> str:
    """What `record` does as part of the statement of the change, which has a CTE `happened` with
    `project_id` and `body`, JSON as text, and the parameters `workspace` and `action`.

    Not on a cluster, where the outbox and the rows of projects lie apart. Call `wake` after a
    statement of which it returned a row.
    """
    if not _audiences:
        return "SELECT 0 AS id WHERE FALSE"
    ids = _audiences[0].ids.replace("%(project)s", "happened.project_id")
    return JOINED_SQL.format(ids=ids)


def wake() -> None:
    """Has those who tell others of events look, once the transaction is committed."""
    for audience in _audiences:
        transaction.on_commit(audience.wake, robust=True)


def record(action: str, *, workspace_id: int, project_id: int | None, body: Any) -> None:
    """Records an event, in the caller's transaction, for those who listen to it. One statement.

    `body` is what the sender cannot read later, as JSON can hold it; see the payload that its room
    registers. Call it after the change, so that who changes the same row records in that order.
    """
    for audience in _audiences:
        parameters = {
            "workspace": workspace_id,
            "project": project_id or 0,
            "action": action,
            "body": dumps(body).decode(),
        }
        if fetch_prepared(RECORD_SQL.format(ids=audience.ids), parameters) is not None:
            wake()
