"""All SQL of the store: reads and writes of projects, tasks, annotations, predictions."""
