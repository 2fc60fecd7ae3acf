"""Serializers of runs, batches and measures: what requests may hold and what is answered."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions.api.viewset import refuse_misspelt
from predictions.filters import keys
from predictions_api.http.fields import (
    JSONObjectField,
    MeasureField,
    PkField,
    StorableJSONField,
    StrictSerializer,
)
from predictions_api.names import SCORE, SCORES, has_no
from prompts.api.serializers.prompts import AuthorField
from prompts.models import MAX_INT32, MAX_SECONDS, MAX_USD, ModelRun
from prompts.runs import progress

COUNT: dict[str, Any] = {
    "min_value": 0,
    "max_value": MAX_INT32,
    "required": False,
    "allow_null": True,
}
COST: dict[str, Any] = {
    "min_value": 0,
    "max_value": MAX_USD,
    "required": False,
    "allow_null": True,
}


# What chooses the tasks of a run, and of which subset.
CHOOSING = {
    "task_ids": ModelRun.Subset.CUSTOM,
    "filters_json": ModelRun.Subset.CUSTOM,
    "sample_subset_size": ModelRun.Subset.SAMPLE,
}
SCORE_OF_REGIONS = "An answer has no score: send regions as its `output`, each with its `score`."
#: What `filters_json` may say: the tasks by their ids, or as a filter group.
OF_FILTERS = (*keys.OF_GROUP, "task_ids")


class ModelRunSerializer(StrictSerializer[ModelRun], serializers.ModelSerializer[ModelRun]):
    """One pass of a prompt version over tasks of a project."""

    project = PkField(source="project_id", help_text="The project whose tasks are labelled.")
    model_version = serializers.IntegerField(source="model_version_id", read_only=True)
    parent_model = serializers.IntegerField(
        source="model_version.parent_model_id", read_only=True, help_text="The prompt."
    )
    organization = serializers.IntegerField(source="project.workspace_id", read_only=True)
    created_by = AuthorField()
    source_model_run = serializers.IntegerField(
        source="source_model_run_id", read_only=True, allow_null=True
    )
    status_reason = serializers.SerializerMethodField(
        help_text="The status in words: why it ended so, or what it waits for."
    )
    filters_json = JSONObjectField(
        required=False,
        allow_null=True,
        help_text="Which tasks a Custom run is about: an object of filters.",
    )
    job_id = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=255,
        help_text="The job of a program that sends the answers: the run waits for them.",
    )
    task_ids = StorableJSONField(
        required=False, allow_null=True, help_text="A list with the ids of a Custom run's tasks."
    )
    sample_subset_size = serializers.IntegerField(**COUNT, help_text="How many tasks a Sample has.")
    only_missing_predictions = serializers.BooleanField(
        required=False, default=False, help_text="Only tasks this version has not predicted yet."
    )
    total_tasks = serializers.IntegerField(**COUNT, help_text="Counted here, whatever is sent.")
    total_predictions = serializers.IntegerField(
        **COUNT, help_text="Counted here, whatever is sent."
    )
    total_correct_predictions = serializers.IntegerField(
        **COUNT, help_text="Equal to the ground truth; counted here, whatever is sent."
    )
    cost_usd = serializers.SerializerMethodField(
        help_text="What its answers cost, in USD; null where no cost is known."
    )
    budget_usd = MeasureField(
        required=False, allow_null=True, min_value=0, help_text="The run stops at this cost."
    )

    class Meta:
        model = ModelRun
        fields = [
            "id",
            "project",
            "model_version",
            "parent_model",
            "project_subset",
            "status",
            "status_reason",
            "job_id",
            "filters_json",
            "task_ids",
            "sample_subset_size",
            "only_missing_predictions",
            "source_model_run",
            "total_tasks",
            "total_predictions",
            "total_correct_predictions",
            "total_failed",
            "budget_usd",
            "cost_usd",
            "predictions_updated_at",
            "organization",
            "created_by",
            "created_at",
            "triggered_at",
            "completed_at",
        ]
        read_only_fields = [
            "status",
            "total_failed",
            "created_at",
            "triggered_at",
            "completed_at",
        ]

    def validate_filters_json(self, group: dict[str, Any] | None) -> dict[str, Any] | None:
        """A word that it does not know would filter nothing."""
        if unknown := sorted((group or {}).keys() - set(OF_FILTERS)):
            raise ValidationError(has_no("filters_json", unknown[0], OF_FILTERS))
        return group

    def validate_budget_usd(self, value: float | None) -> float | None:
        """Requests are in flight before the first answer tells its cost."""
        if value == 0:
            raise ValidationError("It must be more than 0: nothing can be asked for that.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As they are. What chooses tasks of one subset says nothing of another."""
        subset = attrs.get("project_subset", ModelRun.Subset.HAS_GT)
        for name, of in CHOOSING.items():
            if attrs.get(name) is not None and subset != of:
                message = f"Only for the project_subset {of}, and this one is {subset}."
                raise ValidationError({name: [message]})
        group = attrs.get("filters_json") or {}
        ways = [attrs.get("task_ids"), group.get("task_ids"), group.get("items")]
        if sum(way is not None for way in ways) > 1:
            raise ValidationError({"filters_json": ["Name task_ids or a filter group, not both."]})
        return attrs

    def get_cost_usd(self, run: ModelRun) -> float | None:
        # The sum of none is 0 as well; an ended run knows whether there was one.
        is_known = bool(run.cost_usd) or (run.measures or {}).get("total_cost") is not None
        return run.cost_usd if is_known else None

    def get_status_reason(self, run: ModelRun) -> str:
        return progress.reason(run)


class TookSerializer(serializers.Serializer[Any]):
    """What an outside engine spent on one task, be it answered or failed."""

    task_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    prompt_tokens = serializers.IntegerField(**COUNT)
    completion_tokens = serializers.IntegerField(**COUNT)
    prompt_cost_usd = MeasureField(**COST)
    completion_cost_usd = MeasureField(**COST)
    total_cost_usd = MeasureField(**COST)
    inference_time = MeasureField(
        required=False, allow_null=True, min_value=0, max_value=MAX_SECONDS
    )
    message_counts = StorableJSONField(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        """The item's values. ValidationError for a known name that is written otherwise."""
        refuse_misspelt(type(self), data)
        return super().to_internal_value(data)


class BatchItemSerializer(TookSerializer):
    """An outside engine's answer for one task; more keys are ignored, but for a score: regions have
    scores, an answer has none.
    """

    output = StorableJSONField(help_text="An object keyed by control name, or regions.")

    def to_internal_value(self, data: Any) -> Any:
        """The item's values. ValidationError for a score: it would be stored as a sure one."""
        given = data if isinstance(data, Mapping) else {}
        if told := [name for name in (SCORE, *SCORES) if given.get(name) is not None]:
            raise ValidationError({told[0]: [SCORE_OF_REGIONS]})
        return super().to_internal_value(data)


class FailedItemSerializer(TookSerializer):
    """An outside engine's failure on one task, and what was spent on it; more keys are ignored."""

    error_type = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, default=""
    )
    message = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, default="", trim_whitespace=False
    )


class BatchSerializer(serializers.Serializer[Any]):
    """A batch of answers."""

    modelrun_id = PkField()
    job_id = serializers.CharField(required=False, allow_null=True, max_length=255)
    results = BatchItemSerializer(many=True)


class FailedBatchSerializer(serializers.Serializer[Any]):
    """A batch of failures."""

    modelrun_id = PkField()
    job_id = serializers.CharField(required=False, allow_null=True, max_length=255)
    failed_predictions = FailedItemSerializer(many=True)


class SkippedSerializer(serializers.Serializer[Any]):
    """An item of a batch that changed nothing."""

    task_id = serializers.IntegerField()
    reason = serializers.CharField()


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """What a batch did."""

    job_id = serializers.CharField(allow_blank=True)
    results = serializers.ListField(child=serializers.JSONField())
    skipped = SkippedSerializer(many=True)


class FailedBatchAnswerSerializer(serializers.Serializer[Any]):
    """What a batch of failures did."""

    job_id = serializers.CharField(allow_blank=True)
    failed_predictions = serializers.ListField(child=serializers.JSONField())
    skipped = SkippedSerializer(many=True)


class FailedPredictionSerializer(serializers.Serializer[Any]):
    """Why a task of a run has no prediction."""

    id = serializers.IntegerField()
    message = serializers.CharField()
    error_type = serializers.CharField()
    created_at = serializers.DateTimeField()
    model_version = serializers.IntegerField()
    model_run = serializers.IntegerField()
    task = serializers.IntegerField()
    project = serializers.IntegerField()


class IndicatorSerializer(serializers.Serializer[Any]):
    """One measure of a run."""

    title = serializers.CharField()
    values = JSONObjectField()


class SubsetSerializer(serializers.Serializer[Any]):
    """How many tasks a subset of a project has."""

    subset = serializers.CharField()
    count = serializers.IntegerField()
    columns_schema = serializers.ListField(child=JSONObjectField())


class SubsetTaskSerializer(serializers.Serializer[Any]):
    """A task beside what was predicted, what is true, and how far both agree."""

    id = serializers.IntegerField()
    data = JSONObjectField()  # type: ignore[assignment]
    prediction = JSONObjectField(allow_null=True)
    ground_truth = JSONObjectField(allow_null=True)
    error = JSONObjectField(allow_null=True)
    score = serializers.FloatField(allow_null=True)


class SubsetTasksSerializer(serializers.Serializer[Any]):
    """One page of tasks."""

    task_count = serializers.IntegerField(required=False)
    next_cursor = serializers.CharField(allow_null=True)
    previous_cursor = serializers.CharField(allow_null=True)
    task_result_list = SubsetTaskSerializer(many=True)


class SubsetTasksPageSerializer(serializers.Serializer[Any]):
    """A page as Label Studio's client reads it."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = SubsetTasksSerializer(many=True)


class RunDetailSerializer(ModelRunSerializer):
    """A run with how far it is and what went wrong."""

    progress = serializers.FloatField(help_text="0 to 1.")
    failures = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How many by error type; `others` are of rarer types and of deleted tasks.",
    )

    class Meta(ModelRunSerializer.Meta):
        fields = [*ModelRunSerializer.Meta.fields, "progress", "failures"]


class RegressionsSerializer(serializers.Serializer[Any]):
    """Two runs against the ground truth, task by task."""

    model_run = serializers.IntegerField()
    baseline = serializers.IntegerField()
    improved = serializers.IntegerField()
    regressed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    tasks = serializers.ListField(
        child=JSONObjectField(), help_text="The first 1,000 of those that regressed."
    )


class ReEvaluateSerializer(StrictSerializer[Any]):
    """Which tasks of a run to run again."""

    mode = serializers.ChoiceField(choices=["custom", "failed", "incorrect", "regressions"])
    task_ids = serializers.ListField(child=PkField(), required=False)
    baseline = PkField(required=False, help_text="For regressions: the earlier run.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As they are. What one mode needs says nothing of another."""
        for name, mode in {"task_ids": "custom", "baseline": "regressions"}.items():
            if name in attrs and attrs["mode"] != mode:
                message = f"Only for the mode {mode}, and this one is {attrs['mode']}."
                raise ValidationError({name: [message]})
        return attrs
