"""Reads and writes of tags on tasks."""

from collections.abc import Sequence
from typing import NamedTuple

from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all

# What is there stays. What is returned is counted: a cluster says how many it was to store.
ADD_SQL = """
INSERT INTO predictions_tasktag (task_id, name, project_id, slot, created_at)
SELECT c.task_id, n.name, %s, %s, now()
FROM unnest(%s::bigint[]) AS c(task_id), unnest(%s::text[]) AS n(name)
ORDER BY c.task_id, n.name
ON CONFLICT (task_id, name, slot) DO NOTHING RETURNING 1
"""
# A tag and a task a row.
ADD_EACH_SQL = """
INSERT INTO predictions_tasktag (task_id, name, project_id, slot, created_at)
SELECT n.task_id, n.name, %s, %s, now() FROM unnest(%s::bigint[], %s::text[]) AS n(task_id, name)
"""
REMOVE_SQL = """
DELETE FROM predictions_tasktag WHERE project_id = %s AND task_id = ANY(%s) AND name = ANY(%s)
"""
OTHERS_SQL = """
DELETE FROM predictions_tasktag WHERE project_id = %s AND task_id = %s AND NOT name = ANY(%s)
"""
# By (project, name, task), without the table.
COUNTS_SQL = """
SELECT name, count(*) FROM predictions_tasktag WHERE project_id = %s GROUP BY name ORDER BY name
"""
# One probe of the same index a tag.
NAMES_SQL = """
WITH RECURSIVE g AS (
    (SELECT name FROM predictions_tasktag WHERE project_id = %(project)s ORDER BY name LIMIT 1)
    UNION ALL
    SELECT (SELECT name FROM predictions_tasktag WHERE project_id = %(project)s AND name > g.name
            ORDER BY name LIMIT 1)
    FROM g WHERE g.name IS NOT NULL
)
SELECT name FROM g WHERE name IS NOT NULL LIMIT %(limit)s
"""


class TagCount(NamedTuple):
    """A tag of a project, and how many tasks have it."""

    name: str
    tasks: int


def add_tags(task_ids: Sequence[int], names: Sequence[str], *, project_id: int) -> int:
    """Tags tasks of the project, which are locked or made in this transaction; how many tags are
    new on a task.
    """
    slot = slots.of_project(project_id)
    return execute(ADD_SQL, [project_id, slot, list(task_ids), sorted(set(names))], slot=slot)


def tag_new_tasks(tags: Sequence[tuple[int, Sequence[str]]], *, project_id: int) -> None:
    """Each task's own tags, without repeats, on tasks that were made in this transaction."""
    pairs = [(task_id, name) for task_id, names in tags for name in names]
    if pairs:
        slot = slots.of_project(project_id)
        task_ids, names = zip(*pairs, strict=True)
        execute(ADD_EACH_SQL, [project_id, slot, list(task_ids), list(names)], slot=slot)


def remove_tags(task_ids: Sequence[int], names: Sequence[str], *, project_id: int) -> int:
    """Takes tags off tasks of the project; how many went."""
    params = [project_id, list(task_ids), list(names)]
    return execute(REMOVE_SQL, params, slot=slots.of_project(project_id))


def set_tags(task_id: int, names: Sequence[str], *, project_id: int) -> None:
    """Makes these the tags of a task that is locked, or was made in this transaction."""
    execute(OTHERS_SQL, [project_id, task_id, list(names)], slot=slots.of_project(project_id))
    if names:
        add_tags([task_id], names, project_id=project_id)


def tag_counts(project_id: int) -> list[TagCount]:
    """The tags of a project's tasks, by name. Reads an index entry a tag and task."""
    rows = fetch_all(COUNTS_SQL, [project_id], slot=slots.of_project(project_id))
    return [TagCount(*row) for row in rows]


def tag_names(project_id: int, *, limit: int) -> list[str]:
    """The first names of the same."""
    params = {"project": project_id, "limit": limit}
    return [row[0] for row in fetch_all(NAMES_SQL, params, slot=slots.of_project(project_id))]
