"""Computes evaluations in the worker: starts them, claims them, counts, and builds panels."""
