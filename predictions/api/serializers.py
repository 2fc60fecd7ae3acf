"""Serializers of the store: what requests may hold and what is answered.

Validation here is per field and asks the database nothing; what depends on stored rows (does the
task exist, does the labelling config allow it) is decided where it is written.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from predictions.imports.task_tags import TagsField
from predictions.models import Project
from predictions.regions import labelling
from predictions_api.http.fields import (
    FiniteField,
    JSONObjectField,
    PkField,
    StorableJSONField,
    StrictSerializer,
)
from predictions_api.http.storable import Refused


class RegionsField(StorableJSONField):
    """A list of regions, or a shorthand that the labelling config turns into one."""


class ModelVersionField(serializers.CharField):
    """Text of any length; a number becomes text, null the empty version."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data))


class TagsSerializer(serializers.Serializer[Any]):
    """Tags that an action adds or removes."""

    tags = TagsField(allow_empty=False)


class PredictionSerializer(serializers.Serializer[Any]):
    """What one version of a model says about one task."""

    id = serializers.IntegerField(read_only=True, label="ID")
    result = RegionsField()
    model_version = ModelVersionField(
        required=False,
        help_text="Model version - tag for predictions that can be used to filter tasks in Data"
        " Manager, as well as select specific model version for showing preannotations in the"
        " labeling interface",
    )
    created_ago = serializers.CharField(read_only=True, help_text="Delta time from creation time")
    score = FiniteField(required=False, allow_null=True, help_text="Prediction score")
    cluster = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=-(2**31),
        max_value=2**31 - 1,
        help_text="Cluster for the current prediction",
    )
    neighbors = StorableJSONField(
        required=False,
        allow_null=True,
        help_text="Array of task IDs of the closest neighbors",
    )
    mislabeling = FiniteField(required=False, help_text="Related task mislabeling score")
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    model = PkField(
        required=False,
        allow_null=True,
        help_text="An ML Backend instance that created the prediction.",
    )
    model_run = PkField(
        required=False,
        allow_null=True,
        help_text="A run of a ModelVersion that created the prediction.",
    )
    task = PkField()
    project = PkField(required=False, allow_null=True, help_text="Always the task's project.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Text instead of null for a version."""
        if attrs.get("model_version", "") is None:
            attrs["model_version"] = ""
        return attrs


class AnnotationSerializer(serializers.Serializer[Any]):
    """What a person drew or chose on a task."""

    id = serializers.IntegerField(read_only=True)
    created_username = serializers.CharField(read_only=True)
    created_ago = serializers.CharField(read_only=True)
    completed_by = PkField(required=False, allow_null=True, help_text="A member's user id.")
    unique_id = serializers.CharField(read_only=True, allow_null=True)
    result = RegionsField(required=False, help_text="List of regions.")
    was_cancelled = serializers.BooleanField(required=False, help_text="The task was skipped.")
    ground_truth = serializers.BooleanField(
        required=False, help_text="Whether predictions are measured against this annotation."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    draft_created_at = serializers.DateTimeField(read_only=True, allow_null=True)
    lead_time = FiniteField(required=False, allow_null=True, help_text="Seconds spent.")
    import_id = serializers.IntegerField(read_only=True, allow_null=True)
    last_action = serializers.CharField(read_only=True, allow_null=True)
    bulk_created = serializers.BooleanField(read_only=True)
    task = serializers.IntegerField(read_only=True)
    project = serializers.IntegerField(read_only=True)
    updated_by = serializers.IntegerField(read_only=True, allow_null=True)
    parent_prediction = PkField(
        required=False, allow_null=True, help_text="The prediction it was made from."
    )
    parent_annotation = PkField(required=False, allow_null=True)
    last_created_by = serializers.IntegerField(read_only=True, allow_null=True)

    def validate_result(self, result: Any) -> Any:
        if not isinstance(result, list) or not all(isinstance(r, dict) for r in result):
            raise ValidationError("Expected a list of regions.")
        return result


class MarkSerializer(StrictSerializer[Any]):
    """Which annotations become ground truth, or cease to be: some by their ids, or a project's."""

    passes_nulls = True

    ground_truth = serializers.BooleanField(
        help_text="Whether predictions are measured against them."
    )
    ids = serializers.ListField(
        child=PkField(),
        required=False,
        allow_empty=False,
        max_length=10_000,
        help_text="Of these annotations, all or none.",
    )
    project = PkField(
        required=False,
        help_text="Of all annotations of this project; cancelled ones are not marked.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of ids and project."""
        if ("ids" in attrs) == ("project" in attrs):
            raise ValidationError("Send either ids or project.")
        return attrs


class TaskSerializer(serializers.Serializer[Any]):
    """A task as it is created and listed."""

    id = serializers.IntegerField(read_only=True)
    # Label Studio's name. The metaclass takes it off the class, so `Serializer.data` still works.
    data = JSONObjectField(  # type: ignore[assignment]
        help_text="What the labelling config's variables name."
    )
    meta = JSONObjectField(
        required=False, allow_null=True, help_text="Facts that are not labelled."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    is_labeled = serializers.BooleanField(read_only=True)
    overlap = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Annotations wanted."
    )
    inner_id = serializers.IntegerField(read_only=True)
    total_annotations = serializers.IntegerField(read_only=True)
    cancelled_annotations = serializers.IntegerField(read_only=True)
    total_predictions = serializers.IntegerField(read_only=True)
    comment_count = serializers.IntegerField(read_only=True)
    unresolved_comment_count = serializers.IntegerField(read_only=True)
    last_comment_updated_at = serializers.DateTimeField(read_only=True, allow_null=True)
    project = PkField()
    updated_by = serializers.IntegerField(read_only=True, allow_null=True)
    file_upload = serializers.IntegerField(read_only=True, allow_null=True)
    comment_authors = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    tags = TagsField(required=False, help_text="What it is sorted by; as they are unless given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("meta", {}) is None:
            attrs["meta"] = {}
        return attrs


class ListedTaskSerializer(TaskSerializer):
    """A task as it is listed."""

    drafts = serializers.ListField(child=serializers.JSONField(), read_only=True)


class Touch(serializers.Serializer[Any]):
    """Who changed a task last."""

    user_id = serializers.IntegerField()


class TaskDetailSerializer(serializers.Serializer[Any]):
    """A task with its predictions and annotations."""

    id = serializers.IntegerField()
    predictions = PredictionSerializer(many=True)
    annotations = AnnotationSerializer(many=True)
    drafts = serializers.ListField(child=serializers.JSONField())
    annotators = serializers.ListField(child=serializers.IntegerField())
    inner_id = serializers.IntegerField()
    cancelled_annotations = serializers.IntegerField()
    total_annotations = serializers.IntegerField()
    total_predictions = serializers.IntegerField()
    completed_at = serializers.DateTimeField(allow_null=True)
    annotations_results = serializers.CharField()
    predictions_results = serializers.CharField()
    predictions_score = serializers.FloatField(allow_null=True)
    file_upload = serializers.CharField(allow_null=True)
    storage_filename = serializers.CharField(allow_null=True)
    annotations_ids = serializers.CharField()
    predictions_model_versions = serializers.CharField()
    avg_lead_time = serializers.FloatField(allow_null=True)
    draft_exists = serializers.BooleanField()
    updated_by = Touch(many=True)
    data = JSONObjectField()  # type: ignore[assignment]  # as in TaskSerializer
    meta = JSONObjectField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    is_labeled = serializers.BooleanField()
    overlap = serializers.IntegerField()
    comment_count = serializers.IntegerField()
    unresolved_comment_count = serializers.IntegerField()
    last_comment_updated_at = serializers.DateTimeField(allow_null=True)
    project = serializers.IntegerField()
    comment_authors = serializers.ListField(child=serializers.IntegerField())
    tags = TagsField()


class PersonSerializer(serializers.Serializer[Any]):
    """A user beside what they made."""

    id = serializers.IntegerField(read_only=True)
    first_name = serializers.CharField(read_only=True)
    last_name = serializers.CharField(read_only=True)
    email = serializers.EmailField(read_only=True)
    avatar = serializers.CharField(read_only=True, allow_null=True)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project: its labelling config, its settings, and counts of what it holds.

    The counts are null in the answer to POST, as Label Studio's are.
    """

    # The controls of a label_config that this request brought; None if it brought none.
    parsed: dict[str, Any] | None = None

    organization = serializers.IntegerField(source="workspace_id", read_only=True)
    slug = serializers.CharField(read_only=True, help_text="The name in evaluation addresses.")
    created_by = PersonSerializer(read_only=True, allow_null=True)
    control_weights = JSONObjectField(required=False, allow_null=True)
    queue_total = serializers.IntegerField(read_only=True, default=0)
    queue_done = serializers.IntegerField(read_only=True, default=0)
    config_has_control_tags = serializers.SerializerMethodField()
    config_suitable_for_bulk_annotation = serializers.SerializerMethodField()
    parsed_label_config = JSONObjectField(read_only=True)
    task_data_login = serializers.CharField(read_only=True, allow_null=True)
    task_data_password = serializers.CharField(read_only=True, allow_null=True)
    state = serializers.CharField(read_only=True, allow_null=True)
    model_version = ModelVersionField(required=False)
    num_tasks_with_annotations = serializers.IntegerField(read_only=True, allow_null=True)
    task_number = serializers.IntegerField(read_only=True, allow_null=True)
    useful_annotation_number = serializers.IntegerField(read_only=True, allow_null=True)
    ground_truth_number = serializers.IntegerField(read_only=True, allow_null=True)
    skipped_annotations_number = serializers.IntegerField(read_only=True, allow_null=True)
    total_annotations_number = serializers.IntegerField(read_only=True, allow_null=True)
    total_predictions_number = serializers.IntegerField(read_only=True, allow_null=True)
    finished_task_number = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Project
        fields = [
            "id",
            "title",
            "description",
            "label_config",
            "expert_instruction",
            "show_instruction",
            "show_skip_button",
            "enable_empty_annotation",
            "show_annotation_history",
            "organization",
            "color",
            "maximum_annotations",
            "is_published",
            "model_version",
            "is_draft",
            "created_by",
            "created_at",
            "min_annotations_to_start_training",
            "start_training_on_annotation_update",
            "show_collab_predictions",
            "num_tasks_with_annotations",
            "task_number",
            "useful_annotation_number",
            "ground_truth_number",
            "skipped_annotations_number",
            "total_annotations_number",
            "total_predictions_number",
            "sampling",
            "show_ground_truth_first",
            "annotator_evaluation_enabled",
            "show_overlap_first",
            "overlap_cohort_percentage",
            "task_data_login",
            "task_data_password",
            "control_weights",
            "parsed_label_config",
            "evaluate_predictions_automatically",
            "config_has_control_tags",
            "skip_queue",
            "reveal_preannotations_interactively",
            "pinned_at",
            "finished_task_number",
            "queue_total",
            "queue_done",
            "config_suitable_for_bulk_annotation",
            "state",
            "slug",
            "validate_predictions",
        ]
        read_only_fields = ["created_at"]

    def get_config_has_control_tags(self, project: Project) -> bool:
        return bool(project.parsed_label_config)

    def get_config_suitable_for_bulk_annotation(self, project: Project) -> bool:
        return labelling.suits_bulk_annotation(project.parsed_label_config)

    def validate_label_config(self, value: str) -> str:
        """Refuses a config that cannot be parsed; keeps what was parsed for `save`."""
        try:
            self.parsed = labelling.parse(value)
        except Refused as exc:
            raise ValidationError(str(exc)) from None
        return value

    def to_internal_value(self, data: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = super().to_internal_value(data)
        if values.get("model_version", "") is None:
            values["model_version"] = ""
        return values
