"""Reads and writes of single tasks, and a project's tasks in the order of their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import transaction
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions.db import places
from predictions.db.curation.tags import set_tags
from predictions.db.documents import Document, Values
from predictions.db.projects import Author
from predictions.db.versions import OneVersion
from predictions.filters.within import by_id, of_project, past
from predictions.models import Task
from predictions.regions import task_data
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import Refused, json_text
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import Row, execute, fetch_all, fetch_one, insert_one

NO_TASK = "No Task matches the given query."
# The counts come from the (task, id) indexes, for the tasks of one page only.
COLUMNS_SQL = """
SELECT t.id, t.data::text, t.meta::text, t.inner_id, t.overlap, t.created_at, t.updated_at,
       t.updated_by_id, t.project_id,
       (SELECT count(*) FROM predictions_prediction p WHERE p.task_id = t.id),
       (SELECT count(*) FROM predictions_annotation a
        WHERE a.task_id = t.id AND NOT a.was_cancelled),
       (SELECT count(*) FROM predictions_annotation a
        WHERE a.task_id = t.id AND a.was_cancelled),
       ARRAY(SELECT g.name FROM predictions_tasktag g
             WHERE g.project_id = t.project_id AND g.task_id = t.id ORDER BY g.name)
FROM predictions_task t
"""
ONE_TASK_SQL = f"""{COLUMNS_SQL}JOIN predictions_project j ON j.id = t.project_id
WHERE j.workspace_id = %s AND t.id = %s"""
# By (project, id), from wherever the last page ended.
TASKS_SQL = f"{COLUMNS_SQL}WHERE {{where}} ORDER BY {{order}} LIMIT %s"
COUNT_CHOSEN_SQL = "SELECT count(*) FROM predictions_task t WHERE {where}"
OF_VERSION = " AND c.model_version IS NOT DISTINCT FROM %s"
# What a task must have one of, each by the index on (task, id).
HAVING = {
    name: f" AND EXISTS (SELECT 1 FROM predictions_{table} c"  # noqa: S608
    " WHERE c.task_id = t.id AND c.project_id = t.project_id{of_version})"
    for name, table in (("predictions", "prediction"), ("annotations", "annotation"))
}


@dataclass(frozen=True, slots=True)
class ChosenTasks:
    """Which tasks of a project."""

    #: Only these; empty for all.
    ids: tuple[int, ...] = ()
    #: What a task must have one of, `predictions` or `annotations`; None for nothing.
    having: str | None = None
    #: The version of these predictions; None for any.
    version: OneVersion | None = None

    def where(self, project_id: int, after: int) -> tuple[str, list[Any]]:
        """The condition on tasks `t` with an id above `after`, and its parameters."""
        where = f"{of_project('t')} AND {past('t')}"
        params: list[Any] = [project_id, project_id, project_id, after]
        if self.ids:
            where += " AND t.id = ANY(%s)"
            params.append(list(self.ids))
        if self.having:
            of_version = OF_VERSION if self.version else ""
            where += HAVING[self.having].format(of_version=of_version)
            params += [self.version.name] if self.version else []
        return where, params


EVERY_TASK = ChosenTasks()


def task_document(row: Row) -> Document:
    """A task as it is created and listed, from a row of COLUMNS_SQL."""
    (id_, data, meta, inner_id, overlap, created, updated, updated_by, project) = row[:9]
    predicted, annotated, cancelled, tags = row[9:]
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
        "tags": tags,
    }


def task(task_id: int, *, workspace_id: int) -> Document | None:
    """One task as it is created and listed, or None."""
    row = fetch_one(ONE_TASK_SQL, [workspace_id, task_id], slot=places.slot_of_task(task_id))
    return None if row is None else task_document(row)


def tasks_after(
    project_id: int, task_id: int, *, limit: int, chosen: ChosenTasks = EVERY_TASK
) -> list[Document]:
    """The next tasks, in id order, of a project already known to be the caller's."""
    where, params = chosen.where(project_id, task_id)
    sql = TASKS_SQL.format(where=where, order=by_id("t"))
    slot = slots.of_project(project_id)
    return [task_document(row) for row in fetch_all(sql, [*params, limit], slot=slot)]


def count_chosen(project_id: int, chosen: ChosenTasks) -> int:
    """How many tasks of a project are chosen."""
    where, params = chosen.where(project_id, 0)
    sql = COUNT_CHOSEN_SQL.format(where=where)
    row = fetch_one(sql, params, slot=slots.of_project(project_id))
    return int(row[0]) if row else 0


def count_tasks(project_id: int, *, most: int) -> int:
    """How many tasks a project has; `most` where it has more. Index-only."""
    return places.in_project(Task.objects.all(), project_id)[:most].count()


def existing_task(task_id: int, access: Access) -> Document:
    """The task as it is listed. NotFound where the workspace has none of that id."""
    found = task(task_id, workspace_id=access.workspace_id)
    if found is None:
        raise NotFound(NO_TASK)
    return found


# In a table of its own: a project's row is copied to every node of a cluster.
RESERVE_SQL = """
INSERT INTO predictions_projectcounter AS c (project_id, slot, last_inner_id) VALUES (%s, %s, %s)
ON CONFLICT (project_id, slot)
    DO UPDATE SET last_inner_id = c.last_inner_id + excluded.last_inner_id
RETURNING last_inner_id
"""


def reserve_inner_ids(project_id: int, n: int) -> int:
    """The first of n new numbers within the project. Commits at once outside a transaction."""
    row = fetch_one(RESERVE_SQL, [project_id, slots.of_project(project_id), n])
    return int(row[0]) - n + 1 if row else 1


CREATE_TASK_SQL = """
INSERT INTO predictions_task
    (project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
VALUES (%(project)s, %(slot)s, %(data)s::jsonb, %(meta)s::jsonb, %(inner_id)s, %(overlap)s, now(),
        now())
RETURNING id
"""


def create_task(values: Values, access: Access) -> Document:
    """Stores one task. ValidationError where the workspace lacks the project, or the data a key
    that its labelling config shows.
    """
    project_id = values["project"]
    label_config = places.label_config_of(project_id, workspace_id=access.workspace_id)
    if label_config is None:
        raise ValidationError({"project": [unknown_pk(project_id)]})
    try:
        data = task_data.checked(values["data"], label_config)
    except Refused as exc:
        raise ValidationError([str(exc)]) from None
    # Read before it is committed: a caller who gets no answer has nothing stored.
    with transaction.atomic(savepoint=False):
        slot = slots.of_project(project_id)
        row = insert_one(
            CREATE_TASK_SQL,
            {
                "project": project_id,
                "slot": slot,
                "data": json_text(data),
                "meta": json_text(values.get("meta", {})),
                "inner_id": reserve_inner_ids(project_id, 1),
                "overlap": values.get("overlap", 1),
            },
            table="predictions_task",
            slot=slot,
        )
        task_id = row[0] if row else 0
        if values.get("tags"):
            set_tags(task_id, values["tags"], project_id=project_id)
        task = existing_task(task_id, access)
        record_created([task["id"]], project_id=project_id, access=access)
        return task


def record_created(task_ids: Sequence[int], *, project_id: int, access: Access | Author) -> None:
    """Records new tasks for those who listen."""
    _record("TASKS_CREATED", task_ids, project_id=project_id, access=access)


def _record(
    action: str, task_ids: Sequence[int], *, project_id: int, access: Access | Author
) -> None:
    if access.is_heard and task_ids:
        recording.record(
            action,
            workspace_id=access.workspace_id,
            project_id=project_id,
            body={"ids": list(task_ids)},
        )


def update_task(task_id: int, values: Values, access: Access) -> Document:
    """Writes only what `values` names; a task stays in its project."""
    task = existing_task(task_id, access)
    if values.get("project", task["project"]) != task["project"]:
        raise ValidationError({"project": ["A task stays in its project."]})
    assignments = ["updated_at = now()", "updated_by_id = %s"]
    params: list[Any] = [access.user_id]
    for name in ("data", "meta"):
        if name in values:
            assignments.append(f"{name} = %s::jsonb")
            params.append(json_text(values[name]))
    if "overlap" in values:
        assignments.append("overlap = %s")
        params.append(values["overlap"])
    with transaction.atomic(savepoint=False):
        sql = f"UPDATE predictions_task SET {', '.join(assignments)} WHERE id = %s"  # noqa: S608
        execute(sql, [*params, task_id], slot=slots.of_project(task["project"]))
        if "tags" in values:
            set_tags(task_id, values["tags"], project_id=task["project"])
        return existing_task(task_id, access)


# Annotations of other tasks that were made of what goes keep standing, without their parent.
DELETE_SQL = """
WITH gone AS ({delete}), orphaned AS (
    UPDATE predictions_annotation a SET parent_prediction_id = NULL FROM (
        SELECT q.id, q.task_id FROM predictions_prediction q, gone WHERE q.task_id = gone.id
    ) p WHERE a.parent_prediction_id = p.id AND NOT a.task_id IN (SELECT id FROM gone)
), orphaned_too AS (
    UPDATE predictions_annotation a SET parent_annotation_id = NULL FROM (
        SELECT c.id, c.task_id FROM predictions_annotation c, gone WHERE c.task_id = gone.id
    ) p WHERE a.parent_annotation_id = p.id AND NOT a.task_id IN (SELECT id FROM gone)
)
SELECT id, project_id FROM gone ORDER BY id
"""
DELETE_TASK_SQL = DELETE_SQL.format(
    delete="""
    DELETE FROM predictions_task t USING predictions_project j
    WHERE t.id = %s AND j.id = t.project_id AND j.workspace_id = %s RETURNING t.id, t.project_id
    """
)


def delete_task(task_id: int, access: Access) -> None:
    """Removes a task with its predictions and annotations. NotFound where there is none."""
    with recording.together(access.is_heard):
        params = [task_id, access.workspace_id]
        row = fetch_one(DELETE_TASK_SQL, params, slot=places.slot_of_task(task_id))
        if row is None:
            raise NotFound(NO_TASK)
        _record("TASKS_DELETED", [task_id], project_id=row[1], access=access)


# Nothing of the project is left that could have a parent.
DELETE_ALL_SQL = "DELETE FROM predictions_task t WHERE t.project_id = %s"


def delete_all_tasks(project_id: int, access: Access) -> None:
    """Removes every task of a project with its predictions and annotations."""
    slot = slots.of_project(project_id)
    with recording.together(access.is_heard):
        if not access.is_heard:
            execute(DELETE_ALL_SQL, [project_id], slot=slot)
            return
        gone = fetch_all(f"{DELETE_ALL_SQL} RETURNING t.id", [project_id], slot=slot)
        ids = sorted(row[0] for row in gone)
        _record("TASKS_DELETED", ids, project_id=project_id, access=access)


DELETE_TASKS_SQL = DELETE_SQL.format(
    delete="""
    DELETE FROM predictions_task t WHERE t.project_id = %s AND t.id = ANY(%s)
    RETURNING t.id, t.project_id
    """
)


def delete_tasks(task_ids: Sequence[int], *, project_id: int, access: Access) -> int:
    """Removes tasks of one project with their predictions and annotations; how many went."""
    with recording.together(access.is_heard):
        params = [project_id, list(task_ids)]
        gone = fetch_all(DELETE_TASKS_SQL, params, slot=slots.of_project(project_id))
        ids = [row[0] for row in gone]
        _record("TASKS_DELETED", ids, project_id=project_id, access=access)
    return len(gone)
