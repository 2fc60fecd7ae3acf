"""Registers the desk's pages of this room."""

from prompts.desk import connections, prompts, runs

__all__ = ["connections", "prompts", "runs"]
