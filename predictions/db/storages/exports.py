"""The annotations of a project as an export storage writes them, and which it has written."""

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction
from django.db.models import QuerySet

from predictions.db import documents, places
from predictions.db.annotations import ANNOTATIONS_OF_TASKS_SQL
from predictions.db.documents import Document
from predictions.db.storages.rows import PLACE
from predictions.db.tasks import ChosenTasks, tasks_after
from predictions.models import ExportedAnnotation, ExportStorage
from predictions_api.http.rendering import dumps
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import bigints, fetch_all

WITH_ANNOTATIONS = ChosenTasks(having="annotations")
# By the storage's unique index, each looked up by primary key.
GONE_SQL = """
SELECT e.annotation_id FROM predictions_exportedannotation e
WHERE e.storage_id = %s AND e.annotation_id > %s AND NOT EXISTS (
    SELECT 1 FROM predictions_annotation a WHERE a.id = e.annotation_id AND a.project_id = %s)
ORDER BY e.annotation_id LIMIT %s
"""


def annotated_tasks(project_id: int, after: int, *, limit: int) -> list[Document]:
    """The next tasks that have annotations, in id order."""
    return tasks_after(project_id, after, limit=limit, chosen=WITH_ANNOTATIONS)


def files_of(tasks: Sequence[Document]) -> list[tuple[int, bytes]]:
    """Id and file of each annotation of the tasks: the annotation with its task and its author as
    objects, as Label Studio's storages write it, but without an age, which would not stay true.
    """
    by_id = {task["id"]: task for task in tasks}
    age = documents.ages()
    found = []
    for slot, ids in places.slots_of_tasks(by_id):
        for row in fetch_all(ANNOTATIONS_OF_TASKS_SQL, [bigints(ids)], slot=slot):
            document = documents.annotation(row, age)
            del document["created_ago"]
            document["completed_by"] = _author(*row[2:6])
            document["task"] = by_id[document["task"]]
            found.append((int(document["id"]), dumps(document)))
    return found


def _author(email: str | None, first: str, last: str, user_id: int | None) -> Document | None:
    if email is None:
        return None
    return {"id": user_id, "first_name": first, "last_name": last, "email": email}


def written(storage: ExportStorage, annotation_ids: Collection[int]) -> set[int]:
    """Those of the annotations that the storage has a file of."""
    rows = _rows(storage).filter(annotation_id__in=annotation_ids)
    return set(rows.values_list("annotation_id", flat=True))


@transaction.atomic
def note_written(storage: ExportStorage, annotation_ids: Iterable[int]) -> None:
    """From now on the storage has a file of each, unless it is at another place meanwhile, where
    it has none. Noting one twice does no harm.
    """
    slot = slots.of_project(storage.project_id)
    place = {name: getattr(storage, name) for name in PLACE}
    same = ExportStorage.objects.select_for_update(no_key=True).filter(pk=storage.pk, **place)
    if same.values_list("pk").first() is None:
        return
    ExportedAnnotation.objects.bulk_create(
        (
            ExportedAnnotation(storage=storage, slot=slot, annotation_id=one)
            for one in annotation_ids
        ),
        ignore_conflicts=True,
    )


def note_deleted(storage: ExportStorage, annotation_ids: Collection[int]) -> None:
    """The storage has no file of these any more."""
    _rows(storage).filter(annotation_id__in=annotation_ids).delete()


def gone(storage: ExportStorage, after: int, *, limit: int) -> list[int]:
    """Annotations that the project has no more, and of which the storage has a file, by id."""
    params = [storage.pk, after, storage.project_id, limit]
    rows = fetch_all(GONE_SQL, params, slot=slots.of_project(storage.project_id))
    return [row[0] for row in rows]


def _rows(storage: ExportStorage) -> QuerySet[ExportedAnnotation]:
    slot = slots.of_project(storage.project_id)
    return ExportedAnnotation.objects.filter(slot=slot, storage=storage)
