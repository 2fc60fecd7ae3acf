"""What came of a task in a run beside its prediction: why there is none, and what it took."""

from django.db import models
from django.db.models import Q

from predictions.models import Prediction, Project, Task
from predictions_api.postgres.spread.fields import SlotField
from prompts.models.prompts import PromptVersion
from prompts.models.runs import ModelRun

#: Of one outcome's cost, and of the price of a million tokens: sums of them stay finite.
MAX_USD = 1e9
#: Of one outcome's time.
MAX_SECONDS = 1e9


class FailedPrediction(models.Model):
    """Why a task of a run has no prediction."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    slot = SlotField()
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="failed_predictions", db_constraint=False
    )
    model_run = models.ForeignKey(
        ModelRun, on_delete=models.CASCADE, related_name="failures", db_index=False
    )
    model_version = models.ForeignKey(
        PromptVersion, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    message = models.TextField(blank=True, default="")
    error_type = models.CharField(max_length=512, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "id"], name="prompts_failed_project_idx"),
            models.Index(fields=["model_run", "task"], name="prompts_failed_run_idx"),
            models.Index(fields=["model_version", "task"], name="prompts_failed_version_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.error_type} on task {self.task_id}"


class PredictionMeta(models.Model):
    """What one prediction or failure took: seconds, tokens, US dollars.

    It is of its run, and outlives a prediction or failure that is deleted before the run's end.
    """

    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    slot = SlotField()
    model_run = models.ForeignKey(ModelRun, on_delete=models.CASCADE, related_name="metas")
    prediction = models.ForeignKey(
        Prediction,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
    )
    failed_prediction = models.ForeignKey(
        FailedPrediction,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="metas",
        db_constraint=False,
    )
    inference_time = models.FloatField(null=True, blank=True, help_text="Seconds.")
    # Sums of what two tries took, and of both kinds.
    prompt_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    completion_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    total_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    prompt_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    completion_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    total_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    extra = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(prediction__isnull=False) ^ Q(failed_prediction__isnull=False),
                name="prompts_meta_of_one_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"Cost of an outcome of run {self.model_run_id}"
