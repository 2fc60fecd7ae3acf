"""Everything that was said of one task: its newest predictions and annotations, and what members
said about these.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from predictions.db.places import slot_of_task
from predictions.db.reviews.discussion import MOST_SHOWN, SAID_SQL, Remark
from predictions_api.postgres.sql import fetch_all

Kind = Literal["prediction", "annotation"]

# By the indexes on the task.
SOURCES_SQL = f"""
(SELECT 'prediction', p.id, p.model_version, p.score, p.result::text, p.updated_at,
        FALSE, FALSE, NULL::bigint, NULL::bigint, NULL::bigint
 FROM predictions_prediction p WHERE p.task_id = %(id)s
 ORDER BY {{prediction}}p.id DESC LIMIT %(most)s)
UNION ALL
(SELECT 'annotation', a.id,
        CASE WHEN u.is_service THEN u.first_name || ' (service account)' ELSE u.email END,
        NULL, a.result::text, a.updated_at, a.was_cancelled, a.ground_truth,
        a.parent_prediction_id, NULL, NULL
 FROM predictions_annotation a LEFT JOIN accounts_user u ON u.id = a.completed_by_id
 WHERE a.task_id = %(id)s ORDER BY {{annotation}}a.id DESC LIMIT %(most)s)
UNION ALL
(SELECT 'remark', s.id, coalesce(u.email, ''), NULL, s.text, s.created_at,
        FALSE, FALSE, NULL, s.prediction_id, s.user_id
 FROM ({SAID_SQL.format(which="task_id = %(id)s", most="%(remarks)s")}) s
 LEFT JOIN accounts_user u ON u.id = s.user_id)
"""  # noqa: S608
# The one that is wanted before the newest ones.
WANTED = {"prediction": "(p.id = %(wanted)s) DESC, ", "annotation": "(a.id = %(wanted)s) DESC, "}


@dataclass(frozen=True, slots=True)
class Source:
    """A prediction or an annotation."""

    kind: Kind
    id: int
    #: The model version, or who completed it; None where nobody is named.
    name: str | None
    score: float | None
    result: Any
    updated_at: datetime
    was_cancelled: bool
    ground_truth: bool
    parent_prediction_id: int | None


class Said(NamedTuple):
    """Of one task."""

    #: The newest first.
    predictions: Sequence[Source]
    annotations: Sequence[Source]
    #: Whether there are more predictions or annotations.
    has_more: bool
    #: The oldest first.
    remarks: Sequence[Remark]


def sources_of(task_id: int, *, most: int, wanted: tuple[Kind, int] | None = None) -> Said:
    """At most `most` of each, the wanted one among them if it is there. One statement. The task is
    one that the caller sees.
    """
    first = {"prediction": "", "annotation": ""}
    if wanted is not None:
        first[wanted[0]] = WANTED[wanted[0]]
    rows = fetch_all(
        SOURCES_SQL.format(**first),
        {
            "id": task_id,
            "most": most + 1,
            "remarks": MOST_SHOWN,
            "wanted": wanted and wanted[1],
        },
        slot=slot_of_task(task_id),
    )
    found: dict[str, list[Source]] = {"prediction": [], "annotation": []}
    remarks = []
    for kind, id_, name, score, text, when, *more in rows:
        if kind == "remark":
            remarks.append(Remark(id_, more[3], more[4], name, when, text))
        else:
            result = None if text is None else json.loads(text)
            found[kind].append(Source(kind, id_, name, score, result, when, *more[:3]))
    has_more = any(len(some) > most for some in found.values())
    shown = {kind: sorted(some[:most], key=lambda one: -one.id) for kind, some in found.items()}
    remarks.sort(key=lambda one: (one.when, one.id))
    return Said(shown["prediction"], shown["annotation"], has_more, remarks)
