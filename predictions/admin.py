"""Registers the desk's pages of this room."""

from predictions.desk import predictions, projects, tasks
from predictions.desk.storages import exports, imports

__all__ = ["exports", "imports", "predictions", "projects", "tasks"]
