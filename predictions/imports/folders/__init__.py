"""Synchronises import storages: the files of a folder become tasks."""
