"""Reads that a replica of the database may answer, and the views that let it."""
