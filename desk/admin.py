"""Registers the desk's pages of this room."""

from desk.access import audit, keys, people, workspaces

__all__ = ["audit", "keys", "people", "workspaces"]
