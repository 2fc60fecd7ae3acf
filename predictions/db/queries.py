"""Every read that is more than a row by its key. All are scoped by workspace.

SQL is written out where the object mapper would build Python objects only to take them apart
again; each statement names the index that serves it.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils.functional import partition

from predictions.db import documents
from predictions.db.documents import ANNOTATION_COLUMNS, PREDICTION_COLUMNS, Document
from predictions_api.postgres.sql import (
    Params,
    Row,
    fetch_all,
    fetch_all_prepared,
    fetch_one,
    fetch_prepared,
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
    row = fetch_prepared(PREDICTION_SQL, [prediction_id, workspace_id])
    return None if row is None else documents.prediction(row, documents.ages())


@dataclass(frozen=True, slots=True)
class Target:
    """Where a prediction stands or shall stand, and what its project asks of it."""

    task_id: int
    project_id: int
    validate_predictions: bool
    label_config: str


# By primary key of the task, or of the prediction.
TASK_TARGET_SQL = """
SELECT t.id, t.project_id, j.validate_predictions, j.label_config
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE t.id = %s AND j.workspace_id = %s
"""
PREDICTION_TARGET_SQL = """
SELECT p.task_id, p.project_id, j.validate_predictions, j.label_config
FROM predictions_prediction p JOIN predictions_project j ON j.id = p.project_id
WHERE p.id = %s AND j.workspace_id = %s
"""


def target_of_task(task_id: int, *, workspace_id: int) -> Target | None:
    """The task's place, or None where the workspace has no such task."""
    row = fetch_prepared(TASK_TARGET_SQL, [task_id, workspace_id])
    return None if row is None else Target(*row)


def result_and_score(prediction_id: int) -> tuple[Any, float | None]:
    """What a prediction, already known to be the caller's, says; an empty result if it is gone."""
    sql = "SELECT result::text, score FROM predictions_prediction WHERE id = %s"
    row = fetch_one(sql, [prediction_id])
    return ([], None) if row is None else (json.loads(row[0]), row[1])


def target_of_prediction(prediction_id: int, *, workspace_id: int) -> Target | None:
    """The prediction's place, or None where the workspace has no such prediction."""
    row = fetch_prepared(PREDICTION_TARGET_SQL, [prediction_id, workspace_id])
    return None if row is None else Target(*row)


# By primary key, in one order, so that two writers of the same tasks never wait in a circle.
LOCK_TASKS_SQL = """
SELECT t.id, t.project_id, j.validate_predictions, j.label_config
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE t.id = ANY(%s) AND j.workspace_id = %s ORDER BY t.id FOR NO KEY UPDATE OF t
"""


def lock_tasks(task_ids: Iterable[int], *, workspace_id: int) -> dict[int, Target]:
    """The places of the tasks that the workspace has, by id; their other writers now wait."""
    rows = fetch_all(LOCK_TASKS_SQL, [sorted(set(task_ids)), workspace_id])
    return {row[0]: Target(*row) for row in rows}


# By primary key, or by (project, id); in the order of LOCK_TASKS_SQL.
LOCK_PROJECT_SQL = """
SELECT count(*) FROM (
    SELECT 1 FROM predictions_task WHERE project_id = %s AND (%s OR id = ANY(%s))
    ORDER BY id FOR NO KEY UPDATE
) locked
"""


def lock_tasks_of_project(project_id: int, task_ids: Sequence[int] | None) -> None:
    """Makes other writers of the project's tasks wait: of those named, or for None of all."""
    fetch_one(LOCK_PROJECT_SQL, [project_id, task_ids is None, list(task_ids or [])])


def known_projects(project_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the projects the workspace has. No statement for none."""
    wanted = list(project_ids)
    sql = "SELECT id FROM predictions_project WHERE id = ANY(%s) AND workspace_id = %s"
    return {row[0] for row in fetch_all(sql, [wanted, workspace_id])} if wanted else set()


def known_ml_backends(backend_ids: Iterable[int], *, workspace_id: int) -> set[int]:
    """Which of the ML backends belong to projects of the workspace. No statement for none."""
    wanted = list(backend_ids)
    sql = """
    SELECT b.id FROM predictions_mlbackend b JOIN predictions_project j ON j.id = b.project_id
    WHERE b.id = ANY(%s) AND j.workspace_id = %s
    """
    return {row[0] for row in fetch_all(sql, [wanted, workspace_id])} if wanted else set()


def project_exists(project_id: int, *, workspace_id: int) -> bool:
    """Whether the workspace has that project."""
    return bool(known_projects([project_id], workspace_id=workspace_id))


def task_exists(task_id: int, *, workspace_id: int) -> bool:
    """Whether the workspace has that task."""
    return target_of_task(task_id, workspace_id=workspace_id) is not None


def is_member(user_id: int, *, workspace_id: int) -> bool:
    """Whether the user belongs to the workspace."""
    sql = "SELECT 1 FROM accounts_membership WHERE user_id = %s AND workspace_id = %s"
    return fetch_one(sql, [user_id, workspace_id]) is not None


def predictions_where(
    clauses: Sequence[str], params: Sequence[Any], *, order: str = "p.id", limit: int | None = None
) -> tuple[str, list[Any]]:
    """The statement that lists predictions, and its parameters. Clauses hold no client text."""
    where = " AND ".join(clauses) or "true"
    sql = (
        f"SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p "  # noqa: S608
        f"WHERE {where} ORDER BY {order}"
    )
    if limit is None:
        return sql, list(params)
    return f"{sql} LIMIT %s", [*params, limit]


def predictions_page(sql: str, params: Sequence[Any], *, is_common: bool = False) -> list[Document]:
    """All predictions of one statement, as documents. A common one is prepared."""
    age = documents.ages()
    fetch = fetch_all_prepared if is_common else fetch_all
    return [documents.prediction(row, age) for row in fetch(sql, params)]


def stream_predictions(sql: str, params: Params) -> Generator[list[Document], None, None]:
    """The same in chunks from a server-side cursor: memory does not grow with the rows.

    Lives in a transaction of its own until exhausted or closed. A first chunk of fewer than
    FIRST_CHUNK rows is the last one.
    """
    age = documents.ages()
    with transaction.atomic():
        connection.ensure_connection()
        # A cursor of the driver's own: without the wrapper its errors would not be Django's.
        with (
            connection.wrap_database_errors,
            closing(connection.connection.cursor(name="predictions_list")) as cursor,
        ):
            cursor.execute(sql, params)
            size = FIRST_CHUNK
            while rows := cursor.fetchmany(size):
                yield [documents.prediction(row, age) for row in rows]
                size = CHUNK


def count_predictions(clauses: Sequence[str], params: Sequence[Any]) -> int:
    """How many predictions the clauses let through."""
    where = " AND ".join(clauses) or "true"
    row = fetch_one(
        f"SELECT count(*) FROM predictions_prediction p WHERE {where}",  # noqa: S608
        params,
    )
    return int(row[0]) if row else 0


# The counts come from the (task, id) indexes, for the tasks of one page only.
TASK_SQL = """
SELECT t.id, t.data::text, t.meta::text, t.inner_id, t.overlap, t.created_at, t.updated_at,
       t.updated_by_id, t.project_id,
       (SELECT count(*) FROM predictions_prediction p WHERE p.task_id = t.id),
       (SELECT count(*) FROM predictions_annotation a
        WHERE a.task_id = t.id AND NOT a.was_cancelled),
       (SELECT count(*) FROM predictions_annotation a
        WHERE a.task_id = t.id AND a.was_cancelled)
FROM predictions_task t JOIN predictions_project j ON j.id = t.project_id
WHERE j.workspace_id = %s AND {where} ORDER BY {order}
"""
ONE_TASK_SQL = TASK_SQL.format(where="t.id = %s", order="t.id")
# By (project, id), from wherever the last page ended.
TASKS_AFTER_SQL = TASK_SQL.replace("j.workspace_id = %s AND ", "").format(
    where="t.project_id = %s AND t.id > %s", order="t.id"
)


def task_document(row: Row) -> Document:
    """A task as it is created and listed, from a row of TASK_SQL."""
    (id_, data, meta, inner_id, overlap, created, updated, updated_by, project) = row[:9]
    predicted, annotated, cancelled = row[9:]
    return {
        "id": id_,
        "data": orjson.Fragment(data),
        "meta": orjson.Fragment(meta),
        "created_at": created,
        "updated_at": updated,
        "is_labeled": annotated >= overlap,
        "overlap": overlap,
        "inner_id": inner_id,
        "total_annotations": annotated,
        "cancelled_annotations": cancelled,
        "total_predictions": predicted,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": project,
        "updated_by": updated_by,
        "file_upload": None,
        "comment_authors": [],
    }


def task(task_id: int, *, workspace_id: int) -> Document | None:
    """One task as it is created and listed, or None."""
    row = fetch_one(ONE_TASK_SQL, [workspace_id, task_id])
    return None if row is None else task_document(row)


def tasks_after(project_id: int, task_id: int, *, limit: int) -> list[Document]:
    """The next tasks, in id order, of a project already known to be the caller's."""
    rows = fetch_all(f"{TASKS_AFTER_SQL} LIMIT %s", [project_id, task_id, limit])
    return [task_document(row) for row in rows]


def count_tasks(project_id: int, *, most: int) -> int:
    """How many tasks a project has; `most` where it has more. Index-only."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM predictions_task WHERE project_id = %s LIMIT %s) t"
    row = fetch_one(sql, [project_id, most])
    return int(row[0]) if row else 0


PREDICTIONS_OF_TASKS_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
WHERE p.task_id = ANY(%s) ORDER BY p.task_id, p.id
"""  # noqa: S608
ANNOTATIONS_SQL = f"""
SELECT {ANNOTATION_COLUMNS} FROM predictions_annotation a
LEFT JOIN accounts_user u ON u.id = a.completed_by_id
WHERE a.{{column}} = ANY(%s) ORDER BY a.task_id, a.id
"""  # noqa: S608
ANNOTATIONS_OF_TASKS_SQL = ANNOTATIONS_SQL.format(column="task_id")
ANNOTATIONS_BY_ID_SQL = ANNOTATIONS_SQL.format(column="id")


def annotations_of_tasks(task_ids: Sequence[int]) -> list[Document]:
    """The annotations of tasks already known to be the caller's, by task, then id."""
    age = documents.ages()
    rows = fetch_all(ANNOTATIONS_OF_TASKS_SQL, [list(task_ids)])
    return [documents.annotation(row, age) for row in rows]


# By primary key; the project's row decides whose it is.
ANNOTATION_SQL = f"""
SELECT {ANNOTATION_COLUMNS} FROM predictions_annotation a
JOIN predictions_project j ON j.id = a.project_id
LEFT JOIN accounts_user u ON u.id = a.completed_by_id
WHERE a.id = %s AND j.workspace_id = %s
"""  # noqa: S608


def annotation(annotation_id: int, *, workspace_id: int) -> Document | None:
    """One annotation, or None where the workspace has none of that id."""
    row = fetch_one(ANNOTATION_SQL, [annotation_id, workspace_id])
    return None if row is None else documents.annotation(row, documents.ages())


def with_children(tasks: Sequence[Document]) -> list[Document]:
    """Tasks with their predictions and annotations inside: two statements for any number."""
    ids = [task["id"] for task in tasks]
    if not ids:
        return []
    age = documents.ages()
    rows = fetch_all(PREDICTIONS_OF_TASKS_SQL, [ids])
    predicted = _by_task(documents.prediction(row, age) for row in rows)
    annotated = _by_task(annotations_of_tasks(ids))
    return [_detail(t, predicted.get(t["id"], []), annotated.get(t["id"], [])) for t in tasks]


def _by_task(found: Iterable[Document]) -> dict[int, list[Document]]:
    grouped: dict[int, list[Document]] = {}
    for document in found:
        grouped.setdefault(document["task"], []).append(document)
    return grouped


def _detail(task: Document, predictions: list[Document], annotations: list[Document]) -> Document:
    done, _ = partition(lambda a: a["was_cancelled"], annotations)
    scores = [p["score"] for p in predictions if p["score"] is not None]
    times = [a["lead_time"] for a in done if a["lead_time"] is not None]
    authors = sorted({a["completed_by"] for a in annotations if a["completed_by"]})
    versions = sorted({p["model_version"] for p in predictions if p["model_version"]})
    updated_by = task["updated_by"]
    return {
        "id": task["id"],
        "predictions": predictions,
        "annotations": annotations,
        "drafts": [],
        "annotators": authors,
        "inner_id": task["inner_id"],
        "cancelled_annotations": task["cancelled_annotations"],
        "total_annotations": task["total_annotations"],
        "total_predictions": task["total_predictions"],
        "completed_at": max((a["created_at"] for a in done), default=None),
        "annotations_results": "",
        "predictions_results": "",
        "predictions_score": sum(scores) / len(scores) if scores else None,
        "file_upload": None,
        "storage_filename": None,
        "annotations_ids": ",".join(str(a["id"]) for a in annotations),
        "predictions_model_versions": ",".join(versions),
        "avg_lead_time": sum(times) / len(times) if times else None,
        "draft_exists": False,
        "updated_by": [{"user_id": updated_by}] if updated_by else [],
        "data": task["data"],
        "meta": task["meta"],
        "created_at": task["created_at"],
        "updated_at": task["updated_at"],
        "is_labeled": task["is_labeled"],
        "overlap": task["overlap"],
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": task["project"],
        "comment_authors": [],
    }


# Index-only counts of each project: tasks and predictions by (project, id).
PROJECT_TOTALS_SQL = """
SELECT j.id, (SELECT count(*) FROM predictions_task WHERE project_id = j.id),
       (SELECT count(*) FROM predictions_prediction WHERE project_id = j.id),
       a.total, a.cancelled, a.truths, a.tasks
FROM predictions_project j
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE NOT x.was_cancelled) AS total,
           count(*) FILTER (WHERE x.was_cancelled) AS cancelled,
           count(*) FILTER (WHERE x.ground_truth) AS truths,
           count(DISTINCT x.task_id) FILTER (WHERE NOT x.was_cancelled) AS tasks
    FROM predictions_annotation x WHERE x.project_id = j.id
) a
WHERE j.id = ANY(%s)
"""


def totals_of_projects(project_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The counts of each project's document, by id. One statement for any number."""
    rows = fetch_all(PROJECT_TOTALS_SQL, [list(project_ids)])
    return {row[0]: _totals(row[1:]) for row in rows}


def project_totals(project_id: int) -> dict[str, int]:
    """The counts of one project's document; zeros for an unknown project."""
    return totals_of_projects([project_id]).get(project_id) or _totals((0, 0, 0, 0, 0, 0))


def _totals(row: Row) -> dict[str, int]:
    tasks, predicted, annotated, cancelled, truths, annotated_tasks = row
    return {
        "task_number": tasks,
        "total_predictions_number": predicted,
        "total_annotations_number": annotated,
        "skipped_annotations_number": cancelled,
        "ground_truth_number": truths,
        "useful_annotation_number": annotated,
        "num_tasks_with_annotations": annotated_tasks,
        "finished_task_number": annotated_tasks,
        "queue_total": tasks,
        "queue_done": annotated_tasks,
    }


# Versions of one project, newest first; served by the (project, ...) indexes.
MODEL_VERSIONS_SQL = """
SELECT model_version, count(*), max(created_at) FROM predictions_prediction
WHERE project_id = %s GROUP BY model_version ORDER BY max(created_at) DESC, max(id) DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class VersionCount:
    """How many predictions of a version a project has, and when the last one came."""

    model_version: str | None
    count: int
    latest: datetime


def model_versions(project_id: int, *, limit: int | None = None) -> list[VersionCount]:
    """The project's model versions, newest first."""
    return [VersionCount(*row) for row in fetch_all(MODEL_VERSIONS_SQL, [project_id, limit])]


def has_model_version(project_id: int, version: str) -> bool:
    """Whether the project has a prediction of that version."""
    sql = """
    SELECT 1 FROM predictions_prediction WHERE project_id = %s
    AND left(model_version, 200) = left(%s, 200) AND model_version = %s LIMIT 1
    """
    return fetch_one(sql, [project_id, version, version]) is not None


# One index probe a version on predictions_prediction_v_idx: 100 versions among a million
# predictions take a millisecond or two, where DISTINCT reads them all.
VERSION_NAMES_SQL = """
WITH RECURSIVE v AS (
    (SELECT left(model_version, 200) AS name FROM predictions_prediction
     WHERE project_id = %(project)s AND left(model_version, 200) IS NOT NULL ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT left(model_version, 200) FROM predictions_prediction
            WHERE project_id = %(project)s AND left(model_version, 200) > v.name
            ORDER BY 1 LIMIT 1)
    FROM v WHERE v.name IS NOT NULL
)
SELECT name FROM v WHERE name IS NOT NULL LIMIT %(limit)s
"""


def version_names(project_id: int, *, limit: int) -> list[str]:
    """The project's model versions in alphabetical order, by their first 200 characters."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION_NAMES_SQL, {"project": project_id, "limit": limit})
        return [row[0] for row in cursor.fetchall()]
