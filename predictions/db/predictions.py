"""The one place that stores, changes and removes predictions.

A single create is one statement: it finds the task in the caller's workspace, stores the row and
marks the task as touched, or does none of it. `project_id` always is the task's. What would break
a later read is refused before it gets here (`results`); what depends on stored rows is refused
here, as ValidationError in the peer's words.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions.db import documents, queries
from predictions.db.documents import PREDICTION_COLUMNS, Document
from predictions.db.model_runs import known_model_runs
from predictions.db.queries import Target
from predictions.regions import labelling
from predictions.regions.lists import region_list
from predictions_api.http.fields import unknown_pk
from predictions_api.http.storable import Refused, json_text
from predictions_api.postgres.sql import Row, fetch_all, fetch_one, fetch_prepared

Values = Mapping[str, Any]

NON_FIELD = "non_field_errors"
NO_PREDICTION = "No Prediction matches the given query."

# One statement. `validated` says that the labelling config has been asked already; without it a
# project that wants validation lets nothing through.
CREATE_SQL = f"""
WITH target AS (
    SELECT t.id, t.project_id FROM predictions_task t
    JOIN predictions_project j ON j.id = t.project_id
    WHERE t.id = %(task)s AND j.workspace_id = %(workspace)s
      AND (%(validated)s OR NOT j.validate_predictions)
), p AS (
    INSERT INTO predictions_prediction
        (task_id, project_id, result, model_version, score, cluster, neighbors, mislabeling,
         model_id, model_run_id, created_at, updated_at)
    SELECT id, project_id, %(result)s::jsonb, %(model_version)s, %(score)s, %(cluster)s,
           %(neighbors)s::jsonb, %(mislabeling)s, %(model)s, %(model_run)s, now(), now()
    FROM target RETURNING *
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    FROM target WHERE t.id = target.id
)
SELECT {PREDICTION_COLUMNS} FROM p
"""  # noqa: S608

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

# Replaced by (task, model_version), together with every duplicate of an earlier time. Served by
# the (task, id) index.
DELETE_VERSIONS_SQL = """
DELETE FROM predictions_prediction p
USING unnest(%s::bigint[], %s::text[]) AS k (task_id, model_version), predictions_project j
WHERE p.task_id = k.task_id AND p.model_version IS NOT DISTINCT FROM k.model_version
  AND j.id = p.project_id AND j.workspace_id = %s
"""

# What a column takes from a validated value.
COLUMNS = {
    "model_version": "model_version",
    "score": "score",
    "cluster": "cluster",
    "mislabeling": "mislabeling",
    "model": "model_id",
    "model_run": "model_run_id",
}


def _unknown_ids(many: Sequence[Values], access: Access) -> list[dict[str, Any]]:
    """For each of the values its errors, if any, for ids that name nothing in the caller's
    workspace. One statement for projects and one for ML backends, where any are named.
    """
    workspace_id = access.workspace_id
    named = {
        name: {values[name] for values in many if values.get(name) is not None}
        for name in ("project", "model", "model_run")
    }
    known = {
        "project": queries.known_projects(named["project"], workspace_id=workspace_id),
        "model": queries.known_ml_backends(named["model"], workspace_id=workspace_id),
        "model_run": known_model_runs(named["model_run"], workspace_id=workspace_id),
    }
    return [
        {
            name: [unknown_pk(values[name])]
            for name, ids in known.items()
            if values.get(name) is not None and values[name] not in ids
        }
        for values in many
    ]


def _gone_meanwhile(exc: IntegrityError, values: Values) -> ValidationError:
    """The refusal where the task or the ML backend was deleted after it had been found."""
    constraint = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None) or ""
    name = "model" if "model_id" in constraint else "task"
    return ValidationError({name: [unknown_pk(values.get(name, 0))]})


def _is_plain(result: Any) -> bool:
    return isinstance(result, list) and all(isinstance(region, dict) for region in result)


def _checked_regions(target: Target, values: Values) -> Any:
    """The regions to store for values that carry a result; ValidationError if they may not be."""
    result = values["result"]
    if target.validate_predictions:
        _raise_problems(labelling.problems(target.label_config, result, values.get("score")))
    try:
        regions = region_list(result)
    except Refused as exc:
        raise ValidationError([str(exc)]) from None
    if regions is not None:
        return regions
    try:
        return labelling.expand(target.label_config, result)
    except Refused as exc:
        raise ValidationError({"result": [str(exc)]}) from None


def _check_kept_result(prediction_id: int, values: Values, *, old: Target, new: Target) -> None:
    """ValidationError where the project, which validates, refuses what a change leaves behind."""
    score = values.get("score")
    if new.project_id != old.project_id:
        result, kept_score = queries.result_and_score(prediction_id)
        score = values.get("score", kept_score)
        _raise_problems(labelling.problems(new.label_config, result, score))
    elif score is not None:
        _raise_problems(labelling.problems(new.label_config, [], score))


def _raise_problems(found: list[str]) -> None:
    if found:
        raise ValidationError([f"Error validating prediction: {found}"])


def _parameters(values: Values, access: Access, *, result: Any, validated: bool) -> dict[str, Any]:
    neighbors = values.get("neighbors")
    return {
        "task": values["task"],
        "workspace": access.workspace_id,
        "user": access.user_id,
        "validated": validated,
        "result": json_text(result),
        "model_version": values.get("model_version", ""),
        "score": values.get("score"),
        "cluster": values.get("cluster"),
        "neighbors": None if neighbors is None else json_text(neighbors),
        "mislabeling": values.get("mislabeling", 0.0),
        "model": values.get("model"),
        "model_run": values.get("model_run"),
    }


def _insert(values: Values, access: Access, *, result: Any, validated: bool) -> Row | None:
    """The stored row, or None where the workspace lacks the task or the project validates."""
    parameters = _parameters(values, access, result=result, validated=validated)
    try:
        row = fetch_prepared(CREATE_SQL, parameters)
    except IntegrityError as exc:
        raise _gone_meanwhile(exc, values) from None
    if row is None:
        return None
    return _as_sent(row, parameters["result"])


def _as_sent(row: Row, result: str | None) -> Row:
    """The row with the result that was just written: only later reads have jsonb's key order."""
    return row if result is None else (row[0], result, *row[2:])


def create(values: Values, access: Access) -> Document:
    """Stores one validated prediction. One statement where the result is a list of regions and the
    project does not validate, three at most otherwise; ids of other objects cost one each.

    ValidationError, and nothing stored, when the task or another id is unknown to the workspace,
    the labelling config objects, or a shorthand fits no control.
    """
    errors = _unknown_ids([values], access)[0]
    row = None
    if not errors and _is_plain(values["result"]):
        row = _insert(values, access, result=values["result"], validated=False)
    if row is None:
        target = queries.target_of_task(values["task"], workspace_id=access.workspace_id)
        if target is None:
            errors["task"] = [unknown_pk(values["task"])]
        if errors or target is None:
            raise ValidationError(errors)
        regions = _checked_regions(target, values)
        row = _insert(values, access, result=regions, validated=True)
    if row is None:
        raise ValidationError({"task": [unknown_pk(values["task"])]})
    return documents.prediction(row, documents.ages())


def delete_versions(pairs: Sequence[tuple[int, str | None]], *, workspace_id: int) -> None:
    """Removes what the workspace's tasks have of a model version, for each (task id, version)."""
    task_ids, versions = [task for task, _ in pairs], [version for _, version in pairs]
    with connection.cursor() as cursor:
        cursor.execute(DELETE_VERSIONS_SQL, [task_ids, versions, workspace_id])


def replace(values: Values, access: Access) -> Document:
    """As `create`, in place of every prediction of the same task and model version."""
    workspace_id, task_id = access.workspace_id, values["task"]
    with transaction.atomic():
        # Two writers of one task wait for each other, so none of them leaves a duplicate.
        queries.lock_tasks([task_id], workspace_id=workspace_id)
        delete_versions([(task_id, values.get("model_version", ""))], workspace_id=workspace_id)
        return create(values, access)


def create_many(many: Sequence[Values], access: Access, *, upsert: bool = False) -> list[Document]:
    """All of them or none, in order. The number of statements does not grow with theirs.

    ValidationError names each bad one by its place; with `upsert` a task and version given twice
    is bad, since the request would overwrite itself.
    """
    workspace_id = access.workspace_id
    errors: list[Any] = _unknown_ids(many, access)
    with transaction.atomic():
        targets = queries.lock_tasks([v["task"] for v in many], workspace_id=workspace_id)
        rows = []
        for index, values in enumerate(many):
            target = targets.get(values["task"])
            if target is None:
                errors[index]["task"] = [unknown_pk(values["task"])]
            if target is None or errors[index]:
                continue
            try:
                regions = _checked_regions(target, values)
            except ValidationError as exc:
                detail = exc.detail
                errors[index] = detail if isinstance(detail, dict) else {NON_FIELD: detail}
                continue
            row = _parameters(values, access, result=regions, validated=True)
            rows.append({**row, "project": target.project_id})
        pairs = [(v["task"], v.get("model_version", "")) for v in many]
        if upsert:
            _refuse_repeats(pairs, errors)
        if any(errors):
            raise ValidationError(errors)
        if upsert:
            delete_versions(pairs, workspace_id=workspace_id)
        return _insert_many(rows, access) if rows else []


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
        raise _gone_meanwhile(exc, rows[0]) from None
    age = documents.ages()
    return [
        documents.prediction((row[0], result, *row[2:]), age)
        for row, result in zip(stored, columns["result"], strict=True)
    ]


# By primary keys.
UPDATE_SQL = f"""
WITH p AS (
    UPDATE predictions_prediction SET {{assignments}} WHERE id = %s RETURNING *
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM p WHERE t.id = ANY(%s::bigint[])
)
SELECT {PREDICTION_COLUMNS} FROM p
"""  # noqa: S608
PREPARED_COLUMNS = 2


def update(prediction_id: int, values: Values, access: Access, target: Target) -> Document:
    """Writes only what `values` names and marks the row and its task as touched.

    `target` is where the prediction stands now; a new task moves it, and its project with it.
    ValidationError as for `create`; NotFound if the prediction went away meanwhile.
    """
    errors = _unknown_ids([values], access)[0]
    place = target
    if "task" in values and values["task"] != target.task_id:
        moved = queries.target_of_task(values["task"], workspace_id=access.workspace_id)
        if moved is None:
            errors["task"] = [unknown_pk(values["task"])]
        else:
            place = moved
    if errors:
        raise ValidationError(errors)
    parameters: list[Any] = []
    assignments = ["updated_at = now()"]
    for name, column in COLUMNS.items():
        if name in values:
            assignments.append(f"{column} = %s")
            parameters.append(values[name])
    result = None
    if "result" in values:
        result = json_text(_checked_regions(place, values))
        assignments.append("result = %s::jsonb")
        parameters.append(result)
    elif place.validate_predictions:
        _check_kept_result(prediction_id, values, old=target, new=place)
    if "neighbors" in values:
        assignments.append("neighbors = %s::jsonb")
        neighbors = values["neighbors"]
        parameters.append(None if neighbors is None else json_text(neighbors))
    is_few = len(parameters) <= PREPARED_COLUMNS
    if place is not target:
        assignments.append("task_id = %s")
        assignments.append("project_id = %s")
        parameters += [place.task_id, place.project_id]
    sql = UPDATE_SQL.format(assignments=", ".join(assignments))
    # Of one change or two there are few statements: a connection can prepare them all.
    fetch = fetch_prepared if is_few else fetch_one
    touched = [target.task_id, place.task_id]
    try:
        row = fetch(sql, [*parameters, prediction_id, access.user_id, touched])
    except IntegrityError as exc:
        raise _gone_meanwhile(exc, values) from None
    if row is None:
        raise NotFound(NO_PREDICTION)
    return documents.prediction(_as_sent(row, result), documents.ages())


# One statement: annotations made from the prediction keep standing, without their parent.
DELETE_SQL = """
WITH gone AS (
    DELETE FROM predictions_prediction p USING predictions_project j
    WHERE p.id = %s AND j.id = p.project_id AND j.workspace_id = %s RETURNING p.task_id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM gone WHERE t.id = gone.task_id
)
SELECT count(*) FROM gone
"""


def delete(prediction_id: int, access: Access) -> None:
    """Removes one prediction. NotFound where the workspace has none of that id."""
    row = fetch_prepared(DELETE_SQL, [prediction_id, access.workspace_id, access.user_id])
    if row is None or row[0] == 0:
        raise NotFound(NO_PREDICTION)


def version_delete(project_id: int, version: str | None) -> tuple[str, list[Any]]:
    """The statement that removes a version, and its parameters. The index has a version's first
    200 characters.
    """
    sql = "DELETE FROM predictions_prediction WHERE project_id = %s AND "
    if version is None:
        return f"{sql}left(model_version, 200) IS NULL AND model_version IS NULL", [project_id]
    sql += "left(model_version, 200) = left(%s, 200) AND model_version = %s"
    return sql, [project_id, version, version]


def delete_version(project_id: int, version: str | None) -> int:
    """Removes a model version of a project (null and `""` are two of them); how many went."""
    with connection.cursor() as cursor:
        cursor.execute(*version_delete(project_id, version))
        return int(cursor.rowcount)


def delete_of_tasks(task_ids: Sequence[int], *, project_id: int) -> int:
    """Removes every prediction of tasks of one project; how many went."""
    sql = "DELETE FROM predictions_prediction WHERE project_id = %s AND task_id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [project_id, list(task_ids)])
        return int(cursor.rowcount)


class RunPrediction(NamedTuple):
    """What a run says of a task: regions as JSON text that jsonb takes, and a score."""

    task_id: int
    result: str
    score: float | None


def replace_of_runs(
    rows: Sequence[RunPrediction],
    *,
    project_id: int,
    model_run_id: int,
    model_version: str,
    earlier_runs: tuple[str, Sequence[Any]],
) -> dict[int, int]:
    """Stores a run's predictions in place of those of `earlier_runs` on the same tasks.

    `earlier_runs` is a statement, with its parameters, that selects the ids of runs. Prediction
    ids by task id. Locks the tasks in id order; belongs inside the caller's transaction. Three
    statements for any number of rows.
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
    return dict(
        fetch_all(
            """
            INSERT INTO predictions_prediction
                (task_id, project_id, result, model_version, score, mislabeling, model_run_id,
                 created_at, updated_at)
            SELECT k.task_id, %s, k.result::jsonb, %s, k.score, 0, %s, now(), now()
            FROM unnest(%s::bigint[], %s::text[], %s::float8[]) AS k(task_id, result, score)
            RETURNING task_id, id
            """,
            [
                project_id,
                model_version,
                model_run_id,
                [row.task_id for row in rows],
                [row.result for row in rows],
                [row.score for row in rows],
            ],
        )
    )
