"""Panels of what average precision is made of: its curves, and the errors that it loses to."""
