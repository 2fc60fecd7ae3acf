"""Formats whose tasks are rows, lines or tokens: tables and texts."""
