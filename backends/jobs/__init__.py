"""Executes prediction jobs and trainings in the worker."""
