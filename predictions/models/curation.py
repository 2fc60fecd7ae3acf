"""What people sort the tasks of a project with: tags on them, and saved views."""

from django.core.validators import MinLengthValidator
from django.db import models

from accounts.models import User
from predictions.models.store import Project, Task
from predictions_api.postgres.spread.fields import SlotField


class TaskTag(models.Model):
    """One tag on one task. A project's tags are those that its tasks have."""

    pk = models.CompositePrimaryKey("task_id", "name")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    slot = SlotField()
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="tags", db_index=False, db_constraint=False
    )
    name = models.CharField(max_length=100, validators=[MinLengthValidator(1)])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # The tags of a project, and the tasks that have one.
        indexes = [
            models.Index(fields=["project", "name", "task"], name="predictions_tasktag_p_idx")
        ]

    def __str__(self) -> str:
        return f"{self.name} on task {self.task_id}"


class SavedView(models.Model):
    """A filter and an order of a project's tasks, kept under a title: a tab of the Data Manager."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="views", db_index=False
    )
    data = models.JSONField(default=dict, help_text="`title`, `filters`, `ordering` and the like.")
    order = models.IntegerField(default=0, help_text="Its place among the project's views.")
    user = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Who made it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "order", "id"], name="predictions_savedview_p_idx")
        ]

    def __str__(self) -> str:
        title = self.data.get("title") if isinstance(self.data, dict) else None
        return title if isinstance(title, str) and title else f"View {self.pk}"
