"""Reads of what events tell of: rows by their ids, when the worker tells them."""
