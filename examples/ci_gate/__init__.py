"""Fails a CI job when a new model version is worse than the one in use."""
