"""Formats that are tables, lines or tokens."""
