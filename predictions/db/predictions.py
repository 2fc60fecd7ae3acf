"""Writes of predictions.

A single create is one statement: it finds the task in the caller's workspace, stores the row and
marks the task as touched, or does none of it. `project_id` always is the task's. What a request may
hold is checked by the serializers before; what depends on stored rows is refused here, as
ValidationError in Label Studio's words.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotFound, ValidationError

from accounts.tokens import Access
from predictions.db import documents, places
from predictions.db.documents import PREDICTION_COLUMNS, Document, Values
from predictions.db.places import Target
from predictions.db.reviews.moving import move
from predictions.db.reviews.replacing import Replacing
from predictions.models import Prediction
from predictions.regions import labelling
from predictions.regions.lists import region_list
from predictions_api.http.fields import unknown_pk
from predictions_api.http.rendering import dumps
from predictions_api.http.storable import Refused, json_text
from predictions_api.outbound.events import recording
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import (
    Row,
    as_json_time,
    fetch_one,
    fetch_prepared,
    insert_one,
    is_spread,
)

NO_PREDICTION = "No Prediction matches the given query."
# One statement. `validated` says that the labelling config has been asked already; without it a
# project that wants validation lets nothing through.
TOUCHED = """
WITH touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %(user)s
    FROM predictions_project j
    WHERE t.id = %(task)s AND j.id = t.project_id AND j.workspace_id = %(workspace)s
      AND (%(validated)s OR NOT j.validate_predictions)
    RETURNING t.id, t.project_id, t.slot
)"""
INSERT = """
INSERT INTO predictions_prediction AS p
    (task_id, project_id, slot, result, model_version, score, cluster, neighbors, mislabeling,
     model_id, model_run_id, created_at, updated_at)
SELECT id, project_id, slot, %(result)s::text::jsonb, %(model_version)s, %(score)s, %(cluster)s,
       %(neighbors)s::jsonb, %(mislabeling)s, %(model)s, %(model_run)s, now(), now()
FROM touched RETURNING"""
CREATE_SQL = f"{TOUCHED} {INSERT} {PREDICTION_COLUMNS}"
# The body of its event: what was sent, and what the row has of its own.
BODY = f"""
    '{{"prediction":{{"id":' || id || ',"result":' || %(result)s::text || %(values)s::text
    || ',"created_at":' || {as_json_time("created_at")}
    || ',"updated_at":' || {as_json_time("updated_at")}
    || %(others)s::text || ',"project":' || project_id || '}}}}'
"""
SENT = {
    "values": ("model_version", "created_ago", "score", "cluster", "neighbors", "mislabeling"),
    "others": ("model", "model_run", "task"),
}
# What a column takes from a validated value.
COLUMNS = {
    "model_version": "model_version",
    "score": "score",
    "cluster": "cluster",
    "mislabeling": "mislabeling",
    "model": "model_id",
    "model_run": "model_run_id",
}


def _holding(values: Values) -> AbstractContextManager[Any]:
    """A transaction for values that name an ML backend, which is held until its end; nothing for
    others, which are one statement.
    """
    return transaction.atomic() if values.get("model") is not None else nullcontext()


def gone_meanwhile(values: Values) -> ValidationError:
    """The refusal where the task was deleted after it had been found."""
    return ValidationError({"task": [unknown_pk(values.get("task", 0))]})


def _is_plain(result: Any) -> bool:
    return isinstance(result, list) and all(isinstance(region, dict) for region in result)


def checked_regions(target: Target, values: Values) -> Any:
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
        result, kept_score = _kept_result(prediction_id)
        score = values.get("score", kept_score)
        _raise_problems(labelling.problems(new.label_config, result, score))
    elif score is not None:
        _raise_problems(labelling.problems(new.label_config, [], score))


def _kept_result(prediction_id: int) -> tuple[Any, float | None]:
    """The regions and the score as they are stored; no regions if the prediction is gone."""
    rows = Prediction.objects.filter(pk=prediction_id).values_list("result", "score")
    return rows.first() or ([], None)


def _raise_problems(found: list[str]) -> None:
    if found:
        raise ValidationError([f"Error validating prediction: {found}"])


def parameters_of(
    values: Values, access: Access, *, result: Any, validated: bool
) -> dict[str, Any]:
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


def _insert(
    values: Values, access: Access, *, result: Any, validated: bool, is_told: bool
) -> Row | None:
    """The stored row, or None where the workspace lacks the task or the project validates."""
    parameters = parameters_of(values, access, result=result, validated=validated)
    try:
        if is_told:
            row = _insert_told(parameters)
        else:
            row = insert_one(
                CREATE_SQL,
                parameters,
                table="predictions_prediction",
                slot=places.slot_of_task(values["task"]),
            )
    except IntegrityError:
        raise gone_meanwhile(values) from None
    if row is None:
        return None
    return _as_sent(row, parameters["result"])


@cache
def _told_sql() -> str:
    """Made once: who listens is registered by then."""
    return f"""{TOUCHED}, made AS ({INSERT} *),
        happened AS (SELECT project_id, {BODY} AS body FROM made), told AS ({recording.joined()})
        SELECT {PREDICTION_COLUMNS}, (SELECT count(*) FROM told) FROM made p"""  # noqa: S608


def _insert_told(parameters: dict[str, Any]) -> Row | None:
    """As the statement without its event; one statement, too."""
    neighbors = documents.fragment(parameters["neighbors"])
    known = {**parameters, "created_ago": documents.age_of(0), "neighbors": neighbors}
    more = {"action": "PREDICTION_CREATED"}
    for name, keys in SENT.items():
        more[name] = f",{dumps({key: known[key] for key in keys})[1:-1].decode()}"
    row = fetch_prepared(_told_sql(), {**parameters, **more})
    if row is None:
        return None
    if row[-1]:
        recording.wake()
    return row[:-1]


def _as_sent(row: Row, result: str | None) -> Row:
    """The row with the result that was just written: only later reads have jsonb's key order."""
    return row if result is None else (row[0], result, *row[2:])


def _told(action: str, document: Document, access: Access) -> Document:
    """The document, recorded for those who listen."""
    if access.is_heard:
        recording.record(
            action,
            workspace_id=access.workspace_id,
            project_id=document["project"],
            body={"prediction": document},
        )
    return document


def create(values: Values, access: Access) -> Document:
    """As `_create`, and recorded with it where anybody listens: by the same statement, but for a
    cluster.
    """
    if not access.is_heard or not is_spread():
        with _holding(values):
            return _create(values, access, is_told=access.is_heard)
    with recording.together(is_heard=True):
        return _told("PREDICTION_CREATED", _create(values, access), access)


def _create(values: Values, access: Access, *, is_told: bool = False) -> Document:
    """Stores one validated prediction. One statement where the result is a list of regions and the
    project does not validate, three at most otherwise; ids of other objects cost one each.

    ValidationError, and nothing stored, when the task or another id is unknown to the workspace,
    the labelling config objects, or a shorthand fits no control.
    """
    errors = places.unknown_ids([values], access)[0]
    row = None
    if not errors and _is_plain(values["result"]):
        result = values["result"]
        row = _insert(values, access, result=result, validated=False, is_told=is_told)
    if row is None:
        target = places.target_of_task(values["task"], workspace_id=access.workspace_id)
        if target is None:
            errors["task"] = [unknown_pk(values["task"])]
        if errors or target is None:
            raise ValidationError(errors)
        regions = checked_regions(target, values)
        row = _insert(values, access, result=regions, validated=True, is_told=is_told)
    if row is None:
        raise ValidationError({"task": [unknown_pk(values["task"])]})
    return documents.prediction(row, documents.ages())


def replace(values: Values, access: Access) -> Document:
    """As `create`, in place of every prediction of the same task and model version."""
    workspace_id, task_id = access.workspace_id, values["task"]
    with transaction.atomic():
        # Two writers of one task wait for each other, so none of them leaves a duplicate.
        places.lock_tasks([task_id], workspace_id=workspace_id)
        version = values.get("model_version", "")
        replacing = Replacing()
        if not replacing.take_versions([(task_id, version)], workspace_id=workspace_id):
            return create(values, access)
        document = _create(values, access)
        replacing.settle()
        if access.is_heard:
            recording.record(
                "PREDICTIONS_CREATED",
                workspace_id=workspace_id,
                project_id=document["project"],
                body={"predictions": [document]},
            )
        return document


# By primary keys. Of an array Postgres expects ten tasks, and plans each call anew.
UPDATE_SQL = f"""
WITH p AS (
    UPDATE predictions_prediction SET {{assignments}} WHERE id = %s RETURNING *
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM p WHERE t.id IN (%s, %s)
)
SELECT {PREDICTION_COLUMNS} FROM p
"""  # noqa: S608
PREPARED_COLUMNS = 2


def update(prediction_id: int, values: Values, access: Access, target: Target) -> Document:
    """Writes only what `values` names and marks the row and its task as touched.

    `target` is where the prediction stands now; a new task moves it, and its project with it.
    ValidationError as for `create`; NotFound if the prediction went away meanwhile.
    """
    with _holding(values):
        return _update(prediction_id, values, access, target)


def _update(prediction_id: int, values: Values, access: Access, target: Target) -> Document:
    place = _new_place(values, access, target)
    parameters: list[Any] = []
    assignments = ["updated_at = now()"]
    for name, column in COLUMNS.items():
        if name in values:
            assignments.append(f"{column} = %s")
            parameters.append(values[name])
    result = None
    if "result" in values:
        result = json_text(checked_regions(place, values))
        assignments.append("result = %s::jsonb")
        parameters.append(result)
    elif place.validate_predictions:
        _check_kept_result(prediction_id, values, old=target, new=place)
    if "neighbors" in values:
        assignments.append("neighbors = %s::jsonb")
        neighbors = values["neighbors"]
        parameters.append(None if neighbors is None else json_text(neighbors))
    is_few = len(parameters) <= PREPARED_COLUMNS
    slot = slots.of_project(place.project_id)
    is_moved = place is not target
    if is_moved and slot == slots.of_project(target.project_id):
        assignments.append("task_id = %s")
        assignments.append("project_id = %s")
        parameters += [place.task_id, place.project_id]
    sql = UPDATE_SQL.format(assignments=", ".join(assignments))
    # Of one change or two there are few statements: a connection can prepare them all.
    fetch = fetch_prepared if is_few else fetch_one
    keys = [prediction_id, access.user_id, target.task_id, place.task_id]
    with recording.together(access.is_heard or is_moved):
        try:
            if is_moved:
                move(prediction_id, access.user_id, old=target, new=place)
            row = fetch(sql, [*parameters, *keys], slot=slot)
        except IntegrityError:
            raise gone_meanwhile(values) from None
        if row is None:
            raise NotFound(NO_PREDICTION)
        document = documents.prediction(_as_sent(row, result), documents.ages())
        return _told("PREDICTION_UPDATED", document, access)


def _new_place(values: Values, access: Access, target: Target) -> Target:
    """Where an updated prediction will stand. ValidationError for what there is not."""
    errors = places.unknown_ids([values], access)[0]
    place: Target | None = target
    if "task" in values and values["task"] != target.task_id:
        place = places.target_of_task(values["task"], workspace_id=access.workspace_id)
        if place is None:
            errors["task"] = [unknown_pk(values["task"])]
    if errors or place is None:
        raise ValidationError(errors)
    return place


# One statement: annotations made from the prediction keep standing, without their parent.
DELETE_SQL = """
WITH gone AS (
    DELETE FROM predictions_prediction p USING predictions_project j
    WHERE p.id = %s AND j.id = p.project_id AND j.workspace_id = %s
    RETURNING p.id, p.task_id, p.project_id
), orphaned AS (
    UPDATE predictions_annotation a SET parent_prediction_id = NULL
    FROM gone WHERE a.parent_prediction_id = gone.id
), touched AS (
    UPDATE predictions_task t SET updated_at = now(), updated_by_id = %s
    FROM gone WHERE t.id = gone.task_id
)
SELECT project_id FROM gone
"""


def delete(prediction_id: int, access: Access) -> None:
    """Removes one prediction. NotFound where the workspace has none of that id."""
    with recording.together(access.is_heard):
        row = fetch_prepared(
            DELETE_SQL,
            [prediction_id, access.workspace_id, access.user_id],
            slot=places.slot_of_prediction(prediction_id),
        )
        if row is None:
            raise NotFound(NO_PREDICTION)
        if access.is_heard:
            recording.record(
                "PREDICTIONS_DELETED",
                workspace_id=access.workspace_id,
                project_id=row[0],
                body={"predictions": [{"id": prediction_id}], "count": 1, "model_version": None},
            )
