"""Writes of many predictions at once: of one request, of a run, of the tasks of a project."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db import documents, places
from predictions.db.documents import PREDICTION_COLUMNS, Document, Values
from predictions.db.predictions import checked_regions, gone_meanwhile, parameters_of, unknown_ids
from predictions.db.versions import delete_versions, deleted
from predictions_api.http.fields import unknown_pk
from predictions_api.outbound.events import recording
from predictions_api.postgres.sql import fetch_all

NON_FIELD = "non_field_errors"
#: So many new predictions, of so many bytes of regions, are recorded as they are.
MOST_WHOLE, MOST_WHOLE_BYTES = 500, 1_000_000
# The same for many, whose tasks are locked and whose configs have been asked. Ids follow positions.
CREATE_MANY_SQL = f"""
WITH given AS (
    SELECT * FROM unnest(
        %(task)s::bigint[], %(project)s::bigint[], %(result)s::text[], %(model_version)s::text[],
        %(score)s::float8[], %(cluster)s::int[], %(neighbors)s::text[], %(mislabeling)s::float8[],
        %(model)s::bigint[], %(model_run)s::bigint[]
    ) WITH ORDINALITY AS g (task_id, project_id, result, model_version, score, cluster, neighbors,
                            mislabeling, model_id, model_run_id, position)
), p AS (
    INSERT INTO predictions_prediction
        (task_id, project_id, result, model_version, score, cluster, neighbors, mislabeling,
         model_id, model_run_id, created_at, updated_at)
    SELECT task_id, project_id, result::jsonb, model_version, score, cluster, neighbors::jsonb,
           mislabeling, model_id, model_run_id, now(), now()
    FROM given ORDER BY position RETURNING *
), touched AS (
    UPDATE predictions_task SET updated_at = now(), updated_by_id = %(user)s
    WHERE id = ANY(%(task)s)
)
SELECT {PREDICTION_COLUMNS} FROM p ORDER BY p.id
"""  # noqa: S608


def create_many(many: Sequence[Values], access: Access, *, upsert: bool = False) -> list[Document]:
    """All of them or none, in order. The number of statements does not grow with theirs.

    ValidationError names each bad one by its place; with `upsert` a task and version given twice
    is bad, since the request would overwrite itself.
    """
    workspace_id = access.workspace_id
    errors: list[Any] = unknown_ids(many, access)
    with transaction.atomic():
        targets = places.lock_tasks([v["task"] for v in many], workspace_id=workspace_id)
        rows = []
        for index, values in enumerate(many):
            target = targets.get(values["task"])
            if target is None:
                errors[index]["task"] = [unknown_pk(values["task"])]
            if target is None or errors[index]:
                continue
            try:
                regions = checked_regions(target, values)
            except ValidationError as exc:
                detail = exc.detail
                errors[index] = detail if isinstance(detail, dict) else {NON_FIELD: detail}
                continue
            row = parameters_of(values, access, result=regions, validated=True)
            rows.append({**row, "project": target.project_id})
        pairs = [(v["task"], v.get("model_version", "")) for v in many]
        if upsert:
            _refuse_repeats(pairs, errors)
        if any(errors):
            raise ValidationError(errors)
        if upsert:
            delete_versions(pairs, workspace_id=workspace_id)
        stored = _insert_many(rows, access) if rows else []
        if access.is_heard:
            _record(stored, n_bytes=sum(len(row["result"] or "") for row in rows), access=access)
        return stored


def _record(stored: Sequence[Document], *, n_bytes: int, access: Access) -> None:
    """Records what was stored, by project: whole where it is little, else by its ids."""
    is_little = len(stored) <= MOST_WHOLE and n_bytes <= MOST_WHOLE_BYTES
    by_project: dict[int, list[Document]] = {}
    for document in stored:
        by_project.setdefault(document["project"], []).append(document)
    for project_id, documents_ in by_project.items():
        ids = [document["id"] for document in documents_]
        recording.record(
            "PREDICTIONS_CREATED",
            workspace_id=access.workspace_id,
            project_id=project_id,
            body={"predictions": documents_} if is_little else {"ids": ids},
        )


def _refuse_repeats(pairs: Sequence[tuple[int, str | None]], errors: list[Any]) -> None:
    first: dict[tuple[int, str | None], int] = {}
    for index, pair in enumerate(pairs):
        if first.setdefault(pair, index) != index:
            message = f"Repeats task and model_version of item {first[pair]}."
            errors[index].setdefault(NON_FIELD, []).append(message)


def _insert_many(rows: Sequence[dict[str, Any]], access: Access) -> list[Document]:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    try:
        stored = fetch_all(CREATE_MANY_SQL, {**columns, "user": access.user_id})
    except IntegrityError as exc:
        raise gone_meanwhile(exc, rows[0]) from None
    age = documents.ages()
    return [
        documents.prediction((row[0], result, *row[2:]), age)
        for row, result in zip(stored, columns["result"], strict=True)
    ]


def delete_of_tasks(
    task_ids: Sequence[int],
    *,
    project_id: int,
    access: Access,
    versions: Sequence[str] | None = None,
) -> int:
    """Removes predictions of tasks of one project, all or of some versions; how many went."""
    sql = "DELETE FROM predictions_prediction WHERE project_id = %s AND task_id = ANY(%s)"
    params: list[Any] = [project_id, list(task_ids)]
    if versions is not None:
        sql += " AND model_version = ANY(%s)"
        params.append(list(versions))
    if access.is_heard:
        only = versions[0] if versions is not None and len(versions) == 1 else None
        return deleted(sql, params, project_id=project_id, version=only, access=access)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


class RunPrediction(NamedTuple):
    """What a run says of a task: regions as JSON text that jsonb takes, and a score."""

    task_id: int
    result: str
    score: float | None


INSERT_OF_RUN_SQL = """
INSERT INTO predictions_prediction
    (task_id, project_id, result, model_version, score, mislabeling, model_run_id,
     created_at, updated_at)
SELECT k.task_id, %s, k.result::jsonb, %s, k.score, 0, %s, now(), now()
FROM unnest(%s::bigint[], %s::text[], %s::float8[]) AS k(task_id, result, score)
RETURNING task_id, id
"""


def replace_of_runs(
    rows: Sequence[RunPrediction],
    *,
    project_id: int,
    model_run_id: int,
    model_version: str,
    earlier_runs: tuple[str, Sequence[Any]],
    heard_in: int | None,
) -> dict[int, int]:
    """Stores a run's predictions in place of those of `earlier_runs` on the same tasks.

    `earlier_runs` is a statement, with its parameters, that selects the ids of runs. Prediction
    ids by task id. `heard_in` is the workspace where somebody may listen, None where nobody does.
    Locks the tasks in id order; belongs inside the caller's transaction. Three statements for any
    number of rows, four where somebody may listen.
    """
    task_ids = sorted(row.task_id for row in rows)
    fetch_all(
        "SELECT 1 FROM predictions_task WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [task_ids],
    )
    sql, params = earlier_runs
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions_prediction WHERE project_id = %s AND task_id = ANY(%s)"  # noqa: S608
            f" AND model_run_id IN ({sql})",
            [project_id, task_ids, *params],
        )
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    values = [project_id, model_version, model_run_id, *columns]
    made: dict[int, int] = dict(fetch_all(INSERT_OF_RUN_SQL, values))
    if heard_in is not None:
        recording.record(
            "PREDICTIONS_CREATED",
            workspace_id=heard_in,
            project_id=project_id,
            body={"ids": sorted(made.values())},
        )
    return made
