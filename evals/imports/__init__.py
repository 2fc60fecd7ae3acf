"""Reads an evaluation that was computed elsewhere from a JSON file."""
