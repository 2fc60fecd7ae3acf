"""Reads and writes of import storages and export storages, and of what came of their files."""
