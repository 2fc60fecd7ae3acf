"""What the OpenAPI document says beyond the serializers: parameters, statuses, one line a route."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.serializers import Serializer

from predictions.api.schema.parts import IDEMPOTENCY_KEY, REPLAYED
from predictions.api.serializers import ProjectSerializer
from predictions_api.http.openapi import error_responses
from prompts.api import parameters
from prompts.api.serializers.prompts import (
    CostEstimateSerializer,
    ExampleSerializer,
    OrderedExamplesSerializer,
    PredictionCountSerializer,
    PreviewSerializer,
    PromptDetailSerializer,
    PromptSerializer,
    PromptVersionSerializer,
    RefinedSerializer,
    RefineSerializer,
    TriedTaskSerializer,
    TryTaskSerializer,
)
from prompts.api.serializers.providers import ProviderConnectionSerializer
from prompts.api.serializers.runs import (
    BatchAnswerSerializer,
    BatchSerializer,
    FailedBatchAnswerSerializer,
    FailedBatchSerializer,
    FailedPredictionSerializer,
    IndicatorSerializer,
    ModelRunSerializer,
    ReEvaluateSerializer,
    RegressionsSerializer,
    RunDetailSerializer,
    SubsetSerializer,
    SubsetTasksPageSerializer,
)

View = TypeVar("View", bound=Callable[..., Any])

WRITE = error_responses(400, 404, 413, 415)
READ = error_responses(400, 404)
ASKS_A_MODEL = error_responses(400, 404, 413, 415, 429)


def document(
    name: str, summary: str, answer: Any, *, status: int = 200, **more: Any
) -> Callable[[View], View]:
    """An operation that answers with one kind of document."""
    errors = more.pop("errors", READ)
    return extend_schema(
        operation_id=name, summary=summary, responses={status: answer, **errors}, **more
    )


def written(
    name: str, summary: str, body: Any, answer: Any, *, status: int = 200, **more: Any
) -> Callable[[View], View]:
    """An operation with a body."""
    more = {"request": body, "errors": WRITE, **more}
    return document(name, summary, answer, status=status, **more)


def created(name: str, summary: str, row: type[Serializer[Any]]) -> Callable[[View], View]:
    """An operation that stores a row and answers with it."""
    return written(name, summary, row, row, status=201)


def changed(name: str, summary: str, row: type[Serializer[Any]]) -> Callable[[View], View]:
    """An operation that changes parts of a row and answers with all of it."""
    return written(name, summary, row(partial=True), row)


DETAIL = inline_serializer("Detail", {"detail": serializers.CharField()})
PROMPT_LIST = document(
    "list_prompts",
    "List prompts",
    PromptDetailSerializer(many=True),
    parameters=[parameters.PromptListParameters],
)
PROMPT_CREATE = created("create_prompt", "Create a prompt", PromptSerializer)
PROMPT_GET = document("get_prompt", "Get a prompt", PromptDetailSerializer)
PROMPT_PATCH = changed("update_prompt", "Change a prompt", PromptSerializer)
PROMPT_DELETE = document(
    "delete_prompt", "Delete a prompt, its runs and their predictions", None, status=204
)
PROMPT_DUPLICATE = document(
    "duplicate_prompt", "Copy a prompt and its versions", PromptSerializer, status=201, request=None
)
COMPATIBLE_PROJECTS = document(
    "list_compatible_projects",
    "List projects a prompt can be for",
    ProjectSerializer(many=True),
    parameters=[parameters.CompatibleProjectParameters],
)
VERSION_LIST = document(
    "list_prompt_versions",
    "List a prompt's versions",
    PromptVersionSerializer(many=True),
    parameters=[parameters.VersionListParameters],
)
VERSION_CREATE = created("create_prompt_version", "Create a version", PromptVersionSerializer)
VERSION_GET = document("get_prompt_version", "Get a version", PromptVersionSerializer)
VERSION_PATCH = changed("update_prompt_version", "Change a version", PromptVersionSerializer)
VERSION_DELETE = document(
    "delete_prompt_version", "Delete a version, its runs and their predictions", None, status=204
)
VERSION_NAME = document(
    "get_default_version_name",
    "A title for the next version",
    inline_serializer(
        "DefaultVersionName",
        {
            "default_model_version_name": serializers.CharField(),
            "message": serializers.CharField(allow_blank=True),
        },
    ),
)
COST_ESTIMATE = document(
    "estimate_cost",
    "Estimate what a run would cost",
    CostEstimateSerializer,
    parameters=[parameters.CostParameters],
)
REFINE = written(
    "refine_prompt",
    "Let a teacher model word a version better, as a new version",
    RefineSerializer,
    RefinedSerializer,
    status=201,
    parameters=[parameters.RefineParameters],
    errors=ASKS_A_MODEL,
)
REFINED = extend_schema(
    operation_id="get_refined_prompt",
    summary="Get a better wording",
    parameters=[parameters.RefinedParameters],
    responses={200: RefinedSerializer, 202: RefinedSerializer, **READ},
)
PREDICTION_COUNT = document(
    "count_predictions",
    "What a run would find",
    PredictionCountSerializer,
    parameters=[parameters.CountParameters],
)
PREVIEW = document(
    "preview_prompt",
    "What a model would be sent for a task",
    PreviewSerializer,
    parameters=[parameters.PreviewParameters],
)
TRY_TASK = written(
    "try_task",
    "Ask the model about one task, storing nothing",
    TryTaskSerializer,
    TriedTaskSerializer,
    errors=ASKS_A_MODEL,
)
FEW_SHOT = document(
    "list_few_shot_examples",
    "The examples a version shows its model, at most max_few_shot_examples",
    ExampleSerializer(many=True),
    parameters=[parameters.ExampleParameters],
)
FEW_SHOT_ORDER = written(
    "reorder_few_shot_examples",
    "Say which examples a version shows, in order",
    OrderedExamplesSerializer,
    ExampleSerializer(many=True),
    parameters=[parameters.ExampleParameters],
)
RUN_LIST = document(
    "list_runs",
    "List a version's runs",
    ModelRunSerializer(many=True),
    parameters=[parameters.RunListParameters],
)
RUN_CREATE = written(
    "create_run",
    "Run a version over tasks of a project",
    ModelRunSerializer,
    ModelRunSerializer,
    status=201,
    parameters=[IDEMPOTENCY_KEY, REPLAYED],
)
RUN_GET = document("get_run", "Get a run, how far it is and what failed", RunDetailSerializer)
RUN_CANCEL = document("cancel_run", "Cancel a run; what is stored stays", DETAIL, request=None)
BATCH = written(
    "store_batch_predictions",
    "Store an outside engine's answers",
    BatchSerializer,
    BatchAnswerSerializer,
    status=201,
    parameters=[parameters.BatchParameters],
)
FAILED_BATCH = written(
    "store_batch_failures",
    "Store an outside engine's failures",
    FailedBatchSerializer,
    FailedBatchAnswerSerializer,
    status=201,
    parameters=[parameters.FailedBatchParameters],
)
FAILED_LIST = document(
    "list_failed_predictions",
    "List failed predictions, newest first",
    FailedPredictionSerializer(many=True),
    parameters=[parameters.FailedListParameters],
)
INDICATOR_LIST = document("list_indicators", "Measures of a run", IndicatorSerializer(many=True))
INDICATOR_GET = document("get_indicator", "One measure of a run", IndicatorSerializer)
BULK_INDICATORS = document(
    "get_bulk_indicators",
    "Measures of up to 20 runs, by run id",
    OpenApiTypes.OBJECT,
    parameters=[parameters.BulkParameters],
)
REGRESSIONS = document(
    "list_regressions",
    "Compare a run with an earlier one against the ground truth",
    RegressionsSerializer,
    parameters=[parameters.RegressionParameters],
)
RE_EVALUATE = written(
    "re_evaluate_run",
    "Run some of a run's tasks again",
    ReEvaluateSerializer,
    ModelRunSerializer,
    status=201,
)
SUBSETS = document(
    "list_subsets",
    "Count a project's subsets",
    SubsetSerializer(many=True),
    parameters=[parameters.SubsetListParameters],
)
SUBSET_TASKS = document(
    "list_subset_tasks",
    "List tasks with predictions, ground truth and errors",
    SubsetTasksPageSerializer,
    parameters=[parameters.SubsetTaskParameters],
)
CONNECTION_LIST = document(
    "list_provider_connections",
    "List provider connections",
    ProviderConnectionSerializer(many=True),
    parameters=[parameters.ConnectionListParameters],
)
CONNECTION_CREATE = created(
    "create_provider_connection", "Create a provider connection", ProviderConnectionSerializer
)
CONNECTION_GET = document(
    "get_provider_connection", "Get a provider connection", ProviderConnectionSerializer
)
CONNECTION_PATCH = changed(
    "update_provider_connection", "Change a provider connection", ProviderConnectionSerializer
)
CONNECTION_DELETE = document(
    "delete_provider_connection", "Delete a provider connection", None, status=204
)
PROVIDER_CHOICES = document(
    "list_provider_choices",
    "Providers a connection can be to",
    inline_serializer(
        "ProviderChoices",
        {"provider_choices": serializers.ListField(child=serializers.CharField())},
    ),
)
