"""What a `ModelEval` row asks for: the engine's `Job`, and which tasks."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, F, Func, Q, Value
from rest_framework.exceptions import ValidationError

from evals.engine.errors import EvaluationError
from evals.engine.kinds.kind import Job, Kind
from evals.engine.kinds.table import KINDS
from evals.engine.matching import Definition
from evals.engine.reading import reading_of
from evals.models import ModelEval
from predictions.db.places import in_project
from predictions.filters.tasks import named, of_document
from predictions.models import Task
from predictions.regions.config import read_config


def job_of(evaluation: ModelEval) -> Job:
    """What the evaluation's images are counted by."""
    return Job(
        task_type=evaluation.task_type,
        classes=evaluation.classes,
        confidence=evaluation.confidence,
        definition=Definition(
            iou_threshold=evaluation.iou_threshold,
            inclusive=evaluation.inclusive,
            rule=evaluation.matching,
        ),
        is_multi_label=evaluation.is_multi_label,
        iou_type=evaluation.iou_type,
        engine=settings.EVALUATION_ENGINE,
        reading=reading_of(evaluation.reading),
        options=evaluation.options,
    )


#: What is taken for parameters of a kind that the request did not name.
UNASKED: Mapping[str, Any] = {"tolerance": 0.0, "normalization": "none"}


def parameters_of(evaluation: ModelEval) -> dict[str, Any]:
    """The values of those parameters of UNASKED that its kind reads; none of an imported one."""
    if evaluation.origin == ModelEval.Origin.IMPORTED:
        return {}
    read = kind_of(evaluation).parameters
    return {name: evaluation.options.get(name, UNASKED[name]) for name in UNASKED if name in read}


#: What a request has that is of chosen tasks or classes; and, of its options, which classes are not
#: read.
OF_SOME = ("query", "classes")
LEFT_OUT = Value("$.labelMap.* ? (@ == null)")
#: Whether a row's request leaves out tasks or classes, as `evals.reports.terms.is_of_all` reads it.
IS_OF_SOME = Q(options__has_any_keys=OF_SOME) | Q(
    Func(
        F("options"),
        LEFT_OUT,
        template="jsonb_path_exists(%(expressions)s::jsonpath)",
        output_field=BooleanField(),
    )
)


def kind_of(evaluation: ModelEval) -> Kind:
    """The kind of evaluation it is."""
    return KINDS[evaluation.task_type]


def chosen_tasks(evaluation: ModelEval) -> tuple[str, dict[str, Any]]:
    """The condition on tasks `t` that an evaluation of some tasks was asked with, and its named
    parameters; `true` of others. EvaluationError where it means nothing any more.
    """
    query = evaluation.options.get("query")
    if query is None:
        return "true", {}
    try:
        wanted = of_document(query, project_id=evaluation.project_id or 0)
    except ValidationError as refused:
        raise EvaluationError(f"Its query cannot be read any more: {refused.detail}") from None
    return named(wanted.where, "chosen")


def unknown_tasks(evaluation: ModelEval) -> list[int]:
    """The ids that the query of an evaluation names and that no task of its project has, in order;
    none without a query.
    """
    selected = evaluation.options.get("query", {}).get("selectedItems") or {}
    named_ids = {*selected.get("included", ()), *selected.get("excluded", ())}
    known = in_project(Task.objects.filter(pk__in=named_ids), evaluation.project_id or 0)
    return sorted(named_ids - set(known.values_list("pk", flat=True))) if named_ids else []


#: A version's predictions: the index on (project, version, id) has its first 200 characters.
OF_VERSION = "left(model_version, 200) = left(%(version)s, 200) AND model_version = %(version)s"
OF_NO_VERSION = "(left(model_version, 200) = '' OR left(model_version, 200) IS NULL)"


def of_version(evaluation: ModelEval) -> str:
    """The condition on predictions to be of its `%(version)s`; "" is empty text or null."""
    return OF_VERSION if evaluation.model_version else OF_NO_VERSION


def unit_of(evaluation: ModelEval) -> str:
    """What is counted one by one, in a word: `image`, or `task` where there are no images."""
    project = evaluation.project
    if project is None or evaluation.origin == ModelEval.Origin.IMPORTED:
        return "image"
    wanted = {one.name for one in reading_of(evaluation.reading).objects}
    objects = read_config(project.label_config).objects
    tags = {one.tag for one in objects if not wanted or one.name in wanted}
    return "task" if tags and "Image" not in tags else "image"
