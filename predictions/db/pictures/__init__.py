"""The folders that tasks' pictures are in, and how large the pictures are."""
