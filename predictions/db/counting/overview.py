"""What a project has, at a glance: counts that stop at MOST, so that they cost the same however
much there is, its model versions, and the exports at work.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from predictions.db.versions import VERSIONS_OF_PROJECT
from predictions.models import ProjectExport
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_one

#: Rows of a kind that are counted; MOST + 1 stands for more than that.
MOST = 1_000
#: Versions that are looked for, and told apart by their first 200 characters.
MOST_VERSIONS = 200
#: Backends that are looked for: whether there is one, or more.
MOST_BACKENDS = 2

# By the indexes that begin with the project: each version is a probe of the one on (project,
# version, id), so is its newest prediction, and MOST + 1 entries of it at most are counted.
# Versions are held against each other with <= and >=, and rows are put in order: with = and without
# an order Postgres believes that a scan of the whole table meets enough of the project's rows soon.
OVERVIEW_SQL = f"""
{VERSIONS_OF_PROJECT}, counted AS (
    SELECT l.model_version AS name, c.n, l.id, l.created_at FROM v
    CROSS JOIN LATERAL (SELECT p.id, p.model_version, p.created_at
        FROM predictions_prediction p
        WHERE p.project_id = %(project)s AND left(p.model_version, 200) <= v.name
        ORDER BY left(p.model_version, 200) DESC, p.id DESC LIMIT 1) l
    CROSS JOIN LATERAL (SELECT count(*) AS n FROM (
            SELECT left(p.model_version, 200) AS name FROM predictions_prediction p
            WHERE p.project_id = %(project)s AND left(p.model_version, 200) >= v.name
            ORDER BY left(p.model_version, 200), p.id LIMIT {MOST + 1}) m
        WHERE m.name = v.name) c
    LIMIT {MOST_VERSIONS}
), unnamed AS (
    SELECT p.id, p.created_at FROM predictions_prediction p
    WHERE p.project_id = %(project)s AND left(p.model_version, 200) IS NULL
    ORDER BY left(p.model_version, 200) DESC, p.id DESC LIMIT {MOST + 1}
), newest AS (
    SELECT a.ground_truth, a.was_cancelled FROM predictions_annotation a
    WHERE a.project_id = %(project)s ORDER BY a.task_id DESC LIMIT {MOST + 1}
)
SELECT
    (SELECT count(*) FROM (SELECT 1 FROM predictions_task
        WHERE project_id = %(project)s ORDER BY id LIMIT {MOST + 1}) t),
    (SELECT count(*) FROM (SELECT 1 FROM predictions_prediction
        WHERE project_id = %(project)s ORDER BY id LIMIT {MOST + 1}) p),
    (SELECT count(*) FROM newest),
    (SELECT count(*) FROM newest WHERE ground_truth AND NOT was_cancelled),
    (SELECT coalesce(jsonb_agg(jsonb_build_array(name, n, created_at) ORDER BY id DESC), '[]')
     FROM (SELECT name, n, id, created_at FROM counted
           UNION ALL SELECT NULL, count(*), max(id), max(created_at) FROM unnamed
           HAVING count(*) > 0) g),
    (SELECT coalesce(jsonb_agg(jsonb_build_array(e.id, e.export_type, e.source, e.progress,
        e.created_at) ORDER BY e.id DESC), '[]')
     FROM predictions_projectexport e
     WHERE e.project_id = %(project)s AND e.status = ANY(%(open)s)),
    ARRAY(SELECT b.id FROM predictions_mlbackend b
        WHERE b.project_id = %(project)s ORDER BY b.id LIMIT {MOST_BACKENDS}),
    (SELECT count(*) > {MOST_VERSIONS} FROM (SELECT 1 FROM v
        WHERE name IS NOT NULL LIMIT {MOST_VERSIONS + 1}) w)
"""  # noqa: S608
OPEN = (ProjectExport.Status.QUEUED, ProjectExport.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Version:
    """A model version's predictions: their number, at most MOST + 1, and when the last came.

    Versions of the same first 200 characters are one, called as the newest; so are the empty one
    and the null one, None.
    """

    name: str | None
    n: int
    latest: datetime

    @property
    def start(self) -> str:
        """What it is known by: its first 200 characters; empty for the null version."""
        return (self.name or "")[:200]


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is not over; progress from 0 to 1."""

    pk: int
    export_type: str
    source: str
    progress: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """Each count is at most MOST + 1."""

    tasks: int = 0
    predictions: int = 0
    annotations: int = 0
    #: Marked as ground truth and not cancelled, of the last MOST + 1 annotations by task.
    ground_truths: int = 0
    #: That of the newest prediction first; of more than MOST_VERSIONS the first by name.
    versions: Sequence[Version] = field(default_factory=tuple)
    has_more_versions: bool = False
    exports: Sequence[Export] = field(default_factory=tuple)
    #: Ids of its ML backends, MOST_BACKENDS at most.
    backends: Sequence[int] = ()


def _together(versions: Iterable[Version]) -> list[Version]:
    """Those that are known by the same start as one, called as the first: the empty and the null
    version, which an evaluation counts together, too.
    """
    found: dict[str, Version] = {}
    for one in versions:
        first = found.setdefault(one.start, one)
        if first is not one:
            found[one.start] = replace(first, n=min(first.n + one.n, MOST + 1))
    return list(found.values())


def overview_of(project_id: int) -> Overview:
    """The project's overview; zeros for an unknown project. One statement."""
    params = {"project": project_id, "open": list(OPEN)}
    row = fetch_one(OVERVIEW_SQL, params, slot=slots.of_project(project_id))
    assert row is not None
    tasks, predictions, annotations, truths, versions, exports, backends, has_more = row
    return Overview(
        tasks,
        predictions,
        annotations,
        truths,
        versions=_together(
            Version(name, n, datetime.fromisoformat(latest))
            for name, n, latest in orjson.loads(versions)
        ),
        has_more_versions=has_more,
        exports=[
            Export(pk, export_type, source, progress, datetime.fromisoformat(created))
            for pk, export_type, source, progress, created in orjson.loads(exports)
        ],
        backends=backends,
    )
