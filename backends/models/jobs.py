"""Prediction jobs: the tasks that a backend is asked about, who has them in hand, what came."""

from django.db import models
from django.db.models import Q

from accounts.models import User
from predictions.models import MLBackend, Project, Task
from predictions_api.postgres.spread.fields import SlotField


class PredictionJob(models.Model):
    """A backend asked about tasks of its project. This row is the truth about it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"  # nobody has begun
        IN_PROGRESS = "InProgress", "InProgress"
        COMPLETED = "Completed", "Completed"  # nothing failed, or at least one task is done
        FAILED = "Failed", "Failed"  # all that was asked failed
        CANCELED = "Canceled", "Canceled"  # a user ended it

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prediction_jobs")
    backend = models.ForeignKey(MLBackend, on_delete=models.CASCADE, related_name="jobs")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    status_reason = models.TextField(blank=True, default="", help_text="The status in words.")
    model_version = models.TextField(
        blank=True, default="", help_text="What the backend named when the job began."
    )
    batch_size = models.PositiveIntegerField(help_text="Tasks in one request.")
    force = models.BooleanField(
        default=False, help_text="Also ask about tasks that have predictions of the version."
    )
    is_automatic = models.BooleanField(default=False, help_text="Made for new tasks.")
    is_prepared = models.BooleanField(
        default=False, help_text="The backend was set up, and what is done was marked."
    )
    asks_singly = models.BooleanField(
        default=False, help_text="Its answers do not fit the tasks: one task a request."
    )
    total_tasks = models.PositiveIntegerField(default=0)
    done_tasks = models.PositiveIntegerField(default=0)
    skipped_tasks = models.PositiveIntegerField(default=0)
    failed_tasks = models.PositiveIntegerField(default=0)
    total_predictions = models.PositiveIntegerField(default=0)
    retry_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(
        null=True, editable=False, help_text="When the last good answer came."
    )
    # Until then somebody has it in hand, or the queue has; later it is queued again.
    lease_until = models.DateTimeField(null=True, blank=True)
    n_queued = models.PositiveSmallIntegerField(default=0)
    n_faults = models.PositiveSmallIntegerField(
        default=0, help_text="How many workers ended on an error of ours."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=["Pending", "InProgress"]),
                name="backends_job_open_idx",
            ),
            models.Index(
                fields=["completed_at"],
                condition=Q(completed_at__isnull=False),
                name="backends_job_ended_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"Prediction job {self.pk} ({self.status})"


class JobItem(models.Model):
    """A task of a job: whether it is still to do, who has it in hand, what came of it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"
        CLAIMED = "Claimed", "Claimed"  # by `lease_owner`, until `lease_until`
        DONE = "Done", "Done"
        SKIPPED = "Skipped", "Skipped"
        FAILED = "Failed", "Failed"

    job = models.ForeignKey(
        PredictionJob, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    slot = SlotField()
    # Not a real key: what becomes of a task that is deleted is part of the job's counts.
    task = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was claimed.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="Requests that asked about it.")
    error_type = models.CharField(max_length=20, blank=True, default="")
    message = models.TextField(blank=True, default="")
    failed_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job", "task", "slot"], name="backends_jobitem_job_task_uniq"
            )
        ]
        indexes = [
            # Claims in task order, expired claims, and whether a job has anything left.
            models.Index(
                fields=["job", "status", "task"],
                condition=Q(status__in=["Pending", "Claimed"]),
                name="backends_jobitem_open_idx",
            ),
            models.Index(
                fields=["job", "task"],
                condition=Q(status="Failed"),
                name="backends_jobitem_failed_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.task_id} of job {self.job_id}"


class JobShare(models.Model):
    """How many requests one worker of one job may have out to a backend."""

    backend = models.ForeignKey(MLBackend, on_delete=models.CASCADE, related_name="shares")
    job = models.ForeignKey(PredictionJob, on_delete=models.CASCADE, related_name="shares")
    owner = models.UUIDField(unique=True)
    slots = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slots} of backend {self.backend_id}"


class AnsweredTask(models.Model):
    """That a backend has answered for a task at a model version, whatever its answer names."""

    backend = models.ForeignKey(
        MLBackend, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    slot = SlotField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # SHA-256 of the version: a version may be longer than an index row.
    version = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["backend", "task", "version", "slot"],
                name="backends_answered_backend_task_uniq",
            )
        ]

    def __str__(self) -> str:
        return f"Task {self.task_id} by backend {self.backend_id}"
