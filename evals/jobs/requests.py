"""The one place that makes evaluations to compute, from what a caller asks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rest_framework.exceptions import ValidationError

from evals.db import evaluations
from evals.db.label_config import Chosen, choose
from evals.documents.refusals import EvaluationNotDone, ProjectNotFound, Refusal
from evals.engine.kinds.kind import OF_MATCHING, Kind
from evals.engine.kinds.table import KINDS
from evals.engine.matching import Rule
from evals.engine.reading import Reading
from evals.jobs import state, tasks
from evals.models import GroundTruth, ModelEval
from predictions.db.places import in_project
from predictions.db.versions import has_model_version
from predictions.filters.tasks import of_document
from predictions.models import Annotation, Project

NO_GROUND_TRUTH = {
    GroundTruth.MARKED: (
        "The project has no ground truth. Mark annotations as ground truth: "
        'PATCH /api/annotations/ {"project": id, "ground_truth": true}. Or ask with '
        '"groundTruth": "all", which takes the newest annotation of each task.'
    ),
    GroundTruth.ALL: "The project has no annotations, or only cancelled ones.",
}
#: Parameters that not every kind reads, and those that are kept as they came.
OF_KINDS = (*sorted(OF_MATCHING), "tolerance", "normalization", "keypointSigmas")
OPTIONS = (
    "tolerance", "normalization", "keypointSigmas", "labelMap", "classes", "slices", "query",
)  # fmt: skip


def create(values: dict[str, Any], *, workspace_id: int) -> ModelEval:
    """A new evaluation, queued. A Refusal says what is missing, before anything is stored."""
    project = evaluations.project(values["project"], workspace_id=workspace_id)
    if project is None:
        raise ProjectNotFound()
    return _made(project, values)


def _made(
    project: Project, values: Mapping[str, Any], *, supersedes: ModelEval | None = None
) -> ModelEval:
    """An evaluation of these values, queued, or a Refusal."""
    asked: dict[str, Any] = {
        "task_type": values.get("taskType"),
        "control": values.get("control"),
    }
    ground_truth = GroundTruth(values.get("groundTruth", GroundTruth.MARKED))
    options = {name: values[name] for name in OPTIONS if values.get(name) is not None}
    if "classes" in options:
        options["classes"] = list(dict.fromkeys(options["classes"]))
    _refuse_unreadable(options.get("query"), project.pk)
    chosen = choose(project, **asked, **_labels(options))
    _refuse_unread(chosen.kind, values)
    threshold = values.get("iouThreshold", chosen.kind.iou_threshold)
    inclusive = values.get("iouInclusive", chosen.kind.is_inclusive)
    _refuse_beyond(chosen.kind, threshold, inclusive=inclusive)
    _refuse_ambiguous(chosen.reading, options.get("labelMap", {}), options.get("classes", ()))
    _refuse_renamed(chosen.reading, options.get("classes", ()))
    _refuse_unknown_points(chosen.reading, options.get("keypointSigmas", ()))
    _refuse_impossible(project, values["modelVersion"], ground_truth)
    return _queued(
        chosen,
        workspace_id=project.workspace_id,
        supersedes=supersedes,
        project=project,
        asked=asked,
        ground_truth=ground_truth,
        version_id=values.get("versionId") or values["modelVersion"],
        model_id=values.get("modelId") or None,
        model_version=values["modelVersion"],
        options=options,
        matching=values.get("matching", Rule.IOU_CLASS_FIRST.value),
        iou_threshold=threshold,
        inclusive=inclusive,
        confidence=values["confidence"],
        median_latency_ms=values.get("medianLatencyMs"),
        writes_back=values["writeBack"],
    )


def repeat(found: ModelEval) -> ModelEval:
    """A new evaluation, queued, of what the same request finds now; the one found stays as it is.

    A Refusal where there is nothing to compute it from, or what it asks for is no more.
    """
    if found.origin == ModelEval.Origin.IMPORTED:
        raise Refusal("An imported evaluation cannot be computed again; import its file.")
    if found.project is None:
        raise Refusal("The project was deleted: there is nothing left to evaluate.")
    if found.status == ModelEval.Status.RUNNING:
        raise EvaluationNotDone("It is running. Cancel it first to start anew.")
    return _made(found.project, request_of(found), supersedes=found)


def request_of(evaluation: ModelEval) -> dict[str, Any]:
    """The body of a request that asks for the same again, without what it need not say. Empty of an
    imported one.
    """
    if evaluation.origin == ModelEval.Origin.IMPORTED:
        return {}
    kind = KINDS[evaluation.task_type]
    asked = {
        "taskType": evaluation.asked.get("task_type"),
        "control": evaluation.asked.get("control"),
        "versionId": evaluation.version_id,
        "modelId": evaluation.model_id,
        "confidence": evaluation.confidence,
        "groundTruth": evaluation.ground_truth,
        "medianLatencyMs": evaluation.median_latency_ms,
        "writeBack": evaluation.writes_back,
        **evaluation.options,
    }
    if kind.parameters >= OF_MATCHING:
        asked |= {
            "iouThreshold": evaluation.iou_threshold,
            "iouInclusive": evaluation.inclusive,
            "matching": evaluation.matching,
        }
    unasked = {
        "versionId": evaluation.model_version,
        "iouThreshold": kind.iou_threshold,
        "iouInclusive": kind.is_inclusive,
        "matching": Rule.IOU_CLASS_FIRST.value,
    }
    given = {
        name: value
        for name, value in asked.items()
        if value is not None and value != unasked.get(name)
    }
    of = {"project": str(evaluation.project_id), "modelVersion": evaluation.model_version}
    return {**of, **given}


def _labels(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say about labels, as `choose` takes it."""
    return {"label_map": options.get("labelMap"), "is_closed": "classes" in options}


def _refuse_unreadable(query: Any, project_id: int) -> None:
    """A Refusal for a query of tasks that means nothing."""
    try:
        of_document({} if query is None else query, project_id=project_id)
    except ValidationError as refused:
        detail: Any = refused.detail
        raise Refusal(f"query: {detail['query'][0]}") from None


def _refuse_unread(kind: Kind, values: Mapping[str, Any]) -> None:
    labels = {"labelMap", "classes"}
    unread = {*OF_KINDS, *(labels if not kind.has_labels else ())} - kind.parameters
    for name in sorted(unread):
        if name in values:
            raise Refusal(
                f"{name} means nothing to {kind.task_type}: leave it out.", "invalid_request"
            )


def _refuse_beyond(kind: Kind, threshold: float, *, inclusive: bool) -> None:
    """A Refusal for a limit that nothing is above: equal places would not match, either."""
    if kind.parameters >= OF_MATCHING and threshold >= 1 and not inclusive:
        raise Refusal(
            "iouThreshold: no overlap is above 1, so nothing would match. Ask with "
            "iouInclusive: true for those that are exactly 1.",
            "invalid_request",
        )


def _refuse_ambiguous(
    reading: Reading, label_map: Mapping[str, str | None], classes: Sequence[str]
) -> None:
    """A Refusal for a name that several controls show for labels of their own, unless those that
    it is not taken for are told as well.
    """
    for field, names, told in (
        ("labelMap", label_map, {*label_map}),
        ("classes", classes, {*label_map, *classes}),
        ("labelMap", {*label_map.values()} - {None}, None),
    ):
        for name in sorted(map(str, names)):
            first, *others = reading.meanings(name)
            # What labels are called may be the stored name of one.
            if others and (first != name if told is None else {*others} - told):
                stored = ", ".join(map(repr, (first, *others)))
                raise Refusal(
                    f"{field}: {name!r} is what several labels are called, stored as {stored}. "
                    "Name them as they are stored, or choose a control.",
                    "invalid_request",
                )


def _refuse_renamed(reading: Reading, classes: Sequence[str]) -> None:
    """A Refusal for a class that nothing is called any more once the labels are mapped."""
    for name in classes:
        stored = reading.stored(name)
        called = reading.label_map.get(stored, stored)
        if called != stored and stored not in reading.label_map.values():
            how = "is not read" if called is None else f"is called {called!r}"
            raise Refusal(f"classes: {name!r} {how} by the labelMap.", "invalid_request")


def _refuse_unknown_points(reading: Reading, names: Iterable[str]) -> None:
    """A Refusal for a sigma of a key point that there is not: it would change nothing."""
    known = {name for point in reading.keypoints for name in point}
    for name in names:
        if name not in known:
            there_are = ", ".join(called for called, _ in reading.keypoints) or "none"
            raise Refusal(
                f"keypointSigmas: {name!r} is no key point. There are: {there_are}.",
                "invalid_request",
            )


def _queued(chosen: Chosen, **columns: Any) -> ModelEval:
    made = state.create(
        **columns,
        task_type=chosen.kind.task_type,
        control=chosen.control,
        reading=chosen.reading.document(),
    )
    tasks.queue(made.pk)
    return made


def _refuse_impossible(project: Project, version: str, ground_truth: GroundTruth) -> None:
    # By the index on (project, task).
    truths = in_project(Annotation.objects.filter(was_cancelled=False), project.pk)
    if ground_truth == GroundTruth.MARKED:
        truths = truths.filter(ground_truth=True)
    if not truths.exists():
        raise Refusal(NO_GROUND_TRUTH[ground_truth], "no_ground_truth")
    # Nobody can ask for null: it is no version either.
    names = [version] if version else ["", None]
    if not any(has_model_version(project.pk, name) for name in names):
        raise Refusal(f"The project has no predictions of version {version!r}.", "no_predictions")
