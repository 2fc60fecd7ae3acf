"""Registers the desk's pages of this room."""

from django.contrib import admin
from django_tasks_db.models import DBTaskResult

from desk.access import audit, keys, people, workspaces

__all__ = ["audit", "keys", "people", "workspaces"]

# Its permissions are Django's: each page would ask for them, of everybody, in two statements. What
# the worker does is on the pages of runs, jobs and evaluations.
if admin.site.is_registered(DBTaskResult):
    admin.site.unregister(DBTaskResult)
