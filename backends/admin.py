"""Registers the desk's pages of this room."""

from backends.desk.webhooks import webhooks

__all__ = ["webhooks"]
