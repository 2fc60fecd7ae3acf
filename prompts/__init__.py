"""Prompts, their versions, and runs that send a project's tasks to a model."""
