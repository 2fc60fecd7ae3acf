"""Results that a person has corrected: put together in the database, where numbers keep all their
digits, and stored as annotations by `predictions.db.annotations`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from predictions.db.places import slot_of_task
from predictions_api.http.storable import json_text
from predictions_api.postgres.sql import fetch_one

#: What a correction starts from.
Kind = Literal["prediction", "annotation"]

TABLES: dict[Kind, str] = {
    "prediction": "predictions_prediction",
    "annotation": "predictions_annotation",
}


@dataclass(frozen=True, slots=True)
class Merged:
    """A corrected result, as JSON text, and when what it was made of had last changed."""

    text: str
    updated_at: datetime
    #: Whether it has a region at each of the places that were named.
    has_all: bool


# By primary key. A region that nobody touched is the stored one. One whose value was changed keeps
# all its other keys but the score, which the model gave to what was there before.
MERGE_SQL = """
SELECT s.updated_at,
    (SELECT coalesce(jsonb_agg(CASE
            WHEN e.entry ? 'region' THEN e.entry->'region'
            WHEN e.entry ? 'value' THEN (o.region - 'score') || jsonb_build_object('value',
                CASE jsonb_typeof(o.region->'value') WHEN 'object' THEN o.region->'value'
                    ELSE '{{}}'::jsonb END || (e.entry->'value'))
            ELSE o.region END ORDER BY e.n), '[]'::jsonb)::text
     FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS e(entry, n)
     LEFT JOIN jsonb_array_elements(
            CASE jsonb_typeof(s.result) WHEN 'array' THEN s.result ELSE '[]'::jsonb END
        ) WITH ORDINALITY AS o(region, place) ON o.place = (e.entry->>'from')::bigint + 1),
    CASE jsonb_typeof(s.result) WHEN 'array' THEN jsonb_array_length(s.result) ELSE 0 END
FROM {table} s WHERE s.id = %s AND s.task_id = %s {lock}
"""
MERGE = {
    kind: MERGE_SQL.format(table=table, lock="FOR NO KEY UPDATE" * (kind == "annotation"))
    for kind, table in TABLES.items()
}


def merged(
    kind: Kind, pk: int, entries: Sequence[dict[str, Any]], *, task_id: int
) -> Merged | None:
    """The corrected result of a prediction or an annotation of the task; None where it is gone.

    Each entry is `{"from": place}`, a region as it is stored, `{"from": place, "value": {...}}`,
    the same with these keys of its value, or `{"region": {...}}`, a new one. An annotation stays
    locked until the transaction ends. Where no region is at a place, the result means nothing.
    """
    params = [json_text(list(entries)), pk, task_id]
    row = fetch_one(MERGE[kind], params, slot=slot_of_task(task_id))
    if row is None:
        return None
    updated_at, text, n_regions = row
    has_all = all(entry.get("from", -1) < n_regions for entry in entries)
    return Merged(text=text, updated_at=updated_at, has_all=has_all)
