"""What is told of changes of the store, when the worker tells it."""
