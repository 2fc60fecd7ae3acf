"""Registers the desk's pages of this room."""

from desk.access import keys, people, workspaces

__all__ = ["keys", "people", "workspaces"]
