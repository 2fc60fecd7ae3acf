"""Builds the messages for a model, calls its provider and counts what that costs."""
