"""Rows to the JSON documents clients read: the fast path beside the documented serializers.

Stored jsonb arrives as text and is spliced in unparsed. Key order is the peer's. A test reads one
document of each kind through its serializer, so the two cannot drift.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
from django.utils.timesince import timesince

from predictions_api.http.rendering import dumps
from predictions_api.postgres.sql import Row

Document = dict[str, Any]

# Columns of `prediction`, in its order; `p` is predictions_prediction.
PREDICTION_COLUMNS = (
    "p.id, p.result::text, p.model_version, p.created_at, p.score, p.cluster, p.neighbors::text, "
    "p.mislabeling, p.updated_at, p.model_id, p.model_run_id, p.task_id, p.project_id"
)
# Columns of `annotation`; `a` is predictions_annotation, `u` its author.
ANNOTATION_COLUMNS = (
    "a.id, a.result::text, u.email, u.first_name, u.last_name, a.completed_by_id, "
    "a.unique_id::text, a.was_cancelled, a.ground_truth, a.created_at, a.updated_at, a.lead_time, "
    "a.task_id, a.project_id, a.updated_by_id, a.parent_prediction_id, a.parent_annotation_id"
)
BY_MINUTES = timedelta(days=27)
SOME_DAY = datetime(2026, 3, 1, tzinfo=UTC)


def ages(now: datetime | None = None) -> Callable[[datetime], str]:
    """How long ago a time was, as Django's timesince says it: `1\\xa0hour, 5\\xa0minutes`.

    Rows of one import share their minute, so each distinct age is worked out once.
    """
    moment = now or datetime.now(UTC)
    time = moment.time()
    known: dict[object, str] = {}

    def age(created_at: datetime) -> str:
        passed = moment - created_at
        # Up to 27 days only the minutes passed matter.
        if passed < BY_MINUTES:
            return age_of(max(0, passed.days * 1440 + passed.seconds // 60))
        # Beyond, months have their own lengths: then it is the day, and whether the time of day is
        # past, with and without microseconds.
        born = created_at.time()
        key = (created_at.date(), born > time, born.replace(microsecond=0) > time)
        if key not in known:
            known[key] = timesince(created_at, moment)
        return known[key]

    return age


@cache
def age_of(minutes: int) -> str:
    """As `ages`, for fewer than 27 days."""
    return timesince(SOME_DAY, SOME_DAY + timedelta(minutes=minutes))


def fragment(text: str | None) -> orjson.Fragment | None:
    """Stored JSON text as it is; None for SQL's null."""
    return None if text is None else orjson.Fragment(text)


def prediction(row: Row, age: Callable[[datetime], str]) -> Document:
    """One prediction from a row of PREDICTION_COLUMNS."""
    (id_, result, version, created, score, cluster, neighbors, mislabeling) = row[:8]
    (updated, model, model_run, task, project) = row[8:]
    return {
        "id": id_,
        "result": fragment(result),
        "model_version": version,
        "created_ago": age(created),
        "score": score,
        "cluster": cluster,
        "neighbors": fragment(neighbors),
        "mislabeling": mislabeling,
        "created_at": created,
        "updated_at": updated,
        "model": model,
        "model_run": model_run,
        "task": task,
        "project": project,
    }


def annotation(row: Row, age: Callable[[datetime], str]) -> Document:
    """One annotation from a row of ANNOTATION_COLUMNS."""
    (id_, result, email, first, last, completed_by, unique_id, cancelled, truth) = row[:9]
    (created, updated, lead_time, task, project, updated_by, prediction_id, parent) = row[9:]
    name = f" {first} {last}".rstrip() if first or last else ""
    return {
        "id": id_,
        "created_username": f"{name} {email}, {completed_by}".lstrip() if email else "",
        "created_ago": age(created),
        "completed_by": completed_by,
        "unique_id": unique_id,
        "result": fragment(result),
        "was_cancelled": cancelled,
        "ground_truth": truth,
        "created_at": created,
        "updated_at": updated,
        "draft_created_at": None,
        "lead_time": lead_time,
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": task,
        "project": project,
        "updated_by": updated_by,
        "parent_prediction": prediction_id,
        "parent_annotation": parent,
        "last_created_by": None,
    }


def as_json(documents: Iterable[Document]) -> bytes:
    """A JSON array."""
    return dumps(list(documents))
