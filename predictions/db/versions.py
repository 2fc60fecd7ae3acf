"""Model versions of a project: their counts, and the removal of all that one predicted.

The index on versions holds their first 200 characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.db.models.functions import Left

from accounts.tokens import Access
from predictions.db.places import in_project
from predictions.models import MLBackend, Prediction
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, fetch_one

#: Predictions that one event names when they are deleted.
MOST_TOLD = 5000
# Versions of one project, newest first; served by the (project, ...) indexes.
MODEL_VERSIONS_SQL = """
SELECT model_version, count(*), max(created_at) FROM predictions_prediction
WHERE project_id = %s GROUP BY model_version ORDER BY max(created_at) DESC, max(id) DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class OneVersion:
    """The predictions of one model version; None is the null version."""

    name: str | None


@dataclass(frozen=True, slots=True)
class VersionCount:
    """How many predictions of a version a project has, and when the last one came."""

    model_version: str | None
    count: int
    latest: datetime


def model_versions(project_id: int, *, limit: int | None = None) -> list[VersionCount]:
    """The project's model versions, newest first."""
    slot = slots.of_project(project_id)
    rows = fetch_all(MODEL_VERSIONS_SQL, [project_id, limit], slot=slot)
    return [VersionCount(*row) for row in rows]


def has_model_version(project_id: int, version: str | None) -> bool:
    """Whether the project has a prediction of that version; None is the null version."""
    rows = Prediction.objects.alias(start=Left("model_version", 200))
    mine = in_project(rows, project_id)
    if version is None:
        return mine.filter(start__isnull=True).exists()
    return mine.filter(start=version[:200], model_version=version).exists()


def count_tasks_of(project_id: int, version: str) -> int:
    """How many tasks of the project have predictions of the version."""
    rows = Prediction.objects.alias(start=Left("model_version", 200))
    mine = in_project(rows, project_id).filter(start=version[:200], model_version=version)
    return mine.aggregate(n=Count("task_id", distinct=True))["n"] or 0


def shown_version(project_id: int, named: str) -> str:
    """The version that a project's `model_version` means: where it is the title of an ML backend,
    that backend's current version, else itself.
    """
    if not named:
        return named
    rows = MLBackend.objects.filter(project_id=project_id, title=named).order_by("id")
    return rows.values_list("model_version", flat=True).first() or named


# One index probe a version on predictions_prediction_v_idx: 100 versions among a million
# predictions take a millisecond or two, where DISTINCT reads them all. The last name is null.
VERSIONS_OF_PROJECT = """WITH RECURSIVE v AS (
    (SELECT left(model_version, 200) AS name FROM predictions_prediction
     WHERE project_id = %(project)s AND left(model_version, 200) IS NOT NULL ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT left(model_version, 200) FROM predictions_prediction
            WHERE project_id = %(project)s AND left(model_version, 200) > v.name
            ORDER BY 1 LIMIT 1)
    FROM v WHERE v.name IS NOT NULL
)"""
VERSION_NAMES_SQL = f"""
{VERSIONS_OF_PROJECT}
SELECT name FROM v WHERE name IS NOT NULL LIMIT %(limit)s
"""  # noqa: S608


def version_names(project_id: int, *, limit: int) -> list[str]:
    """The project's model versions in alphabetical order, by their first 200 characters."""
    rows = fetch_all(
        VERSION_NAMES_SQL,
        {"project": project_id, "limit": limit},
        slot=slots.of_project(project_id),
    )
    return [row[0] for row in rows]


def has_several_versions(project_id: int) -> bool:
    """Whether the project's predictions are of more than one version; null is one, too."""
    names = version_names(project_id, limit=2)
    if len(names) != 1:
        return len(names) > 1
    unnamed = Prediction.objects.alias(start=Left("model_version", 200))
    return in_project(unnamed, project_id).filter(start__isnull=True).exists()


# Annotations that were made of what is deleted keep standing, without their parent.
ORPHANS_SQL = """
WITH gone AS ({delete} RETURNING p.id), orphaned AS (
    UPDATE predictions_annotation a SET parent_prediction_id = NULL
    FROM gone WHERE a.parent_prediction_id = gone.id
)
SELECT (SELECT count(*) FROM gone), ARRAY(SELECT id FROM gone ORDER BY id LIMIT %s)
"""
ORPHANS_OF_RUNS_SQL = """
UPDATE predictions_annotation a SET parent_prediction_id = NULL FROM predictions_prediction p
WHERE a.parent_prediction_id = p.id AND p.model_run_id = ANY(%s)
"""


def orphan_of_runs(run_ids: Sequence[int], *, project_id: int) -> None:
    """Takes from annotations the predictions that they were made of, where those are of these runs
    over a project, about to be deleted with them.
    """
    execute(ORPHANS_OF_RUNS_SQL, [list(run_ids)], slot=slots.of_project(project_id))


def version_delete(project_id: int, version: str | None) -> tuple[str, list[Any]]:
    """The statement that removes a version, and its parameters. The index has a version's first
    200 characters.
    """
    sql = "DELETE FROM predictions_prediction p WHERE p.project_id = %s AND "
    if version is None:
        return f"{sql}left(p.model_version, 200) IS NULL AND p.model_version IS NULL", [project_id]
    sql += "left(p.model_version, 200) = left(%s, 200) AND p.model_version = %s"
    return sql, [project_id, version, version]


def delete_version(project_id: int, version: str | None, access: Access) -> int:
    """Removes a model version of a project (null and `""` are two of them); how many went."""
    sql, params = version_delete(project_id, version)
    return deleted(sql, params, project_id=project_id, version=version, access=access)


def deleted(
    sql: str, params: Sequence[Any], *, project_id: int, version: str | None, access: Access
) -> int:
    """Executes a statement that deletes predictions `p` of one project, and records what went; how
    many. Of more than MOST_TOLD only their number is recorded.
    """
    most = MOST_TOLD if access.is_heard else 0
    text, values = ORPHANS_SQL.format(delete=sql), [*params, most]
    with recording.together(access.is_heard):
        row = fetch_one(text, values, slot=slots.of_project(project_id))
        n, ids = row if row else (0, [])
        if n and access.is_heard:
            told = [{"id": id_} for id_ in ids] if n <= MOST_TOLD else []
            recording.record(
                "PREDICTIONS_DELETED",
                workspace_id=access.workspace_id,
                project_id=project_id,
                body={"predictions": told, "count": n, "model_version": version},
            )
    return int(n)
