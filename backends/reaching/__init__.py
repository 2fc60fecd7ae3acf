"""Reaching a backend: what it needs to be called, its state, and calls that a request waits for."""
