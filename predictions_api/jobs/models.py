"""The one table of background work that belongs to no room: its workers."""

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """A `manage.py worker` that runs, or ran until it was killed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    processes = models.PositiveSmallIntegerField(help_text="Jobs it can do at a time.")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), help_text="Its last heartbeat.")

    class Meta:
        ordering: ClassVar = ["started_at"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
