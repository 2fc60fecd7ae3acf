"""Counts what a project holds, for the pages that show it."""
