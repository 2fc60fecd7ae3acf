"""Registers the desk's pages of this room."""

from backends.desk import backends, jobs

__all__ = ["backends", "jobs"]
