"""The prediction store: projects, tasks, annotations and predictions."""
