"""Executes runs in the worker: starts them, claims their tasks, stores each outcome."""
