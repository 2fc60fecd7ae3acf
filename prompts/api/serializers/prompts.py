"""Serializers of prompts and their versions: what requests may hold and what is answered.

Validation per field; what depends on stored rows is decided in `prompts.db` and `prompts.runs`.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.serializers import RegionsField
from predictions_api.http.fields import JSONObjectField, PkField, StrictSerializer
from prompts.models import (
    Prompt,
    PromptVersion,
)

AUTHOR = {
    "type": ["object", "null"],
    "properties": {
        "id": {"type": "integer"},
        "username": {"type": "string"},
        "first_name": {"type": "string"},
        "last_name": {"type": "string"},
        "email": {"type": "string", "format": "email"},
        "avatar": {"type": ["string", "null"]},
    },
    "required": ["id", "username", "first_name", "last_name", "email", "avatar"],
    "additionalProperties": False,
}


@extend_schema_field(AUTHOR)
class AuthorField(serializers.ReadOnlyField):
    """Who made it; null once they are gone."""

    def to_representation(self, value: Any) -> Any:
        return {
            "id": value.pk,
            "username": value.username or value.email.partition("@")[0],
            "first_name": value.first_name,
            "last_name": value.last_name,
            "email": value.email,
            "avatar": None,
        }


class NamesField(serializers.ListField):
    """A list of names; null is the empty list."""

    child = serializers.CharField(max_length=1000)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return [] if data is None else super().run_validation(data)


class ProjectIdsField(serializers.ListField):
    """The ids of a prompt's projects, which a list of prompts has fetched beforehand."""

    child = PkField()

    def get_attribute(self, instance: Prompt) -> list[int]:
        return sorted(project.pk for project in instance.associated_projects.all())


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    """A prompt as it is written."""

    created_by = AuthorField()
    organization = serializers.IntegerField(source="workspace_id", read_only=True)
    input_fields = NamesField(help_text="Fields of a task's data that versions may name.")
    output_classes = NamesField(help_text="Labels it gives.")
    associated_projects = ProjectIdsField(required=False, help_text="Ids of projects it is for.")

    class Meta:
        model = Prompt
        fields = [
            "id",
            "title",
            "description",
            "created_by",
            "created_at",
            "updated_at",
            "organization",
            "input_fields",
            "output_classes",
            "associated_projects",
            "skill_name",
        ]


class AssociatedProjectSerializer(serializers.Serializer[Any]):
    """A project of a prompt."""

    id = serializers.IntegerField()
    title = serializers.CharField()


class PromptDetailSerializer(serializers.ModelSerializer[Prompt]):
    """A prompt as it is read, with how it does."""

    created_by = AuthorField()
    organization = serializers.IntegerField(source="workspace_id", read_only=True)
    associated_projects = AssociatedProjectSerializer(many=True, read_only=True)
    best_score = serializers.FloatField(
        read_only=True,
        allow_null=True,
        help_text="Best mean agreement of a run with ground truth. Runs over some of another run's"
        " tasks, or over missing predictions alone, only for want of others.",
    )
    runs_count = serializers.IntegerField(read_only=True)
    versions_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Prompt
        fields = [*PromptSerializer.Meta.fields, "best_score", "runs_count", "versions_count"]


class PromptVersionSerializer(
    StrictSerializer[PromptVersion], serializers.ModelSerializer[PromptVersion]
):
    """One wording of a prompt, and the model that reads it."""

    created_by = AuthorField()
    prompt = serializers.CharField(
        trim_whitespace=False,
        help_text="The text; `{field}` is replaced with that field of the task's data.",
    )
    parent_model = serializers.IntegerField(source="parent_model_id", read_only=True)
    model_provider_connection = PkField(
        source="model_provider_connection_id",
        required=False,
        allow_null=True,
        help_text="Without one, an outside engine sends the answers.",
    )
    organization = serializers.IntegerField(source="parent_model.workspace_id", read_only=True)
    score = serializers.FloatField(
        read_only=True,
        allow_null=True,
        help_text="Mean agreement of its latest completed run with ground truth, 0 to 1. Runs over"
        " some of another run's tasks, or over missing predictions alone, only for want of others.",
    )
    model_display_name = serializers.CharField(source="provider_model_id", read_only=True)

    class Meta:
        model = PromptVersion
        fields = [
            "id",
            "title",
            "prompt",
            "parent_model",
            "provider",
            "provider_model_id",
            "model_provider_connection",
            "max_few_shot_examples",
            "score",
            "model_display_name",
            "organization",
            "created_by",
            "created_at",
            "updated_at",
        ]


class CostEstimateSerializer(serializers.Serializer[Any]):
    """What a run would cost, in USD as text."""

    prompt_cost_usd = serializers.CharField(allow_null=True)
    completion_cost_usd = serializers.CharField(allow_null=True)
    total_cost_usd = serializers.CharField(allow_null=True)
    is_error = serializers.BooleanField()
    error_type = serializers.CharField(allow_null=True)
    error_message = serializers.CharField(allow_null=True)


class RefineSerializer(serializers.Serializer[Any]):
    """Which model shall word a version better."""

    project_id = PkField()
    teacher_model_name = serializers.CharField(max_length=255)
    teacher_model_provider_connection_id = PkField()


class RefinedSerializer(serializers.Serializer[Any]):
    """A better wording, or how far it is."""

    prompt = serializers.CharField(allow_blank=True)
    title = serializers.CharField(allow_null=True)
    reasoning = serializers.CharField(allow_null=True, allow_blank=True)
    previous_version = PromptVersionSerializer(allow_null=True)
    refinement_job_id = serializers.CharField()
    refinement_status = serializers.CharField()
    total_cost = serializers.CharField(allow_null=True)


class PredictionCountSerializer(serializers.Serializer[Any]):
    """What a run would find."""

    existing_predictions = serializers.IntegerField()
    tasks_to_run = serializers.IntegerField()
    total_tasks = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What a model would be sent for a task."""

    task = serializers.IntegerField()
    messages = serializers.ListField(child=JSONObjectField())
    n_tokens = serializers.IntegerField(help_text="About; four bytes each.")


class TryTaskSerializer(serializers.Serializer[Any]):
    """Which task to try."""

    task = PkField()


class OrderedExamplesSerializer(serializers.Serializer[Any]):
    """Which examples a version shows, in order."""

    task_ids = serializers.ListField(
        child=PkField(),
        allow_null=True,
        max_length=1000,
        help_text="Tasks with a ground truth; null: the oldest ones.",
    )


class ExampleSerializer(serializers.Serializer[Any]):
    """A task and its true answer, as a model is shown it."""

    task = serializers.IntegerField()
    data = JSONObjectField()  # type: ignore[assignment]
    answer = JSONObjectField()


class TriedTaskSerializer(serializers.Serializer[Any]):
    """What a model says of a task; nothing is stored."""

    task = serializers.IntegerField()
    result = RegionsField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    error_type = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    inference_time = serializers.FloatField(allow_null=True)
    prompt_tokens = serializers.IntegerField(allow_null=True)
    completion_tokens = serializers.IntegerField(allow_null=True)
    total_cost_usd = serializers.FloatField(allow_null=True)
