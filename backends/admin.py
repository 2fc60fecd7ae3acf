"""Registers the desk's pages of this room."""

from backends.desk import backends, jobs
from backends.desk.webhooks import webhooks

__all__ = ["backends", "jobs", "webhooks"]
