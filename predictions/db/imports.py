"""What an import reads and writes: tasks by their names, rows by COPY, how far a file has got."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from predictions.models import ImportCheckpoint, Project, Task
from predictions_api.postgres.copying import (
    Copy,
    boolean,
    copy,
    escaped,
    escaped_json,
    number,
    reserve_ids,
)
from predictions_api.postgres.sql import fetch_all

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


def known_task_ids(project_id: int, ids: Sequence[int]) -> set[int]:
    """Which of the ids are of tasks that the project has."""
    rows = Task.objects.filter(project_id=project_id, pk__in=ids)
    return set(rows.values_list("pk", flat=True))


def tasks_called(project_id: int, column: str, names: Sequence[str]) -> dict[str, list[int]]:
    """The ids of the project's tasks by what its owner calls them; `column` is a key of LOOKUPS."""
    stems = [name[:200] for name in names]
    params = {"project": project_id, "names": names, "stems": stems}
    return dict(fetch_all(LOOKUPS[column], params))


@dataclass(slots=True)
class PredictionRow:
    """A prediction ready for COPY: `result` is JSON text, `task` in the end an id."""

    index: int
    task: Any
    result: bytes
    score: float | None
    model_version: str | None


PREDICTION_COPY = (
    "id, task_id, project_id, result, model_version, score, mislabeling, created_at, updated_at"
)


def prediction_copy() -> Copy:
    """Where batches of `copy_lines` go."""
    return Copy("predictions_prediction", PREDICTION_COPY)


def copy_lines(
    project_id: int, rows: Sequence[PredictionRow], ids: Sequence[int]
) -> Iterator[bytes]:
    """The rows of one project in COPY's text format."""
    versions = {row.model_version: escaped(row.model_version) for row in rows}
    for id_, row in zip(ids, rows, strict=True):
        yield b"%d\t%d\t%d\t%b\t%b\t%b\t0\tnow\tnow\n" % (
            id_,
            row.task,
            project_id,
            escaped_json(row.result),
            versions[row.model_version],
            number(row.score),
        )


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task ready for COPY, with what stands inside it; the JSON columns are text."""

    data: bytes
    meta: bytes
    external_id: str | None
    predictions: list[PredictionRow]
    annotations: list[dict[str, Any]]


def store_tasks(project_id: int, rows: Sequence[TaskRow], first_inner_id: int) -> list[int]:
    ids = reserve_ids("predictions_task", len(rows))
    copy(
        "predictions_task",
        "id, project_id, data, meta, external_id, inner_id, overlap, created_at, updated_at",
        (
            b"%d\t%d\t%b\t%b\t%b\t%d\t1\tnow\tnow\n"
            % (
                id_,
                project_id,
                escaped_json(row.data),
                escaped_json(row.meta),
                escaped(row.external_id),
                first_inner_id + n,
            )
            for n, (id_, row) in enumerate(zip(ids, rows, strict=True))
        ),
    )
    return ids


def store_annotations(
    project_id: int, user_id: int, pairs: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    place, author = str(project_id).encode(), str(user_id).encode()
    copy(
        "predictions_annotation",
        "task_id, project_id, result, ground_truth, was_cancelled, lead_time, completed_by_id,"
        " unique_id, created_at, updated_at",
        (
            b"%d\t%b\t%b\t%b\t%b\t%b\t%b\t\\N\tnow\tnow\n"
            % (
                task_id,
                place,
                escaped_json(annotation["result"]),
                boolean(annotation["ground_truth"]),
                boolean(annotation["was_cancelled"]),
                number(annotation["lead_time"]),
                author,
            )
            for task_id, annotation in pairs
        ),
    )


def name_first_version(project: Project, version: str) -> None:
    """An import with predictions sets the project's version where it has none."""
    Project.objects.filter(pk=project.pk, model_version="").update(model_version=version)


def committed_items(project_id: int, source: str) -> int:
    """How many items of a file earlier imports have committed."""
    noted = ImportCheckpoint.objects.filter(project_id=project_id, source=source)
    return noted.values_list("n_items", flat=True).first() or 0


def note_committed(project_id: int, source: str, n_items: int) -> None:
    """Notes how far a file has got; belongs into the transaction that stores its items."""
    ImportCheckpoint.objects.update_or_create(
        project_id=project_id, source=source, defaults={"n_items": n_items}
    )
