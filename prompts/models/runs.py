"""Runs of a version over tasks, and who has what of them in hand."""

from django.db import models
from django.db.models import Q

from accounts.models import User
from predictions.models import Project, Task
from predictions_api.postgres.spread.fields import SlotField
from prompts.models.connections import ProviderConnection
from prompts.models.prompts import PromptVersion


class ModelRun(models.Model):
    """One pass of a prompt version over tasks of a project. This row is the truth about it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"  # nobody has begun
        IN_PROGRESS = "InProgress", "InProgress"  # a worker, or an outside engine, has begun
        COMPLETED = "Completed", "Completed"  # each task has an outcome, one a prediction
        FAILED = "Failed", "Failed"  # no task has a prediction, or a fault of the whole run
        CANCELED = "Canceled", "Canceled"  # a user ended it

    class Subset(models.TextChoices):
        ALL = "All", "All"
        HAS_GT = "HasGT", "HasGT"
        SAMPLE = "Sample", "Sample"
        CUSTOM = "Custom", "Custom"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="model_runs")
    model_version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="runs")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    status_reason = models.TextField(blank=True, default="", help_text="The status in words.")
    is_ours = models.BooleanField(
        default=False, help_text="Our worker executes it, not an outside engine."
    )
    project_subset = models.CharField(max_length=10, choices=Subset, default=Subset.HAS_GT)
    sample_subset_size = models.PositiveIntegerField(null=True, blank=True)
    filters_json = models.JSONField(null=True, blank=True)
    task_ids = models.JSONField(null=True, blank=True, help_text="Of a Custom run.")
    only_missing_predictions = models.BooleanField(default=False)
    source_model_run = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    named = models.TextField(
        null=True,
        help_text="What stands in model_version of its predictions; null where it is older.",
    )
    asked = models.JSONField(
        null=True, help_text="What its version said when it was made; null where it is older."
    )
    job_id = models.CharField(max_length=255, null=True, blank=True)
    total_tasks = models.PositiveIntegerField(default=0)
    total_predictions = models.PositiveIntegerField(default=0)
    total_correct_predictions = models.PositiveIntegerField(default=0)
    total_failed = models.PositiveIntegerField(default=0)
    total_compared = models.PositiveIntegerField(
        default=0, help_text="Predictions whose task has a ground truth."
    )
    agreement_sum = models.FloatField(default=0.0, help_text="Of the compared predictions.")
    cost_usd = models.FloatField(default=0.0)
    measures = models.JSONField(
        null=True, editable=False, help_text="Tokens and seconds, once it has ended."
    )
    budget_usd = models.FloatField(null=True, blank=True, help_text="The run stops at this cost.")
    predictions_updated_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    # Until then somebody has it in hand, or the queue has; later it is queued again.
    lease_until = models.DateTimeField(null=True, blank=True)
    n_queued = models.PositiveSmallIntegerField(default=0)
    n_faults = models.PositiveSmallIntegerField(
        default=0, help_text="How many executors ended on an error of ours."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The sweep for runs that nobody has in hand.
            models.Index(
                fields=["lease_until"],
                condition=Q(is_ours=True, status__in=["Pending", "InProgress"]),
                name="prompts_run_open_idx",
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} ({self.status})"


class RunItem(models.Model):
    """A task of a run: what is still to do, who has it in hand, and what came of it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"
        CLAIMED = "Claimed", "Claimed"  # by `lease_owner`, until `lease_until`
        PREDICTED = "Predicted", "Predicted"
        FAILED = "Failed", "Failed"

    run = models.ForeignKey(
        ModelRun, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    slot = SlotField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was claimed.")
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    agreement = models.FloatField(
        null=True, blank=True, help_text="With the ground truth, 0 to 1; null where there is none."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "task", "slot"], name="prompts_runitem_run_task_uniq"
            )
        ]
        indexes = [
            # Claims in task order, expired claims, and whether a run has anything left.
            models.Index(
                fields=["run", "status", "task"],
                condition=Q(status__in=["Pending", "Claimed"]),
                name="prompts_runitem_open_idx",
            )
        ]

    def __str__(self) -> str:
        return f"Task {self.task_id} of run {self.run_id}"


class ConnectionShare(models.Model):
    """How many requests one executor of one run may have in flight on a connection."""

    connection = models.ForeignKey(
        ProviderConnection, on_delete=models.CASCADE, related_name="shares"
    )
    run = models.ForeignKey(ModelRun, on_delete=models.CASCADE, related_name="shares")
    owner = models.UUIDField(unique=True)
    slots = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slots} of connection {self.connection_id}"
