"""The one table of the outbox. A row lives from the commit of a change until it is told."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Event(models.Model):
    """Something that happened and that somebody listens to.

    `project_id`, 0 where it is of no project, is the key to spread the rows by. No foreign keys:
    what a row names may be gone by the time it is told.
    """

    workspace_id = models.BigIntegerField()
    project_id = models.BigIntegerField(default=0)
    action = models.CharField(max_length=40)
    body = models.TextField(help_text="What was known at the change, as JSON.")
    listeners = ArrayField(
        models.BigIntegerField(), help_text="Ids of those that listened at the change."
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"
