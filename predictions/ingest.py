"""The one place that stores, changes and removes predictions.

A single create is one statement: it finds the task in the caller's workspace, stores the row and
marks the task as touched, or does none of it. `project_id` always is the task's. What would break
a later read is refused before it gets here (`results`); what depends on stored rows is refused
here, as ValidationError in the peer's words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions import documents, labelling, queries
from predictions.documents import PREDICTION_COLUMNS, Document, Row
from predictions.queries import Target
from predictions.results import Refused, json_text
from predictions.serializers import unknown_pk

Values = Mapping[str, Any]

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

# Replaced by (task, model_version), together with every duplicate of an earlier time.
REPLACE_SQL = """
DELETE FROM predictions_prediction p USING predictions_project j
WHERE j.id = p.project_id AND p.task_id = %(task)s AND j.workspace_id = %(workspace)s
  AND p.model_version IS NOT DISTINCT FROM %(model_version)s
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


def _references(values: Values, access: Access) -> dict[str, list[str]]:
    """Errors for ids that name nothing in the caller's workspace; {} when all is well."""
    workspace_id = access.workspace_id
    errors = {}
    project = values.get("project")
    if project is not None and not queries.project_exists(project, workspace_id=workspace_id):
        errors["project"] = [unknown_pk(project)]
    model = values.get("model")
    if model is not None and not queries.ml_backend_exists(model, workspace_id=workspace_id):
        errors["model"] = [unknown_pk(model)]
    run = values.get("model_run")
    if run is not None:
        # No room of this server makes runs yet, so no run exists.
        errors["model_run"] = [unknown_pk(run)]
    return errors


def _checked_regions(target: Target, values: Values) -> Any:
    """The regions to store for values that carry a result; ValidationError if they may not be."""
    result = values["result"]
    if target.validate_predictions:
        _raise_problems(labelling.problems(target.label_config, result, values.get("score")))
    if isinstance(result, list):
        return result
    try:
        return labelling.expand(target.label_config, result)
    except Refused as exc:
        raise ValidationError({"result": [str(exc)]}) from None


def _check_score(target: Target, score: float) -> None:
    _raise_problems(labelling.problems(target.label_config, [], score))


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
        row = queries.fetch_one(CREATE_SQL, parameters)
    except IntegrityError:
        # The task or the backend was deleted between its lookup and the end of the statement.
        return None
    if row is None:
        return None
    return _as_sent(row, parameters["result"])


def _as_sent(row: Row, result: str | None) -> Row:
    """The row with the result that was just written: only later reads have jsonb's key order."""
    return row if result is None else (row[0], result, *row[2:])


def create(values: Values, access: Access) -> Document:
    """Stores one validated prediction. One statement where the result is a list of regions and the
    project does not validate, two otherwise; ids of other objects cost one each.

    ValidationError, and nothing stored, when the task or another id is unknown to the workspace,
    the labelling config objects, or a shorthand fits no control.
    """
    errors = _references(values, access)
    is_list = isinstance(values["result"], list)
    row = None
    if is_list and not errors:
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


def replace(values: Values, access: Access) -> Document:
    """As `create`, in place of every prediction of the same task and model version."""
    with transaction.atomic():
        # Two writers of one task wait for each other, so none of them leaves a duplicate.
        queries.fetch_one(
            "SELECT 1 FROM predictions_task WHERE id = %s FOR NO KEY UPDATE", [values["task"]]
        )
        with connection.cursor() as cursor:
            cursor.execute(
                REPLACE_SQL,
                {
                    "task": values["task"],
                    "workspace": access.workspace_id,
                    "model_version": values.get("model_version", ""),
                },
            )
        return create(values, access)


def create_many(many: Sequence[Values], access: Access, *, upsert: bool = False) -> list[Document]:
    """All of them or none, in order. ValidationError names each bad one by its index."""
    store = replace if upsert else create
    stored: list[Document] = []
    errors: dict[int, Any] = {}
    with transaction.atomic():
        for index, values in enumerate(many):
            try:
                with transaction.atomic():
                    stored.append(store(values, access))
            except ValidationError as exc:
                errors[index] = exc.detail
        if errors:
            raise ValidationError([errors.get(index, {}) for index in range(len(many))])
    return stored


def update(prediction_id: int, values: Values, access: Access, target: Target) -> Document:
    """Writes only what `values` names and marks the row and its task as touched.

    `target` is where the prediction stands now; a new task moves it, and its project with it.
    ValidationError as for `create`; NotFound if the prediction went away meanwhile.
    """
    errors = _references(values, access)
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
    elif values.get("score") is not None and place.validate_predictions:
        _check_score(place, values["score"])
    if "neighbors" in values:
        assignments.append("neighbors = %s::jsonb")
        neighbors = values["neighbors"]
        parameters.append(None if neighbors is None else json_text(neighbors))
    if place is not target:
        assignments.append("task_id = %s")
        assignments.append("project_id = %s")
        parameters += [place.task_id, place.project_id]
    sql = f"""
    WITH p AS (
        UPDATE predictions_prediction SET {", ".join(assignments)} WHERE id = %s RETURNING *
    ), touched AS (
        UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
        FROM p WHERE t.id = p.task_id OR t.id = %s
    )
    SELECT {PREDICTION_COLUMNS} FROM p
    """  # noqa: S608
    touched_too = target.task_id
    row = queries.fetch_one(sql, [*parameters, prediction_id, access.user_id, touched_too])
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
    row = queries.fetch_one(DELETE_SQL, [prediction_id, access.workspace_id, access.user_id])
    if row is None or row[0] == 0:
        raise NotFound(NO_PREDICTION)


def delete_version(project_id: int, version: str | None) -> int:
    """Removes a model version of a project (null and `""` are two of them); how many went."""
    sql = "DELETE FROM predictions_prediction WHERE project_id = %s AND "
    params: list[Any] = [project_id]
    if version is None:
        sql += "model_version IS NULL"
    else:
        # The index has the first 200 characters.
        sql += "left(model_version, 200) = left(%s, 200) AND model_version = %s"
        params += [version, version]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def delete_of_tasks(task_ids: Sequence[int], *, project_id: int) -> int:
    """Removes every prediction of tasks of one project; how many went."""
    sql = "DELETE FROM predictions_prediction WHERE project_id = %s AND task_id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [project_id, list(task_ids)])
        return int(cursor.rowcount)
