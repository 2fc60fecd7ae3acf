"""Reads of evaluations: few statements, each touching only the rows it answers with.

Everything is scoped by workspace; what another workspace has is not there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import JSONField, Q, QuerySet

from evals.documents import images, panels
from evals.documents.images import ImageRow
from evals.documents.panels import Identity
from evals.engine.events import (
    Cells,
    Counts,
    Events,
    Ints,
    confusion_matrix,
    image_cells,
    unpack_events,
)
from evals.models import EvalPanel, ModelEval, Split
from evals.refusals import EvaluationNotDone, EvaluationNotFound, ReportNotFound
from predictions.models import Project
from predictions_api.postgres.sql import fetch_all, fetch_one, fetch_prepared

Kind = EvalPanel.Kind


def evaluation(eval_id: str, *, workspace: str, workspace_id: int) -> ModelEval:
    """The evaluation. EvaluationNotFound where the caller's workspace, which must be the one the
    path names, has none of that id. One statement.
    """
    found = (
        ModelEval.objects.select_related("project")
        .filter(eval_id=eval_id, workspace_id=workspace_id, workspace__slug=workspace)
        .first()
    )
    if found is None:
        raise EvaluationNotFound()
    return found


COLUMNS = [field.attname for field in ModelEval._meta.concrete_fields]
JSON_COLUMNS = {
    at for at, field in enumerate(ModelEval._meta.concrete_fields) if isinstance(field, JSONField)
}
# By the unique index on eval_id. Written out, because the ORM took more than half of the time of a
# request for a panel to put it together.
BY_ID_SQL = f"""
SELECT p.id, p.slug, {", ".join(f"e.{name}" for name in COLUMNS)} FROM evals_modeleval e
JOIN accounts_workspace w ON w.id = e.workspace_id
LEFT JOIN predictions_project p ON p.id = e.project_id
WHERE e.eval_id = %s
"""  # noqa: S608
SHOWN_SQL = f"{BY_ID_SQL} AND e.workspace_id = %s AND w.slug = %s"


def shown(eval_id: str, *, workspace: str, workspace_id: int) -> ModelEval:
    """As `evaluation`, for reading it: of the project it has the id and the slug, no more yet.

    One statement.
    """
    row = fetch_prepared(SHOWN_SQL, [eval_id, workspace_id, workspace])
    if row is None:
        raise EvaluationNotFound()
    return _shown(row)


def shown_anywhere(eval_id: str) -> ModelEval | None:
    """The same in any workspace, for callers who then look whether it is one of theirs."""
    row = fetch_prepared(BY_ID_SQL, [eval_id])
    return None if row is None else _shown(row)


def _shown(row: Sequence[Any]) -> ModelEval:
    values = [
        orjson.loads(value) if at in JSON_COLUMNS and value is not None else value
        for at, value in enumerate(row[2:])
    ]
    found = ModelEval.from_db("default", COLUMNS, values)
    if row[0] is not None:
        found.project = Project.from_db("default", ["id", "slug"], row[:2])
    return found


def refuse_unfinished(found: ModelEval) -> None:
    """EvaluationNotDone, with the reason, unless it is done."""
    if found.status == ModelEval.Status.RUNNING:
        raise EvaluationNotDone("The model evaluation is still running. Ask again when it is done.")
    if found.status == ModelEval.Status.FAILED:
        raise EvaluationNotDone(f"The model evaluation failed: {found.failure_reason}")


def identity(found: ModelEval) -> Identity:
    """What every answer about it begins with."""
    return Identity(
        eval_id=found.eval_id,
        project=found.project.slug if found.project else None,
        version_id=found.version_id,
        model_id=found.model_id,
    )


def header(found: ModelEval) -> panels.Document:
    """The evaluation's own document."""
    document = {
        **identity(found).document(),
        "status": found.status,
        "createdAt": panels.moment(found.created_at),
    }
    if found.status == ModelEval.Status.DONE and found.summary:
        document["summary"] = found.summary["headline"]
    if found.status == ModelEval.Status.RUNNING:
        document["progress"] = found.progress
    if found.status == ModelEval.Status.FAILED:
        document["failureReason"] = found.failure_reason
    return document | _facts(found)


def _facts(found: ModelEval) -> panels.Document:
    """What was measured and how: keys of ours, after the peer's."""
    facts: panels.Document = {
        "modelVersion": found.model_version or None,
        "taskType": found.task_type,
        "control": found.control,
        "source": found.origin,
        "matching": found.matching,
        "iouThreshold": found.iou_threshold,
        "iouInclusive": found.inclusive,
        "confidenceThreshold": found.confidence / 100,
        "confidences": found.confidences,
        "finishedAt": panels.moment(found.finished_at),
        "images": found.image_counts,
        "classes": found.classes,
        "engines": found.engines,
    }
    if found.origin == ModelEval.Origin.COMPUTED:
        facts["ignored"] = found.ignored
        facts["snapshot"] = {
            "takenAt": panels.moment(found.planned_at),
            "predictions": found.n_predictions,
            "newestPredictionAt": panels.moment(found.newest_prediction_at),
            "groundTruths": found.n_ground_truths,
            "newestGroundTruthAt": panels.moment(found.newest_ground_truth_at),
        }
    if found.median_latency_ms is not None:
        facts["medianLatencyMs"] = found.median_latency_ms
    if found.warnings or found.origin == ModelEval.Origin.COMPUTED:
        facts["warnings"] = found.warnings
    return facts


def newest(
    *,
    workspace_id: int,
    project: str | None = None,
    version: str | None = None,
    model: str | None = None,
    status: str | None = None,
    limit: int,
) -> list[panels.Document]:
    """Evaluations of the workspace, newest first. One statement."""
    found = ModelEval.objects.filter(workspace_id=workspace_id).select_related("project")
    if project is not None:
        found = found.filter(_names_project(project))
    if version is not None:
        found = found.filter(version_id=version)
    if model is not None:
        found = found.filter(model_id=model)
    if status is not None:
        found = found.filter(status=status)
    return [
        panels.list_item(identity(one), one.status, one.created_at)
        for one in found.order_by("-id")[:limit]
    ]


def _names_project(text: str) -> Q:
    named = Q(project__slug=text)
    return (
        named | Q(project_id=int(text))
        if text.isascii() and text.isdigit() and len(text) < 19
        else named
    )


def project(text: str, *, workspace_id: int) -> Project | None:
    """The workspace's project of that slug, or of that id."""
    mine: QuerySet[Project] = Project.objects.filter(workspace_id=workspace_id)
    found = mine.filter(slug=text).first()
    if found is None and text.isascii() and text.isdigit() and len(text) < 19:
        found = mine.filter(pk=int(text)).first()
    return found


# By primary key. JSON comes as text: bytes travel as hex digits, which takes twice as long.
PANEL_SQL = """
SELECT {body} FROM evals_evalpanel
WHERE evaluation_id = %s AND kind = %s AND split = %s AND confidence = %s
"""
JSON_PANEL_SQL = PANEL_SQL.format(body="convert_from(body, 'UTF8')")
BINARY_PANEL_SQL = PANEL_SQL.format(body="body")
BINARY_KINDS = {Kind.MATRIX, Kind.SOURCE}


def panel(found: ModelEval, kind: int, *, split: int = -1, confidence: int = -1) -> bytes | None:
    """A stored panel. One statement."""
    is_binary = kind in BINARY_KINDS
    sql = BINARY_PANEL_SQL if is_binary else JSON_PANEL_SQL
    row = fetch_one(sql, [found.pk, kind, split, confidence])
    if row is None:
        return None
    return bytes(row[0]) if is_binary else str(row[0]).encode()


def report(found: ModelEval, kind: int, missing: str, *, split: int = -1) -> bytes:
    """A stored panel. ReportNotFound with the text where the evaluation has none."""
    body = panel(found, kind, split=split)
    if body is None:
        raise ReportNotFound(missing)
    return body


def refuse_unknown_confidence(found: ModelEval, confidence: int) -> None:
    """ReportNotFound for a percent that an imported file says nothing about."""
    if found.confidences is not None and confidence not in found.confidences:
        known = ", ".join(map(str, found.confidences)) or "none"
        raise ReportNotFound(f"There is no report for confidence {confidence}. Available: {known}.")


# By primary key.
MATRIX_SQL = """
SELECT body FROM evals_evalpanel
WHERE evaluation_id = %s AND kind = %s AND confidence = %s AND split = ANY(%s)
"""


def matrix(found: ModelEval, *, split: int | None, confidence: int) -> Ints:
    """The confusion matrix of one split, or of all together. One statement."""
    splits = [split] if split is not None else [s.value for s in Split]
    rows = fetch_all(MATRIX_SQL, [found.pk, Kind.MATRIX, confidence, splits])
    events = unpack_events([row[0] for row in rows])
    return confusion_matrix(events, 0, n_classes=len(found.classes))


def count_images(found: ModelEval, split: int | None) -> int:
    """How many images the split has, or all splits. No statement."""
    counts: dict[str, int] = found.image_counts
    return sum(counts.values()) if split is None else counts.get(Split(split).label, 0)


IMAGE_COLUMNS = "image_id, name, split, augmentations, cluster, x, y, is_flagged, position, events"
POSITION = 8
# Ranges of the primary key, or of the index on the split's positions.
RANGE_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND position >= %s AND position < %s ORDER BY position
"""  # noqa: S608
SPLIT_RANGE_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
WHERE evaluation_id = %s AND split = %s AND split_position >= %s AND split_position < %s
ORDER BY split_position
"""  # noqa: S608
CHOSEN_SQL = f"""
SELECT {IMAGE_COLUMNS} FROM evals_evalimage
JOIN unnest(%s::int[]) WITH ORDINALITY AS c(chosen, n) ON c.chosen = position
WHERE evaluation_id = %s ORDER BY c.n
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Images:
    """Some images with their events; `events.image` is the place among them."""

    rows: list[ImageRow]
    positions: list[int]
    events: Events

    def cells(self, confidence: int) -> Cells:
        """Their confusion cells at one percent."""
        return image_cells(self.events, confidence)

    def counts(self, confidence: int, n_classes: int) -> Counts:
        """Counts of each at one percent."""
        return self.cells(confidence).counts(n_images=len(self.rows), n_classes=n_classes)

    def records(self, confidence: int, n_classes: int) -> list[panels.Document]:
        """The images as clients read them at one percent."""
        return images.image_records(self.rows, self.cells(confidence), n_classes=n_classes)


#: Images of a page worked on at a time: their arrays stay in the processor's cache and in memory
#: that is there already. A page of 1,000 at once took a quarter longer.
BLOCK = 250


def images_of(found: Sequence[Any]) -> Images:
    """The images of rows that begin with IMAGE_COLUMNS."""
    return Images(
        rows=[ImageRow._make(row[:POSITION]) for row in found],
        positions=[row[POSITION] for row in found],
        events=_events(found),
    )


def _events(found: Sequence[Any]) -> Events:
    return unpack_events([row[9] for row in found])


def _between(found: ModelEval, split: int | None, first: int, end: int) -> list[Any]:
    if split is None:
        return fetch_all(RANGE_SQL, [found.pk, first, end])
    return fetch_all(SPLIT_RANGE_SQL, [found.pk, split, first, end])


def _at(found: ModelEval, positions: Sequence[int]) -> list[Any]:
    return fetch_all(CHOSEN_SQL, [list(positions), found.pk])


def images_between(found: ModelEval, split: int | None, first: int, end: int) -> Images:
    """Images `first` up to before `end` of the split, or of all. One statement, only their rows."""
    return images_of(_between(found, split, first, end))


def images_at(found: ModelEval, positions: Sequence[int]) -> Images:
    """The images at these positions, in this order. One statement."""
    return images_of(_at(found, positions))


def page_between(
    found: ModelEval, split: int | None, first: int, end: int, confidence: int
) -> list[bytes]:
    """`images_between` as JSON texts of what clients read. One statement, only their rows."""
    return _page(found, _between(found, split, first, end), confidence)


def page_at(found: ModelEval, positions: Sequence[int], confidence: int) -> list[bytes]:
    """`images_at` as JSON texts of what clients read. One statement."""
    return _page(found, _at(found, positions), confidence)


def _page(found: ModelEval, rows: Sequence[Any], confidence: int) -> list[bytes]:
    texts: list[bytes] = []
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        cells = image_cells(_events(some), confidence)
        texts += images.image_texts(some, cells, n_classes=len(found.classes))
    return texts


# Served by the index on (evaluation, image_id).
IMAGE_SQL = """
SELECT position, task_id, annotation_id, prediction_id, split, item FROM evals_evalimage
WHERE evaluation_id = %s AND image_id = %s ORDER BY position LIMIT 1
"""


def image_keys(found: ModelEval, image_id: str) -> tuple[int, list[Any]] | None:
    """Position of an image and (task, annotation, prediction, split, item); None for no such id."""
    # No stored text holds a NUL, and Postgres refuses to look for one.
    row = None if "\0" in image_id else fetch_one(IMAGE_SQL, [found.pk, image_id])
    return None if row is None else (row[0], list(row[1:]))


def source_pieces(found: ModelEval) -> Iterator[bytes]:
    """The compressed document of an import, a piece at a time."""
    piece = 0
    while (body := panel(found, Kind.SOURCE, confidence=piece)) is not None:
        yield body
        piece += 1
