"""Predictions that others take the place of, and the annotations that people made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from predictions.db.places import slots_of_tasks
from predictions.regions.truths import NAMES_OF_REGIONS
from predictions_api.postgres.sql import execute, fetch_one


def regions_without(column: str, names: Sequence[str]) -> str:
    """SQL: the regions of a result without these keys; what is no list of regions as it is."""
    # Citus cannot write out `CASE x WHEN y` again where it sends it to a node.
    keys = ", ".join(f"'{name}'" for name in names)
    return f"""CASE WHEN jsonb_typeof({column}) = 'array' THEN coalesce((
        SELECT jsonb_agg(CASE WHEN jsonb_typeof(e.region) = 'object' THEN e.region - ARRAY[{keys}]
                         ELSE e.region END ORDER BY e.n)
        FROM jsonb_array_elements({column}) WITH ORDINALITY AS e(region, n)), '[]'::jsonb)
    ELSE {column} END"""  # noqa: S608


def what_is_said(column: str) -> str:
    """SQL: what a result says, as `predictions.regions.truths.difference` compares regions: models
    and files name a region anew each time, and score it anew.
    """
    return regions_without(column, sorted(NAMES_OF_REGIONS))


# Replaced by (task, model_version), together with every duplicate of an earlier time. Served by
# the (task, id) index.
OF_VERSIONS_SQL = """
DELETE FROM predictions_prediction p
USING unnest(%s::bigint[], %s::text[]) AS k (task_id, model_version), predictions_project j
WHERE p.task_id = k.task_id AND p.model_version IS NOT DISTINCT FROM k.model_version
  AND j.id = p.project_id AND j.workspace_id = %s
"""
# Annotations that were made of what is replaced keep standing. Their texts are read, and what was
# said is reckoned, only where there are some.
TAKE_SQL = f"""
WITH gone AS ({{delete}} RETURNING p.id, p.task_id, p.model_version, p.result), children AS (
    UPDATE predictions_annotation a SET parent_prediction_id = NULL
    FROM gone WHERE a.parent_prediction_id = gone.id
    RETURNING a.id, gone.task_id, gone.model_version,
              md5(({what_is_said("gone.result")})::text) AS said
)
SELECT (SELECT count(*) FROM gone), array_agg(c.id), array_agg(c.task_id),
       array_agg(c.model_version), array_agg(c.said)
FROM children c
"""  # noqa: S608
# By primary keys, and the (task, id) index.
GIVE_SQL = f"""
WITH given AS (
    SELECT k.id, k.task_id, max(p.id) AS parent_id
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[])
        AS k (id, task_id, model_version, said)
    JOIN predictions_prediction p ON p.task_id = k.task_id
    WHERE p.model_version IS NOT DISTINCT FROM k.model_version
        AND md5(({what_is_said("p.result")})::text) = k.said
    GROUP BY k.id, k.task_id
)
UPDATE predictions_annotation a SET parent_prediction_id = given.parent_id FROM given
WHERE a.id = given.id AND a.task_id = given.task_id AND a.parent_prediction_id IS NULL
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Child:
    """An annotation that was made of a prediction of a task and version, and a digest of what that
    prediction said.
    """

    annotation_id: int
    task_id: int
    model_version: str | None
    said: str


@dataclass(slots=True)
class Replacing:
    """Takes predictions away, whose tasks are locked, for others of the same tasks and versions.

    Once those are stored, `settle` makes them the parents of the annotations made of the ones
    before, where they say the same: an evaluation then knows that the version is measured by what
    it said itself. Of a new one that says something else the annotation has no parent.
    """

    children: list[Child] = field(default_factory=list)

    def take(self, delete: str, params: Sequence[Any], *, slot: int | None) -> int:
        """Executes a statement that deletes predictions `p`; how many went. One statement."""
        row = fetch_one(TAKE_SQL.format(delete=delete), params, slot=slot)
        n, *columns = row if row else (0, None)
        if columns[0] is not None:
            self.children += [Child(*one) for one in zip(*columns, strict=True)]
        return int(n)

    def take_versions(self, pairs: Sequence[tuple[int, str | None]], *, workspace_id: int) -> int:
        """Takes what the workspace's tasks have of a model version, for each (task id, version);
        how many went. One statement, on a cluster one a slot.
        """
        versions: dict[int, list[str | None]] = {}
        for task_id, version in pairs:
            versions.setdefault(task_id, []).append(version)
        n = 0
        for slot, ids in slots_of_tasks(versions):
            named = [(task_id, version) for task_id in ids for version in versions[task_id]]
            tasks, names = [task for task, _ in named], [version for _, version in named]
            n += self.take(OF_VERSIONS_SQL, [tasks, names, workspace_id], slot=slot)
        return n

    def settle(self) -> None:
        """Gives the annotations their new parents. No statement where there are none."""
        children = {child.annotation_id: child for child in self.children}
        by_task: dict[int, list[Child]] = {}
        for child in children.values():
            by_task.setdefault(child.task_id, []).append(child)
        for slot, ids in slots_of_tasks(by_task):
            of_slot = [child for task_id in ids for child in by_task[task_id]]
            columns = [
                [child.annotation_id for child in of_slot],
                [child.task_id for child in of_slot],
                [child.model_version for child in of_slot],
                [child.said for child in of_slot],
            ]
            execute(GIVE_SQL, columns, slot=slot)
