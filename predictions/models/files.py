"""Tables of what comes in and goes out: folders of pictures, imports, exports."""

from django.db import models

from accounts.models import Workspace
from predictions.models.store import Project


class ImageRoot(models.Model):
    """A folder whose files tasks may name. Only commands register one; no request can."""

    id = models.CharField(primary_key=True, max_length=16)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    path = models.TextField(help_text="The folder's real path.")
    is_writable = models.BooleanField(
        db_default=False, default=False, help_text="Export storages may write into it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.path


class IdempotentRequest(models.Model):
    """The answer kept for a request that carried an Idempotency-Key, for 24 hours."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of verb, path and body.")
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "key"], name="predictions_idempotent_workspace_key_uniq"
            )
        ]

    def __str__(self) -> str:
        return self.key


class ImportCheckpoint(models.Model):
    """How far `manage.py import_predictions` has committed a file: written with each batch."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    source = models.CharField(max_length=64, help_text="SHA-256 of what the file is known by.")
    n_items = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "source"], name="predictions_checkpoint_project_source_uniq"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} of project {self.project_id}"


class ProjectExport(models.Model):
    """A file made of a whole project in the background. The row is the truth; the queue has ids."""

    class Status(models.TextChoices):
        QUEUED = "queued"  # waits for a worker
        RUNNING = "running"  # a worker writes it
        COMPLETED = "completed"  # `file_name` can be downloaded
        FAILED = "failed"  # `error` says why

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    title = models.CharField(max_length=2048, blank=True, default="")
    export_type = models.CharField(max_length=16)
    source = models.CharField(max_length=16)
    task_ids = models.JSONField(default=list, help_text="Only these tasks; empty for all.")
    all_tasks = models.BooleanField(default=False, help_text="Also tasks that have none of it.")
    model_version = models.TextField(null=True, blank=True, help_text="One version; null for all.")
    escape = models.BooleanField(default=False, help_text="Tables without formulas.")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.FloatField(default=0, help_text="From 0 to 1.")
    error = models.TextField(blank=True, default="")
    file_name = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Who is at work on it, or until when the queue may find somebody (predictions_api.jobs.leases).
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Workers that took it up.")
    n_queued = models.PositiveSmallIntegerField(
        default=0, help_text="How often it was queued since a worker had it."
    )

    def __str__(self) -> str:
        return f"{self.export_type} of project {self.project_id}"
