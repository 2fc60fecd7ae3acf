"""Registers the folders that tasks' pictures are in."""
