"""What an import reads and writes: tasks by their names, rows by COPY, how far a file has got."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictions.db.places import slots_of_tasks
from predictions.models import ImportCheckpoint, Project
from predictions_api.http.storable import json_value
from predictions_api.outbound.events import recording
from predictions_api.postgres.copying import (
    NULL,
    Copy,
    boolean,
    copy,
    escaped,
    escaped_json,
    number,
)
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import at_path, execute, fetch_all, reserve_ids

# Each by its own partial index on (project, name), of tasks that have such a name at all.
LOOKUPS = {
    "external_id": """
        SELECT external_id, array_agg(id) FROM predictions_task
        WHERE project_id = %(project)s AND external_id IS NOT NULL
          AND external_id = ANY(%(names)s) GROUP BY 1
    """,
    "meta.image_id": """
        SELECT meta->>'image_id', array_agg(id) FROM predictions_task
        WHERE project_id = %(project)s AND meta ? 'image_id'
          AND left(meta->>'image_id', 200) = ANY(%(stems)s)
          AND meta->>'image_id' = ANY(%(names)s) GROUP BY 1
    """,
}


# By primary key.
KNOWN_TASKS_SQL = """
SELECT t.id FROM predictions_task t WHERE t.id = ANY(%s) AND t.project_id = %s
"""


def known_task_ids(project_id: int, ids: Sequence[int]) -> set[int]:
    """Which of the ids are of tasks that the project has."""
    rows = fetch_all(KNOWN_TASKS_SQL, [list(ids), project_id], slot=slots.of_project(project_id))
    return {row[0] for row in rows}


def tasks_called(project_id: int, column: str, names: Sequence[str]) -> dict[str, list[int]]:
    """The ids of the project's tasks by what its owner calls them; `column` is a key of LOOKUPS."""
    stems = [name[:200] for name in names]
    params = {"project": project_id, "names": names, "stems": stems}
    return dict(fetch_all(LOOKUPS[column], params, slot=slots.of_project(project_id)))


def beside(cluster: int | None, neighbors: bytes | None, mislabeling: float) -> bytes:
    """What evaluations find out of a prediction, as columns of COPY: its cluster, the nearest tasks
    as JSON text, and how doubtful its label is.
    """
    near = NULL if neighbors is None else escaped_json(neighbors)
    return b"%b\t%b\t%b" % (number(cluster), near, number(mislabeling))


NOTHING_BESIDE = beside(None, None, 0.0)


@dataclass(slots=True)
class PredictionRow:
    """A prediction ready for COPY: `result` is JSON text, `task` in the end an id."""

    index: int
    task: Any
    result: bytes
    score: float | None
    model_version: str | None
    beside: bytes = NOTHING_BESIDE


PREDICTION_COPY = (
    "id, task_id, project_id, slot, result, model_version, score, cluster, neighbors, mislabeling,"
    " created_at, updated_at"
)


def prediction_copy() -> Copy:
    """Where batches of `copy_lines` go."""
    return Copy(("predictions_prediction", PREDICTION_COPY))


def record_created(prediction_ids: Sequence[int], project: Project) -> None:
    """Records a batch of new predictions for those who listen."""
    recording.record(
        "PREDICTIONS_CREATED",
        workspace_id=project.workspace_id,
        project_id=project.pk,
        body={"ids": list(prediction_ids)},
    )


def task_copy() -> Copy:
    """Where batches of `task_lines`, `annotation_lines` and `copy_lines` go, in this order."""
    return Copy(
        ("predictions_task", TASK_COPY),
        ("predictions_annotation", ANNOTATION_COPY),
        ("predictions_prediction", PREDICTION_COPY),
    )


def copy_lines(
    project_id: int, rows: Sequence[PredictionRow], ids: Sequence[int]
) -> Iterator[bytes]:
    """The rows of one project in COPY's text format."""
    versions = {row.model_version: escaped(row.model_version) for row in rows}
    slot = slots.of_project(project_id)
    for id_, row in zip(ids, rows, strict=True):
        yield b"%d\t%d\t%d\t%d\t%b\t%b\t%b\t%b\tnow\tnow\n" % (
            id_,
            row.task,
            project_id,
            slot,
            escaped_json(row.result),
            versions[row.model_version],
            number(row.score),
            row.beside,
        )


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task ready for COPY, with what stands inside it; the JSON columns are text."""

    data: bytes
    meta: bytes
    external_id: str | None
    predictions: list[PredictionRow]
    annotations: list[dict[str, Any]]
    tags: Sequence[str] = ()


TASK_COPY = (
    "id, project_id, slot, data, meta, external_id, inner_id, overlap, created_at, updated_at"
)
ANNOTATION_COPY = (
    "id, task_id, project_id, slot, result, ground_truth, was_cancelled, lead_time,"
    " completed_by_id, unique_id, created_at, updated_at"
)


def task_lines(
    project_id: int, rows: Iterable[TaskRow], ids: Iterable[int], first_inner_id: int
) -> Iterator[bytes]:
    """Tasks in COPY's text format; ids and inner ids follow their order."""
    slot = slots.of_project(project_id)
    for n, (id_, row) in enumerate(zip(ids, rows, strict=True)):
        yield b"%d\t%d\t%d\t%b\t%b\t%b\t%d\t1\tnow\tnow\n" % (
            id_,
            project_id,
            slot,
            escaped_json(row.data),
            escaped_json(row.meta),
            escaped(row.external_id),
            first_inner_id + n,
        )


def annotation_lines(
    project_id: int,
    user_id: int | None,
    pairs: Iterable[tuple[int, dict[str, Any]]],
    ids: Iterable[int],
) -> Iterator[bytes]:
    """Annotations by task id in COPY's text format; ids follow their order."""
    place = b"%d\t%d" % (project_id, slots.of_project(project_id))
    author = number(user_id)
    for id_, (task_id, annotation) in zip(ids, pairs, strict=True):
        yield b"%d\t%d\t%b\t%b\t%b\t%b\t%b\t%b\t\\N\tnow\tnow\n" % (
            id_,
            task_id,
            place,
            escaped_json(annotation["result"]),
            boolean(annotation["ground_truth"]),
            boolean(annotation["was_cancelled"]),
            number(annotation["lead_time"]),
            author,
        )


def store_tasks(project_id: int, rows: Sequence[TaskRow], first_inner_id: int) -> list[int]:
    ids = reserve_ids("predictions_task", len(rows), slot=slots.of_project(project_id))
    copy("predictions_task", TASK_COPY, task_lines(project_id, rows, ids, first_inner_id))
    return ids


def store_annotations(
    project_id: int, user_id: int | None, pairs: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    slot = slots.of_project(project_id)
    ids = reserve_ids("predictions_annotation", len(pairs), slot=slot)
    lines = annotation_lines(project_id, user_id, pairs, ids)
    copy("predictions_annotation", ANNOTATION_COPY, lines)


# All tasks of a project with what they are called, by (project, id).
CALLED_SQL = f"""
SELECT id, meta->>'image_id', meta->>'image_name',
       {at_path("data", "%(path)s::text[]")} #>> '{{}}'
FROM predictions_task WHERE project_id = %(project)s ORDER BY id
"""  # noqa: S608
# The newest ground truth of each task, by (task, id).
TRUTHS_SQL = """
SELECT DISTINCT ON (task_id) task_id, id, result::text FROM predictions_annotation
WHERE task_id = ANY(%s) AND ground_truth AND NOT was_cancelled ORDER BY task_id, id DESC
"""
DATA_SQL = "SELECT id, data::text FROM predictions_task WHERE id = ANY(%s) ORDER BY id"
SPLITS_SQL = """
SELECT t.id, t.meta->>'split' FROM predictions_task t WHERE t.id = ANY(%s) ORDER BY t.id
"""
# One prediction alone, of this result and score. By the index on (task, id).
SAME_PREDICTIONS_SQL = """
SELECT p.task_id FROM predictions_prediction p
JOIN unnest(%(tasks)s::bigint[], %(results)s::text[], %(scores)s::float8[])
    AS k (task_id, result, score) ON p.task_id = k.task_id
WHERE p.task_id = ANY(%(tasks)s) AND p.model_version = %(version)s
GROUP BY p.task_id
HAVING count(*) = 1
   AND bool_and(p.score IS NOT DISTINCT FROM k.score AND p.result = k.result::jsonb)
"""
REPLACE_TRUTHS_SQL = """
UPDATE predictions_annotation a SET result = k.result::jsonb, updated_at = now(),
    updated_by_id = %s
FROM unnest(%s::bigint[], %s::text[]) AS k (id, result) WHERE a.id = k.id
"""


def called_tasks(
    project_id: int, path: Sequence[str]
) -> list[tuple[int, str | None, str | None, str | None]]:
    """Id, `meta.image_id`, `meta.image_name` and the value at `path` of the data of each task."""
    params = {"path": list(path), "project": project_id}
    return fetch_all(CALLED_SQL, params, slot=slots.of_project(project_id))


def values_of_tasks(project_id: int, ways: Sequence[Sequence[str]]) -> dict[int, list[Any]]:
    """By task the values at these places of its data; None for one that is not there."""
    values = ", ".join(at_path("data", f"%(way{n})s::text[]") for n in range(len(ways)))
    sql = f"""
    SELECT id, jsonb_build_array({values})::text FROM predictions_task
    WHERE project_id = %(project)s ORDER BY id
    """  # noqa: S608
    params = {f"way{n}": list(way) for n, way in enumerate(ways)} | {"project": project_id}
    found = fetch_all(sql, params, slot=slots.of_project(project_id))
    return {row[0]: json_value(row[1]) for row in found}


def data_of_tasks(task_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """By task all of its data."""
    return {
        row[0]: json_value(row[1])
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(DATA_SQL, [ids], slot=slot)
    }


def truths_of_tasks(task_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """By task the id and the result, as JSON, of the ground truth that is counted."""
    return {
        row[0]: (row[1], row[2])
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(TRUTHS_SQL, [ids], slot=slot)
    }


def splits_of_tasks(task_ids: Sequence[int]) -> dict[int, str | None]:
    """By task the `split` of its meta."""
    return {
        row[0]: row[1]
        for slot, ids in slots_of_tasks(task_ids)
        for row in fetch_all(SPLITS_SQL, [ids], slot=slot)
    }


def same_predictions(project_id: int, version: str, rows: Sequence[PredictionRow]) -> set[int]:
    """Of which of these rows' tasks the version has said the same already, and nothing else."""
    params = {
        "tasks": [row.task for row in rows],
        "results": [row.result.decode() for row in rows],
        "scores": [row.score for row in rows],
        "version": version,
    }
    found = fetch_all(SAME_PREDICTIONS_SQL, params, slot=slots.of_project(project_id))
    return {row[0] for row in found}


# Served by the (task, id) index.
OTHER_CONTROLS_SQL = """
SELECT min(e ->> 'from_name') FROM predictions_prediction p, jsonb_array_elements(
    CASE WHEN jsonb_typeof(p.result) = 'array' THEN p.result ELSE '[]' END) AS e
WHERE p.project_id = %(project)s AND p.task_id = ANY(%(tasks)s::bigint[])
    AND p.model_version = %(version)s AND e ->> 'from_name' <> ALL(%(controls)s::text[])
GROUP BY p.task_id
"""


def of_other_controls(
    project_id: int, version: str, tasks: Sequence[int], controls: Collection[str]
) -> list[str]:
    """For each of the tasks of which the version says something by other controls than these, the
    name of one.
    """
    params = {
        "project": project_id,
        "tasks": list(tasks),
        "version": version,
        "controls": list(controls),
    }
    found = fetch_all(OTHER_CONTROLS_SQL, params, slot=slots.of_project(project_id))
    return [str(row[0]) for row in found]


def replace_truths(results: Mapping[int, bytes], *, project_id: int, user_id: int | None) -> None:
    """Other results for annotations of a project, by their id, as JSON."""
    texts = [result.decode() for result in results.values()]
    params = [user_id, list(results), texts]
    execute(REPLACE_TRUTHS_SQL, params, slot=slots.of_project(project_id))


def name_first_version(project: Project, version: str) -> None:
    """An import with predictions sets the project's version where it has none."""
    Project.objects.filter(pk=project.pk, model_version="").update(model_version=version)


def checkpoints(project_id: int) -> list[tuple[str, int]]:
    """What files of earlier imports are known by, and how many items of each are committed: the
    newest first.
    """
    noted = ImportCheckpoint.objects.filter(project_id=project_id).order_by("-updated_at", "-id")
    return list(noted.values_list("source", "n_items"))


def note_committed(project_id: int, source: str, n_items: int, *, instead_of: str | None) -> bool:
    """Notes how far a file has got, `instead_of` an earlier note of the same import; belongs into
    the transaction that stores its items. False where it had been noted before.
    """
    if instead_of is not None:
        ImportCheckpoint.objects.filter(project_id=project_id, source=instead_of).delete()
    _, is_new = ImportCheckpoint.objects.update_or_create(
        project_id=project_id, source=source, defaults={"n_items": n_items}
    )
    return is_new
