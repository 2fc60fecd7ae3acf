"""The one writer of images, panels and imported evaluations; images and panels go by COPY."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from evals.db import chunks
from evals.documents.document import encode
from evals.models import EvalAnswer, EvalPanel, ModelEval
from predictions_api.outbound.events import recording
from predictions_api.postgres.copying import copy, escaped, number
from predictions_api.replicas import reading

IMAGE_COLUMNS = (
    "evaluation_id, position, split_position, split, task_id, annotation_id, prediction_id, item,"
    " image_id, name, augmentations, tp, fp, fn, cluster, x, y, is_flagged, events, metrics,"
    " measure, slices, told"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """One image to store."""

    position: int
    split_position: int
    split: int
    image_id: str
    name: str
    tp: int
    fp: int
    fn: int
    events: bytes
    augmentations: int = 0
    task_id: int | None = None
    annotation_id: int | None = None
    prediction_id: int | None = None
    item: str = ""
    cluster: int | None = None
    x: float | None = None
    y: float | None = None
    is_flagged: bool = False
    slices: bytes = b""
    #: As of `evals.db.snapshot.stored.ReadImage`; None of imported ones.
    told: str | None = None
    #: Of kinds that measure single images; they are ordered by the first.
    metrics: Mapping[str, float | None] | None = None

    @property
    def measure(self) -> float | None:
        """The first of its metrics."""
        return None if self.metrics is None else next(iter(self.metrics.values()), None)


def record_end(evaluation_id: int) -> None:
    """Records the end of an evaluation, in the transaction that ends it, for those who listen."""
    rows = ModelEval.objects.filter(pk=evaluation_id)
    workspace_id, project_id = rows.values_list("workspace_id", "project_id").get()
    recording.record(
        "EVALUATION_COMPLETED",
        workspace_id=workspace_id,
        project_id=project_id,
        body={"evaluation": evaluation_id},
    )


def write_images(evaluation_id: int, images: Iterable[NewImage]) -> None:
    """Appends images. One COPY; IntegrityError for a position that is taken."""
    copy("evals_evalimage", IMAGE_COLUMNS, (_line(evaluation_id, image) for image in images))


def _line(evaluation_id: int, image: NewImage) -> bytes:
    columns = (
        evaluation_id,
        image.position,
        image.split_position,
        image.split,
        image.task_id,
        image.annotation_id,
        image.prediction_id,
        image.item,
        image.image_id,
        image.name,
        image.augmentations,
        image.tp,
        image.fp,
        image.fn,
        image.cluster,
        image.x,
        image.y,
        image.is_flagged,
        image.events,
        None if image.metrics is None else encode(image.metrics).decode(),
        image.measure,
        image.slices,
        image.told,
    )
    return b"\t".join([_column(value) for value in columns]) + b"\n"


def _column(value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"\\\\x" + value.hex().encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, str):
        # Postgres' texts have no NUL.
        return escaped(value.replace("\0", ""))
    return number(value)


@dataclass(frozen=True, slots=True)
class NewPanel:
    """One panel to store; ANY where it does not depend on split or confidence."""

    kind: int
    body: bytes
    split: int = EvalPanel.ANY
    confidence: int = EvalPanel.ANY


def write_panels(evaluation_id: int, panels: Iterable[NewPanel]) -> None:
    """Appends panels. One COPY."""
    copy(
        "evals_evalpanel",
        "evaluation_id, kind, split, confidence, body",
        (
            b"%d\t%d\t%d\t%d\t%b\n"
            % (evaluation_id, panel.kind, panel.split, panel.confidence, _column(panel.body))
            for panel in panels
        ),
    )


#: Answers of an evaluation that are kept; then the next one begins anew.
MOST_ANSWERS = 256


def keep_answer(evaluation_id: int, asked: str, body: bytes) -> None:
    """Keeps what took long to compute; where it cannot be kept, the next caller computes it again.

    Two or three statements.
    """
    kept = EvalAnswer.objects.filter(evaluation_id=evaluation_id)
    with reading.writing(), suppress(DatabaseError), transaction.atomic():
        if kept.count() >= MOST_ANSWERS:
            kept.delete()
        answer = EvalAnswer(evaluation_id=evaluation_id, asked=asked, body=body)
        EvalAnswer.objects.bulk_create([answer], ignore_conflicts=True)


def add_finished(evaluation: ModelEval) -> None:
    """Stores a new evaluation that is done already. Two statements."""
    evaluation.save(force_insert=True)
    ModelEval.objects.filter(pk=evaluation.pk).update(finished_at=Now())


def clear(evaluation_id: int) -> None:
    """Removes images, panels, chunks and parts of an evaluation; its own row stays."""
    chunks.delete_counted(evaluation_id)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM evals_evalpanel WHERE evaluation_id = %s", [evaluation_id])


def delete(evaluation_id: int) -> None:
    """Removes an evaluation and, by the database's own cascades, all that is in it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM evals_modeleval WHERE id = %s", [evaluation_id])
