"""What requests about jobs may hold, and what is answered of them."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from backends.models import PredictionJob
from predictions_api.http.fields import MAX_BIGINT, PkField, StrictSerializer

CHOICES = ("tasks", "selectedItems", "filters", "retry_of")
MOST_TASKS = 100_000


class JobSerializer(serializers.ModelSerializer[PredictionJob]):
    """A backend asked about tasks, in the background."""

    ml_backend = serializers.IntegerField(source="backend_id", read_only=True)
    project = serializers.IntegerField(source="project_id", read_only=True)
    retry_of = serializers.IntegerField(source="retry_of_id", read_only=True, allow_null=True)
    created_by = serializers.IntegerField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = PredictionJob
        fields = [
            "id",
            "ml_backend",
            "project",
            "status",
            "status_reason",
            "model_version",
            "batch_size",
            "force",
            "total_tasks",
            "done_tasks",
            "skipped_tasks",
            "failed_tasks",
            "total_predictions",
            "retry_of",
            "created_by",
            "created_at",
            "started_at",
            "completed_at",
        ]
        read_only_fields = fields


class NewJobSerializer(StrictSerializer[Any]):
    """Which tasks: these, a selection, the failed ones of a job; all where nothing is named."""

    tasks = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_BIGINT),
        required=False,
        allow_empty=False,
        max_length=MOST_TASKS,
        help_text="Ids.",
    )
    selectedItems = serializers.DictField(
        required=False, help_text="`{all, included, excluded}`, as the Data Manager selects."
    )
    filters = serializers.DictField(
        required=False, help_text="`{conjunction, items}`; may narrow `selectedItems`."
    )
    retry_of = PkField(required=False, help_text="A job of this backend: its failed tasks.")
    force = serializers.BooleanField(
        default=False, help_text="Also tasks that have a prediction of the backend's version."
    )
    batch_size = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, max_value=1000, help_text="Tasks a request."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One way of choosing tasks; filters may narrow a selection."""
        named = [name for name in CHOICES if name in attrs]
        if len(named) > 1 and set(named) != {"selectedItems", "filters"}:
            raise ValidationError([f"Name one of {', '.join(named)}."])
        return attrs


class FailureSerializer(serializers.Serializer[Any]):
    """Why a task of a job has no predictions."""

    task = serializers.IntegerField()
    error_type = serializers.CharField(
        help_text="`Unreachable`, `Timeout`, `BackendError`, `Unauthorized`, `InvalidAnswer`,"
        " `Blocked`, `WorkerLost` or `InternalError`."
    )
    message = serializers.CharField()
    attempts = serializers.IntegerField(help_text="Requests that asked about it.")
    created_at = serializers.DateTimeField(allow_null=True)


class VersionsSerializer(serializers.Serializer[Any]):
    """The versions of a backend."""

    versions = serializers.ListField(child=serializers.CharField())
    message = serializers.CharField(
        required=False, help_text="Why they are not those that the backend lists."
    )


class TriedSerializer(serializers.Serializer[Any]):
    """One task sent to a backend, and what it answered."""

    status = serializers.IntegerField()
    error_message = serializers.CharField(allow_null=True)
    url = serializers.CharField()
    task = serializers.IntegerField()
    request = serializers.DictField()
    response = serializers.DictField()
