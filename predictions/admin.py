"""Registers the desk's pages of this room."""

from predictions.desk import predictions, projects, tasks
from predictions.desk.storages import storages

__all__ = ["predictions", "projects", "storages", "tasks"]
