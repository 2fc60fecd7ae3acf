"""Writes of many predictions at once: of one request, of a run, of the tasks of a project."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from accounts.tokens import Access
from predictions.db import documents, places
from predictions.db.documents import PREDICTION_COLUMNS, Document, Values
from predictions.db.predictions import checked_regions, gone_meanwhile, parameters_of
from predictions.db.reviews.replacing import Replacing
from predictions.db.versions import deleted
from predictions_api.http.fields import unknown_pk
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import execute, fetch_all, is_spread, reserve_ids

NON_FIELD = "non_field_errors"
#: So many new predictions, of so many bytes of regions, are recorded as they are.
MOST_WHOLE, MOST_WHOLE_BYTES = 500, 1_000_000
# The same for many of one slot, whose tasks are locked and whose configs have been asked.
CREATE_MANY_SQL = f"""
WITH touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    WHERE t.id = ANY(%(task)s)
)
INSERT INTO predictions_prediction AS p
    (id, task_id, project_id, slot, result, model_version, score, cluster, neighbors, mislabeling,
     model_id, model_run_id, created_at, updated_at)
SELECT g.id, g.task_id, g.project_id, g.slot, g.result::jsonb, g.model_version, g.score, g.cluster,
       g.neighbors::jsonb, g.mislabeling, g.model_id, g.model_run_id, now(), now()
FROM unnest(
    %(ids)s::bigint[], %(task)s::bigint[], %(project)s::bigint[], %(slots)s::smallint[],
    %(result)s::text[], %(model_version)s::text[], %(score)s::float8[], %(cluster)s::int[],
    %(neighbors)s::text[], %(mislabeling)s::float8[], %(model)s::bigint[], %(model_run)s::bigint[]
) AS g (id, task_id, project_id, slot, result, model_version, score, cluster, neighbors,
        mislabeling, model_id, model_run_id)
RETURNING {PREDICTION_COLUMNS}
"""  # noqa: S608


def create_many(many: Sequence[Values], access: Access, *, upsert: bool = False) -> list[Document]:
    """All of them or none, in order. The number of statements does not grow with theirs.

    ValidationError names each bad one by its place; with `upsert` a task and version given twice
    is bad, since the request would overwrite itself.
    """
    workspace_id = access.workspace_id
    with transaction.atomic():
        errors: list[Any] = places.unknown_ids(many, access)
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
        replacing = Replacing()
        if upsert:
            replacing.take_versions(pairs, workspace_id=workspace_id)
        stored = _insert_many(rows, access) if rows else []
        replacing.settle()
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
    """The rows in their order; those of each slot at once."""
    places_of: dict[int | None, list[int]] = {}
    for place, row in enumerate(rows):
        slot = slots.of_project(row["project"]) if is_spread() else None
        places_of.setdefault(slot, []).append(place)
    stored: dict[int, Document] = {}
    for slot, places_ in sorted(places_of.items(), key=lambda item: item[0] or 0):
        of_slot = [rows[place] for place in places_]
        documents_ = _insert_of_slot(of_slot, slot, access)
        stored |= dict(zip(places_, documents_, strict=True))
    return [stored[place] for place in range(len(rows))]


def _insert_of_slot(
    rows: Sequence[dict[str, Any]], slot: int | None, access: Access
) -> list[Document]:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    ids = reserve_ids("predictions_prediction", len(rows), slot=slot)
    columns |= {"ids": ids, "slots": [slots.of_project(row["project"]) for row in rows]}
    try:
        stored = fetch_all(CREATE_MANY_SQL, {**columns, "user": access.user_id}, slot=slot)
    except IntegrityError:
        raise gone_meanwhile(rows[0]) from None
    age = documents.ages()
    by_id = {row[0]: row for row in stored}
    return [
        documents.prediction((id_, result, *by_id[id_][2:]), age)
        for id_, result in zip(ids, columns["result"], strict=True)
    ]


def delete_of_tasks(
    task_ids: Sequence[int],
    *,
    project_id: int,
    access: Access,
    versions: Sequence[str] | None = None,
) -> int:
    """Removes predictions of tasks of one project, all or of some versions; how many went."""
    sql = "DELETE FROM predictions_prediction p WHERE p.project_id = %s AND p.task_id = ANY(%s)"
    params: list[Any] = [project_id, list(task_ids)]
    if versions is not None:
        sql += " AND p.model_version = ANY(%s)"
        params.append(list(versions))
    only = versions[0] if versions is not None and len(versions) == 1 else None
    return deleted(sql, params, project_id=project_id, version=only, access=access)


class RunPrediction(NamedTuple):
    """What a run says of a task: regions as JSON text that jsonb takes, and a score."""

    task_id: int
    result: str
    score: float | None


INSERT_OF_RUN_SQL = """
INSERT INTO predictions_prediction
    (id, task_id, project_id, slot, result, model_version, score, mislabeling, model_run_id,
     created_at, updated_at)
SELECT k.id, k.task_id, %s, %s, k.result::jsonb, %s, k.score, 0, %s, now(), now()
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::float8[]) AS k(id, task_id, result, score)
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
    Locks the tasks in id order; belongs inside the caller's transaction. Four statements for any
    number of rows, one more where somebody may listen, and where people made annotations of what
    is replaced.
    """
    task_ids = sorted(row.task_id for row in rows)
    slot = slots.of_project(project_id)
    fetch_all(
        "SELECT 1 FROM predictions_task t WHERE t.id = ANY(%s) ORDER BY t.id FOR NO KEY UPDATE",
        [task_ids],
        slot=slot,
    )
    sql, params = earlier_runs
    delete = (
        "DELETE FROM predictions_prediction p WHERE p.project_id = %s AND p.task_id = ANY(%s)"  # noqa: S608
        f" AND p.model_run_id IN ({sql})"
    )
    replacing = Replacing()
    replacing.take(delete, [project_id, task_ids, *params], slot=slot)
    ids = reserve_ids("predictions_prediction", len(rows), slot=slot)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    execute(
        INSERT_OF_RUN_SQL, [project_id, slot, model_version, model_run_id, ids, *columns], slot=slot
    )
    replacing.settle()
    made = {row.task_id: id_ for row, id_ in zip(rows, ids, strict=True)}
    if heard_in is not None:
        recording.record(
            "PREDICTIONS_CREATED",
            workspace_id=heard_in,
            project_id=project_id,
            body={"ids": sorted(made.values())},
        )
    return made
