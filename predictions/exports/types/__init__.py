"""Writes the tasks of a project as one type of file, each as a stream."""
