"""Advice for a better model, with images that show what it is about."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import UNSET, Meta, UnsetType

from evals.db.blocks import blocks
from evals.db.definition import unit_of
from evals.db.panels import Kind, required_panel
from evals.db.writes import NewPanel
from evals.documents.document import OpenDocument, moment
from evals.documents.scores import Number
from evals.engine.events import class_counts, join_events
from evals.engine.kinds.table import KINDS
from evals.engine.metrics import matrix_of
from evals.engine.recommendations import Recommendation, Words, recommendations
from evals.models import ModelEval
from evals.panels.counted import Counted, Imported
from evals.panels.panel import Panel, stored
from evals.panels.query import Asked

MISSING = "The imported file has no recommendations."
#: Images named with each recommendation.
SHOWN_IMAGES = 20
#: RFC 3339, seconds at least.
GeneratedAt = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", extra_json_schema={"format": "date-time"}),
]


class Advice(OpenDocument):
    """One piece of advice, with the ids of images that show it, worst first."""

    type: str | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    class_name: str | UnsetType | None = UNSET
    other_class_name: str | UnsetType | None = UNSET
    metrics: dict[str, Any] | UnsetType = UNSET
    message: str | UnsetType = UNSET
    image_ids: list[str] | UnsetType = UNSET


class AdviceSummary(OpenDocument):
    """What the advice is about: the evaluation's headline split at its best threshold."""

    confidence_threshold: Annotated[
        float | UnsetType, Meta(description="An integer percent, in this panel only.")
    ] = UNSET
    split: str | UnsetType = UNSET
    generated_at: str | UnsetType | None = UNSET
    count: Number = UNSET
    f1: Number = UNSET
    precision: Number = UNSET
    recall: Number = UNSET


class AdviceList(OpenDocument):
    """All advice."""

    summary: AdviceSummary | UnsetType = UNSET
    items: list[Advice] | UnsetType = UNSET


class Recommendations(OpenDocument):
    """Advice for a better model; `generated` is false where an import brings none."""

    generated: bool | UnsetType = UNSET
    generated_at: GeneratedAt | UnsetType = UNSET
    recommendations: AdviceList | UnsetType = UNSET


def read(evaluation: ModelEval, asked: Asked) -> bytes:
    """The stored panel."""
    return required_panel(evaluation, Kind.RECOMMENDATIONS, MISSING)


def build(counted: Counted) -> Iterator[NewPanel]:
    """Advice at the threshold that is best on the headline's split."""
    evaluation, head = counted.evaluation, counted.head
    n_classes = len(evaluation.classes)
    best = head.swept.micro
    confidence = round(100 * best.optimal_threshold)
    everything = join_events([total.events for total in counted.totals])
    # Objects are missed at 100 percent or matched there: either way all are in its rows.
    instances = class_counts(everything, n_classes=n_classes).objects[0].tolist()
    advice = recommendations(
        matrix_of(head.events, confidence, n_classes=n_classes),
        evaluation.classes,
        instances=instances,
        images=evaluation.image_counts,
        is_augmented=evaluation.images.filter(augmentations__gt=0).exists(),
        words=Words(unit_of(evaluation), *KINDS[evaluation.task_type].counted),
    )
    images = _images_showing(evaluation, head.split, confidence, advice)
    # When the data became what they are: unchanged data are answered the same to the byte.
    newest = (evaluation.newest_ground_truth_at, evaluation.newest_prediction_at)
    as_of = moment(max(filter(None, newest), default=evaluation.planned_at)) or ""
    document = Recommendations(
        generated=True,
        generated_at=as_of,
        recommendations=AdviceList(
            summary=AdviceSummary(
                confidence_threshold=confidence,
                split=head.name,
                generated_at=as_of,
                count=len(advice),
                f1=best.optimal.f1,
                precision=best.optimal.precision,
                recall=best.optimal.recall,
            ),
            items=[_advice(one, ids) for one, ids in zip(advice, images, strict=True)],
        ),
    )
    yield stored(Kind.RECOMMENDATIONS, document)


def derive(imported: Imported) -> Iterator[NewPanel]:
    """That there is no advice, where the file brings none."""
    if imported.keys.get("recommendations") is None:
        yield stored(Kind.RECOMMENDATIONS, Recommendations(generated=False))


def _advice(one: Recommendation, image_ids: list[str]) -> Advice:
    return Advice(
        type=one.kind.value,
        severity=one.severity.value,
        class_name=UNSET if one.class_name is None else one.class_name,
        other_class_name=UNSET if one.other_class_name is None else one.other_class_name,
        metrics=one.metrics,
        message=one.message,
        image_ids=image_ids,
    )


def _images_showing(
    evaluation: ModelEval, split: int, confidence: int, advice: Sequence[Recommendation]
) -> list[list[str]]:
    """Ids of the images with most of each advice's cells, worst first, SHOWN_IMAGES at most."""
    best: list[list[tuple[int, int, str]]] = [[] for _ in advice]
    side = len(evaluation.classes) + 1
    wanted = [[actual * side + predicted for actual, predicted in one.cells] for one in advice]
    if not any(wanted):
        return [[] for _ in advice]
    for block in blocks(evaluation, split=split):
        cells = block.cells(confidence)
        key = cells.actual * side + cells.predicted
        for n, pairs in enumerate(wanted):
            if not pairs:
                continue
            hit = np.isin(key, pairs)
            per_image = np.bincount(
                cells.image[hit], weights=cells.count[hit], minlength=len(block.ids)
            )
            places = np.flatnonzero(per_image)
            best[n] += [
                (-int(per_image[p]), block.first + p, block.ids[p]) for p in places.tolist()
            ]
            best[n] = sorted(best[n])[:SHOWN_IMAGES]
    return [[image_id for _, _, image_id in images] for images in best]


PANEL = Panel(
    path="recommendations",
    operation_id="get_recommendations",
    summary="Advice for a better model",
    document=Recommendations,
    read=read,
    build=build,
    imported_as=("recommendations", Kind.RECOMMENDATIONS),
    derive=derive,
)
