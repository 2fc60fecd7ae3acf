"""What the prompts' operations read of a query string."""

from rest_framework import serializers

from predictions.api.parameters import ElsewhereParameters
from predictions_api.http.parameters import (
    ChoiceParameter,
    FlagParameter,
    IdParameter,
    IdsParameter,
    LimitParameter,
    OrderParameter,
    Parameters,
    TextParameter,
    WholeParameter,
)
from prompts.db import queries
from prompts.models import ModelRun

# Runs whose measures are asked for at once.
MAX_BULK_RUNS = 20
SUBSETS = [subset for subset in ModelRun.Subset.values if subset != "Custom"]


class PageParameters(Parameters):
    """Which page of a list; `NumberedPages` reads them."""

    page = WholeParameter(max_value=2**31, help_text="From 1; past the end is 404.")
    page_size = LimitParameter(max_value=1000, help_text="At most 1000; 100 by default.")


class PromptListParameters(PageParameters):
    """Which prompts."""

    ordering = OrderParameter(
        ("id", "title", "created_at", "updated_at", "best_score", "runs_count"), help_text="Order."
    )
    search = TextParameter(help_text="Part of the title.")


class CompatibleProjectParameters(PageParameters, ElsewhereParameters):
    """Which of the projects that a prompt can be for."""

    project_type = ChoiceParameter(queries.PROJECT_TYPES, help_text="What its config labels.")
    ids = IdsParameter(help_text="Only these ids, comma-separated.")
    title = TextParameter(help_text="Part of the title.")
    ordering = OrderParameter(("id", "title", "created_at", "updated_at"), help_text="Order.")


class VersionListParameters(Parameters):
    """How versions are ordered."""

    ordering = OrderParameter(
        ("id", "title", "created_at", "updated_at", "score"), help_text="Order."
    )


class ConnectionListParameters(Parameters):
    """How provider connections are ordered."""

    ordering = OrderParameter(("id", "provider", "created_at", "updated_at"), help_text="Order.")


class SubsetParameters(Parameters):
    """Which tasks of a project."""

    project_subset = ChoiceParameter(
        SUBSETS, default="All", help_text="Which tasks of the project; All unless given."
    )


class CostParameters(SubsetParameters):
    """What a run's cost is estimated for."""

    project_id = IdParameter(help_text="The project; the prompt's first unless given.")


class CountParameters(SubsetParameters):
    """What a run's predictions are counted for."""

    project = IdParameter(help_text="The project; the prompt's first unless given.")


class PreviewParameters(Parameters):
    """The task a prompt is shown for."""

    task = IdParameter(help_text="The task.")
    project = IdParameter(help_text="Or the first task of this project.")


class ExampleParameters(Parameters):
    """Whose examples."""

    project = IdParameter(help_text="The prompt's first, unless named.")


# `async` is a word of Python's own.
RefineParameters: type[Parameters] = type(
    "RefineParameters",
    (Parameters,),
    {"async": FlagParameter(help_text="Answer at once; ask for the result later.")},
)


class RefinedParameters(Parameters):
    """Which refinement."""

    refinement_job_id = TextParameter(help_text="Which one.")


class RunListParameters(Parameters):
    """Which runs of a version."""

    ordering = OrderParameter(
        ("id", "created_at", "completed_at", "status", "total_predictions"), help_text="Order."
    )
    project = IdParameter(help_text="The project.")
    project_subset = ChoiceParameter(
        ModelRun.Subset.values, help_text="Which tasks of the project."
    )
    parent_model = IdParameter(help_text="Of this prompt.")


class BatchParameters(Parameters):
    """Sent by Label Studio's engines, and not read."""

    num_predictions = serializers.IntegerField(
        required=False, help_text="For the caller's own records."
    )


class FailedBatchParameters(Parameters):
    """Sent by Label Studio's engines, and not read."""

    num_failed_predictions = serializers.IntegerField(
        required=False, help_text="For the caller's own records."
    )


class FailedListParameters(Parameters):
    """Which failed predictions."""

    project = IdParameter(help_text="The project.")
    task = IdParameter(help_text="Of this task.")
    model_run = IdParameter(help_text="Of this run.")
    limit = LimitParameter(
        default=1000, help_text="At most this many, 1 to 10000; 1000 by default."
    )


class BulkParameters(Parameters):
    """Which runs."""

    ids = IdsParameter(
        required=True,
        error_messages={"required": f"Name 1 to {MAX_BULK_RUNS} runs."},
        help_text="Run ids, comma-separated.",
    )


class RegressionParameters(Parameters):
    """What a run is compared with."""

    baseline = IdParameter(help_text="The earlier run; its source, or the one before.")


class SubsetListParameters(Parameters):
    """Sent by Label Studio's clients, and not read."""

    ordering = TextParameter(help_text="Has no effect.")


class SubsetTaskParameters(Parameters):
    """Which tasks, and what beside them."""

    parent_model = IdParameter(required=True, help_text="The prompt.")
    model_run = IdParameter(help_text="Predictions of this run only.")
    model_version = IdParameter(help_text="Predictions of this version only.")
    project_subset = ChoiceParameter(
        ModelRun.Subset.values, help_text="Which tasks of the project."
    )
    prediction_version_ids = IdsParameter(help_text="Predicted by each of these versions.")
    output_class = TextParameter(help_text="Predicted to be of this class.")
    output_from_name = TextParameter(help_text="By this control.")
    alignment_class = TextParameter(help_text="Of this class in prediction or truth.")
    alignment_from_name = TextParameter(help_text="By this control.")
    alignment_outcome = ChoiceParameter(
        ["all", "true_positive", "false_positive", "false_negative"],
        default="all",
        help_text="Which of both; a false positive is of a task with ground truth.",
    )
    include_total = FlagParameter(
        default=True, help_text="Whether task_count is told; true by default."
    )
    ordering = OrderParameter(
        ("id", "score"),
        default="id",
        help_text="Order; by the score as it was when the answer was stored.",
    )
    page = WholeParameter(max_value=2**31, default=1, help_text="From 1; past the end is 404.")
    page_size = LimitParameter(
        max_value=1000, default=100, help_text="At most 1000; 100 by default."
    )
