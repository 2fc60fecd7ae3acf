"""Registers the desk's pages of this room."""

from predictions.desk import predictions, projects, tasks

__all__ = ["predictions", "projects", "tasks"]
