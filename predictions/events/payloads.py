"""The bodies of the store's events. What is gone when it is told is told by its id alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from predictions.db.documents import Document
from predictions.db.told import rows
from predictions.db.versions import shown_version
from predictions.events import objects
from predictions.models import Project
from predictions_api.http.rendering import dumps
from predictions_api.outbound.events import payloads
from predictions_api.outbound.events.payloads import Told

#: Of one delivery.
MOST_TASKS, MOST_PREDICTIONS, MOST_BYTES = 1000, 500, 1 << 20
MOST_DELETED = 5000


def batched(entries: Sequence[Any], n: int) -> Iterator[Sequence[Any]]:
    """The entries in pieces of n, the last one shorter; none of nothing."""
    for begin in range(0, len(entries), n):
        yield entries[begin : begin + n]


def project_of(told: Told) -> Document:
    """The event's project, read once for all that are told at the same time."""
    key = ("project", told.project_id)
    if key not in told.known:
        row = Project.objects.filter(pk=told.project_id).first()
        told.known[key] = {"id": told.project_id} if row is None else objects.project(row)
    document: Document = told.known[key]
    return document


def _by_ids(found: dict[int, Document], ids: Sequence[int]) -> list[Document]:
    return [found.get(id_) or {"id": id_} for id_ in ids]


def _tasks(ids: Sequence[int], told: Told) -> list[Document]:
    found = rows.tasks(ids, project_id=told.project_id)
    return _by_ids({id_: objects.task(document) for id_, document in found.items()}, ids)


def _first_predictions(task_ids: Sequence[int], told: Told) -> dict[int, Document]:
    """What the project shows first on the tasks."""
    named = project_of(told).get("model_version") or ""
    version = shown_version(told.project_id, named)
    return rows.shown_first(task_ids, version, project_id=told.project_id)


def project(told: Told) -> Iterator[Document]:
    """A project was made or changed."""
    yield {"project": project_of(told)}


def project_deleted(told: Told) -> Iterator[Document]:
    """A project is gone."""
    yield {"project": {"id": told.project_id}}


def tasks_created(told: Told) -> Iterator[Document]:
    """New tasks, 1,000 to a delivery."""
    for ids in batched(told.body["ids"], MOST_TASKS):
        yield {"tasks": _tasks(ids, told), "project": project_of(told)}


def deleted(key: str) -> payloads.Payload:
    """Tasks or annotations are gone, 5,000 to a delivery."""

    def payload(told: Told) -> Iterator[Document]:
        for ids in batched(told.body["ids"], MOST_DELETED):
            yield {key: [{"id": id_} for id_ in ids], "project": project_of(told)}

    return payload


def annotation(told: Told) -> Iterator[Document]:
    """One annotation was made or changed, as it was then; or many were changed at once, each in a
    delivery of its own, as it is now.
    """
    if "ids" in told.body:
        yield from _each_annotation(told)
        return
    document = told.body["annotation"]
    task_id = document["task"]
    yield {
        "annotation": objects.annotation(document, _first_predictions([task_id], told)),
        "project": project_of(told),
        "task": _tasks([task_id], told)[0],
    }


def _each_annotation(told: Told) -> Iterator[Document]:
    ids, task_ids = told.body["ids"], told.body["tasks"]
    found = rows.annotations(ids, project_id=told.project_id)
    different = list(dict.fromkeys(task_ids))
    first = _first_predictions(different, told)
    tasks = dict(zip(different, _tasks(different, told), strict=True))
    for id_, task_id in zip(ids, task_ids, strict=True):
        is_there = id_ in found
        yield {
            "annotation": objects.annotation(found[id_], first) if is_there else {"id": id_},
            "project": project_of(told),
            "task": tasks[task_id],
        }


def annotations_created(told: Told) -> Iterator[Document]:
    """Predictions were made annotations; the keys are in the singular, as there."""
    for ids in batched(told.body["ids"], MOST_PREDICTIONS):
        found = rows.annotations(ids, project_id=told.project_id)
        task_ids = list(dict.fromkeys(one["task"] for one in found.values()))
        first = _first_predictions(task_ids, told)
        made = {id_: objects.annotation(one, first) for id_, one in found.items()}
        yield {
            "annotation": _by_ids(made, ids),
            "project": project_of(told),
            "task": _tasks(task_ids, told),
        }


def prediction(told: Told) -> Iterator[Document]:
    """One prediction was posted or changed; as it was then."""
    document = told.body["prediction"]
    yield {
        "prediction": document,
        "project": project_of(told),
        "task": _tasks([document["task"]], told)[0],
    }


def predictions_created(told: Told) -> Iterator[Document]:
    """New predictions: 500 and 1 MiB to a delivery, a larger one alone."""
    for found in _new(told):
        batch: list[Document] = []
        n_bytes = 0
        for document in found:
            length = len(dumps(document))
            if batch and n_bytes + length > MOST_BYTES:
                yield {"predictions": batch, "project": project_of(told)}
                batch, n_bytes = [], 0
            batch.append(document)
            n_bytes += length
        yield {"predictions": batch, "project": project_of(told)}


def _new(told: Told) -> Iterator[list[Document]]:
    """What was recorded whole, or what is there of its ids."""
    if (whole := told.body.get("predictions")) is not None:
        yield from map(list, batched(whole, MOST_PREDICTIONS))
        return
    for ids in batched(told.body["ids"], MOST_PREDICTIONS):
        yield _by_ids(rows.predictions(ids, project_id=told.project_id), ids)


def predictions_deleted(told: Told) -> Iterator[Document]:
    """Predictions are gone."""
    body: dict[str, Any] = told.body
    yield {
        "predictions": body["predictions"],
        "project": project_of(told),
        "count": body["count"],
        "model_version": body["model_version"],
    }


PAYLOADS = {
    "PROJECT_CREATED": project,
    "PROJECT_UPDATED": project,
    "PROJECT_DELETED": project_deleted,
    "TASKS_CREATED": tasks_created,
    "TASKS_DELETED": deleted("tasks"),
    "ANNOTATION_CREATED": annotation,
    "ANNOTATIONS_CREATED": annotations_created,
    "ANNOTATION_UPDATED": annotation,
    "ANNOTATIONS_DELETED": deleted("annotations"),
    "PREDICTION_CREATED": prediction,
    "PREDICTIONS_CREATED": predictions_created,
    "PREDICTION_UPDATED": prediction,
    "PREDICTIONS_DELETED": predictions_deleted,
}


def register() -> None:
    """From now on told."""
    for action, payload in PAYLOADS.items():
        payloads.register(action, payload)
