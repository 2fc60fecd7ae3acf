"""Pages of a project's tasks, as Label Studio's Data Manager asks for them, and tasks with all that
is on them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.functional import partition

from predictions.db import documents
from predictions.db.annotations import annotations_of_tasks
from predictions.db.documents import PREDICTION_COLUMNS, Document
from predictions.db.places import slots_of_tasks
from predictions.db.projects import project_totals
from predictions.db.tasks import TASKS_SQL, task_document
from predictions.db.versions import OneVersion
from predictions.filters.tasks import TaskFilter
from predictions.filters.within import OWNED
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import at_path, bigints, fetch_all, fetch_one

PAGE_SQL = f"{TASKS_SQL} OFFSET %s"


def page(
    wanted: TaskFilter, *, workspace_id: int, project_id: int, limit: int, offset: int
) -> list[Document]:
    """The tasks of a project that a filter lets through, in its order."""
    where, where_params = wanted.within(project_id)
    order, order_params = wanted.order_within
    sql = PAGE_SQL.format(where=f"{OWNED} AND {where}", order=order)
    params = [project_id, workspace_id, *where_params, *order_params, limit, offset]
    rows = fetch_all(sql, params, slot=slots.of_project(project_id))
    return [task_document(row) for row in rows]


def locked(wanted: TaskFilter, *, project_id: int) -> list[int]:
    """Ids of a project's tasks that a filter lets through, locked until the transaction ends."""
    where, params = wanted.where
    # By project; in one order, so that no two wait for each other.
    sql = (
        "SELECT t.id FROM predictions_task t"  # noqa: S608
        f" WHERE t.project_id = %s AND {where} ORDER BY t.id FOR NO KEY UPDATE OF t"
    )
    rows = fetch_all(sql, [project_id, *params], slot=slots.of_project(project_id))
    return [row[0] for row in rows]


def ids_of(wanted: TaskFilter, *, project_id: int) -> list[int]:
    """Ids of a project's tasks that a filter lets through, ascending."""
    where, params = wanted.where
    sql = (
        "SELECT t.id FROM predictions_task t"  # noqa: S608
        f" WHERE t.project_id = %s AND {where} ORDER BY t.id"
    )
    rows = fetch_all(sql, [project_id, *params], slot=slots.of_project(project_id))
    return [row[0] for row in rows]


def totals(wanted: TaskFilter, *, project_id: int) -> dict[str, int]:
    """How many tasks of a project a filter lets through, and what is on them."""
    if wanted.is_everything:
        counted = project_totals(project_id)
        return {
            "total_annotations": counted["total_annotations_number"],
            "total_predictions": counted["total_predictions_number"],
            "total": counted["task_number"],
        }
    where, params = wanted.where
    row = fetch_one(
        "WITH t AS (SELECT t.id FROM predictions_task t"  # noqa: S608
        f" WHERE t.project_id = %s AND {where}) SELECT (SELECT count(*) FROM t),"
        " (SELECT count(*) FROM predictions_prediction WHERE task_id IN (SELECT id FROM t)),"
        " (SELECT count(*) FROM predictions_annotation"
        " WHERE task_id IN (SELECT id FROM t) AND NOT was_cancelled)",
        [project_id, *params],
        slot=slots.of_project(project_id),
    )
    tasks, predicted, annotated = row or (0, 0, 0)
    return {"total_annotations": annotated, "total_predictions": predicted, "total": tasks}


PREDICTIONS_OF_TASKS_SQL = f"""
SELECT {PREDICTION_COLUMNS} FROM predictions_prediction p
WHERE p.task_id = ANY(%s::bigint[]){{of_version}} ORDER BY p.task_id, p.id
"""  # noqa: S608
OF_VERSION = " AND p.model_version IS NOT DISTINCT FROM %s"


def with_children(tasks: Sequence[Document], only: OneVersion | None = None) -> list[Document]:
    """Tasks with their predictions and annotations inside: two statements for any number.

    With `only` no predictions but that version's.
    """
    found = children([task["id"] for task in tasks], only)
    return [_detail(task, *found.of(task["id"])) for task in tasks]


class Children(NamedTuple):
    """What is on tasks, by the task's id, each in the order of ids."""

    predictions: dict[int, list[Document]]
    annotations: dict[int, list[Document]]

    def of(self, task_id: int) -> tuple[list[Document], list[Document]]:
        """The predictions and the annotations of one task, [] where it has none."""
        return self.predictions.get(task_id, []), self.annotations.get(task_id, [])


def children(task_ids: Sequence[int], only: OneVersion | None = None) -> Children:
    """What is on tasks that are known to be the caller's: two statements, none for no task.

    With `only` no predictions but that version's.
    """
    if not task_ids:
        return Children({}, {})
    age = documents.ages()
    sql = PREDICTIONS_OF_TASKS_SQL.format(of_version=OF_VERSION if only else "")
    predicted = _by_task(
        documents.prediction(row, age)
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(sql, [bigints(ids), *([only.name] if only else [])], slot=slot)
    )
    return Children(predicted, _by_task(annotations_of_tasks(task_ids)))


#: Of a task `t`, as text.
ADDRESS = f"{at_path('t.data', '%(path)s::text[]')} #>> '{{}}'"
# What is before the last dot of the name that a task's data or meta has for its image.
FACTS_SQL = rf"""
WITH named AS (
    SELECT t.meta ->> 'image_id' AS id, regexp_replace(coalesce(
        t.meta ->> 'image_name',
        regexp_replace(split_part({ADDRESS}, '?', 1), '^.*/', '')
    ), '\.[^./]*$', '') AS stem
    FROM predictions_task t WHERE t.project_id = %(project)s
)
SELECT count(DISTINCT id) = count(*),
       count(DISTINCT id) FILTER (WHERE id ~ '^(0|[1-9][0-9]{{0,14}})$') = count(*),
       count(DISTINCT stem) = count(*)
FROM named
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class NamingFacts:
    """What a project's tasks say of their images."""

    #: Whether each has a `meta.image_id` of its own.
    are_identified: bool
    #: Whether these are whole numbers.
    are_numbered: bool
    #: Whether no two file names are one but for the suffix.
    are_named: bool


def naming_facts(project_id: int, path: Sequence[str]) -> NamingFacts:
    """Of all tasks of a project; `path` leads to the image's address in their data."""
    params = {"project": project_id, "path": list(path)}
    row = fetch_one(FACTS_SQL, params, slot=slots.of_project(project_id))
    assert row is not None
    return NamingFacts(*row)


def _by_task(found: Iterable[Document]) -> dict[int, list[Document]]:
    grouped: dict[int, list[Document]] = {}
    for document in found:
        grouped.setdefault(document["task"], []).append(document)
    return grouped


def _detail(task: Document, predictions: list[Document], annotations: list[Document]) -> Document:
    done, _ = partition(lambda a: a["was_cancelled"], annotations)
    scores = [p["score"] for p in predictions if p["score"] is not None]
    # Also of what was skipped, as Label Studio has it.
    times = [a["lead_time"] for a in annotations if a["lead_time"] is not None]
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
        "tags": task["tags"],
    }
